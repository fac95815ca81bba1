"""What a measure costs: a point for each cell of a sweep, the cost on one axis and the measure on the other."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.experiments.findings import CellFindings, Estimand, Finding
from flk.sim.reports.figures.style import BOTTOM, COLOURS, INK, TOP, WIDTH, plain
from flk.spec.errors import UnusableInput
from flk.spec.measures import MEASURES

MARKERS = "osD^vP*X"


def tradeoff(cells: Sequence[CellFindings], measure: Estimand, cost: Estimand) -> Figure:
    """The estimate of each cell with both 95 % intervals; an open end is left out, and a lower bound is marked with ≥.

    Raises UnusableInput if no cell measured both.
    """
    pairs = [(cell, _found(cell, cost), _found(cell, measure)) for cell in cells]
    known = [(cell, x, y) for cell, x, y in pairs if x is not None and y is not None]
    if not known:
        raise UnusableInput(
            f"no run measured both {measure.measure} and {cost.measure}; name measures that the scenario has"
        )
    figure = Figure(figsize=(WIDTH, TOP + BOTTOM + 3.2))
    axes = figure.add_subplot()
    height = figure.get_size_inches()[1]
    figure.subplots_adjust(0.09, (BOTTOM + 0.15) / height, 0.97, 1 - TOP / height)
    for (cell, x, y), colour, marker in zip(known, cycle(COLOURS), cycle(MARKERS)):
        _point(axes, x, y, cell.cell.label, colour, marker)
    target = known[0][2].target
    if target is not None:
        axes.axhline(target, color=INK, linewidth=1.1, linestyle=(0, (2, 2)))
        axes.annotate("target ", (1, target), xycoords=("axes fraction", "data"), fontsize=7.5, ha="right", va="bottom")
    plain(axes)
    axes.set(xlabel=_named(cost), ylabel=_named(measure))
    axes.margins(0.25, 0.18)
    return figure


def _point(axes: Axes, x: Finding, y: Finding, label: str, colour: str, marker: str) -> None:
    at = x.interval.estimate, y.interval.estimate
    reach = [
        [[max(0.0, middle - low) if np.isfinite(low) else 0.0], [max(0.0, high - middle) if np.isfinite(high) else 0.0]]
        for (low, middle, high) in (x.interval[:3], y.interval[:3])
    ]
    axes.errorbar(*at, reach[1], reach[0], fmt=marker, color=colour, capsize=3, linewidth=1.2, markersize=6)
    bound = "≥ " if y.interval.at_least else ""
    axes.annotate(f"{bound}{label}", at, (7, 5), textcoords="offset points", fontsize=7.5, color=INK)


def _found(cell: CellFindings, asked: Estimand) -> Finding | None:
    found = next((one for one in cell.findings if one.asked == asked), None)
    return found if found is not None and np.isfinite(found.interval.estimate) else None


def _named(asked: Estimand) -> str:
    unit = MEASURES[asked.measure].unit
    return f"{asked.statistic} of {asked.measure}{f', {unit}' if unit != asked.measure else ''}"
