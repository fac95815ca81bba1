"""Validation of a scenario's hypotheses: names, bounds, and what the duration of the run rules out."""

from collections.abc import Iterator

from flk.sim.scenarios.document import ValidationError
from flk.sim.scenarios.duration import human, seconds
from flk.sim.scenarios.hypotheses import Always, Eventually, Hypothesis, Never, Sometimes
from flk.sim.scenarios.names import unknown
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.vocabulary import ALERT, CONVERGED, COVERAGE_MARKS, HEALED, METRICS, STATUS
from flk.spec.hints import nearest
from flk.spec.metrics import TABLE

_HOLDS = {alert.name: seconds(alert.hold) for alert in TABLE.alert}


def hypothesis_errors(scenario: Scenario) -> Iterator[ValidationError]:
    """Unknown names, bounds that exclude every value or none, and alerts that cannot fire within the run."""
    faults = [fault.id for fault in scenario.faults]
    for index, hypothesis in enumerate(scenario.hypotheses):
        field = f"hypotheses[{index}]"
        if hypothesis.during:
            yield from unknown(f"{field}.during", hypothesis.during, faults, "fault")
        match hypothesis:
            case Always():
                yield from _of_bounds(field, hypothesis)
            case Eventually():
                if hypothesis.mark != HEALED:
                    yield from _of_mark(f"{field}.mark", hypothesis.mark)
                if hypothesis.after:
                    yield from unknown(f"{field}.after", hypothesis.after, faults, "fault")
                if hypothesis.during:
                    yield ValidationError(
                        f"{field}.during", "`eventually` starts at the end of a fault; name that fault by `after`"
                    )
            case Sometimes() | Never():
                yield from _of_mark(f"{field}.mark", hypothesis.mark)
        yield from _too_short(field, hypothesis, scenario.duration)


def _of_mark(field: str, mark: str) -> Iterator[ValidationError]:
    if mark.startswith(STATUS):
        status = mark.removeprefix(STATUS)
        if not (status == "0" or (status.isdecimal() and 200 <= int(status) <= 599)):
            yield ValidationError(field, f"{status!r} is not a status; give one from 200 to 599, or 0 for no answer")
    elif mark.startswith(ALERT):
        alert = mark.removeprefix(ALERT)
        if alert not in _HOLDS:
            yield ValidationError(field, f"{alert!r} is not an alert of the table; {nearest(alert, list(_HOLDS))}")
    elif mark not in {*COVERAGE_MARKS, CONVERGED}:
        yield ValidationError(field, f"{mark!r} is not a coverage mark; {nearest(mark, [*COVERAGE_MARKS, CONVERGED])}")


def _of_bounds(field: str, hypothesis: Always) -> Iterator[ValidationError]:
    known = METRICS.get(hypothesis.measure)
    if known is None:
        hint = nearest(hypothesis.measure, list(METRICS))
        yield ValidationError(f"{field}.measure", f"{hypothesis.measure!r} is not a metric of a run; {hint}")
    elif hypothesis.during and not known.span:
        yield ValidationError(
            f"{field}.during", f"{hypothesis.measure} is a metric of the whole run; leave out `during`"
        )
    most, least = hypothesis.most, hypothesis.least
    if most is None and least is None:
        yield ValidationError(field, f"{hypothesis.measure} has no bound; give `most` or `least`")
    elif most is not None and least is not None and most < least:
        yield ValidationError(
            f"{field}.most", f"most must be >= least: no value is at least {least:g} and at most {most:g}"
        )


def _too_short(field: str, hypothesis: Hypothesis, duration: float) -> Iterator[ValidationError]:
    """An alert that would have to hold for longer than the run cannot fire in it."""
    if isinstance(hypothesis, Sometimes | Eventually):
        hold = _HOLDS.get(hypothesis.mark.removeprefix(ALERT), seconds(0))
        if hold >= duration:
            yield ValidationError(
                f"{field}.mark",
                f"{hypothesis.mark} fires after {human(hold)}, and the run lasts {human(duration)}; run longer",
            )
