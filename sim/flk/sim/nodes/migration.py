"""One shard more or less, in simulated time: claims on keys that move, as programs of their own, and the migrator of a region."""

from collections.abc import Iterable, Mapping
from typing import Any

from flk.model.effects import (
    Advance,
    Effect,
    Forget,
    GaveWay,
    InsertOrGet,
    Keep,
    ListKeys,
    LookAt,
    Merge,
    Part,
    Replace,
    Sleep,
    Store,
)
from flk.model.entries.entry import Key
from flk.model.entries.migration import MigratingKeys, Phase, split
from flk.model.flow.admission import require_level
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Objects
from flk.model.refusal import Unavailable, unavailable
from flk.sim.kernel.engine import After, Call
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.kernel.runtime import Activity, Host
from flk.sim.nodes.activities import Migrating
from flk.sim.nodes.node import Node
from flk.sim.nodes.parts import StoreMigrator
from flk.sim.nodes.region import Region
from flk.sim.nodes.resharding import ReshardingPlan
from flk.sim.nodes.tiers import KeyLines
from flk.sim.scenarios.faults import DualWriteFailure, MigratorCrash
from flk.sim.scenarios.layout import Migration
from flk.sim.world.events import PhaseChanged, StoreUsed
from flk.sim.world.shards import Lines
from flk.spec.constants import CONSTANTS

RETRY_AFTER = CONSTANTS.node.unavailable_retry_after_seconds


class MigratingStore:
    """Performs `Store` and `Merge` of keys that move as programs of their own, and lets their effects take their time."""

    def __init__(self, node: Node, region: Region, moving: MigratingKeys, plan: ReshardingPlan) -> None:
        self._node = node
        self._region = region
        self._world = region.world
        self._moving = moving
        self._plan = plan
        self._keys = KeyLines()
        self._staying = node.schedulers[Store]
        self._random = RandomStream(region.world.seed, f"second/{region.name}/{region.first.starts}")
        node.schedulers[Store] = self._store
        node.schedulers[Merge] = self._merge
        node.schedulers |= dict.fromkeys((LookAt, InsertOrGet, Replace), self._visit)
        node.handlers |= {InsertOrGet: self._decided, Replace: self._followed}

    def _store(self, activity: Activity, effect: Store) -> None:
        claim = effect.claim
        if not self._moving.moves(claim.key):
            self._staying(activity, effect)
            return

        def ended(result: object) -> None:
            if isinstance(result, Unavailable):
                self._node.fall_behind()
            self._over("claim", began, activity, effect, result)

        began = self._node.simulator.now
        name, program = f"claim {activity.name}", self._world.programs.move_claim(claim)
        self._run(Migrating(name, program, ended, merging=False), (claim.key,))

    def _merge(self, activity: Activity, effect: Merge) -> None:
        """Claims on keys that move first, then the others, which nothing can refuse once the store was there."""
        stay, move = split(effect.claims, self._moving)
        if not move:
            self._staying(activity, effect)
            return

        def ended(result: Any) -> None:
            if not isinstance(result, Exception):
                result += sum(map(self._region.entries.merge, stay))
            self._over("merge", began, activity, effect, result)

        began = self._node.simulator.now
        name, keys = f"merge {activity.name}.{activity.step}", [claim.key for claim in move]
        self._run(Migrating(name, self._world.programs.move_merge(move), ended, merging=True), keys)

    def _over(self, what: str, began: float, activity: Activity, effect: Effect[object], result: object) -> None:
        node = self._node
        self._world.observer.on(StoreUsed(node.name, what, began))
        node.trace.effect(node.simulator.now, node.name, activity.name, effect, result, activity.number)
        node.resume(activity, result)

    def _run(self, activity: Activity, keys: Iterable[Key]) -> None:
        """Run a program when nobody who came earlier is about its keys."""
        ended = activity.ended

        def begin(leave: Call) -> None:
            def over(result: object) -> None:
                ended(result)
                leave()

            activity.ended = over
            self._node.start(activity)

        self._keys.enter(keys, begin)

    def _visit(self, activity: Migrating, effect: LookAt | InsertOrGet | Replace) -> None:
        key = effect.claim.key if isinstance(effect, InsertOrGet) else effect.key
        mean = self._world.policy.merge if activity.merging else self._world.policy.service
        seconds = mean * self._node.random_stream.exponential(f"service {activity.name}.{activity.step}")
        self._node.lines.visit({self._plan.shard(effect.side, key): seconds}, self._node.served, activity, effect)

    def _decided(self, activity: Activity, effect: InsertOrGet) -> object:
        """A claim decides nothing while the node is behind its log, which comes first (DUP-6)."""
        del activity
        if not effect.merged:
            require_level(behind=self._node.memory.behind)
        return self._node.memory.perform(effect)

    def _followed(self, activity: Activity, effect: Replace) -> object:
        entity = f"{activity.name}.{activity.step}"
        if self._plan.failures and self._random.uniform(entity) < max(self._plan.failures.values()):
            raise unavailable("the second write failed")
        return self._node.memory.perform(effect)


