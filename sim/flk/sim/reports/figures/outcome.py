"""RPO and RTO of one run, beside their targets."""

from collections.abc import Sequence
from math import isnan

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.outcome import Run
from flk.sim.reports.figures.style import BOTTOM, INK, TOP, WIDTH, fit, plain


def objectives(run: Run) -> Figure:
    """RPO and RTO of each region loss beside their targets; RTO by phase, with the catching-up of the region under it."""
    losses, recoveries = run.measures.losses, run.measures.recoveries
    rows = [f"RPO {loss.region}" for loss in losses]
    rows += [name for recovery in recoveries for name in (f"RTO {recovery.region}", f"restart {recovery.region}")]
    figure = Figure(figsize=(WIDTH, TOP + BOTTOM + 0.5 * len(rows)))
    axes = figure.add_subplot()
    fit(figure, TOP)
    bars: list[list[tuple[str, float]]] = [[("exposed", loss.seconds)] for loss in losses]
    for recovery in recoveries:
        bars.append([("detect", recovery.detect), ("redirect", recovery.redirect), ("answer", recovery.answer)])
        bars.append([("recover", recovery.recover), ("catch up", recovery.catch_up)])
    targets = [run.scenario.slo.rpo] * len(losses) + [run.scenario.slo.rto, float("nan")] * len(recoveries)
    for row, (phases, target) in enumerate(zip(bars, targets, strict=True)):
        _phases(axes, row, phases, target)
    longest = max((sum(seconds for _, seconds in phases if not isnan(seconds)) for phases in bars), default=0.0)
    reach = max(1.12 * run.scenario.slo.rpo, 1.12 * run.scenario.slo.rto, 1.5 * longest)  # with room for the text
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel="seconds", xlim=(0, reach), ylim=(len(rows) - 0.5, -0.6))
    plain(axes)
    return figure


def _phases(axes: Axes, row: int, phases: Sequence[tuple[str, float]], target: float) -> None:
    """A stacked bar with the length of each phase, and the target as a tick."""
    left = 0.0
    parts = []
    for (name, seconds), shade, hatch in zip(phases, ("#b9c7d6", "white", "#6f8296"), ("", "////", ""), strict=False):
        parts.append(f"{name} {'not in this run' if isnan(seconds) else f'{seconds:.1f} s'}")
        if not isnan(seconds):
            axes.barh(row, seconds, left=left, height=0.55, color=shade, edgecolor=INK, hatch=hatch, linewidth=0.8)
            left += seconds
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6}
    axes.annotate(
        ", ".join(parts),
        (left, row),
        xytext=(6, 0),
        textcoords="offset points",
        fontsize=8,
        va="center",
        color=INK,
        bbox=box,
        zorder=4,
    )
    if not isnan(target):
        axes.plot([target, target], [row - 0.42, row + 0.42], color=INK, linewidth=2.2)
        axes.annotate(
            f"target {target:.0f} s",
            (target, row + 0.43),  # below the text of the bar
            xytext=(5, 0),
            textcoords="offset points",
            fontsize=7.5,
            va="center",
            color=INK,
        )
