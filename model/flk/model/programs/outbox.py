"""The agent's outbox (OUT-*): queue durably, deliver at least once, end each submission once."""

import math
from collections.abc import Iterable
from enum import StrEnum
from struct import Struct

import msgspec

from flk.model.effects import OUTBOX, Append, Draw, Post, Program, ReadSegment, Resume, Segments, Sleep
from flk.model.flow.answers import Meaning, meaning
from flk.model.flow.submission import Response, Submission, from_payload
from flk.model.log.frames import Frame, scan
from flk.model.log.hlc import Timestamp
from flk.model.programs.repair import is_sound, repair
from flk.spec.constants import CONSTANTS, Outbox

POLICY = CONSTANTS.outbox
QUEUED, ACKNOWLEDGED, DEAD = b"Q", b"A", b"D"
_ID = Struct("<Q")


class Queued(msgspec.Struct, frozen=True):
    """A submission that waits in the outbox; its log timestamp is its identity there."""

    id: Timestamp
    submission: Submission


class DeadLetter(msgspec.Struct, frozen=True):
    """A submission that the service refused for good, and how."""

    id: Timestamp
    submission: Submission
    response: Response


class Delivery(StrEnum):
    """How delivery ended. A postponed submission stays queued."""

    ACKNOWLEDGED = "acknowledged"
    DEAD = "dead"
    POSTPONED = "postponed"


class Contents(msgspec.Struct, frozen=True):
    """What an outbox log says: what still waits, and what was refused for good."""

    pending: tuple[Queued, ...]
    dead: tuple[DeadLetter, ...]


def queue(submission: Submission) -> Program[Queued]:
    """Make a submission durable before it is first sent (OUT-1)."""
    timestamp = yield from Append(OUTBOX, QUEUED + submission.payload())
    return Queued(timestamp, submission)


def deliver(item: Queued, policy: Outbox = POLICY) -> Program[Delivery]:
    """Send until the service says what became of the submission, at most `max_attempts` times (OUT-2).

    A stored outcome acknowledges it; a refusal that no repetition can change makes it a dead letter (OUT-5). Whatever
    else happens, silence included, is retried after a pause, and at last left to the next round.
    """
    for attempt in range(1, policy.max_attempts + 1):
        response = yield from Post(item.submission)
        if response is not None and meaning(response.status) is Meaning.ACKNOWLEDGED:
            yield from Append(OUTBOX, ACKNOWLEDGED + _ID.pack(item.id))
            return Delivery.ACKNOWLEDGED
        if response is not None and meaning(response.status) is Meaning.REFUSED:
            yield from Append(OUTBOX, DEAD + _ID.pack(item.id) + msgspec.json.encode(response))
            return Delivery.DEAD
        if attempt < policy.max_attempts:
            draw = yield from Draw()
            yield from Sleep(pause(attempt, draw, response, policy))
    return Delivery.POSTPONED


def pause(attempt: int, draw: float, response: Response | None, policy: Outbox = POLICY) -> float:
    """Seconds to wait after a failed attempt: full jitter under a doubling, capped ceiling (OUT-3), and never less than the
    server's `Retry-After` (OUT-4). Source: Brooker, "Exponential Backoff And Jitter", 2015.
    """
    ceiling = min(policy.max_delay_seconds, math.ldexp(policy.base_delay_seconds, attempt - 1))
    asked = response.retry_after if response is not None and response.retry_after is not None else 0.0
    return asked + draw * ceiling


def open_outbox() -> Program[Contents]:
    """Read the outbox log and repair it: what a restarted agent still has to deliver.

    The agent's clock goes on after the log's last timestamp, so that no new submission takes the identity of an old one.
    """
    frames: list[Frame] = []
    unsound = []
    for name in (yield from Segments(OUTBOX, after="")):
        found = scan((yield from ReadSegment(name)))
        yield from Resume(found.clock)
        frames += found.frames
        if not is_sound(found):
            unsound.append(name)
    yield from repair(OUTBOX, unsound)
    return contents(frames)


def contents(frames: Iterable[Frame]) -> Contents:
    """The state that a sequence of outbox frames amounts to; repeated and salvaged frames change nothing."""
    queued: dict[Timestamp, Submission] = {}
    ended: dict[Timestamp, Response | None] = {}
    for frame in frames:
        kind, rest = frame.payload[:1], frame.payload[1:]
        if kind == QUEUED:
            queued[frame.timestamp] = from_payload(rest)
        else:
            response = msgspec.json.decode(rest[_ID.size :], type=Response) if kind == DEAD else None
            ended[Timestamp(*_ID.unpack_from(rest))] = response
    pending = tuple(Queued(id_, item) for id_, item in queued.items() if id_ not in ended)
    dead = tuple(
        DeadLetter(id_, queued[id_], response) for id_, response in ended.items() if response and id_ in queued
    )
    return Contents(pending, dead)
