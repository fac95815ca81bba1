"""A run as pictures. Time is in minutes; every line differs in its dashes too, every bar in its hatching, so that grey will do."""

from io import StringIO
from itertools import cycle
from math import isnan
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.faults import RegionCrash
from flk.sim.measures import BIN, Column, Measures
from flk.sim.rules import ACKNOWLEDGED
from flk.sim.simulate import Run

STYLES = (("#0072b2", "-"), ("#d55e00", "--"), ("#009e73", ":"), ("#cc79a7", "-."), ("#56b4e9", (0, (5, 1, 1, 1, 1, 1))))
HATCHES = ("", "////", "....", "xxxx")
BAND = "#e8e8e8"
WINDOW = 10.0  # seconds of attempts that one point of a latency curve sums up
INK = "#222222"


def overview(run: Run) -> Figure:
    """The whole run over one time axis: faults, load, lag, latency, entries and what differs between regions."""
    figure = Figure(figsize=(11, 11.5), layout="constrained")
    panels = figure.subplots(6, 1, sharex=True, height_ratios=(1.1, 1, 1.4, 1, 1, 1))
    draw = (_faults, _load, _lag, _latency, _entries, _divergence)
    for axes, panel in zip(panels, draw, strict=True):
        _shade(axes, run)
        panel(axes, run)
        _plain(axes)
    panels[-1].set_xlabel("time since the start of the run (minutes)")
    panels[-1].set_xlim(0, run.scenario.duration / 60)
    return figure


def recovery(run: Run) -> Figure | None:
    """RTO of each region loss by phase, and RPO, beside their targets; None if no region was lost."""
    rows = run.measures.recoveries
    if not rows:
        return None
    figure = Figure(figsize=(11, 1.5 + 0.6 * len(rows)), layout="constrained")
    time, age = figure.subplots(1, 2, width_ratios=(2, 1))
    _phases(time, run)
    names = [f"{loss.region} ({loss.fault})" for loss in run.measures.losses]
    age.barh(names, [loss.seconds for loss in run.measures.losses], color="#bbbbbb", edgecolor=INK)
    _target(age, run.scenario.slo.rpo)
    age.set_xlabel("RPO: age of the oldest record at risk (seconds)")
    for axes in (time, age):
        _plain(axes)
    return figure


def svg(figure: Figure) -> str:
    """The figure as an SVG element, the same text for the same figure."""
    buffer = StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def save_overview(run: Run, path: Path) -> None:
    """The overview as a PNG file."""
    overview(run).savefig(path, dpi=110)


def _faults(axes: Axes, run: Run) -> None:
    faults = run.scenario.faults
    for row, fault in enumerate(faults):
        hatch = "xxxx" if isinstance(fault, RegionCrash) else "////"
        axes.barh(row, fault.duration / 60, left=fault.start / 60, height=0.6, color="white", edgecolor=INK, hatch=hatch)
        words = f" {fault.id}: {fault.effect}"
        axes.annotate(words, (fault.end / 60, row), va="center", fontsize=8)
    bursts = run.scenario.workload.bursts
    for row, burst in enumerate(bursts, start=len(faults)):
        axes.barh(row, burst.duration / 60, left=burst.start / 60, height=0.6, color="#cccccc", edgecolor=INK)
        words = f" burst: {burst.factor:g} times the load"
        axes.annotate(words, ((burst.start + burst.duration) / 60, row), va="center", fontsize=8)
    axes.set_ylim(len(faults) + len(bursts) - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_ylabel("faults")


def _load(axes: Axes, run: Run) -> None:
    goodput = run.measures.goodput
    times = (np.arange(len(goodput)) + 0.5) * BIN / 60
    axes.step(times, goodput, where="mid", color=STYLES[0][0], linewidth=1.2)
    axes.set_ylabel("acknowledged\n(records/s)")


def _lag(axes: Axes, run: Run) -> None:
    measures = run.measures
    sources = sorted({lag.source for lag in measures.lags})
    for source, (colour, dashes) in zip(sources, cycle(STYLES)):
        worst = np.max([lag.age for lag in measures.lags if lag.source == source], axis=0)
        axes.plot(measures.grid / 60, worst, color=colour, linestyle=dashes, linewidth=1.4, label=f"from {source}")
    _line(axes, run.scenario.slo.lag_p95, "p95 target")
    axes.set_ylabel("replication lag,\nworst target (s)")
    axes.legend(loc="upper left", fontsize=8, ncols=4, frameon=False)


def _latency(axes: Axes, run: Run) -> None:
    times, curves = latency_over_time(run.measures, run.scenario.duration)
    for name, (colour, dashes) in zip(curves, STYLES, strict=False):
        axes.plot(times / 60, curves[name] * 1000, color=colour, linestyle=dashes, linewidth=1.2, label=name)
    _line(axes, run.scenario.slo.latency_p95 * 1000, "p95 target")
    axes.set_ylabel("latency of an\nattempt (ms)")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize=8, ncols=4, frameon=False)


