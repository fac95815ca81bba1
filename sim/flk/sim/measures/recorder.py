"""The raw record of a run that the measures are computed from."""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

import msgspec

from flk.model.entries.entry import Claim
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.log.frames import region_of
from flk.model.log.hlc import Timestamp
from flk.model.programs.divergence import Divergence
from flk.model.programs.ship import PREFIX
from flk.sim.kernel.engine import Simulator
from flk.sim.measures.timeline import Moment, Move
from flk.sim.scenarios.faults import Disk, ProcessCrash, RegionCrash, Stop, TornWrite
from flk.sim.world.events import (
    AgentMoved,
    Attempt,
    Claimed,
    Compared,
    Crashed,
    FellBehind,
    Forgotten,
    HeldBack,
    LogFailed,
    Logged,
    Merged,
    PhaseChanged,
    Recovered,
    Replied,
    Restarted,
    Rotted,
    RulingSwitched,
    Uploaded,
)
from flk.sim.world.observer import Observer


class RegionLoss(NamedTuple):
    """What a region took down with it: records it had acknowledged that were not in the object store, the age in seconds of
    the oldest such acknowledgement, and the bytes of all.
    """

    fault: RegionCrash | TornWrite
    seconds: float
    records: int
    size: int


class Stated(msgspec.Struct, frozen=True):
    """What an acknowledgement rests on."""

    timestamp: str
    region: str


_decode = msgspec.json.Decoder(Stated).decode


class Comparison(NamedTuple):
    """What the model's divergence detector found when one region compared itself with another."""

    at: float
    region: str
    peer: str
    divergence: Divergence


