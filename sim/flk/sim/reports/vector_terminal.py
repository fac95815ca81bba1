"""A run of the vector tier, for programs and for people."""

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from flk.sim.measures.series import quantiles
from flk.sim.measures.slo import Objective
from flk.sim.reports.tables import Explained, Row, plain_table
from flk.sim.scenarios import document
from flk.sim.vector.run import VectorRun
from flk.spec.verdict import Verdict


def facts(run: VectorRun) -> dict[str, object]:
    """The outcome as plain values. Lags and exposures are over the grid of the run."""
    return {
        "scenario": document.builtins(run.scenario),
        "hash": run.scenario.hash,
        "seed": run.seed,
        "tier": "vector",
        "digest": run.digest,
        "verdict": str(run.verdict),
        "control_events": run.events,
        "offered": run.offered,
        "logged": run.logged,
        "answered": run.answered,
        "synchronisations": run.synchronisations,
        "segments": run.segments,
        "latency": run.latency._asdict(),
        "lags": {f"{lag.source}>{lag.target}": quantiles(lag.seconds)._asdict() for lag in run.lags},
        "exposures": {
            one.region: {**quantiles(one.seconds)._asdict(), "most_records": int(one.records.max(initial=0))}
            for one in run.exposures
        },
        "goodput": run.goodput.tolist(),
        "invariants": [{**row._asdict(), "verdict": str(row.verdict)} for row in run.checks],
        "objectives": [_objective(row) for row in run.objectives],
    }


def _objective(row: Objective) -> dict[str, object]:
    return {"name": row.name, "target": float(row.target), "measured": row.measured, "verdict": str(row.verdict)}


def rendered(run: VectorRun) -> Group:
    """The outcome for a terminal of any width."""
    parts = (_head(run), _lags(run), _exposures(run), _checks(run), _objectives(run))
    return Group(*(line for part in parts for line in (part, "")), _foot(run))


def _head(run: VectorRun) -> Text:
    latency = run.latency
    head = Text.assemble(
        (run.scenario.name, "bold"),
        "  ",
        (f"{run.verdict.sign} {run.verdict}", run.verdict.style),
        "  vector tier\n",
    )
    head.append(
        f"{run.offered:,} requests, {run.answered:,} answered by the end; {run.synchronisations:,} synchronisations,"
        f" {run.segments:,} segments, {run.events:,} control events.\n"
    )
    return head.append(
        f"latency: mean {latency.mean:.4f} s, p50 {latency.p50:.4f} s, p95 {latency.p95:.4f} s, p99 {latency.p99:.4f} s,"
        f" longest {latency.most:.4f} s; at most {int(run.goodput.max(initial=0)):,} answers in a second."
    )


def _lags(run: VectorRun) -> Table:
    table = plain_table("from", "to", ">lag p95", ">longest lag")
    for lag in run.lags:
        short = quantiles(lag.seconds)
        table.add_row(lag.source, lag.target, f"{short.p95:.2f} s", f"{short.most:.2f} s")
    return table


def _exposures(run: VectorRun) -> Table:
    table = plain_table("region", ">longest exposure", ">most records exposed")
    for one in run.exposures:
        table.add_row(one.region, f"{float(np.max(one.seconds)):.2f} s", f"{int(one.records.max(initial=0)):,}")
    return table


def _checks(run: VectorRun) -> Explained:
    return Explained(
        ("invariant", ">checks", ">violations", "verdict"),
        "statement",
        [
            Row(
                (
                    row.name,
                    f"{row.checks:,}",
                    f"{row.violations:,}",
                    Text(f"{row.verdict.sign} {row.verdict}", row.verdict.style),
                ),
                row.statement,
                needed=row.verdict is not Verdict.HOLDS,
            )
            for row in run.checks
        ],
    )


def _objectives(run: VectorRun) -> Table:
    table = plain_table("objective", ">target", ">measured", "verdict")
    for row in run.objectives:
        verdict = Text(f"{row.verdict.sign} {row.label}", row.verdict.style)
        table.add_row(row.name, f"{row.target:g} s", f"{row.measured:.4g} s", verdict)
    return table


def _foot(run: VectorRun) -> Text:
    replay = f"flk run {run.scenario.name} --seed {run.seed} --tier vector"
    text = f"digest of the control events {run.digest}\nreplay: {replay}"
    return Text(text, "dim", no_wrap=True, overflow="ignore")
