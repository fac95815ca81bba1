"""Clocks that are off, and clocks that jump and are slewed back."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.effort import few
from tests.support.sim.drills import BRISK, REGIONS, drill, records, rehearse, verdicts

from flk.model.log.hlc import wall_seconds
from flk.sim.nodes.region import ORIGIN
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import ClockFault, ClockJump, ClockSkew, Disk, Fault, ProcessCrash, RegionCrash
from flk.sim.world.clocks import offset
from flk.spec.verdict import Verdict

APART = msgspec.structs.replace(BRISK, ship_interval=Seconds(200))
SKEW = ClockSkew(id="clock", region="us", start=Seconds(10), duration=Seconds(40), offset=Seconds(30))
JUMP = ClockJump(id="clock", region="us", start=Seconds(10), duration=Seconds(40), offset=Seconds(30))


def stamps(fault: ClockFault, region: str, until: float = 60) -> list[float]:
    """What a region has stamped the records of a run in seconds from its start, while no region knew of another's clock."""
    run = rehearse(drill(fault, rate=6.0, until=until, duration=400, policy=APART), records(400))
    assert not verdicts(run)
    own = (entry for entry in run.entries[region].values() if entry.region == region)
    return sorted(wall_seconds(entry.timestamp) - ORIGIN for entry in own)


@given(st.floats(-1000, 1000), st.floats(0.1, 1000), st.floats(0, 1000), st.floats(0, 1))
def test_a_jump_is_made_good_evenly(by: float, duration: float, start: float, share: float) -> None:
    """At its start a jumped clock is off by all of it, at the end by nothing, and in between in proportion; skew is constant."""
    jump = ClockJump(id="j", region="us", start=Seconds(start), duration=Seconds(duration), offset=Seconds(by))
    assert offset(jump, start + share * duration) == pytest.approx((1 - share) * by, abs=1e-6)
    assert offset(jump, jump.end) == pytest.approx(0, abs=1e-9)
    skew = ClockSkew(id="s", region="us", start=Seconds(start), duration=Seconds(duration), offset=Seconds(by))
    assert offset(skew, start + share * duration) == by


@pytest.mark.parametrize("fault", [SKEW, JUMP], ids=lambda fault: fault.kind)
def test_records_are_stamped_by_the_clock_of_their_region(fault: ClockFault) -> None:
    """No record of the region is stamped within the half minute that its clock left out; others have theirs there."""
    found = stamps(fault, "us")
    assert not [at for at in found if 10 < at < 39]
    assert len([at for at in stamps(fault, "eu") if 10 < at < 39]) > 10
    assert max(found) > (70 if fault is SKEW else 58)


def test_a_jump_heals_while_it_holds() -> None:
    """Late in the fault a slewed clock is nearly right, and a skewed one is not."""
    assert max(stamps(JUMP, "us", until=49)) < 52
    assert max(stamps(SKEW, "us", until=49)) > 75


def test_clocks_that_are_off_together_add_up_and_leave_nothing_behind() -> None:
    """Two faults of one clock that cancel each other out change nothing; neither do those of offset 0."""
    calm = rehearse(drill())
    back = msgspec.structs.replace(SKEW, id="back", offset=Seconds(-30))
    assert rehearse(drill(SKEW, back)).entries == calm.entries
    for fault in (SKEW, JUMP):
        harmless = msgspec.structs.replace(fault, **{fault.severity: Seconds(fault.harmless)})
        assert rehearse(drill(harmless)).entries == calm.entries


def test_a_clock_moves_the_luck_of_nothing() -> None:
    """Everything is sent and answered at the same moments, by whatever clock it is stamped."""
    for fault in (SKEW, JUMP):
        run, calm = rehearse(drill(fault)), rehearse(drill())
        assert (run.measures.attempts.sent == calm.measures.attempts.sent).all()
        assert (run.measures.attempts.status == calm.measures.attempts.status).all()
        assert run.entries["us"].keys() == calm.entries["us"].keys()


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Fault, ...]:
    """Clocks that are off by up to two minutes, in regions that may go down meanwhile."""
    faults: list[Fault] = []
    regions = st.sampled_from(REGIONS)
    for index in range(draw(st.integers(1, 4))):
        by = draw(st.floats(-120, 120))
        begin: dict[str, Any] = {"id": f"f{index}", "region": draw(regions), "start": Seconds(draw(st.floats(0, 60)))}
        length = draw(st.floats(0.1, 60))
        kinds: list[ClockFault] = [
            ClockSkew(offset=Seconds(by), duration=Seconds(length), **begin),
            ClockJump(offset=Seconds(by), duration=Seconds(abs(by) + length), **begin),
        ]
        faults.append(draw(st.sampled_from(kinds)))
    start = draw(st.floats(0, 60))
    down: dict[str, Any] = {"id": "down", "region": draw(regions), "start": Seconds(start), "duration": Seconds(10)}
    stops: list[Fault] = [ProcessCrash(**down), RegionCrash(**down), RegionCrash(disk=Disk.LOST, **down)]
    return (*faults, draw(st.sampled_from(stops)))


@pytest.mark.slow
@given(schedules(), st.integers(0, 1000))
@settings(max_examples=few(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_clock_breaks_an_invariant(faults: tuple[Fault, ...], seed: int) -> None:
    """Whatever clocks do, and whatever stops meanwhile: no invariant is violated."""
    run = rehearse(drill(*faults, duration=250), records(120), seed=seed)
    assert not [row.examples for row in run.results if row.verdict is Verdict.VIOLATED]
