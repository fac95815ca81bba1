"""What a scenario expects of a run is judged, three-valued, and what it cannot mean is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sim.drills import drill, rehearse

from flk.sim.alerts.alerts import AlertHistory
from flk.sim.measures.hypotheses import judged
from flk.sim.outcome import Run
from flk.sim.reports.report import facts
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, Partition, RegionCrash, StoreOutage
from flk.sim.scenarios.files import parse
from flk.sim.scenarios.hypotheses import Always, Eventually, Hypothesis, Never, Sometimes
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.sim.world.coverage_marks import MarkIntervals
from flk.spec.verdict import Verdict

CUT = Partition(id="cut", start=Seconds(20), duration=Seconds(30), sides=(("eu",), ("us", "ap", "objects")))
CRASH = RegionCrash("us", Disk.KEPT, id="crash", start=Seconds(20), duration=Seconds(40))
HOLDS, VIOLATED, UNDECIDED = Verdict.HOLDS, Verdict.VIOLATED, Verdict.UNDECIDED


def expecting(*hypotheses: Hypothesis, faults: tuple[Fault, ...] = (CRASH,), duration: float = 180) -> Scenario:
    """A drill with hypotheses."""
    return msgspec.structs.replace(drill(*faults, duration=duration), hypotheses=hypotheses)


@pytest.fixture(scope="module")
def run() -> Run:
    """A drill in which a region is lost and comes back."""
    return rehearse(expecting())


CASES: list[tuple[Hypothesis, Verdict]] = [
    (Sometimes(mark="region-lost"), HOLDS),
    (Sometimes(mark="failover", times=2, during="crash"), HOLDS),
    (Sometimes(mark="failover", times=1000), UNDECIDED),
    (Sometimes(mark="salvaged"), UNDECIDED),
    (Sometimes(mark="status 200"), HOLDS),
    (Sometimes(mark="status 0", during="crash"), HOLDS),
    (Never(mark="salvaged"), HOLDS),
    (Never(mark="region-lost"), VIOLATED),
    (Never(mark="recovered", during="crash"), HOLDS),  # it recovers after the fault, not while it holds
    (Eventually(mark="converged", within=Seconds(60)), HOLDS),
    (Eventually(mark="recovered", within=Seconds(5), after="crash"), HOLDS),
    (Eventually(mark="salvaged", within=Seconds(60)), VIOLATED),
    (Eventually(mark="salvaged", within=Seconds(600)), UNDECIDED),  # the run is over before
    (Always(measure="latency_p95", most=10), HOLDS),
    (Always(measure="latency_p95", most=1e-6), VIOLATED),
    (Always(measure="delivered", least=1), HOLDS),
    (Always(measure="delivered", least=0.5, most=0.9), VIOLATED),
    (Always(measure="errors", most=0), HOLDS),
    (Always(measure="unanswered", least=0.01, during="crash"), HOLDS),
    (Always(measure="audit_backlog_max", most=10), UNDECIDED),  # there is no queue to measure
    (Always(measure="rto", most=60), HOLDS),
    (Always(measure="rpo", most=0), VIOLATED),
]


@pytest.mark.parametrize(("hypothesis", "verdict"), CASES, ids=str)
def test_each_kind_is_judged(run: Run, hypothesis: Hypothesis, verdict: Verdict) -> None:
    """Sometimes that is not reached and what cannot be measured are undecided; never, eventually and always can be violated."""
    (row,) = judged(expecting(hypothesis), run.marks, run.measures)
    assert row.verdict is verdict, row
    assert row.found


def test_hypotheses_decide_the_verdict_of_a_run() -> None:
    """The worst counts, and the outcome says which it was."""
    easy = Sometimes(mark="region-lost")
    assert rehearse(expecting(easy)).verdict is HOLDS
    assert rehearse(expecting(easy, Sometimes(mark="salvaged"))).verdict is UNDECIDED
    run = rehearse(expecting(easy, Sometimes(mark="salvaged"), Never(mark="failover")))
    assert run.verdict is VIOLATED
    rows = facts(run)["hypotheses"]
    assert isinstance(rows, tuple | list)
    assert [row["verdict"] for row in rows] == ["holds", "undecided", "violated"]


def test_an_alert_may_be_expected_and_is_evaluated_for_that(run: Run) -> None:
    """A hypothesis about an alert has the alerts evaluated; without that nobody can tell."""
    down = Sometimes(mark="alert FLKBackendDown")
    longer = msgspec.structs.replace(CRASH, duration=Seconds(120))
    assert not run.alerts
    (row,) = judged(expecting(down), run.marks, run.measures)
    assert (row.verdict, row.found) == (UNDECIDED, "alerts were not evaluated")
    hypotheses = (down, Never(mark="alert FLKDivergence"), Eventually(mark="alert FLKBackendDown", within=Seconds(20)))
    judgements = rehearse(expecting(*hypotheses, faults=(longer,), duration=240)).hypotheses
    assert [row.verdict for row in judgements] == [HOLDS, HOLDS, HOLDS]


moments = st.integers(0, 20).map(float)
intervals = st.lists(st.tuples(moments, moments).map(sorted).map(lambda pair: (pair[0], pair[1])), max_size=6).map(
    sorted
)


@given(intervals, st.integers(1, 19), st.integers(1, 30), st.integers(1, 20))
def test_eventually_by_its_definition(times: list[tuple[float, float]], end: int, within: int, duration: int) -> None:
    """It holds if some moment at which the mark holds is in time; else the run may have been too short to tell."""
    fault = StoreOutage("eu", id="f", start=Seconds(0), duration=Seconds(end))
    scenario = expecting(Eventually(mark="salvaged", within=Seconds(within)), faults=(fault,), duration=duration)
    marks: MarkIntervals = {"salvaged": times}
    (row,) = judged(scenario, marks, None)  # type: ignore[arg-type]  # no number is asked for
    reached = any(a <= end + within and b >= end for a, b in times)
    assert row.verdict is (HOLDS if reached else UNDECIDED if duration < end + within else VIOLATED)


@given(intervals, st.integers(0, 10), st.integers(1, 10), st.integers(1, 3))
def test_sometimes_and_never_by_their_definitions(
    times: list[tuple[float, float]], start: int, length: int, least: int
) -> None:
    """Both count the intervals that reach into the time of the fault."""
    fault = StoreOutage("eu", id="f", start=Seconds(start), duration=Seconds(length))
    both = (Sometimes(mark="salvaged", times=least, during="f"), Never(mark="salvaged", during="f"))
    scenario = expecting(*both, faults=(fault,), duration=100)
    sometimes, never = judged(scenario, {"salvaged": times}, None)  # type: ignore[arg-type]  # no number is asked for
    count = sum(a <= start + length and b >= start for a, b in times)
    assert sometimes.verdict is (HOLDS if count >= least else UNDECIDED)
    assert never.verdict is (VIOLATED if count else HOLDS)
    assert sometimes.measured == never.measured == count


@pytest.mark.parametrize(
    ("hypothesis", "field", "hint"),
    [
        (Sometimes(mark="fail-over"), "hypotheses[0].mark", "did you mean failover"),
        (Never(mark="alert FLKOverlod"), "hypotheses[0].mark", "did you mean FLKOverload"),
        (Never(mark="status 999"), "hypotheses[0].mark", "give one from 200 to 599"),
        (Never(mark="status ok"), "hypotheses[0].mark", "give one from 200 to 599"),
        (Always(measure="latency_p90", most=1), "hypotheses[0].measure", "did you mean latency_p9"),
        (Always(measure="errors"), "hypotheses[0]", "give `most` or `least`"),
        (Always(measure="errors", most=0.1, least=0.2), "hypotheses[0].most", "most must be >= least"),
        (Always(measure="rto", most=1, during="crash"), "hypotheses[0].during", "leave out `during`"),
        (Sometimes(mark="failover", during="crush"), "hypotheses[0].during", "did you mean crash"),
        (Eventually(mark="converged", within=Seconds(1), after="cut"), "hypotheses[0].after", "crash"),
        (Eventually(mark="converged", within=Seconds(1), during="crash"), "hypotheses[0].during", "by `after`"),
        (Sometimes(mark="alert FLKDedupAnomalyLow"), "hypotheses[0].mark", "15 min"),
    ],
    ids=str,
)
def test_invalid_hypotheses_are_refused(hypothesis: Hypothesis, field: str, hint: str) -> None:
    """Names of nothing are answered with the nearest name, and so is a bound that bounds nothing, with the field and the hint."""
    (error,) = validation_errors(expecting(hypothesis))
    assert error.field == field
    assert hint in error.message


def test_hypotheses_are_read_back_as_they_were_written() -> None:
    """TOML holds every kind."""
    scenario = expecting(*(hypothesis for hypothesis, _ in CASES))
    assert parse(scenario.to_toml(), "x.toml") == scenario


def test_alerts_that_fire_decide_nothing_by_themselves() -> None:
    """A region that is down is what the drill is about; its alert does not make the run a failure."""
    longer = msgspec.structs.replace(CRASH, duration=Seconds(120))
    run = rehearse(expecting(Sometimes(mark="alert FLKBackendDown"), faults=(longer,), duration=240))
    fired: list[AlertHistory] = [alert for alert in run.alerts if alert.firings]
    assert fired
    assert run.verdict is HOLDS
