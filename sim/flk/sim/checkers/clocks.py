"""The invariants of the nodes' clocks (HLC-1 to HLC-4), judged from the frames of their logs and from what reached them.

A timestamp is checked when its frame is durable: it is past all that its clock must be past, and no further ahead than something
that its clock may follow. Both bounds are worked out anew for each frame; where only wall time and the log count, they meet.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from flk.model.effects import INBOX
from flk.model.entries.entry import Entry
from flk.model.log.frames import region_of
from flk.model.log.hlc import Timestamp, text
from flk.model.programs.replay import PREFIX, REPLAYED
from flk.sim.checkers.invariants import Checks, Invariant, Together
from flk.sim.kernel.engine import Simulator
from flk.sim.nodes.region import ORIGIN, Place, Region
from flk.sim.oracle import clocks, frames
from flk.sim.scenarios.faults import ClockFault, ClockJump, ClockSkew, Fault
from flk.sim.world.events import (
    Claimed,
    Crashed,
    Levelled,
    LogFailed,
    Logged,
    Merged,
    PoliciesStated,
    RecoveryBegan,
    Rotted,
    Uploaded,
    WatermarkSet,
)
from flk.sim.world.observer import Observer

A_TIMESTAMP = Together(Invariant.PAST_ALL, Invariant.NOT_DRAGGED)


class Clock:
    """What the clock of one node must be past, and what it may follow.

    `issued` is the latest timestamp of its log, `received` the latest that a replay took over within the bound since the node
    started, `allowed` the latest of all that others shipped within the bound, `strange` what they shipped beyond it. `shipped` is
    the latest that the region shipped itself, or began a segment with.
    """

    def __init__(self) -> None:
        self.issued = 0
        self.shipped = 0
        self.merged: defaultdict[str, list[tuple[int, Sequence[ClockFault]]]] = defaultdict(list)  # by region of origin
        self.received = 0
        self.allowed = 0
        self.strange: list[int] = []
        self.logged: dict[Timestamp, bytes] = {}
        self.rotten = False


class ClockRules:
    """Checks the timestamp of every frame that becomes durable. In a store that `defers` what a tier must tell, an entry may be
    merged long after its timestamp arrived, so there merging says nothing of arriving.
    """

    def __init__(
        self,
        regions: Mapping[str, Region],
        places: Mapping[str, Place],
        faults: Sequence[Fault],
        simulator: Simulator,
        checks: Checks,
        *,
        defers: bool,
        shared: bool,
    ) -> None:
        self._regions = regions
        self._places = places
        self._skews = [fault for fault in faults if isinstance(fault, ClockSkew | ClockJump)]
        self._simulator = simulator
        self._checks = checks
        self._defers = defers
        self._shared = shared
        self._clocks: dict[str, Clock] = {}

    def observe(self, observer: Observer) -> None:
        """Follow every timestamp from its log to the regions that learn of it."""
        observer.handle(Logged, lambda event: self._issued(event.node, event.frame.timestamp, event.frame.payload))
        observer.handle(PoliciesStated, lambda event: self._issued(event.node, event.since, event.text))
        if not self._defers:
            observer.handle(Merged, self._merged)
            observer.handle(WatermarkSet, self._took_over)
        observer.handle(Uploaded, self._uploaded)
        if self._shared:
            observer.handle(Claimed, lambda event: self._shown(event.region, event.claim.entry))
            observer.handle(Merged, lambda event: self._shown(event.region, event.claim.entry))
        observer.handle(Rotted, self._rotted)
        observer.handle(RecoveryBegan, self._began)
        observer.handle(Levelled, self._levelled)
        observer.handle(LogFailed, lambda event: self._forget(event.node))
        observer.handle(Crashed, self._crashed)

    def _of(self, node: str) -> Clock:
        return self._clocks.setdefault(node, Clock())

    def _issued(self, node: str, timestamp: Timestamp, payload: bytes) -> None:
        """A salvaged frame keeps the timestamp it has; any other, and each change of policies, gets the next one of its clock."""
        clock = self._of(node)
        if clock.logged.get(timestamp) == payload:
            return
        clock.logged[timestamp] = payload
        if clock.rotten and timestamp <= clock.issued:
            clock.issued = self._readable(node, timestamp)
        wall = clocks.begun(self._places[node].wall()).integer
        least = max(clock.issued + 1, clock.received + 1, wall)
        if least <= timestamp <= max(least, clock.allowed + 1):
            self._checks.hold(A_TIMESTAMP)
        else:
            self._judge(node, clock, timestamp, wall)
        clock.issued = max(clock.issued, timestamp)

    def _judge(self, node: str, clock: Clock, timestamp: Timestamp, wall: int) -> None:
        """The two bounds one by one. What was beyond the bound when it was shipped may be within it by now."""
        now_within = [seen for seen in clock.strange if self._may_follow(node, seen)]
        clock.strange = [seen for seen in clock.strange if seen not in now_within]
        clock.allowed = max([clock.allowed, *now_within])
        for past, what in (
            (clock.issued, "the latest of its log"),
            (clock.received, "one that its region took over"),
            (wall - 1, "wall time"),
        ):
            self._checks.require(
                Invariant.PAST_ALL,
                timestamp > past,
                node,
                "Append",
                lambda past=past, what=what: f"a frame got timestamp {text(timestamp)} after {past:016x}, {what}",  # type: ignore[misc]
            )
        most = max(clock.issued + 1, clock.allowed + 1, clock.shipped + 1, wall)
        ahead = clocks.stamp(timestamp).wall - clocks.stamp(wall).wall
        self._checks.require(
            Invariant.NOT_DRAGGED,
            timestamp <= most,
            node,
            "Append",
            lambda: f"a frame got timestamp {text(timestamp)}, {ahead:.3f} s ahead, where {most:016x} is due at most",
        )

    def _merged(self, event: Merged) -> None:
        """The timestamp of an entry of another region has arrived, and is within the bound or not."""
        entry = event.claim.entry
        place = self._places[event.node]
        if entry.region != event.region and not self._is_strange(place, entry.timestamp):
            self._of(event.node).merged[entry.region].append((entry.timestamp, tuple(place.clock_faults)))

    def _took_over(self, event: WatermarkSet) -> None:
        """A segment is merged, and the timestamps in it were observed, those that were within the bound all the time. Other regions
        may be replayed meanwhile, whose timestamps are yet to be.
        """
        if not event.name.startswith(REPLAYED):
            return
        clock, place = self._of(event.node), self._places[event.node]
        faults = tuple(place.clock_faults)
        peer = event.name.removeprefix(REPLAYED)  # a region, or a log of one
        merged = clock.merged.pop(peer if peer in self._regions else peer.rpartition(".")[0], [])
        certain = [seen for seen, then in merged if then == faults and not self._is_strange(place, Timestamp(seen))]
        clock.received = max([clock.received, *certain])

    def _shown(self, region: str, entry: Entry) -> None:
        """What is in a store that nodes share may reach each of them: of their own region however far it is ahead (HLC-7)."""
        for place in self._regions[region].places:
            if entry.region == region or self._may_follow(place.name, entry.timestamp):
                clock = self._of(place.name)
                clock.allowed = max(clock.allowed, entry.timestamp)

    def _uploaded(self, event: Uploaded) -> None:
        """What is in the object store may reach any other region, and the next disk of the same."""
        origin = region_of(event.name.removeprefix(PREFIX))
        latest = max((frame.timestamp for frame in event.found.frames), default=0)
        for node, place in self._places.items():
            clock = self._of(node)
            if place.region.name == origin:
                clock.shipped = max(clock.shipped, latest)
            elif self._may_follow(node, latest):
                clock.allowed = max(clock.allowed, *(f.timestamp for f in event.found.frames), 0)
            else:
                clock.strange += [frame.timestamp for frame in event.found.frames]

    def _rotted(self, event: Rotted) -> None:
        """A restart will not know of timestamps that cannot be read any more."""
        self._of(event.node).rotten = True

    def _began(self, event: RecoveryBegan) -> None:
        """What a node can read when it starts it goes on after, though it may rot later (HLC-4)."""
        clock, disk = self._of(event.node), self._places[event.node].disk
        if clock.rotten:
            found = [frames.read(bytes(disk.segments[name]), disk.salt(name)).clock for name in disk.names(INBOX)]
            clock.shipped = max([clock.shipped, *found])

    def _levelled(self, event: Levelled) -> None:
        """A timestamp at the head of a segment is in the log, too, though the frame after it may be torn (HLC-4). A node serves as
        soon as it is level, so this counts from then on.
        """
        clock, disk = self._of(event.node), self._places[event.node].disk
        begun = max((frames.begun(disk.segments[name], disk.salt(name)) for name in disk.names(INBOX)), default=0)
        clock.shipped = max(clock.shipped, begun)
        if not clock.rotten:
            clock.issued = max(clock.issued, begun)

    def _crashed(self, event: Crashed) -> None:
        """What was in memory is forgotten; a new disk begins a new log."""
        for node in event.nodes:
            self._forget(node)
        for node in event.lost_disks:
            clock = self._of(node)
            clock.issued = 0
            clock.logged.clear()

    def _forget(self, node: str) -> None:
        clock = self._of(node)
        clock.received = 0
        clock.merged.clear()

    def _is_strange(self, place: Place, seen: Timestamp) -> bool:
        return clocks.is_strange(clocks.stamp(seen), place.wall())

    def _may_follow(self, node: str, seen: int) -> bool:
        """Whether the node's clock has been so that a timestamp was within the bound."""
        now = self._simulator.now
        offsets = [
            float(fault.offset) for fault in self._skews if self._places[node].is_struck(fault) and fault.start <= now
        ]
        latest = ORIGIN + now + sum(offset for offset in offsets if offset > 0)
        return not clocks.is_strange(clocks.stamp(seen), latest)

    def _readable(self, node: str, but: Timestamp) -> int:
        """The latest timestamp that is on a node's disk, beside one."""
        disk = self._places[node].disk
        found = (frames.read(bytes(disk.segments[name]), disk.salt(name)) for name in disk.names(INBOX))
        return max(
            (frame.timestamp for segment in found for frame in segment.data if frame.timestamp != but), default=0
        )
