"""Sweeps: the cells that are meant, common random numbers, nothing run twice, enough and no more, and an honest verdict."""

from itertools import product
from math import inf, isclose
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.support.sim.drills import drill

from flk.sim.experiments import journal as journals
from flk.sim.experiments.findings import CellFindings, Estimand, facts, findings, overall, parse_measure
from flk.sim.experiments.journal import Journal, code_version, write_table
from flk.sim.experiments.rows import COLUMNS, MEASURES, Row, row
from flk.sim.experiments.run_inputs import Task, execute, synthetic_inputs
from flk.sim.experiments.sweep import Plan, SweepOutcome, column, parse_until, sweep
from flk.sim.experiments.variation import Cell, axis, cells
from flk.sim.measures.series import Spells
from flk.sim.reports.report import facts as run_facts
from flk.sim.reports.sweep_terminal import rendered
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Partition, RegionCrash
from flk.sim.statistics.sequential import Stopping
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

INPUTS = synthetic_inputs(40)
CUT = Partition(id="cut", start=Seconds(3), duration=Seconds(4), sides=(("eu",), ("us", "objects")))
CRASH = RegionCrash(id="burnt", start=Seconds(5), duration=Seconds(6), region="us", disk=Disk.LOST)
SMALL = drill(CUT, CRASH, duration=30, rate=1.5, until=10)
SHORT = drill(duration=12, rate=1.0, until=5)


def test_every_combination_of_values_is_a_cell() -> None:
    """Durations, a fault by its id, an element of a list, a number in a table, a word: each as a scenario file would say it."""
    axes = [
        axis("policy.ship_interval=10s,30s"),
        axis("faults.cut.duration=1s, 2.5"),
        axis("faults.burnt.disk=kept,lost"),
        axis("workload.agents.eu=3"),
        axis("regions[0]=eu"),
    ]
    found = cells(SMALL, axes)
    assert len(found) == 8
    varied = [(c.scenario.policy.ship_interval, c.scenario.faults[0].duration, c.parameters[2][1]) for c in found]
    assert varied == list(product((10.0, 30.0), (1.0, 2.5), ("kept", "lost")))
    assert all(c.scenario.workload.agents["eu"] == 3 for c in found)
    assert (
        found[0].label
        == "policy.ship_interval=10, faults.cut.duration=1, faults.burnt.disk=kept, workload.agents.eu=3, regions[0]=eu"
    )
    assert cells(SMALL, []) == (Cell(SMALL, ()),)


def test_an_optional_table_can_be_made() -> None:
    """A layout without an audit queue gets one, by one of its fields."""
    (cell,) = cells(SMALL, [axis("layout.audit.workers=3")])
    assert cell.scenario.layout.audit is not None
    assert cell.scenario.layout.audit.workers == 3
    (cell,) = cells(SMALL, [axis('faults.cut.sides=[["us"], ["ap"]]')])
    assert cell.scenario.faults[0] == msgspec.structs.replace(CUT, sides=(("us",), ("ap",)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("policy.ship_interval", "give a field and its values"),
        ("policy.ship_intervall=10s", "unknown key; did you mean ship_interval"),
        ("polcy.ship_interval=10s", "did you mean policy"),
        ("faults.cuts.duration=10s", "no fault has the id 'cuts'; did you mean cut"),
        ("faults.cut.duration=soon", "'soon' is not a duration"),
        ("faults.cut.duration=60s", "after the run"),
        ("faults.cut.direction=sideways", "is not one of the choices"),
        ("regions[7]=eu", "there is nothing at 7"),
        ("seed.luck=1", "there is nothing at"),
        ("policy.ship_interval=10s,10", "the same scenario twice"),
    ],
)
def test_an_invalid_variation_is_refused(text: str, message: str) -> None:
    """With the field and the fix, as the errors of a scenario file."""
    with pytest.raises(UnusableInput) as error:
        cells(SMALL, [axis(text)])
    assert message in str(error.value)


def swept(directory: Path, plan: Plan, workers: int = 1, **options: object) -> SweepOutcome:
    """A sweep that journals in a directory."""
    with Journal(directory, INPUTS.digest) as journal:
        return sweep(plan, INPUTS, journal, workers=workers, **options)  # type: ignore[arg-type]


