"""Two variants of a scenario under the same random numbers: what the change is worth, seed by seed."""

from dataclasses import dataclass
from functools import cached_property
from math import isfinite, isnan, nan
from os import PathLike
from typing import Any

from matplotlib.figure import Figure

from flk.sim.api.display import heading, page, paragraph, picture, shown
from flk.sim.api.inputs import AnyScenario, AnySeeds, Changes, changed, scenario_of, seeds_of
from flk.sim.api.programs import AnyPrograms, inputs_for
from flk.sim.api.sweeps import SweepResult, performed
from flk.sim.experiments.execution import PROCESSES
from flk.sim.experiments.findings import TARGETS
from flk.sim.experiments.sweep import Plan, check_measure
from flk.sim.reports.figures.sweeps import comparison
from flk.sim.reports.sweep import unit_of
from flk.sim.statistics.intervals import Interval
from flk.sim.statistics.paired import Comparison
from flk.sim.statistics.paired import compare as paired
from flk.spec.errors import UnusableInput
from flk.spec.tables import frame, html_table
from flk.spec.verdict import Verdict

AS_IT_IS = "as it is"


@dataclass(frozen=True, repr=False, eq=False)
class CompareResult:
    """Two variants of a scenario on the same seeds: of each measure the paired differences, other minus one.

    `sweep` holds the runs of both. A difference is decided when its 95 % interval does not hold 0; `gain` says how many times as
    many runs with independent random numbers would be needed to know the mean as well.

    >>> cut = scenario("a-cut", duration="1m").regions("eu", "us", agents=1).workload(records="synthetic:20", rate=1)
    >>> compared = compare(cut, {"policy.ship_interval": "20s"}, {"policy.ship_interval": "5s"}, seeds=8, workers=1)
    >>> lag = compared.difference("lag_p95")
    >>> lag.decided, lag.mean.high < 0, lag.better.estimate
    (True, True, 1.0)
    """

    sweep: SweepResult
    measures: tuple[str, ...]
    one: str
    other: str

    @cached_property
    def differences(self) -> dict[str, Comparison]:
        """The paired difference of each measure that both variants measured."""
        return {measure: self.difference(measure) for measure in self.measures}

    def difference(self, measure: str) -> Comparison:
        """The paired difference of any measure of a run's row, in its unit. Raises UnusableInput for an unknown measure."""
        return paired(self.sweep.values(measure, 0), self.sweep.values(measure, 1))

    @property
    def verdict(self) -> Verdict:
        """The worst verdict over the runs of both variants, as that of a sweep."""
        return self.sweep.verdict

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each measure: a frame of pandas, polars or pyarrow, the first that is installed.

        Columns: `measure` and its `unit` (`s`, or empty for shares and counts), the mean of `one` and of the `other`, the mean
        paired `difference` with its 95 % interval from `low` to `high`, whether that is `decided`, the share of the differing seeds
        in which the other is less (`less`), `gain`, and the number of `pairs`. `sweep.to_frame()` has a row for each run.
        """
        return frame([self._row(measure) for measure in self.measures], library)

    def plot(self, measure: str = "") -> Figure:
        """The differences of one measure in order of size, and the interval of their mean with and without pairing.

        By default the first measure of which the two differ. Raises UnusableInput for an unknown measure.
        """
        chosen = measure or self._telling
        check_measure(chosen)
        return shown(comparison(self.sweep.swept, 0, 1, chosen, unit_of(chosen)))

    def report(self, path: str | PathLike[str]) -> None:
        """Write both variants as one HTML page that needs nothing else. Raises UnusableInput if the file cannot be written."""
        self.sweep.report(path)

    def __repr__(self) -> str:
        """The differences, for terminals."""
        lines = [f"{self.one} → {self.other}: {self.sweep.runs // 2} pairs of runs, {self.verdict.sign} {self.verdict}"]
        lines += [
            f"  {name}: {_told(found.mean)}{unit_of(name) and ' s'}, {_decided(found)}"
            for name, found in self.differences.items()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [
            (
                name,
                row["one"],
                row["other"],
                _told(found.mean),
                _decided(found),
                _shown(found.better.estimate, ".0%"),
                f"{_shown(found.gain, '.3g')} times",
            )
            for name, found in self.differences.items()
            for row in [self._row(name)]
        ]
        header = ("measure", self.one, self.other, "difference", "", "less in so many seeds", "pairing is worth")
        counts = f"{self.sweep.runs // 2} pairs of runs of {self.sweep.swept.plan.cells[0].scenario.name}, same seeds"
        drawn = [picture(self.plot(), f"change of {self._telling}, seed by seed")] if self.measures else []
        return page(
            [heading(f"{self.one} → {self.other}", self.verdict), paragraph(counts), html_table(header, rows), *drawn]
        )

    @property
    def _telling(self) -> str:
        if not self.measures:
            raise UnusableInput(
                "neither variant measured what the scenario has targets for; name a measure, such as 'lag_max'"
            )
        return next((name for name, found in self.differences.items() if found.decided), self.measures[0])

    def _row(self, measure: str) -> dict[str, object]:
        found = self.differences[measure]
        one, other = (_mean(self.sweep.values(measure, cell)) for cell in (0, 1))
        return {
            "measure": measure,
            "unit": unit_of(measure),
            "one": one,
            "other": other,
            "difference": found.mean.estimate,
            "low": found.mean.low,
            "high": found.mean.high,
            "decided": found.decided,
            "less": found.better.estimate,
            "gain": found.gain,
            "pairs": int(found.differences.size),
        }


def compare(
    scenario: AnyScenario,
    one: Changes,
    other: Changes,
    seeds: AnySeeds = 100,
    *,
    measures: tuple[str, ...] = (),
    records: str | PathLike[str] | None = None,
    programs: AnyPrograms = None,
    keep: str | PathLike[str] | None = None,
    workers: int = -1,
    backend: str = PROCESSES,
    progress: bool | None = None,
) -> CompareResult:
    """Compare two variants of a scenario on the same seeds: paired differences, other minus one, with 95 % intervals.

    - `one`, `other`: fields by their paths with the value each has in the variant, `{}` for the scenario as it is
    - `measures`: columns of a run's row, such as `("rpo", "heal")`; by default those that the scenario has a target for
    - the rest is as that of `sweep`

    Raises UnusableInput for fields, values and measures that cannot be used, and for two variants that are the same.

    >>> cut = scenario("a-cut", duration="1m").regions("eu", "us", agents=1).workload(records="synthetic:20", rate=1)
    >>> compare(cut, {}, {"policy.ship_interval": "5s"}, seeds=3, measures=("lag_max",), workers=1).one
    'as it is'
    """
    found, chosen = scenario_of(scenario, records), seeds_of(seeds)
    cells = changed(found, one), changed(found, other)
    for measure in measures:
        check_measure(measure)
    if cells[0].scenario.hash == cells[1].scenario.hash:
        raise UnusableInput(f"{_label(one)} and {_label(other)} are the same scenario; change a field in one of them")
    inputs = inputs_for(found, programs)
    swept = performed(Plan(cells, chosen), inputs, keep=keep, workers=workers, backend=backend, progress=progress)
    known = [name for name in measures or TARGETS if all(_measured(swept.values(name, cell)) for cell in (0, 1))]
    return CompareResult(swept, tuple(known), _label(one), _label(other))


def _mean(values: list[float]) -> float:
    """Of the runs that measured it, infinite if in one it had not come to pass."""
    known = [value for value in values if not isnan(value)]
    return sum(known) / len(known) if known else nan


def _measured(values: list[float]) -> bool:
    return not all(map(isnan, values))


def _label(changes: Changes) -> str:
    return ", ".join(f"{path}={value}" for path, value in changes.items()) or AS_IT_IS


def _told(interval: Interval) -> str:
    return f"{interval.estimate:+.4g} [{interval.low:+.4g}, {interval.high:+.4g}]"


def _decided(found: Comparison) -> str:
    if not found.differences.any():
        return "the same on every seed"
    return "decided" if found.decided else "undecided"


def _shown(value: float, form: str) -> str:
    return format(value, form) if isfinite(value) else "–"
