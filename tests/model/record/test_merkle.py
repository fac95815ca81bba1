"""Merkle trees: the roots of RFC 6962, proofs that convince, and proofs that must not."""

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.golden import GOLDENS, TINY_1, Golden

from flk.model.record.merkle import (
    chunks,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    legacy_root,
    merkle_root,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [bytes([n]) * (n % 5) + bytes([n]) for n in range(64)]  # all different
SIZES = range(1, len(LEAVES) + 1)
ROOTS = {size: merkle_root(LEAVES[:size]) for size in range(len(LEAVES) + 1)}
leaf_lists = st.lists(st.binary(max_size=40), min_size=1, max_size=40)
nodes = st.binary(min_size=32, max_size=32)
anything = st.lists(nodes | st.binary(max_size=40), max_size=8)


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, as it is defined there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def test_roots_are_those_of_the_definition() -> None:
    """For every size up to 64."""
    assert {size: tree_hash(LEAVES[:size]) for size in ROOTS} == ROOTS


@given(leaf_lists)
def test_roots_are_those_of_the_definition_for_any_leaves(leaves: list[bytes]) -> None:
    """Repeated and empty leaves included."""
    assert merkle_root(leaves) == tree_hash(leaves)


KNOWN = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
INPUTS = [
    bytes.fromhex(text)
    for text in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
]


@pytest.mark.parametrize(("size", "expected"), KNOWN.items())
def test_the_known_answers_of_certificate_transparency(size: int, expected: str) -> None:
    """The eight leaves that its implementations are tested with."""
    assert merkle_root(INPUTS[:size]).hex() == expected


def test_the_known_proofs_of_certificate_transparency() -> None:
    """Two inclusion proofs and two consistency proofs over the same leaves."""
    a, b, c, d, e, f, *_ = (leaf_hash(leaf) for leaf in INPUTS)
    left, right = node_hash(node_hash(a, b), node_hash(c, d)), merkle_root(INPUTS[4:8])
    assert inclusion_proof(INPUTS, 0) == [b, node_hash(c, d), right]
    assert inclusion_proof(INPUTS, 5) == [e, merkle_root(INPUTS[6:8]), left]
    assert consistency_proof(INPUTS[:7], 3) == [c, d, node_hash(a, b), merkle_root(INPUTS[4:7])]
    assert consistency_proof(INPUTS, 6) == [node_hash(e, f), merkle_root(INPUTS[6:8]), left]


def test_every_leaf_of_every_tree_has_a_proof() -> None:
    """For all sizes up to 64 (MRK-2)."""
    for size in SIZES:
        for index in range(size):
            proof = inclusion_proof(LEAVES[:size], index)
            assert verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size])


def test_a_proof_is_no_longer_than_the_tree_is_high() -> None:
    """Logarithmic, not linear."""
    assert all(len(inclusion_proof(LEAVES[:n], i)) <= (n - 1).bit_length() for n in SIZES for i in range(n))


def test_a_proof_shows_one_leaf_at_one_place() -> None:
    """No proof of a list shows a leaf at another index, another leaf, or anything under another list's root (MRK-2)."""
    for size in (1, 2, 3, 5, 8, 13, 16):
        for index in range(size):
            proof = inclusion_proof(LEAVES[:size], index)
            others = [n for n in range(-1, size + 2) if n != index]
            assert not any(verify_inclusion(LEAVES[index], other, size, proof, ROOTS[size]) for other in others)
            assert not any(verify_inclusion(LEAVES[other], index, size, proof, ROOTS[size]) for other in others)
            assert not any(verify_inclusion(LEAVES[index], index, n, proof, ROOTS[n]) for n in SIZES if n != size)


