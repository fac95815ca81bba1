"""Evidence packs have one spelling, and every bit of them is signed (EVD-3); their proofs are checked (EVD-4)."""

import io
import random
import zipfile

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.compliance import packable
from tests.support.model.transparency import LOG, WITNESS

from flk.model.compliance.archive import BadPack, archived, unarchived
from flk.model.compliance.pack import CHECKPOINT, MANIFEST, PROOFS, SINCE, Proofs, packed, require_proofs, unpacked
from flk.model.record.signing import Ed25519PrivateKey
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.notes import Signer, signed
from flk.spec.constants import CONSTANTS

AUDITOR = Signer("example.com/auditor", Ed25519PrivateKey(bytes(32)))
FILES, REPORT = packable()
PACK = packed(FILES, AUDITOR)

NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,9}(/[a-z]{1,4})?", fullmatch=True)


@given(st.dictionaries(NAMES, st.binary(max_size=60), max_size=5))
def test_files_come_back_as_they_were(files: dict[str, bytes]) -> None:
    """And any program for ZIP reads them, too."""
    pack = packed(files, AUDITOR)
    assert unpacked(pack, AUDITOR.verifier) == {name: files[name] for name in files if name != MANIFEST}
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        assert archive.testzip() is None
        assert all(archive.read(name) == content for name, content in files.items() if name != MANIFEST)


def test_every_flipped_bit_is_noticed() -> None:
    """Of a whole small pack each bit; of one with report and proofs a bit of each byte, by chance."""
    small = packed({"a": b"evidence", "b/c": b""}, AUDITOR)
    for bit in range(len(small) * 8):
        flipped = bytearray(small)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadPack):
            unpacked(bytes(flipped), AUDITOR.verifier)
    chance = random.Random(1)
    for place in range(0, len(PACK), 1 + len(PACK) // 2000):
        flipped = bytearray(PACK)
        flipped[place] ^= 1 << chance.randrange(8)
        with pytest.raises(BadPack):
            unpacked(bytes(flipped), AUDITOR.verifier)


@given(st.integers(1, len(PACK)), st.binary(min_size=1, max_size=30))
@settings(max_examples=40)
def test_a_pack_that_is_cut_or_longer_is_refused(cut: int, more: bytes) -> None:
    """At any place, and with anything before or behind it."""
    for spoilt in (PACK[:-cut], PACK + more, more + PACK):
        with pytest.raises(BadPack):
            unpacked(spoilt, AUDITOR.verifier)


def _zip(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, compression)
    return made.getvalue()


def _twice() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", b"a")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", b"b")
    return made.getvalue()


def _overlapping() -> bytes:
    """Entries that share the bytes of one file: a bomb that needs no compression."""
    whole = archived({"a": bytes(1000)})
    at = whole.index(b"PK\1\2")
    entry = whole[at : whole.index(b"PK\5\6")]
    end = bytearray(whole[whole.index(b"PK\5\6") :])
    end[8:12] = (300).to_bytes(2, "little") * 2
    end[12:16] = (300 * len(entry)).to_bytes(4, "little")
    return whole[:at] + entry * 300 + bytes(end)


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda: b"", "no evidence pack"),
        (lambda: _zip({"a": bytes(10_000_000)}, zipfile.ZIP_DEFLATED), "compressed"),
        (lambda: _zip({"../etc/passwd": b"x"}), "no name"),
        (lambda: _zip({"/etc/passwd": b"x"}), "no name"),
        (lambda: _zip({"a/../../b": b"x"}), "no name"),
        (lambda: _zip({"a\\b": b"x"}), "no name"),
        (lambda: _zip({"b": b"1", "a": b"2"}), "bytes that no pack has"),
        (lambda: _zip({f"f{number:03}": b"" for number in range(500)}), "more than 400 files"),
        (_twice, "two files of one name"),
        (_overlapping, "larger than itself"),
    ],
)
def test_archives_of_others_are_refused(spoilt: object, said: str) -> None:
    """Compressed, with names that lead elsewhere, twice the same, in another order, or larger within than without."""
    with pytest.raises(BadPack, match=said):
        unarchived(spoilt())  # type: ignore[operator]  # a function


def test_a_pack_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than a pack may have are refused before they are looked at."""
    monkeypatch.setattr(
        "flk.model.compliance.archive.LIMITS", msgspec.structs.replace(CONSTANTS.evidence, max_pack_bytes=len(PACK) - 1)
    )
    with pytest.raises(BadPack, match="more than"):
        unarchived(PACK)


def _with_manifest(files: dict[str, bytes], text: str, *signers: Signer) -> bytes:
    return archived({**files, MANIFEST: signed(text, [each.sign(text) for each in signers])})


def test_another_key_or_note_is_refused() -> None:
    """A pack by somebody else, one with a second signature, a note that is no manifest, and files beside those that are listed."""
    text = unarchived(PACK)[MANIFEST].decode().rpartition("\n\n")[0] + "\n"
    extra = {**FILES, "extra": b""}
    fewer = {name: content for name, content in FILES.items() if name != PROOFS}
    for spoilt, said in (
        (packed(FILES, WITNESS), "has not signed"),
        (_with_manifest(FILES, text, AUDITOR, WITNESS), "has not signed"),
        (_with_manifest(FILES, Checkpoint(AUDITOR.name, 0, bytes(32)).text, AUDITOR), "no manifest"),
        (_with_manifest(FILES, text.replace("v1", "v2"), AUDITOR), "no manifest"),
        (_with_manifest(extra, text, AUDITOR), "extra"),
        (_with_manifest(fewer, text, AUDITOR), PROOFS),
        (_with_manifest({**FILES, PROOFS: b"{}"}, text, AUDITOR), "not what was signed"),
        (archived(FILES), "no manifest"),
    ):
        with pytest.raises(BadPack, match=said):
            unpacked(spoilt, AUDITOR.verifier)


def test_cited_leaves_are_shown_to_be_in_the_log() -> None:
    """Those of the report, by the key of the log."""
    assert require_proofs(FILES, REPORT, LOG.verifier) == len(REPORT.cited) == 2


def test_proofs_that_show_nothing_are_refused() -> None:
    """Another leaf, another number, another key, a proof less, a leaf less or twice, another checkpoint, or none."""
    shown = msgspec.json.decode(FILES[PROOFS], type=Proofs)
    first, *rest = shown.leaves
    spoilt: list[dict[str, bytes]] = [
        {**FILES, PROOFS: msgspec.json.encode(msgspec.structs.replace(shown, leaves=leaves))}
        for leaves in (
            (msgspec.structs.replace(first, leaf="{}"), *rest),
            (msgspec.structs.replace(first, index=1), *rest),
            (msgspec.structs.replace(first, proof=first.proof[1:]), *rest),
            (msgspec.structs.replace(first, proof=("zz", *first.proof[1:])), *rest),
            (first, first, *rest),
            tuple(rest),
        )
    ]
    other = Checkpoint(LOG.name, 5, bytes(32)).text
    spoilt.append({**FILES, CHECKPOINT: signed(other, [LOG.sign(other)])})
    spoilt.append({**FILES, CHECKPOINT: signed(other, [WITNESS.sign(other)])})
    spoilt.append({**FILES, SINCE: signed(other, [LOG.sign(other)])})
    spoilt.append({name: content for name, content in FILES.items() if name != CHECKPOINT})
    for files in spoilt:
        with pytest.raises(BadPack):
            require_proofs(files, REPORT, LOG.verifier)
