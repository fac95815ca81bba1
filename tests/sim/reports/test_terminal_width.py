"""In a terminal of 80 columns nothing that matters is cut off: names and numbers are whole, the replay line is one line."""

from collections import Counter
from io import StringIO

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from tests.sim.reports.test_report import broken, eventful

from flk.sim.experiments.findings import TARGETS, CellFindings, Estimand, Finding, findings
from flk.sim.experiments.rows import MEASURES, row
from flk.sim.experiments.sweep import Plan, SweepOutcome
from flk.sim.experiments.variation import axis, cells
from flk.sim.measures.slo import LABELS
from flk.sim.outcome import Run
from flk.sim.reports import sweep_terminal, terminal, vector_terminal
from flk.sim.reports.figures.style import amount
from flk.sim.scenarios.duration import clock
from flk.sim.statistics.intervals import Interval
from flk.sim.vector.bench import scenario as vector_scenario
from flk.sim.vector.run import run as run_vector
from flk.spec.verdict import Verdict

ELLIPSIS = "…"


def at_80(report: RenderableType) -> list[str]:
    """The lines that are printed to a terminal of 80 columns."""
    out = StringIO()
    Console(file=out, width=80, color_system=None).print(report, crop=False)
    return out.getvalue().splitlines()


def words(lines: list[str]) -> str:
    """The lines as one text, so that a sentence is found wherever it is wrapped."""
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize("run", [eventful(), broken()], ids=["eventful", "broken"])
def test_a_run(run: Run) -> None:
    """Invariants with their checks, objectives with their numbers, every moment, every violation; no line is too long or cut."""
    lines = at_80(terminal.rendered(run))
    text = words(lines)
    assert ELLIPSIS not in text
    assert max(map(len, lines[:-2])) <= 80
    for result in run.results:
        assert any(line.split()[:2] == [result.invariant, f"{result.checks:,}"] for line in lines)
        assert all(example.sentence in text for example in result.examples[:3])
        assert result.verdict == "holds" or result.statement in text
    for objective in run.objectives:
        numbers = f"{amount(objective.target, objective.unit)} {amount(objective.measured, objective.unit)}"
        assert f"{objective.name} {numbers}" in text
    for moment in run.timeline:
        assert f"{clock(moment.at)} {moment.where} {moment.what}" in text
    assert lines[-2].endswith(run.digest)
    assert lines[-1] == f"replay: {run.replay()}"


def test_a_long_replay_line_is_not_broken() -> None:
    """A line to be copied stays one line, however long it is."""
    command = f"flk replay 'flk1.{'x' * 900}'"
    assert at_80(terminal.rendered(eventful(), command))[-1] == f"replay: {command}"


def test_a_long_fault_id_leaves_room_for_its_bar() -> None:
    """The id wraps; the bars stay in their place."""
    run = eventful()
    named = msgspec.structs.replace(run.scenario.faults[0], id="a-cut-with-a-name-of-forty-and-more-letters")
    lines = at_80(terminal.rendered(run._replace(scenario=run.scenario.with_faults([named]))))
    assert max(map(len, lines[:-2])) <= 80
    assert named.id in "".join(line.split()[0] for line in lines if line.strip())


def test_a_sweep() -> None:
    """Every cell with all that is varied, every measure with estimate, interval, target and verdict."""
    run = eventful()
    varied = cells(run.scenario, [axis("policy.ship_interval=2s,30s"), axis("policy.divergence_interval=20s")])
    rows = tuple(msgspec.structs.replace(row(run), seed=seed) for seed in (1, 2, 3))
    result = SweepOutcome(Plan(varied, range(1, 4)), (rows, rows), 6)
    found = findings(result, [Estimand("p99.9", measure) for measure in MEASURES])
    lines = at_80(sweep_terminal.rendered(result, found))
    text = words(lines)
    assert max(map(len, lines)) <= 80
    for cell in found:
        assert f"{cell.cell.label} {cell.runs} runs" in text
    for measure in {finding.asked.measure for finding in found[0].findings}:
        assert f"p99.9 of {measure}" in text
    for finding in found[0].findings:
        assert f" {finding.interval.estimate:.4g} " in text


sizes = st.just(0.0) | st.floats(1e-9, 1e12)


@settings(deadline=None, max_examples=50)
@given(
    low=sizes.map(lambda size: -size) | sizes,
    rest=st.tuples(sizes, sizes, sizes),
    measure=st.sampled_from(sorted(MEASURES)),
)
def test_no_number_of_a_sweep_is_cut(low: float, rest: tuple[float, float, float], measure: str) -> None:
    """However wide they are: a range may take two lines, and each of its ends is whole, as are estimate, target and verdict."""
    estimate, high, most = rest
    target, beyond = (most, Interval(0.0, 0.5, 1.0, 3)) if measure in TARGETS else (None, None)
    finding = Finding(Estimand("p99.9", measure), Interval(low, estimate, high, 3), target, beyond)
    plan = Plan(cells(eventful().scenario, []), range(3))
    found = CellFindings(plan.cells[0], 3, Counter(), (finding,), Verdict.UNDECIDED)
    lines = at_80(sweep_terminal.rendered(SweepOutcome(plan, ((),), 0), [found]))
    assert max(map(len, lines)) <= 80
    expected = {measure, "measure", "estimate", "95", "%", "interval", "target", "beyond", "verdict"}
    expected |= {f"{number:.4g}" for number in (low, estimate, high)}
    if target is not None and finding.verdict is not None:
        expected |= {f"{target:.4g}", "0.0%", "100.0%", finding.verdict.sign, *LABELS[finding.verdict].split()}
    assert expected <= {word for line in lines for word in line.split()}


def test_a_run_of_the_vector_tier() -> None:
    """Invariants, lags, exposures, latency and the replay line."""
    run = run_vector(vector_scenario(30_000), 1)
    lines = at_80(vector_terminal.rendered(run))
    text = words(lines)
    assert ELLIPSIS not in text
    assert max(map(len, lines)) <= 80
    for check in run.checks:
        assert f"{check.name} {check.checks:,} {check.violations:,}" in text
    for exposure in run.exposures:
        assert f"{exposure.region} {exposure.seconds.max():.2f} s {exposure.records.max():,}" in text
    assert lines[-1] == f"replay: flk run {run.scenario.name} --seed 1 --tier vector"
