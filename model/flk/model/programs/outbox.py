"""The agent's outbox (OUT-*): queue durably, deliver at least once, end each submission once."""

from enum import StrEnum

import msgspec

from flk.model.effects import (
    OUTBOX,
    Append,
    Draw,
    Post,
    Program,
    Release,
    RemoveSegment,
    Resume,
    Seal,
    Segments,
    Sleep,
)
from flk.model.flow.answers import Meaning
from flk.model.flow.outbox import (
    ACKNOWLEDGED,
    AGAIN,
    BEGUN,
    DEAD,
    ENDED,
    QUEUED,
    Contents,
    Queued,
    about,
    compacted,
    contents,
)
from flk.model.flow.replies import means
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.programs.repair import is_sound, read, repair
from flk.spec.constants import CONSTANTS, Outbox

POLICY = CONSTANTS.outbox
MOST_ASKED = CONSTANTS.retry_after.max_seconds  # that counts of a `Retry-After`
MOST_DOUBLINGS = 1023  # 2^1023 is the largest power of two in binary64; the ceiling is reached long before


class Delivery(StrEnum):
    """How delivery ended. A postponed submission stays queued."""

    ACKNOWLEDGED = "acknowledged"
    DEAD = "dead"
    POSTPONED = "postponed"


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


def send_again(id_: Timestamp, submission: Submission) -> Program[Queued]:
    """Queue a submission, signed anew or just as it was, in the stead of one that waits or is a dead letter. That one is over in
    the same moment.
    """
    timestamp = yield from Append(OUTBOX, about(AGAIN, id_, submission.payload()))
    return Queued(timestamp, submission)


def discard(id_: Timestamp) -> Program[None]:
    """Note that somebody has looked at a dead letter: it is told no more."""
    yield from Append(OUTBOX, about(ACKNOWLEDGED, id_))


def deliver(item: Queued, policy: Outbox = POLICY) -> Program[Delivery]:
    """Send until the service says what became of the submission, at most `max_attempts` times (OUT-2).

    A stored outcome acknowledges it; a refusal that no repetition can change makes it a dead letter (OUT-5). Whatever else comes,
    silence or an answer that is not about this record (OUT-6), it is retried after a pause, and at last left to the next round.
    """
    for attempt in range(1, policy.max_attempts + 1):
        response = yield from Post(item.submission)
        meaning = means(item.submission, response)
        if meaning is Meaning.ACKNOWLEDGED:
            yield from Append(OUTBOX, about(ACKNOWLEDGED, item.id))
            return Delivery.ACKNOWLEDGED
        if meaning is Meaning.REFUSED:
            yield from Append(OUTBOX, about(DEAD, item.id, msgspec.json.encode(response)))
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
    yield from repair(OUTBOX, unsound)
    return contents(frames)


def compact() -> Program[int]:
    """Carry what still counts of the outbox log to its end, and remove all before; how many bytes were carried (RET-8).

    Whatever was appended meanwhile stands behind. A log with a segment that is not sound is left alone: opening repairs it, and its
    user is told (OUT-7).
    """
    yield from Seal(OUTBOX)
    names = yield from Segments(OUTBOX, after="", sealed=True)
    frames: list[Frame] = []
    for name in names:
        reading = yield from read(OUTBOX, name)
        if not is_sound(reading.found):
            return sum(len(frame.payload) for frame in frames)
        frames += reading.frames
    carried = compacted(frames)
    for payload in carried if names else ():
        yield from Append(OUTBOX, payload)
    for name in (yield from Release(OUTBOX, names[-1])) if names else ():
        yield from RemoveSegment(name)
    return sum(map(len, carried))
