"""The queues and the clockwork."""

from functools import partial
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flk.sim.engine import Clockwork, Deadlines, GroupCommit, Station, Wait

times = st.integers(0, 20).map(float)


@given(st.lists(st.tuples(times, times), max_size=30))
def test_calls_come_in_order_of_time(delays: list[tuple[float, float]]) -> None:
    """Whatever the order in which calls are scheduled, they come when due; equal times in the order of scheduling."""
    clockwork = Clockwork()
    happened: list[tuple[float, int]] = []

    def happen(number: int, again: float) -> None:
        happened.append((clockwork.now, number))
        clockwork.after(again, lambda: None)

    for number, (delay, again) in enumerate(delays):
        clockwork.after(delay, partial(happen, number, again))
    clockwork.run_until(100.0, 1000, lambda: None)
    due = sorted((delay, number) for number, (delay, _) in enumerate(delays))
    assert happened == due
    assert clockwork.now == 100.0
    assert clockwork.events == 2 * len(delays)


def test_what_is_due_later_does_not_happen() -> None:
    """The run ends at its end, the last moment included."""
    clockwork = Clockwork()
    happened: list[float] = []
    for delay in (1.0, 2.0, 2.5):
        clockwork.after(delay, lambda: happened.append(clockwork.now))
    clockwork.run_until(2.0, 1, lambda: None)
    assert happened == [1.0, 2.0]


@given(st.lists(st.tuples(times, st.integers(1, 5).map(float)), min_size=1, max_size=30))
def test_a_station_serves_one_after_another(visits: list[tuple[float, float]]) -> None:
    """Departures follow Lindley's recursion: each starts when it has come and the one before has gone."""
    clockwork = Clockwork()
    station = Station(clockwork.after)
    left: list[float] = []
    visits.sort()
    for at, seconds in visits:
        clockwork.after(at, partial(station.enter, seconds, lambda: left.append(clockwork.now)))
    clockwork.run_until(1000.0, 1000, lambda: None)
    free, expected = 0.0, []
    for at, seconds in visits:
        free = max(at, free) + seconds
        expected.append(free)
    assert left == expected


def test_a_long_line_is_served_to_the_end() -> None:
    """A backlog of fifty thousand is served in order."""
    clockwork = Clockwork()
    station = Station(clockwork.after)
    served: list[int] = []
    for number in range(50_000):
        station.enter(0.001, partial(served.append, number))
    clockwork.run_until(1000.0, 10**6, lambda: None)
    assert served == list(range(50_000))


@given(st.lists(times, min_size=1, max_size=40))
def test_group_commit_acknowledges_in_order_and_never_early(writes: list[float]) -> None:
    """Everything written is committed in order, by a synchronisation that began at or after it was written (WAL-7)."""
    clockwork = Clockwork()
    committed: list[tuple[float, int]] = []
    disk: GroupCommit[int] = GroupCommit(
        clockwork.after, lambda: 3.0, lambda item: committed.append((clockwork.now, item))
    )
    writes.sort()
    for number, at in enumerate(writes):
        clockwork.after(at, partial(disk.write, number))
    clockwork.run_until(1000.0, 1000, lambda: None)
    assert [item for _, item in committed] == list(range(len(writes)))
    assert all(at >= writes[item] + 3.0 for at, item in committed)
    ends = sorted({at for at, _ in committed})
    assert all(later - earlier >= 3.0 for earlier, later in pairwise(ends))


def test_what_comes_during_a_synchronisation_shares_the_next() -> None:
    """One write, then three during its synchronisation: two synchronisations for four writes."""
    clockwork = Clockwork()
    committed: list[float] = []
    disk: GroupCommit[int] = GroupCommit(clockwork.after, lambda: 3.0, lambda _: committed.append(clockwork.now))
    for at in (0.0, 1.0, 1.5, 2.0):
        clockwork.after(at, lambda: disk.write(0))
    clockwork.run_until(10.0, 100, lambda: None)
    assert committed == [3.0, 6.0, 6.0, 6.0]


def test_a_held_disk_waits() -> None:
    """A held disk finishes the synchronisation that runs and begins no other until it is released."""
    clockwork = Clockwork()
    committed: list[tuple[float, str]] = []
    disk: GroupCommit[str] = GroupCommit(
        clockwork.after, lambda: 2.0, lambda item: committed.append((clockwork.now, item))
    )
    disk.write("running")
    clockwork.after(1.0, disk.hold)
    clockwork.after(1.5, lambda: disk.write("waiting"))
    clockwork.after(9.0, disk.release)
    clockwork.run_until(20.0, 100, lambda: None)
    assert committed == [(2.0, "running"), (11.0, "waiting")]


@given(st.lists(st.tuples(times, times), max_size=40))
def test_a_wait_ends_with_its_answer_or_at_its_deadline(waits: list[tuple[float, float]]) -> None:
    """An answer before the deadline ends the wait; without one it ends at the deadline, and either way once."""
    clockwork = Clockwork()
    deadlines: Deadlines[str] = Deadlines(clockwork, 10.0, "late")
    ended: dict[int, tuple[float, str]] = {}

    def begin(number: int, patience: float) -> None:
        def over(answer: str) -> None:
            assert number not in ended
            ended[number] = (clockwork.now, answer)

        wait = deadlines.begin(over)
        clockwork.after(patience, lambda: wait.end("answer"))

    for number, (at, patience) in enumerate(waits):
        clockwork.after(at, partial(begin, number, patience))
    clockwork.run_until(1000.0, 1000, lambda: None)
    for number, (at, patience) in enumerate(waits):
        when, answer = ended[number]
        assert when == at + min(patience, 10.0)
        assert answer == ("answer" if patience < 10.0 else "late") or patience == 10.0


def test_one_alarm_serves_all_waits() -> None:
    """A thousand waits that are answered in time cost one event, not a thousand."""
    clockwork = Clockwork()
    deadlines: Deadlines[str] = Deadlines(clockwork, 10.0, "late")
    answers: list[str] = []
    for wait in [deadlines.begin(answers.append) for _ in range(1000)]:
        wait.end("answer")
    clockwork.run_until(100.0, 1000, lambda: None)
    assert answers == ["answer"] * 1000
    assert clockwork.events == 1


def test_only_the_first_answer_counts() -> None:
    """A second copy of an answer changes nothing."""
    answers: list[int] = []
    wait = Wait(answers.append)
    wait.end(1)
    wait.end(2)
    assert answers == [1]
    assert wait.over
