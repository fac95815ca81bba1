"""A run in the terminal: the outcome when it is over."""

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from flk.sim.alerts.alerts import unnoticed
from flk.sim.measures.series import Column
from flk.sim.outcome import Run
from flk.sim.reports.figures.style import amount, faults_by_start, sampled
from flk.sim.reports.report import summary
from flk.sim.reports.tables import Explained, Row, plain_table
from flk.sim.scenarios.duration import clock, human
from flk.spec.verdict import Verdict

CELLS = 54  # characters of the time axis, at most
_LEVELS = " ▁▂▃▄▅▆▇█"


def rendered(run: Run, source: str = "") -> Group:
    """The outcome of a run. `source` is where the scenario came from, if not from the library."""
    parts: list[RenderableType] = [_head(run), _Timeline(run), _moments(run), _objectives(run), _invariants(run)]
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


class _Timeline:
    """Faults as bars over a time axis; under them, what was delivered, how far replicas lagged, how far stores differed."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay the axis out for the console's width."""
        run, measures = self.run, self.run.measures
        worst = np.max([lag.age for lag in measures.lags], axis=0) if measures.lags else np.zeros(1)
        series = (
            ("delivered", measures.goodput, "≤ {:.1f} per s"),
            ("lag", worst, "≤ {:.0f} s"),
            ("differing", sampled(measures.divergence, measures.grid), "≤ {:.0f} keys"),
        )
        notes = [note.format(column.max()) for _, column, note in series]
        faults = faults_by_start(run.scenario)
        names = [*(fault.id for fault in faults), *(name for name, _, _ in series)]
        left = min(max(map(len, names)), options.max_width // 3)
        cells = max(12, min(CELLS, options.max_width - left - max(map(len, notes)) - 2))
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", style="bold", overflow="fold", width=left)
        table.add_column(width=cells, no_wrap=True)
        table.add_column(style="dim", no_wrap=True)
        for fault in faults:
            table.add_row(fault.id, _bar(fault.start, fault.duration, run.scenario.duration, cells))
        for (name, column, _), note in zip(series, notes, strict=True):
            table.add_row(name, _spark(column, cells), note)
        table.add_row("", _axis(run.scenario.duration, cells), "min:s")
        yield table


def _moments(run: Run) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for moment in run.timeline:
        table.add_row(clock(moment.at), moment.where, moment.what)
    return table


def _objectives(run: Run) -> Explained:
    return Explained(
        ("objective", ">target", ">measured", "verdict"),
        "meaning",
        [
            Row(
                (
                    row.name,
                    amount(row.target, row.unit),
                    amount(row.measured, row.unit),
                    Text(f"{row.verdict.sign} {row.label}", row.verdict.style),
                ),
                row.meaning,
                needed=row.verdict is not Verdict.HOLDS,
            )
            for row in run.objectives
        ],
    )


def _invariants(run: Run) -> Explained:
    return Explained(
        ("invariant", ">checked", "verdict"),
        "statement",
        [
            Row(
                (row.invariant, f"{row.checks:,}", _verdict(row.verdict, idle=not row.checks)),
                row.statement,
                needed=row.verdict is not Verdict.HOLDS,
            )
            for row in run.results
        ],
    )


def _verdict(verdict: Verdict, *, idle: bool = False) -> Text:
    text = "not exercised" if idle and verdict is Verdict.HOLDS else f"{verdict.sign} {verdict}"
    return Text(text, verdict.style)


def _hypotheses(run: Run) -> Explained:
    return Explained(
        ("hypothesis", "found", "verdict"),
        "statement",
        [
            Row((f"{row.expect} {row.subject}", row.found, _verdict(row.verdict)), row.statement, needed=True)
            for row in run.hypotheses
        ],
    )


def _alerts(run: Run) -> Group:
    """Each time that an alert fired: from when to when, and the fault that explains it."""
    table = plain_table("alert", ">fired", ">until", ">after", "because of", "element")
    for alert in run.alerts:
        for firing in alert.firings:
            until = "the end" if firing.end is None else clock(firing.end)
            after = "–" if firing.delay is None else human(firing.delay)
            cause = firing.fault or "false alarm"
            table.add_row(alert.name, clock(firing.start), until, after, cause, firing.element.replace(",", ", "))
    silent = unnoticed(run.scenario.faults, run.alerts)
    noticed = f"Faults without an alert: {', '.join(silent)}." if silent else "Every fault raised an alert."
    summary = noticed if run.scenario.faults else "No faults to notice."
    return Group(*([table] if table.row_count else ["No alert fired."]), summary)


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


def _bar(start: float, duration: float, end: float, cells: int) -> Text:
    first = min(cells - 1, int(start / end * cells))
    last = max(first + 1, round((start + duration) / end * cells))
    return Text.assemble(("·" * first, "dim"), ("█" * (last - first), "bold"), ("·" * (cells - last), "dim"))


def _spark(series: Column, cells: int) -> str:
    """A series as a row of blocks, each the greatest value of its stretch."""
    stretches = np.array_split(series, cells)
    values = np.array([stretch.max() if stretch.size else 0.0 for stretch in stretches])
    most = values.max()
    scaled = np.ceil(values / most * (len(_LEVELS) - 1)).astype(int) if most else np.zeros(cells, dtype=int)
    return "".join(_LEVELS[level] for level in scaled)


def _axis(end: float, cells: int) -> Text:
    """The times under the axis, as many as there is room for."""
    marks = [" "] * cells
    number = max(1, cells // 9)
    for place in range(number):
        label = clock(end * place / number)
        at = place * cells // number
        marks[at : at + len(label)] = label
    return Text("".join(marks), "dim")
