"""What an agent's outbox says (OUT-1, OUT-2, OUT-5), and how long it may wait between two attempts (OUT-3, OUT-4).

A frame of the outbox is a letter and what it is about: `Q` and the submission that waits; `A` and the timestamp of such a frame, in
eight bytes, little-endian, once it is acknowledged; `D`, the same timestamp and the answer in JSON once it is refused for good.
"""

import json
from base64 import b64decode
from functools import lru_cache
from typing import NamedTuple

from flk.sim.oracle import records
from flk.spec.constants import Outbox

STORED = frozenset({200, 202})
"""Answers after which nothing is sent again, since the outcome is stored."""
REFUSED = frozenset({400, 401, 409, 413})
"""Answers that no repetition changes."""
FINAL = STORED | REFUSED
OTHER_CONTENT = 409
"""The answer to a record whose id is taken by another content (DUP-3)."""
CROWDED = 429
"""The answer of a node that has as many requests in flight as may be (ORD-6)."""


class Answer(NamedTuple):
    """An answer as a dead letter has it."""

    status: int
    body: bytes
    retry_after: float | None


class Stated(NamedTuple):
    """The entry that an acknowledgement states (ORD-7)."""

    pcs_id: str
    digest: str
    timestamp: int
    region: str


class Queued(NamedTuple):
    """A submission waits."""

    payload: bytes


class Settled(NamedTuple):
    """The submission of that timestamp is settled: refused for good with an answer, or acknowledged."""

    queued: int
    answer: Answer | None


def read(payload: bytes) -> Queued | Settled:
    """What a frame says. Raises ValueError for what is none of the three."""
    kind, rest = payload[:1], payload[1:]
    if kind == b"Q":
        return Queued(rest)
    if kind not in {b"A", b"D"} or len(rest) < 8:
        raise ValueError("no frame of an outbox begins so")
    queued = int.from_bytes(rest[:8], "little")
    if kind == b"A":
        return Settled(queued, None)
    letter = json.loads(rest[8:])
    return Settled(queued, Answer(letter["status"], b64decode(letter["body"]), letter["retry_after"]))


def stated(body: bytes) -> Stated | None:
    """The entry that an answer of 200 or 202 states, None if it states none."""
    try:
        found = json.loads(body)
        return Stated(found["pcs_id"], found["digest"], int(found["timestamp"], 16), found["region"])
    except (ValueError, KeyError, TypeError):
        return None


def settles(body: bytes, answer: Answer) -> bool:
    """Whether an answer is final for the submission of that body: a node's, and about just that record (OUT-6)."""
    if answer.status not in FINAL:
        return False
    if answer.status in STORED or answer.status == OTHER_CONTENT:
        found, own = stated(answer.body), content(body)
        if found is None or own is None or found.pcs_id != own.pcs_id:
            return False
        return (found.digest == own.digest) == (answer.status in STORED)
    try:
        refusal = json.loads(answer.body)
        return isinstance(refusal["error"], str) and isinstance(refusal["requirement"], str)
    except (ValueError, KeyError, TypeError):
        return False


class Content(NamedTuple):
    """The id of a record, and the digest of what is signed or judged of it."""

    pcs_id: str
    digest: str


@lru_cache(maxsize=1 << 14)
def content(body: bytes) -> Content | None:
    """What record a body holds, None if it holds none."""
    try:
        record = records.read(body)
        return Content(record["pcs_id"], records.digest(record))
    except records.Invalid:
        return None


def identity(body: bytes) -> str:
    """The `pcs_id` that a body bears; empty if it bears none."""
    try:
        return str(json.loads(body)["pcs_id"])
    except (ValueError, KeyError, TypeError):
        return ""


def logged(tenant: str, body: bytes) -> bytes:
    """A submission as a log keeps it: one byte of tenant length, the tenant, the body."""
    return bytes([len(tenant)]) + tenant.encode() + body


def ceiling(policy: Outbox, attempt: int) -> float:
    """The most that is drawn between attempts n and n + 1 of a round, in seconds (OUT-3). Binary64 ends at 2^1023."""
    return min(policy.base_delay_seconds * 2.0 ** min(attempt - 1, 1023), policy.max_delay_seconds)
