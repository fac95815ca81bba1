"""The regions and what lies between them, at moments of a run."""

from collections.abc import Sequence

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.measures.measures import Lag
from flk.sim.outcome import Run
from flk.sim.reports.figures.style import INK, WIDTH
from flk.sim.scenarios.duration import clock
from flk.sim.scenarios.faults import Fault, Latency, LinkFaultBase, Loss, Partition, RegionFault, Stop
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import OBJECTS, directed, expand

COLUMNS = 3
HIGH = 2.6  # inches of a map
_DOWN, _FAULTY, _HEALTHY = "down", "faulty", "healthy"
_LOOKS = {_DOWN: ("#222222", "white", "x"), _FAULTY: ("#b5b5b5", INK, "!"), _HEALTHY: ("white", INK, "")}


def region_map(run: Run, moments: Sequence[float] = ()) -> Figure:
    """Small maps, one for each moment; by default shortly after each fault begins and ends.

    A region is black while it is down and grey while something of it fails. An arrow from a region to another grows with how far
    the other lags behind, in seconds beside it; a link is dashed while it carries nothing and dotted while it is slow or lossy.
    """
    chosen = list(moments) or moments_of_interest(run.scenario)
    rows = -(-len(chosen) // COLUMNS)
    figure = Figure(figsize=(WIDTH, HIGH * rows + 0.3))
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    figure.subplots_adjust(0.02, 0.06 / rows, 0.98, 1 - 0.32 / (HIGH * rows + 0.3), 0.08, 0.22)
    most = max((lag.summary.most for lag in run.measures.lags), default=0.0) or 1.0
    places = nx.circular_layout(nx.complete_graph((*run.scenario.regions, OBJECTS)))
    for axes, moment in zip(panels, chosen, strict=False):
        _draw(axes, run, moment, places, most)
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    return figure


def moments_of_interest(scenario: Scenario) -> list[float]:
    """Moments worth a map: within each fault, and after the last; at most eight, the last one at the end of the run."""
    inside = sorted({fault.start + 0.9 * fault.duration for fault in scenario.faults})
    if len(inside) > 7:
        inside = [inside[i] for i in np.linspace(0, len(inside) - 1, 7).astype(int).tolist()]
    return [*inside, float(scenario.duration)]


def state_of(region: str, faults: Sequence[Fault]) -> str:
    """How a region is while these faults hold: `down`, `faulty` or `healthy`."""
    mine = [fault for fault in faults if isinstance(fault, RegionFault) and fault.region == region]
    if any(isinstance(fault, Stop) and fault.node is None for fault in mine):
        return _DOWN
    return _FAULTY if mine else _HEALTHY


def cut_links(faults: Sequence[Fault], regions: Sequence[str], *, whole: bool) -> set[tuple[str, str]]:
    """The directed pairs of places between which no message passes (`whole`), or fewer or slower ones do."""
    kinds = (Partition,) if whole else (Latency, Loss)
    found: set[tuple[str, str]] = set()
    for fault in faults:
        if isinstance(fault, LinkFaultBase) and isinstance(fault, kinds):
            first, second = (tuple(expand(side, regions)) for side in fault.sides)
            found |= set(directed(first, second, fault.direction))
    return found


def _draw(axes: Axes, run: Run, moment: float, places: dict[str, np.ndarray], most: float) -> None:
    scenario = run.scenario
    holding = [fault for fault in scenario.faults if fault.start <= moment < fault.end]
    cut = cut_links(holding, scenario.regions, whole=True)
    poor = cut_links(holding, scenario.regions, whole=False)
    for one, other in ((a, b) for a in places for b in places if a < b):
        pair = {(one, other), (other, one)}
        style = (0, (4, 3)) if pair & cut else (0, (1, 2)) if pair & poor else "solid"
        (x, y), (u, v) = places[one], places[other]
        axes.plot(
            [x, u], [y, v], color="#bbbbbb" if style == "solid" else INK, linewidth=1.1, linestyle=style, zorder=1
        )
    for lag in run.measures.lags:
        _arrow(axes, run, lag, moment, places, most)
    for name, (x, y) in places.items():
        shade, ink, sign = _LOOKS[_HEALTHY if name == OBJECTS else state_of(name, holding)]
        box = {
            "boxstyle": "round,pad=0.35" if name != OBJECTS else "square,pad=0.3",
            "facecolor": shade,
            "edgecolor": INK,
        }
        axes.text(x, y, f"{name} {sign}".strip(), ha="center", va="center", fontsize=8, color=ink, bbox=box, zorder=4)
    axes.set(xlim=(-1.6, 1.6), ylim=(-1.2, 1.2), aspect="equal")
    axes.set_axis_off()
    axes.set_title(
        f"{clock(moment)}  {', '.join(fault.id for fault in holding) or 'all quiet'}"[:34], fontsize=8.5, color=INK
    )


def _arrow(axes: Axes, run: Run, lag: Lag, moment: float, places: dict[str, np.ndarray], most: float) -> None:
    age = float(lag.age[min(int(np.searchsorted(run.measures.grid, moment)), lag.age.size - 1)])
    if age <= 0:
        return
    start, end = places[lag.source], places[lag.target]
    axes.annotate(
        "",
        xy=tuple(end * 0.8 + start * 0.2),
        xytext=tuple(start * 0.8 + end * 0.2),
        arrowprops={
            "arrowstyle": "-|>",
            "linewidth": 0.8 + 3.2 * age / most,
            "color": str(0.6 - 0.5 * age / most),
            "connectionstyle": "arc3,rad=0.16",
            "shrinkA": 2,
            "shrinkB": 2,
        },
        zorder=2,
    )
    near_source = 0.66 * start + 0.34 * end
    aside = np.array([(end - start)[1], -(end - start)[0]]) * 0.16
    x, y = near_source + aside
    axes.text(x, y, f"{age:.0f} s", fontsize=6.5, ha="center", va="center", color=INK, zorder=3)
