"""Many runs: a scenario's variants over the same seeds."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from matplotlib.figure import Figure

from flk.sim.api.display import command, heading, page, paragraph, picture, shown
from flk.sim.api.inputs import AnyScenario, AnySeeds, scenario_of, seeds_of, variants
from flk.sim.api.programs import AnyPrograms, inputs_for
from flk.sim.api.result import RunResult
from flk.sim.experiments import sweep as sweeping
from flk.sim.experiments.execution import PROCESSES
from flk.sim.experiments.findings import CellFindings, Estimand, Finding, findings, overall, parse_measure
from flk.sim.experiments.journal import Journal
from flk.sim.experiments.replay import replay_string
from flk.sim.experiments.rows import Row
from flk.sim.experiments.run_inputs import RunInputs, Task, execute
from flk.sim.experiments.variation import Cell
from flk.sim.reports import sweep as report
from flk.sim.reports.figures.distributions import distribution, phases
from flk.sim.reports.figures.fans import fans
from flk.sim.reports.figures.sweeps import comparison, heat_map
from flk.sim.reports.figures.tradeoffs import tradeoff
from flk.sim.reports.progress import sweep_bar
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest
from flk.spec.tables import frame, html_table
from flk.spec.verdict import Verdict

SEVERAL = 30
"""Runs of each cell before a stopping rule is asked."""
SHOWN = 5
"""Most violating runs that a display names."""


class Violating(msgspec.Struct, frozen=True):
    """A run of a sweep that violates an invariant: its cell's label, its seed, what it violates, and the string that replays it."""

    cell: str
    seed: int
    violated: str
    string: str


