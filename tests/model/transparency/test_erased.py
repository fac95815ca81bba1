"""Erased leaves: the tree stays, and a log says what is erased (ERA-1, ERA-2)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.transparency import asked, checkpoint_over, leaves_of, objects_over

from flk.model.programs.proofs import Audited, audit, prove_inclusion, proven_leaves
from flk.model.record.merkle import leaf_hash
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.edge import Edge, grown
from flk.model.transparency.erased import Erasure, Place, erasure, hash_of, place
from flk.model.transparency.leaves import erases, names_of
from flk.model.transparency.tiles import Tile, packed, unpacked

HASHES = st.binary(min_size=32, max_size=32)
NAMES = st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=2).map(tuple)
LEAVES = [b'{"kind":"outcome","tenant":"a","pcs_id":"%d"}' % number for number in range(300)]


def gone(leaf: bytes) -> bytes:
    """What stands in the place of a leaf."""
    return bytes(Place(leaf_hash(leaf), names_of(leaf)))


def naming(*numbers: int) -> bytes:
    """A leaf that names these as erased."""
    return erases(Erasure({number: leaf_hash(LEAVES[number]).hex() for number in numbers}, "request 7", "0" * 16))


def erased_log(leaves: list[bytes], *numbers: int) -> dict[str, bytes]:
    """The objects of a log in which the content of these leaves is replaced."""
    objects = objects_over(leaves)
    for number in numbers:
        (name,) = (name for name in objects if name.startswith(Tile(-1, number // 256).name))
        there = unpacked(objects[name])
        assert there is not None
        there[number % 256] = gone(there[number % 256])
        objects[name] = packed(there)
    return objects


@given(st.sets(st.integers(0, 299), max_size=9))
@settings(max_examples=10)
def test_the_tree_of_an_erased_log_is_the_same(numbers: set[int]) -> None:
    """Every tile of hashes, the root, and what grows behind it."""
    leaves = [gone(leaf) if number in numbers else leaf for number, leaf in enumerate(LEAVES)]
    edge, full = grown(Edge(), leaves)
    whole, tiles = grown(Edge(), LEAVES)
    assert edge.root == whole.root == checkpoint_over(LEAVES).root
    assert [tile for tile in full if tile[0].level >= 0] == [tile for tile in tiles if tile[0].level >= 0]
    assert [names_of(leaf) for leaf in leaves] == list(map(names_of, LEAVES))


@given(HASHES, NAMES)
def test_what_stands_in_the_place_of_a_leaf_is_read_in_one_way(hashed: bytes, names: tuple[bytes, ...]) -> None:
    """It is JSON, comes back as it was, and has its hash; with any bit flipped it is another, or an ordinary leaf."""
    told = bytes(Place(hashed, names))
    assert place(told) == Place(hashed, names)
    assert json.loads(told)["kind"] == "erased"
    assert hash_of(told) == hashed
    for bit in range(0, len(told) * 8, 61):
        spoilt = bytearray(told)
        spoilt[bit // 8] ^= 1 << bit % 8
        found = place(bytes(spoilt))
        assert found is None or (found != Place(hashed, names) and bytes(found) == spoilt)


@pytest.mark.parametrize("leaf", [*leaves_of(3), b"{}", b'{"erased":"00","kind":"erased","names":[]}', b'{"erased":1}'])
def test_other_leaves_have_the_hash_of_their_content(leaf: bytes) -> None:
    """However much they look like one that is erased."""
    assert place(leaf) is None
    assert hash_of(leaf) == leaf_hash(leaf)


def test_an_erased_leaf_that_is_named_is_told() -> None:
    """So are those that are named and still there; and each can be shown to be in the log, as its hash."""
    leaves = [*LEAVES, naming(3, 280, 7)]
    now, objects = checkpoint_over(leaves), erased_log(leaves, 3, 280)
    audited = asked(audit("", now), objects)
    assert isinstance(audited, Audited)
    assert (audited.leaves, audited.erased, audited.to_erase) == (301, 2, 1)
    assert asked(prove_inclusion("", 280, now), objects)[0] == gone(LEAVES[280])  # type: ignore[index]  # Proven
    assert asked(proven_leaves("", 2, 2, now), objects) == [LEAVES[2], gone(LEAVES[3])]


@pytest.mark.parametrize(
    ("leaves", "numbers"),
    [
        (LEAVES, (5,)),  # named by nobody
        ([*LEAVES, naming(4)], (5,)),  # another is named
        ([*LEAVES, naming(4)], (4, 5)),  # only one of them is
        ([erases(Erasure({5: leaf_hash(LEAVES[4]).hex()}, "r", "")), *LEAVES], (5,)),  # named before it was there
        ([*LEAVES, erases(Erasure({5: leaf_hash(LEAVES[6]).hex()}, "r", ""))], (5,)),  # by another hash
        ([*LEAVES, b'{"kind":"erasures","erases":[]}'], (5,)),
    ],
)
def test_a_leaf_that_nobody_named_as_erased_is_a_bad_log(leaves: list[bytes], numbers: tuple[int, ...]) -> None:
    """Else whoever keeps the objects could hide what they say."""
    with pytest.raises(BadLog, match="ERA-2: leaf 5"):
        asked(audit("", checkpoint_over(leaves)), erased_log(leaves, *numbers))


def test_a_wrong_hash_in_the_place_of_a_leaf_is_a_bad_log() -> None:
    """Though the log names the leaf as erased: the tree has another."""
    leaves = [*LEAVES, naming(5)]
    objects = objects_over(leaves)
    there = unpacked(objects[Tile(-1, 0).name])
    assert there is not None
    there[5] = gone(LEAVES[6])
    objects[Tile(-1, 0).name] = packed(there)
    with pytest.raises(BadLog):
        asked(audit("", checkpoint_over(leaves)), objects)
    with pytest.raises(BadLog, match="TLOG-4"):
        asked(prove_inclusion("", 5, checkpoint_over(leaves)), objects)


@given(st.dictionaries(st.integers(0, 2**40), HASHES.map(bytes.hex), min_size=1, max_size=20), st.text(max_size=20))
def test_an_erasure_is_read_as_it_was_written(hashes: dict[int, str], reason: str) -> None:
    """Whatever the reason; a leaf about something else is none."""
    told = Erasure(hashes, reason, "00" * 8)
    assert erasure(erases(told)) == told
    assert erasure(LEAVES[0]) is None
    assert erasure(b'{"kind":"erasure"') is None
