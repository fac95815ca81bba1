"""One scenario under many seeds: bands that hold a share of the runs at each moment."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.measures.series import Column
from flk.sim.outcome import Run
from flk.sim.reports.figures.style import INK, fault_rows, faults_by_start, legend, name_line, sampled, time_panels
from flk.sim.scenarios.duration import clock

BANDS = ((0.05, 0.95, "#dfe5eb"), (0.25, 0.75, "#aebccb"))


def fans(runs: Sequence[Run]) -> Figure:
    """Lag and divergence over time under many seeds, with the faults above and as bands behind."""
    scenario = runs[0].scenario
    events = faults_by_start(scenario)
    figure, (fault_axes, lag, keys) = time_panels(scenario, (0.3 + 0.3 * max(1, len(events)), 1.9, 1.6))
    fault_rows(fault_axes, events)
    grid = runs[0].measures.grid
    _fan(lag, grid, [worst_lag(run) for run in runs])
    if scenario.slo.lag_p95 < 2 * max(float(worst_lag(run).max()) for run in runs):
        lag.axhline(scenario.slo.lag_p95, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
        name_line(lag, scenario.slo.lag_p95, "objective of the p95")
    lag.set(ylabel="replication lag,\nworst pair, s", ylim=(0, 1.2 * lag.get_ylim()[1]))  # with room for the legend
    _fan(keys, grid, [sampled(run.measures.divergence, grid) for run in runs])
    keys.set(ylabel="keys that differ\nbetween regions", ylim=(0, None))
    legend(lag, columns=4)
    healed = _healed(runs)
    if healed.size:
        middle = float(np.median(healed))
        keys.axvline(middle, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        text = f" alike again: median {clock(middle)}, in {healed.size} of {len(runs)} runs"
        keys.annotate(text, (middle, 0.9), xycoords=("data", "axes fraction"), fontsize=7.5, color=INK)
    return figure


def worst_lag(run: Run) -> Column:
    """At each moment of the grid the lag of the pair of regions that is worst off, in seconds."""
    found: Column = np.max([lag.age for lag in run.measures.lags], axis=0)
    return found


def _fan(axes: Axes, grid: Column, series: Sequence[Column]) -> None:
    table = np.vstack(series)
    for low, high, shade in BANDS:
        bounds = np.quantile(table, [low, high], axis=0)
        axes.fill_between(
            grid, bounds[0], bounds[1], color=shade, linewidth=0, label=f"{high - low:.0%} of {len(table)} runs"
        )
    axes.plot(grid, np.median(table, axis=0), color=INK, linewidth=1.4, label="median")
    axes.plot(grid, table.max(axis=0), color=INK, linewidth=0.7, linestyle=(0, (1, 1.5)), label="most")


def _healed(runs: Sequence[Run]) -> Column:
    """When what differed at the end of the last fault was alike again, in the runs in which it was."""
    last = max((fault.end for fault in runs[0].scenario.faults), default=0.0)
    moments = np.array([last + run.measures.spells.healed(last) for run in runs])
    found: Column = moments[np.isfinite(moments)]
    return found