def test_cells_meet_the_same_luck(tmp_path: Path) -> None:
    """A field that changes nothing about the run changes no measure of any seed; one that does is seen seed by seed."""
    plan = Plan(cells(SMALL, [axis("slo.rpo=1s,2s")]), range(1, 4))
    one, two = swept(tmp_path, plan).rows
    assert [each.seed for each in one] == [each.seed for each in two] == [1, 2, 3]
    for measure in MEASURES:
        assert column(one, measure) == pytest.approx(column(two, measure), nan_ok=True)
    assert len({each.digest for each in (*one, *two)}) == 6


def test_a_sweep_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    """What was over is not run again, whatever the number of workers; the outcome is that of a sweep in one go."""
    plan = Plan(cells(SHORT, [axis("policy.ship_interval=2s,4s")]), range(5, 10))
    whole = swept(tmp_path / "whole", plan)
    assert whole.made == 10

    def stop(row: Row, done: int, planned: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    part = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt):
        swept(part, plan, on_row=stop)
    file = part / journals.JOURNAL
    assert len(file.read_bytes().splitlines()) == 4
    with file.open("ab") as lines:
        lines.write(b'{"code":"cut sho')
    rest = swept(part, plan, workers=2)
    assert rest.made == 6
    assert rest.rows == whole.rows
    assert swept(part, plan).made == 0
    more = swept(part, plan._replace(seeds=range(5, 12)))
    assert more.made == 4
    assert more.rows[0][:5] == whole.rows[0]


def test_rows_of_other_code_or_other_records_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are run again."""
    plan = Plan(cells(SHORT, []), range(2))
    assert swept(tmp_path, plan).made == 2
    with Journal(tmp_path, "other inputs") as journal:
        assert journal.rows() == {}
    monkeypatch.setattr(journals, "code_version", lambda: "another")
    assert swept(tmp_path, plan).made == 2


def test_the_version_of_the_code_is_of_its_content() -> None:
    """Twelve digits, the same every time."""
    assert len(code_version()) == 12
    journals.code_version.cache_clear()
    version = code_version()
    journals.code_version.cache_clear()
    assert version == code_version()


def test_a_cell_stops_when_enough_is_known_of_it(tmp_path: Path) -> None:
    """Not before the minimum, not after the maximum, and between them as soon as the interval is narrow enough."""
    rule = Stopping("latency_p95", "mean", 0.12, minimum=5, maximum=40)
    plan = Plan(cells(SHORT, []), range(1, 41), rule)
    (rows,) = swept(tmp_path, plan).rows
    assert 5 < len(rows) < 40
    sizes = [5]
    while not rule.enough(column(rows[: sizes[-1]], "latency_p95")):
        sizes.append(sizes[-1] + max(1, sizes[-1] // 4))
    assert len(rows) == sizes[-1]
    (more,) = swept(tmp_path, plan._replace(until=rule._replace(relative=0.0001, maximum=8))).rows
    assert len(more) == 8
    (least,) = swept(tmp_path, plan._replace(until=rule._replace(relative=10.0))).rows
    assert len(least) == 5


@pytest.mark.parametrize(
    ("since", "until", "healed_after", "open_"),
    [
        ([8.0, 9.0, 12.0], [15.0, 13.0, 20.0], 4.0, False),
        ([8.0, 12.0], [9.0, 13.0], 0.0, False),
        ([8.0, 9.0], [15.0, inf], 19.0, True),
    ],
)
def test_healing_counts_from_the_end_of_the_last_fault(
    since: list[float], until: list[float], healed_after: float, open_: bool
) -> None:
    """Until what differed then is alike, whatever differs later; the last fault ends at 11 s, the run at 30 s."""
    run = execute(INPUTS, Task(SMALL, 3))
    measures = run.measures._replace(spells=Spells(np.array(since), np.array(until)))
    found = row(run._replace(measures=measures))
    assert (found.heal, "heal" in found.censored.split()) == (healed_after, open_)


def test_the_rule_is_read() -> None:
    """A statistic, a measure and a percentage."""
    assert parse_until("p95 of rpo +-5%", least=30, most=500) == Stopping("rpo", "p95", 0.05, 30, 500)
    assert parse_until("mean of lag_max ± 2.5 %", least=30, most=10) == Stopping("lag_max", "mean", 0.025, 10, 10)
    for text, message in (
        ("rpo", "give a statistic"),
        ("p95 of rpoo +-5%", "did you mean rpo"),
        ("median of rpo +-5%", "is not a statistic"),
    ):
        with pytest.raises(UnusableInput, match=message):
            parse_until(text, least=2, most=9)


def test_a_row_says_what_the_run_says() -> None:
    """The measures of a row are those of the run's report."""
    run = execute(INPUTS, Task(SMALL, 3))
    found, printed = row(run), run_facts(run)
    assert (found.scenario_hash, found.seed, found.digest, found.verdict) == (SMALL.hash, 3, run.digest, run.verdict)
    (loss,) = run.measures.losses
    assert (found.rpo, found.rpo_records, found.rpo_bytes) == (loss.seconds, loss.records, loss.size)
    (recovery,) = run.measures.recoveries
    assert found.rto == recovery.rto
    assert found.rto_recover == recovery.recover
    assert found.lag_max == max(lag.summary.most for lag in run.measures.lags)
    assert found.latency_p95 == run.measures.latency["acknowledged"].p95
    assert found.offered == run.measures.counts.offered
    assert isinstance(printed["counts"], dict)
    assert found.lost == printed["counts"]["lost"]
    assert isclose(found.goodput * SMALL.duration, run.measures.counts.acknowledged)
    assert (found.faults, found.fault_kinds, found.fault_time, found.fault_overlap) == (
        2,
        "partition region_crash",
        8.0,
        2,
    )
    assert found.heal is not None
    assert found.heal > 0
    calm = row(execute(INPUTS, Task(SHORT, 3)))
    assert (calm.rpo, calm.rto, calm.heal, calm.fault_time) == (None, None, None, 0.0)


