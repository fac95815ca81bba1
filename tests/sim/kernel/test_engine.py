"""The queues and the simulator."""

import gc
import sys
from collections.abc import Callable, Generator
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simpy import Event
from simpy.core import EmptySchedule
from tests.support.sim.drills import drill, rehearse

from flk.sim.kernel.engine import Deadlines, GroupCommit, Simulator, Station, Wait
from flk.sim.kernel.runtime import Activity
from flk.spec.collection import seldom_collected

times = st.integers(0, 20).map(float)


@given(st.lists(st.tuples(times, times), max_size=30))
def test_calls_come_in_order_of_time(delays: list[tuple[float, float]]) -> None:
    """Whatever the order in which calls are scheduled, they come when due; equal times in the order of scheduling."""
    simulator = Simulator()
    happened: list[tuple[float, int]] = []

    def happen(number: int, again: float) -> None:
        happened.append((simulator.now, number))
        simulator.after(again, lambda: None)

    for number, (delay, again) in enumerate(delays):
        simulator.after(delay, partial(happen, number, again))
    simulator.run_until(100.0, 1000, lambda: None)
    due = sorted((delay, number) for number, (delay, _) in enumerate(delays))
    assert happened == due
    assert simulator.now == 100.0
    assert simulator.events == 2 * len(delays)


def test_what_is_due_later_does_not_happen() -> None:
    """The run ends at its end, the last moment included."""
    simulator = Simulator()
    happened: list[float] = []
    for delay in (1.0, 2.0, 2.5):
        simulator.after(delay, lambda: happened.append(simulator.now))
    simulator.run_until(2.0, 1, lambda: None)
    assert happened == [1.0, 2.0]


@given(st.lists(st.tuples(times, st.integers(1, 5).map(float)), min_size=1, max_size=30))
def test_a_station_serves_one_after_another(visits: list[tuple[float, float]]) -> None:
    """Departures follow Lindley's recursion: each starts when it has come and the one before has gone."""
    simulator = Simulator()
    station = Station(simulator.after)
    left: list[float] = []
    visits.sort()
    for at, seconds in visits:
        simulator.after(at, partial(station.enter, seconds, lambda: left.append(simulator.now)))
    simulator.run_until(1000.0, 1000, lambda: None)
    free, expected = 0.0, []
    for at, seconds in visits:
        free = max(at, free) + seconds
        expected.append(free)
    assert left == expected


def test_a_long_line_is_served_to_the_end() -> None:
    """A backlog of fifty thousand is served in order."""
    simulator = Simulator()
    station = Station(simulator.after)
    served: list[int] = []
    for number in range(50_000):
        station.enter(0.001, partial(served.append, number))
    simulator.run_until(1000.0, 10**6, lambda: None)
    assert served == list(range(50_000))


@given(st.lists(times, min_size=1, max_size=40))
def test_group_commit_acknowledges_in_order_and_never_early(writes: list[float]) -> None:
    """Everything written is committed in order, by a synchronisation that began at or after it was written (WAL-7)."""
    simulator = Simulator()
    committed: list[tuple[float, int]] = []
    disk: GroupCommit[int] = GroupCommit(
        simulator.after, lambda: 3.0, lambda item: committed.append((simulator.now, item))
    )
    writes.sort()
    for number, at in enumerate(writes):
        simulator.after(at, partial(disk.write, number))
    simulator.run_until(1000.0, 1000, lambda: None)
    assert [item for _, item in committed] == list(range(len(writes)))
    assert all(at >= writes[item] + 3.0 for at, item in committed)
    ends = sorted({at for at, _ in committed})
    assert all(later - earlier >= 3.0 for earlier, later in pairwise(ends))


def test_what_comes_during_a_synchronisation_shares_the_next() -> None:
    """One write, then three during its synchronisation: two synchronisations for four writes."""
    simulator = Simulator()
    committed: list[float] = []
    disk: GroupCommit[int] = GroupCommit(simulator.after, lambda: 3.0, lambda _: committed.append(simulator.now))
    for at in (0.0, 1.0, 1.5, 2.0):
        simulator.after(at, lambda: disk.write(0))
    simulator.run_until(10.0, 100, lambda: None)
    assert committed == [3.0, 6.0, 6.0, 6.0]


def test_a_held_disk_waits() -> None:
    """A held disk finishes the synchronisation that runs and begins no other until it is released."""
    simulator = Simulator()
    committed: list[tuple[float, str]] = []
    disk: GroupCommit[str] = GroupCommit(
        simulator.after, lambda: 2.0, lambda item: committed.append((simulator.now, item))
    )
    disk.write("running")
    simulator.after(1.0, disk.hold)
    simulator.after(1.5, lambda: disk.write("waiting"))
    simulator.after(9.0, disk.release)
    simulator.run_until(20.0, 100, lambda: None)
    assert committed == [(2.0, "running"), (11.0, "waiting")]


@given(st.lists(st.tuples(times, times), max_size=40))
def test_a_wait_ends_with_its_answer_or_at_its_deadline(waits: list[tuple[float, float]]) -> None:
    """An answer before the deadline ends the wait; without one it ends at the deadline, and either way once."""
    simulator = Simulator()
    deadlines: Deadlines[str] = Deadlines(simulator, 10.0, "late")
    ended: dict[int, tuple[float, str]] = {}

    def begin(number: int, patience: float) -> None:
        def over(answer: str) -> None:
            assert number not in ended
            ended[number] = (simulator.now, answer)

        wait = deadlines.begin(over)
        simulator.after(patience, lambda: wait.end("answer"))

    for number, (at, patience) in enumerate(waits):
        simulator.after(at, partial(begin, number, patience))
    simulator.run_until(1000.0, 1000, lambda: None)
    for number, (at, patience) in enumerate(waits):
        when, answer = ended[number]
        assert when == at + min(patience, 10.0)
        assert answer == ("answer" if patience < 10.0 else "late") or patience == 10.0


