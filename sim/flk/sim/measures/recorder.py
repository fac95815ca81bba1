"""The raw record of a run that the measures are computed from."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from flk.model.entries.entry import Key
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.flow.submission import Submission
from flk.model.log.frames import Frame, region_of
from flk.model.log.hlc import Timestamp
from flk.model.programs.divergence import Divergence
from flk.model.programs.ship import PREFIX
from flk.sim.kernel.engine import Simulator
from flk.sim.measures.timeline import Moment, Move
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk, ProcessCrash, RegionCrash, Stop, TornWrite
from flk.sim.world.events import (
    AgentMoved,
    Attempt,
    Beat,
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


class Exposed(NamedTuple):
    """An acknowledged record that only its region has: since when, what was sent, and its content's digest."""

    since: float
    request: Submission
    digest: str

    @property
    def key(self) -> Key:
        """What it is stored under."""
        return Key(self.request.tenant, msgspec.json.decode(self.request.body, type=_Named).pcs_id)


class RegionLoss(msgspec.Struct):
    """A region is lost at a moment, with the acknowledged records that nothing outside it holds. An upload that was under way takes
    its records from these.
    """

    fault: RegionCrash | TornWrite
    at: float
    exposed: dict[Timestamp, Exposed]

    @property
    def seconds(self) -> float:
        """The age of the oldest, from its first acknowledgement; 0 without any."""
        return self.at - min((one.since for one in self.exposed.values()), default=self.at)

    @property
    def size(self) -> int:
        """The bytes of all."""
        return sum(len(one.request.body) for one in self.exposed.values())


class _Named(msgspec.Struct, frozen=True):
    pcs_id: str


class Stated(msgspec.Struct, frozen=True):
    """What an acknowledgement rests on."""

    timestamp: str
    region: str
    digest: str


_decode = msgspec.json.Decoder(Stated).decode


class Comparison(NamedTuple):
    """What the model's divergence detector found when one region compared itself with another."""

    at: float
    region: str
    peer: str
    divergence: Divergence


