"""A region, the places of its nodes, and what all regions share: what of them survives a crash."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from math import prod
from typing import NamedTuple

from flk.model.effects import INBOX
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
from flk.sim.scenarios.faults import ClockFault, Disk, MachineFault, Outside, ProcessCrash, SlowNode, Stop
from flk.sim.scenarios.layout import Layout
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.topology import nodes_of, store_of
from flk.sim.world.audit_queue import WatchedArchive, WatchedTasks
from flk.sim.world.clocks import offset
from flk.sim.world.disks import DiskHealth
from flk.sim.world.events import TimeTrusted
from flk.sim.world.gateways import Gateways
from flk.sim.world.network import Net
from flk.sim.world.observer import Observer
from flk.sim.world.shards import Shards
from flk.sim.world.watched import (
    SharedEntries,
    ShownObjects,
    WatchedDisk,
    WatchedEntries,
    WatchedKeys,
    WatchedObjects,
    WatchedTiers,
)

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
    examine_without_policy_keys: Examine
    seed: int
    scripted: bool
    layout: Layout
    streams: RandomStreams


class Place:
    """Where a node of a region runs. Its disk and its wall clock outlive the node, which is None, as are its rounds, while the node
    is down; `starts` counts its nodes so far.

    `entries` is the store as this node has it: that of the region, or if several share that, what they all see of it beside what is
    this node's own.
    """

    def __init__(self, name: str, number: int, region: "Region") -> None:
        self.name = name
        self.number = number
        self.region = region
        self.world = world = region.world
        self.disk = self._new_disk()
        self.entries = region.seen_by(self)
        self.health = DiskHealth(name, world.simulator, world.seed)
        self.clock_faults: list[ClockFault] = []
        self._time: Timekeeper | None = None  # what the machine knows of the time since it started
        self.latest = 0.0  # the latest wall time that anybody has read
        self.on_write: Call | None = None  # in the middle of the next write to the log
        self._slow: list[SlowNode] = []
        self.starts = 0
        self.node: RunningNode | None = None
        self.rounds: BackgroundRounds | None = None

    def purpose(self, name: str) -> str:
        """The name of a stream of random numbers of this place: where several nodes are struck, each has its own."""
        return name if len(self.region.places) == 1 else f"{name}/{self.name}"

    def is_struck(self, fault: MachineFault) -> bool:
        """Whether a fault of machines is about this one."""
        return fault.region == self.region.name and fault.node in {None, self.number}

    def crash(self, fault: Stop) -> None:
        """Stop the node in the middle of whatever it does; lose the disk, if the fault takes it."""
        if self.node is not None:
            self.node.crash(fault)
        self.node = self.rounds = self.on_write = None
        if not isinstance(fault, ProcessCrash):
            self._time = None
        if fault.disk is Disk.LOST:
            self.disk = self._new_disk()
            self.entries = self.region.seen_by(self)

    def slow(self, fault: SlowNode) -> None:
        """Let the node take so many times as long for everything."""
        self._slow.append(fault)
        if not self.region.is_shared:
            self.region.shards.slow(fault)
        self.health.begin(fault)

    def quicken(self, fault: SlowNode) -> None:
        """Let that go."""
        self._slow.remove(fault)
        if not self.region.is_shared:
            self.region.shards.quicken(fault)
        self.health.end(fault)

    @property
    def slowness(self) -> float:
        """How many times as long as usual the node takes for what it does itself."""
        return prod(fault.factor for fault in self._slow)

    def steady(self) -> float:
        """What the machine's monotonic clock shows, which no fault moves."""
        return self.world.simulator.now

    @property
    def time(self) -> Timekeeper:
        """Whether the machine may log by the time that it has. From its start it takes wall time for right (HLC-5)."""
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
        self.clock_faults.remove(fault)
        if not self.clock_faults and self._time is not None and has_stepped(self._time.known, self._time.now()):
            self._trust_clock(self._time)

    def wall(self) -> float:
        """What the machine takes for the time."""
        now: float = self.world.simulator.now
        wall = ORIGIN + now + sum(offset(fault, now) for fault in self.clock_faults)
        self.latest = max(self.latest, wall)
        return wall

    def _trust_clock(self, time: Timekeeper) -> None:
        time.known = time.now()
        self.world.observer.on(TimeTrusted(self.name))

    def _new_disk(self) -> WatchedDisk:
        """An empty disk, for a log of its own number."""
        world = self.world
        number = self.region.enlist()
        began = partial(world.trace.began, self.name)
        return WatchedDisk(
            self.name, self.region.name, number, world.observer, world.policy.segment_bytes, world.seed, began
        )


