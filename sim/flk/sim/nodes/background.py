"""What a node does by itself, again and again: catch up with its log, ship it, replay the others', compare stores."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from flk.model.effects import Program
from flk.model.programs.divergence import Divergence
from flk.model.programs.recover import Recovery
from flk.model.programs.replay import Replayed
from flk.sim.kernel.engine import Call
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.kernel.runtime import Activity
from flk.sim.nodes import migration, tiers, workers
from flk.sim.nodes.node import Node
from flk.sim.nodes.region import Region
from flk.spec.constants import CONSTANTS

R = TypeVar("R")
RETRY_AFTER = CONSTANTS.node.unavailable_retry_after_seconds


def _nothing() -> None:
    """What follows from a round that was refused, unless somebody asks: the next one does its work."""


def start(region: Region, make: Callable[[Region], Node] = Node, pause: float = 0.0) -> None:
    """Start a node on what is there. It recovers before it serves, for the first time after a `pause`."""
    region.starts += 1
    region.node = node = make(region)
    tiers.begin(region, node)
    region.rounds = rounds = Rounds(region, node, make)
    rounds.begin(pause)
    workers.begin(region)
    migration.begin(region, node)


class Rounds:
    """The rounds of one node, each program at most once at a time."""

    def __init__(self, region: Region, node: Node, make: Callable[[Region], Node]) -> None:
        self._region = region
        self._node = node
        self._make = make
        self._world = region.world
        self._running: set[str] = set()
        self._phase = RandomStream(region.world.seed, f"phase/{region.name}/{region.starts}")

    def begin(self, pause: float) -> None:
        """Begin every kind of round, each at a moment of its own. In a scripted run, the script says when to ship and to replay."""
        policy = self._world.policy
        others = [peer for peer in self._region.peers if peer != self._region.name]
        self._every(RETRY_AFTER, pause / RETRY_AFTER, self._catch_up)
        if not self._world.scripted:
            self._every(policy.ship_interval, self._phase.uniform("ship"), self.ship)
        for peer in others:
            if not self._world.scripted:
                self._every(policy.replay_interval, self._phase.uniform(f"replay {peer}"), partial(self.replay, peer))
            self._every(
                policy.divergence_interval, self._phase.uniform(f"compare {peer}"), partial(self._compare, peer)
            )

    def restart(self) -> None:
        """End the process, whose log failed, and start another, which waits a while before it tries again."""
        self._node.alive = False
        if self._region.workers is not None:
            self._region.workers.stop()
        start(self._region, self._make, RETRY_AFTER)

    def _catch_up(self, number: str) -> None:
        """Replay the log into the store, with nothing in flight (ORD-4, WAL-5)."""

        def ended(recovery: Recovery) -> None:
            for watcher in self._world.watchers:
                watcher.recovered(self._region.name, recovery)

        if self._node.memory.behind and not self._node.memory.in_flight:
            program = self._world.programs.recover(self._region.name, self._world.examine)
            self._run("recover", number, program, ended)

    def ship(self, number: str) -> None:
        """Ship what the log holds, if the node is level with it."""
        if self._is_level:
            self._pass("ship", self._region.name, ("ship", number), self._world.programs.ship())

    def replay(self, peer: str, number: str) -> None:
        """Replay what a peer has shipped, if the node is level with its own log."""
        if self._is_level:
            program = self._world.programs.replay(peer, self._world.examine)
            self._pass("replay", peer, (f"replay {peer}", number), program)

    def _pass(self, stage: str, source: str, name: tuple[str, str], program: Program[Any]) -> None:
        """Run a pass over the log of a region, and say whether it went to the end."""
        region, began = self._region.name, self._world.simulator.now

        def ended(result: object) -> None:
            if isinstance(result, Replayed) and result.gap:
                failed("gap-waited")
            else:
                self._world.meter.passed(region, stage, source, began)

        def failed(mark: str = "pass-failed") -> None:
            self._world.meter.failed(region, stage, source)
            self._world.marks.note(mark)

        self._run(*name, program, ended, failed)

    def _compare(self, peer: str, number: str) -> None:
        def ended(divergence: Divergence) -> None:
            for watcher in self._world.watchers:
                watcher.compared(self._region.name, peer, divergence)

        if self._is_level:
            program = self._world.programs.detect_divergence(self._region.name, peer)
            self._run(f"compare {peer}", number, program, ended)

    @property
    def _is_level(self) -> bool:
        """Only a node that is level with its log, and stays so, has work for others."""
        return not self._node.memory.behind and "recover" not in self._running

    def _every(self, interval: float, phase: float, action: Callable[[str], None]) -> None:
        """Act at `phase` of the first interval, and once every interval after."""

        def tick(number: int) -> None:
            action(f"{self._region.starts}.{number}")
            self._node.after(interval, lambda: tick(number + 1))

        self._node.after(interval * phase, lambda: tick(0))

    def _run(
        self, kind: str, number: str, program: Program[R], ended: Callable[[R], None], failed: Call = _nothing
    ) -> None:
        """Run a program unless its last round still runs. One that was refused leaves its work to the next round."""
        if kind in self._running:
            return

        def over(result: Any) -> None:
            self._running.remove(kind)
            if isinstance(result, Exception):
                failed()
            else:
                ended(result)

        self._running.add(kind)
        self._node.start(Activity(f"{kind} {number}", program, over))
