"""The course of one run over simulated time."""

from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from flk.model.flow.answers import ACKNOWLEDGED
from flk.sim.measures.measures import BIN
from flk.sim.measures.series import Column
from flk.sim.outcome import Run
from flk.sim.reports.figures.style import (
    COLOURS,
    DASHES,
    INK,
    TOP,
    amount,
    fault_rows,
    faults_by_start,
    fit,
    legend,
    name_line,
    sampled,
    time_panels,
)
from flk.sim.world.events import NO_ANSWER

WINDOW = 15.0  # seconds over which latency quantiles are taken


def overview(run: Run) -> Figure:
    """The run at a glance: its faults, how much was delivered, how far replicas lagged, how far stores differed."""
    events = faults_by_start(run.scenario)
    figure, (fault_axes, rates, lag, keys) = time_panels(run.scenario, (0.3 + 0.3 * max(1, len(events)), 1.5, 1.5, 1.2))
    fault_rows(fault_axes, events)
    _rates(rates, run)
    _worst_lag(lag, run)
    _differing(keys, run)
    return figure


def lag(run: Run) -> Figure:
    """Replication lag over time: one panel for each source, one line for each target."""
    sources = list(dict.fromkeys(lag.source for lag in run.measures.lags))
    figure, panels = time_panels(run.scenario, (1.35,) * len(sources))
    top = 1.3 * max(lag.summary.most for lag in run.measures.lags) or 1
    for axes, source in zip(panels, sources, strict=True):
        targets = [lag for lag in run.measures.lags if lag.source == source]
        for lag, colour, dash in zip(targets, COLOURS, DASHES, strict=False):
            axes.plot(run.measures.grid, lag.age, color=colour, linestyle=dash, linewidth=1.2, label=f"to {lag.target}")
        axes.set(ylabel=f"lag of {source}, s", ylim=(0, top))
        legend(axes)
    return figure


def latency(run: Run) -> Figure:
    """How long attempts took: every one as a point, quantiles of the acknowledged ones as lines, in steps of a few seconds."""
    figure, (axes,) = time_panels(run.scenario, (2.7,))
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
    name_line(axes, target, "p95 objective")
    axes.set(ylabel="seconds from send to answer", yscale="log")
    axes.set_ylim(top=4 * axes.get_ylim()[1])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    legend(axes, columns=6)
    return figure


def stores(run: Run) -> Figure:
    """Entries of each region over time, and how many keys the regions store differently."""
    figure, (entries, keys) = time_panels(run.scenario, (1.8, 1.3))
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


def overview_png(run: Run, path: str | Path) -> None:
    """Write the overview as a PNG file, with what was run and what came of it as its title."""
    figure = overview(run)
    measured = ", ".join(f"{row.name} {amount(row.measured, row.unit)}" for row in run.objectives)
    checks = sum(row.checks for row in run.results)
    text = f"{run.scenario.description}\n{measured}; {len(run.results)} invariants in {checks:,} checks: {run.verdict}"
    heading = 0.5
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + heading)
    fit(figure, TOP + heading)
    figure.suptitle(text, fontsize=9.5, x=0.012, ha="left", color=INK)
    figure.savefig(path, dpi=150, metadata={"Software": None})


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
    legend(axes)


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
        legend(axes)


def _differing(axes: Axes, run: Run) -> None:
    grid = run.measures.grid
    level = sampled(run.measures.divergence, grid)
    axes.fill_between(grid, level, step="post", color=COLOURS[5], alpha=0.25, linewidth=0)
    axes.step(grid, level, where="post", color=COLOURS[5], linewidth=1.0)
    axes.set(ylabel="keys that differ\nbetween regions", ylim=(0, None))


def _quantile_line(sent: Column, seconds: Column, share: float) -> tuple[Column, Column]:
    """A quantile in each window of time that holds anything."""
    window = (sent // WINDOW).astype(np.int64)
    present = np.unique(window)
    values = np.array([np.quantile(seconds[window == number], share) for number in present])
    return (present + 0.5) * np.float64(WINDOW), values
