"""How figures look. Lines differ by their dashes and faults by their hatching, so that all can be read in black and white."""

from collections.abc import Sequence
from math import isnan
from typing import get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.measures.series import Column, Steps
from flk.sim.scenarios.duration import clock, human
from flk.sim.scenarios.faults import (
    AuditLogFault,
    ClockFault,
    Fault,
    LinkFault,
    LoadFault,
    NodeFault,
    ObjectFault,
    PolicyFault,
    StoreFault,
)
from flk.sim.scenarios.scenario import Scenario

COLOURS = ("#0b4f8a", "#c4500a", "#0a7a55", "#7b3f98", "#8a6d00", "#444444")
DASHES = ("solid", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1)), (0, (8, 2)))
BAND, INK, GRID = "#e9e6df", "#222222", "#d9d9d9"
WIDTH, LEFT, RIGHT, TOP, BOTTOM, GAP = 9.6, 0.78, 0.3, 0.1, 0.5, 0.16  # inches
_FAMILIES = (
    (LinkFault, "////"),
    (NodeFault, "xxxx"),
    (StoreFault, "...."),
    (ObjectFault, "**"),
    (ClockFault, "++++"),
    (LoadFault, "oo"),
    (AuditLogFault, "--"),
    (PolicyFault, "||"),
)
HATCHES = {kind: hatch for family, hatch in _FAMILIES for kind in get_args(family)}
"""Faults of one part of the system look alike: messages, machines, stores, objects, clocks, senders, audit logs, policies."""


def amount(value: float, unit: str) -> str:
    """A measured value with its unit, a share without one in percent; a dash for what was not measured."""
    if isnan(value):
        return "–"
    return human(value) if unit == "s" else f"{100 * value:.2g} %"


def sampled(steps: Steps, grid: Column) -> Column:
    """What a step function is at each moment of a grid."""
    level: Column = steps.level[np.searchsorted(steps.at, grid, side="right") - 1]
    return level


def time_panels(scenario: Scenario, heights: Sequence[float]) -> tuple[Figure, Sequence[Axes]]:
    """Panels above one another that share the time axis, with the faults as bands behind all of them."""
    figure = Figure(figsize=(WIDTH, sum(heights) + GAP * (len(heights) - 1) + TOP + BOTTOM))
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    fit(figure, TOP, gap=GAP * len(heights) / sum(heights))
    for axes in panels:
        for fault in scenario.faults:
            axes.axvspan(fault.start, fault.end, color=BAND, linewidth=0, zorder=0)
        plain(axes)
        axes.set_xlim(0, scenario.duration)
    last = panels[-1]
    step = next(s for s in (10, 30, 60, 120, 300, 600, 1800, 3600, 10**9) if scenario.duration / s <= 20)
    last.set_xticks(np.arange(0, scenario.duration + 1, step))
    last.xaxis.set_major_formatter(lambda moment, _: clock(moment))
    last.set(xlabel="simulated time, minutes:seconds")
    return figure, list(panels)


def fit(figure: Figure, top: float, gap: float | None = None) -> None:
    """Set the margins in inches; `gap` between panels is in units of their mean height, as matplotlib has it."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(LEFT / width, BOTTOM / height, 1 - RIGHT / width, 1 - top / height, hspace=gap)


def plain(axes: Axes) -> None:
    """No more lines than are needed."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#888888")
    axes.tick_params(colors=INK, labelsize=8, length=3)
    axes.grid(visible=True, color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.yaxis.label.set_fontsize(8.5)
    axes.xaxis.label.set_fontsize(8.5)


def legend(axes: Axes, columns: int = 3) -> None:
    """A legend that hides nothing."""
    axes.legend(
        loc="upper right", ncols=columns, fontsize=7.5, frameon=True, framealpha=0.85, edgecolor="none", handlelength=3
    )


def name_line(axes: Axes, height: float, name: str) -> None:
    """Write the name of a level line at its right end."""
    axes.annotate(
        name, (0.995, height), xycoords=("axes fraction", "data"), fontsize=7.5, ha="right", va="bottom", color=INK
    )


def faults_by_start(scenario: Scenario) -> list[Fault]:
    """The faults of a scenario, in the order in which they begin."""
    return sorted(scenario.faults, key=lambda fault: fault.start)


def fault_rows(axes: Axes, events: Sequence[Fault]) -> None:
    """One bar for each, with its name and effect beside it, on the side that has more room."""
    middle = sum(axes.get_xlim()) / 2
    for row, fault in enumerate(events):
        start, duration = fault.start, fault.duration
        axes.barh(
            row,
            duration,
            left=start,
            height=0.6,
            color="white",
            edgecolor=INK,
            hatch=HATCHES[type(fault)],
            linewidth=0.9,
        )
        before = start + duration / 2 > middle
        axes.annotate(
            f"{fault.id}: {fault.effect}",
            (start if before else start + duration, row),
            xytext=(-6 if before else 6, 0),
            textcoords="offset points",
            ha="right" if before else "left",
            va="center",
            fontsize=8,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.2},
        )
    if not events:
        axes.text(0.01, 0.5, "no faults", transform=axes.transAxes, fontsize=8, va="center", color=INK)
    axes.set(ylim=(max(1, len(events)) - 0.4, -0.6), yticks=[])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
