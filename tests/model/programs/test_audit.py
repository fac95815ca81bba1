"""The audit queue and its workers: every task is settled, takes effect once, and a crash anywhere loses nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.crash_points import crash_points
from tests.support.model.world import HONEST, STORY, World, pcs, submission

from flk.model.effects import Attempt, Effect
from flk.model.entries.entry import Claim, Key
from flk.model.entries.tasks import Archive, Lease, Task, TaskKind, TaskQueue
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.audit import Handled, work
from flk.model.programs.ship import ship
from flk.model.refusal import Unavailable
from flk.model.runtime import run

LEASE = 30.0


class Clock:
    """A time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def task(number: int) -> Task:
    """A task of its own for each number."""
    return Task(TaskKind.ENRICH, Key("default", f"{number:04d}"))


def worker(queue: TaskQueue, archive: Archive) -> MemoryNode:
    """A worker on a queue."""
    return MemoryNode(Disk("eu"), Entries(queue), Objects(), lambda: 0.0, archive=archive)


def queued(*numbers: int, clock: Clock | None = None) -> TaskQueue:
    """A queue with tasks in it."""
    queue = TaskQueue("eu", clock or Clock(), LEASE)
    for number in numbers:
        queue.enqueue(task(number))
    return queue


def audited(*fails: tuple[int, int]) -> World:
    """A region whose store has an audit queue; `fails` are the attempts that fail, each as epoch of the record and number."""
    ids = {pcs(epoch=epoch).pcs_id: epoch for epoch in range(10)}
    archive = Archive(lambda t, number: (ids[t.place[1]], number) in fails)
    return World("eu", audit=archive)


def settle_all(world: World) -> Iterator[Handled]:
    """Let workers work until no task waits; leases of dead workers end meanwhile."""
    while (settled := world.run("eu", work())) is not None or len(world.tasks("eu")):
        if settled is None:
            world.pass_time(LEASE)
        else:
            yield settled


def test_each_first_write_is_followed_by_one_task() -> None:
    """Duplicates, equivocations and refusals add none; another tenant's entry has its own."""
    world = audited()
    for sent in STORY:
        world.ingest("eu", sent)
    assert len(world.tasks("eu")) == len(world.entries["eu"].entries) == 4
    assert list(settle_all(world)) == [Handled.DONE] * 4
    assert {t.key for t in world.archive.records} == set(world.entries["eu"].entries)


def test_an_entry_of_another_region_is_followed_there() -> None:
    """What a region merges from another is that one's to audit."""
    world = World("eu", "us", audit=Archive())
    for sent in STORY:
        world.ingest("eu", sent)
    world.run("eu", ship())
    world.replay("us", "eu")
    assert len(world.entries["us"].entries) == 4
    assert not len(world.tasks("us"))


def test_a_worker_retries_and_a_late_success_is_a_success() -> None:
    """The third attempt succeeds: the task is marked and acknowledged."""
    queue, archive = queued(1), Archive(lambda _, number: number < 3)
    assert run(work(), worker(queue, archive).perform) is Handled.DONE
    assert queue.marked == {task(1)}
    assert task(1) not in queue
    assert archive.records == [task(1)]


def test_used_up_attempts_end_in_a_dead_letter() -> None:
    """No attempt succeeds: the task is a dead letter, acknowledged, and not marked."""
    tried: list[int] = []
    queue = queued(1)

    def fails(_: Task, number: int) -> bool:
        tried.append(number)
        return True

    assert run(work(attempts=3), worker(queue, Archive(fails)).perform) is Handled.DEAD
    assert tried == [1, 2, 3]
    assert queue.dead == {task(1)}
    assert not queue.marked
    assert not len(queue)


def test_a_marked_task_is_acknowledged_without_an_attempt() -> None:
    """Only the acknowledgement was missing."""
    queue, archive = queued(1), Archive()
    queue.mark(task(1))
    assert run(work(), worker(queue, archive).perform) is Handled.ALREADY
    assert not archive.records
    assert not len(queue)


def test_a_worker_without_a_queue_is_refused() -> None:
    """A store that has no audit queue says so."""
    lonely = MemoryNode(Disk("eu"), Entries(), Objects(), lambda: 0.0, archive=Archive())
    with pytest.raises(Unavailable, match="no audit queue"):
        run(work(), lonely.perform)


