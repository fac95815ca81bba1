"""Replay of another region's logs (CRR-1, CRR-5, CRR-6, CRR-7)."""

from collections.abc import Callable, Iterable
from itertools import groupby

import msgspec

from flk.model.effects import GetObject, Inherit, ListObjects, Mark, Marked, Merge, Observe, Program
from flk.model.log.frames import CorruptSegment, Frame, earlier_logs, log_of, sealed_frames, sequence_of
from flk.model.policies.trust import Unvouched
from flk.model.programs.examine import Examine, claims_of
from flk.spec.constants import CONSTANTS

PREFIX = CONSTANTS.replication.object_prefix
REPLAYED = "replayed/"


class Replayed(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """What one pass replayed: segments, claims merged, local winners that gave way; `gap` names a segment that is missing, or the
    first that is there after one that is, and `more_gaps` those of further logs. The snapshot that it began with, if it had to
    (RET-5), and why others were refused.
    """

    segments: tuple[str, ...]
    claims: int
    superseded: int
    gap: str = ""
    more_gaps: tuple[str, ...] = ()
    snapshot: str = ""
    refused: tuple[str, ...] = ()

    @property
    def gaps(self) -> tuple[str, ...]:
        """One for each log that has to wait."""
        return (self.gap, *self.more_gaps) if self.gap else ()


class Stretch(msgspec.Struct, frozen=True):
    """What a pass replayed of one log, and why it went no further (neither: it went to the end)."""

    replayed: Replayed
    corrupt: CorruptSegment | None = None


def replay(peer: str, examine: Examine, *, own: bool = False) -> Program[Replayed]:
    """Join the entries of every new segment of `peer` into the store, in the order of each log.

    A region has one log for each disk that it has had, each with a watermark, since what an earlier disk shipped may come to light
    when the log of the next is being read. Each segment is verified whole before any of it counts (CRR-6), a missing one is waited
    for and never skipped (CRR-5), and repeating a pass changes nothing (CRR-7): the join is idempotent. A log that waits holds up
    no other. If the region is one's `own`, the clock goes on from its logs however far they are ahead (HLC-4). Raises
    CorruptSegment, when all else is done, for a segment that is not as it was sealed.
    """
    newest = yield from Marked(REPLAYED + peer)
    stretches = []
    for log in earlier_logs(log_of(newest)):
        done = yield from Marked(REPLAYED + log)
        listed = yield from ListObjects(f"{PREFIX}{log}/", after=PREFIX + done)
        names = map(_segment, listed)
        stretches.append((yield from join_log(peer, names, REPLAYED + log, done, _shipped, examine, own=own)))
    listed = yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + newest)
    for log, segments in groupby(map(_segment, listed), key=log_of):
        done = newest if log == log_of(newest) else ""
        if newest and not done:
            yield from Mark(
                REPLAYED + log_of(newest), newest, forward=True
            )  # that log may go on, although another has begun
        stretch = yield from join_log(peer, segments, REPLAYED + peer, done, _shipped, examine, own=own)
        newest = (newest, *stretch.replayed.segments)[-1]
        stretches.append(stretch)
    return together(stretches)


def join_log(
    region: str,
    names: Iterable[str],
    watermark: str,
    done: str,
    fetch: Callable[[str, str], Program[tuple[Frame, ...] | None]],
    examine: Examine,
    *,
    own: bool = False,
) -> Program[Stretch]:
    """Join the entries of segments of one log that are listed after `done` into the store, up to the first that is not there or is
    corrupt. `fetch` is asked for the frames of the segment behind another, by the names of both: None if it is not there.
    """
    segments: list[str] = []
    merged = superseded = 0
    for name in names:
        try:
            frames = yield from fetch(done, name)
        except CorruptSegment as corrupt:
            return Stretch(Replayed(tuple(segments), merged, superseded), corrupt)
        if frames is None:
            return Stretch(Replayed(tuple(segments), merged, superseded, gap=name))
        try:
            claims = claims_of(frames, region, examine)
        except Unvouched as unvouched:
            return Stretch(Replayed(tuple(segments), merged, superseded), unvouched)
        superseded += yield from Merge(claims)
        if frames:
            timestamps = tuple(frame.timestamp for frame in frames)
            yield from Inherit(timestamps) if own else Observe(timestamps)
        yield from Mark(watermark, name, forward=True)
        merged += len(claims)
        segments.append(name)
        done = name
    return Stretch(Replayed(tuple(segments), merged, superseded))


def _shipped(done: str, name: str) -> Program[tuple[Frame, ...] | None]:
    """The frames of a shipped segment, if it is the next behind `done` (CRR-5). Raises CorruptSegment (CRR-6)."""
    if not follows(done, name):
        return None
    content = yield from GetObject(PREFIX + name)
    return None if content is None else sealed_frames(name, content)


def _segment(name: str) -> str:
    return name.removeprefix(PREFIX)


def follows(done: str, name: str) -> bool:
    """Whether `name` is the next segment of a log of which `done` is replayed, nothing if that is empty. Raises CorruptSegment for
    what is no segment.
    """
    return sequence_of(name) == (sequence_of(done) if done else 0) + 1


def together(stretches: Iterable[Stretch]) -> Replayed:
    """What was replayed of all logs; the first gap. Raises what is corrupt in the first log that has it."""
    logs = []
    for stretch in stretches:
        if stretch.corrupt is not None:
            raise stretch.corrupt
        logs.append(stretch.replayed)
    gap, *more = [log.gap for log in logs if log.gap] or [""]
    return Replayed(
        segments=tuple(name for log in logs for name in log.segments),
        claims=sum(log.claims for log in logs),
        superseded=sum(log.superseded for log in logs),
        gap=gap,
        more_gaps=tuple(more),
    )