class Recorder:
    """Writes down what the measures need, one entry for each event."""

    def __init__(self, regions: Sequence[str], simulator: Simulator) -> None:
        self.attempts: list[Attempt] = []
        self.moves: list[Move] = []
        self.moments: list[Moment] = []
        self.comparisons: list[Comparison] = []
        self.repeats = 0
        self.withheld = 0
        self.stops: list[tuple[float, Stop]] = []
        self.losses: list[RegionLoss] = []
        self.gone: set[tuple[Timestamp, str]] = set()
        self.logged_at: dict[str, list[float]] = {region: [] for region in regions}
        self.applied_at: dict[tuple[str, str], list[float]] = {(a, b): [] for a in regions for b in regions if a != b}
        self._elsewhere = {a: [times for (b, _), times in self.applied_at.items() if a == b] for a in regions}
        self.entries: dict[str, list[tuple[float, int]]] = {region: [(0.0, 0)] for region in regions}
        self.superseded: list[tuple[float, str]] = []
        self.recovered_at: list[tuple[float, str]] = []
        self._simulator = simulator
        self._frames: dict[tuple[str, Timestamp], float] = {}
        self._places: dict[tuple[str, Timestamp], int] = {}
        self._safe: set[tuple[str, Timestamp]] = set()
        self._exposed: dict[str, dict[Timestamp, tuple[float, int]]] = {region: {} for region in regions}

    def observe(self, observer: Observer) -> None:
        """Write down what happens from now on."""
        observer.handle(Logged, self._logged)
        observer.handle(Claimed, self._claimed)
        observer.handle(Merged, self._merged)
        observer.handle(Forgotten, lambda event: self._count(event.region, -1))
        observer.handle(RulingSwitched, self._switched)
        observer.handle(Replied, self._replied)
        observer.handle(Uploaded, self._uploaded)
        observer.handle(Crashed, self._crashed)
        observer.handle(Restarted, lambda event: self.note(event.region, "starts again and recovers"))
        observer.handle(
            LogFailed, lambda event: self.note(event.region, "log cannot be written; the process ends and starts anew")
        )
        observer.handle(Rotted, self._rotted)
        observer.handle(
            FellBehind, lambda event: self.note(event.region, "store does not answer; 503 until the log is replayed")
        )
        observer.handle(Recovered, self._recovered)
        observer.handle(Compared, self._compared)
        observer.handle(Attempt, self.attempts.append)
        observer.handle(HeldBack, self._held_back)
        observer.handle(AgentMoved, self._moved)
        observer.handle(
            PhaseChanged, lambda event: self.note(event.region, f"one shard more: {event.phase.replace('_', ' ')}")
        )

    def _logged(self, event: Logged) -> None:
        """A frame is durable from now on."""
        self._frames.setdefault((event.region, event.frame.timestamp), self._simulator.now)

    def _claimed(self, event: Claimed) -> None:
        """A claim of the region's own log was applied."""
        region = event.region
        self._enlist(region, event.claim)
        if event.records:
            self.superseded += [(self._simulator.now, region) for _ in event.records]
        if event.before is None:
            self._count(region, 1)

    def _merged(self, event: Merged) -> None:
        """A claim of some log was applied by a merge."""
        region, claim = event.region, event.claim
        origin = claim.entry.region
        if origin == region:
            self._enlist(region, claim)
        else:
            times = self.applied_at[origin, region]
            place = self._places.get((origin, claim.entry.timestamp))
            if place is not None and times[place] == inf:
                times[place] = self._simulator.now
        if event.records:
            self.superseded += [(self._simulator.now, region) for _ in event.records]
        if event.before is None:
            self._count(region, 1)

    def _switched(self, event: RulingSwitched) -> None:
        """A store may have an entry less."""
        if event.entry is None:
            self._count(event.region, -1)

    def _replied(self, event: Replied) -> None:
        """What is acknowledged and not in the object store can still be lost, with the region that logged it."""
        logged, response = event.logged, event.response
        if response.status in ACKNOWLEDGED and logged is not None:
            stated = _decode(response.body)
            timestamp = Timestamp(int(stated.timestamp, 16))
            self.repeats += (stated.region, timestamp) != (event.region, logged)
            if (stated.region, timestamp) not in self._safe:
                self._exposed[stated.region].setdefault(timestamp, (self._simulator.now, len(event.request.body)))

    def _uploaded(self, event: Uploaded) -> None:
        """What is in the object store survives its region."""
        region = region_of(event.name.removeprefix(PREFIX))
        for frame in event.found.frames:
            self._safe.add((region, frame.timestamp))
            self._exposed[region].pop(frame.timestamp, None)

    def _crashed(self, event: Crashed) -> None:
        """A region is lost, with what only it had; if only its process died, its disk is at hand and nothing is at risk."""
        fault, now = event.fault, self._simulator.now
        self.stops.append((now, fault))
        if isinstance(fault, ProcessCrash):
            self.note(fault.region, "its process is dead")
            return
        exposed = self._exposed[fault.region]
        oldest = min((at for at, _ in exposed.values()), default=now)
        self.losses.append(RegionLoss(fault, now - oldest, len(exposed), sum(size for _, size in exposed.values())))
        self.note(fault.region, f"down; {len(exposed)} acknowledged records are not in the object store")
        if fault.disk is Disk.LOST:
            self.gone |= {(timestamp, fault.region) for timestamp in exposed}
            self._forget(fault.region)

    def _rotted(self, event: Rotted) -> None:
        """Nobody lags behind what is gone."""
        region, lost = event.region, event.lost
        self.note(region, f"rot: records of its log that cannot be read any more, and were not shipped: {len(lost)}")
        for rotten in lost:
            place = self._places.get((region, rotten.frame.timestamp))
            for (origin, _), times in self.applied_at.items():
                if origin == region and place is not None:
                    times[place] = min(times[place], self._simulator.now)

    def _recovered(self, event: Recovered) -> None:
        """A node is level with its log."""
        region, recovery = event.region, event.recovery
        self.recovered_at.append((self._simulator.now, region))
        torn = sum(repair.torn for repair in recovery.repairs)
        cut = f", {torn} torn bytes cut off" if torn else ""
        if recovery.segments:
            self.note(region, f"recovered: {recovery.frames} frames of its log replayed{cut}")
        elif any(loss.fault.region == region for loss in self.losses):
            self.note(region, "recovered: on an empty disk, from what it had shipped")

    def _compared(self, event: Compared) -> None:
        self.comparisons.append(Comparison(self._simulator.now, event.region, event.peer, event.divergence))

    def _held_back(self, _: HeldBack) -> None:
        self.withheld += 1

    def _moved(self, event: AgentMoved) -> None:
        self.moves.append(Move(self._simulator.now, event.agent, event.region, event.to))

    def note(self, where: str, what: str) -> None:
        """Put a line on the timeline."""
        self.moments.append(Moment(self._simulator.now, where, what))

    def _enlist(self, region: str, claim: Claim) -> None:
        """From when a claim's frame was durable, the other regions lag behind until they have it."""
        frame = region, claim.entry.timestamp
        if frame in self._places or frame not in self._frames:
            return
        self._places[frame] = len(self.logged_at[region])
        self.logged_at[region].append(self._frames[frame])
        for times in self._elsewhere[region]:
            times.append(inf)

    def _count(self, region: str, by: int) -> None:
        """A store has so many entries more."""
        steps = self.entries[region]
        steps.append((self._simulator.now, steps[-1][1] + by))

    def _forget(self, region: str) -> None:
        """Nobody lags behind what is gone; the region itself starts from nothing."""
        now = self._simulator.now
        self.entries[region].append((now, 0))
        mine = ((frame, place) for frame, place in self._places.items() if frame[0] == region)
        unsafe = {place for frame, place in mine if frame not in self._safe}
        for (origin, _), times in self.applied_at.items():
            if origin == region:
                times[:] = [now if place in unsafe else at for place, at in enumerate(times)]
        self._exposed[region].clear()
