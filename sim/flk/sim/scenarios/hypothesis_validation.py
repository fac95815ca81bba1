"""What cannot be meant by a scenario's hypotheses."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flk.sim.measures.metrics import NUMBERS
from flk.sim.scenarios.document import Mistake, nearest
from flk.sim.scenarios.duration import human, seconds
from flk.sim.scenarios.hypotheses import Always, Eventually, Hypothesis, Never, Sometimes
from flk.sim.scenarios.names import unknown
from flk.sim.world.coverage_marks import ALERT, CONVERGED, HEALED, MARKS, STATUS
from flk.spec.metrics import TABLE

if TYPE_CHECKING:  # a scenario is checked for these mistakes
    from flk.sim.scenarios.scenario import Scenario

_HOLDS = {alert.name: seconds(alert.hold) for alert in TABLE.alert}


def of_hypotheses(scenario: "Scenario") -> Iterator[Mistake]:
    """Names of nothing, bounds that bound nothing, and what cannot come to pass in the time that the run has."""
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
                    yield Mistake(
                        f"{field}.during", "an eventually begins where a fault ends; name that fault by `after`"
                    )
            case Sometimes() | Never():
                yield from _of_mark(f"{field}.mark", hypothesis.mark)
        yield from _too_short(field, hypothesis, scenario.duration)


def _of_mark(field: str, mark: str) -> Iterator[Mistake]:
    if mark.startswith(STATUS):
        status = mark.removeprefix(STATUS)
        if not (status == "0" or (status.isdecimal() and 200 <= int(status) <= 599)):
            yield Mistake(field, f"{status!r} is no status; write one from 200 to 599, or 0 for no answer")
    elif mark.startswith(ALERT):
        alert = mark.removeprefix(ALERT)
        if alert not in _HOLDS:
            yield Mistake(field, f"{alert!r} is not an alert of the table; {nearest(alert, list(_HOLDS))}")
    elif mark not in {*MARKS, CONVERGED}:
        yield Mistake(field, f"{mark!r} is not a mark; {nearest(mark, [*MARKS, CONVERGED])}")


def _of_bounds(field: str, hypothesis: Always) -> Iterator[Mistake]:
    number = NUMBERS.get(hypothesis.measure)
    if number is None:
        mend = nearest(hypothesis.measure, list(NUMBERS))
        yield Mistake(f"{field}.measure", f"{hypothesis.measure!r} is not a number of a run; {mend}")
    elif hypothesis.during and not number.narrowed:
        yield Mistake(f"{field}.during", f"{hypothesis.measure} is a number of the whole run; leave `during` out")
    most, least = hypothesis.most, hypothesis.least
    if most is None and least is None:
        yield Mistake(field, f"{hypothesis.measure} is not bounded; give `most` or `least`")
    elif most is not None and least is not None and most < least:
        yield Mistake(f"{field}.most", f"nothing is at least {least:g} and at most {most:g}; swap them")


def _too_short(field: str, hypothesis: Hypothesis, duration: float) -> Iterator[Mistake]:
    """An alert that would have to hold for longer than the run cannot fire in it."""
    if isinstance(hypothesis, Sometimes | Eventually):
        hold = _HOLDS.get(hypothesis.mark.removeprefix(ALERT), seconds(0))
        if hold >= duration:
            yield Mistake(
                f"{field}.mark",
                f"{hypothesis.mark} needs its condition to hold for {human(hold)}, and the run ends after {human(duration)}",
            )
