"""Drafts of the Merkle operations (MRK-*)."""

from collections.abc import Iterator

import msgspec

from flk.conformance.drafts.draft import Draft
from flk.conformance.operations.signals import RawBytes
from flk.conformance.operations.trees import Consistency, Inclusion, Leaves, Position, Prefix
from flk.model.record import merkle

FULL = 8
"""Every tree up to this size is asked about in full."""


def leaves(size: int) -> tuple[bytes, ...]:
    """Leaves that tell their number and differ in length."""
    return tuple(b"leaf-%d" % n for n in range(size))


def merkle_root() -> Iterator[Draft]:
    """Every size up to 17, and around the next powers of two."""
    for size in (*range(18), 31, 32, 33, 63, 64, 65, 129):
        yield Draft(f"{size:02}-leaves", "RFC 6962, no invented tail", Leaves(leaves(size)), ("MRK-1",), _odd(size))
    yield Draft("empty-leaf", "a leaf of no bytes is a leaf", Leaves((b"",)), ("MRK-1",))
    yield Draft(
        "equal-leaves",
        "equal leaves count as often as they occur",
        Leaves((b"a", b"a", b"a")),
        ("MRK-1",),
        ("odd-level",),
    )
    yield Draft(
        "duplicated-tail",
        "three leaves and the last one repeated differ from three",
        Leaves((b"a", b"a", b"a", b"a")),
        ("MRK-1",),
    )
    inner = merkle.leaf_hash(b"a") + merkle.leaf_hash(b"b")
    yield Draft("node-as-leaf", "two hashes as a leaf are not their parent", Leaves((inner,)), ("MRK-1",))
    for slug, raw in _data_sets():
        chunks = Leaves(tuple(merkle.chunks(raw)))
        yield Draft(f"chunks/{slug}", "the tree over the chunks of a case of data_root", chunks, ("MRK-1",))
    yield Draft("prefixed-node-as-leaf", "nor with the prefix of a node", Leaves((b"\1" + inner,)), ("MRK-1",))


def data_root() -> Iterator[Draft]:
    """Lengths around multiples of the chunk size."""
    for slug, raw in _data_sets():
        yield Draft(slug, "chunks of 64 bytes, the last one shorter, of bytes as they are", RawBytes(raw), ("MRK-4",))


def _data_sets() -> Iterator[tuple[str, bytes]]:
    for size in (0, 1, 63, 64, 65, 127, 128, 129, 192, 193, 380, 1023, 1024, 1025, 2049):
        yield f"{size:03}-bytes", bytes(n % 251 for n in range(size))
    lines = {
        "final-newline": b"1,2\n",
        "carriage-returns": b"1,2\r\n3,4",
        "blank": b" \t\0",
        "no-text": b"\xff\xfe,\xe9",
    }
    for slug, raw in lines.items():
        yield f"as-read/{slug}", raw


def legacy_root() -> Iterator[Draft]:
    """The older tree, odd levels included."""
    for size in (0, 1, 2, 3, 4, 5, 6, 7, 9):
        yield Draft(
            f"{size:02}-leaves",
            "hexadecimal text, no prefixes, odd nodes paired with themselves",
            Leaves(leaves(size)),
            ("MRK-5",),
            _odd(size),
        )


def inclusion_proof() -> Iterator[Draft]:
    """Every leaf of every small tree."""
    for size in range(1, FULL + 1):
        for index in range(size):
            yield Draft(
                f"{size:02}-leaves-{index}",
                "the siblings on the way up",
                Position(leaves(size), index),
                ("MRK-2",),
                _odd(size),
            )
    for size, index in ((0, 0), (1, 1), (5, 5), (5, -1)):
        yield Draft(
            f"none-{size}-{index}",
            "there is no such leaf",
            Position(leaves(size), index),
            ("MRK-2",),
            (),
            ("MRK-2", None),
        )


def verify_inclusion() -> Iterator[Draft]:
    """Every honest proof of every small tree, and what tampering makes of one."""
    for size in range(1, FULL + 1):
        for index in range(size):
            yield Draft(f"honest/{size}-{index}", "an honest proof", _inclusion(size, index), ("MRK-2",), _odd(size))
    for size, index in ((1, 0), (5, 4), (6, 2), (7, 6), (8, 3)):
        for slug, claim in _spoilt_inclusions(_inclusion(size, index)).items():
            yield Draft(
                f"tampered/{size}-{index}-{slug}", f"{slug.replace('-', ' ')}", claim, ("MRK-2",), ("tampered",)
            )
    odd = _inclusion(3, 2)
    yield Draft(
        "tampered/phantom-tail",
        "the last leaf is not there twice",
        msgspec.structs.replace(odd, index=3, size=4),
        ("MRK-2",),
        ("tampered",),
    )


