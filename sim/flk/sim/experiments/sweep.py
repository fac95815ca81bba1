"""A sweep: a scenario's variants, each over the same seeds, until enough is known of each.

Every cell runs on the same seeds (common random numbers), so cells are compared seed by seed. Runs are made in waves whose sizes
depend on the plan alone, so neither the number of workers nor an interruption changes which runs are made.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf, nan
from typing import NamedTuple

from flk.sim.experiments.execution import PROCESSES, run_all
from flk.sim.experiments.journal import Journal
from flk.sim.experiments.rows import MEASURES, Row, row
from flk.sim.experiments.run_inputs import RunInputs, Task, execute
from flk.sim.experiments.variation import Cell
from flk.sim.statistics.sequential import Stopping, interval
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

_UNTIL = re.compile(r"\s*(\S+)\s+of\s+(\S+)\s*(?:\+-|±|\+/-)\s*(\d+(?:\.\d+)?)\s*%\s*")
WAVE = 4  # a wave adds a quarter of the runs so far: few looks at the data, few runs too many


class Plan(NamedTuple):
    """The cells and the seeds of a sweep. With a stopping rule, a cell takes as many of the seeds as the rule wants."""

    cells: tuple[Cell, ...]
    seeds: range
    until: Stopping | None = None


class SweepOutcome(NamedTuple):
    """The rows of each cell, by seed; how many runs were made now, the others having been made before."""

    plan: Plan
    rows: tuple[tuple[Row, ...], ...]
    made: int


def sweep(
    plan: Plan,
    inputs: RunInputs,
    journal: Journal,
    *,
    workers: int = -1,
    backend: str = PROCESSES,
    on_row: Callable[[Row, int, int], None] = lambda *_: None,
) -> SweepOutcome:
    """Make the runs that the journal does not have yet, each noted in it as soon as it is over.

    `on_row` gets each new row, the number of runs so far and the number planned so far.
    """
    by_hash = {cell.scenario.hash: number for number, cell in enumerate(plan.cells)}
    wanted: list[int] = [0] * len(plan.cells)
    known = {key: found for key, found in journal.rows().items() if key[0] in by_hash}
    made = 0
    while any(_grow(plan, wanted, known)):
        missing = [
            Task(cell.scenario, seed)
            for seed in plan.seeds[: max(wanted)]
            for number, cell in enumerate(plan.cells)
            if seed in plan.seeds[: wanted[number]] and (cell.scenario.hash, seed) not in known
        ]
        for found in run_all(measured, inputs, missing, workers=workers, backend=backend):
            known[found.scenario_hash, found.seed] = found
            journal.note(found)
            made += 1
            on_row(found, len(known), sum(wanted))
    rows = tuple(_rows(cell, plan.seeds[:size], known) for cell, size in zip(plan.cells, wanted, strict=True))
    return SweepOutcome(plan, rows, made)


def measured(inputs: RunInputs, task: Task) -> Row:
    """The row of one run."""
    return row(execute(inputs, task))


def parse_until(text: str, *, least: int, most: int) -> Stopping:
    """The rule that a text such as `p95 of rpo +-5%` means. Raises UnusableInput."""
    found = _UNTIL.fullmatch(text)
    if not found:
        raise UnusableInput(f"--until {text!r}: give a statistic, a measure and a precision: 'p95 of rpo +-5%'")
    statistic, measure, percent = found.groups()
    check_measure(measure)
    interval([0.0, 1.0], statistic)  # refuses an unknown statistic
    return Stopping(measure, statistic, float(percent) / 100, minimum=min(least, most), maximum=most)


def check_measure(measure: str) -> None:
    """Raises UnusableInput for a name that is not a measure of a row."""
    if measure not in MEASURES:
        raise UnusableInput(f"{measure!r} is not a measure; {nearest(measure, MEASURES)}")


def column(rows: Iterable[Row], measure: str) -> list[float]:
    """One measure of many rows; NaN where a run gave no occasion to measure it, a lower bound where it is `censored`."""
    found = (getattr(row, measure) for row in rows)
    return [nan if value is None else float(value) for value in found]


def endless(rows: Sequence[Row], measure: str) -> list[float]:
    """One measure of many rows, infinite where it had not come to pass when the run ended; NaN without an occasion."""
    return [inf if cut else value for value, cut in zip(column(rows, measure), censored(rows, measure), strict=True)]


def censored(rows: Iterable[Row], measure: str) -> list[bool]:
    """Of which of many rows a measure had not come to pass when the run ended."""
    return [measure in row.censored.split() for row in rows]


Known = Mapping[tuple[str, int], Row]


def _grow(plan: Plan, wanted: list[int], known: Known) -> Iterator[bool]:
    """Ask each cell for as many runs as it needs next; says of each whether it needs more than it has."""
    for number, cell in enumerate(plan.cells):
        size = wanted[number]
        wanted[number] = _next_size(plan, size, _rows(cell, plan.seeds[:size], known))
        yield wanted[number] > size


def _next_size(plan: Plan, size: int, rows: Sequence[Row]) -> int:
    rule, most = plan.until, len(plan.seeds)
    if rule is None:
        return most
    if not size:
        return min(rule.minimum, most)
    enough = rule.enough(column(rows, rule.measure), censored(rows, rule.measure))
    return size if enough else min(most, size + max(1, size // WAVE))


def _rows(cell: Cell, seeds: range, known: Known) -> tuple[Row, ...]:
    return tuple(known[cell.scenario.hash, seed] for seed in seeds)