def latency_over_time(measures: Measures, duration: float) -> tuple[Column, dict[str, Column]]:
    """Median, 95th percentile and maximum of acknowledged attempts over windows; NaN where a window has none."""
    attempts = measures.attempts
    good = np.isin(attempts.status, list(ACKNOWLEDGED))
    over, seconds = attempts.over[good], attempts.seconds[good]
    edges = np.arange(0.0, duration + WINDOW, WINDOW)
    windows = [seconds[(over >= low) & (over < low + WINDOW)] for low in edges[:-1]]
    curves = {
        name: np.array([np.quantile(window, q) if window.size else np.nan for window in windows])
        for name, q in (("p50", 0.5), ("p95", 0.95), ("maximum", 1.0))
    }
    return edges[:-1] + WINDOW / 2, curves


def _entries(axes: Axes, run: Run) -> None:
    for (region, steps), (colour, dashes) in zip(run.measures.entries.items(), cycle(STYLES)):
        at, level = np.append(steps.at, run.scenario.duration), np.append(steps.level, steps.level[-1])
        axes.step(at / 60, level, where="post", color=colour, linestyle=dashes, linewidth=1.2, label=region)
    axes.set_ylabel("entries stored")
    axes.legend(loc="upper left", fontsize=8, ncols=4, frameon=False)


def _divergence(axes: Axes, run: Run) -> None:
    steps = run.measures.divergence
    at, level = np.append(steps.at, run.scenario.duration), np.append(steps.level, steps.level[-1])
    axes.fill_between(at / 60, level, step="post", color="#bbbbbb", edgecolor=INK, linewidth=0.6)
    axes.set_ylabel("keys that differ\nbetween regions")
    axes.set_ylim(bottom=0)


def _phases(axes: Axes, run: Run) -> None:
    names = [f"{row.region} ({row.fault})" for row in run.measures.recoveries]
    left = np.zeros(len(names))
    for phase, hatch in zip(("detect", "redirect", "succeed"), HATCHES, strict=False):
        widths = np.array([getattr(row, phase) for row in run.measures.recoveries])
        widths = np.where(np.isnan(widths), 0.0, widths)
        axes.barh(names, widths, left=left, color="white", edgecolor=INK, hatch=hatch, label=phase)
        left += widths
    for name, row, end in zip(names, run.measures.recoveries, left, strict=True):
        words = " agents were not served again" if isnan(row.rto) else f" {row.rto:.1f} s"
        axes.annotate(words, (end, name), va="center", fontsize=9)
    _target(axes, run.scenario.slo.rto)
    axes.set_xlabel("RTO: until the region's agents are served again (seconds)")
    axes.legend(loc="lower right", fontsize=8, frameon=False)


def _shade(axes: Axes, run: Run) -> None:
    for fault in run.scenario.faults:
        axes.axvspan(fault.start / 60, fault.end / 60, color=BAND, zorder=0)


def _line(axes: Axes, level: float, words: str) -> None:
    axes.axhline(level, color=INK, linewidth=0.8, linestyle=(0, (1, 2)), label=words)


def _target(axes: Axes, seconds: float) -> None:
    axes.axvline(seconds, color=INK, linewidth=1.0, linestyle="--")
    axes.annotate(f" target {seconds:g} s", (seconds, 1.0), xycoords=("data", "axes fraction"), fontsize=8, va="bottom")
    axes.set_xlim(0, seconds * 1.15)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
