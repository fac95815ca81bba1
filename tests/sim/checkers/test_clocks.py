"""Every invariant of the clocks can fail: a mistake is planted for each, and seen."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.sim.drills import drill, records, rehearse

from flk.model.effects import Effect, Observe, Program, Resume
from flk.model.log import hlc
from flk.model.memory import memory
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import ClockSkew, Fault, ProcessCrash
from flk.spec.verdict import Verdict

AHEAD = ClockSkew(id="ahead", start=Seconds(5), duration=Seconds(40), region="eu", offset=Seconds(40))
WILD = ClockSkew(id="wild", start=Seconds(0), duration=Seconds(45), region="eu", offset=Seconds(90))
FALLS_BACK = ClockSkew(id="ahead", start=Seconds(5), duration=Seconds(25), region="us", offset=Seconds(50))
CRASH = ProcessCrash(id="crash", start=Seconds(28), duration=Seconds(4), region="us")
Change = Callable[[Effect[Any]], Effect[Any] | None]


def changed(program: Program[Any], change: Change) -> Program[Any]:
    """A program of which each effect is another, or is left out (None)."""
    result = None
    while True:
        try:
            effect = program.send(result)
        except StopIteration as stop:
            return stop.value
        other = change(effect)
        result = None if other is None else (yield other)


def play(*faults: Fault, change: Change = lambda effect: effect) -> set[str]:
    """What a run violates in which replay and recovery have other effects."""
    programs = MODEL._replace(
        replay=lambda peer, examine: changed(MODEL.replay(peer, examine), change),
        recover=lambda name, examine: changed(MODEL.recover(name, examine), change),
    )
    run = rehearse(drill(*faults, rate=4.0), records(200), programs=programs)
    return {row.invariant for row in run.results if row.verdict is Verdict.VIOLATED}


@pytest.mark.slow
@pytest.mark.parametrize("faults", [(AHEAD,), (WILD,), (FALLS_BACK, CRASH)])
def test_the_models_clocks_break_nothing(faults: tuple[Fault, ...]) -> None:
    """Clocks that are ahead within and beyond the bound, and one that falls back while its node is down."""
    assert play(*faults) == set()


def test_a_clock_that_learns_nothing_is_seen() -> None:
    """What another region shipped is merged, and the clock goes on as if it had not been (HLC-2)."""
    assert Invariant.PAST_ALL in play(AHEAD, change=lambda effect: None if isinstance(effect, Observe) else effect)


def test_a_clock_that_learns_too_little_is_seen() -> None:
    """Only the first of the timestamps that arrived counts (HLC-2)."""

    def less(effect: Effect[Any]) -> Effect[Any]:
        if not isinstance(effect, Observe):
            return effect
        return Observe(tuple(hlc.Timestamp(timestamp - (1 << 32)) for timestamp in effect.timestamps))

    assert Invariant.PAST_ALL in play(AHEAD, change=less)


@pytest.mark.slow
def test_a_clock_that_learns_nothing_of_a_segment_with_a_wild_timestamp_is_seen() -> None:
    """Of timestamps that come together each counts by itself, so one beyond the bound hides none that is within it (HLC-2)."""

    def latest(effect: Effect[Any]) -> Effect[Any]:
        return Observe((max(effect.timestamps),)) if isinstance(effect, Observe) else effect

    behind = ClockSkew(id="behind", start=Seconds(24), duration=Seconds(20), region="us", offset=Seconds(-22))
    assert play(AHEAD, behind) == set()
    assert play(AHEAD, behind, change=latest) == {Invariant.PAST_ALL}


@pytest.mark.slow
def test_a_clock_that_is_dragged_along_is_seen() -> None:
    """Whatever another region says is believed (HLC-3)."""

    def believing(effect: Effect[Any]) -> Effect[Any]:
        return Resume(max(effect.timestamps)) if isinstance(effect, Observe) else effect

    assert Invariant.NOT_DRAGGED in play(WILD, change=believing)
    assert Invariant.NOT_DRAGGED not in play(AHEAD, change=believing)


def test_a_restart_that_forgets_its_log_is_seen() -> None:
    """Wall time fell back while the node was down, and its clock with it (HLC-4)."""
    found = play(FALLS_BACK, CRASH, change=lambda effect: None if isinstance(effect, Resume) else effect)
    assert Invariant.PAST_ALL in found


@pytest.mark.parametrize(
    ("tick", "broken"),
    [
        (lambda last, now: hlc.Timestamp(last + 1), Invariant.PAST_ALL),  # behind wall time (HLC-1)
        (lambda last, now: hlc.Timestamp(max(last, hlc.at(now))), Invariant.PAST_ALL),
        (lambda last, now: hlc.Timestamp(max(last + 1, hlc.at(now + 1))), Invariant.NOT_DRAGGED),
    ],
)
def test_a_clock_that_ticks_otherwise_is_seen(
    monkeypatch: pytest.MonkeyPatch, tick: Callable[[int, float], hlc.Timestamp], broken: Invariant
) -> None:
    """One that does not follow wall time, one that stands still within a millisecond, one that is a second early."""
    monkeypatch.setattr(memory, "tick", tick)
    assert broken in play(FALLS_BACK)
