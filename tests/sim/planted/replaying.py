"""Bugs in the replay of another region's log."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from tests.sim.planted.bug import Bug, bug
from tests.sim.planted.ingest import credulous

from flk.model.effects import GetObject, ListObjects, Mark, Marked, Merge, Observe, Program, Store
from flk.model.entries.entry import Claim, Entry
from flk.model.log.frames import Frame, sealed_frames
from flk.model.log.hlc import Timestamp
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.replay import PREFIX, Replayed, follows
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL
from flk.sim.nodes.designs import DESIGNS

Taken: TypeAlias = Callable[[tuple[Frame, ...], str, Examine], Program[None]]


def each_segment(
    take: Taken, *, mark_first: bool = False, newest: bool = False
) -> Callable[[str, Examine], Program[Replayed]]:
    """The model's `replay`, which does with the frames of each new segment what `take` does."""

    def replay(peer: str, examine: Examine) -> Program[Replayed]:
        watermark = f"replayed/{peer}"
        done = yield from Marked(watermark)
        names = yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + done)
        for name in (full.removeprefix(PREFIX) for full in (names[-1:] if newest else names)):
            if not newest and not follows(done, name):
                return Replayed((), 0, 0, gap=name)
            frames = sealed_frames(name, (yield from GetObject(PREFIX + name)) or b"")
            if mark_first:
                yield from Mark(watermark, name)
            yield from take(frames, peer, examine)
            yield from Observe(tuple(frame.timestamp for frame in frames))
            if not mark_first:
                yield from Mark(watermark, name)
            done = name
        return Replayed(names, 0, 0)

    return replay


def merged(frames: tuple[Frame, ...], peer: str, examine: Examine) -> Program[None]:
    """As the model does."""
    yield from Merge(claims_of(frames, peer, examine))


def merged_in_part(frames: tuple[Frame, ...], peer: str, examine: Examine) -> Program[None]:
    """Merge one batch, and take the segment for done."""
    yield from Merge(claims_of(frames, peer, examine)[:2])


def trusted(frames: tuple[Frame, ...], peer: str, examine: Examine) -> Program[None]:
    """Leave the signatures to the peer, which has checked them."""
    del examine
    yield from Merge(claims_of(frames, peer, credulous))


def timed_by_arrival(frames: tuple[Frame, ...], peer: str, examine: Examine) -> Program[None]:
    """Merge claims as if they had been made later, so that the local ones prevail."""
    yield from Merge(tuple(Claim(key, _later(entry)) for key, entry in claims_of(frames, peer, examine)))


def claimed(frames: tuple[Frame, ...], peer: str, examine: Examine) -> Program[None]:
    """Claim for the peer as clients claim."""
    for claim in claims_of(frames, peer, examine):
        yield from Store(claim)


def _later(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, timestamp=Timestamp(entry.timestamp + (1 << 40)))


BUGS: dict[str, Bug] = {
    "steps-over-a-gap": bug(
        DESIGNS["stepped-over-gap"],
        "Replays whatever is listed after its watermark, in whichever order it was uploaded.",
        "CRR-5",
        Invariant.NO_GAP,
        Invariant.WATERMARK,
    ),
    "local-arrival": bug(
        DESIGNS["local-arrival"],
        "Skips every claim whose key has an entry here: what came first to this region wins.",
        "CRR-1",
        Invariant.WATERMARK,
        Invariant.CONVERGENCE,
        Invariant.FOLD,
    ),
    "marks-before-it-merges": bug(
        MODEL._replace(replay=each_segment(merged, mark_first=True)),
        "Moves its watermark, then merges.",
        "CRR-4",
        Invariant.WATERMARK,
    ),
    "replays-the-newest-only": bug(
        MODEL._replace(replay=each_segment(merged, newest=True)),
        "Replays the last segment that is listed, and none before it.",
        "CRR-5",
        Invariant.NO_GAP,
    ),
    "merges-one-batch": bug(
        MODEL._replace(replay=each_segment(merged_in_part)),
        "Merges the first claims of a segment, and takes it for done.",
        "CRR-4",
        Invariant.WATERMARK,
    ),
    "trusts-its-peer": bug(
        MODEL._replace(replay=each_segment(trusted)),
        "Merges frames without looking at their signatures.",
        "JDG-5",
        Invariant.VERIFIED,
        Invariant.FORGERY,
        Invariant.REFUSALS,
    ),
    "later-wins": bug(
        MODEL._replace(replay=each_segment(timed_by_arrival)),
        "Merges claims with a time of its own, so that which of two entries prevails depends on the place.",
        "CRR-1",
        Invariant.VERIFIED,
    ),
    "claims-for-its-peer": bug(
        MODEL._replace(replay=each_segment(claimed)),
        "Claims what it replays as clients claim, between the claims of its own log.",
        "DUP-6",
        Invariant.LOG_ORDER,
    ),
}
