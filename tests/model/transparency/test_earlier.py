"""The hashes of the earlier system's audit log (TLOG-12)."""

from hashlib import sha256

import pytest

from flk.model.transparency.earlier import entry_hash, segment_root


def test_a_segment_of_the_earlier_system_has_the_root_that_it_had() -> None:
    """The root that its own code gave for these three entries, and that of one."""
    hashes = [sha256(each).digest() for each in (b"a", b"b", b"c")]
    assert segment_root(hashes).hex() == "7075152d03a5cd92104887b476862778ec0c87be5c2fa1c0a90f87c49fad6eff"
    assert segment_root(hashes[:1]) == hashes[0]
    with pytest.raises(ValueError, match="TLOG-12"):
        segment_root([])


def test_an_entry_is_hashed_as_its_line_stands_but_for_its_hash() -> None:
    """Numbers and escapes as they were written; a text that looks like the field is none."""
    line = rb'{"budget":1e-7,"shard_id":"\u003c\"entry_hash\":\"00","entry_hash":"%b"}'
    assert entry_hash(line % (b"ab" * 32)) == sha256(line % b"").hexdigest()
    assert entry_hash(line % b"00" + b"\n") == sha256(line % b"").hexdigest()
    with pytest.raises(ValueError, match="TLOG-12"):
        entry_hash(b"{}")
