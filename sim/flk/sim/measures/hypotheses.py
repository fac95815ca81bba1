"""What a scenario expects of a run, judged from its coverage marks and metrics: holds, violated, or undecided."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import inf, isnan
from typing import assert_never

import msgspec

from flk.sim.alerts.alerts import AlertHistory
from flk.sim.measures.measures import Measures
from flk.sim.measures.metrics import Span, metric
from flk.sim.scenarios.duration import human
from flk.sim.scenarios.hypotheses import Always, Eventually, Hypothesis, Never, Sometimes
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.vocabulary import ALERT, CONVERGED, HEALED, METRICS, STATUS
from flk.sim.world.coverage_marks import CoverageMarks, Interval, MarkIntervals, held
from flk.sim.world.events import Attempt
from flk.spec.verdict import Verdict


class HypothesisResult(msgspec.Struct, frozen=True):
    """A hypothesis and its verdict. `statement` is what it says and `found` what was observed, for people; `measured` is how
    often the mark occurred, or the value of the metric: NaN if the run gave no occasion to tell.
    """

    expect: str
    subject: str
    statement: str
    found: str
    measured: float
    verdict: Verdict


def asks_for_alerts(scenario: Scenario) -> bool:
    """Whether a hypothesis is about an alert."""
    return any(
        not isinstance(hypothesis, Always) and hypothesis.mark.startswith(ALERT) for hypothesis in scenario.hypotheses
    )


def found(
    marks: CoverageMarks,
    attempts: Iterable[Attempt],
    changes: Sequence[tuple[float, int]],
    alerts: Iterable[AlertHistory],
) -> MarkIntervals:
    """When each mark of a run held, those of the table, the statuses, the alerts and `converged`.

    An alert that was not evaluated is not among them.
    """
    when: defaultdict[str, list[Interval]] = defaultdict(list)
    for mark, moments in marks.moments.items():
        when[mark] = [(moment, moment) for moment in moments]
    for attempt in attempts:
        when[f"{STATUS}{attempt.status}"].append((attempt.over, attempt.over))
    for alert in alerts:
        when[f"{ALERT}{alert.name}"] = [
            (firing.start, inf if firing.end is None else firing.end) for firing in alert.firings
        ]
    when[CONVERGED] = held(changes)
    return dict(when)


def judged(scenario: Scenario, marks: MarkIntervals, measures: Measures) -> tuple[HypothesisResult, ...]:
    """Every hypothesis of a scenario."""
    return tuple(_judged(hypothesis, scenario, marks, measures) for hypothesis in scenario.hypotheses)


def _judged(hypothesis: Hypothesis, scenario: Scenario, marks: MarkIntervals, measures: Measures) -> HypothesisResult:
    span, when = _span(hypothesis.during, scenario)
    match hypothesis:
        case Always():
            return _always(hypothesis, span, when, measures)
        case Eventually():
            return _eventually(hypothesis, scenario, marks, measures)
        case Sometimes() | Never():
            return _counted(hypothesis, _inside(marks, hypothesis.mark, span), when)
        case _:
            assert_never(hypothesis)


def _span(fault_id: str, scenario: Scenario) -> tuple[Span, str]:
    """The time that a hypothesis is about, and how to say so."""
    for fault in scenario.faults:
        if fault.id == fault_id:
            return Span(fault.start, fault.end), f" while {fault_id} holds"
    return Span(0.0, scenario.duration), ""


def _inside(marks: MarkIntervals, mark: str, span: Span) -> list[Interval] | None:
    """The intervals of a mark that reach into a span; None if the mark was not looked for."""
    if mark.startswith(ALERT) and mark not in marks:
        return None
    return [(begin, end) for begin, end in marks.get(mark, ()) if begin <= span.end and end >= span.start]


def _counted(hypothesis: Sometimes | Never, times: list[Interval] | None, when: str) -> HypothesisResult:
    mark = hypothesis.mark
    if isinstance(hypothesis, Sometimes):
        often = f" at least {hypothesis.times} times" if hypothesis.times > 1 else ""
        expect, statement = "sometimes", f"{mark} occurs{often}{when}"
        verdict = Verdict.HOLDS if times and len(times) >= hypothesis.times else Verdict.UNDECIDED
    else:
        expect, statement = "never", f"{mark} never occurs{when}"
        verdict = Verdict.VIOLATED if times else Verdict.HOLDS
    if times is None:
        return HypothesisResult(expect, mark, statement, "alerts were not evaluated", float("nan"), Verdict.UNDECIDED)
    first = f" at {human(times[0][0])}" if times else ""
    seen = f"{len(times)} times, first{first}" if len(times) > 1 else f"once,{first}" if times else "not once"
    return HypothesisResult(expect, mark, statement, seen, len(times), verdict)


def _eventually(
    hypothesis: Eventually, scenario: Scenario, marks: MarkIntervals, measures: Measures
) -> HypothesisResult:
    mark, within = hypothesis.mark, hypothesis.within
    ends = [fault.end for fault in scenario.faults if hypothesis.after in {"", fault.id}]
    origin = max(ends, default=0.0)
    after = hypothesis.after or ("the last fault" if ends else "the start")
    statement = f"{mark} holds within {human(within)} after {after}"
    if mark == HEALED:
        marks = {mark: [(origin + measures.spells.healed(origin), inf)]}
    times = _inside(marks, mark, Span(origin, origin + within))
    if times is None:
        seen, verdict = "alerts were not evaluated", Verdict.UNDECIDED
    elif times:
        seen, verdict = f"{human(max(0.0, times[0][0] - origin))} after it", Verdict.HOLDS
    elif scenario.duration < origin + within:
        seen, verdict = f"the run ended {human(scenario.duration - origin)} after it", Verdict.UNDECIDED
    else:
        seen, verdict = "not in that time", Verdict.VIOLATED
    return HypothesisResult("eventually", mark, statement, seen, float("nan") if times is None else len(times), verdict)


def _always(hypothesis: Always, span: Span, when: str, measures: Measures) -> HypothesisResult:
    known = METRICS[hypothesis.measure]
    value, censored = metric(hypothesis.measure, measures, span)
    bounds = {"at least": hypothesis.least, "at most": hypothesis.most}
    bounded = " and ".join(f"{word} {shown(bound, known.unit)}" for word, bound in bounds.items() if bound is not None)
    statement = f"{hypothesis.measure} is {bounded}{when}: {known.definition}"
    if isnan(value):
        seen, verdict = "nothing to measure", Verdict.UNDECIDED
    else:
        low = -inf if hypothesis.least is None else hypothesis.least
        high = inf if hypothesis.most is None else hypothesis.most
        seen, verdict = shown(value, known.unit), Verdict.HOLDS if low <= value <= high else Verdict.VIOLATED
        if censored:  # the truth is at least this
            seen = f"at least {seen}"
            verdict = Verdict.VIOLATED if value > high else Verdict.UNDECIDED if value < low or high < inf else verdict
    return HypothesisResult("always", hypothesis.measure, statement, seen, value, verdict)


def shown(value: float, unit: str) -> str:
    """A number of a run with its unit."""
    match unit:
        case "s":
            return human(value)
        case "%":
            return f"{100 * value:.3g} %"
        case _:
            return f"{value:g} {unit}".rstrip()
