"""A sweep in the terminal: for each cell the estimates of its measures, held against their targets."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from flk.sim.experiments.findings import CellFindings, Finding
from flk.sim.experiments.sweep import SweepOutcome
from flk.sim.measures.slo import LABELS
from flk.sim.reports.tables import plain_table
from flk.sim.statistics.intervals import Interval

RANGES = frozenset({"95 % interval", "beyond target"})
HEADER = ("measure", ">estimate", ">95 % interval", ">target", ">beyond target", "verdict")


def rendered(result: SweepOutcome, cells: Sequence[CellFindings]) -> Group:
    """The outcome of a sweep: a heading and a table for each cell, then what was violated."""
    return Group(_head(result, cells), *(part for cell in cells for part in ("", *_of_cell(cell))))


def _head(result: SweepOutcome, cells: Sequence[CellFindings]) -> Text:
    runs = sum(cell.runs for cell in cells)
    counted = f"{len(cells)} cell{'s' * (len(cells) != 1)}, {runs:,} runs ({result.made:,} of them made now)"
    return Text(f"{counted}, seeds from {result.plan.seeds.start}", "bold")


def _of_cell(cell: CellFindings) -> Iterator[RenderableType]:
    yield Text.assemble((cell.cell.label, "bold"), f"  {cell.runs:,} runs  ", _verdict_of(cell))
    table = plain_table(*HEADER)
    for column in table.columns:
        column.no_wrap = str(column.header) not in RANGES  # where there is little room, a range takes two lines
    for found in cell.findings:
        table.add_row(*_texts(found))
    yield Padding(table, (0, 0, 0, 2))
    for found in cell.findings:
        if found.interval.censored:
            yield Text(f"  {found.told_censored}", "yellow")
    for invariant, number in cell.violated.items():
        yield Text(f"  {invariant} violated in {number:,} of {cell.runs:,} runs", "red")


def _verdict_of(cell: CellFindings) -> tuple[str, str]:
    return f"{cell.verdict.sign} {cell.verdict}", cell.verdict.style


def _texts(found: Finding) -> Iterator[str | Text]:
    yield f"{found.asked.statistic} of {found.asked.measure}"
    yield found.told
    yield _range(found.interval, ".4g")
    yield "" if found.target is None else f"{found.target:.4g}"
    yield "" if found.beyond is None else _range(found.beyond, ".1%")
    verdict = found.verdict
    yield "" if verdict is None else Text(f"{verdict.sign} {LABELS[verdict]}", verdict.style)


def _range(interval: Interval, form: str) -> str:
    return f"{interval.low:{form}} … {interval.high:{form}}"
