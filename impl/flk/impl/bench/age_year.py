"""A year of traffic in simulated time: the model's programs on the memory runtime, and month by month what a node holds.

Two nodes take the same traffic: one writes snapshots and removes what they cover, one has tiers. Each is killed at the end of each
month and starts on what it left; the first loses its store then, too, and starts from a snapshot.
"""

from collections.abc import Callable
from random import Random
from typing import TypeVar

import msgspec

from flk.impl.bench.ageing import Measure, per
from flk.impl.bench.records import TENANT, distinct, submission
from flk.model.compiled.examiner import examining
from flk.model.effects import Effect, GetObject, Program, ReadSegment
from flk.model.entries.tiers import Tier, Tiers
from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.submission import Submission
from flk.model.log.frames import scan
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.examine import Examine
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import recover
from flk.model.programs.retain import retain
from flk.model.programs.ship import PREFIX, ship
from flk.model.programs.snapshot import snapshot
from flk.model.programs.tiering import move
from flk.model.record.signing import HmacKey, Keyring
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS

R = TypeVar("R")

REGION = "eu"
SEED = 1
HOUR, HOURS = 3600.0, 24
DAYS_A_MONTH = 30
BEGAN = 1_767_225_600.0  # the first of January 2026, in seconds since 1970
REPEATS_EVERY = 4  # one submission in so many has been sent before, within the dedup window
KEPT_DAYS = 7.0  # of log and objects


class Forgotten(Exception):
    """A node that started again answers otherwise than before."""


class _Life:
    """A node that takes traffic, and what survives its kills."""

    def __init__(self, now: Callable[[], float], examined: Examine, tiers: Tiers | None) -> None:
        self.disk, self.objects = Disk(REGION), Objects()
        self.entries = Entries(tiers=tiers)
        self._now, self._examined = now, examined
        self.node = self._started()

    def run(self, program: Program[R]) -> R:
        return run(program, self.node.perform)

    def take(self, sent: Submission) -> None:
        answer = self.run(ingest(sent, REGION, self._examined))
        if answer.status not in STATES_ENTRY:
            raise Forgotten(f"an honest record was answered with {answer.status}: {answer.body!r}")

    def restart(self, *, store_lost: bool = False) -> "_Read":
        """Kill the node and start it on what it left; what that read. Raises Forgotten if a lost store is not made whole."""
        before = dict(self.entries.entries)
        if store_lost:
            self.entries = Entries()
        self.node = self._started()
        read = _Read(self.node)
        run(recover(REGION, self._examined, (REGION,) if self.entries.tiers is None else ()), read.perform)
        if dict(self.entries.entries) != before:
            raise Forgotten("a node that started again stores something else than before")
        return read

    def _started(self) -> MemoryNode:
        return MemoryNode(self.disk, self.entries, self.objects, self._now)


class _Read:
    """Performs effects, and counts what is read of log and objects."""

    def __init__(self, node: MemoryNode) -> None:
        self._node = node
        self.frames = 0
        self.bytes = 0

    def perform(self, effect: Effect[R]) -> R:
        result = self._node.perform(effect)
        if isinstance(effect, ReadSegment | GetObject) and isinstance(result, bytes):
            self.bytes += len(result)
        if isinstance(effect, ReadSegment) and isinstance(result, bytes):
            self.frames += len(scan(result).frames)
        return result


class Month(msgspec.Struct, frozen=True):
    """What the node held at the end of a month: of its log, in the object store, and in its store; what a start after a kill reads,
    and one after the loss of the store. `hot`, `warm` and `cold` are entries of the node with tiers.
    """

    submissions: int
    entries: int
    segments: int
    log_bytes: int
    objects: int
    object_bytes: int
    snapshots: int
    snapshot_bytes: int
    restart_frames: int
    restart_bytes: int
    rebuild_frames: int
    rebuild_bytes: int
    hot: int
    warm: int
    cold: int


def measure(
    per_hour: int = 4, months: int = 12, on_progress: Callable[[str], None] = lambda _: None
) -> tuple[Measure, ...]:
    """The months of a life with up to so many submissions an hour, drawn for each.

    Raises Forgotten if a node lost or changed anything.
    """
    return measures(lived(per_hour, months, on_progress))