def test_alerts_are_evaluated_if_asked_for() -> None:
    """Then a row says which fired, how late, and which faults nobody noticed; else it says nothing about them."""
    asked = row(execute(msgspec.structs.replace(INPUTS, alerts=True), Task(SMALL, 3)))
    assert asked.alerts is not None
    assert asked.unnoticed is not None
    assert 0 <= asked.unnoticed <= 2
    assert (asked.alert_delay is None) == (asked.unnoticed == 2)
    plain = row(execute(INPUTS, Task(SMALL, 3)))
    assert (plain.alerts, plain.alert_delay, plain.false_alarms, plain.unnoticed) == (None, None, None, None)
    assert plain.digest == asked.digest


def test_the_table_is_tidy(tmp_path: Path) -> None:
    """One row per run: varied fields, every field of Row, the version of the code; numbers as numbers, None as null."""
    plan = Plan(cells(SHORT, [axis("policy.ship_interval=2s,4s"), axis("name=one,two")]), range(1, 3))
    found = swept(tmp_path, plan)
    table = pq.read_table(write_table(tmp_path, plan.cells, found.rows))
    assert table.num_rows == 8
    assert table.column_names == ["policy.ship_interval", "name", *(field.name for field in COLUMNS), "code"]
    assert {field.name for field in COLUMNS} == {field.name for field in msgspec.structs.fields(Row)}
    assert COLUMNS[0].name == "scenario"
    assert table["policy.ship_interval"].to_pylist() == [2.0] * 4 + [4.0] * 4
    assert table["seed"].to_pylist() == [1, 2] * 4
    assert table["rpo"].to_pylist() == [None] * 8
    assert np.isfinite(table["latency_p95"].to_numpy()).all()
    assert set(table["code"].to_pylist()) == {code_version()}
    assert str(table.schema.field("rto").type) == "double"
    assert not (tmp_path / "rows.parquet.part").exists()


@pytest.fixture(scope="module")
def template() -> Row:
    """A row to be changed."""
    return row(execute(INPUTS, Task(SHORT, 1)))


@given(st.lists(st.floats(0, 10), min_size=2, max_size=40), st.floats(0.1, 9.9))
def test_a_target_within_the_interval_is_undecided(template: Row, values: list[float], target: float) -> None:
    """Met if the whole interval is below the target, missed if it is above, undecided if the target is within."""
    scenario = msgspec.structs.replace(SHORT, slo=msgspec.structs.replace(SHORT.slo, rpo=Seconds(target)))
    rows = tuple(msgspec.structs.replace(template, seed=n, rpo=value) for n, value in enumerate(values))
    over = SweepOutcome(Plan((Cell(scenario, ()),), range(len(rows))), (rows,), 0)
    (cell,) = findings(over, [Estimand("mean", "rpo")])
    (found,) = cell.findings
    expected = (
        Verdict.HOLDS
        if found.interval.high <= target
        else Verdict.VIOLATED
        if found.interval.low > target
        else Verdict.UNDECIDED
    )
    assert found.verdict is expected
    assert cell.verdict is expected
    assert overall([cell]) is expected
    assert found.beyond is not None
    assert found.beyond.estimate == sum(value > target for value in values) / len(values)
    assert msgspec.json.encode(facts(over, [cell]))


