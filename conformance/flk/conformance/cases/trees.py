"""Cases of Merkle trees: roots, proofs, and proofs with something wrong."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.points import raw_bytes
from flk.conformance.cases.values import packed
from flk.model.record import merkle

lists = st.lists(st.binary(max_size=3), min_size=1, max_size=9) | st.integers(1, 140).map(
    lambda n: [str(i).encode() for i in range(n)]
)


def _leaves(leaves: list[bytes]) -> list[str]:
    return [packed(leaf) for leaf in leaves]


@composite
def positions(draw: DrawFn, name: str) -> dict[str, Any]:
    """A list and a number in it, or just outside."""
    leaves = draw(lists | st.just([]))
    return {"leaves": _leaves(leaves), name: draw(st.integers(-1, len(leaves) + 1))}


@composite
def spoilt(draw: DrawFn, proof: list[bytes]) -> list[bytes]:
    """A proof that is whole, too long, too short, in another order, or of other hashes."""
    match draw(st.integers(0, 7)):
        case 0:
            return [*proof, draw(st.sampled_from([*proof, b"\0" * 32]))]
        case 1:
            return proof[: draw(st.integers(0, len(proof)))]
        case 2:
            return list(draw(st.permutations(proof)))
        case 3 if proof:
            place = draw(st.integers(0, len(proof) - 1))
            return [*proof[:place], bytes([proof[place][0] ^ 1]) + proof[place][1:], *proof[place + 1 :]]
        case _:
            return proof


@composite
def inclusions(draw: DrawFn) -> dict[str, Any]:
    """A claim that a leaf is in a list, with a chance that it is not so."""
    leaves = draw(lists)
    index = draw(st.integers(0, len(leaves) - 1))
    proof = draw(spoilt(merkle.inclusion_proof(leaves, index)))
    size, off = len(leaves), st.sampled_from([0, 0, 0, 0, -1, 1, 2**40])
    return {
        "leaf": packed(draw(st.sampled_from([leaves[index], leaves[index], leaves[-1], b"another"]))),
        "index": index + draw(off),
        "size": size + draw(off),
        "proof": [h.hex() for h in proof],
        "root": draw(
            st.sampled_from([merkle.merkle_root(leaves), merkle.merkle_root(leaves), merkle.merkle_root(leaves[:-1])])
        ).hex(),
    }


@composite
def consistencies(draw: DrawFn) -> dict[str, Any]:
    """A claim that a list only grew, with a chance that it is not so."""
    leaves = draw(lists)
    first = draw(st.integers(1, len(leaves)))
    proof = draw(spoilt(merkle.consistency_proof(leaves, first)))
    roots = [merkle.merkle_root(leaves[:first]), merkle.merkle_root(leaves)]
    if draw(st.integers(0, 4)) == 0:
        roots = [draw(st.sampled_from([*roots, b"\1" * 32])) for _ in roots]
    off = st.sampled_from([0, 0, 0, 0, -1, 1, 2**40])
    return {
        "first": first + draw(off),
        "second": len(leaves) + draw(off),
        "first_root": roots[0].hex(),
        "second_root": roots[1].hex(),
        "proof": [h.hex() for h in proof],
    }


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {
    "merkle_root": (lists | st.just([])).map(lambda leaves: {"leaves": _leaves(leaves)}),
    "legacy_root": (lists | st.just([])).map(lambda leaves: {"leaves": _leaves(leaves)}),
    "data_root": raw_bytes(),
    "inclusion_proof": positions("index"),
    "verify_inclusion": inclusions(),
    "consistency_proof": positions("first"),
    "verify_consistency": consistencies(),
}
