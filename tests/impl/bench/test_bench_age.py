"""`flk bench age` tells what a node holds as it grows old: a node that removes stays flat, one that does not is found out."""

import json
import sys
from itertools import islice
from math import inf
from pathlib import Path

import pytest

from flk.impl.bench import age_node, age_year
from flk.impl.bench.ageing import Measure, per, told
from flk.impl.bench.records import distinct, submission, submissions
from flk.impl.command import main
from flk.model.effects import Program
from flk.model.programs.retain import Retained
from flk.model.record.signing import HmacKey


def short_months(monkeypatch: pytest.MonkeyPatch) -> None:
    """Months of three days, of which one day's log is kept."""
    monkeypatch.setattr(age_year, "DAYS_A_MONTH", 3)
    monkeypatch.setattr(age_year, "KEPT_DAYS", 1.0)


def by_name(measures: tuple[Measure, ...]) -> dict[tuple[str, str], Measure]:
    """Measures by name and unit."""
    return {(one.name, one.unit): one for one in measures}


def test_a_measure_is_judged_by_its_end_beside_its_beginning() -> None:
    """Medians of thirds: one odd step decides nothing, growth does; something from nothing is no ratio."""
    assert Measure("m", "", (10, 10, 10, 99, 10, 10)).verdict == "met"
    growing = Measure("m", "bytes", (1, 2, 3, 4, 5, 6))
    assert (growing.ratio, growing.verdict, growing.ratios[-1]) == (5.5 / 1.5, "missed", 6)
    assert Measure("m", "", (1, 9), bar=0).verdict == ""
    assert Measure("m", "", (0, 0)).ratio == 1
    from_nothing = Measure("m", "", (0, 1))
    assert (from_nothing.ratio, told(from_nothing)["ratio"], from_nothing.verdict) == (inf, None, "missed")
    assert per((10, 40), (5, 10)) == (2, 4)


def test_a_node_that_removes_what_snapshots_cover_holds_the_same_each_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries grow; segments, objects and snapshots do not, and a start after a kill reads the last hour only. After each kill, and
    each loss of the store, the node stores what it did, or the measurement raises.
    """
    short_months(monkeypatch)
    months = age_year.lived(2, 3, lambda _: None)
    assert months[0].entries < months[1].entries < months[2].entries < months[2].submissions
    assert [month.snapshots for month in months] == [2, 2, 2]
    assert {month.restart_frames for month in months} == {2}
    assert all(month.rebuild_bytes > month.snapshot_bytes / 3 for month in months)
    assert all(month.hot + month.warm + month.cold >= month.entries for month in months)  # a repetition is in two
    assert (months[0].cold, bool(months[2].cold)) == (0, True)
    found = by_name(age_year.measures(months))
    assert found["log", "bytes"].verdict == found["objects of the log", "bytes"].verdict == "met"


def test_a_node_that_removes_nothing_is_not_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without retention log and objects grow with the months, and that is said."""
    short_months(monkeypatch)
    monkeypatch.setattr(age_year, "retain", lambda *_: _nothing())
    found = by_name(age_year.measure(1, 3))
    assert found["log", "bytes"].verdict == found["segments of the log", ""].verdict == "missed"
    assert found["objects of the log", ""].verdict == found["snapshots", ""].verdict == "missed"


def _nothing() -> Program[Retained]:
    yield from ()
    return Retained(())


def test_a_start_that_forgets_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose start applies nothing of its log and snapshots is found out when its store is lost."""
    short_months(monkeypatch)
    monkeypatch.setattr(age_year, "recover", lambda *_: _nothing())
    with pytest.raises(age_year.Forgotten):
        age_year.lived(1, 1, lambda _: None)


@pytest.mark.slow
def test_records_of_the_load_are_those_that_a_signer_makes() -> None:
    """Filled into forms, each is what is signed and encoded as a whole; records come again after some two hundred."""
    key = HmacKey(b"secret")
    wanted = [submission(record, key) for record in islice(distinct(), 450)]
    assert list(islice(submissions(key), 450)) == wanted


@pytest.mark.slow
def test_a_real_node_is_killed_and_stopped_and_holds_what_it_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of a real server: all that was fed is removed, and every figure is there."""
    monkeypatch.setattr(age_node, "PACED", 5)
    (step,) = age_node.lived(tmp_path, 60, 0.1, 1, lambda _: None)
    assert step.removed
    assert step.records >= 60 + 5
    assert 0 < step.p50 <= step.p99
    assert 0 < step.disk_p50 <= step.disk_p99
    assert min(step.processor, step.memory, step.store, step.objects, step.snapshots, step.rate) > 0
    assert min(*step.after_kill, *step.after_stop) > 0
    assert age_node.measures([step, step])[-1].ratio == 1


@pytest.mark.slow
def test_the_command_prints_both_halves(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON: every measure with its values, its ratios to the first, and what it comes to."""
    monkeypatch.setattr(age_year, "DAYS_A_MONTH", 1)
    monkeypatch.setattr(sys, "argv", ["flk", "bench", "age", "--only", "year", "--per-hour", "1", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    (half, measures), *_ = json.loads(capsys.readouterr().out).items()
    assert half == "year"
    assert all(len(one["values"]) == len(one["ratios"]) == 12 for one in measures)
    assert {one["verdict"] for one in measures} <= {"", "met", "missed"}
