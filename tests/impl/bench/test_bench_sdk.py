"""`flk bench sdk` times what it says: every SDK does the model's work, and who does not is named."""

import json
import shutil
import sys
from pathlib import Path

import msgspec
import pytest
from tests.support.conformance import sdks as built_sdks

from flk.conformance.operations import OPERATIONS, perform
from flk.impl.bench import sdks
from flk.impl.bench.sdk import Report, Task, built, measure, tasks
from flk.impl.command import main

TASKS = ["sign, hmac-sha256", "authenticate, hmac-sha256", "sign, ed25519", "authenticate, ed25519"]
ANSWERS = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"seq": asked["run"], **ANSWER(asked["operation"], asked["input"])}), flush=True)
"""


def program(answer: str) -> list[str]:
    """An SDK's program in Python: an expression of the operation `name` and the question `q`."""
    return [sys.executable, "-c", ANSWERS.replace("ANSWER", f"(lambda name, q: {answer})")]


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def answers() -> str:
    """What the model answers, as an expression of `name` and `q`."""
    key = "(q['key'] if name == 'sign' else q['keys']['default'][0])['algorithm']"
    known = {f"{task.operation}, {task.name.partition(', ')[2]}": task.expected for task in tasks()}
    return f"{known!r}[name + ', ' + {key}]"


@pytest.mark.parametrize("task", tasks(), ids=lambda task: task.name)
def test_what_is_asked_is_a_question_of_the_kit(task: Task) -> None:
    """The model's own subject answers it as the model's side of the bench does."""
    value = perform(OPERATIONS[task.operation], msgspec.Raw(msgspec.json.encode(task.question)))
    assert json.loads(bytes(value)) == task.expected == task.model()


@pytest.mark.slow
def test_every_sdk_does_the_work(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each of the table has a figure at each task: it signs as the model does, and finds that authentic."""
    places = {(sdk.folder.relative_to(built_sdks.SDKS)).as_posix(): sdk for sdk in built_sdks.ALL}
    commands = {
        sdk.name: sdks.command(sdk.bench, built_sdks.built(places[sdk.folder], tmp_path_factory))
        for sdk in sdks.ALL
        if sdk.folder in places
    }
    report = measure(commands, {"Cobol": "no compiler"}, 0.0, quiet)
    assert report.unmeasured == {"Cobol": "no compiler"}
    assert [one.name for one in report.figures] == [f"{task}: {name}" for task in TASKS for name in commands]
    assert all(one.per_second > 0 and one.ratio > 0 for one in report.figures)


def test_a_rate_is_the_count_by_the_seconds_and_its_ratio_that_to_the_model_s() -> None:
    """Of a program that did it 1,000 times in half a second; the model's rate is of the same round."""
    right = program(f"{{'value': {{'count': 1000, 'seconds': 0.5, 'value': {answers()}}}}}")
    report = measure({"one": right}, {}, 0.0, quiet)
    assert report.unmeasured == {}
    assert [(one.name, one.per_second) for one in report.figures] == [(f"{task}: one", 2000.0) for task in TASKS]
    assert [one.ratio for one in report.figures] == [2000.0 / one.baseline_per_second for one in report.figures]


def test_who_fails_or_computes_something_else_has_no_figures() -> None:
    """And the reason is told, whether it is an answer, a failure, an end or a command that is not there."""
    report = measure(
        {
            "wrong": program("{'value': {'count': 9, 'seconds': 0.1, 'value': 'c2ln'}}"),
            "careless": program(
                f"{{'value': {{'count': 9, 'seconds': 0.1, 'value': None if name != 'sign' else {answers()}}}}}"
            ),
            "refusing": program("{'error': 'SIGN-6'}"),
            "crashing": program("{'crash': 'out of luck'}"),
            "dying": program("sys.exit('cannot go on')"),
            "nowhere": ["/no/such/flk-bench"],
        },
        {},
        0.0,
        quiet,
    )
    assert report.figures == ()
    signature = tasks()[0].expected
    assert report.unmeasured == {
        "nowhere": "flk-bench: No such file or directory",
        "wrong": f"sign, hmac-sha256: the answer is c2ln, and the model's {signature}",
        "careless": "authenticate, hmac-sha256: the answer is None, and the model's True",
        "refusing": "sign, hmac-sha256: SIGN-6",
        "crashing": "sign, hmac-sha256: out of luck",
        "dying": "cannot go on",
    }


def test_a_tool_chain_that_is_missing_or_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Go on the path neither SDK that it builds is measured; a folder that is not there is no SDK."""
    for folder in ("go", "go/wasm"):
        (tmp_path / "sdks" / folder).mkdir(parents=True)
    shutil.copy(built_sdks.SDKS / "go/wasm/build.sh", tmp_path / "sdks/go/wasm")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mkdir").symlink_to(shutil.which("mkdir") or "")
    monkeypatch.setitem(sdks.ENVIRONMENT, "PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    commands, why = built(tmp_path / "sdks", tmp_path / "out", quiet)
    assert commands == {}
    assert list(why) == ["Go", "WebAssembly in Chromium"]
    assert why["Go"] == "go: No such file or directory"
    assert why["WebAssembly in Chromium"].startswith("./build.sh {out}: ")
    assert why["WebAssembly in Chromium"].endswith("go: not found")


def test_the_command_prints_figures_and_what_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As JSON, and as a table."""
    (tmp_path / "go").mkdir()
    shutil.copy(built_sdks.SDKS / "go/go.mod", tmp_path / "go")
    for options in (["--json"], []):
        words = ["flk", "bench", "sdk", "--sdks", str(tmp_path), "--seconds", "0.1", *options]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        said = capsys.readouterr().out
        if options:
            report = msgspec.json.decode(said, type=Report)
            assert (report.figures, list(report.unmeasured)) == ((), ["Go"])
        else:
            assert "not measured: Go: go build -o" in said
