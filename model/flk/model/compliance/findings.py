"""What a query comes to: pass, fail or no evidence, with the figures that say so (EVD-1)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from math import isnan
from typing import Any

import msgspec

from flk.model.compliance.sources import Period, Run, Sample, Sources, TestOutcome
from flk.spec.controls import Claims, Leaves, Log, Measured, Over, Query, Requirements, Simulated
from flk.spec.metrics import METRICS, Type
from flk.spec.requirements import catalogue
from flk.spec.verdict import Verdict

STARTED = "process_start_time_seconds"
_SHOWN = 5  # names that a sentence has


class Status(StrEnum):
    """What a control or a query comes to. NO_EVIDENCE: nothing was looked at that shows it, which is never a pass."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NO_EVIDENCE = "no evidence"

    @property
    def verdict(self) -> Verdict:
        """The lab's verdict of the same meaning."""
        return _VERDICTS[self]


_VERDICTS = {Status.PASS: Verdict.HOLDS, Status.FAIL: Verdict.VIOLATED, Status.NO_EVIDENCE: Verdict.UNDECIDED}


_OVER: dict[Over, Callable[[Sequence[float]], float]] = {Over.SUM: sum, Over.LEAST: min, Over.MOST: max}


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A query, what was asked in words, and what it comes to with the figures. `leaves` are the numbers of those that it cites."""

    query: Query
    asked: str
    status: Status
    says: str
    leaves: tuple[int, ...] = ()


def find(query: Query, sources: Sources, period: Period) -> Finding:
    """What a query comes to. Whatever it asks for that the sources do not have is no evidence."""
    return _FINDERS[type(query)](query, sources, period)


def day(seconds: float) -> str:
    """A time as people read it.

    >>> day(0)
    '1970-01-01 00:00:00 UTC'
    """
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _requirements(query: Requirements, sources: Sources, period: Period) -> Finding:
    asked = f"tests of {', '.join(query.ids)} were run in the period and passed"
    if sources.tests is None:
        return _nothing(query, asked, "no results of tests were given (--tests)")
    if outside := [began for began in sources.tests.began if began not in period]:
        return _nothing(query, asked, f"tests were run at {day(outside[0])}, which is not in the period")
    failed, bare, passed, named = [], [], 0, 0
    for requirement in (one for one in catalogue() if one.id in query.ids):
        tests = [item.removeprefix("test ") for item in requirement.evidence if item.startswith("test ")]
        found = [sources.tests.outcomes.get(test) for test in tests]
        failed += [test for test, outcome in zip(tests, found, strict=True) if outcome is TestOutcome.FAILED]
        ran = found.count(TestOutcome.PASSED)
        passed, named = passed + ran, named + len(tests)
        if not ran:
            bare.append(requirement.id)
    figures = f"{passed} of {named} tests of {len(query.ids)} requirements passed, {len(failed)} failed"
    if failed:
        return Finding(query, asked, Status.FAIL, f"{figures}: {_some(failed)}")
    if bare:
        return _nothing(query, asked, f"{figures}; no test that was run shows {_some(bare)}")
    return Finding(query, asked, Status.PASS, figures)


def _claims(query: Claims, sources: Sources, period: Period) -> Finding:
    del period  # claims are judged of the code, whenever it runs
    asked = f"claims hold: {', '.join(query.names)}"
    if sources.claims is None:
        return _nothing(query, asked, "no judged claims were given (--claims)")
    judged = sources.claims
    if missing := [name for name in query.names if name not in judged]:
        return _nothing(query, asked, f"nobody judged {_some(missing)}")
    says = "; ".join(f"{name}: {judged[name].here}" for name in query.names)
    if any(judged[name].here == "undecided" for name in query.names):
        return _nothing(query, asked, says)
    wrong = [name for name in query.names if judged[name].here in {"refuted", *_others(judged[name].holds)}]
    return Finding(query, asked, Status.FAIL if wrong else Status.PASS, says)


def _others(stated: str) -> set[str]:
    """What a claim must not come to, if the list states this of it."""
    return {"proved", "bounded", "tested", "measured", "refuted"} - {stated}


def _log(query: Log, sources: Sources, period: Period) -> Finding:
    del period  # a log is what it has signed or not, from its beginning
    asked = "the audit log is what it has signed"
    seen = sources.log
    if seen is None:
        return _nothing(query, asked, "no audit log was given (--log)")
    if seen.trouble:
        return Finding(query, asked, Status.FAIL, seen.trouble)
    grown = "" if seen.since is None else f", grown from {seen.since:,} leaves"
    erased = f", {seen.erased:,} of them erased" if seen.erased else ""
    return Finding(
        query, asked, Status.PASS, f"{seen.origin}: {seen.size:,} leaves{erased}{grown}, root {seen.root[:16]}…"
    )


def _leaves(query: Leaves, sources: Sources, period: Period) -> Finding:
    del period  # the log was counted for it
    asked = f"leaves of the period about {query.about}: {_bounds(query.at_least, query.at_most)}"
    seen = sources.log
    if seen is None:
        return _nothing(query, asked, "no audit log was given (--log)")
    if seen.trouble:
        return _nothing(query, asked, "the log is not what it has signed")
    count, cited = seen.counts.get(query.about, 0), seen.cited.get(query.about, ())
    says = f"{count:,} in the period" + (f", among them leaf {', '.join(map(str, cited))}" if cited else "")
    if query.at_most is not None and count > query.at_most:
        return Finding(query, asked, Status.FAIL, says, cited)
    if query.at_least is not None and count < query.at_least:
        return _nothing(query, asked, says)
    return Finding(query, asked, Status.PASS, says, cited)


def _measured(query: Measured, sources: Sources, period: Period) -> Finding:
    del period  # a scrape is of the moment at which it was made
    labels = "".join(f", {name} {value}" for name, value in sorted(query.labels.items()))
    asked = f"{query.over} of {query.metric}{labels} is {_bounds(query.at_least, query.at_most)}"
    if sources.samples is None:
        return _nothing(query, asked, "no metrics were given (--metrics)")
    values = [sample.value for sample in sources.samples if _is_of(sample, query)]
    if not values:
        return _nothing(query, asked, "the scrape has no such metric")
    value = _OVER[query.over](values)
    if any(map(isnan, values)):
        return _nothing(query, asked, "the scrape has a sample that is no number")
    says = f"{value:,.12g} over {len(values)} sample{'s' * (len(values) != 1)}"
    if METRICS[query.metric].type is Type.COUNTER:
        says += _since(sources.samples)
    low = query.at_least is not None and value < query.at_least
    high = query.at_most is not None and value > query.at_most
    return Finding(query, asked, Status.FAIL if low or high else Status.PASS, says)


def _is_of(sample: Sample, query: Measured) -> bool:
    return sample.name == query.metric and query.labels.items() <= sample.labels.items()


def _since(samples: Iterable[Sample]) -> str:
    started = [sample.value for sample in samples if sample.name == STARTED]
    return f", counted since {day(max(started))}" if started else ""


def _simulated(query: Simulated, sources: Sources, period: Period) -> Finding:
    del period  # a run comes out the same whenever it is made
    asked = f"the scenario {query.scenario} holds" + (f" and meets its {query.objective}" if query.objective else "")
    runs = [run for run in sources.runs if run.scenario == query.scenario]
    if not runs:
        return _nothing(query, asked, f"no run of {query.scenario} was given (--run)")
    found = [_of_run(run, query.objective) for run in runs]
    statuses = {status for status, _ in found}
    worst = next(status for status in (Status.FAIL, Status.NO_EVIDENCE, Status.PASS) if status in statuses)
    return Finding(query, asked, worst, "; ".join(says for _, says in found))


def _of_run(run: Run, objective: str) -> tuple[Status, str]:
    checks = sum(row.checks for row in run.invariants)
    broken = [row.invariant for row in run.invariants if row.violations or row.verdict == "violated"]
    says = f"seed {run.seed}, scenario {run.scenario_hash}: {run.verdict}, {checks:,} checks of invariants"
    reached = [row for row in run.objectives if row.name == objective]
    for row in reached:
        figure = "not measured" if row.measured is None else f"{row.measured:,.4g} {row.unit}"
        says += f", {row.name} {figure} for {row.target:,.4g} {row.unit}: {row.verdict}"
    if broken or run.verdict == Verdict.VIOLATED or any(row.verdict == "missed" for row in reached):
        return Status.FAIL, says + (f"; violated: {_some(broken)}" if broken else "")
    whole = run.verdict == Verdict.HOLDS and checks and all(row.verdict == "met" for row in reached)
    if not whole or (objective and not reached):
        return Status.NO_EVIDENCE, says + ("" if reached or not objective else f"; it has no objective {objective}")
    return Status.PASS, says


def _nothing(query: Query, asked: str, says: str) -> Finding:
    return Finding(query, asked, Status.NO_EVIDENCE, says)


def _bounds(at_least: float | None, at_most: float | None) -> str:
    """In words.

    >>> _bounds(1, None), _bounds(None, 0), _bounds(0, 7)
    ('at least 1', 'at most 0', '0 to 7')
    """
    if at_least is None or at_most is None:
        return f"at most {at_most:,g}" if at_least is None else f"at least {at_least:,g}"
    return f"{at_least:,g} to {at_most:,g}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


_FINDERS: dict[type[Query], Callable[[Any, Sources, Period], Finding]] = {
    Requirements: _requirements,
    Claims: _claims,
    Log: _log,
    Leaves: _leaves,
    Measured: _measured,
    Simulated: _simulated,
}
