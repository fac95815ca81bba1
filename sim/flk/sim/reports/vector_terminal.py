"""A run of the vector tier, for programs and for people."""

from math import isnan

import msgspec
import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from flk.sim.checkers.invariants import Result
from flk.sim.measures.costs import Costs
from flk.sim.measures.measures import Counts
from flk.sim.measures.series import quantiles
from flk.sim.reports.tables import Explained, Row, plain_table
from flk.sim.scenarios import document
from flk.sim.vector.columns import ACCURACY
from flk.sim.vector.run import VectorRun
from flk.spec.verdict import Verdict


def facts(run: VectorRun) -> dict[str, object]:
    """The outcome as plain values: the keys of the message tier (`report.facts`), None for what only messages tell, and under
    `vector` what only this tier knows. Lags and exposures are over the grid of the run.
    """
    latency = {"size": run.latency.answers} | {
        name: getattr(run.latency, name) for name in ("p50", "p95", "p99", "most")
    }
    found: dict[str, object] = document.builtins(
        {
            "scenario": run.scenario.name,
            "scenario_hash": run.scenario.hash,
            "seed": run.seed,
            "tier": "vector",
            "digest": run.digest,
            "verdict": run.verdict,
            "events": run.events,
            "objectives": [{**msgspec.structs.asdict(row), "verdict": row.label} for row in run.objectives],
            "invariants": [
                Result(row.name, row.statement, row.checks, row.violations, row.verdict, ()) for row in run.checks
            ],
            "hypotheses": [],
            **dict.fromkeys(("alerts", "false_alarms", "unnoticed", "marks")),
            "counts": dict.fromkeys(Counts.__struct_fields__)
            | {"offered": run.offered, "acknowledged": run.answered, "attempts": run.offered, "retries": 0, "lost": 0},
            "statuses": {"200": run.answered},
            "latency": {"acknowledged": latency, "200": latency},
            "goodput": {"mean": float(run.goodput.mean()), "most": float(run.goodput.max(initial=0))},
            "delivery": None,
            "lag": [
                {"source": lag.source, "target": lag.target, **quantiles(lag.seconds)._asdict()} for lag in run.lags
            ],
            "sync": None,
            "losses": [],
            "recoveries": [],
            "costs": dict.fromkeys(Costs._fields) | {"uploads": run.segments, "heartbeats": 0},
            "audit": {},
            "audit_logs": {},
            "entries": None,
            "timeline": None,
            "vector": {
                "logged": run.logged,
                "synchronisations": run.synchronisations,
                "latency_mean": run.latency.mean,
                "accuracy": ACCURACY,
                "exposures": {
                    one.region: {**quantiles(one.seconds)._asdict(), "most_records": int(one.records.max(initial=0))}
                    for one in run.exposures
                },
                "goodput": run.goodput.tolist(),
            },
        }
    )
    return found


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
        f"latency, quantiles within {100 * ACCURACY:.1f} %: mean {latency.mean:.4f} s,"
        f" p50 {latency.p50:.4f} s, p95 {latency.p95:.4f} s, p99 {latency.p99:.4f} s,"
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
        table.add_row(row.name, _amount(row.target, row.unit), _amount(row.measured, row.unit), verdict)
    return table


def _amount(value: float, unit: str) -> str:
    """A number with its unit; the figures' own way would load what draws them."""
    if isnan(value):
        return "–"
    return f"{value:.4g} s" if unit == "s" else f"{100 * value:.2g} %"


def _foot(run: VectorRun) -> Text:
    replay = f"flk run {run.scenario.name} --seed {run.seed} --tier vector"
    text = f"digest of the control events {run.digest}\nreplay: {replay}"
    return Text(text, "dim", no_wrap=True, overflow="ignore")
