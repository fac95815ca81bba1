"""`flk sweep`, `hunt`, `shrink` and `replay`, as a person or a program uses them."""

import shlex
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from tests.impl.command.test_run_command import flk
from tests.support.sim.drills import drill

from flk.sim import replay
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Partition, StoreOutage
from flk.sim.scenarios.files import find
from flk.sim.scenarios.policy import Objectives
from flk.spec.errors import UnusableInput

pytestmark = pytest.mark.slow

CUT = Partition(id="cut", start=Seconds(3), duration=Seconds(4), sides=(("eu",), ("us", "objects")))
DOWN = StoreOutage(id="down", start=Seconds(4), duration=Seconds(6), region="us")
PROGRAMS = "tests.support.sim.target:IGNORED_STORE_ERROR"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small scenario on synthetic records, in the working directory."""
    monkeypatch.chdir(tmp_path)
    scenario = drill(CUT, DOWN, duration=30, rate=1.5, until=10)
    workload = msgspec.structs.replace(scenario.workload, records="synthetic:30")
    path = tmp_path / "small.toml"
    path.write_text(msgspec.structs.replace(scenario, workload=workload).to_toml())
    return path


def printed_json(capsys: pytest.CaptureFixture[str]) -> Any:
    """What was printed, as JSON."""
    return msgspec.json.decode(capsys.readouterr().out)


def test_a_sweep_is_shown_written_and_continued(file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A table with intervals, a Parquet file with a row per run; the same command again runs nothing."""
    command = [
        "sweep",
        str(file),
        "--seeds",
        "3",
        "--vary",
        "policy.ship_interval=2s,5s",
        "--vary",
        "faults.cut.duration=1s,4s",
    ]
    command += ["--measure", "heal", "--out", "swept", "--workers", "1"]
    assert flk(*command) == 0
    printed = capsys.readouterr().out
    assert "4 cells, 12 runs (12 of them made now)" in printed
    assert "mean of heal" in printed
    table = pq.read_table(tmp_path / "swept" / "rows.parquet")
    assert table.num_rows == 12
    assert table["faults.cut.duration"].to_pylist() == [1.0] * 3 + [4.0] * 3 + [1.0] * 3 + [4.0] * 3
    assert flk(*command, "--json") == 0
    again = printed_json(capsys)
    assert again["made"] == 0
    assert [cell["runs"] for cell in again["cells"]] == [3] * 4
    assert again["table"] == "swept/rows.parquet"


