"""`flk run`, as a person or a program uses it."""

import sys
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest
from tests.support.model.world import pcs
from tests.support.sim.drills import drill

from flk.impl.command import main
from flk.model.record.record import encode
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.files import library
from flk.sim.scenarios.policy import Objectives

HARD = Objectives(latency_p95=Seconds(0.001))


def flk(*arguments: str) -> int:
    """The exit code of `flk`."""
    sys.argv = ["flk", *arguments]
    with pytest.raises(SystemExit) as stopped:
        main()
    code = stopped.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario file beside its records."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["flk"])
    (tmp_path / "records.jsonl").write_bytes(b"\n".join(encode(pcs(epoch=epoch)) for epoch in range(200)))
    return written(tmp_path, "drill", Objectives())


def written(directory: Path, name: str, slo: Objectives, duration: float = 180) -> Path:
    """A scenario file on the records beside it."""
    scenario = drill(slo=slo, duration=duration, until=60)
    workload = msgspec.structs.replace(scenario.workload, records="records.jsonl")
    path = directory / f"{name}.toml"
    path.write_text(msgspec.structs.replace(scenario, name=name, workload=workload).to_toml())
    return path


def test_a_run_is_shown_and_holds(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By default the outcome is shown in full, and the exit code is 0."""
    assert flk("run", str(file)) == 0
    message = capsys.readouterr().out
    assert "drill  ✓ holds" in message
    assert f"replay: flk run {file} --seed 1\n" in message


def test_json_report_and_trace(file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--json is JSON and nothing else; report and trace are written; the trace's digest is the run's."""
    page, trace = tmp_path / "report.html", tmp_path / "trace.jsonl"
    assert flk("run", str(file), "--json", "--html", str(page), "--trace", str(trace), "--seed", "5") == 0
    printed = capsys.readouterr()
    facts = msgspec.json.decode(printed.out)
    assert (facts["seed"], facts["verdict"]) == (5, "holds")
    assert blake2b(trace.read_bytes(), digest_size=16).hexdigest() == facts["digest"]
    assert facts["digest"] in page.read_text()
    assert not printed.err


@pytest.mark.parametrize(
    ("slo", "duration", "code", "verdict"), [(HARD, 180, 1, "violated"), (Objectives(), 60, 2, "undecided")]
)
def test_exit_codes(
    file: Path, capsys: pytest.CaptureFixture[str], slo: Objectives, duration: float, code: int, verdict: str
) -> None:
    """A missed objective is 1, a run that ended too early to tell is 2; --quiet prints the verdict only."""
    path = written(file.parent, "other", slo, duration)
    assert flk("run", str(path), "--quiet") == code
    assert capsys.readouterr().out == f"other: {verdict}\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate = ", "rte = ", "workload.rte: unknown key; did you mean rate?"),
        ("records.jsonl", "absent.jsonl", "absent.jsonl: the scenario's records cannot be read"),
        ("records.jsonl", "bad.jsonl", "bad.jsonl, line 2: REC-1"),
        ("records.jsonl", "dataset:none", "there is no data set 'none'"),
    ],
)
def test_unusable_input_is_one_message(
    file: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    """An error in a scenario or in its records is exit code 2 and one message."""
    (file.parent / "bad.jsonl").write_bytes(encode(pcs()) + b"\n{")
    file.write_text(file.read_text().replace(old, new))
    assert flk("run", str(file)) == 2
    printed = capsys.readouterr().err
    assert message in printed.replace("\n", "")
    assert "Traceback" not in printed


def test_an_unknown_scenario_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name is exit code 2 and the name that was meant."""
    assert flk("run", "three-region") == 2
    assert "did you mean three-regions?" in capsys.readouterr().err


def test_names_are_completed() -> None:
    """Tab completion offers the scenarios of the library that begin with what is typed."""
    from flk.impl.command.sim.names import scenario_names

    assert scenario_names("") == sorted(library())
    assert "three-regions" in scenario_names("thr")
    assert "calm" not in scenario_names("thr")
