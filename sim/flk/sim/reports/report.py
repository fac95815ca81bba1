"""A run as one HTML page that needs nothing else: no network, no script, no second file."""

from collections.abc import Callable
from pathlib import Path

import msgspec
from matplotlib.figure import Figure

from flk.sim.alerts.alerts import unnoticed
from flk.sim.outcome import Run
from flk.sim.reports.figures import course, outcome
from flk.sim.reports.figures.alerts import fault_timeline
from flk.sim.reports.figures.regions import region_map
from flk.sim.reports.figures.spacetime import space_time
from flk.sim.reports.figures.style import amount
from flk.sim.reports.html import rendered, save, svg
from flk.sim.reports.recording import Recording
from flk.sim.scenarios import document
from flk.spec.verdict import Verdict


def html(run: Run, source: str = "", recording: Recording | None = None) -> str:
    """The report. The same run gives the same text. `source` is where the scenario came from, if not from the library.

    With its `recording`, the messages around the first violation are drawn.
    """
    return rendered(
        "report.html.j2",
        run=run,
        m=run.measures,
        scenario=run.scenario,
        figure=lambda name: svg(name, DRAWN[name](run)),
        amount=amount,
        summary=summary(run),
        checks=sum(row.checks for row in run.results),
        replay=run.replay(source),
        unnoticed=unnoticed(run.scenario.faults, run.alerts),
        spacetime="" if recording is None else svg("spacetime", space_time(recording)),
    )


def write(run: Run, path: str | Path, source: str = "", recording: Recording | None = None) -> None:
    """Write the report to a file. Raises UnusableInput if that cannot be."""
    save(html(run, source, recording), path)


def summary(run: Run) -> str:
    """The outcome in one or two sentences."""
    checks = sum(row.checks for row in run.results)
    broken = [row.invariant for row in run.results if row.verdict is Verdict.VIOLATED]
    missed = [row.name for row in run.objectives if row.verdict is Verdict.VIOLATED]
    undecided = [row.invariant for row in run.results if row.verdict is Verdict.UNDECIDED]
    undecided += [row.name for row in run.objectives if row.verdict is Verdict.UNDECIDED]
    undecided += [f"{row.expect} {row.subject}" for row in run.hypotheses if row.verdict is Verdict.UNDECIDED]
    invariants = f"{len(run.results)} invariants, {checks:,} checks: "
    invariants += f"violated: {', '.join(broken)}." if broken else "none violated."
    objectives = f"{len(run.objectives)} objectives: " + (f"missed: {', '.join(missed)}." if missed else "none missed.")
    sentences = [invariants, objectives, *([_of_hypotheses(run)] if run.hypotheses else [])]
    return " ".join([*sentences, *([f"Undecided: {', '.join(undecided)}."] if undecided else [])])


def _of_hypotheses(run: Run) -> str:
    wrong = [f"{row.expect} {row.subject}" for row in run.hypotheses if row.verdict is Verdict.VIOLATED]
    number = f"{len(run.hypotheses)} hypothes{'es' if len(run.hypotheses) != 1 else 'is'}: "
    return number + (f"refuted: {', '.join(wrong)}." if wrong else "none refuted.")


def facts(run: Run) -> dict[str, object]:
    """The outcome as plain values, for programs. What was not measured is None."""
    measures = run.measures
    outcome: dict[str, object] = document.builtins(
        {
            "scenario": run.scenario.name,
            "scenario_hash": run.scenario.hash,
            "seed": run.seed,
            "tier": "message",
            "digest": run.digest,
            "verdict": run.verdict,
            "events": run.events,
            "objectives": [{**msgspec.structs.asdict(row), "verdict": row.label} for row in run.objectives],
            "invariants": run.results,
            "hypotheses": run.hypotheses,
            "alerts": [alert for alert in run.alerts if alert.firings],
            "false_alarms": sum(len(alert.false_alarms) for alert in run.alerts),
            "unnoticed": unnoticed(run.scenario.faults, run.alerts) if run.alerts else None,
            "marks": {mark: len(times) for mark, times in run.marks.items() if times},
            "counts": msgspec.structs.asdict(measures.counts),
            "statuses": {str(status): number for status, number in sorted(measures.statuses.items())},
            "latency": {name: row._asdict() for name, row in measures.latency.items()},
            "goodput": {"mean": float(measures.goodput.mean()), "most": float(measures.goodput.max())},
            "delivery": measures.delivery._asdict(),
            "lag": [{"source": lag.source, "target": lag.target, **lag.summary._asdict()} for lag in measures.lags],
            "sync": [
                sync.summary._asdict() | {"source": sync.source, "target": sync.target} for sync in measures.syncs
            ],
            "losses": [loss._asdict() for loss in measures.losses],
            "recoveries": [recovery._asdict() for recovery in measures.recoveries],
            "costs": measures.costs._asdict(),
            "audit": {region: row.facts() for region, row in measures.audit.items()},
            "audit_logs": {region: row._asdict() for region, row in measures.audit_logs.items()},
            "entries": {region: len(entries) for region, entries in run.entries.items()},
            "timeline": run.timeline,
            "vector": None,
        }
    )
    return outcome


DRAWN: dict[str, Callable[[Run], Figure]] = {
    "overview": course.overview,
    "objectives": outcome.objectives,
    "lag": course.lag,
    "latency": course.latency,
    "stores": course.stores,
    "alerts": fault_timeline,
    "map": region_map,
}