def test_a_sweep_says_what_is_undecided_missed_and_violated(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 where a target lies within the interval, 1 where it is missed; a violated run comes with its string."""
    common = ["--seeds", "4", "--workers", "1", "--json", "--measure", "mean of lag_p95"]
    assert flk("sweep", str(file), *common) == 0
    (finding,) = printed_json(capsys)["cells"][0]["findings"]
    middle = (finding["low"] + finding["high"]) / 2
    assert flk("sweep", str(file), *common, "--vary", f"slo.lag_p95={middle}") == 2
    assert printed_json(capsys)["cells"][0]["findings"][0]["verdict"] == "undecided"
    assert flk("sweep", str(file), *common, "--vary", "slo.lag_p95=0.1s") == 1
    assert printed_json(capsys)["cells"][0]["findings"][0]["verdict"] == "violated"
    assert flk("sweep", str(file), "--seeds", "6", "--workers", "1", "--programs", PROGRAMS) == 1
    printed = capsys.readouterr().out
    string = next(line for line in printed.splitlines() if "flk replay" in line).split("flk replay ")[1].strip("'")
    assert flk("replay", string, "--json") == 1
    assert "reply-is-the-stored-outcome" in violated(printed_json(capsys))


def violated(facts: Any) -> set[str]:
    """The violated invariants of a run's JSON."""
    return {row["invariant"] for row in facts["invariants"] if row["verdict"] == "violated"}


def test_hunt_shrink_and_replay_lead_from_a_bug_to_its_least_story(
    file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each prints the line that the next one takes; the last run is the stated one, to the digest."""
    assert flk("hunt", "--seeds", "60", "--programs", PROGRAMS, "--workers", "1") == 1
    printed = capsys.readouterr().out
    assert "violates reply-is-the-stored-outcome" in printed
    replay, shrink = (shlex.split(line.split(": ", 1)[1]) for line in printed.splitlines()[-2:])
    assert replay[:2] == ["flk", "replay"]
    assert flk(*replay[1:], "--quiet") == 1
    assert capsys.readouterr().out == "swarm: violated\n"
    assert flk(*shrink[1:], "--json") == 1
    least = printed_json(capsys)
    assert least["invariant"] == "reply-is-the-stored-outcome"
    assert least["faults"][1] < least["faults"][0]
    assert flk("replay", least["string"], "--json", "--scenario", "least.toml", "--html", "least.html") == 1
    run = printed_json(capsys)
    assert run["digest"] == least["digest"]
    assert run["string"] == least["string"]
    assert (tmp_path / "least.toml").read_text().count("[[faults]]") == least["faults"][1]
    assert least["string"] in (tmp_path / "least.html").read_text()
    assert flk("shrink", least["string"]) == 1
    assert "none of which can be left out" in capsys.readouterr().out


def test_a_hunt_that_validates_finds_what_no_invariant_sees(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A look-up before the check leaves everything right in the stores of seed 4; its lines find that again, and make it small."""
    hunting = ("hunt", "--seeds", "1..4", "--programs", "lookup-before-check", "--workers", "1")
    assert flk(*hunting) == 0
    assert "no invariant is violated" in capsys.readouterr().out
    assert flk(*hunting, "--validate") == 1
    printed = capsys.readouterr().out
    assert "seed 4 violates trace-accepted: reply(" in printed
    replay, shrink = (shlex.split(line.split(": ", 1)[1]) for line in printed.splitlines()[-2:])
    assert flk(*replay[1:], "--json") == 1
    assert violated(printed_json(capsys)) == {"trace-accepted"}
    assert flk(*shrink[1:], "--limit", "20", "--json") == 1
    assert printed_json(capsys)["invariant"] == "trace-accepted"


def test_a_clean_hunt_says_how_rare_a_violation_must_be(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In small worlds, and in a scenario of one's own whose objectives do not matter."""
    assert flk("hunt", "--seeds", "5", "--workers", "1", "--check-determinism") == 0
    printed = capsys.readouterr().out
    assert "3 of 3 repeat" in printed
    assert (
        "no invariant is violated in 5 runs: the probability of a violation is below 0.45 at 95 % confidence" in printed
    )
    assert flk("hunt", "--seeds", "20", "--kind", "loss", "--kind", "latency", "--workers", "1", "--json") == 0
    assert set(printed_json(capsys)["kinds"]) == {"loss", "latency"}
    assert flk("hunt", str(file), "--seeds", "11..13", "--workers", "1", "--json") == 0
    facts = printed_json(capsys)
    assert (facts["verdict"], facts["runs"], facts["found"]) == ("holds", 3, None)


def test_a_violated_run_prints_its_string(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a file the string holds the whole scenario; a run that does not repeat would be told before."""
    scenario = msgspec.structs.replace(
        drill(DOWN, duration=20, until=8), slo=Objectives(latency_p95=Seconds(0.001)), name="strict"
    )
    workload = msgspec.structs.replace(scenario.workload, records="synthetic:30")
    file.write_text(msgspec.structs.replace(scenario, workload=workload).to_toml())
    assert flk("run", str(file), "--check-determinism") == 1
    printed = capsys.readouterr().out
    assert "1 of 1 repeat" in printed
    string = shlex.split(printed.splitlines()[-1])[-1]
    assert string.startswith("flk1.")
    assert flk("replay", string, "--quiet") == 1


def test_a_run_that_does_not_repeat_is_exit_code_1(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the first line in which the traces differ."""
    assert flk("hunt", "--seeds", "3", "--programs", "tests.support.sim.target:RESTLESS", "--check-determinism") == 1
    printed = capsys.readouterr().err
    assert "is not the same run" in printed
    assert "Marked note" in printed


@pytest.mark.parametrize(
    ("arguments", "told_"),
    [
        (("sweep", "calm", "--seeds", "0"), "seeds 0: write how many"),
        (("sweep", "calm", "--seeds", "9..x"), "write how many"),
        (("sweep", "calm", "--vary", "policy.ship_intervall=1s"), "did you mean ship_interval"),
        (("sweep", "calm", "--until", "soon"), "give a statistic"),
        (("sweep", "small.toml", "--backend", "daks"), "did you mean dask"),
        (("hunt", "--programs", "nowhere:X"), "cannot be imported"),
        (("hunt", "--budget", "soon"), "'soon' is not a duration"),
        (("hunt", "--kind", "bitrot"), "did you mean bit_rot"),
        (("hunt", "--kind", "row_loss"), "draw worlds with it by --upkeep"),
        (("hunt", "three-regions", "--kind", "row_loss"), "give it to the scenario"),
        (("replay", "calm:1:*@00000000"), "--anyway), which may give another run"),
        (("replay", "nonsense"), "is not a replay string"),
        (("shrink", "small.toml", "--seed", "1"), "nothing to shrink"),
        (("shrink", "calm:1:*@00000000", "--anyway", "--seed", "1"), "a replay string already holds"),
    ],
)
def test_unusable_input_is_one_message(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told_: str
) -> None:
    """Exit code 2, the mistake and the fix, and no traceback."""
    assert flk(*arguments) == 2
    printed = capsys.readouterr().err
    assert told_ in printed
    assert "Traceback" not in printed


def test_a_changed_scenario_is_replayed_anyway() -> None:
    """Who asks for it gets the run as it is now, and no digest is expected of it."""
    with pytest.raises(UnusableInput, match="its hash was 00000000"):
        replay("split-brain:1:*@00000000")
    found = replay("split-brain:1:*@00000000", anyway=True)
    assert (found.scenario, found.seed) == (find("split-brain"), 1)


def test_programs_in_a_file_are_found(file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """They need not be installed, on two processes neither."""
    text = "from flk.sim.nodes.designs import DESIGNS\nMINE = DESIGNS['mark-before-upload']\n"
    (tmp_path / "mine_of_this_test.py").write_text(text)
    assert flk("hunt", "--seeds", "20", "--programs", "mine_of_this_test.py:MINE", "--json", "--workers", "2") == 1
    assert printed_json(capsys)["found"]["violated"] == ["watermark-never-ahead"]