def spoilt(proof: list[bytes]) -> list[list[bytes]]:
    """The proof with a bit turned in each node, a node lost, doubled, added or exchanged."""
    turned = [[*proof[:n], bytes([node[0] ^ 1]) + node[1:], *proof[n + 1 :]] for n, node in enumerate(proof)]
    lost = [proof[:n] + proof[n + 1 :] for n in range(len(proof))]
    doubled = [proof[: n + 1] + proof[n:] for n in range(len(proof))]
    exchanged = [[*proof[:n], b, a, *proof[n + 2 :]] for n, (a, b) in enumerate(pairwise(proof))]
    return [*turned, *lost, *doubled, *exchanged, [*proof, bytes(32)], [bytes(32), *proof], [*proof, b""]]


def test_a_spoilt_inclusion_proof_is_refused() -> None:
    """Whatever was done to it (MRK-2)."""
    for size in (1, 2, 3, 6, 7, 8, 11, 64):
        for index in range(size):
            proofs = spoilt(inclusion_proof(LEAVES[:size], index))
            assert not any(verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size]) for proof in proofs)


def test_a_proof_too_long_for_the_stated_size_is_refused() -> None:
    """Although its hashes meet the roots, which are those of larger trees (RFC 9162, sections 2.1.3.2 and 2.1.4.2)."""
    assert not verify_inclusion(b"b", 0, 1, [leaf_hash(b"a")], merkle_root([b"a", b"b"]))
    proof = consistency_proof(LEAVES[:8], 7)
    assert verify_consistency(7, 8, ROOTS[7], ROOTS[8], proof)
    assert not verify_consistency(3, 4, ROOTS[7], ROOTS[8], proof)


def test_a_node_cannot_pass_for_a_leaf() -> None:
    """The prefixes part them, so the two children of a node are not the content of a leaf (MRK-1)."""
    pair = leaf_hash(b"a") + leaf_hash(b"b")
    assert merkle_root([pair]) != merkle_root([b"a", b"b"])
    assert not verify_inclusion(pair, 0, 1, [], merkle_root([b"a", b"b"]))


def test_lists_of_different_lengths_have_different_roots() -> None:
    """Also where the longer one repeats the last leaf, which the older tree could not tell apart (MRK-1)."""
    assert merkle_root([b"a", b"b", b"c"]) != merkle_root([b"a", b"b", b"c", b"c"])
    assert len(set(ROOTS.values())) == len(ROOTS)