class Recorder:
    """Writes down what the measures need, one entry for each event."""

    def __init__(
        self, regions: Sequence[str], simulator: Simulator, stores: Mapping[str, Region] | None = None
    ) -> None:
        """`stores` has the regions whose stores are looked into when another is lost; it may be filled later."""
        self.attempts: list[Attempt] = []
        self.beats: list[Beat] = []
        self.moves: list[Move] = []
        self.moments: list[Moment] = []
        self.comparisons: list[Comparison] = []
        self.repeats = 0
        self.withheld = 0
        self.stops: list[tuple[float, Stop]] = []
        self.losses: list[RegionLoss] = []
        self.gone: set[tuple[Timestamp, str]] = set()
        self.entries: dict[str, list[tuple[float, int]]] = {region: [(0.0, 0)] for region in regions}
        self.superseded: list[tuple[float, str]] = []
        self.recovered_at: list[tuple[float, str]] = []
        self._simulator = simulator
        self._stores = {} if stores is None else stores
        self._unclaimed: dict[str, dict[Timestamp, Frame]] = {region: {} for region in regions}
        self._down: dict[str, RegionLoss] = {}
        self._safe: set[tuple[str, Timestamp]] = set()
        self._exposed: dict[str, dict[Timestamp, Exposed]] = {region: {} for region in regions}
        self._saved: dict[str, dict[Timestamp, Exposed]] = {region: {} for region in regions}  # in the object store

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
        observer.handle(Restarted, self._restarted)
        observer.handle(
            LogFailed, lambda event: self.note(event.node, "log cannot be written; the process ends and starts anew")
        )
        observer.handle(Rotted, self._rotted)
        observer.handle(
            FellBehind, lambda event: self.note(event.node, "store does not answer; 503 until the log is replayed")
        )
        observer.handle(Recovered, self._recovered)
        observer.handle(Compared, self._compared)
        observer.handle(Attempt, self.attempts.append)
        observer.handle(Beat, self.beats.append)
        observer.handle(HeldBack, self._held_back)
        observer.handle(AgentMoved, self._moved)
        observer.handle(
            PhaseChanged,
            lambda event: self.note(
                event.region, f"one shard {'less' if event.leaves else 'more'}: {event.phase.replace('_', ' ')}"
            ),
        )

    def _logged(self, event: Logged) -> None:
        """A frame is durable from now on."""
        self._unclaimed[event.region][event.frame.timestamp] = event.frame

    def _claimed(self, event: Claimed) -> None:
        """A claim of the region's own log was applied."""
        region = event.region
        self._unclaimed[region].pop(event.claim.entry.timestamp, None)
        if event.records:
            self.superseded += [(self._simulator.now, region) for _ in event.records]
        if event.before is None:
            self._count(region, 1)

    def _merged(self, event: Merged) -> None:
        """A claim of some log was applied by a merge."""
        region, claim = event.region, event.claim
        origin = claim.entry.region
        if origin == region:
            self._unclaimed[region].pop(claim.entry.timestamp, None)
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
            exposed = Exposed(self._simulator.now, event.request, stated.digest)
            held = self._saved if (stated.region, timestamp) in self._safe else self._exposed
            held[stated.region].setdefault(timestamp, exposed)

    def _uploaded(self, event: Uploaded) -> None:
        """What is in the object store survives its region, and what was on its way there when the region was lost; but not what an
        object held that was lost, if the one that was put in its place has less.
        """
        region = region_of(event.name.removeprefix(PREFIX))
        loss = self._down.get(region)
        exposed, saved = self._exposed[region], self._saved[region]
        for frame in event.missing:
            self._safe.discard((region, frame.timestamp))
            if frame.timestamp in saved:
                exposed[frame.timestamp] = saved.pop(frame.timestamp)
        for frame in event.found.frames:
            self._safe.add((region, frame.timestamp))
            if frame.timestamp in exposed:
                saved[frame.timestamp] = exposed.pop(frame.timestamp)
            if loss is not None:
                loss.exposed.pop(frame.timestamp, None)
                self.gone.discard((frame.timestamp, region))

    def _crashed(self, event: Crashed) -> None:
        """A region is lost, with what only it had; if only its process died, its disk is at hand and nothing is at risk."""
        fault, now = event.fault, self._simulator.now
        if fault.node is not None:  # the others serve, and the store is there
            self.note(", ".join(event.nodes), "down, with its disk" if event.lost_disks else "down")
            return
        self.stops.append((now, fault))
        if isinstance(fault, ProcessCrash):
            self.note(fault.region, "its process is dead")
            return
        loss = RegionLoss(fault, now, self._only_there(fault.region))
        self.losses.append(loss)
        self._down[fault.region] = loss
        self.note(fault.region, f"down; {len(loss.exposed)} acknowledged records are nowhere else")
        if fault.disk is Disk.LOST:
            self.gone |= {(timestamp, fault.region) for timestamp in self._exposed[fault.region]}
            self._forget(fault.region)

    def _restarted(self, event: Restarted) -> None:
        self._down.pop(event.region, None)
        self.note(event.node, "starts again and recovers")

    def _only_there(self, region: str) -> dict[Timestamp, Exposed]:
        """The records exposed with a region whose content no other region has in its store, or in its log and not yet there."""
        stores = [store.entries.entries for name, store in self._stores.items() if name != region]
        logged = {
            frame.payload for name, frames in self._unclaimed.items() if name != region for frame in frames.values()
        }

        def elsewhere(one: Exposed) -> bool:
            found = (store.get(one.key) for store in stores)
            return any(entry is not None and entry.digest == one.digest for entry in found) or (
                bool(logged) and one.request.payload() in logged
            )

        return {stamp: one for stamp, one in self._exposed[region].items() if not elsewhere(one)}

    def _rotted(self, event: Rotted) -> None:
        lost = len(event.lost)
        self.note(event.node, f"rot: records of its log that cannot be read any more, and were not shipped: {lost}")

    def _recovered(self, event: Recovered) -> None:
        """A node is level with its log."""
        region, recovery = event.region, event.recovery
        self.recovered_at.append((self._simulator.now, region))
        torn = sum(repair.torn for repair in recovery.repairs)
        cut = f", {torn} torn bytes cut off" if torn else ""
        if recovery.segments:
            self.note(event.node, f"recovered: {recovery.frames} frames of its log replayed{cut}")
        elif any(loss.fault.region == region for loss in self.losses):
            self.note(event.node, "recovered: on an empty disk, from what it had shipped")

    def _compared(self, event: Compared) -> None:
        self.comparisons.append(Comparison(self._simulator.now, event.region, event.peer, event.divergence))

    def _held_back(self, _: HeldBack) -> None:
        self.withheld += 1

    def _moved(self, event: AgentMoved) -> None:
        self.moves.append(Move(self._simulator.now, event.agent, event.region, event.to))

    def note(self, where: str, what: str) -> None:
        """Put a line on the timeline."""
        self.moments.append(Moment(self._simulator.now, where, what))

    def _count(self, region: str, by: int) -> None:
        """A store has so many entries more."""
        steps = self.entries[region]
        steps.append((self._simulator.now, steps[-1][1] + by))

    def _forget(self, region: str) -> None:
        """The region starts from nothing."""
        self.entries[region].append((self._simulator.now, 0))
        self._exposed[region].clear()
        self._unclaimed[region].clear()