class Region:
    """Its store, and all that is before and behind it, outlive the nodes. If it is to have one shard more or less, `resharding`
    says which keys move, and where to.

    `peers` are all regions by name, itself included. Its audit workers, if the layout has any, come and go with the nodes.
    """

    def __init__(self, name: str, world: World, peers: Mapping[str, "Region"]) -> None:
        self.name = name
        self.peers = peers
        self.world = world
        self.shards = Shards(world.layout, world.simulator.after)
        migration = world.layout.migration
        self.resharding = ReshardingPlan(self.shards, leaves=migration.leaves) if migration else None
        self.migrator: StoreMigrator | None = None
        self.is_shared = world.layout.nodes > 1
        self.store = store_of(name) if self.is_shared else ""  # its place in the network, if it has one of its own
        self.entries = self._new_store()
        self.archive = WatchedArchive(name, world.observer)
        self.workers: AuditWorkers | None = None
        self.gateways = Gateways(world.seed)
        self.outages = 0
        self.cold_outages = 0
        self.power_cuts = (
            0  # of all its machines, that of a shared store included: what was under way there is not done
        )
        self.silent = Counter[Outside]()
        """Outages of services outside the regions."""
        self.keyless = 0
        """Reasons why it does not have the key for policies."""
        self.objects = world.objects if world.layout.audit_log is None else ShownObjects(world.objects, name)
        self._logs = 0
        names = nodes_of(name, world.layout.nodes)
        self.places = tuple(Place(node, number, self) for number, node in enumerate(names, 1))

    @property
    def first(self) -> Place:
        """The place of the first node, which is the only one where the store has tiers, audit workers or a migration."""
        return self.places[0]

    def in_turn(self, number: int) -> Place:
        """The place whose turn it is, where they take turns."""
        return self.places[number % len(self.places)]

    def enlist(self) -> int:
        """The number of a new log, which no log of the region has had."""
        self._logs += 1
        return self._logs

    def seen_by(self, place: Place) -> WatchedEntries:
        """The store as a node has it that begins a log."""
        if isinstance(self.entries, SharedEntries):
            return self.entries.seen_by(place.name, place.disk.log(INBOX), place.wall)
        return self.entries

    def struck(self, fault: MachineFault) -> tuple[Place, ...]:
        """The places that a fault of machines is about."""
        return tuple(place for place in self.places if place.is_struck(fault))

    def crash(self, fault: Stop) -> None:
        """Stop nodes in the middle of whatever they do; lose their disks, if the fault takes them, and with all the store."""
        if fault.disk is Disk.LOST and fault.node is None:
            self.entries = self._new_store()
        if fault.node is None and not isinstance(fault, ProcessCrash):
            self.power_cuts += 1
        for place in self.struck(fault):
            place.crash(fault)
        if self.workers is not None:
            self.workers.stop()
        if self.migrator is not None:
            self.migrator.stop()

    @property
    def examine(self) -> Examine:
        """How its nodes examine what they read, with the keys that they have now."""
        return self.world.examine_without_policy_keys if self.keyless else self.world.examine

    def shift_outages(self, by: int) -> None:
        """Let an outage of the store begin (1) or end (-1); it answers again when none is left. Nodes that share it find out."""
        self.outages += by
        node = self.first.node
        if node is not None and not self.is_shared:
            node.memory.store_down = self.outages > 0

    def shift_cold_outages(self, by: int) -> None:
        """Let an outage of the cold tier begin (1) or end (-1)."""
        self.cold_outages += by
        node = self.first.node
        if node is not None and node.memory.tiered is not None:
            node.memory.tiered.cold_down = self.cold_outages > 0

    def _new_store(self) -> WatchedEntries:
        """A store with nothing in it, with an audit queue and with tiers if the layout has them."""

        def offered() -> None:
            if self.workers is not None:
                self.workers.call()

        audit, observer = self.world.layout.audit, self.world.observer
        if self.is_shared:
            return SharedEntries(self.name, observer)
        tasks = None if audit is None else WatchedTasks(self.name, self.steady, audit.lease, observer, offered)
        terms = self.world.layout.tiers
        tiers = None
        if terms is not None:
            tiers = WatchedTiers(self.name, observer, Terms(terms.hot_term, terms.warm_term, terms.window))
        moving = None if self.resharding is None else WatchedKeys(self.name, observer, self.resharding.moves)
        return WatchedEntries(self.name, self.name, observer, tasks, tiers, moving)

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
        latest = max(self.first.latest, self.first.wall())
        return tiers is not None and latest - wall_seconds(entry.timestamp) >= tiers.window

    def stated(self, key: Key) -> Entry | None:
        """What the store may have answered just now: what it holds under a key, or held until the end of its window."""
        tiers = self.entries.tiers
        return self.entries.entries.get(key) or (tiers.forgotten.get(key) if isinstance(tiers, WatchedTiers) else None)

    def steady(self) -> float:
        """What a monotonic clock of the region shows, which no fault moves."""
        return self.world.simulator.now


def places_of(regions: Mapping[str, Region]) -> dict[str, Place]:
    """The places of all nodes, by the nodes' names."""
    return {place.name: place for region in regions.values() for place in region.places}