@pytest.mark.parametrize(("size", "index"), [(0, 0), (3, 3), (3, -1)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(size: int, index: int) -> None:
    """The maker of proofs says so."""
    with pytest.raises(IndexError, match=f"no leaf {index} in a tree of {size}"):
        inclusion_proof(LEAVES[:size], index)


def test_every_beginning_of_every_list_has_a_proof() -> None:
    """For all pairs of sizes up to 64 (MRK-3)."""
    for second in SIZES:
        for first in range(1, second + 1):
            proof = consistency_proof(LEAVES[:second], first)
            assert verify_consistency(first, second, ROOTS[first], ROOTS[second], proof)


def test_a_consistency_proof_shows_one_beginning_of_one_list() -> None:
    """Under the root of any other list of the same sizes it shows nothing (MRK-3)."""
    other = [b"x", *LEAVES[1:]]
    for second in (1, 2, 3, 6, 8, 13):
        for first in range(1, second + 1):
            proof = consistency_proof(LEAVES[:second], first)
            assert not verify_consistency(first, second, merkle_root(other[:first]), ROOTS[second], proof)
            assert not verify_consistency(first, second, ROOTS[first], merkle_root(other[:second]), proof)
            wrong = [n for n in range(-1, second + 2) if n != first]
            assert not any(verify_consistency(n, second, ROOTS[max(n, 0)], ROOTS[second], proof) for n in wrong)


def test_a_list_that_was_rewritten_has_no_proof() -> None:
    """None that an honest maker gives for either list (MRK-3)."""
    rewritten = [*LEAVES[:2], b"x", *LEAVES[3:]]
    for first in range(3, 12):
        for proof in (consistency_proof(LEAVES[:12], first), consistency_proof(rewritten[:12], first)):
            assert not verify_consistency(first, 12, ROOTS[first], merkle_root(rewritten[:12]), proof)


def test_a_spoilt_consistency_proof_is_refused() -> None:
    """Whatever was done to it (MRK-3)."""
    for second in (1, 2, 3, 6, 7, 8, 13):
        for first in range(1, second + 1):
            proofs = spoilt(consistency_proof(LEAVES[:second], first))
            assert not any(verify_consistency(first, second, ROOTS[first], ROOTS[second], proof) for proof in proofs)


@pytest.mark.parametrize(("size", "first"), [(0, 0), (3, 0), (3, 4), (3, -1)])
def test_there_is_no_proof_of_a_beginning_that_is_none(size: int, first: int) -> None:
    """The empty list is no beginning to prove (RFC 9162)."""
    with pytest.raises(ValueError, match="MRK-3"):
        consistency_proof(LEAVES[:size], first)


sizes = st.integers(-2, 70) | st.sampled_from([2**63, 2**64 - 1, 2**200, -(2**70)])


@given(st.binary(max_size=8), sizes, sizes, anything, nodes)
def test_the_inclusion_verifier_is_total(leaf: bytes, index: int, size: int, proof: list[bytes], top: bytes) -> None:
    """Made-up numbers and bytes are refused, and raise nothing."""
    assert verify_inclusion(leaf, index, size, proof, top) is False


@given(sizes, sizes, nodes, nodes, anything)
def test_the_consistency_verifier_is_total(first: int, second: int, old: bytes, new: bytes, proof: list[bytes]) -> None:
    """Made-up numbers and bytes are refused, and raise nothing; only a list and itself need no proof."""
    trivial = 0 < first == second and old == new and not proof
    assert verify_consistency(first, second, old, new, proof) is trivial


@given(st.binary(max_size=300), st.integers(1, 80))
def test_chunks_are_the_data_cut_at_equal_lengths(raw: bytes, size: int) -> None:
    """Nothing is lost, only the last is shorter, and none is empty (MRK-4)."""
    cut = chunks(raw, size)
    assert b"".join(cut) == raw
    assert all(len(chunk) == size for chunk in cut[:-1])
    assert all(0 < len(chunk) <= size for chunk in cut)


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        ([], "0" * 64),
        ([b"a"], "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ([b"a", b"b"], "62af5c3cb8da3e4f25061e829ebeea5c7513c54949115b1acc225930a90154da"),
        ([b"a", b"b", b"c"], "0bdf27bf7ec894ca7cadfe491ec1a3ece840f117989e8c5e9bd7086467bf6c38"),
    ],
)
def test_known_roots_of_the_older_tree(leaves: list[bytes], expected: str) -> None:
    """The facts' four (MRK-5)."""
    assert legacy_root(leaves) == expected


@pytest.mark.parametrize(("golden", "count", "last"), [(GOLDENS[0], 6, 60), (GOLDENS[1], 9, 6)])
def test_golden_roots(golden: Golden, count: int, last: int) -> None:
    """From the rows of the golden data, in chunks of 64 bytes (MRK-5)."""
    leaves = chunks(golden.raw)
    assert (len(leaves), len(leaves[-1])) == (count, last)
    assert legacy_root(leaves) == golden.record.merkle_root


def test_the_size_of_chunks_is_part_of_a_root() -> None:
    """The earlier agent's 1024 bytes gave another root for the same data (facts, section 4)."""
    other = legacy_root(chunks(TINY_1.raw, 1024))
    assert (other[:8], other[-4:]) == ("7bedd55e", "24b0")


def test_what_the_older_tree_could_not_tell_apart() -> None:
    """A repeated tail, and a leaf that spells two hashes."""
    assert legacy_root([b"a", b"b", b"c"]) == legacy_root([b"a", b"b", b"c", b"c"])
    spelt = b"".join(sha256(leaf).hexdigest().encode() for leaf in (b"a", b"b"))
    assert legacy_root([spelt]) == legacy_root([b"a", b"b"])
