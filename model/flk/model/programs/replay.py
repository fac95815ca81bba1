"""Replay of another region's log (CRR-1, CRR-5, CRR-6, CRR-7)."""

import msgspec

from flk.model.effects import GetObject, ListObjects, Mark, Marked, Merge, Observe, Program, Resume
from flk.model.log.frames import log_of, sealed_frames, sequence_of
from flk.model.programs.examine import Examine, claims_of
from flk.spec.constants import CONSTANTS

PREFIX = CONSTANTS.replication.object_prefix


class Replayed(msgspec.Struct, frozen=True):
    """What one pass replayed: segments, claims merged, local winners that gave way; `gap` names a segment that is missing."""

    segments: tuple[str, ...]
    claims: int
    superseded: int
    gap: str = ""


def replay(peer: str, examine: Examine, *, own: bool = False) -> Program[Replayed]:
    """Join the entries of every new segment of `peer` into the store, in log order.

    Each segment is verified whole before any of it counts (CRR-6; raises CorruptSegment), a missing one is waited for and
    never skipped (CRR-5), and repeating a pass changes nothing (CRR-7): the join is idempotent. If the log is the region's `own`,
    of a disk that is gone, its clock goes on from there however far that is ahead (HLC-4).
    """
    watermark = f"replayed/{peer}"
    done = yield from Marked(watermark)
    names = yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + done)
    segments: list[str] = []
    merged = superseded = 0
    for name in (full.removeprefix(PREFIX) for full in names):
        if not follows(done, name):
            return Replayed(tuple(segments), merged, superseded, gap=name)
        content = yield from GetObject(PREFIX + name)
        if content is None:
            return Replayed(tuple(segments), merged, superseded, gap=name)
        frames = sealed_frames(name, content)
        claims = claims_of(frames, peer, examine)
        superseded += yield from Merge(claims)
        if frames:
            latest = max(frame.timestamp for frame in frames)
            yield from Resume(latest) if own else Observe(latest)
        yield from Mark(watermark, name)
        merged += len(claims)
        segments.append(name)
        done = name
    return Replayed(tuple(segments), merged, superseded)


def follows(done: str, name: str) -> bool:
    """Whether `name` is the next segment after `done`: the next in its log, or the first of a log begun on a new disk."""
    if done and log_of(done) == log_of(name):
        return sequence_of(name) == sequence_of(done) + 1
    return sequence_of(name) == 1
