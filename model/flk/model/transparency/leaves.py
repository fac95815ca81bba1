"""The leaves of a region's audit log, and what they are called (TLOG-6). One text for each fact: JSON with keys in code-point
order, no spaces, strings as RFC 8785 and reals with nine fractional digits; who has the records comes to the same bytes.

    outcome        a record, what was judged of it, and by which tolerances or policy
    supersession   an outcome that gave way to the earlier claim of another log
    equivocation   another content under an id that has an outcome
    begun          a log of which what came before a segment is not to be had, since it was removed before there was an audit log
    keys, …        what a node goes by, each time that this is another
    policies       what a log states of policies from a time on (POL-9)
    erasure        which leaves before it are erased (ERA-1)
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from json.encoder import encode_basestring as quoted  # escapes as RFC 8785 section 3.2.2.2 asks
from typing import NamedTuple, TypeAlias

import msgspec

from flk.model.entries.entry import Claim, Entry, Key, Supersession
from flk.model.log.frames import Stated
from flk.model.log.hlc import Timestamp, text
from flk.model.record.canonical import fixed9
from flk.model.record.record import Pcs
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.erased import Erasure, place
from flk.spec.constants import CONSTANTS

Value: TypeAlias = "str | bool | int | float | Sequence[Value] | Mapping[str, Value]"
NAME_BYTES = 16
MAX_LEAF = (1 << 16) - 1


class About(StrEnum):
    """What a leaf about a record says."""

    OUTCOME = "outcome"
    SUPERSESSION = "supersession"
    EQUIVOCATION = "equivocation"


class Fact(NamedTuple):
    """What a node goes by, as of now: its kind, such as `keys`, and what it is."""

    kind: str
    content: Value

    @property
    def digest(self) -> str:
        """By which it is known whether it is another than before."""
        return sha256(written(self.content)).hexdigest()


class Leaf(NamedTuple):
    """A leaf, and what it is called: first a name that no other leaf of the log has, then that of the record that it is about, if
    it is about one.
    """

    content: bytes
    names: tuple[bytes, ...]


class Sought(NamedTuple):
    """What leaves are about: the records of a tenant, or one of them."""

    tenant: str
    pcs_id: str | None = None

    def is_in(self, leaf: bytes) -> bool:
        """Whether a leaf is about it. Raises BadLog for what is none."""
        try:
            found = _read(leaf)
        except msgspec.DecodeError:
            raise BadLog(f"TLOG-6: {leaf[:80]!r} is no leaf of an audit log") from None
        return found.kind in _ABOUT and found.tenant == self.tenant and self.pcs_id in {None, found.pcs_id}


class JudgedBy(NamedTuple):
    """What outcomes are judged by: the digest of the tolerances; where a log states policies, the digest of one and its version."""

    digest: str
    policy: str = ""


def named(content: bytes) -> Leaf:
    """A leaf with its names. Raises BadLog for what is none."""
    return Leaf(content, names_of(content))


class Recorded(msgspec.Struct, gc=False):
    """What of a record its leaf says."""

    D_hat: float
    budget: float
    coh_star: float
    r: float
    epoch: int
    merkle_root: str
    regime: str
    shard_id: str


def outcome_of(claim: Claim, body: bytes, by: JudgedBy) -> Leaf:
    """The leaf of a claim, from the body of the submission that made it, and what it was judged by. A claim is made of a valid
    record, so what its leaf says is read alone, and the leaf's names are those of the claim: there is one for each record.
    """
    return Leaf(outcome(claim, _recorded(body), by), names_about(About.OUTCOME, claim.key, claim.entry))


def outcome(claim: Claim, record: Pcs | Recorded, by: JudgedBy | None = None) -> bytes:
    """What was stored of a record; of one that was judged `by` a policy, which. Else it is judged by the tolerances.

    The values of the earlier system's entry are all there, but for its hash, which the tree has.
    """
    (tenant, pcs_id), entry = claim
    judged = entry.outcome
    by = by or TOLERANCES
    policy = f',"policy":{quoted(by.policy)}' if by.policy else ""
    return (  # as `written` has it, and ten times as fast: there is one for each record
        f'{{"D_hat":{fixed9(record.D_hat)},"accepted":{_SAID[judged.accepted]},"budget":{fixed9(record.budget)}'
        f',"coh_star":{fixed9(record.coh_star)},"digest":{quoted(entry.digest)},"epoch":{record.epoch}'
        f',"escalated":{_SAID[judged.escalated]},"kind":"outcome","merkle_root":{quoted(record.merkle_root)}'
        f',"parameters":"{by.digest}","pcs_id":{quoted(pcs_id)}{policy},"r":{fixed9(record.r)},"reason":{quoted(judged.reason)}'
        f',"recomputed_D_hat":{fixed9(judged.recomputed_D_hat)},"recomputed_budget":{fixed9(judged.recomputed_budget)}'
        f',"regime":{quoted(record.regime)},"region":{quoted(entry.region)},"shard_id":{quoted(record.shard_id)}'
        f',"tenant":{quoted(tenant)},"timestamp":"{text(entry.timestamp)}"}}'
    ).encode()


def supersession(row: Supersession) -> bytes:
    """That an outcome of the region gave way, and to what."""
    winner = row.winner
    to: Value = {"digest": winner.digest, "region": winner.region, "timestamp": text(winner.timestamp)}
    return written(_of(About.SUPERSESSION, row.key, row.loser) | {"winner": to})


def equivocation(claim: Claim) -> bytes:
    """That another content was sent under an id that has an outcome (DUP-3)."""
    return written(_of(About.EQUIVOCATION, claim.key, claim.entry))


def begun(segment: str) -> bytes:
    """That of a log nothing is to be had before a segment."""
    return written({"kind": "begun", "segment": segment})


def stated(fact: Fact, log: str, number: int, when: Timestamp) -> bytes:
    """What the node that writes a log goes by, told for the number-th time; if it is long, only its digest. It was noticed when the
    node's clock stood there.
    """
    told: dict[str, Value] = {
        "digest": fact.digest,
        "kind": fact.kind,
        "log": log,
        "number": number,
        "timestamp": text(when),
    }
    return _told(told, fact.content)


def ruled(ruling: Stated, log: str) -> bytes:
    """What a log states of policies, and since when; if it is long, only its digest. The same statement is the same leaf, however
    many segments make it.
    """
    content: Value = msgspec.json.decode(ruling.text)
    fact = Fact("policies", content)
    told: dict[str, Value] = {"digest": fact.digest, "kind": fact.kind, "log": log, "timestamp": text(ruling.since)}
    return _told(told, content)


def erases(told: Erasure) -> bytes:
    """That leaves before it are erased (ERA-1)."""
    hashes: Value = [{"hash": told.hashes[number], "number": number} for number in sorted(told.hashes)]
    return written({"erases": hashes, "kind": "erasure", "reason": told.reason, "timestamp": told.timestamp})


def names_of(leaf: bytes) -> tuple[bytes, ...]:
    """What a leaf is called; one that was erased, as before. Raises BadLog for what is none."""
    if (gone := place(leaf)) is not None:
        return gone.names
    try:
        found = _read(leaf)
    except msgspec.DecodeError:
        raise BadLog(f"TLOG-6: {leaf[:80]!r} is no leaf of an audit log") from None
    if found.kind not in _ABOUT:
        return (_name("leaf", leaf.decode()),)
    return (_name(found.kind, found.tenant, found.pcs_id, found.timestamp, found.region), key_name(found))


def names_about(about: About, key: Key, entry: Entry) -> tuple[bytes, ...]:
    """The names of a leaf about what was claimed of a record."""
    return _name(about, key.tenant, key.pcs_id, text(entry.timestamp), entry.region), key_name(key)


def key_name(key: "Key | _NameParts") -> bytes:
    """The name that all leaves about a record of a tenant have in common."""
    return _name("record", key.tenant, key.pcs_id)


def written(value: Value) -> bytes:
    r"""The canonical text of a value.

    >>> written({"b": 1.5, "a": ["\n", True, 2]})
    b'{"a":["\\n",true,2],"b":1.500000000}'
    """
    return _text(value).encode()


class _NameParts(msgspec.Struct):
    """What of a leaf its names are made of."""

    kind: str
    tenant: str = ""
    pcs_id: str = ""
    timestamp: str = ""
    region: str = ""


_read = msgspec.json.Decoder(_NameParts).decode
_recorded = msgspec.json.Decoder(Recorded).decode
_ABOUT = frozenset(map(str, About))
_SAID = {True: "true", False: "false"}


def _of(about: About, key: Key, entry: Entry) -> dict[str, Value]:
    return {
        "digest": entry.digest,
        "kind": str(about),
        "pcs_id": key.pcs_id,
        "region": entry.region,
        "tenant": key.tenant,
        "timestamp": text(entry.timestamp),
    }


def _told(told: dict[str, Value], content: Value) -> bytes:
    """A leaf with a content, or without, if it would be too long for a leaf."""
    whole = written(told | {"content": content})
    return whole if len(whole) <= MAX_LEAF else written(told)


def _name(*parts: str) -> bytes:
    return sha256("\n".join(parts).encode()).digest()[:NAME_BYTES]


def _text(value: Value) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return _SAID[value]
    if isinstance(value, int):
        return f"{value}"
    if isinstance(value, float):
        return fixed9(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{quoted(key)}:{_text(value[key])}" for key in sorted(value)) + "}"
    return "[" + ",".join(map(_text, value)) + "]"


TOLERANCES = JudgedBy(
    sha256(
        written(
            {
                "tolerance_D_hat": CONSTANTS.judgement.tolerance_D_hat,
                "tolerance_budget": CONSTANTS.judgement.tolerance_budget,
            }
        )
    ).hexdigest()
)
"""Which tolerances outcomes are judged by where a log states no policy (JDG-*)."""
