"""Every audit queue does what `Queue` says, for one process and for several, through what servers do to them (AUD-1, AUD-7)."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.effort import few
from tests.support.impl.queues import KINDS, SERVERS, QueuePlace, Reference, counted, letters, task, tasks

from flk.impl.queues.opening import open_queue
from flk.impl.queues.queue import Queue
from flk.impl.queues.sqlite import SqliteQueue
from flk.model.auditing.plan import Position
from flk.model.entries.tasks import Lease
from flk.model.refusal import Unavailable
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> QueuePlace:
    """A new queue, of each kind in turn."""
    return QueuePlace(request.param, tmp_path)


def filled(queue: Queue, begin: int, end: int) -> bool:
    """Enqueue the tasks of these leaves."""
    before = queue.position()
    return queue.enqueue(before, msgspec.structs.replace(before, behind=end), tasks(begin, end))


def until(asked: Callable[[], Lease | None]) -> Lease:
    """The first lease that there is, however long that takes."""
    while (found := asked()) is None:
        time.sleep(0.01)
    return found


ABOUT = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("enqueue"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("take")),
    st.tuples(st.sampled_from(["mark", "acknowledge", "retry"]), ABOUT),
    st.tuples(st.just("bury"), ABOUT, st.integers(1, 4), st.sampled_from(["", 'so "it" was', "\N{SNOWMAN}" * 9])),
    st.tuples(st.just("drop"), ABOUT, st.sampled_from(["because", "é"])),
)


@pytest.mark.slow
@settings(
    max_examples=few(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, max_size=14))
def test_it_does_what_the_reference_does(place: QueuePlace, steps: list[tuple[object, ...]]) -> None:
    """Whatever is asked in whatever order, also of tasks that are not there or not leased."""
    fresh = QueuePlace(place.kind, Path(place.url).parent) if place.server is None else None
    if place.server is not None:
        place.server.clean()
        if place.kind == "postgres":
            place.server.query(place.url.split("/")[3].split("?")[0], "drop schema if exists flk_audit cascade")  # type: ignore[attr-defined]
    reference = Reference()
    with (fresh or place).open() as queue:
        for name, *rest in steps:
            assert asked(queue, name, rest) == asked(reference, name, rest), (name, rest)
            assert queue.position() == reference.position
            assert counted(queue.backlog()) == reference.backlog()
            assert letters(queue) == reference.dead
        assert queue.marked(tasks(0, 4)) == len(reference.marks)
        assert {each for each in tasks(0, 4) if queue.dropped(each)} == set(reference.dropped)


def asked(queue: "Queue | Reference", name: object, rest: list[object]) -> object:
    """What a queue makes of a step."""
    if name == "enqueue":
        now = queue.position() if isinstance(queue, Queue) else queue.position
        begin, is_late = rest
        before = Position(behind=99) if is_late else now
        return queue.enqueue(before, Position(now.behind + 1), tasks(int(str(begin)), 4))
    if name == "take":
        return queue.take()
    return getattr(queue, str(name))(task(int(str(rest[0]))), *rest[1:])


def test_what_it_has_outlives_whoever_wrote_it(place: QueuePlace) -> None:
    """Position, tasks, leases, marks, letters with time and error, and what was dropped, for the next who opens it."""
    began = time.time() - 1
    with place.open() as queue:
        assert filled(queue, 0, 4)
        queue.take()
        queue.mark(task(0))
        queue.bury(task(1), 4, "no room")
        queue.bury(task(2), 3, "gone")
        queue.drop(task(2), "it is about nobody")
    with place.open() as queue:
        assert queue.position() == Position(behind=4)
        assert counted(queue.backlog()) == (2, 1, 1)
        (letter,) = queue.letters(10)
        assert (letter.id, letter.attempts, letter.error) == (task(1).id, 4, "no room")
        assert began < letter.at < time.time() + 1
        assert queue.letter(task(1)) == letter
        assert queue.letter(task(0)) is None
        given_up = queue.dropped(task(2))
        assert given_up is not None
        assert (given_up[0].error, given_up[1]) == ("gone", "it is about nobody")


def test_logs_do_not_meet(place: QueuePlace) -> None:
    """Two logs may have one queue: each worker is given tasks of its own log; letters are listed by log, or of all."""
    with place.open() as queue, place.open(log="other.example/log") as other, place.open(log="") as letters_only:
        filled(queue, 0, 2)
        assert other.take() is None
        assert other.position() == Position()
        assert counted(other.backlog()) == (0, 0, 0)
        queue.bury(task(0), 4, "no")
        assert not other.letters(9)
        assert len(queue.letters(9)) == len(letters_only.letters(9)) == 1
        assert letters_only.retry(task(0))
        assert not queue.letters(9)


def test_who_enqueues_at_the_same_time_enqueues_once(place: QueuePlace) -> None:
    """Of many that start at the same position one has its tasks in the queue, and each task is there once."""
    start = threading.Barrier(4)

    def enqueue(number: int) -> bool:
        with place.open() as queue:
            before = queue.position()
            start.wait()
            return queue.enqueue(before, Position(behind=3 + number), tasks(0, 3))

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(enqueue, range(4))) == [False, False, False, True]
    with place.open() as queue:
        assert counted(queue.backlog()) == (3, 0, 0)


def test_who_takes_at_the_same_time_takes_each_once(place: QueuePlace) -> None:
    """Four workers, sixty tasks: each has one lease, and none is left over."""
    with place.open() as queue:
        filled(queue, 0, 60)

    def work(_: int) -> list[int]:
        mine = []
        with place.open() as queue:
            while (lease := queue.take()) is not None:
                mine.append(lease.task)
                queue.mark(lease.task)
                queue.acknowledge(lease.task)
        return [each.key.begin for each in mine]  # type: ignore[union-attr]  # about leaves

    with ThreadPoolExecutor(4) as threads:
        taken = [number for mine in threads.map(work, range(4)) for number in mine]
    assert sorted(taken) == list(range(60))
    with place.open() as queue:
        assert counted(queue.backlog()) == (0, 0, 0)
        assert queue.marked(tasks(0, 60)) == 60


def test_a_lease_ends_and_its_task_comes_first(place: QueuePlace) -> None:
    """What its worker did not bring to an end is offered again, before what waits; with its mark, if it has one."""
    with place.open(0.05) as queue:
        filled(queue, 0, 20)
        for number in range(15):
            assert queue.take() == Lease(task(number), processed=False) or number, "in order, at first"
        queue.mark(task(0))
    with place.open(0.05) as queue:
        time.sleep(0.06)
        assert until(queue.take) == Lease(task(0), processed=True)


def test_a_renewed_lease_goes_on(place: QueuePlace) -> None:
    """Of two leases the one that is renewed outlives the other; what is not leased is not."""
    with place.open(1.0) as queue:
        filled(queue, 0, 3)
        queue.take()
        queue.take()
        queue.renew(task(2))
        first = until(lambda: (queue.renew(task(0)), queue.take())[1])
        assert first.task == task(2)
        assert until(lambda: (queue.renew(task(0)), queue.renew(task(2)), queue.take())[2]).task == task(1)


def test_a_late_worker_breaks_nothing(place: QueuePlace) -> None:
    """It acknowledges a task that was put back meanwhile, buries one that is done, and marks a dead letter."""
    with place.open() as queue:
        filled(queue, 0, 3)
        for number in range(3):
            assert queue.take() == Lease(task(number), processed=False)
        queue.bury(task(0), 4, "no")
        assert queue.retry(task(0))
        queue.acknowledge(task(0))  # of the worker that buried it
        queue.mark(task(1))
        queue.bury(task(1), 4, "of one that was late")
        queue.bury(task(2), 4, "no")
        queue.mark(task(2))  # of another that took effect all the same
        assert not queue.letters(9)
        for number in (1, 2):
            queue.acknowledge(task(number))
        assert sum(counted(queue.backlog())) == 1


def test_letters_put_back_while_they_are_acknowledged_are_not_lost(place: QueuePlace) -> None:
    """Whoever comes first: a task that is put back is in the queue until somebody brings it to an end."""
    with place.open() as queue:
        filled(queue, 0, 30)
        for number in range(30):
            queue.take()
            queue.bury(task(number), 4, "no")
    start = threading.Barrier(2)

    def run(name: str) -> None:
        with place.open() as queue:
            for number in range(30):
                start.wait()
                getattr(queue, name)(task(number))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run, ("retry", "acknowledge")))
    with place.open() as queue:
        waiting, leased, dead = counted(queue.backlog())
        assert (waiting + leased, dead) == (30, 0)


def test_old_marks_go_and_their_tasks_do_not_come_back(place: QueuePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: marks that are older than they are kept are removed when something is enqueued."""
    from flk.impl.queues import redis, rows

    with place.open() as queue:
        filled(queue, 0, 1)
        queue.take()
        queue.mark(task(0))
        queue.acknowledge(task(0))
        short = msgspec.structs.replace(CONSTANTS, audit=msgspec.structs.replace(CONSTANTS.audit, dedup_seconds=0))
        for module in (rows, redis):
            monkeypatch.setattr(module, "CONSTANTS", short)
        time.sleep(0.01)
        filled(queue, 1, 2)
        assert queue.marked(tasks(0, 2)) == 0
        assert until(queue.take).task == task(1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_is_away_is_a_refusal_until_it_is_back(kind: str, tmp_path: Path) -> None:
    """Every step says so; then what was acknowledged is there."""
    place = QueuePlace(kind, tmp_path)
    assert place.server is not None
    with place.open() as queue:
        filled(queue, 0, 2)
        queue.take()
        queue.mark(task(0))
        place.server.kill()
        for step in (queue.position, queue.take, queue.backlog, lambda: queue.mark(task(1)), lambda: queue.letters(1)):
            with pytest.raises(Unavailable, match=r"the audit queue .* does not answer"):
                step()
        with pytest.raises(Unavailable):
            open_queue(place.url, "example.com/other")
        place.server.start()
        assert queue.marked(tasks(0, 2)) == 1
        assert counted(queue.backlog()) == (1, 1, 0)


@pytest.mark.parametrize("place", [kind for kind in KINDS if kind.startswith("redis")], indirect=True)
def test_a_queue_that_was_emptied_is_filled_again_from_the_log(place: QueuePlace) -> None:
    """Its position is that of a new one, so nothing is missing; nobody has to be started again."""
    assert place.server is not None
    with place.open() as queue:
        filled(queue, 0, 2)
        place.server.clean()
        assert queue.take() is None
        assert queue.position() == Position()
        assert not queue.enqueue(Position(behind=2), Position(behind=3), tasks(2, 3))
        assert filled(queue, 0, 3)
        assert until(queue.take).task == task(0)


def test_no_clock_that_is_set_back_prolongs_a_lease_by_more_than_itself(tmp_path: Path) -> None:
    """A machine that is started again counts from zero: a lease that begins in the future is over (AUD-1)."""
    now = [1000.0]
    queue = SqliteQueue(tmp_path / "queue", "example.com/log", 30.0, steady=lambda: now[0])
    filled(queue, 0, 1)
    assert queue.take() is not None
    now[0] = 1029.9
    assert queue.take() is None
    now[0] = 999.0
    assert queue.take() is not None
    now[0] = 1029.0
    assert queue.take() is not None
    queue.close()


def test_redis_notices_that_its_time_was_set_back(tmp_path: Path) -> None:
    """It measures leases by wall time: they are all over then, since none may last until the time of before comes again."""
    place = QueuePlace("redis", tmp_path)
    with place.open() as queue:
        filled(queue, 0, 1)
        assert queue.take() is not None
        assert queue.take() is None
        place.server.command("set", "flk:{audit}:clock", str(int(time.time() * 1000) + 60_000))  # type: ignore[union-attr]
        assert queue.take() is not None


def test_redis_finds_an_ended_lease_behind_many_that_are_not(tmp_path: Path) -> None:
    """However many tasks before it are in the hands of workers that go on."""
    with QueuePlace("redis", tmp_path).open(2.0) as queue:
        filled(queue, 0, 15)
        for _ in range(15):
            queue.take()

        def taken() -> Lease | None:
            for number in range(14):
                queue.renew(task(number))
            return queue.take()

        assert until(taken).task == task(14)


BAD: dict[str, Callable[[Path], str]] = {
    "a directory": str,
    "no directory": lambda home: str(home / "none" / "queue"),
    "another scheme": lambda _: "mysql://host/database",
    "no URL": lambda _: "postgresql://[host",
}


@pytest.mark.parametrize("of", BAD)
def test_what_is_no_queue_is_refused_with_the_mend(tmp_path: Path, of: str) -> None:
    """Before anything is made."""
    with pytest.raises(UnusableInput, match=r"queue|directory"):
        open_queue(BAD[of](tmp_path), "example.com/log")


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """Be it of something else, of a newer version, or rotten."""
    path = tmp_path / "queue"
    path.write_text("a text that is no database, and long enough to be taken for one" * 20)
    with pytest.raises(UnusableInput, match="no audit queue, or damaged"):
        open_queue(str(path), "example.com/log")
    path.unlink()
    queue = open_queue(str(path), "example.com/log")
    with queue._step() as do:  # type: ignore[attr-defined]
        do("update version set version = 2")
    queue.close()
    with pytest.raises(UnusableInput, match="use the newer flk"):
        open_queue(str(path), "example.com/log")


def test_servers_that_may_lose_what_they_acknowledge_are_refused(tmp_path: Path) -> None:
    """A Redis in memory alone, and a PostgreSQL that does not synchronise."""
    redis = QueuePlace("redis", tmp_path)
    redis.server.command("config", "set", "appendfsync", "everysec")  # type: ignore[union-attr]
    try:
        with pytest.raises(UnusableInput, match="appendfsync is everysec"):
            open_queue(redis.url, "example.com/log")
    finally:
        redis.server.command("config", "set", "appendfsync", "always")  # type: ignore[union-attr]
    postgres = QueuePlace("postgres", tmp_path)
    name = postgres.url.split("/")[3].split("?")[0]
    postgres.server.query("postgres", f'alter database "{name}" set synchronous_commit = off')  # type: ignore[union-attr]
    with pytest.raises(UnusableInput, match="synchronous_commit is off"):
        open_queue(postgres.url, "example.com/log")


def test_a_password_is_not_told() -> None:
    """Of a URL that does not work."""
    with pytest.raises(Unavailable) as refusal:
        open_queue("redis://:s3cret@127.0.0.1:1/0", "example.com/log")
    assert "s3cret" not in refusal.value.detail


def test_processes_of_a_machine_share_a_file(tmp_path: Path) -> None:
    """What one has leased another does not take: their clock is one."""
    path = tmp_path / "queue"
    queue = open_queue(str(path), "example.com/log", 3600.0)
    with ExitStack() as stack:
        stack.callback(queue.close)
        filled(queue, 0, 1)
        assert queue.take() is not None
        script = f"from flk.impl.queues.opening import open_queue; print(open_queue({str(path)!r}, 'example.com/log').take())"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "None"
