"""Transparency logs as somebody else would write them: every tile, by the definition of a tree's hashes."""

from collections.abc import Sequence

from flk.model.effects import Effect, GetObject, Program
from flk.model.record.merkle import leaf_hash, merkle_root, node_hash
from flk.model.record.signing import Ed25519PrivateKey
from flk.model.runtime import run
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.notes import Signer, signed
from flk.model.transparency.tiles import Tile, packed

LOG = Signer("example.com/log", Ed25519PrivateKey(bytes(range(32))))
WITNESS = Signer("witness.example/w", Ed25519PrivateKey(bytes(range(1, 33))))


def leaves_of(size: int) -> list[bytes]:
    """So many leaves of different lengths."""
    return [b"leaf %d" % number * (number % 3) for number in range(size)]


def checkpoint_over(leaves: Sequence[bytes]) -> Checkpoint:
    """What the log says of these leaves."""
    return Checkpoint(LOG.name, len(leaves), merkle_root(leaves))


def objects_over(leaves: Sequence[bytes]) -> dict[str, bytes]:
    """The objects of the log of these leaves, its checkpoint among them."""
    text = checkpoint_over(leaves).text
    objects = {"checkpoint": signed(text, [LOG.sign(text)])}
    hashes, level = [leaf_hash(leaf) for leaf in leaves], 0
    for number in range(0, len(leaves), 256):
        some = list(leaves[number : number + 256])
        objects[Tile(-1, number // 256, len(some)).name] = packed(some)
    while hashes:
        for number in range(0, len(hashes), 256):
            some = hashes[number : number + 256]
            objects[Tile(level, number // 256, len(some)).name] = b"".join(some)
        hashes, level = [_over(hashes[at : at + 256]) for at in range(0, len(hashes) // 256 * 256, 256)], level + 1
    return objects


def asked(program: Program[object], objects: dict[str, bytes]) -> object:
    """What a program makes of these objects."""

    def perform(effect: Effect[object]) -> object:
        assert isinstance(effect, GetObject)
        return objects.get(effect.name)

    return run(program, perform)  # type: ignore[arg-type]  # of one effect


def _over(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
    return hashes[0]
