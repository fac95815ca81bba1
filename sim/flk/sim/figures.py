"""Figures of a run. They tell lines apart by dashes and faults by hatching, so that they can be read in black and white."""

from collections.abc import Sequence
from itertools import cycle
from math import isnan
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.duration import clock, human
from flk.sim.faults import Fault
from flk.sim.measures import BIN, Column, Steps
from flk.sim.rules import ACKNOWLEDGED
from flk.sim.simulate import Run
from flk.sim.watch import NO_ANSWER

COLOURS = ("#0b4f8a", "#c4500a", "#0a7a55", "#7b3f98", "#8a6d00", "#444444")
DASHES = ("solid", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1)), (0, (8, 2)))
HATCHES = {
    "partition": "////",
    "region_crash": "xxxx",
    "store_outage": "\\\\\\\\",
    "object_store_outage": "....",
    "latency": "||||",
    "loss": "----",
    "clock_skew": "++++",
    "burst": "oo",
}
BAND, INK, GRID = "#e9e6df", "#222222", "#d9d9d9"
WIDTH, LEFT, RIGHT, TOP, BOTTOM, GAP = 9.6, 0.78, 0.3, 0.1, 0.5, 0.16  # inches
WINDOW = 15.0  # seconds over which latency quantiles are taken


def overview(run: Run) -> Figure:
    """The run at a glance: what went wrong, how much was delivered, how far replicas lagged, how far stores differed."""
    events = happenings(run)
    figure, (lanes, rates, lag, keys) = _panels(run, (0.3 + 0.3 * max(1, len(events)), 1.5, 1.5, 1.2))
    _lanes(lanes, events)
    _rates(rates, run)
    _worst_lag(lag, run)
    _differing(keys, run)
    return figure


def lag(run: Run) -> Figure:
    """Replication lag over time: one panel for each source, one line for each target."""
    sources = list(dict.fromkeys(lag.source for lag in run.measures.lags))
    figure, panels = _panels(run, (1.35,) * len(sources))
    top = 1.3 * max(lag.summary.most for lag in run.measures.lags) or 1
    for axes, source in zip(panels, sources, strict=True):
        targets = [lag for lag in run.measures.lags if lag.source == source]
        for lag, colour, dash in zip(targets, COLOURS, DASHES, strict=False):
            axes.plot(run.measures.grid, lag.age, color=colour, linestyle=dash, linewidth=1.2, label=f"to {lag.target}")
        axes.set(ylabel=f"lag of {source}, s", ylim=(0, top))
        _legend(axes)
    return figure


