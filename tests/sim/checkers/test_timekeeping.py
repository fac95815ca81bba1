"""Both invariants of nodes that doubt the time can fail: a mistake is planted for each, and seen (HLC-5)."""

import pytest
from tests.support.sim.drills import drill, records, rehearse

from flk.model.flow import timekeeping
from flk.sim.checkers.invariants import Invariant
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import ClockJump, ClockSkew, Disk, Fault, RegionCrash
from flk.spec.verdict import Verdict

SKEW = ClockSkew(id="skew", start=Seconds(10), duration=Seconds(20), region="eu", offset=Seconds(90))
BEHIND = ClockSkew(id="behind", start=Seconds(10), duration=Seconds(20), region="eu", offset=Seconds(-90))
JUMP = ClockJump(id="jump", start=Seconds(5), duration=Seconds(120), region="eu", offset=Seconds(110))
AT_START = ClockSkew(id="start", start=Seconds(0), duration=Seconds(20), region="eu", offset=Seconds(170))
REBOOT = RegionCrash(id="reboot", start=Seconds(15), duration=Seconds(5), region="eu", disk=Disk.KEPT)


def play(*faults: Fault) -> tuple[set[str], int]:
    """What a run violates, and how many frames were judged."""
    run = rehearse(drill(*faults, rate=4.0, until=80, duration=400), records(200))
    broken = {row.invariant for row in run.results if row.verdict is Verdict.VIOLATED}
    return broken, next(row.checks for row in run.results if row.invariant == Invariant.TIMELY)


def refused(*faults: Fault) -> int:
    """How many requests a run's nodes refused because of the time."""
    run = rehearse(drill(*faults, rate=4.0, until=80, duration=400), records(200))
    return next(row.checks for row in run.results if row.invariant == Invariant.DOUBTED)


@pytest.mark.slow
@pytest.mark.parametrize("faults", [(SKEW,), (BEHIND,), (JUMP,), (AT_START,), (SKEW, REBOOT), (BEHIND, REBOOT)])
def test_the_models_nodes_doubt_and_come_back(faults: tuple[Fault, ...]) -> None:
    """Forward, back, slewed, from the start and through a restart of the machine: nothing is violated, all is delivered at last."""
    broken, frames = play(*faults)
    assert not broken
    assert frames


@pytest.mark.slow
@pytest.mark.parametrize("fault", [SKEW, BEHIND, JUMP, AT_START], ids=lambda fault: fault.id)
def test_a_node_that_logs_by_any_clock_is_seen(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """It believes whatever the clocks show."""
    assert refused(fault)
    monkeypatch.setattr(timekeeping, "why_not", lambda known, now, clock: "")
    assert play(fault)[0] == {Invariant.TIMELY}


@pytest.mark.slow
def test_a_node_that_doubts_without_a_reason_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a step of ten seconds for one that is too large."""
    strict = timekeeping.POLICY
    monkeypatch.setattr(
        timekeeping, "has_stepped", lambda known, now, policy=strict: abs(timekeeping.apart(known, now)) > 10
    )
    small = ClockSkew(id="small", start=Seconds(10), duration=Seconds(20), region="eu", offset=Seconds(30))
    assert Invariant.DOUBTED in play(small)[0]
