"""The id of a record: computed from what it is about, and different for different computations."""

import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.golden import GOLDENS, Golden
from tests.support.model.strategies import digests, epochs, shard_ids

from flk.model.record.identity import pcs_id


@given(digests, epochs, shard_ids)
def test_an_id_is_the_hash_of_three_parts(root: str, epoch: int, shard_id: str) -> None:
    """SHA-256 in lowercase hexadecimal over the parts with bars between them (ID-1)."""
    found = pcs_id(root, epoch, shard_id)
    assert re.fullmatch("[0-9a-f]{64}", found)
    assert found == sha256(b"|".join((root.encode(), b"%d" % epoch, shard_id.encode()))).hexdigest()


few = st.tuples(
    st.sampled_from(["0" * 64, "0" * 63 + "1", "1" + "0" * 63]),
    st.integers(0, 11),
    st.sampled_from(["0", "1", "10", "1 1", " ", "-"]),
)


@given(few, few)
def test_equal_ids_mean_equal_computations(a: tuple[str, int, str], b: tuple[str, int, str]) -> None:
    """No two different triples share a text before the hash, however their digits line up (ID-5)."""
    assert (pcs_id(*a) == pcs_id(*b)) == (a == b)


@pytest.mark.parametrize("golden", GOLDENS)
def test_golden_ids(golden: Golden) -> None:
    """The earlier system's ids come out the same."""
    record = golden.record
    assert pcs_id(record.merkle_root, record.epoch, record.shard_id) == record.pcs_id


@pytest.mark.parametrize(
    ("root", "shard_id", "expected"),
    [
        ("abc123", "shard-001", "9c2a1a9fe3d87edab9aaee193852edc091aa03e263580f9556f1f0d0f1679b93"),
        ("a" * 64, "test-shard", "6337a3b9761aabbc0b807f6d3f733461fa0266cb09327aeed26df0a9bbcda775"),
    ],
)
def test_known_ids(root: str, shard_id: str, expected: str) -> None:
    """Two ids that the facts give, epoch 1."""
    assert pcs_id(root, 1, shard_id) == expected
