"""A run that does not go on is a finding, and one that uses up its budget is undecided: neither hangs."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from tests.support.model.world import KEYRING
from tests.support.sim.drills import drill, records, verdicts

from flk.model.effects import INBOX, ListObjects, Program, Segments
from flk.model.programs.replay import Replayed
from flk.sim.checkers.invariants import Invariant, Result
from flk.sim.kernel import budget as budgets
from flk.sim.kernel import runtime
from flk.sim.kernel.budget import UNLIMITED, Budget, NoProgress, OutOfBudget, Watch, within
from flk.sim.kernel.engine import Simulator
from flk.sim.kernel.programs import MODEL
from flk.sim.outcome import Run
from flk.sim.simulate import simulate
from flk.spec.verdict import Verdict

SHORT = drill(duration=40, until=10)


def progress(run: Run) -> Result:
    """The row about the run's going on."""
    return next(row for row in run.results if row.invariant == Invariant.PROGRESS)


def played(budget: Budget = UNLIMITED, **programs: Any) -> Run:
    """A short run with some programs replaced."""
    return simulate(SHORT, records(30), KEYRING, programs=MODEL._replace(**programs), budget=budget)


def test_a_run_that_ends_goes_on() -> None:
    """The model's programs let time pass."""
    run = played()
    assert not verdicts(run)
    assert progress(run).checks == 1


def test_a_program_that_lets_no_time_pass_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for effects that take no time, for ever: the run ends, and the sentence names program and place."""

    def ship() -> Program[tuple[str, ...]]:
        while True:
            yield from Segments(INBOX, after="")

    monkeypatch.setattr(runtime, "_AT_ONCE", range(1000))
    row = progress(played(ship=ship))
    assert row.verdict is Verdict.VIOLATED
    assert "ship 1.0 of " in row.examples[0].sentence


def test_events_that_never_let_a_moment_pass_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event brings about the next at once: after so many at one moment the watch tells what comes next."""
    monkeypatch.setattr(budgets, "AT_ONCE", 1000)
    simulator = Simulator()

    def again() -> None:
        simulator.after(0.0, again)

    again()
    with pytest.raises(NoProgress, match=r"1,000 events at 0 s; the next is .*again"):
        simulator.run_until(1.0, 10, Watch(simulator, UNLIMITED, 10).look)


def test_a_run_over_its_budget_of_events_is_undecided() -> None:
    """It stops at the same place everywhere, which it names."""
    rows = [progress(played(Budget(events=1000))) for _ in range(2)]
    assert rows[0] == rows[1]
    assert rows[0].verdict is Verdict.UNDECIDED
    assert rows[0].examples[0].sentence.startswith("1,000 events are used up at ")


def test_a_program_that_computes_for_ever_is_interrupted() -> None:
    """It never comes to an effect. The budget of real time ends the run, undecided, where it is."""

    def replay(peer: str, examine: object) -> Program[Replayed]:
        del examine
        yield from ListObjects(peer, after="")
        while True:
            pass

    row = progress(played(Budget(seconds=1.0), replay=replay))
    assert row.verdict is Verdict.UNDECIDED
    assert "replay" in row.examples[0].sentence


def test_memory_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What grows beyond the budget of memory is stopped."""
    used = iter([100.0, 150.0, 201.0])
    monkeypatch.setattr(budgets, "_megabytes", lambda: next(used))
    watch = Watch(Simulator(), Budget(megabytes=100), 10)
    watch.look()
    with pytest.raises(OutOfBudget, match="100 megabytes"):
        watch.look()


def endless() -> None:
    """What never ends by itself."""
    while True:
        pass


@pytest.fixture
def alarm() -> Iterator[Callable[[], bool]]:
    """Whether the handler of alarms is the one there was before the test."""
    before = signal.getsignal(signal.SIGALRM)
    yield lambda: signal.getsignal(signal.SIGALRM) == before
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_what_is_done_in_time_is_not_interrupted_later(alarm: Callable[[], bool]) -> None:
    """Its result is returned, and no alarm is left."""
    assert within(60.0, lambda: 7) == 7
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert alarm()


def test_what_is_not_done_in_time_is_interrupted(alarm: Callable[[], bool]) -> None:
    """The sentence says where it was; no alarm is left."""
    with pytest.raises(OutOfBudget, match="used up; the run is in endless"):
        within(0.01, endless)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert alarm()


def test_work_that_catches_an_interrupt_is_interrupted_again(alarm: Callable[[], bool]) -> None:
    """Where an exception cannot rise, as in a finaliser, or is caught, the next one comes."""

    def stubborn() -> None:
        with suppress(BaseException):
            endless()
        endless()

    with pytest.raises(OutOfBudget):
        within(0.01, stubborn)
    assert alarm()


def test_what_was_interrupted_and_ended_all_the_same_is_no_result(alarm: Callable[[], bool]) -> None:
    """A run that lost an exception on the way, as in a finaliser, may have come to anything: a hunt that was suspended for minutes
    told of a node that never got ready.
    """

    def stubborn() -> int:
        with suppress(BaseException):
            endless()
        return 7

    with pytest.raises(OutOfBudget, match="went on all the same"):
        within(0.01, stubborn)
    assert alarm()


def test_an_interrupt_that_comes_at_the_end_does_not_outlive_the_work(alarm: Callable[[], bool]) -> None:
    """Wherever it comes, it is raised by the work or not at all, and the alarm of before is back."""
    ends = Counter[bool]()
    for turn in range(4000):
        work = partial(sum, range(turn % 40))
        try:
            within(1e-6 * (1 + turn % 60), lambda: [work() for _ in range(20)])  # noqa: B023  (it is called within the round)
        except OutOfBudget:
            ends[False] += 1
        else:
            ends[True] += 1
        assert alarm()
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert min(ends[True], ends[False]) > 0


def test_a_timer_that_ran_before_runs_on(alarm: Callable[[], bool]) -> None:
    """A budget within another, or a test runner's time limit, keeps what is left of it."""
    signal.setitimer(signal.ITIMER_REAL, 60.0, 5.0)
    with pytest.raises(OutOfBudget):
        within(0.05, endless)
    left, again = signal.getitimer(signal.ITIMER_REAL)
    assert left == pytest.approx(59, abs=1)
    assert again == 5.0
    assert alarm()