@given(st.lists(st.tuples(times, st.booleans()), max_size=30))
def test_simpys_processes_run_on_the_same_clock(delays: list[tuple[float, bool]]) -> None:
    """Whatever is a process and whatever a call: all happens in order of time, equal times in the order of scheduling."""
    simulator = Simulator()
    happened: list[tuple[float, int]] = []

    def process(number: int, delay: float) -> Generator[Event, object, None]:
        yield simulator.timeout(delay)
        happened.append((simulator.now, number))

    for number, (delay, is_process) in enumerate(delays):
        if is_process:
            simulator.process(process(number, delay))
        else:
            simulator.after(delay, partial(lambda number: happened.append((simulator.now, number)), number))
    simulator.run_until(100.0, 1000, lambda: None)
    assert [at for at, _ in happened] == sorted(delay for delay, _ in delays)
    for kind in (True, False):
        mine = [row for row in happened if delays[row[1]][1] is kind]
        assert mine == sorted(mine)


def test_simpys_own_loop_lets_calls_happen() -> None:
    """A notebook may run the simulator as any SimPy environment."""
    simulator = Simulator()
    happened: list[float] = []
    for delay in (1.0, 2.0, 9.0):
        simulator.after(delay, lambda: happened.append(simulator.now))
    simulator.run(until=simulator.timeout(3.0))
    assert (happened, simulator.now) == ([1.0, 2.0], 3.0)
    simulator.run()
    assert happened == [1.0, 2.0, 9.0]
    with pytest.raises(EmptySchedule):
        simulator.step()


def test_a_process_that_fails_is_heard_of() -> None:
    """SimPy's rule holds in our loop, too: an exception that nobody handles ends the run."""

    def broken() -> Generator[Event, object, None]:
        yield simulator.timeout(1.0)
        raise LookupError("lost")

    simulator = Simulator()
    simulator.process(broken())
    with pytest.raises(LookupError, match="lost"):
        simulator.run_until(10.0, 1000, lambda: None)


def test_nothing_happens_in_the_past() -> None:
    """A moment that is over cannot be scheduled."""
    with pytest.raises(ValueError, match="ago"):
        Simulator().after(-0.5, lambda: None)


def test_the_collector_is_as_it_was_after_a_run() -> None:
    """Also when the run ends with an exception."""

    def broken() -> None:
        with seldom_collected():
            seen.append(gc.get_threshold()[0])
            raise LookupError

    before, seen = gc.get_threshold(), list[int]()
    with pytest.raises(LookupError):
        broken()
    assert gc.get_threshold() == before
    assert seen[0] > before[0]


def _waiting_in_line(simulator: Simulator, size: int) -> None:
    station = Station(simulator.after)
    for _ in range(size):
        station.enter(1.0, lambda: None)


def _waiting_for_the_disk(simulator: Simulator, size: int) -> None:
    disk: GroupCommit[int] = GroupCommit(simulator.after, lambda: 1.0, lambda _: None)
    for item in range(size):
        disk.write(item)


def _waiting_for_answers(simulator: Simulator, size: int) -> None:
    deadlines: Deadlines[str] = Deadlines(simulator, 10.0, "late")
    waits = [deadlines.begin(lambda _: None) for _ in range(size)]
    for wait in waits[::2]:
        wait.end("answer")


@pytest.mark.slow
@pytest.mark.parametrize("wait", [_waiting_in_line, _waiting_for_the_disk, _waiting_for_answers])
def test_a_backlog_costs_each_item_the_same(wait: Callable[[Simulator, int], None]) -> None:
    """Every further item adds the same number of calls, Python's and C's, however many wait; and none of them waits in the heap."""

    def calls(size: int) -> int:
        count = 0

        def counted(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += event in {"call", "c_call"}

        simulator = Simulator()
        gc.collect()
        with seldom_collected():  # the collector tells others when it runs, and those are calls, too
            sys.setprofile(counted)
            wait(simulator, size)
            waiting = len(simulator._queue)
            simulator.run_until(1e9, 10**9, lambda: None)
            sys.setprofile(None)
        assert waiting == 1
        return count

    assert calls(2000) - calls(1000) == calls(3000) - calls(2000) > 0


def test_requests_leave_no_cycles() -> None:
    """What belongs to a request is gone when it is over, without a search for garbage."""
    gc.collect()
    gc.disable()
    try:
        run = rehearse(drill())
        left = [one for one in gc.get_objects() if isinstance(one, Activity)]
    finally:
        gc.enable()
    assert run.measures.counts.offered > 80
    assert len(left) < 10


def test_one_alarm_serves_all_waits() -> None:
    """A thousand waits that are answered in time cost one event, not a thousand."""
    simulator = Simulator()
    deadlines: Deadlines[str] = Deadlines(simulator, 10.0, "late")
    answers: list[str] = []
    for wait in [deadlines.begin(answers.append) for _ in range(1000)]:
        wait.end("answer")
    simulator.run_until(100.0, 1000, lambda: None)
    assert answers == ["answer"] * 1000
    assert simulator.events == 1


def test_only_the_first_answer_counts() -> None:
    """A second copy of an answer changes nothing."""
    answers: list[int] = []
    wait = Wait(answers.append)
    wait.end(1)
    wait.end(2)
    assert answers == [1]
    assert wait.over