@given(
    st.lists(st.tuples(st.floats(0, 10), st.booleans()), min_size=2, max_size=40),
    st.floats(0.1, 12.0),
    st.sampled_from(["mean", "p50", "p95"]),
)
def test_a_run_that_did_not_recover_is_not_left_out(
    template: Row, values: list[tuple[float, bool]], target: float, statistic: str
) -> None:
    """It counts as beyond the target, is shown, and never makes a cell hold that would not hold had it taken for ever."""
    scenario = msgspec.structs.replace(SHORT, slo=msgspec.structs.replace(SHORT.slo, rto=Seconds(target)))
    cell = Cell(scenario, ())

    def judged(pairs: list[tuple[float, bool]]) -> CellFindings:
        rows = tuple(
            msgspec.structs.replace(template, seed=n, rto=value, censored="rto rto_answer" if cut else "")
            for n, (value, cut) in enumerate(pairs)
        )
        return findings(SweepOutcome(Plan((cell,), range(len(rows))), (rows,), 0), [Estimand(statistic, "rto")])[0]

    (found,) = judged(values).findings
    cut = sum(cut for _, cut in values)
    assert found.interval.size == len(values)
    assert found.interval.censored == cut
    assert found.beyond is not None
    assert found.beyond.estimate == sum(value > target or open_ for value, open_ in values) / len(values)
    worst = judged([(1e9 if open_ else value, False) for value, open_ in values]).findings[0]
    assert found.verdict is not Verdict.HOLDS or worst.verdict is Verdict.HOLDS
    if cut:
        assert f"{cut} of {len(values)} runs" in found.told_censored
        assert statistic != "mean" or found.told.startswith("≥ ")
        assert statistic != "mean" or found.verdict is not Verdict.HOLDS


def test_nineteen_of_sixty_without_a_recovery_are_no_success(template: Row) -> None:
    """The median recovery is known and met, the mean is at least what it is and undecided; both say so, in 80 columns."""
    scenario = msgspec.structs.replace(SHORT, slo=msgspec.structs.replace(SHORT.slo, rto=Seconds(30)))
    cell = Cell(scenario, ())
    rows = tuple(
        msgspec.structs.replace(template, seed=n, rto=10.0 if n < 41 else 12.0, censored="" if n < 41 else "rto")
        for n in range(60)
    )
    over = SweepOutcome(Plan((cell,), range(60)), (rows,), 0)
    (judged,) = findings(over, [Estimand("mean", "rto"), Estimand("p50", "rto")])
    mean, median = judged.findings
    assert (mean.verdict, median.verdict, judged.verdict) == (Verdict.UNDECIDED, Verdict.HOLDS, Verdict.UNDECIDED)
    assert (mean.told, median.told) == ("≥ 10.63", "10")
    console = Console(width=80)
    with console.capture() as shown:
        console.print(rendered(over, [judged]))
    assert "rto had not come to pass in 19 of 60 runs" in shown.get()
    assert "✓ met" not in shown.get().splitlines()[3]
    assert overall([judged]).exit_code == 2


def test_a_violated_invariant_decides_whatever_the_targets_say(template: Row) -> None:
    """One run of many is enough, and it is named with its string."""
    bad = msgspec.structs.replace(
        template, seed=1, invariants=Verdict.VIOLATED, violated="convergence no-gap-in-replay"
    )
    rows = (msgspec.structs.replace(template, seed=0), bad)
    over = SweepOutcome(Plan(cells(SHORT, [axis("policy.ship_interval=2s")]), range(2)), (rows,), 2)
    (cell,) = findings(over)
    assert cell.verdict is Verdict.VIOLATED
    assert cell.violated == {"convergence": 1, "no-gap-in-replay": 1}
    outcome = facts(over, [cell])
    assert isinstance(outcome["cells"], list)
    assert len(outcome["cells"][0]["strings"]) == 1


def test_measures_are_read() -> None:
    """A measure alone means its mean; a word that is not a measure is answered with the nearest."""
    assert parse_measure("heal") == Estimand("mean", "heal")
    assert parse_measure("p99.9 of lag_max") == Estimand("p99.9", "lag_max")
    with pytest.raises(UnusableInput, match="did you mean lag_max"):
        parse_measure("lagmax")
    with pytest.raises(UnusableInput, match="give a measure"):
        parse_measure("the p95 of rpo")