def consistency_proof() -> Iterator[Draft]:
    """Every prefix of every small list."""
    for size in range(1, FULL + 1):
        for first in range(1, size + 1):
            yield Draft(
                f"{first}-of-{size}",
                "the nodes both roots follow from",
                Prefix(leaves(size), first),
                ("MRK-3",),
                _odd(size),
            )
    for size, first in ((3, 0), (3, 4), (0, 0)):
        yield Draft(
            f"none-{first}-of-{size}",
            "there is no such prefix",
            Prefix(leaves(size), first),
            ("MRK-3",),
            (),
            ("MRK-3", None),
        )


def verify_consistency() -> Iterator[Draft]:
    """Every honest proof, and what tampering makes of one."""
    for size in range(1, FULL + 1):
        for first in range(1, size + 1):
            yield Draft(
                f"honest/{first}-of-{size}", "an honest proof", _consistency(first, size), ("MRK-3",), _odd(size)
            )
    for first, size in ((1, 2), (3, 7), (4, 8), (6, 8), (5, 5)):
        for slug, claim in _spoilt_consistencies(_consistency(first, size)).items():
            yield Draft(
                f"tampered/{first}-of-{size}-{slug}", f"{slug.replace('-', ' ')}", claim, ("MRK-3",), ("tampered",)
            )


def _inclusion(size: int, index: int) -> Inclusion:
    tree = leaves(size)
    proof = tuple(node.hex() for node in merkle.inclusion_proof(tree, index))
    return Inclusion(tree[index], index, size, proof, merkle.merkle_root(tree).hex())


def _spoilt_inclusions(honest: Inclusion) -> dict[str, Inclusion]:
    proof = honest.proof
    claims = {
        "another-leaf": msgspec.structs.replace(honest, leaf=honest.leaf + b"!"),
        "another-root": msgspec.structs.replace(honest, root="0" * 64),
        "one-more-node": msgspec.structs.replace(honest, proof=(*proof, "0" * 64)),
        "index-past-the-end": msgspec.structs.replace(honest, index=honest.size),
        "negative-index": msgspec.structs.replace(honest, index=-1),
        "empty-tree": msgspec.structs.replace(honest, size=0),
    }
    if proof:
        claims |= {
            "one-node-less": msgspec.structs.replace(honest, proof=proof[:-1]),
            "flipped-node": msgspec.structs.replace(honest, proof=(_flipped(proof[0]), *proof[1:])),
            "neighbour-index": msgspec.structs.replace(honest, index=honest.index ^ 1),
            "twice-the-size": msgspec.structs.replace(honest, size=2 * honest.size),
            "32-bits-further": msgspec.structs.replace(honest, index=honest.index + 2**32, size=honest.size + 2**32),
        }
    if len(set(proof)) > 1:
        claims["reversed"] = msgspec.structs.replace(honest, proof=proof[::-1])
    return claims


def _consistency(first: int, size: int) -> Consistency:
    tree = leaves(size)
    proof = tuple(node.hex() for node in merkle.consistency_proof(tree, first))
    return Consistency(first, size, merkle.merkle_root(tree[:first]).hex(), merkle.merkle_root(tree).hex(), proof)


def _spoilt_consistencies(honest: Consistency) -> dict[str, Consistency]:
    proof = honest.proof
    claims = {
        "another-old-root": msgspec.structs.replace(honest, first_root=_flipped(honest.first_root)),
        "another-new-root": msgspec.structs.replace(honest, second_root=_flipped(honest.second_root)),
        "one-more-node": msgspec.structs.replace(honest, proof=(*proof, "0" * 64)),
        "from-nothing": msgspec.structs.replace(honest, first=0),
        "shrinking": msgspec.structs.replace(honest, first=honest.second, second=honest.first - 1),
    }
    if proof:
        claims |= {
            "no-proof": msgspec.structs.replace(honest, proof=()),
            "one-node-less": msgspec.structs.replace(honest, proof=proof[:-1]),
            "flipped-node": msgspec.structs.replace(honest, proof=(*proof[:-1], _flipped(proof[-1]))),
            "same-size": msgspec.structs.replace(honest, second=honest.first),
        }
    return claims


def _flipped(digest: str) -> str:
    return f"{int(digest[0], 16) ^ 1:x}{digest[1:]}"


def _odd(size: int) -> tuple[str, ...]:
    """Whether some level of the tree has an odd number of nodes, the root apart."""
    while size > 1 and size % 2 == 0:
        size //= 2
    return ("odd-level",) if size > 1 else ()
