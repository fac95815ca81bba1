"""A short run as a space-time diagram: places side by side, time downwards, an arrow for every message."""

from collections.abc import Sequence
from textwrap import fill
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.checkers.invariants import Violation
from flk.sim.kernel.trace import Line
from flk.sim.measures.series import Column
from flk.sim.reports.figures.style import BAND, INK, WIDTH
from flk.sim.reports.recording import Recording
from flk.sim.reports.story import Story, labels, story
from flk.sim.scenarios.faults import Fault, LinkFaultBase, MachineFault, Partition, RegionFault, Stop
from flk.sim.scenarios.topology import OBJECTS, clients_of, nodes_of, parts_of
from flk.sim.world.network import Message

DEEDS = {
    "Append": "logs",
    "Store": "claims",
    "Merge": "merges",
    "Seal": "seals",
    "PutObject": "uploads",
    "GetObject": "fetches",
    "Mark": "marks",
    "CaughtUp": "has recovered",
}
"""Effects that are written beside the line of their node, in a word."""
COMPARISON = "compare "
ROW = 0.16  # inches for each moment at which something happens, and about a line of text
MARGIN = 0.8  # rows between two notes


def space_time(recording: Recording, start: float | None = None, end: float | None = None) -> Figure:
    """A vertical line for each place, an arrow for each message from when it was sent to when it arrived, with the frames that it
    carries, a cross where one was lost, what nodes did in a word, and a star where an invariant was violated.

    From `start` to `end` in seconds, with all that happened; if neither is given, what led to the first violation, from its cause
    on, and of all else nothing, nor places without a part in it. Time is stretched where much happens and squeezed where nothing
    does; the scale at the left tells the seconds. Health probes and comparisons of stores are left out. A region's line is thick
    and grey while it is down.
    """
    tale = story(recording)
    if start is not None or end is not None:
        tale = Story(tale.start if start is None else start, tale.end if end is None else end)
    scene = _scene(recording, tale)
    rows = len(scene.moments)
    notes = _notes(scene)
    below = max((note.bottom for note in notes), default=0.0)  # the last may stand under all that happens
    figure = Figure(figsize=(WIDTH, min(20.0, max(3.5, 1.0 + ROW * max(rows, below)))))
    axes = figure.add_subplot()
    height = figure.get_size_inches()[1]
    figure.subplots_adjust(0.085, 0.15 / height, 0.985, 1 - 0.4 / height)
    _faults(axes, scene)
    for place, x in scene.columns.items():
        axes.axvline(x, color=INK, linewidth=0.9, zorder=1)
        axes.text(x, -1.6, place, ha="center", fontsize=8, color=INK)
    carried = labels(recording)
    for message in scene.messages:
        _arrow(axes, message, scene)
        _label(axes, message, scene, carried.get(message, ""))
    for moment, place, deeds in scene.deeds:
        _deed(axes, (scene.columns[place], scene.row(moment)), deeds)
    for note in notes:
        _star(axes, note, last=len(scene.columns) - 1)
    chosen = range(0, rows, max(1, rows // 40))
    axes.set_yticks([float(row) for row in chosen], [f"{scene.moments[row]:.3f}" for row in chosen])
    axes.set(
        ylim=(max(rows, below), -1),
        xlim=(-0.6, len(scene.columns) - 0.1),
        ylabel="simulated time, seconds (not to scale)",
    )
    axes.set_xticks([])
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return figure


class _Scene(NamedTuple):
    """What is drawn: the moments at which anything happens, each a row of its own."""

    moments: Column
    columns: dict[str, int]
    nodes: int
    faults: tuple[Fault, ...]
    messages: tuple[Message, ...]
    deeds: tuple[tuple[float, str, tuple[str, ...]], ...]
    violations: tuple[Violation, ...]

    def row(self, moment: float) -> float:
        """Where a moment stands."""
        return float(np.interp(moment, self.moments, np.arange(len(self.moments))))


def _scene(recording: Recording, tale: Story) -> _Scene:
    scenario, (start, end, programs) = recording.run.scenario, tale
    nodes = scenario.layout.nodes
    of_regions = [place for region in scenario.regions for place in (clients_of(region), *parts_of(region, nodes))]
    places = [*of_regions, OBJECTS]
    messages = [
        message
        for message in recording.deliveries
        if COMPARISON not in message.name
        and tale.tells(message)
        and start <= message.sent
        and max(message.arrives, default=message.sent) <= end
    ]
    deeds: dict[tuple[float, str], list[str]] = {}
    for line in recording.lines:
        word = line.effect.partition(" ")[0]
        part = programs is None or (line.node, line.program) in programs
        if part and word in DEEDS and line.node in of_regions and start <= line.t <= end:
            deeds.setdefault((line.t, line.node), []).append(_told(line))
    examples = (example for result in recording.run.results for example in result.examples)
    violations = [violation for violation in examples if start <= violation.at <= end]
    faults = [fault for fault in scenario.faults if fault.start < end and fault.end > start]
    edges = [min(max(edge, start), end) for fault in faults for edge in (fault.start, fault.end)]
    moments = {start, *edges, *(moment for moment, _ in deeds), *(violation.at for violation in violations)}
    moments |= {moment for message in messages for moment in (message.sent, *message.arrives)}
    if programs is not None:  # places that take no part are left out
        part_of = {place for message in messages for place in (message.sender, message.receiver)}
        part_of |= {place for _, place in deeds} | {violation.node for violation in violations}
        part_of |= {_column(fault, nodes) for fault in faults if isinstance(fault, RegionFault)}
        places = [place for place in places if place in part_of] or places
    return _Scene(
        moments=np.array(sorted(moments)),
        columns={place: number for number, place in enumerate(places)},
        nodes=nodes,
        faults=tuple(faults),
        messages=tuple(messages),
        deeds=tuple((moment, place, tuple(dict.fromkeys(told))) for (moment, place), told in sorted(deeds.items())),
        violations=tuple(violations),
    )


def _column(fault: RegionFault, nodes: int) -> str:
    """Where a fault of a region is drawn: at its node, or at the first, or at the store if that is what it is about."""
    if nodes == 1 or not isinstance(fault, MachineFault):
        return parts_of(fault.region, nodes)[-1]
    return nodes_of(fault.region, nodes)[(fault.node or 1) - 1]


def _told(line: Line) -> str:
    word, _, about = line.effect.partition(" ")
    refused = " (refused)" if line.result[:3].isdigit() and line.result[:1] in "45" else ""
    return f"{DEEDS[word]}{' ' + about.rpartition('/')[2].lstrip('0') if about else ''}{refused}"


def _faults(axes: Axes, scene: _Scene) -> None:
    for fault in scene.faults:
        top, bottom = scene.row(max(fault.start, scene.moments[0])), scene.row(min(fault.end, scene.moments[-1]))
        if isinstance(fault, RegionFault):
            x = scene.columns[_column(fault, scene.nodes)]
            shade = "#8f8f8f" if isinstance(fault, Stop) else "#d4d4d4"
            axes.plot([x, x], [top, bottom], color=shade, linewidth=7, solid_capstyle="butt", zorder=2)
            place, side = (x + 0.06, top + 0.6), "left"
        else:
            hatch = "////" if isinstance(fault, Partition) else "...." if isinstance(fault, LinkFaultBase) else ""
            axes.axhspan(top, bottom, facecolor=BAND, edgecolor="#cfc9bb", hatch=hatch, linewidth=0, zorder=0)
            place, side = (len(scene.columns) - 0.12, top + 0.6), "right"
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
        axes.text(
            *place,
            f"{fault.id}: {fault.effect}",
            fontsize=7,
            color=INK,
            ha=side,
            va="center",
            style="italic",
            bbox=box,
            zorder=5,
        )


def _arrow(axes: Axes, message: Message, scene: _Scene) -> None:
    x, u, y = scene.columns[message.sender], scene.columns[message.receiver], scene.row(message.sent)
    if not message.arrives:
        reach = 0.35 * (u - x)
        axes.plot([x, x + reach], [y, y], color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=3)
        axes.plot([x + reach], [y], "x", color=INK, markersize=5, zorder=3)
    style = {"arrowstyle": "-|>", "linewidth": 0.7, "color": "#444444", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
    for arrival in message.arrives:
        axes.annotate("", xy=(u, scene.row(arrival)), xytext=(x, y), arrowprops=style, annotation_clip=False, zorder=3)


def _label(axes: Axes, message: Message, scene: _Scene, told: str) -> None:
    """What a message carries, on its arrow, nearer to where it was sent: so that request and answer do not meet."""
    x, u = scene.columns[message.sender], scene.columns[message.receiver]
    y, v = scene.row(message.sent), scene.row(message.arrives[0] if message.arrives else message.sent)
    part = 0.37 / abs(u - x)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.4}
    place = (x + part * (u - x), y + part * (v - y))
    axes.text(*place, told, fontsize=6, ha="center", va="center", color="#444444", bbox=box, zorder=3.5)


def _deed(axes: Axes, place: tuple[float, float], deeds: Sequence[str]) -> None:
    x, y = place
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6}
    axes.plot([x], [y], "o", color=INK, markersize=2.6, zorder=4)
    axes.text(x + 0.05, y, ", ".join(deeds), fontsize=6.5, va="center", color=INK, bbox=box, zorder=4)


class _Note(NamedTuple):
    """A star for a violation and, from `top` to `bottom`, what is told of it, all in rows."""

    x: int
    star: float
    top: float
    told: str

    @property
    def bottom(self) -> float:
        """Where the next may begin."""
        return self.top + 1 + self.told.count("\n") + MARGIN


def _notes(scene: _Scene) -> list[_Note]:
    """What is told of each violation, below its star and below what is told of those before."""
    notes: list[_Note] = []
    for violation in sorted(scene.violations, key=lambda violation: violation.at):
        x, star = scene.columns.get(violation.node, len(scene.columns) - 1), scene.row(violation.at)
        top = max([star + MARGIN, *(note.bottom for note in notes[-1:])])
        notes.append(_Note(x, star, top, fill(f"{violation.invariant}: {violation.sentence}", 60)))
    return notes


def _star(axes: Axes, note: _Note, last: int) -> None:
    axes.plot([note.x], [note.star], "*", color="white", markeredgecolor=INK, markersize=14, zorder=6)
    box = {"facecolor": "white", "edgecolor": INK, "linewidth": 0.7, "pad": 2}
    left = note.x < last / 2
    axes.annotate(
        note.told,
        (note.x, note.top),
        xytext=(10 if left else -10, 0),
        textcoords="offset points",
        fontsize=7.5,
        fontweight="bold",
        va="top",
        ha="left" if left else "right",
        color=INK,
        bbox=box,
        zorder=7,
    )
