"""A sweep as one HTML page: what is known of each cell, maps, distributions, comparisons, and a replay of every violation."""

from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path

from markupsafe import Markup

from flk.sim.experiments.findings import CellFindings, Estimand, findings, overall
from flk.sim.experiments.replay import replay_string
from flk.sim.experiments.run_inputs import RunInputs, Task, execute
from flk.sim.experiments.sweep import SweepOutcome, endless
from flk.sim.reports.figures.distributions import distribution, phases
from flk.sim.reports.figures.fans import fans
from flk.sim.reports.figures.sweeps import comparison, heat_map
from flk.sim.reports.figures.tradeoffs import tradeoff
from flk.sim.reports.html import rendered, save, svg
from flk.spec.measures import MEASURES

COSTS = ("uploads", "uploaded_bytes")
"""The costs that measures are held against."""
FANNED = 20
"""Most runs that are made again to be followed over time."""
LINES = 6
"""Most lines of a figure, and most cells that are compared with the first: more cannot be told apart."""


def html(swept: SweepOutcome, cells: Sequence[CellFindings], inputs: RunInputs, command: str) -> str:
    """The page; `command` is what was typed. For lag and divergence over time, the first cell's first runs are made again."""
    scenario = swept.plan.cells[0].scenario
    varied = [path for path, _ in swept.plan.cells[0].parameters]
    chosen = [found.asked for found in cells[0].findings if isfinite(found.interval.estimate)]
    measures = list(dict.fromkeys(asked.measure for asked in chosen))
    return rendered(
        "sweep.html.j2",
        scenario=scenario,
        verdict=overall(cells),
        cells=cells,
        runs=sum(each.runs for each in cells),
        seeds=(swept.plan.seeds.start, swept.plan.seeds.stop - 1),
        varied=varied,
        command=command,
        number=_number,
        maps={
            f"{a.statistic} of {a.measure}": svg(f"map{n}", heat_map(cells, a, unit_of(a.measure)))
            for n, a in enumerate(chosen)
        }
        if 1 <= len(varied) <= 2
        else {},
        costs=_costs(swept, measures) if len(cells) > 1 else {},
        distributions=dict(_distributions(swept, cells, measures)),
        phases=_phases(swept),
        comparisons=dict(_comparisons(swept, measures)) if len(cells) > 1 else {},
        fans=_fans(swept, inputs),
        violations=list(_violations(swept, inputs.named)),
    )


def write(
    swept: SweepOutcome, cells: Sequence[CellFindings], inputs: RunInputs, path: str | Path, command: str
) -> None:
    """Write the page to a file. Raises UnusableInput if that cannot be."""
    save(html(swept, cells, inputs, command), path)


def unit_of(measure: str) -> str:
    """The unit of a row's measure; none for a share."""
    unit = MEASURES[measure].unit
    return "" if unit == "%" else unit


def _distributions(
    swept: SweepOutcome, cells: Sequence[CellFindings], measures: Sequence[str]
) -> Iterator[tuple[str, Markup]]:
    for number, measure in enumerate(measures):
        samples = {
            cell.label: endless(rows, measure)
            for cell, rows in list(zip(swept.plan.cells, swept.rows, strict=True))[:LINES]
        }
        target = next((f.target for f in cells[0].findings if f.asked.measure == measure), None)
        yield measure, svg(f"spread{number}", distribution(samples, measure, unit_of(measure), target))


def _costs(swept: SweepOutcome, measures: Sequence[str]) -> dict[str, Markup]:
    """Each measure over what the cells cost in uploads and in bytes, where they differ in it."""
    asked = [Estimand("mean", name) for name in (*measures, *COSTS)]
    found = findings(swept, asked)
    drawn: dict[str, Markup] = {}
    for cost in asked[len(measures) :]:
        spread = {one.interval.estimate for cell in found for one in cell.findings if one.asked == cost}
        for measure in asked[: min(1, len(measures))] if len(spread) > 1 else ():
            figure = tradeoff(found, measure, cost)
            drawn[f"{measure.measure} over {cost.measure}"] = svg(f"cost{len(drawn)}", figure)
    return drawn


def _phases(swept: SweepOutcome) -> Markup | None:
    found = {cell.label.replace(", ", "\n"): rows for cell, rows in zip(swept.plan.cells, swept.rows, strict=True)}
    lost = {label: rows for label, rows in found.items() if any(row.rto is not None for row in rows)}
    if not lost:
        return None
    return svg("phases", phases(dict(list(lost.items())[:LINES]), swept.plan.cells[0].scenario.slo.rto))


def _fans(swept: SweepOutcome, inputs: RunInputs) -> Markup | None:
    """Lag and divergence over time, of the first cell."""
    scenario, rows = swept.plan.cells[0].scenario, swept.rows[0][:FANNED]
    if len(scenario.regions) < 2:
        return None
    return svg("fans", fans([execute(inputs, Task(scenario, row.seed)) for row in rows]))


def _comparisons(swept: SweepOutcome, measures: Sequence[str]) -> Iterator[tuple[str, Markup]]:
    """Every other cell with the first one, by the measure that comes first."""
    for number in range(1, min(len(swept.plan.cells), LINES)):
        name = f"{measures[0]}: {swept.plan.cells[0].label} to {swept.plan.cells[number].label}"
        yield name, svg(f"pair{number}", comparison(swept, 0, number, measures[0], unit_of(measures[0])))


def _violations(swept: SweepOutcome, programs: str) -> Iterator[tuple[int, str, str, str]]:
    for cell, rows in zip(swept.plan.cells, swept.rows, strict=True):
        for row in rows:
            if row.invariants == "violated":
                string = replay_string(cell.scenario, row.seed, row.digest, programs)
                yield row.seed, cell.label, row.violated, f"flk replay '{string}'"


def _number(value: float | None) -> str:
    return "–" if value is None or not isfinite(value) else f"{value:.4g}"
