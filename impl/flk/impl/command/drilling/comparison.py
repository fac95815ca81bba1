"""A real drill beside its prediction: the verdict with its reasons, and the rows of the table."""

from collections.abc import Iterator, Sequence
from math import isinf, isnan

import msgspec

from flk.impl.command.drilling.prediction import MEASURES, Prediction
from flk.impl.drill.history import Key
from flk.impl.drill.judging import Report
from flk.impl.drill.traces import Followed
from flk.sim.scenarios.duration import human
from flk.spec.measures import MEASURES as DEFINED
from flk.spec.verdict import Verdict

_SHOWN = 3  # keys that a reason names


class Reason(msgspec.Struct, frozen=True):
    """One thing that was asked of a drill, what it came to, and a sentence."""

    name: str
    verdict: Verdict
    says: str


class Row(msgspec.Struct, frozen=True):
    """A measure: what the drill measured, what the simulator says with the same seed, and the median over its seeds.

    `low` and `high` bound the median with 95 % confidence, endless where the seeds are too few; `least` and `most` are the extremes
    of the seeds. What is `at_least` so much had not come to pass when the run ended. None stands for what there was no occasion to
    measure. `outside` says that the drill's value is beyond the extremes.
    """

    measure: str
    unit: str
    measured: float | None
    at_least: bool
    same_seed: float | None
    same_seed_at_least: bool
    median: float | None
    median_at_least: bool
    low: float | None
    high: float | None
    least: float | None
    most: float | None
    outside: bool


def rows(report: Report, prediction: Prediction) -> Iterator[Row]:
    """Measured and predicted, measure by measure."""
    for name in MEASURES:
        figure, median = report.figures[name], prediction.median(name)
        least, most = prediction.spread(name)
        yield Row(
            measure=name,
            unit=DEFINED[name].unit,
            measured=_known(figure.value),
            at_least=figure.censored,
            same_seed=_known(prediction.own(name)),
            same_seed_at_least=prediction.own_is_censored(name),
            median=_known(median.estimate),
            median_at_least=median.at_least,
            low=_known(median.low),
            high=_known(median.high),
            least=_known(least),
            most=_known(most),
            outside=figure.value < least or (figure.value > most and not prediction.is_censored(name)),
        )


def reasons(
    report: Report, ended: Sequence[str], followed: Sequence[Followed], *, predicts_loss: bool
) -> Iterator[Reason]:
    """What the exit code rests on.

    A record that only a lost disk had is what RPO bounds (CRR-4): its loss is allowed where the simulator predicts such losses, and
    a finding where no seed of it does. A record that had been outside its region must never be lost.
    """
    excused = len(report.lost) - len(report.inexcusable)
    yield _keys(
        "kept", report.inexcusable, "lost, although an object or another region had had them", "none that was outside"
    )
    yield _keys(
        "promises", report.replaced, "replaced by a later entry", "no acknowledged entry gave way to a later one"
    )
    if excused and predicts_loss:
        yield Reason("RPO", Verdict.HOLDS, f"{excused} records lost with the only disk that had them, as is predicted")
    elif excused:
        says = f"{excused} records lost with the only disk that had them, which no seed of the simulator predicts"
        yield Reason("RPO", Verdict.VIOLATED, says)
    else:
        yield Reason("RPO", Verdict.HOLDS, "no record was lost with a disk")
    yield _keys("alike", report.unlike, "are not the same in all regions", "all regions answer alike for every record")
    if report.silent:
        yield Reason("answers", Verdict.UNDECIDED, f"{report.silent} questions at the end were not answered")
    if not report.figures["acknowledged"].value:
        yield Reason("exercise", Verdict.UNDECIDED, "nothing was acknowledged, so nothing was shown")
    if ended:
        yield Reason("processes", Verdict.VIOLATED, "; ".join(ended))
    for each in followed:
        first = each.says.partition("\n")[0]
        says = first if each.verdict is Verdict.HOLDS else each.says
        yield Reason(f"trace {each.what}", each.verdict, says)


def cells(row: Row) -> tuple[str, str, str, str, str]:
    """A row for people: measure, measured, the same seed, the median with its interval, the extremes."""
    low, high = _told(row.low, row.unit), _told(row.high, row.unit)
    interval = f"{_sign(row.median_at_least)}{_told(row.median, row.unit)} [{low}, {high}]"
    span = f"{_told(row.least, row.unit)} to {_told(row.most, row.unit)}"
    mark = " *" if row.outside else ""
    return (
        row.measure,
        f"{_sign(row.at_least)}{_told(row.measured, row.unit)}{mark}",
        f"{_sign(row.same_seed_at_least)}{_told(row.same_seed, row.unit)}",
        interval if row.median is not None else "–",
        span if row.least is not None else "–",
    )


def _sign(at_least: bool) -> str:  # noqa: FBT001 - one word for a flag of a row
    return "≥ " if at_least else ""


def _keys(name: str, keys: Sequence[Key], wrong: str, right: str) -> Reason:
    if not keys:
        return Reason(name, Verdict.HOLDS, right)
    named = ", ".join(pcs_id[:12] for _, pcs_id in keys[:_SHOWN])
    return Reason(
        name, Verdict.VIOLATED, f"{len(keys)} acknowledged records {wrong}: {named}{' …' * (len(keys) > _SHOWN)}"
    )


def _known(value: float) -> float | None:
    return None if isnan(value) or isinf(value) else value


def _told(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return human(round(value, 1 if value >= 1 else 3)) if unit == "s" else f"{value:g}"
