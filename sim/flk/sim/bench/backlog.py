"""What one item costs with a thousand of its kind waiting, and with a million: in our queues, and in SimPy's own."""

import gc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import thread_time
from typing import NamedTuple

from simpy import Environment, Resource, Store

from flk.model.effects import OUTBOX
from flk.model.entries.entry import Key
from flk.model.entries.tasks import Task, TaskKind, TaskQueue
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.memory.parts import Disk
from flk.sim.kernel.engine import Deadlines, GroupCommit, Simulator, Station

FEW = 1_000
MANY = 1_000_000
_ITEMS = 200_000  # so many pass through a queue of ours, if they can in
_TIMES = 200  # times of filling it
_TURNS = 200  # so many through one of SimPy's, which has them wait longer the more there are
_FOREVER = 1e18


class Backlog(NamedTuple):
    """Seconds for each item with few and with many waiting."""

    queue: str
    few: float
    many: float

    @property
    def ratio(self) -> float:
        """How many times slower with many."""
        return self.many / self.few


def ours() -> dict[str, Callable[[int], float]]:
    """The queues of the simulator: each as a function of how many wait, to the seconds that an item takes from end to end."""
    return {
        "line of a store": _station,
        "group commit": _group_commit,
        "deadlines": _deadlines,
        "audit queue": _audit_queue,
        "outbox": _outbox,
    }


def simpys() -> dict[str, Callable[[int], float]]:
    """SimPy's, the same."""
    return {"simpy.Store": _store, "simpy.Resource": _resource}


def _drained(waiting: int, drain: Callable[[int], None]) -> float:
    """Seconds an item, of a queue that is filled with `waiting` items and emptied, often enough."""
    times = min(_TIMES, max(1, _ITEMS // waiting))
    with _uncollected():
        start = thread_time()
        for _ in range(times):
            drain(waiting)
        return (thread_time() - start) / (times * waiting)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector, whose work grows with all that lives, ours or not."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _nothing(item: object = None) -> None:
    """What is done with an item that has waited."""
    del item


def _station(waiting: int) -> float:
    def drain(waiting: int) -> None:
        simulator = Simulator()
        station = Station(simulator.after)
        for _ in range(waiting):
            station.enter(1.0, _nothing)
        simulator.run_until(_FOREVER, waiting, _nothing)

    return _drained(waiting, drain)


def _group_commit(waiting: int) -> float:
    def drain(waiting: int) -> None:
        simulator = Simulator()
        disk = GroupCommit[int](simulator.after, lambda: 1.0, _nothing)
        disk.hold()
        for item in range(waiting):
            disk.write(item)
        disk.release()
        simulator.run_until(_FOREVER, waiting, _nothing)

    return _drained(waiting, drain)


def _deadlines(waiting: int) -> float:
    def drain(waiting: int) -> None:
        simulator = Simulator()
        deadlines = Deadlines[None](simulator, 30.0, None)
        waits = deque(deadlines.begin(_nothing) for _ in range(waiting))
        while waits:
            waits.popleft().end(None)
        simulator.run_until(_FOREVER, waiting, _nothing)

    return _drained(waiting, drain)


def _audit_queue(waiting: int) -> float:
    tasks = [Task(TaskKind.ENRICH, Key("default", f"{number:064x}")) for number in range(waiting)]

    def drain(waiting: int) -> None:
        queue = TaskQueue("eu", lambda: 0.0)
        for task in tasks:
            queue.enqueue(task)
        for _ in range(waiting):
            if (lease := queue.take()) is not None:
                queue.acknowledge(lease.task)

    return _drained(waiting, drain)


def _outbox(waiting: int) -> float:
    payload = bytes(100)

    def drain(waiting: int) -> None:
        disk = Disk("agent")
        for number in range(waiting):
            disk.append(OUTBOX, Frame(Timestamp(number), payload), Timestamp(number))

    return _drained(waiting, drain)


def _store(waiting: int) -> float:
    env = Environment()
    store = Store(env)
    for item in range(waiting):
        store.put(item)
    env.run()

    def consumer() -> Iterator[object]:
        for item in range(_TURNS):
            yield store.get()
            store.put(item)

    env.process(consumer())  # type: ignore[arg-type]  # SimPy asks for a generator and takes any
    return _ran(env)


def _resource(waiting: int) -> float:
    env = Environment()
    server = Resource(env)
    line = deque(server.request() for _ in range(waiting))

    def visitor() -> Iterator[object]:
        for _ in range(_TURNS):
            turn = line.popleft()
            yield turn
            server.release(turn)
            line.append(server.request())

    env.process(visitor())  # type: ignore[arg-type]  # SimPy asks for a generator and takes any
    return _ran(env)


def _ran(env: Environment) -> float:
    with _uncollected():
        start = thread_time()
        env.run()
        return (thread_time() - start) / _TURNS