def test_a_lease_that_ends_offers_its_task_again_first() -> None:
    """The oldest task comes first, also when it comes again."""
    clock = Clock()
    queue = queued(1, 2, 3, clock=clock)
    assert queue.take() == Lease(task(1), processed=False)
    clock.now = LEASE
    assert queue.next_end == clock.now
    assert queue.take() == Lease(task(1), processed=False)
    assert queue.take() == Lease(task(2), processed=False)
    queue.acknowledge(task(1))
    queue.acknowledge(task(2))
    assert len(queue) == 1
    clock.now += LEASE
    assert queue.next_end is None


def test_a_slow_worker_settles_a_task_that_waits_again() -> None:
    """Its acknowledgement counts, and the task is offered no more."""
    clock = Clock()
    queue = queued(1, clock=clock)
    queue.take()
    clock.now = LEASE
    queue.acknowledge(task(1))
    assert queue.take() is None


def test_two_workers_at_one_task_leave_one_effect() -> None:
    """The lease of the first ends while it is only slow: both attempt, both mark, both acknowledge."""
    clock = Clock()
    queue, archive = queued(1, clock=clock), Archive()
    perform = worker(queue, archive).perform

    def overtaken(effect: Effect[Any]) -> Any:
        if isinstance(effect, Attempt):
            clock.now = LEASE
            assert run(work(), perform) is Handled.DONE
        return perform(effect)

    assert run(work(), overtaken) is Handled.DONE
    assert archive.records == [task(1)]
    assert not len(queue)


def test_ingest_and_workers_stopped_anywhere_settle_every_task_once() -> None:
    """Crash at each effect of ingest and of the workers, recover, go on: each entry's task took effect once or is a dead letter."""
    dead_letters = tuple((2, number) for number in range(1, 5))

    def new() -> World:
        return audited((1, 1), (1, 2), *dead_letters)

    def script(world: World) -> None:
        for sent in STORY:
            world.ingest("eu", sent)
        list(settle_all(world))

    crashes = 0
    for world in crash_points(new, script):
        crashes += 1
        world.recover("eu")
        for sent in STORY:
            world.ingest("eu", sent)
        list(settle_all(world))
        keys = set(world.entries["eu"].entries)
        dead = {t.key for t in world.tasks("eu").dead}
        assert dead == {Key("default", pcs(epoch=2).pcs_id)}
        assert sorted(t.key for t in world.archive.records) == sorted(keys - dead)
        assert {t.key for t in world.tasks("eu").marked} == keys - dead
    assert crashes > 100


def test_a_new_store_has_the_tasks_of_what_it_recovers() -> None:
    """The queue went down with the store; entries come back from the object store, and each with its task."""
    world = audited()
    world.ingest("eu", HONEST)
    world.run("eu", ship())
    list(settle_all(world))
    world.lose_disk("eu")
    world.recover("eu")
    assert len(world.tasks("eu")) == 1
    assert list(settle_all(world)) == [Handled.DONE]
    assert len(world.archive.records) == 1


@given(st.lists(st.sampled_from(["enqueue", "take", "settle", "wait"]), max_size=60), st.data())
@settings(deadline=None)
def test_a_queue_never_loses_a_task_and_never_lends_one_twice(steps: list[str], data: st.DataObject) -> None:
    """Beside a plain account of leases: who holds what until when, and what waits in which order."""
    clock = Clock()
    queue = queued(clock=clock)
    waiting: list[Task] = []
    held: dict[Task, float] = {}
    for number, step in enumerate(steps):
        if step == "enqueue":
            queue.enqueue(task(number))
            waiting.append(task(number))
        elif step == "take":
            late = [t for t, end in held.items() if end <= clock.now]
            waiting[:0] = late
            held = {t: end for t, end in held.items() if t not in late}
            lease = queue.take()
            assert (lease and lease.task) == (waiting[0] if waiting else None)
            if lease:
                held[waiting.pop(0)] = clock.now + LEASE
        elif step == "settle" and (known := [*held, *waiting]):
            chosen = data.draw(st.sampled_from(known))
            queue.acknowledge(chosen)
            held.pop(chosen, None)
            waiting = [t for t in waiting if t != chosen]
        elif step == "wait":
            clock.now += data.draw(st.sampled_from([LEASE / 3, LEASE]))
        assert len(queue) == len(held) + len(waiting)
        assert all(t in queue for t in [*held, *waiting])


def test_a_claim_of_another_region_enqueues_nothing() -> None:
    """Only what the region itself logged is its work."""
    world = World("us")
    world.ingest("us", submission(pcs(epoch=7)))
    ((key, entry),) = world.entries["us"].entries.items()
    queue = queued()
    queue.follow(Claim(key, entry))
    assert not len(queue)
