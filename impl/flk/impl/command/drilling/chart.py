"""One chart of a drill and its prediction: acknowledgements a second, and how far each region lags, with the faults behind them."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.impl.command.drilling.prediction import Prediction
from flk.impl.drill.history import Column
from flk.impl.drill.judging import Report
from flk.sim.reports.figures.style import COLOURS, INK, fault_rows, faults_by_start, legend, time_panels
from flk.sim.scenarios.scenario import Scenario

BINS = 60
MEASURED, PREDICTED = COLOURS[1], COLOURS[0]


def chart(scenario: Scenario, report: Report, prediction: Prediction) -> Figure:
    """A panel of the faults, one of acknowledgements, and one of the lag of each region.

    The drill is a solid line; of the prediction, a broken line is the median of the seeds, and the shade goes from the least to the
    greatest of them.
    """
    events = faults_by_start(scenario)
    heights = (0.3 + 0.3 * max(1, len(events)), 1.6, *(1.15 for _ in scenario.regions))
    figure, (fault_axes, rate_axes, *lag_axes) = time_panels(scenario, heights)
    fault_rows(fault_axes, events)
    edges = _edges(scenario.duration)
    middles = (edges[1:] + edges[:-1]) / 2
    measured = np.histogram(report.acknowledged_at, bins=edges)[0] / np.diff(edges)
    _both(rate_axes, middles, measured, np.array(prediction.rates(edges)))
    rate_axes.set(ylabel="acknowledgements\na second", ylim=(0, None))
    legend(rate_axes)
    grid = np.array(report.grid)
    for axes, region in zip(lag_axes, scenario.regions, strict=True):
        _both(axes, grid, np.array(report.lag[region]), np.array(prediction.lag(region, grid)))
        axes.set(ylabel=f"lag of {region}, s")
    top = max(axes.get_ylim()[1] for axes in lag_axes)
    for axes in lag_axes:
        axes.set_ylim(0, top)
    lag_axes[-1].set_xlabel("time of the drill, minutes:seconds")
    if scenario.duration < 60:
        lag_axes[-1].set_xticks(np.arange(0, scenario.duration + 0.5, max(1.0, round(scenario.duration / 12))))
        lag_axes[-1].xaxis.set_major_formatter(lambda moment, _: f"{moment:g}")
        lag_axes[-1].set_xlabel("time of the drill, seconds")
    return figure


def _edges(duration: float) -> Column:
    """Bins of whole seconds where the drill is long enough for them."""
    width = max(0.5, round(duration / BINS))
    edges: Column = np.arange(0.0, duration + width, width)
    return edges


def _both(axes: Axes, at: Column, measured: Column, predicted: Column) -> None:
    axes.fill_between(at, predicted.min(axis=0), predicted.max(axis=0), color=PREDICTED, alpha=0.18, linewidth=0)
    median = np.median(predicted, axis=0)
    axes.plot(at, median, color=PREDICTED, linestyle=(0, (5, 1.5)), linewidth=1.2, label="predicted (median and range)")
    axes.plot(at, measured, color=MEASURED, linewidth=1.5, label="measured")
    axes.tick_params(colors=INK)