def latency(run: Run) -> Figure:
    """How long attempts took: every one as a point, quantiles of the acknowledged ones as lines, in steps of a few seconds."""
    figure, (axes,) = _panels(run, (2.7,))
    attempts = run.measures.attempts
    answered = attempts.status != NO_ANSWER
    stored = np.isin(attempts.status, list(ACKNOWLEDGED))
    axes.plot(
        attempts.sent[stored],
        attempts.seconds[stored],
        ".",
        color="#9aa7b3",
        markersize=2,
        label="acknowledged",
        rasterized=True,
    )
    for chosen, marker, label in ((answered & ~stored, "x", "refused"), (~answered, "v", "no answer")):
        if chosen.any():
            axes.plot(attempts.sent[chosen], attempts.seconds[chosen], marker, color=INK, markersize=4, label=label)
    for share, colour, dash in zip((0.5, 0.95, 0.99), COLOURS, DASHES, strict=False):
        middles, values = _quantile_line(attempts.sent[stored], attempts.seconds[stored], share)
        axes.plot(middles, values, color=colour, linestyle=dash, linewidth=1.6, label=f"p{share * 100:.0f}")
    target = run.scenario.slo.latency_p95
    axes.axhline(target, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
    _name_line(axes, target, "p95 objective")
    axes.set(ylabel="seconds from send to answer", yscale="log")
    axes.set_ylim(top=4 * axes.get_ylim()[1])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _legend(axes, columns=6)
    return figure


def stores(run: Run) -> Figure:
    """Entries of each region over time, and how many keys the regions store differently."""
    figure, (entries, keys) = _panels(run, (1.8, 1.3))
    for (region, steps), colour, dash in zip(run.measures.entries.items(), cycle(COLOURS), cycle(DASHES), strict=False):
        entries.step(
            run.measures.grid,
            sampled(steps, run.measures.grid),
            where="post",
            color=colour,
            linestyle=dash,
            linewidth=1.4,
            label=region,
        )
    entries.set(ylabel="entries stored", ylim=(0, None))
    entries.legend(loc="lower right", ncols=3, fontsize=7.5, frameon=False, handlelength=3)
    _differing(keys, run)
    return figure


def objectives(run: Run) -> Figure:
    """RPO and RTO of each region loss beside their targets; RTO by phase, with the catching-up of the region under it."""
    losses, recoveries = run.measures.losses, run.measures.recoveries
    rows = [f"RPO {loss.region}" for loss in losses]
    rows += [name for recovery in recoveries for name in (f"RTO {recovery.region}", f"restart {recovery.region}")]
    figure = Figure(figsize=(WIDTH, TOP + BOTTOM + 0.5 * len(rows)))
    axes = figure.add_subplot()
    _fit(figure, TOP)
    bars: list[list[tuple[str, float]]] = [[("exposed", loss.seconds)] for loss in losses]
    for recovery in recoveries:
        bars.append([("detect", recovery.detect), ("redirect", recovery.redirect), ("answer", recovery.answer)])
        bars.append([("recover", recovery.recover), ("catch up", recovery.catch_up)])
    targets = [run.scenario.slo.rpo] * len(losses) + [run.scenario.slo.rto, float("nan")] * len(recoveries)
    for row, (phases, target) in enumerate(zip(bars, targets, strict=True)):
        _phases(axes, row, phases, target)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(
        xlabel="seconds", xlim=(0, 1.12 * max(run.scenario.slo.rpo, run.scenario.slo.rto)), ylim=(len(rows) - 0.5, -0.6)
    )
    _plain(axes)
    return figure


def overview_png(run: Run, path: str | Path) -> None:
    """Write the overview as a PNG file, with what was run and what came of it as its title."""
    figure = overview(run)
    measured = ", ".join(f"{row.name} {amount(row.measured, row.unit)}" for row in run.objectives)
    checks = sum(row.checks for row in run.results)
    told = f"{run.scenario.description}\n{measured}; {len(run.results)} invariants in {checks:,} checks: {run.verdict}"
    heading = 0.5
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + heading)
    _fit(figure, TOP + heading)
    figure.suptitle(told, fontsize=9.5, x=0.012, ha="left", color=INK)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def amount(value: float, unit: str) -> str:
    """A measured value with its unit, a share without one in percent; a dash for what was not measured."""
    if isnan(value):
        return "–"
    return human(value) if unit == "s" else f"{100 * value:.2g} %"


def sampled(steps: Steps, grid: Column) -> Column:
    """What a step function is at each moment of a grid."""
    level: Column = steps.level[np.searchsorted(steps.at, grid, side="right") - 1]
    return level


def _panels(run: Run, heights: Sequence[float]) -> tuple[Figure, Sequence[Axes]]:
    """Panels above one another that share the time axis, with the faults as bands behind all of them."""
    figure = Figure(figsize=(WIDTH, sum(heights) + GAP * (len(heights) - 1) + TOP + BOTTOM))
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    _fit(figure, TOP, gap=GAP * len(heights) / sum(heights))
    for axes in panels:
        for fault in run.scenario.faults:
            axes.axvspan(fault.start, fault.end, color=BAND, linewidth=0, zorder=0)
        _plain(axes)
        axes.set_xlim(0, run.scenario.duration)
    last = panels[-1]
    step = next(s for s in (10, 30, 60, 120, 300, 600, 1800, 3600, 10**9) if run.scenario.duration / s <= 20)
    last.set_xticks(np.arange(0, run.scenario.duration + 1, step))
    last.xaxis.set_major_formatter(lambda moment, _: clock(moment))
    last.set(xlabel="simulated time, minutes:seconds")
    return figure, list(panels)


