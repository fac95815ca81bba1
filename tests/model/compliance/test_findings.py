"""What controls come to: never a pass without evidence that was looked at (EVD-1, EVD-2)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.model.compliance import BEFORE, PERIOD, full_sources

from flk.model.compliance.findings import Status, find
from flk.model.compliance.report import report, written
from flk.model.compliance.sources import JudgedClaim, Sample, Sources, TestOutcome
from flk.spec.controls import (
    Claims,
    Control,
    Framework,
    Leaves,
    Log,
    Measured,
    Over,
    Query,
    Requirements,
    Simulated,
    Table,
    table,
)
from flk.spec.verdict import Verdict

SOURCES = full_sources()
assert SOURCES.tests is not None
assert SOURCES.log is not None
EACH: tuple[Query, ...] = (
    Requirements(("TLOG-3", "WAL-1")),
    Claims(("first-write-wins",)),
    Log(),
    Leaves("outcome", at_least=1),
    Measured("flk_clock_trusted", Over.LEAST, at_least=1),
    Simulated("region-failover", "RTO"),
)
FIELDS = ("tests", "claims", "log", "samples", "runs")
EMPTY = Sources()
FORKED = Sample("flk_audit_forks_total", {}, 1.0)


@pytest.mark.parametrize("framework", Framework)
def test_without_sources_no_control_passes(framework: Framework) -> None:
    """Nor does one fail: there is no evidence for anything, and that is no pass."""
    made = report(table(framework), PERIOD, EMPTY)
    assert {control.status for control in made.controls} == {Status.NO_EVIDENCE}
    assert made.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("framework", Framework)
def test_with_all_sources_all_but_what_lies_outside_passes(framework: Framework) -> None:
    """What the system cannot see stays without evidence, and does not count against it."""
    made = report(table(framework), PERIOD, SOURCES)
    wrong = [control.id for control in made.controls if (control.status is Status.PASS) is bool(control.outside)]
    assert wrong == []
    assert made.verdict is Verdict.HOLDS


@given(st.sets(st.sampled_from(FIELDS)))
def test_less_evidence_never_makes_a_control_pass(missing: set[str]) -> None:
    """Whatever is taken away, what passes had passed before, and nothing becomes a failure."""
    fewer = replace(SOURCES, **{name: getattr(EMPTY, name) for name in missing})
    for query in EACH:
        before, after = find(query, SOURCES, PERIOD).status, find(query, fewer, PERIOD).status
        assert before is Status.PASS
        assert after in {Status.PASS, Status.NO_EVIDENCE}
    assert any(find(query, fewer, PERIOD).status is Status.NO_EVIDENCE for query in EACH) is bool(missing)


@given(st.lists(st.sampled_from(Status), min_size=1, max_size=4))
def test_a_control_is_as_good_as_its_worst_query(statuses: list[Status]) -> None:
    """One that fails is enough to fail; one without evidence is enough for none."""
    queries: dict[Status, Query] = {
        Status.PASS: Measured("flk_ready", Over.LEAST, at_least=1),
        Status.FAIL: Measured("flk_ready", Over.LEAST, at_least=2),
        Status.NO_EVIDENCE: Log(),
    }
    control = Control("X", "A control", tuple(queries[status] for status in statuses))
    sources = Sources(samples=(Sample("flk_ready", {}, 1.0),))
    (judged,) = report(Table(Framework.SOC2, "t", (control,), ""), PERIOD, sources).controls
    worst = next(status for status in (Status.FAIL, Status.NO_EVIDENCE, Status.PASS) if status in statuses)
    assert judged.status is worst


def test_the_same_sources_give_the_same_report() -> None:
    """Byte for byte, though they were read twice."""
    for framework in Framework:
        again = report(table(framework), PERIOD, full_sources())
        assert written(report(table(framework), PERIOD, SOURCES)) == written(again)


def _one(outcome: TestOutcome) -> Sources:
    """The sources, with the same outcome of every test."""
    assert SOURCES.tests is not None
    return replace(SOURCES, tests=replace(SOURCES.tests, outcomes=dict.fromkeys(SOURCES.tests.outcomes, outcome)))


def _claimed(here: str) -> Sources:
    return replace(SOURCES, claims={"first-write-wins": JudgedClaim("first-write-wins", here, "proved")})


def _ran(change: Callable[..., object]) -> Sources:
    return replace(SOURCES, runs=tuple(change(run) for run in SOURCES.runs))


def _reached(verdict: str) -> Sources:
    """The sources, with objectives of which this was judged."""
    return _ran(lambda run: replace(run, objectives=tuple(replace(one, verdict=verdict) for one in run.objectives)))


@pytest.mark.parametrize(
    ("query", "sources"),
    [
        (EACH[0], replace(SOURCES, tests=replace(SOURCES.tests, began=(BEFORE,)))),
        (EACH[0], replace(SOURCES, tests=replace(SOURCES.tests, began=(PERIOD.end,)))),
        (EACH[0], replace(SOURCES, tests=replace(SOURCES.tests, outcomes={}))),
        (EACH[0], _one(TestOutcome.SKIPPED)),
        (Requirements(("SEQ-5",)), SOURCES),
        (EACH[1], _claimed("undecided")),
        (EACH[1], replace(SOURCES, claims={})),
        (EACH[3], replace(SOURCES, log=replace(SOURCES.log, counts={}))),
        (EACH[3], replace(SOURCES, log=replace(SOURCES.log, trouble="TLOG-3: forked"))),
        (EACH[4], replace(SOURCES, samples=())),
        (EACH[4], replace(SOURCES, samples=(Sample("flk_clock_trusted", {}, float("nan")),))),
        (Measured("flk_divergence_percent", Over.MOST, {"peer": "us"}, at_most=1), SOURCES),
        (EACH[5], _ran(lambda run: replace(run, verdict="undecided"))),
        (EACH[5], _ran(lambda run: replace(run, invariants=()))),
        (EACH[5], _ran(lambda run: replace(run, objectives=()))),
        (EACH[5], _reached("undecided")),
        (Simulated("calm"), SOURCES),
    ],
)  # fmt: skip
def test_what_is_asked_for_and_missing_is_no_evidence(query: Query, sources: Sources) -> None:
    """Tests outside of the period, or of which none was run; claims nobody judged; a log without such leaves; and so on."""
    assert find(query, sources, PERIOD).status is Status.NO_EVIDENCE


@pytest.mark.parametrize(
    ("query", "sources"),
    [
        (EACH[0], _one(TestOutcome.FAILED)),
        (EACH[1], _claimed("refuted")),
        (EACH[1], _claimed("bounded")),
        (EACH[2], replace(SOURCES, log=replace(SOURCES.log, trouble="TLOG-3: forked"))),
        (Leaves("outcome", at_most=0), SOURCES),
        (EACH[4], replace(SOURCES, samples=(Sample("flk_clock_trusted", {}, 1.0), Sample("flk_clock_trusted", {}, 0.0)))),
        (Measured("flk_audit_forks_total", Over.SUM, at_most=1), replace(SOURCES, samples=(FORKED, FORKED))),
        (EACH[5], _ran(lambda run: replace(run, verdict="violated"))),
        (EACH[5], _reached("missed")),
        (EACH[5], _ran(lambda run: replace(run, invariants=tuple(replace(i, violations=1) for i in run.invariants)))),
        (EACH[5], replace(SOURCES, runs=(*SOURCES.runs, *_ran(lambda run: replace(run, verdict="violated")).runs))),
    ],
)  # fmt: skip
def test_what_contradicts_a_query_is_a_failure(query: Query, sources: Sources) -> None:
    """Also where something else agrees: one of two nodes, one of two runs."""
    assert find(query, sources, PERIOD).status is Status.FAIL


def test_figures_are_told() -> None:
    """How many tests, which claim came to what, how many leaves, which number, which run."""
    told = [find(query, SOURCES, PERIOD).says for query in EACH]
    figures = (
        "tests of 2 requirements passed, 0 failed",
        "first-write-wins: proved",
        "9 leaves",
        "leaf 1, 4",
        "1 over",
        "RTO 7 s for 300 s: met",
    )
    for figure, says in zip(figures, told, strict=True):
        assert figure in says
    samples = (Sample("flk_audit_forks_total", {}, 0.0), Sample("process_start_time_seconds", {}, 0.0))
    counted = replace(SOURCES, samples=samples)
    says = find(Measured("flk_audit_forks_total", Over.SUM, at_most=0), counted, PERIOD).says
    assert says == "0 over 1 sample, counted since 1970-01-01 00:00:00 UTC"
