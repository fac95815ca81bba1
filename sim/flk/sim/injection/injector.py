"""Faults take hold and let go, each at its moment. What a kind of fault does stands with the part that it happens to."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from flk.sim.injection.bit_rot import decay
from flk.sim.injection.log_loss import lose, lost_with
from flk.sim.nodes import background as rounds
from flk.sim.nodes.region import Place, Region, World
from flk.sim.scenarios.faults import (
    BitRot,
    Burst,
    ClockFault,
    ClockJump,
    ClockSkew,
    ColdOutage,
    Disk,
    DiskStall,
    Fault,
    FaultBase,
    FsyncFailure,
    LinkFault,
    LinkFaultBase,
    LogLoss,
    MachineFault,
    ObjectStoreOutage,
    ObjectStoreThrottle,
    ProcessCrash,
    RegionCrash,
    ShardCrash,
    SlowDisk,
    SlowNode,
    SlowStore,
    Stop,
    StoreOutage,
    TornWrite,
)
from flk.sim.world.disks import DiskFault
from flk.sim.world.events import Crashed, Restarted, Rotted


class Handler(NamedTuple):
    """What happens when a fault begins, and when it ends."""

    begin: Callable[[Any], None]
    end: Callable[[Any], None]


Handlers: TypeAlias = Mapping[type[FaultBase], Handler]


class Injector:
    """Applies the faults of a scenario to its regions and its network."""

    def __init__(self, world: World, regions: Mapping[str, Region]) -> None:
        self._world = world
        self._regions = regions
        self._handlers: dict[type[FaultBase], Handler] = {
            RegionCrash: Handler(self._crash, self._restart_with_its_log),
            ProcessCrash: Handler(self._crash, self._restart),
            TornWrite: Handler(self._crash_writing, self._restart),
            BitRot: Handler(self._rot, felt_elsewhere),
            **dict.fromkeys((DiskStall, SlowDisk, FsyncFailure), Handler(self._begin_on_disk, self._end_on_disk)),
            StoreOutage: Handler(partial(self._shift_outages, 1), partial(self._shift_outages, -1)),
            ColdOutage: Handler(partial(self._shift_cold_outages, 1), partial(self._shift_cold_outages, -1)),
            ShardCrash: Handler(self._lose_shard, self._regain_shard),
            SlowStore: Handler(self._slow_store, self._quicken_store),
            SlowNode: Handler(self._slow_node, self._quicken_node),
            ObjectStoreOutage: Handler(partial(self._shift_object_outages, 1), partial(self._shift_object_outages, -1)),
            ObjectStoreThrottle: Handler(self._throttle, self._let_go),
            **dict.fromkeys((ClockSkew, ClockJump), Handler(self._shift_clock, self._restore_clock)),
            Burst: Handler(felt_elsewhere, felt_elsewhere),  # by the arrivals
            **dict.fromkeys(LinkFaultBase.__subclasses__(), Handler(self._begin_on_wires, self._end_on_wires)),
        }

    def extend(self, handlers: Handlers) -> None:
        """Learn to apply further kinds of faults."""
        self._handlers.update(handlers)

    def schedule(self, fault: Fault) -> None:
        """Let a fault begin and end at its moments."""
        handler = self._handlers[type(fault)]
        self._world.simulator.after(fault.start, self._apply, fault, "begin", handler.begin)
        self._world.simulator.after(fault.end, self._apply, fault, "end", handler.end)

    def _apply(self, fault: Fault, what: str, handle: Callable[[Any], None]) -> None:
        self._world.trace.event(self._world.simulator.now, fault.kind, fault.id, what)
        handle(fault)

    def _crash(self, fault: Stop) -> None:
        region = self._regions[fault.region]
        struck = region.struck(fault)
        lost = [found for place in struck for found in lost_with(fault, place)]
        region.crash(fault)
        self._world.observer.on(Crashed(fault, tuple(place.name for place in struck)))
        for node, rotten in lost:
            self._world.observer.on(Rotted(node, rotten))

    def _crash_writing(self, fault: TornWrite) -> None:
        """Crash in the middle of the write that is under way, or of the next one; if none comes, not at all."""
        struck = self._struck(fault)
        if any(place.node is not None and place.node.writing for place in struck):
            self._crash(fault)
        else:
            for place in struck:
                place.on_write = partial(self._crash, fault)

    def _restart(self, fault: Stop) -> None:
        for place in self._struck(fault):
            place.on_write = None
            if place.node is None:
                rounds.start(place)
                self._world.observer.on(Restarted(place.name))

    def _restart_with_its_log(self, fault: RegionCrash) -> None:
        for place in self._struck(fault):
            if fault.log is not LogLoss.NONE and fault.disk is Disk.KEPT and place.node is None:
                lose(fault, place)
        self._restart(fault)

    def _struck(self, fault: MachineFault) -> tuple[Place, ...]:
        return self._regions[fault.region].struck(fault)

    def _slow_node(self, fault: SlowNode) -> None:
        for place in self._struck(fault):
            place.slow(fault)

    def _quicken_node(self, fault: SlowNode) -> None:
        for place in self._struck(fault):
            place.quicken(fault)

    def _begin_on_disk(self, fault: DiskFault) -> None:
        for place in self._struck(fault):
            place.health.begin(fault)

    def _end_on_disk(self, fault: DiskFault) -> None:
        for place in self._struck(fault):
            place.health.end(fault)

    def _rot(self, fault: BitRot) -> None:
        for place in self._struck(fault):
            decay(fault, place)

    def _shift_outages(self, by: int, fault: StoreOutage) -> None:
        self._regions[fault.region].shift_outages(by)

    def _shift_cold_outages(self, by: int, fault: ColdOutage) -> None:
        self._regions[fault.region].shift_cold_outages(by)

    def _lose_shard(self, fault: ShardCrash) -> None:
        self._regions[fault.region].shards.lose(fault)

    def _regain_shard(self, fault: ShardCrash) -> None:
        self._regions[fault.region].shards.regain(fault)

    def _slow_store(self, fault: SlowStore) -> None:
        self._regions[fault.region].shards.slow(fault)

    def _quicken_store(self, fault: SlowStore) -> None:
        self._regions[fault.region].shards.quicken(fault)

    def _shift_object_outages(self, by: int, fault: ObjectStoreOutage) -> None:
        del fault
        self._world.objects.outages += by

    def _throttle(self, fault: ObjectStoreThrottle) -> None:
        self._world.objects.throttles.begin(fault, self._world.simulator.now)

    def _let_go(self, fault: ObjectStoreThrottle) -> None:
        self._world.objects.throttles.end(fault)

    def _shift_clock(self, fault: ClockFault) -> None:
        for place in self._struck(fault):
            place.move_clock(fault)

    def _restore_clock(self, fault: ClockFault) -> None:
        for place in self._struck(fault):
            place.right_clock(fault)

    def _begin_on_wires(self, fault: LinkFault) -> None:
        for wire in self._world.net.wires(fault):
            wire.begin(fault)

    def _end_on_wires(self, fault: LinkFault) -> None:
        for wire in self._world.net.wires(fault):
            wire.end(fault)


def felt_elsewhere(fault: Fault) -> None:
    """A fault that nothing has to be done about, since it is in the plan of the run from the start."""
    del fault