def lived(per_hour: int, months: int, on_progress: Callable[[str], None]) -> tuple[Month, ...]:
    """The months one after another. Segments are shipped each hour; snapshots and retention come once a day."""
    clock = [BEGAN]
    key = HmacKey(b"of the benchmark")
    examined = examining(Keyring({TENANT: [key]}))
    retaining = _Life(lambda: clock[0], examined, None)
    tiered = _Life(lambda: clock[0], examined, Tiers())
    lives = (retaining, tiered)
    random, new = Random(SEED), distinct()
    window = int(CONSTANTS.dedup.ttl_seconds / HOUR) * per_hour // 2
    recent: list[Submission] = []
    sent, found = 0, []
    for month in range(months):
        on_progress(f"month {month + 1} of {months}")
        for hour in range(DAYS_A_MONTH * HOURS):
            last = hour == DAYS_A_MONTH * HOURS - 1
            for _ in range(per_hour if last else random.randint(1, per_hour)):
                again = recent and not random.randrange(REPEATS_EVERY)
                one = random.choice(recent) if again else submission(next(new), key)
                if not again:
                    recent = [*recent[-window:], one]
                sent += 1
                clock[0] += HOUR / per_hour / 2
                for life in lives:
                    life.take(one)
            if last:  # killed before this hour is shipped
                break
            clock[0] = BEGAN + (month * DAYS_A_MONTH * HOURS + hour + 1) * HOUR
            for life in lives:
                life.run(ship())
            tiered.run(move())
            if hour % HOURS == HOURS - 1:
                retaining.run(snapshot(REGION))
                retaining.run(retain(REGION, KEPT_DAYS * HOURS * HOUR))
        found.append(_month(sent, retaining, tiered))
        clock[0] = BEGAN + (month + 1) * DAYS_A_MONTH * HOURS * HOUR
    return tuple(found)


def _month(sent: int, retaining: _Life, tiered: _Life) -> Month:
    killed, lost = retaining.restart(), retaining.restart(store_lost=True)
    tiered.restart()
    there = retaining.objects.objects
    logged = [len(content) for name, content in there.items() if name.startswith(PREFIX)]
    heads = retaining.objects.names(f"{CONSTANTS.snapshot.object_prefix}{REGION}/heads/", "")
    held = tiered.entries.tiers
    counts = {tier: len(held.held[tier]) if held else 0 for tier in Tier}
    segments = retaining.disk.segments.values()
    return Month(
        submissions=sent,
        entries=len(retaining.entries.entries),
        segments=len(segments),
        log_bytes=sum(map(len, segments)),
        objects=len(logged),
        object_bytes=sum(logged),
        snapshots=len(heads),
        snapshot_bytes=sum(map(len, there.values())) - sum(logged),
        restart_frames=killed.frames,
        restart_bytes=killed.bytes,
        rebuild_frames=lost.frames,
        rebuild_bytes=lost.bytes,
        hot=counts[Tier.HOT],
        warm=counts[Tier.WARM],
        cold=counts[Tier.COLD],
    )


def measures(months: tuple[Month, ...]) -> tuple[Measure, ...]:
    """What is judged of the months. Entries are kept (decision 0044), so what holds them is judged for each of them."""

    def of(name: str) -> tuple[float, ...]:
        return tuple(float(getattr(month, name)) for month in months)

    entries = of("entries")
    return (
        Measure("submissions so far", "", of("submissions"), bar=0),
        Measure("entries", "", entries, bar=0),
        Measure("segments of the log", "", of("segments")),
        Measure("log", "bytes", of("log_bytes")),
        Measure("objects of the log", "", of("objects")),
        Measure("objects of the log", "bytes", of("object_bytes")),
        Measure("snapshots", "", of("snapshots")),
        Measure("snapshots, an entry", "bytes", per(of("snapshot_bytes"), entries)),
        Measure("read by a start after a kill", "frames", of("restart_frames")),
        Measure("read by a start after a kill", "bytes", of("restart_bytes")),
        Measure("read of the log, the store lost", "frames", of("rebuild_frames")),
        Measure("read then, an entry", "bytes", per(of("rebuild_bytes"), entries)),
        Measure("with tiers: hot entries", "", of("hot"), bar=0),
        Measure("with tiers: warm entries", "", of("warm")),
        Measure("with tiers: cold entries", "", of("cold")),
    )
