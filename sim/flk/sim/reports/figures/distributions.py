"""How a measure is spread over the runs of a sweep: RPO, RTO, or any other, held against its target."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.experiments.rows import Row
from flk.sim.measures.series import Column
from flk.sim.reports.figures.style import BOTTOM, COLOURS, DASHES, INK, TOP, WIDTH, plain
from flk.sim.statistics.intervals import Interval, proportion_interval, quantile_interval

PHASES = ("rto_detect", "rto_redirect", "rto_answer")
RESTART = ("rto_recover", "rto_catch_up")
_SHADES = ("#b9c7d6", "white", "#6f8296")
_HATCHES = ("", "////", "")
QUANTILES = (0.5, 0.95, 0.99)


def distribution(samples: Mapping[str, Sequence[float]], name: str, unit: str, target: float | None = None) -> Figure:
    """The share of runs up to each value, and on a logarithmic axis the share beyond it; one line for each sample.

    Around each line lies a band that holds the true distribution as a whole with 95 % (Dvoretzky, Kiefer and Wolfowitz; Massart).
    Under it stand the quantiles with their intervals, and how likely the target is to be exceeded. Values that are not numbers,
    of runs without an occasion, are left out; infinite ones, which had not come to pass when their run ended, are beyond all.
    """
    numbers = {label: np.sort(_numbers(sample)) for label, sample in samples.items()}
    figure = Figure(figsize=(WIDTH, 3.3 + 0.22 * len(numbers)))
    share, beyond = figure.subplots(1, 2)
    figure.subplots_adjust(0.07, (BOTTOM + 0.1 + 0.22 * len(numbers)) / figure.get_size_inches()[1], 0.985, 0.96, 0.2)
    for (label, values), colour, dash in zip(numbers.items(), cycle(COLOURS), cycle(DASHES), strict=False):
        _lines(share, beyond, values, label, colour, dash)
    quantity = f"{name}, {unit}" if unit else name
    share.set(xlabel=quantity, ylabel="share of runs up to this", ylim=(0, 1.02))
    beyond.set(xlabel=quantity, ylabel="share of runs beyond this", yscale="log")
    for axes in (share, beyond):
        plain(axes)
        if target is not None:
            axes.axvline(target, color=INK, linewidth=1.1, linestyle=(0, (2, 2)))
            axes.annotate(" target", (target, 0.02), xycoords=("data", "axes fraction"), fontsize=7.5, color=INK)
    share.legend(loc="lower right", fontsize=7.5, frameon=True, framealpha=0.85, edgecolor="none", handlelength=3)
    for row, (label, values) in enumerate(numbers.items()):
        text = f"{label}: {summary(values, target)}"
        figure.text(0.07, (0.1 + 0.22 * (len(numbers) - 1 - row)) / figure.get_size_inches()[1], text, fontsize=7.5)
    return figure


def summary(values: Sequence[float] | Column, target: float | None) -> str:
    """Runs, quantiles with their 95 % intervals, and the probability to exceed the target, in a line."""
    column = _numbers(values)
    never = int(np.isinf(column).sum())
    parts = [f"{column.size} runs", *([f"in {never} it had not come to pass"] if never else [])]
    parts += [f"p{q * 100:g} {_interval(quantile_interval(column, q))}" for q in QUANTILES]
    if target is not None:
        over = proportion_interval(int((column > target).sum()), column.size)
        parts.append(f"beyond the target {over.estimate:.1%} [{over.low:.2%}, {over.high:.2%}]")
    return ", ".join(parts)


def phases(rows: Mapping[str, Sequence[Row]], target: float | None = None) -> Figure:
    """RTO by phase: for each sample the mean of each phase, stacked, and below it the region's own way back."""
    figure = Figure(figsize=(WIDTH, TOP + BOTTOM + 0.3 + 0.62 * len(rows)))
    axes = figure.add_subplot()
    height = figure.get_size_inches()[1]
    figure.subplots_adjust(0.2, BOTTOM / height, 0.97, 1 - (TOP + 0.3) / height)
    for number, sample in enumerate(rows.values()):
        _stack(axes, 2 * number, sample, PHASES)
        _stack(axes, 2 * number + 1, sample, RESTART)
    if target is not None:
        axes.axvline(target, color=INK, linewidth=1.1, linestyle=(0, (2, 2)), label="target of the RTO")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=7.5, frameon=False)
    names = [name for label in rows for name in (f"{label}\nclients served again", "region level again")]
    axes.set_yticks(range(len(names)), names, fontsize=7.5)
    axes.set(xlabel="seconds, mean over the runs", ylim=(len(names) - 0.4, -0.6))
    axes.set_xlim(0, 1.35 * axes.get_xlim()[1])
    plain(axes)
    axes.grid(visible=False, axis="y")
    return figure


def _lines(share: Axes, beyond: Axes, values: Column, label: str, colour: str, dash: object) -> None:
    if not values.size:
        share.plot([], [], color=colour, linestyle=dash, label=f"{label} (no run had one)")
        return
    reach = np.sqrt(np.log(2 / 0.05) / (2 * values.size))
    up = (np.arange(1, values.size + 1) / values.size)[np.isfinite(values)]
    values = values[np.isfinite(values)]
    share.fill_between(values, up - reach, up + reach, step="post", color=colour, alpha=0.12, linewidth=0)
    share.step(values, up, where="post", color=colour, linestyle=dash, linewidth=1.5, label=label)
    left = 1 - up + up[:1]
    beyond.step(values, left, where="pre", color=colour, linestyle=dash, linewidth=1.5)


def _stack(axes: Axes, row: int, sample: Sequence[Row], names: Sequence[str]) -> None:
    if names is PHASES and not any(each.rto_detect is not None for each in sample):
        names = ("rto",)  # nobody had to move, so there is only the way to the first answer
    left = 0.0
    parts = []
    for name, shade, hatch in zip(names, _SHADES, _HATCHES, strict=False):
        values = _numbers([getattr(each, name) for each in sample])
        seconds = float(values.mean()) if values.size else 0.0
        axes.barh(row, seconds, left=left, height=0.6, color=shade, edgecolor=INK, hatch=hatch, linewidth=0.8)
        parts.append(f"{name.removeprefix('rto_').replace('_', ' ')} {seconds:.1f}" if values.size else "")
        left += seconds
    axes.annotate("  " + ", ".join(filter(None, parts)), (left, row), fontsize=7.5, va="center", color=INK)


def _numbers(sample: Sequence[float | None] | Column) -> Column:
    values = np.array([np.nan if value is None else value for value in sample], dtype=np.float64)
    return values[~np.isnan(values)]


def _interval(found: Interval) -> str:
    def bound(value: float) -> str:
        return f"{value:.3g}" if np.isfinite(value) else "?"

    return f"{bound(found.estimate)} [{bound(found.low)}, {bound(found.high)}]"
