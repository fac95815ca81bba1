"""What a region remembers of a record, and how two regions' memories become one (DUP-*, CRR-1)."""

from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

import msgspec

from flk.model.log.hlc import Timestamp
from flk.model.record.canonical import canonical_bytes, judged_bytes
from flk.model.record.record import Pcs


class Reason(StrEnum):
    """Why a record was judged as it was (JDG-2 to JDG-4, SAN-2 to SAN-4)."""

    OK = "ok"
    D_HAT = "D_hat_out_of_tolerance"
    REGIME = "regime_mismatch"
    BUDGET = "budget_deviation"
    COUNTS = "counts_fall"
    SLOPE = "D_hat_unusual"
    ANOMALY = "anomaly_score"


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What was judged of a record: accepted or not, escalated or not, why, and the values recomputed from its counts and claims.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> judge(record).accepted, judge(record).recomputed_D_hat
    (True, 0.0)
    """

    accepted: bool
    escalated: bool
    reason: Reason
    recomputed_D_hat: float
    recomputed_budget: float


class Key(NamedTuple):
    """Entries never cross tenants (DUP-4)."""

    tenant: str
    pcs_id: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """The first write for a key: when and where it was logged, what it said, and what came of it."""

    timestamp: Timestamp
    region: str
    digest: str
    outcome: Outcome


class Claim(NamedTuple):
    """An entry asking for its key."""

    key: Key
    entry: Entry


class Supersession(NamedTuple):
    """A local winner that gave way, and to what (CRR-3)."""

    key: Key
    loser: Entry
    winner: Entry


def export_order(key: Key) -> tuple[str, str]:
    """The order in which a store that keeps one hands out its entries: that of the primary key in SQLite and PostgreSQL."""
    return key.pcs_id, key.tenant


def join(a: Entry, b: Entry) -> Entry:
    """The authoritative one of two entries under one key: associative, commutative, idempotent (CRR-1, CRR-2)."""
    return min(a, b, key=precedence)


def precedence(entry: Entry) -> tuple[int, str, str, bytes]:
    """The total order of entries; timestamp and region decide (CRR-1).

    The rest only breaks ties that honest clocks never make, so that `join` is a semilattice whatever it is given.
    """
    return (entry.timestamp, entry.region, entry.digest, msgspec.json.encode(entry.outcome))


def content_digest(record: Pcs, canonical: bytes | None = None) -> str:
    """SHA-256 of all that is signed or judged; what delivery changes (`attempt`, `sent_at`, `ft`, `sig`) is left out (DUP-3).

    These are the bytes that profile JUDGED signs (C14N-9). Who has the canonical bytes at hand passes them. Raises ValueError if a
    scale has no count.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> len(content_digest(record))
    64
    """
    return sha256(judged_bytes(record, canonical or canonical_bytes(record))).hexdigest()
