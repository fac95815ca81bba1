"""What the simulator says of the scenario that is drilled: the measures over some seeds, and their course."""

from collections.abc import Callable, Sequence
from math import nan

import numpy as np

from flk.impl.drill.history import Column
from flk.sim.experiments.rows import Row, row
from flk.sim.experiments.run_inputs import RunInputs, Task, execute
from flk.sim.outcome import Run
from flk.sim.scenarios.scenario import Scenario
from flk.sim.statistics.intervals import Interval, quantile_interval

MEASURES = (
    "rpo",
    "rpo_records",
    "rto",
    "rto_recover",
    "heal",
    "lost",
    "lag_max",
    "offered",
    "acknowledged",
    "dead",
    "undelivered",
    "attempts",
    "moves",
)
"""What prediction and drill are compared by, in the order of the table; `measures.toml` says what each is."""


class Prediction:
    """The runs of a scenario over seeds, the drill's own first."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = tuple(runs)
        self.rows: tuple[Row, ...] = tuple(map(row, runs))

    @property
    def loses(self) -> bool:
        """Whether acknowledged records are lost in any run."""
        return any(each.lost for each in self.rows)

    def own(self, name: str) -> float:
        """A measure in the run of the drill's own seed; NaN if there was no occasion."""
        value = getattr(self.rows[0], name)
        return nan if value is None else float(value)

    def own_is_censored(self, name: str) -> bool:
        """Whether the run of the drill's own seed ended before it came to pass."""
        return name in self.rows[0].censored.split()

    def is_censored(self, name: str) -> bool:
        """Whether any run ended before it came to pass, so that the greatest value is a lower bound."""
        return any(name in each.censored.split() for each in self.rows)

    def median(self, name: str) -> Interval:
        """The median of a measure, and the interval in which the median of all runs lies with 95 % confidence."""
        values = [getattr(each, name) for each in self.rows]
        sample = [nan if value is None else float(value) for value in values]
        return quantile_interval(sample, 0.5, censored=[name in each.censored.split() for each in self.rows])

    def spread(self, name: str) -> tuple[float, float]:
        """The least and the greatest value of any run; NaN if there was no occasion."""
        values = [float(value) for each in self.rows if (value := getattr(each, name)) is not None]
        return (min(values), max(values)) if values else (nan, nan)

    def rates(self, edges: Column) -> tuple[Column, ...]:
        """Acknowledgements a second between these moments, in each run."""
        return tuple(
            np.histogram(over[~np.isnan(over)], bins=edges)[0] / np.diff(edges)
            for over in (run.measures.given.over for run in self.runs)
        )

    def lag(self, region: str, grid: Column) -> tuple[Column, ...]:
        """How far a region is behind the log that it is farthest behind, in each run."""
        found = []
        for run in self.runs:
            ages = [each.age for each in run.measures.lags if each.target == region]
            worst = np.max(ages, axis=0) if ages else np.zeros_like(run.measures.grid)
            found.append(np.interp(grid, run.measures.grid, worst))
        return tuple(found)


def predict(
    scenario: Scenario, inputs: RunInputs, seed: int, seeds: int, on_run: Callable[[int], None] | None = None
) -> Prediction:
    """Simulate a scenario with the seed of the drill and those that follow it."""
    runs = []
    for number in range(seeds):
        runs.append(execute(inputs, Task(scenario, seed + number)))
        if on_run is not None:
            on_run(number + 1)
    return Prediction(runs)
