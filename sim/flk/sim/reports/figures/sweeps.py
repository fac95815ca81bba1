"""A sweep at a glance, and two of its cells compared seed by seed."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import stats

from flk.sim.experiments.findings import CellFindings, Estimand, Finding
from flk.sim.experiments.sweep import SweepOutcome, endless
from flk.sim.experiments.variation import Value, shown
from flk.sim.measures.series import Column
from flk.sim.reports.figures.style import BOTTOM, INK, TOP, WIDTH, plain
from flk.sim.statistics.intervals import Interval
from flk.sim.statistics.paired import compare
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict


def heat_map(cells: Sequence[CellFindings], asked: Estimand, unit: str = "") -> Figure:
    """A statistic over two varied fields: the darker, the more. Each cell states the estimate with its interval.

    Where there is a target, a thick frame marks cells that miss it, and hatching those whose interval leaves it undecided. With one
    varied field there is one row. Raises UnusableInput for more than two.
    """
    across, down = _axes_of(cells)
    found = {_place(cell, across, down): _finding(cell, asked) for cell in cells}
    wide, high = len(across[1]), len(down[1])
    figure = Figure(figsize=(WIDTH, TOP + BOTTOM + 0.75 + 0.62 * high))
    axes = figure.add_subplot()
    height = figure.get_size_inches()[1]
    figure.subplots_adjust(0.16, (BOTTOM + 0.1) / height, 0.985, 1 - (TOP + 0.5) / height)
    known = [finding.interval.estimate for finding in found.values() if np.isfinite(finding.interval.estimate)]
    low, high_value = (min(known), max(known)) if known else (0.0, 1.0)
    for (x, y), finding in found.items():
        _cell(axes, x, y, finding, (low, high_value))
    axes.set_xticks(range(wide), [shown(value) for value in across[1]])
    axes.set_yticks(range(high), [shown(value) for value in down[1]] if down[0] else [""])
    axes.set(xlim=(-0.5, wide - 0.5), ylim=(high - 0.5, -0.5), xlabel=across[0], ylabel=down[0])
    plain(axes)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    target = next((f.target for f in found.values() if f.target is not None), None)
    text = f"{asked.statistic} of {asked.measure}{f', {unit}' if unit else ''}, with 95 % intervals; darker is more"
    if target is not None:
        text += f". Target {target:g}: thick frame = missed, hatched = undecided, plain = met"
    figure.suptitle(text, fontsize=8.5, x=0.012, ha="left", color=INK)
    return figure


def comparison(swept: SweepOutcome, one: int, other: int, measure: str, unit: str = "") -> Figure:
    """Two cells of a sweep on the same seeds: the difference of each seed in order of size, and the interval of their mean.

    The same without pairing, in grey, shows what common random numbers are worth.
    """
    labels = [swept.plan.cells[number].label for number in (one, other)]
    size = min(len(swept.rows[one]), len(swept.rows[other]))
    before, after = (np.array(endless(swept.rows[number][:size], measure)) for number in (one, other))
    found = compare(before, after)
    differences = np.sort(found.differences)
    figure = Figure(figsize=(WIDTH, 3.3))
    axes = figure.add_subplot()
    figure.subplots_adjust(0.075, 0.15, 0.985, 0.8)
    places = np.arange(differences.size)
    better, worse = differences < 0, differences > 0
    axes.vlines(places[better], 0, differences[better], color="#9aa7b3", linewidth=1.2)
    axes.vlines(places[worse], 0, differences[worse], color=INK, linewidth=1.2, linestyle=(0, (2, 1)))
    axes.axhline(0, color=INK, linewidth=0.8)
    right = differences.size * 1.04 + 1
    for at, interval, shade, name in (
        (right, found.mean, INK, "paired"),
        (right + differences.size * 0.08 + 2, _unpaired(before, after), "#888888", "unpaired"),
    ):
        if not np.isfinite(interval.half_width):
            axes.annotate(f"{name}: open", (at, 0), fontsize=7.5, va="bottom", color=shade)
            continue
        axes.errorbar(
            at,
            interval.estimate,
            [[interval.estimate - interval.low], [interval.high - interval.estimate]],
            fmt="o" if name == "paired" else "s",
            color=shade,
            capsize=5,
            linewidth=1.6,
        )
        beside = (8, 0)
        axes.annotate(
            name, (at, interval.estimate), beside, textcoords="offset points", fontsize=7.5, va="center", color=shade
        )
    plain(axes)
    axes.set(
        xlabel="seeds, in order of the difference; right of them the mean with its 95 % interval",
        ylabel=f"change of {measure}{f', {unit}' if unit else ''}",
        xlim=(-1, right + differences.size * 0.16 + 5),
    )
    verdict = "decided" if found.decided else "undecided: the interval holds 0"
    figure.suptitle(
        f"from  {labels[0]}\nto  {labels[1]}\n"
        f"{measure} changes by {found.mean.estimate:.3g} [{found.mean.low:.3g}, {found.mean.high:.3g}], {verdict}; less in"
        f" {found.better.estimate:.0%} of the seeds that differ; pairing is worth {found.gain:.3g} times as many runs",
        fontsize=8.5,
        x=0.012,
        ha="left",
        color=INK,
    )
    return figure


def _axes_of(cells: Sequence[CellFindings]) -> tuple[tuple[str, list[Value]], tuple[str, list[Value]]]:
    paths = [path for path, _ in cells[0].cell.parameters]
    if len(paths) > 2:
        raise UnusableInput(
            f"a map has two axes, and {len(paths)} fields are varied; fix all but two of {', '.join(paths)}"
        )
    values = [list(dict.fromkeys(cell.cell.parameters[axis][1] for cell in cells)) for axis in range(len(paths))]
    nothing: tuple[str, list[Value]] = "", [""]
    named = [*zip(paths, values, strict=True), nothing, nothing]
    return named[0], named[1]


def _place(cell: CellFindings, across: tuple[str, list[Value]], down: tuple[str, list[Value]]) -> tuple[int, int]:
    given = dict(cell.cell.parameters)
    return (
        across[1].index(given[across[0]]) if across[0] else 0,
        down[1].index(given[down[0]]) if down[0] else 0,
    )


def _finding(cell: CellFindings, asked: Estimand) -> Finding:
    for finding in cell.findings:
        if finding.asked == asked:
            return finding
    known = ", ".join(f"{f.asked.statistic} of {f.asked.measure}" for f in cell.findings)
    raise UnusableInput(f"the sweep was not asked for the {asked.statistic} of {asked.measure}; it knows {known}")


def _cell(axes: Axes, x: int, y: int, finding: Finding, span: tuple[float, float]) -> None:
    estimate = finding.interval.estimate
    share = (estimate - span[0]) / (span[1] - span[0]) if np.isfinite(estimate) and span[1] > span[0] else 0.0
    grey = 0.97 - 0.62 * share
    missed, open_ = finding.verdict is Verdict.VIOLATED, finding.verdict is Verdict.UNDECIDED
    inset = 0.05 if missed else 0.0
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=str(grey), edgecolor="white", linewidth=1.5))
    if open_:
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, hatch="///", edgecolor="#777777", linewidth=0))
    if missed:
        frame = Rectangle((x - 0.5 + inset, y - 0.5 + inset), 1 - 2 * inset, 1 - 2 * inset, fill=False, linewidth=2.4)
        axes.add_patch(frame)
    low, high = (f"{bound:.3g}" if np.isfinite(bound) else "?" for bound in finding.interval[0:3:2])
    told = f"{'≥ ' if finding.interval.at_least else ''}{estimate:.3g}"
    text = f"{told}\n[{low}, {high}]" if np.isfinite(estimate) else "not measured"
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=8,
        color="white" if grey < 0.5 else INK,
        bbox={"facecolor": str(grey), "edgecolor": "none", "pad": 1.5} if open_ else None,
    )


def _unpaired(before: Column, after: Column) -> Interval:
    both = np.isfinite(before) & np.isfinite(after)
    if both.sum() < 2 or not both.all():
        return Interval(-np.inf, np.nan, np.inf, before.size)
    found = stats.ttest_ind(after, before, equal_var=False, nan_policy="omit").confidence_interval(0.95)
    return Interval(found.low, float(np.nanmean(after) - np.nanmean(before)), found.high, before.size)