def _fit(figure: Figure, top: float, gap: float | None = None) -> None:
    """Set the margins in inches; `gap` between panels is in units of their mean height, as matplotlib has it."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(LEFT / width, BOTTOM / height, 1 - RIGHT / width, 1 - top / height, hspace=gap)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#888888")
    axes.tick_params(colors=INK, labelsize=8, length=3)
    axes.grid(visible=True, color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.yaxis.label.set_fontsize(8.5)
    axes.xaxis.label.set_fontsize(8.5)


def _legend(axes: Axes, columns: int = 3) -> None:
    axes.legend(
        loc="upper right", ncols=columns, fontsize=7.5, frameon=True, framealpha=0.85, edgecolor="none", handlelength=3
    )


def happenings(run: Run) -> list[Fault]:
    """The faults of a scenario, in the order in which they begin."""
    return sorted(run.scenario.faults, key=lambda fault: fault.start)


def _lanes(axes: Axes, events: Sequence[Fault]) -> None:
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
            hatch=HATCHES.get(fault.kind, "//"),
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
        axes.text(0.01, 0.5, "nothing goes wrong", transform=axes.transAxes, fontsize=8, va="center", color=INK)
    axes.set(ylim=(max(1, len(events)) - 0.4, -0.6), yticks=[])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _rates(axes: Axes, run: Run) -> None:
    """What was asked and what was acknowledged, per second."""
    measures = run.measures
    edges = np.arange(0.0, run.scenario.duration + BIN, BIN)
    attempts = np.histogram(measures.attempts.sent, bins=edges)[0] / BIN
    axes.stairs(attempts, edges, color="#8f8f8f", linewidth=1.0, label="attempts", fill=True, alpha=0.35)
    axes.stairs(
        measures.goodput, edges, color=COLOURS[0], linewidth=1.3, label="delivered and acknowledged", baseline=None
    )
    failed = measures.attempts.sent[~np.isin(measures.attempts.status, list(ACKNOWLEDGED))]
    if failed.size:
        axes.plot(
            failed, np.zeros_like(failed), "|", color=INK, markersize=7, label="refused or not answered", clip_on=False
        )
    axes.set(ylabel="records per second", ylim=(0, None))
    _legend(axes)


def _worst_lag(axes: Axes, run: Run) -> None:
    """Of each source the lag of the target that is worst off."""
    measures = run.measures
    sources = list(dict.fromkeys(lag.source for lag in measures.lags))
    for source, colour, dash in zip(sources, cycle(COLOURS), cycle(DASHES), strict=False):
        worst = np.max([lag.age for lag in measures.lags if lag.source == source], axis=0)
        axes.plot(measures.grid, worst, color=colour, linestyle=dash, linewidth=1.3, label=f"from {source}")
    most = max((lag.summary.most for lag in measures.lags), default=0.0)
    axes.set(ylabel="replication lag, s", ylim=(0, 1.3 * most or 1))
    if sources:
        _legend(axes)


def _differing(axes: Axes, run: Run) -> None:
    grid = run.measures.grid
    level = sampled(run.measures.divergence, grid)
    axes.fill_between(grid, level, step="post", color=COLOURS[5], alpha=0.25, linewidth=0)
    axes.step(grid, level, where="post", color=COLOURS[5], linewidth=1.0)
    axes.set(ylabel="keys that differ\nbetween regions", ylim=(0, None))


def _phases(axes: Axes, row: int, phases: Sequence[tuple[str, float]], target: float) -> None:
    """A stacked bar with the length of each phase, and the target as a tick."""
    left = 0.0
    told = []
    for (name, seconds), shade, hatch in zip(phases, ("#b9c7d6", "white", "#6f8296"), ("", "////", ""), strict=False):
        told.append(f"{name} {'not in this run' if isnan(seconds) else f'{seconds:.1f} s'}")
        if not isnan(seconds):
            axes.barh(row, seconds, left=left, height=0.55, color=shade, edgecolor=INK, hatch=hatch, linewidth=0.8)
            left += seconds
    axes.annotate("  " + ", ".join(told), (left, row), fontsize=8, va="center", color=INK)
    if not isnan(target):
        axes.plot([target, target], [row - 0.42, row + 0.42], color=INK, linewidth=2.2)
        axes.annotate(
            f"target {target:.0f} s",
            (target, row),
            xytext=(5, 0),
            textcoords="offset points",
            fontsize=8,
            va="center",
            color=INK,
        )


def _name_line(axes: Axes, height: float, name: str) -> None:
    axes.annotate(
        name, (0.995, height), xycoords=("axes fraction", "data"), fontsize=7.5, ha="right", va="bottom", color=INK
    )


def _quantile_line(sent: Column, seconds: Column, share: float) -> tuple[Column, Column]:
    """A quantile in each window of time that holds anything."""
    window = (sent // WINDOW).astype(np.int64)
    present = np.unique(window)
    values = np.array([np.quantile(seconds[window == number], share) for number in present])
    return (present + 0.5) * np.float64(WINDOW), values
