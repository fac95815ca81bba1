"""What a node does by itself, again and again: catch up with its log, ship it, replay the others', and its upkeep."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flk.model.effects import Program
from flk.model.entries.proposals import Mode
from flk.model.programs.reconcile import Reconciled
from flk.model.programs.recover import Recovery
from flk.model.programs.replay import Replayed
from flk.model.programs.restore import Found, Restored
from flk.model.programs.retain import Retained
from flk.model.programs.snapshot import Snapshotted
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.kernel.runtime import Activity
from flk.sim.nodes import migration, tiers, workers
from flk.sim.nodes.activities import Recovering, Replaying
from flk.sim.nodes.audit_logs import LogTask, audit_log_tasks
from flk.sim.nodes.node import Node
from flk.sim.nodes.operator import approve
from flk.sim.nodes.region import Place
from flk.sim.nodes.sharing_node import node_of
from flk.sim.scenarios.layout import Upkeep
from flk.sim.world.events import Compared, Marked, PassEnded, Recovered, RecoveryBegan, Stage
from flk.spec.constants import CONSTANTS

RETRY_AFTER = CONSTANTS.node.unavailable_retry_after_seconds
RECOVER = "recover"


def start(place: Place, make: Callable[[Place], Node] = node_of, pause: float = 0.0) -> None:
    """Start a node on what is there. It recovers before it serves, for the first time after a `pause` in seconds."""
    place.starts += 1
    place.node = node = make(place)
    tiers.begin(place, node)
    place.rounds = rounds = Rounds(place, node, make)
    rounds.begin(pause)
    workers.begin(place.region)
    migration.begin(place.region, node)


class Rounds:
    """The rounds of one node, each program at most once at a time."""

    def __init__(self, place: Place, node: Node, make: Callable[[Place], Node]) -> None:
        self._place = place
        self._region = place.region
        self._node = node
        self._make = make
        self._world = place.world
        self._life = place.starts
        self._running: set[str] = set()
        self._phase = RandomStream(place.world.seed, f"phase/{place.name}/{place.starts}")

    def begin(self, pause: float) -> None:
        """Begin every kind of round, each at a moment of its own. In a scripted run, the script says when to ship and to replay."""
        policy, scripted = self._world.policy, self._world.scripted
        self._node.every(RETRY_AFTER, pause, lambda number: self._catch_up(self._numbered(number)))
        if not scripted:
            self._every(policy.ship_interval, "ship", self.ship)
        for peer in self._region.peers:
            if peer != self._region.name:
                if not scripted:
                    self._every(policy.replay_interval, f"replay {peer}", partial(self.replay, peer))
                self._every(policy.divergence_interval, f"compare {peer}", partial(self._compare, peer))
        self._node.every(
            policy.check_interval, policy.check_interval, lambda number: self.restore(self._numbered(number))
        )
        if self._place.disk.identity > 1 and not scripted:
            self._every(policy.replay_interval, "reclaim", self._reclaim)
        if self._world.layout.audit_log is not None:
            for task in audit_log_tasks(self._place):
                self._every(task.interval, task.kind, partial(self._keep_log, task))
        if (upkeep := self._world.layout.upkeep) is not None:
            self._every(
                upkeep.snapshot_interval,
                "snapshot",
                partial(self._keep_up, "snapshot", partial(self._snapshot, upkeep)),
            )
            self._every(
                upkeep.retain_interval, "retain", partial(self._keep_up, "retain", partial(self._retain, upkeep))
            )
            self._every(upkeep.compare_interval, "look", partial(self._keep_up, "look", partial(self._look, upkeep)))
            reconcile = partial(self._keep_up, "reconcile", partial(self._reconcile, upkeep))
            self._every(upkeep.compare_interval, "reconcile", reconcile)

    def restart(self) -> None:
        """End the process, whose log failed, and start another, which waits a while before it tries again."""
        self._node.alive = False
        if self._region.workers is not None:
            self._region.workers.stop()
        start(self._place, self._make, RETRY_AFTER)

    def ship(self, number: str) -> None:
        """Ship what the log holds, if the node is level with it."""
        if self._is_level:
            self._pass(Stage.SHIP, self._region.name, Activity(f"ship {number}", self._world.programs.ship()))

    def restore(self, number: str) -> None:
        """Look for what was shipped, and put it back where it is not whole, if the node is level with its log."""
        if self._is_level:
            share = min(1.0, float(self._world.policy.check_interval) / float(self._world.policy.check_round))
            program = self._world.programs.restore(share)
            self._pass(Stage.RESTORE, self._region.name, Activity(f"restore {number}", program))

    def replay(self, peer: str, number: str) -> None:
        """Replay what a peer has shipped, if the node is level with its own log."""
        if self._is_level:
            program = self._read(peer, own=False)
            self._pass(Stage.REPLAY, peer, Replaying(f"replay {peer} {number}", program, peer))

    def _reclaim(self, number: str) -> None:
        """Join in what earlier disks of the region shipped and recovery could not know of."""
        if self._is_level:
            name = self._region.name
            program = self._read(name, own=True)
            self._pass(Stage.REPLAY, name, Replaying(f"reclaim {number}", program, name))

    def _every(self, interval: float, kind: str, action: Callable[[str], None]) -> None:
        """Act once in every interval, first at a moment that depends on the kind of round."""
        first = interval * self._phase.uniform(kind)
        self._node.every(interval, first, lambda number: action(self._numbered(number)))

    def _numbered(self, number: int) -> str:
        """The name of a round among those of its kind."""
        return f"{self._life}.{number}"

    def _catch_up(self, number: str) -> None:
        """Replay the log into the store, with nothing in flight (ORD-4, WAL-5)."""

        def ended(result: Any) -> None:
            if not isinstance(result, Exception):
                self._world.observer.on(Recovered(self._place.name, result))

        if self._node.memory.behind and not self._node.memory.in_flight:
            if RECOVER not in self._running:
                self._world.observer.on(RecoveryBegan(self._place.name))
            self._run(RECOVER, Recovering(f"recover {number}", self._recover()), ended)

    def _recover(self) -> Program[Recovery]:
        programs, region, examine = self._world.programs, self._region.name, self._region.examine
        if self._world.layout.upkeep is None:
            return programs.recover(region, examine)
        return programs.start(region, examine, (region, *self._others))

    def _read(self, peer: str, *, own: bool) -> Program[Replayed]:
        programs, examine = self._world.programs, self._region.examine
        if self._world.layout.upkeep is not None:
            return programs.read_on(self._region.name, peer, examine, own)
        return programs.reclaim(peer, examine) if own else programs.replay(peer, examine)

    def _keep_up(self, kind: str, program: Callable[[], Program[object]], number: str) -> None:
        """Make a pass of upkeep, if the node is level with its log."""

        def ended(result: Any) -> None:
            if mark := _upkept(result):
                self._world.observer.on(Marked(mark))

        if self._is_level:
            self._run(kind, Activity(f"{kind} {number}", program()), ended)

    def _snapshot(self, upkeep: Upkeep) -> Program[object]:
        programs, region = self._world.programs, self._region.name
        if self._region.is_shared:
            return programs.snapshot_in_turn(region, float(upkeep.snapshot_interval))
        return programs.snapshot(region, self._others)

    def _keep_log(self, task: LogTask, number: str) -> None:
        """Make a pass over an audit log, if the node is level with its log."""
        if self._is_level:
            self._run(task.kind, Activity(f"{task.kind} {number}", task.program()), task.ended)

    def _retain(self, upkeep: Upkeep) -> Program[object]:
        programs, region, period = self._world.programs, self._region.name, float(upkeep.retain)
        if self._world.layout.audit_log is not None:
            return programs.retain_audited(region, period, self._region.is_shared)
        return (programs.retain_shared if self._region.is_shared else programs.retain)(region, period)

    def _look(self, upkeep: Upkeep) -> Program[object]:
        programs, region = self._world.programs, self._region
        look = programs.look_shared if region.is_shared else programs.look
        return look(region.name, self._others, region.examine, float(upkeep.compare_interval))

    def _reconcile(self, upkeep: Upkeep) -> Program[object]:
        region = self._region
        if upkeep.reconcile is not Mode.MANUAL:
            yield from approve(region.name)
        return (yield from self._world.programs.reconcile(region.name, self._others, region.examine, upkeep.reconcile))

    def _pass(self, stage: Stage, source: str, activity: Activity) -> None:
        """Run a pass over the log of a region, and say whether it went to the end."""
        began = self._world.simulator.now

        def ended(result: Any) -> None:
            mark = _shortcoming(result)
            self._world.observer.on(PassEnded(self._place.name, stage, source, began, not mark))
            if mark:
                self._world.observer.on(Marked(mark))
            if isinstance(result, Restored) and (result.names(Found.MISSING) or result.names(Found.DAMAGED)):
                self._world.observer.on(Marked("object-put-back"))

        self._run(f"{stage} {source}", activity, ended)

    def _compare(self, peer: str, number: str) -> None:
        began = self._world.simulator.now

        def ended(result: Any) -> None:
            if not isinstance(result, Exception):
                self._world.observer.on(Compared(self._place.name, peer, began, result))

        if self._is_level:
            program: Program[object] = self._world.programs.detect_divergence(self._region.name, peer)
            self._run(f"compare {peer}", Activity(f"compare {peer} {number}", program), ended)

    @property
    def _others(self) -> tuple[str, ...]:
        return tuple(peer for peer in self._region.peers if peer != self._region.name)

    @property
    def _is_level(self) -> bool:
        """Only a node that is level with its log, and stays so, has work for others."""
        return not self._node.memory.behind and RECOVER not in self._running

    def _run(self, kind: str, activity: Activity, ended: Callable[[Any], None]) -> None:
        """Run a program unless its last round still runs. One that was refused leaves its work to the next round."""
        if kind in self._running:
            return

        def over(result: object) -> None:
            self._running.remove(kind)
            ended(result)

        self._running.add(kind)
        activity.ended = over
        self._node.start(activity)


def _upkept(result: object) -> str:
    """The coverage mark of a pass of upkeep; empty for one that had nothing to do."""
    match result:
        case Exception():
            return "pass-failed"
        case Snapshotted(name=name) if name:
            return "snapshot"
        case Retained() if result.segments or result.objects:
            return "removed"
        case Reconciled() if any(found.joined for found, _ in result.results):
            return "row-mended"
        case _:
            return ""


def _shortcoming(result: object) -> str:
    """The coverage mark of a pass that did not go to the end; empty for one that did."""
    if isinstance(result, Exception) or (isinstance(result, Restored) and result.shortcoming):
        return "pass-failed"
    return "gap-waited" if isinstance(result, Replayed) and result.gap else ""