class Migrator(Host):
    """The migrator of a region from its start to its crash. It goes on in the phase that is on record (MIG-6)."""

    def __init__(self, region: Region, plan: ReshardingPlan, layout: Migration, life: int) -> None:
        world = region.world
        name = f"{region.name}-migrator"
        memory = MemoryNode(Disk(region.name), region.entries, Objects(), region.first.wall)
        super().__init__(name, world.simulator, world.trace, memory)
        world.trace.started(name, f"{name}.{region.first.disk.identity:06d}")
        self._region = region
        self._plan = plan
        self._layout = layout
        self._life = life
        self._rounds = 0
        self._random = RandomStream(world.seed, f"migrator/{region.name}/{life}")
        self._lines = Lines(region.shards, world.simulator.after, self)
        self.schedulers = {
            Sleep: lambda activity, effect: self.simulator.after(effect.seconds, self.complete, activity, effect),
            **dict.fromkeys((LookAt, Replace, Forget), self._visit),
            **dict.fromkeys((GaveWay, Keep, Part), self._part),
            **dict.fromkeys((Advance, ListKeys), self._ask),
        }
        self.handlers = {
            Advance: self._advanced,
            **dict.fromkeys((LookAt, Replace, Forget, ListKeys, GaveWay, Keep, Part), self._asked),
        }

    def begin(self) -> None:
        """Go on, and after a refusal again in a while."""

        def ended(result: object) -> None:
            if isinstance(result, Exception):
                self.after(RETRY_AFTER, self.begin)

        self._rounds += 1
        layout = self._layout
        program = self._region.world.programs.migrate(layout.rate, layout.settle, layout.roll_back, layout.leaves)
        self.start(Activity(f"migrate {self._life}.{self._rounds}", program, ended))

    def _visit(self, activity: Activity, effect: LookAt | Replace | Forget) -> None:
        shard = self._plan.shard(effect.side, effect.key)
        self._lines.visit({shard: self._service(activity)}, self._served, activity, effect)

    def _part(self, activity: Activity, effect: GaveWay | Keep | Part) -> None:
        """What concerns the shard that leaves is asked of that, and what is kept of it goes to the first one."""
        shard = self._region.shards.first if isinstance(effect, Keep) else self._plan.last
        self._lines.visit({shard: self._service(activity)}, self._served, activity, effect)

    def _served(self, silent: str, activity: Activity, effect: Effect[object]) -> None:
        if silent:
            refusal = unavailable(f"{silent} of {self._region.name} does not answer")
            self.trace.effect(self.simulator.now, self.name, activity.name, effect, refusal, activity.number)
            self.resume(activity, refusal)
        else:
            self.complete(activity, effect)

    def _ask(self, activity: Activity, effect: Effect[object]) -> None:
        self.simulator.after(self._service(activity), self.complete, activity, effect)

    def _asked(self, activity: Activity, effect: Effect[object]) -> object:
        del activity
        self.memory.store_down = self._region.outages > 0
        return self.memory.perform(effect)

    def _advanced(self, activity: Activity, effect: Advance) -> Phase:
        del activity
        self.memory.store_down = self._region.outages > 0
        moving = self._region.entries.migrating
        before = moving and moving.phase
        phase: Phase = self.memory.perform(effect)
        if phase is not before:
            self._plan.place(phase)
            self._region.world.observer.on(PhaseChanged(self._region.name, phase, self._layout.leaves))
        return phase

    def _service(self, activity: Activity) -> float:
        seconds = self._region.world.policy.service
        return seconds * self._random.exponential(f"service {activity.name}.{activity.step}")


class Migrators:
    """The migrator of a region through its lives: it is there once it is time, unless the region or a fault has taken it."""

    def __init__(self, region: Region, plan: ReshardingPlan, layout: Migration) -> None:
        self._region = region
        self._plan = plan
        self._layout = layout
        self._due = False
        self._taken = 0  # by faults that hold
        self._lives = 0
        self._migrator: Migrator | None = None

    def begin(self, after: After) -> None:
        """The region's node starts; so does the migrator, when it is time."""
        self._plan.place(self._region.phase or Phase.PLANNED)
        after(max(0.0, self._layout.start - self._region.world.simulator.now), self._come_due)

    def stop(self) -> None:
        """It dies."""
        if self._migrator is not None:
            self._migrator.alive = False
            self._migrator = None

    def crash(self) -> None:
        """A fault takes it."""
        self._taken += 1
        self.stop()

    def restart(self) -> None:
        """The fault is over."""
        self._taken -= 1
        self._restart()

    def _come_due(self) -> None:
        """It is time. The clock need not say so: a sum of moments may fall short of its end by a rounding."""
        self._due = True
        self._restart()

    def _restart(self) -> None:
        there = self._region.first.node is not None and self._due
        if there and not self._taken and self._migrator is None:
            self._lives += 1
            self._migrator = Migrator(self._region, self._plan, self._layout, self._lives)
            self._migrator.begin()


def begin(region: Region, node: Node) -> None:
    """A region's node has started: so does what migrates its store, if anything does."""
    layout, plan, moving = region.world.layout.migration, region.resharding, region.entries.migrating
    if layout is not None and plan is not None and moving is not None:
        MigratingStore(node, region, moving, plan)
        region.migrator = region.migrator or Migrators(region, plan, layout)
        region.migrator.begin(node.after)


def migrator_of(regions: Mapping[str, Region], fault: MigratorCrash) -> StoreMigrator:
    """What a fault of a migrator befalls."""
    found = regions[fault.region].migrator
    assert found is not None, "the scenario was checked: it has a migration"
    return found


def resharding_of(regions: Mapping[str, Region], fault: DualWriteFailure) -> ReshardingPlan:
    """What a fault of second writes befalls."""
    found = regions[fault.region].resharding
    assert found is not None, "the scenario was checked: it has a migration"
    return found
