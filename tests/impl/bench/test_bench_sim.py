"""`flk bench sim` compares like with like, and prints what it measured."""

import json
from functools import cache
from io import StringIO

import pytest
from rich.console import Console
from tests.support.sim.drills import drill
from typer.testing import CliRunner

from flk.impl.command.bench import sim as bench_sim
from flk.impl.command.bench.bench import bench
from flk.sim.bench import measure
from flk.sim.bench.backlog import Backlog, ours, simpys
from flk.sim.bench.measure import (
    FAMILIES,
    FULL,
    OURS,
    PLAIN,
    QUICK,
    WITH_MODEL,
    Cost,
    Report,
    Sizes,
    Speed,
    Vector,
    bars,
)


@cache
def tiny() -> Report:
    """Everything measured, as small as can be."""
    return measure.measure(1, sizes=Sizes(10, 100, 0), scenario=drill(duration=60, until=20))


@pytest.mark.thorough
def test_the_programs_do_the_same() -> None:
    """Baseline, baseline with the model's functions, and simulator deliver the same requests and store the same number of entries
    in every region.
    """
    speeds = {speed.program: speed for speed in tiny().speeds}
    assert set(speeds) == {OURS, PLAIN, WITH_MODEL}
    assert len({speed.requests for speed in speeds.values()}) == 1
    assert speeds[OURS].requests > 20
    assert speeds[OURS].entries == speeds[PLAIN].entries == speeds[WITH_MODEL].entries
    assert len(set(speeds[OURS].entries.values())) == 1
    assert speeds[PLAIN].events == speeds[WITH_MODEL].events > 10 * speeds[PLAIN].requests


@pytest.mark.slow
def test_every_figure_is_there() -> None:
    """Times are positive, our own ratio is one, and each family of invariants and each queue has its row."""
    report = tiny()
    assert next(speed.ratio for speed in report.speeds if speed.program == OURS) == 1
    assert [cost.family for cost in report.costs] == list(FAMILIES)
    assert {row.queue for row in report.backlogs} == set(ours())
    assert {row.queue for row in report.simpy_backlogs} == set(simpys())
    assert all(row.few > 0 and row.many > 0 for row in (*report.backlogs, *report.simpy_backlogs))
    assert report.short_runs > 0
    assert report.unwatched > 0
    assert report.vector is None
    assert [bar.name for bar in bars(report)] == [
        "as fast as plain SimPy",
        "as fast as SimPy and model",
        "a backlog costs no more than 1.2 times",
    ]


@pytest.mark.slow
def test_a_family_that_is_left_out_checks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the parts that are asked for observe the run."""
    seen: list[str] = []
    for kind in measure.RULES:
        monkeypatch.setattr(kind, "observe", lambda self, _: seen.append(type(self).__name__))
    scenario = drill(duration=40, until=20)
    submissions = measure._submissions(scenario)
    measure._played(scenario, submissions, ())
    assert not seen
    measure._played(scenario, submissions, FAMILIES["agreement"])
    assert set(seen) == {"Agreement"}


REPORT = Report(
    (Speed(OURS, 100, 1000, {"eu": 90}, 0.01, 1.0), Speed(PLAIN, 100, 2500, {"eu": 90}, 0.02, 2.0)),
    1e-6,
    (Cost("agreement", 1e-7, 0.1),),
    (Backlog("line", 1e-6, 1.1e-6),),
    (Backlog("simpy.Store", 1e-6, 1e-4),),
    33.0,
    Vector(10**8, 9.0, 90_000_000),
)


def test_bars_are_met_or_missed() -> None:
    """Each at its figure."""
    assert all(bar.met for bar in bars(REPORT))
    slow = REPORT._replace(
        speeds=(REPORT.speeds[0], REPORT.speeds[1]._replace(ratio=0.9)),
        backlogs=(Backlog("line", 1e-6, 1.3e-6),),
        vector=Vector(10**8, 10.1, 1),
    )
    assert not any(bar.met for bar in bars(slow))


def test_the_command_prints_tables_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates, costs, backlogs and bars as tables; with --json the same for programs."""
    asked: list[tuple[int, Sizes]] = []

    def pretend(rounds: int, say: object, sizes: Sizes) -> Report:
        asked.append((rounds, sizes))
        return REPORT

    monkeypatch.setattr(measure, "measure", pretend)
    printed = CliRunner().invoke(bench, ["sim", "--rounds", "2"])
    assert printed.exit_code == 0
    for text in ("10,000", "100.0", "125,000", "2.00", "1,000", "+10%", "1.10", "100.00", "33.0 a second", "met"):
        assert text in printed.stdout, text
    quick = CliRunner().invoke(bench, ["sim", "--rounds", "1", "--quick", "--json"])
    told = json.loads(quick.stdout)
    assert told["speeds"][1] == {
        "program": PLAIN,
        "requests": 100,
        "events": 2500,
        "entries": {"eu": 90},
        "seconds": 0.02,
        "ratio": 2.0,
    }
    assert [bar["met"] for bar in told["bars"]] == [True, True, True]
    assert asked == [(2, FULL), (1, QUICK)]


def test_tables_fit_80_columns() -> None:
    """Every figure of a row stands on its line, and nothing is cut off."""
    out = StringIO()
    Console(file=out, width=80, color_system=None).print(bench_sim.rendered(REPORT))
    lines = out.getvalue().splitlines()
    assert all(len(line) <= 80 and "…" not in line for line in lines)
    for speed in REPORT.speeds:
        assert any(line.startswith(speed.program) and line.rstrip().endswith(f"{speed.ratio:.2f}") for line in lines)
    for row in (*REPORT.backlogs, *REPORT.simpy_backlogs):
        assert any(line.startswith(row.queue) and line.rstrip().endswith(f"{row.ratio:.2f}") for line in lines)
