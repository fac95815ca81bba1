"""What the audit log says of a record, with proofs, for whoever may know it (TLOG-11)."""

from collections.abc import Sequence

import msgspec

from flk.model.effects import FindLeaves, GetObject, Program
from flk.model.entries.entry import Key
from flk.model.flow.submission import Response, refuse
from flk.model.programs.checkpoint import CHECKPOINT
from flk.model.programs.proofs import prove_inclusion
from flk.model.refusal import NothingStored, Refused, unavailable
from flk.model.transparency.checkpoints import BadLog, read_checkpoint
from flk.model.transparency.leaves import key_name, names_of
from flk.model.transparency.notes import BadNote, Verifier
from flk.model.transparency.steps import prefix_of


class Shown(msgspec.Struct, frozen=True):
    """A leaf as it was hashed, its place, and the hashes beside its way to the root, in hexadecimal."""

    index: int
    leaf: str
    proof: Sequence[str]


class Proof(msgspec.Struct, frozen=True):
    """All leaves about a record that a signed checkpoint has."""

    checkpoint: str
    leaves: Sequence[Shown]


def show(region: str, log: Verifier, key: Key) -> Program[Response]:
    """The leaves about a record in the published log, each with a proof that was checked; 404 if it has none, and a refusal if that
    cannot be told.
    """
    try:
        return Response(200, msgspec.json.encode((yield from _proof(region, log, key))))
    except Refused as refusal:
        return refuse(refusal)
    except (BadLog, BadNote) as bad:
        return refuse(unavailable(f"the audit log is not what was signed: {bad}"))


def _proof(region: str, log: Verifier, key: Key) -> Program[Proof]:
    prefix, name = prefix_of(region), key_name(key)
    ((*numbers,),) = yield from FindLeaves(((name,),))
    content = yield from GetObject(prefix + CHECKPOINT)
    if content is None or not numbers:
        raise NothingStored("API-3", "the published log has no leaf about this id")
    published = read_checkpoint(content, log)
    shown = []
    for number in numbers:
        if number < published.size:
            leaf, proof = yield from prove_inclusion(prefix, number, published)
            if name not in names_of(leaf):
                raise BadLog(f"TLOG-11: leaf {number} is not about this id, though the node's index says so")
            shown.append(Shown(number, leaf.decode(), [each.hex() for each in proof]))
    if not shown:
        raise NothingStored("API-3", "the published log has no leaf about this id yet")
    return Proof(content.decode(), shown)
