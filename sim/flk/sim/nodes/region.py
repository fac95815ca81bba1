"""A region: what of it survives a crash, and what all regions share."""

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from flk.model.entries.entry import Entry, Key
from flk.model.entries.migration import Phase
from flk.model.entries.tiers import Terms
from flk.model.flow.timekeeping import Timekeeper, has_stepped
from flk.model.log.hlc import wall_seconds
from flk.model.programs.examine import Examine
from flk.sim.kernel.engine import Call, Simulator
from flk.sim.kernel.programs import Programs
from flk.sim.kernel.random_streams import RandomStreams
from flk.sim.kernel.trace import Trace
from flk.sim.nodes.parts import AuditWorkers, BackgroundRounds, RunningNode, StoreMigrator
from flk.sim.nodes.resharding import ReshardingPlan
from flk.sim.scenarios.faults import ClockFault, Disk, ProcessCrash, SlowNode, Stop
from flk.sim.scenarios.layout import Layout
from flk.sim.scenarios.policy import Policy
from flk.sim.world.audit_queue import WatchedArchive, WatchedTasks
from flk.sim.world.clocks import offset
from flk.sim.world.disks import DiskHealth
from flk.sim.world.events import TimeTrusted
from flk.sim.world.gateways import Gateways
from flk.sim.world.network import Net
from flk.sim.world.observer import Observer
from flk.sim.world.shards import Shards
from flk.sim.world.watched import WatchedDisk, WatchedEntries, WatchedKeys, WatchedObjects, WatchedTiers

ORIGIN = 1767225600.0  # wall time at simulated time 0: 2026-01-01 00:00 UTC


class World(NamedTuple):
    """What all regions share."""

    simulator: Simulator
    net: Net
    trace: Trace
    objects: WatchedObjects
    observer: Observer
    policy: Policy
    programs: Programs
    examine: Examine
    seed: int
    scripted: bool
    layout: Layout
    streams: RandomStreams


