"""The audit workers of a region: each runs the model's `work` again and again, and waits where the queue has nothing for it.

A worker that waits costs nothing: it is called when a task enters the queue, or when the lease of another ends. So the work of a
run grows with its tasks, whatever the backlog.
"""

from collections import deque
from collections.abc import Callable
from math import ceil
from typing import TypeAlias

from flk.model.effects import Acknowledge, Attempt, Bury, Effect, MarkProcessed, TakeTask
from flk.model.entries.tasks import TaskQueue
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Objects
from flk.model.refusal import Refused
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.kernel.runtime import Activity, Host
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import WorkerCrash
from flk.sim.scenarios.layout import Audit
from flk.sim.world.events import WorkerActed
from flk.spec.constants import CONSTANTS

Waiting: TypeAlias = tuple["Worker", Activity, TakeTask]
RETRY_AFTER = CONSTANTS.node.unavailable_retry_after_seconds


def begin(region: Region) -> None:
    """The region starts: so do its workers, if it is to have any."""
    audit = region.world.layout.audit
    if audit is not None:
        region.workers = region.workers or Workers(region, audit)
        region.workers.begin()


class Worker(Host):
    """One worker from its start to its crash. What it asks of the queue takes as long as what a node asks of the store."""

    def __init__(self, number: int, life: str, region: Region, audit: Audit, wait: Callable[[Waiting], None]) -> None:
        world = region.world
        name = f"{region.name}-worker-{number}"
        super().__init__(name, world.simulator, world.trace, _runtime(region))
        world.trace.started(name, f"{name}.{region.first.disk.identity:06d}")
        self._region = region
        self._audit = audit
        self._random = RandomStream(world.seed, f"audit/{region.name}")
        self._life = life
        self._tasks = 0
        self.schedulers = {
            TakeTask: lambda activity, effect: wait((self, activity, effect)),
            Attempt: self._work,
            **dict.fromkeys((MarkProcessed, Bury, Acknowledge), self._ask_queue),
        }
        self.handlers = {
            Attempt: self._attempted,
            **dict.fromkeys((TakeTask, MarkProcessed, Bury, Acknowledge), self._asked),
        }

    def begin(self) -> None:
        """Turn to the next task."""

        def ended(result: object) -> None:
            if isinstance(result, Exception):
                self.after(RETRY_AFTER, self.begin)
            else:
                self.begin()

        self._tasks += 1
        program = self._region.world.programs.work(self._audit.attempts)
        self.start(Activity(f"audit {self._life}.{self._tasks}", program, ended))

    def _work(self, activity: Activity, effect: Attempt) -> None:
        seconds = self._audit.work * self._random.exponential(f"work {_named(effect)}")
        self.simulator.after(seconds, self.complete, activity, effect)

    def _ask_queue(self, activity: Activity, effect: Effect[object]) -> None:
        seconds = self._region.world.policy.service * self._random.exponential(
            f"service {self.name} {activity.name}.{activity.step}"
        )
        self.simulator.after(seconds, self.complete, activity, effect)

    def _attempted(self, activity: Activity, effect: Attempt) -> object:
        fails = self._random.uniform(f"failure {_named(effect)}") < self._audit.failure
        return self._told(activity, effect, False if fails else self.memory.perform(effect))

    def _asked(self, activity: Activity, effect: Effect[object]) -> object:
        self.memory.store_down = self._region.outages > 0
        try:
            return self._told(activity, effect, self.memory.perform(effect))
        except Refused as refusal:
            self._told(activity, effect, refusal)
            raise

    def _told(self, activity: Activity, effect: Effect[object], result: object) -> object:
        self._region.world.observer.on(WorkerActed(self._region.name, self.name, activity.name, effect, result))
        return result


class Workers:
    """All workers of one region, those that are alive and those that a fault has taken. They outlive its store."""

    def __init__(self, region: Region, audit: Audit) -> None:
        self._region = region
        self._audit = audit
        self._workers: list[Worker | None] = [None] * audit.workers
        self._lives = [0] * audit.workers
        self._taken = [0] * audit.workers  # by faults that hold
        self._idle: deque[Waiting] = deque()
        self._called = False
        self._armed = False

    def begin(self) -> None:
        """The region starts, and every worker that no fault has taken."""
        for place in range(len(self._workers)):
            self._restart(place)

    def stop(self) -> None:
        """The region stops, and every worker where it is."""
        for place in range(len(self._workers)):
            self._kill(place)

    def crash(self, fault: WorkerCrash) -> None:
        """A share of the workers dies: as many of the first as it comes to, rounded up."""
        for place in range(self._share(fault)):
            self._taken[place] += 1
            self._kill(place)

    def restart(self, fault: WorkerCrash) -> None:
        """They are back, if the region is there."""
        for place in range(self._share(fault)):
            self._taken[place] -= 1
            if self._region.first.node is not None:
                self._restart(place)

    def call(self) -> None:
        """There is a task more to take: let whoever waits have it, once what enqueued it is over."""
        if self._idle and not self._called:
            self._called = True
            self._region.world.simulator.after(0.0, self._deal)

    @property
    def _queue(self) -> TaskQueue:
        queue = self._region.entries.tasks
        assert queue is not None, "a layout with workers has a queue"
        return queue

    def _share(self, fault: WorkerCrash) -> int:
        return ceil(fault.share * len(self._workers))

    def _kill(self, place: int) -> None:
        worker = self._workers[place]
        if worker is not None:
            worker.alive = False
            self._idle = deque(waiting for waiting in self._idle if waiting[0] is not worker)
        self._workers[place] = None

    def _restart(self, place: int) -> None:
        if self._workers[place] is None and not self._taken[place]:
            self._lives[place] += 1
            worker = Worker(place + 1, str(self._lives[place]), self._region, self._audit, self._wait)
            self._workers[place] = worker
            worker.begin()

    def _wait(self, waiting: Waiting) -> None:
        self._idle.append(waiting)
        self.call()

    def _deal(self) -> None:
        """Give tasks to those who wait, as long as there are both; then wait for the end of a lease."""
        self._called = False
        for _ in range(len(self._idle)):
            if not self._queue.offers:
                break
            worker, activity, effect = self._idle.popleft()
            worker.complete(activity, effect)
        self._await_lease()

    def _await_lease(self) -> None:
        end = self._queue.next_end
        if self._idle and end is not None and not self._armed:
            self._armed = True
            self._region.world.simulator.after(max(0.0, end - self._region.steady()), self._lease_ended)

    def _lease_ended(self) -> None:
        self._armed = False
        self.call()


def _runtime(region: Region) -> MemoryNode:
    """What a worker's effects do: it knows the store's queue and the archive, and has no disk of its own."""
    return MemoryNode(Disk(region.name), region.entries, Objects(), region.first.wall, archive=region.archive)


def _named(effect: Attempt) -> str:
    return f"{effect.task.kind} {'/'.join(effect.task.place)}.{effect.number}"
