"""The agent's outbox (OUT-*): queue durably, deliver at least once, end each submission once."""

from collections.abc import Iterable
from enum import StrEnum
from struct import Struct

import msgspec

from flk.model.effects import OUTBOX, Append, Draw, Post, Program, Resume, Segments, Sleep
from flk.model.flow.answers import Meaning
from flk.model.flow.replies import means
from flk.model.flow.submission import Response, Submission, from_payload
from flk.model.log.frames import Frame
from flk.model.log.hlc import LAST, Timestamp
from flk.model.programs.repair import Repair, is_sound, read, repair
from flk.spec.constants import CONSTANTS, Outbox

POLICY = CONSTANTS.outbox
MOST_ASKED = CONSTANTS.retry_after.max_seconds  # that counts of a `Retry-After`
MOST_DOUBLINGS = 1023  # 2^1023 is the largest power of two in binary64; the ceiling is reached long before
QUEUED, ACKNOWLEDGED, DEAD, BEGUN, ENDED = b"Q", b"A", b"D", b"B", b"E"
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


class Unfinished(msgspec.Struct, frozen=True):
    """A source that was not queued to its end: its name, and how many of its submissions were queued before the agent stopped."""

    source: str
    queued: int


class Contents(msgspec.Struct, frozen=True):
    """What an outbox log says: what still waits, what was refused for good, and what of it had to be repaired. What was queued in a
    damaged range is lost (OUT-7).
    """

    pending: tuple[Queued, ...]
    dead: tuple[DeadLetter, ...]
    unfinished: tuple[Unfinished, ...] = ()
    repairs: tuple[Repair, ...] = ()


def queue(submission: Submission) -> Program[Queued]:
    """Make a submission durable before it is first sent (OUT-1)."""
    timestamp = yield from Append(OUTBOX, QUEUED + submission.payload())
    return Queued(timestamp, submission)


def begin_source(source: str) -> Program[None]:
    """Note that the submissions of a source are queued from here on (OUT-7)."""
    yield from Append(OUTBOX, BEGUN + source.encode())


def end_source(source: str) -> Program[None]:
    """Note that all submissions of a source are queued, or that its giver knows which are not."""
    yield from Append(OUTBOX, ENDED + source.encode())


def deliver(item: Queued, policy: Outbox = POLICY) -> Program[Delivery]:
    """Send until the service says what became of the submission, at most `max_attempts` times (OUT-2).

    A stored outcome acknowledges it; a refusal that no repetition can change makes it a dead letter (OUT-5). Whatever else comes,
    silence or an answer that is not about this record (OUT-6), it is retried after a pause, and at last left to the next round.
    """
    for attempt in range(1, policy.max_attempts + 1):
        response = yield from Post(item.submission)
        meaning = means(item.submission, response)
        if meaning is Meaning.ACKNOWLEDGED:
            yield from Append(OUTBOX, ACKNOWLEDGED + _ID.pack(item.id))
            return Delivery.ACKNOWLEDGED
        if meaning is Meaning.REFUSED:
            yield from Append(OUTBOX, DEAD + _ID.pack(item.id) + msgspec.json.encode(response))
            return Delivery.DEAD
        if attempt < policy.max_attempts:
            draw = yield from Draw()
            yield from Sleep(pause(attempt, draw, response, policy))
    return Delivery.POSTPONED


def pause(attempt: int, draw: float, response: Response | None, policy: Outbox = POLICY) -> float:
    """Seconds to wait after a failed attempt: full jitter under a doubling, capped ceiling (OUT-3), and never less than the
    server's `Retry-After`, as far as that is within its bound (OUT-4). Source: Brooker, "Exponential Backoff And Jitter", 2015.
    """
    ceiling = min(policy.max_delay_seconds, policy.base_delay_seconds * 2.0 ** min(attempt - 1, MOST_DOUBLINGS))
    asked = response.retry_after if response is not None and response.retry_after is not None else 0.0
    return max(0.0, min(asked, MOST_ASKED)) + draw * ceiling


def open_outbox() -> Program[Contents]:
    """Read the outbox log and repair it: what a restarted agent still has to deliver.

    The agent's clock goes on after the log's last timestamp, so that no new submission takes the identity of an old one.
    """
    frames: list[Frame] = []
    unsound = []
    for name in (yield from Segments(OUTBOX, after="")):
        reading = yield from read(OUTBOX, name)
        yield from Resume(reading.clock)
        frames += reading.frames
        if not is_sound(reading.found):
            unsound.append(name)
    repairs = yield from repair(OUTBOX, unsound)
    return msgspec.structs.replace(contents(frames), repairs=repairs)


def contents(frames: Iterable[Frame]) -> Contents:
    """The state that outbox frames amount to; repeated frames, and salvaged ones, which come late, change nothing."""
    queued: dict[Timestamp, Submission] = {}
    ended: dict[Timestamp, Response | None] = {}
    sources: dict[str, Timestamp] = {}
    begun: list[Timestamp] = []
    for frame in sorted(frames, key=lambda frame: frame.timestamp):
        kind, rest = frame.payload[:1], frame.payload[1:]
        if kind == QUEUED:
            queued[frame.timestamp] = from_payload(rest)
        elif kind == BEGUN:
            sources[rest.decode()] = frame.timestamp
            begun.append(frame.timestamp)
        elif kind == ENDED:
            sources.pop(rest.decode(), None)
        else:
            response = msgspec.json.decode(rest[_ID.size :], type=Response) if kind == DEAD else None
            ended[Timestamp(*_ID.unpack_from(rest))] = response
    pending = tuple(Queued(id_, item) for id_, item in queued.items() if id_ not in ended)
    dead = tuple(
        DeadLetter(id_, queued[id_], response) for id_, response in ended.items() if response and id_ in queued
    )
    unfinished = tuple(Unfinished(source, _since(began, begun, queued)) for source, began in sources.items())
    return Contents(pending, dead, unfinished)


def _since(began: Timestamp, begun: Iterable[Timestamp], queued: Iterable[Timestamp]) -> int:
    """How many submissions were queued from then on, before another source was begun."""
    until = min((other for other in begun if other > began), default=LAST)
    return sum(began < each < until for each in queued)