class Region:
    """The place: its disk, its store and its wall clock outlive the node, which is None, as are
    its rounds, while the region is down. If it is to have one shard more, `resharding` says which keys move there.

    `peers` are all regions by name, itself included; `starts` counts its nodes so far. Its audit workers, if the layout has any,
    come and go with the node.
    """

    def __init__(self, name: str, world: World, peers: Mapping[str, "Region"]) -> None:
        self.name = name
        self.peers = peers
        self.world = world
        self.disk = WatchedDisk(name, 1, world.observer, world.policy.segment_bytes, world.seed)
        self.shards = Shards(world.layout, world.simulator.after)
        self.resharding = ReshardingPlan(self.shards) if world.layout.migration else None
        self.migrator: StoreMigrator | None = None
        self.entries = self._new_store()
        self.archive = WatchedArchive(name, world.observer)
        self.workers: AuditWorkers | None = None
        self.health = DiskHealth(name, world.simulator, world.seed)
        self.gateways = Gateways(world.seed)
        self.clock_faults: list[ClockFault] = []
        self._time: Timekeeper | None = None  # what the machine knows of the time since it started
        self._latest = 0.0  # the latest wall time that a fault of the clock has shown
        self.on_write: Call | None = None  # in the middle of the next write to the log
        self.outages = 0
        self.cold_outages = 0
        self._slow: list[SlowNode] = []
        self.starts = 0
        self.node: RunningNode | None = None
        self.rounds: BackgroundRounds | None = None

    def crash(self, fault: Stop) -> None:
        """Stop the node in the middle of whatever it does; lose the disk and the store, if the fault takes them."""
        if self.node is not None:
            self.node.crash(fault)
        self.node = self.rounds = self.on_write = None
        if not isinstance(fault, ProcessCrash):
            self._time = None
        if self.workers is not None:
            self.workers.stop()
        if self.migrator is not None:
            self.migrator.stop()
        if fault.disk is Disk.LOST:
            world = self.world
            again = self.disk.identity + 1
            self.disk = WatchedDisk(self.name, again, world.observer, world.policy.segment_bytes, world.seed)
            self.entries = self._new_store()

    def slow(self, fault: SlowNode) -> None:
        """Let the node take so many times as long for everything."""
        self._slow.append(fault)
        self.shards.slow(fault)
        self.health.begin(fault)

    def quicken(self, fault: SlowNode) -> None:
        """Let that go."""
        self._slow.remove(fault)
        self.shards.quicken(fault)
        self.health.end(fault)

    @property
    def slowness(self) -> float:
        """How many times as long as usual the node takes for what it does itself."""
        return prod(fault.factor for fault in self._slow)

    def shift_outages(self, by: int) -> None:
        """Let an outage of the store begin (1) or end (-1); it answers again when none is left."""
        self.outages += by
        if self.node is not None:
            self.node.memory.store_down = self.outages > 0

    def shift_cold_outages(self, by: int) -> None:
        """Let an outage of the cold tier begin (1) or end (-1)."""
        self.cold_outages += by
        if self.node is not None and self.node.memory.tiered is not None:
            self.node.memory.tiered.cold_down = self.cold_outages > 0

    def _new_store(self) -> WatchedEntries:
        """A store with nothing in it, with an audit queue and with tiers if the layout has them."""

        def offered() -> None:
            if self.workers is not None:
                self.workers.call()

        audit, observer = self.world.layout.audit, self.world.observer
        tasks = None if audit is None else WatchedTasks(self.name, self.steady, audit.lease, observer, offered)
        terms = self.world.layout.tiers
        tiers = None
        if terms is not None:
            tiers = WatchedTiers(self.name, observer, Terms(terms.hot_term, terms.warm_term, terms.window))
        moving = None if self.resharding is None else WatchedKeys(self.name, observer, self.resharding.moves)
        return WatchedEntries(self.name, observer, tasks, tiers, moving)

    @property
    def phase(self) -> Phase | None:
        """The phase of the migration that is on record; None if there is none."""
        moving = self.entries.migrating
        return None if moving is None else moving.phase

    def has_outlived(self, entry: Entry) -> bool:
        """Whether the store may have forgotten an entry, its dedup window being over, as the region's clock has it or once had
        (DUP-7): what was forgotten while the clock was ahead does not come back with the right time.
        """
        tiers = self.world.layout.tiers
        latest = max(self._latest, self.wall())
        return tiers is not None and latest - wall_seconds(entry.timestamp) >= tiers.window

    def stated(self, key: Key) -> Entry | None:
        """What the store may have answered just now: what it holds under a key, or held until the end of its window."""
        tiers = self.entries.tiers
        return self.entries.entries.get(key) or (tiers.forgotten.get(key) if isinstance(tiers, WatchedTiers) else None)

    def steady(self) -> float:
        """What this region's monotonic clock shows, which no fault moves."""
        return self.world.simulator.now

    @property
    def time(self) -> Timekeeper:
        """Whether the region's machine may log by the time that it has. From its start it takes wall time for right (HLC-5)."""
        if self._time is None:
            self._time = Timekeeper(self.wall, self.steady)
            self._trust_clock(self._time)
        return self._time

    def move_clock(self, fault: ClockFault) -> None:
        """Let the clock be off. At the start of a run the machine starts with it, and takes it for right."""
        self.clock_faults.append(fault)
        if not self.world.simulator.now:
            self._trust_clock(self.time)

    def right_clock(self, fault: ClockFault) -> None:
        """Take a fault away from the clock. If that is right then, and its machine, which started with a wrong one, doubts it, an
        operator says so (HLC-6).
        """
        self._latest = max(self._latest, self.wall())
        self.clock_faults.remove(fault)
        if not self.clock_faults and self._time is not None and has_stepped(self._time.known, self._time.now()):
            self._trust_clock(self._time)

    def _trust_clock(self, time: Timekeeper) -> None:
        time.known = time.now()
        self.world.observer.on(TimeTrusted(self.name))

    def wall(self) -> float:
        """What this region takes for the time."""
        now: float = self.world.simulator.now
        return ORIGIN + now + sum(offset(fault, now) for fault in self.clock_faults)