@dataclass(frozen=True, repr=False, eq=False)
class SweepResult:
    """What a sweep says: a row for each run, an estimate with its interval for each cell and measure, held against the targets.

    A cell is one combination of the varied fields; every cell met the same seeds, so cells can be compared seed by seed. `swept`
    has the rows by cell, `inputs` what went into every run. A notebook shows the estimates and the runs that violate an invariant.

    >>> cut = scenario("a-cut", duration="1m").regions("eu", "us", agents=1).workload(records="synthetic:20", rate=1)
    >>> swept = sweep(cut, seeds=3, vary={"policy.ship_interval": ["5s", "20s"]}, workers=1)
    >>> swept.runs, swept.cells
    (6, ('policy.ship_interval=5', 'policy.ship_interval=20'))
    >>> slow = swept.values("lag_max", cell="policy.ship_interval=20")
    >>> all(few < many for few, many in zip(swept.values("lag_max", cell=0), slow))
    True
    """

    swept: sweeping.SweepOutcome
    inputs: RunInputs

    @cached_property
    def findings(self) -> tuple[CellFindings, ...]:
        """What the runs of each cell say about the scenario's targets and the stopping rule's measure."""
        return findings(self.swept)

    @property
    def verdict(self) -> Verdict:
        """The worst of any run's invariants and hypotheses, and of the targets: undecided where one lies within its interval."""
        return overall(self.findings)

    @property
    def cells(self) -> tuple[str, ...]:
        """The label of each cell, such as `policy.ship_interval=10`."""
        return tuple(cell.label for cell in self.swept.plan.cells)

    @property
    def runs(self) -> int:
        """How many runs there are in all cells together."""
        return sum(map(len, self.swept.rows))

    @property
    def violating(self) -> tuple[Violating, ...]:
        """The runs that violate an invariant; `replay` makes one again from its string, `shrink` makes it small."""
        return tuple(self._violating())

    def values(self, measure: str, cell: int | str = 0) -> list[float]:
        """A measure of every run of a cell (its number or label), by seed; NaN where a run gave no occasion to measure it, infinity
        where it had not come to pass when the run ended, such as a recovery.

        Raises UnusableInput for a measure or a cell that is not there.
        """
        sweeping.check_measure(measure)
        return sweeping.endless(self.swept.rows[self._number(cell)], measure)

    def run(self, seed: int, cell: int | str = 0) -> RunResult:
        """One run of the sweep again, in full. Raises UnusableInput for a cell that is not there."""
        scenario = self.swept.plan.cells[self._number(cell)].scenario
        return RunResult(execute(self.inputs, Task(scenario, seed)), self.inputs)

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each run: a frame of pandas, polars or pyarrow, the first that is installed.

        Columns: the varied fields, then those of a run's `row` (`help(result.row)` says what each means): times in seconds, shares
        between 0 and 1, None where a run gave no occasion. Raises UnusableInput for an unknown library.
        """
        return frame([{**_parameters(cell), **msgspec.structs.asdict(row)} for cell, row in self._pairs()], library)

    def estimates(self, *measures: str, library: str | None = None) -> Any:
        """What is known of each cell: a frame with a row for each cell and measure.

        `measures` are such as `"rpo"` for the mean or `"p95 of rpo"`; by default those that the scenario has a target for. Columns:
        the varied fields, `runs`, `statistic`, `measure`, `estimate` with its 95 % interval from `low` to `high`, `target`, the
        `verdict`, `beyond`, the share of runs beyond the target, and in how many runs the measure had not come to pass
        (`censored`): these count as beyond the target, and where they matter the estimate is a lower bound (`at_least`). Raises
        UnusableInput for an unknown measure.
        """
        asked = [parse_measure(measure) for measure in measures]
        cells = findings(self.swept, asked) if asked else self.findings
        return frame([_estimate(cell, found) for cell in cells for found in cell.findings], library)

    def plot(self, measure: str = "") -> Figure:
        """A statistic of each cell over the one or two varied fields, with its interval; without varied fields its distribution.

        `measure` is such as `"p95 of rpo"`; by default the first that the scenario has a target for. Raises UnusableInput for an
        unknown measure and for more than two varied fields.
        """
        asked = self._asked(measure)
        if len(self.cells) == 1:
            return self.plot_distribution(asked.measure)
        return shown(heat_map(findings(self.swept, [asked]), asked, report.unit_of(asked.measure)))

    def plot_distribution(self, measure: str = "") -> Figure:
        """How a measure is spread over the runs of each cell (at most six), held against its target."""
        asked = self._asked(measure)
        samples = {label: self.values(asked.measure, label) for label in self.cells[: report.LINES]}
        found = [one for one in self.findings[0].findings if one.asked.measure == asked.measure]
        target = found[0].target if found else None
        return shown(distribution(samples, asked.measure, report.unit_of(asked.measure), target))

    def plot_difference(self, measure: str = "", one: int | str = 0, other: int | str = 1) -> Figure:
        """Two cells compared seed by seed: the differences in order of size, and their mean with its interval."""
        asked = self._asked(measure).measure
        return shown(comparison(self.swept, self._number(one), self._number(other), asked, report.unit_of(asked)))

    def plot_tradeoff(self, measure: str = "rpo", cost: str = "uploads") -> Figure:
        """A measure over what it costs, a point for each cell with its intervals: `uploads`, `uploaded_bytes`, `object_requests`,
        `stored_bytes`, or any other measure. Raises UnusableInput for an unknown measure, and if no run measured both.
        """
        asked = parse_measure(measure), parse_measure(cost)
        return shown(tradeoff(findings(self.swept, asked), *asked))

    def plot_recovery(self) -> Figure:
        """RTO by phase of each cell (at most six), mean over the runs. Raises UnusableInput if no region is lost."""
        pairs = list(zip(self.cells, self.swept.rows, strict=True))[: report.LINES]
        lost = {label.replace(", ", "\n"): rows for label, rows in pairs if any(row.rto is not None for row in rows)}
        if not lost:
            raise UnusableInput(f"{self._title}: no run loses a region; vary a scenario with a region_crash")
        return shown(phases(lost, self.swept.plan.cells[0].scenario.slo.rto))

    def plot_over_time(self, cell: int | str = 0, runs: int = 20) -> Figure:
        """Lag and divergence of a cell over time: bands that hold half and nine tenths of its first runs, which are made again."""
        number = self._number(cell)
        scenario, rows = self.swept.plan.cells[number].scenario, self.swept.rows[number][:runs]
        if len(scenario.regions) < 2:
            raise UnusableInput(f"{scenario.name} has one region, and nothing to lag behind; name several regions")
        return shown(fans([execute(self.inputs, Task(scenario, row.seed)) for row in rows]))

    def report(self, path: str | PathLike[str]) -> None:
        """Write the sweep as one HTML page that needs nothing else. Raises UnusableInput if the file cannot be written."""
        name = self.swept.plan.cells[0].scenario.name
        report.write(self.swept, self.findings, self.inputs, Path(path), f"flk.sim.sweep of {name}")

    def __repr__(self) -> str:
        """The estimates and the violating runs, for terminals."""
        lines = [f"{self._title}: {self.verdict.sign} {self.verdict}, {self._counts}"]
        for cell in self.findings:
            lines += [f"  {cell.cell.label}: {_told(found)}" for found in cell.findings]
        return "\n".join([*lines, *self._told_violating()])

    def _repr_html_(self) -> str:
        rows = [
            (
                "" if place else cell.cell.label,
                f"{found.asked.statistic} of {found.asked.measure}",
                found.told,
                f"{_number(found.interval.low)} … {_number(found.interval.high)}",
                "" if found.target is None else _number(found.target),
                "" if found.verdict is None else found.verdict,
            )
            for cell in self.findings
            for place, found in enumerate(cell.findings)
        ]
        header = ("cell", "measure", "estimate", "95 % interval", "target", "verdict")
        parts = [heading(self._title, self.verdict), paragraph(self._counts), html_table(header, rows)]
        open_ = [found.told_censored for cell in self.findings for found in cell.findings if found.told_censored]
        parts += [paragraph(*open_)] if open_ else []
        if len(self.swept.plan.cells[0].parameters) in {1, 2} and rows:
            parts.append(picture(self.plot(), f"{self._title}: {self._asked('').measure} of each cell"))
        return page([*parts, *map(command, self._told_violating())])

    @property
    def _title(self) -> str:
        return f"sweep of {self.swept.plan.cells[0].scenario.name}"

    @property
    def _counts(self) -> str:
        seeds = self.swept.plan.seeds
        return f"{self.runs:,} runs in {len(self.cells)} cells, seeds from {seeds.start}"

    def _told_violating(self) -> list[str]:
        broken = self.violating
        lines = [
            f"seed {one.seed}, {one.cell}, violates {one.violated}"
            + (f": flk replay '{one.string}'" if one.string else "")
            for one in broken[:SHOWN]
        ]
        return lines + ([f"and {len(broken) - SHOWN} more violate an invariant"] if len(broken) > SHOWN else [])

    def _violating(self) -> Iterator[Violating]:
        named = self.inputs.programs is None or self.inputs.named
        for cell, row in self._pairs():
            if row.invariants is Verdict.VIOLATED:
                string = replay_string(cell.scenario, row.seed, row.digest, self.inputs.named) if named else ""
                yield Violating(cell.label, row.seed, row.violated, string)

    def _pairs(self) -> Iterator[tuple[Cell, Row]]:
        for cell, rows in zip(self.swept.plan.cells, self.swept.rows, strict=True):
            for row in rows:
                yield cell, row

    def _number(self, cell: int | str) -> int:
        """The place of a cell that is meant by its number or its label."""
        if isinstance(cell, str) and cell in self.cells:
            return self.cells.index(cell)
        if isinstance(cell, int) and -len(self.cells) <= cell < len(self.cells):
            return cell % len(self.cells)
        raise UnusableInput(f"cell {cell!r}: there is none; {nearest(str(cell), self.cells)}")

    def _asked(self, measure: str) -> Estimand:
        if measure:
            return parse_measure(measure)
        known = [one.asked for one in self.findings[0].findings if isfinite(one.interval.estimate)]
        if not known:
            raise UnusableInput(
                "no measure that the scenario has a target for was measured; name one, such as 'lag_max'"
            )
        return known[0]


def sweep(
    scenario: AnyScenario,
    seeds: AnySeeds = 100,
    vary: Mapping[str, Iterable[object]] | None = None,
    until: str = "",
    *,
    least: int = SEVERAL,
    records: str | PathLike[str] | None = None,
    programs: AnyPrograms = None,
    alerts: bool = False,
    keep: str | PathLike[str] | None = None,
    workers: int = -1,
    backend: str = PROCESSES,
    progress: bool | None = None,
) -> SweepResult:
    """Run every combination of the varied fields on the same seeds (common random numbers).

    - `scenario`, `records`, `programs`, `progress`: as those of `run`
    - `seeds`: how many, counted from 1, or which: `100`, `"500..599"`, `range(500, 600)`
    - `vary`: fields by their paths with the values they take: `{"policy.ship_interval": ["10s", "30s"]}`; a fault goes by its id,
      as in `"faults.cut.duration"`, and durations are seconds or texts
    - `until`: stop each cell as soon as a statistic is known so well: `"p95 of rpo +-5%"`; `least` runs are made in any case
    - `alerts`: evaluate the alerts of every run too
    - `keep`: a directory for the rows of runs; a sweep that was interrupted goes on from what it finds there
    - `workers`: processes to use, -1 for one per core; `backend`: `processes`, `none`, `dask:ADDRESS`, `ray:ADDRESS`

    Raises UnusableInput for fields, values and rules that cannot be used, which names the fix.

    >>> cut = scenario("a-cut", duration="1m").regions("eu", "us", agents=1).workload(records="synthetic:20", rate=1)
    >>> sweep(cut, seeds=2, vary={"policy.ship_interval": ["5s", "20s"]}, workers=1).to_frame("pyarrow").num_rows
    4
    """
    chosen, found = seeds_of(seeds), scenario_of(scenario, records)
    rule = sweeping.parse_until(until, least=least, most=len(chosen)) if until else None
    plan = sweeping.Plan(variants(found, vary), chosen, rule)
    return performed(
        plan, inputs_for(found, programs, alerts=alerts), keep=keep, workers=workers, backend=backend, progress=progress
    )


def performed(
    plan: sweeping.Plan,
    inputs: RunInputs,
    *,
    keep: str | PathLike[str] | None,
    workers: int,
    backend: str,
    progress: bool | None,
) -> SweepResult:
    """The plan carried out."""
    title = f"{plan.cells[0].scenario.name}, {len(plan.cells)} cells"
    with (
        _directory(keep) as directory,
        Journal(directory, inputs.digest) as journal,
        sweep_bar(title, progress) as on_row,
    ):
        return SweepResult(
            sweeping.sweep(plan, inputs, journal, workers=workers, backend=backend, on_row=on_row), inputs
        )


@contextmanager
def _directory(keep: str | PathLike[str] | None) -> Iterator[Path]:
    if keep is not None:
        yield Path(keep)
    else:
        with TemporaryDirectory() as directory:
            yield Path(directory)


def _parameters(cell: Cell) -> dict[str, object]:
    return dict(cell.parameters)


def _estimate(cell: CellFindings, found: Finding) -> dict[str, object]:
    return {
        **_parameters(cell.cell),
        "runs": cell.runs,
        "statistic": found.asked.statistic,
        "measure": found.asked.measure,
        "low": found.interval.low,
        "estimate": found.interval.estimate,
        "high": found.interval.high,
        "target": None if found.target is None else float(found.target),
        "verdict": None if found.verdict is None else str(found.verdict),
        "beyond": None if found.beyond is None else found.beyond.estimate,
        "censored": found.interval.censored,
        "at_least": found.interval.at_least,
    }


def _told(found: Finding) -> str:
    interval = found.interval
    target = "" if found.verdict is None or found.target is None else f", target {found.target:.4g}: {found.verdict}"
    return (
        f"{found.asked.statistic} of {found.asked.measure} {found.told} "
        f"[{interval.low:.4g}, {interval.high:.4g}]{target}"
        + (f"; {found.told_censored}" if found.told_censored else "")
    )


def _number(value: float) -> str:
    return f"{value:.4g}" if isfinite(value) else "–"
