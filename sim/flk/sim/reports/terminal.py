"""A run in the terminal: the outcome when it is over."""

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flk.sim.alerts.alerts import unnoticed
from flk.sim.measures.series import Column
from flk.sim.outcome import Run
from flk.sim.reports.figures.style import amount, happenings, sampled
from flk.sim.reports.report import summary
from flk.sim.scenarios.duration import clock, human
from flk.spec.verdict import Verdict

CELLS = 54  # characters of the time axis
_LEVELS = " ▁▂▃▄▅▆▇█"


def rendered(run: Run, source: str = "") -> Group:
    """The outcome of a run. `source` is where the scenario came from, if not from the library."""
    parts: list[RenderableType] = [_head(run), _timeline(run), _moments(run), _objectives(run), _invariants(run)]
    parts += [_hypotheses(run)] if run.hypotheses else []
    parts += [_alerts(run)] if run.alerts else []
    parts += [_violations(run)] if any(row.examples for row in run.results) else []
    return Group(*(line for part in parts for line in (part, "")), _foot(run, source))


def _head(run: Run) -> Text:
    counts = run.measures.counts
    head = Text.assemble(
        (run.scenario.name, "bold"), "  ", (f"{run.verdict.sign} {run.verdict}", run.verdict.style), "\n"
    )
    head.append(f"{run.scenario.description}\n{summary(run)}\n")
    head.append(
        f"{counts.offered - counts.repeated} records and {counts.repeated} repeats of them: {counts.acknowledged} acknowledged,"
        f" {counts.dead} refused, {counts.undelivered} undelivered, {counts.retries} retries,"
        f" {counts.duplicates} answered as duplicates, {counts.supersessions} supersessions, {counts.lost} lost."
    )
    head.append(f"\n{counts.besides}" if counts.besides else "")
    return head


def _timeline(run: Run) -> Table:
    """Faults as bars over a time axis; under them, what was delivered, how far replicas lagged, how far stores differed."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="bold", no_wrap=True)
    table.add_column(min_width=CELLS, no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    for happening in happenings(run.scenario):
        table.add_row(happening.id, _bar(happening.start, happening.duration, run.scenario.duration))
    measures = run.measures
    worst = np.max([lag.age for lag in measures.lags], axis=0) if measures.lags else np.zeros(1)
    table.add_row("delivered", *_spark(measures.goodput, "≤ {:.1f} per s"))
    table.add_row("lag", *_spark(worst, "≤ {:.0f} s"))
    table.add_row("differing", *_spark(sampled(measures.divergence, measures.grid), "≤ {:.0f} keys"))
    table.add_row("", _axis(run.scenario.duration), "min:s")
    return table


def _moments(run: Run) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", style="dim")
    table.add_column(style="bold")
    table.add_column()
    for moment in run.timeline:
        table.add_row(clock(moment.at), moment.where, moment.what)
    return table


def _objectives(run: Run) -> Table:
    table = _rows("objective", ">target", ">measured", "verdict", "meaning")
    for row in run.objectives:
        verdict = Text(f"{row.verdict.sign} {row.label}", row.verdict.style)
        table.add_row(row.name, amount(row.target, row.unit), amount(row.measured, row.unit), verdict, row.meaning)
    return table


def _invariants(run: Run) -> Table:
    table = _rows("invariant", ">checked", "verdict", "statement")
    for row in run.results:
        idle = row.verdict is Verdict.HOLDS and not row.checks
        verdict = Text("not exercised" if idle else f"{row.verdict.sign} {row.verdict}", row.verdict.style)
        table.add_row(row.invariant, f"{row.checks:,}", verdict, row.statement)
    return table


def _hypotheses(run: Run) -> Table:
    table = _rows("hypothesis", ">found", "verdict", "statement")
    for row in run.hypotheses:
        verdict = Text(f"{row.verdict.sign} {row.verdict}", row.verdict.style)
        table.add_row(f"{row.expect} {row.subject}", row.found, verdict, row.statement)
    return table


def _alerts(run: Run) -> Table:
    """Each time that an alert fired: from when to when, and the fault that explains it."""
    table = _rows("alert", ">fired", ">until", ">after", "because of")
    for alert in run.alerts:
        for firing in alert.firings:
            until = "the end" if firing.end is None else clock(firing.end)
            after = "–" if firing.delay is None else human(firing.delay)
            cause = f"{firing.fault or 'nothing: a false alarm'}  {firing.element}"
            table.add_row(alert.name, clock(firing.start), until, after, cause)
    silent = unnoticed(run.scenario.faults, run.alerts)
    told = f"no alert for {', '.join(silent)}" if silent else "every fault was noticed"
    table.add_row("", "", "", "", told if run.scenario.faults else "no fault to notice")
    return table


def _rows(*names: str) -> Table:
    """A table of one line to a row; `>` before a name puts its column to the right, and the last column takes what is left."""
    table = Table(box=None, pad_edge=False, header_style="bold underline", expand=True)
    for name in names[:-1]:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", no_wrap=True)
    table.add_column(names[-1], style="dim", no_wrap=True, ratio=1)
    return table


def _violations(run: Run) -> Text:
    """The first few of each kind, in full."""
    lines = Text(style="red")
    for row in run.results:
        for example in row.examples[:3]:
            lines.append(
                f"{row.invariant} at {example.at:.3f} s, {example.node}, {example.event}: {example.sentence}\n"
            )
    return lines


def _foot(run: Run, source: str) -> Text:
    names = f"scenario {run.scenario.hash}  seed {run.seed}  digest {run.digest}"
    return Text(f"{names}\nreplay: {run.replay(source)}", "dim", no_wrap=True, overflow="ignore")  # to be copied whole


def _bar(start: float, duration: float, end: float) -> Text:
    first = min(CELLS - 1, int(start / end * CELLS))
    last = max(first + 1, round((start + duration) / end * CELLS))
    return Text.assemble(("·" * first, "dim"), ("█" * (last - first), "bold"), ("·" * (CELLS - last), "dim"))


def _spark(series: Column, note: str) -> tuple[str, str]:
    """A series as a row of blocks, each the greatest value of its stretch, and its greatest value in words."""
    stretches = np.array_split(series, CELLS)
    values = np.array([stretch.max() if stretch.size else 0.0 for stretch in stretches])
    most = values.max()
    scaled = np.ceil(values / most * (len(_LEVELS) - 1)).astype(int) if most else np.zeros(CELLS, dtype=int)
    return "".join(_LEVELS[level] for level in scaled), note.format(most)


def _axis(end: float) -> Text:
    """Marks under the time axis."""
    marks = [" "] * CELLS
    for number in range(6):
        label = clock(end * number / 6)
        place = number * CELLS // 6
        marks[place : place + len(label)] = label
    return Text("".join(marks), "dim")
