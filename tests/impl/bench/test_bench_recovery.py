"""`flk bench recovery` times what it says: each rebuild takes every record out of the log, whichever way examines it."""

import json
import sys
from pathlib import Path

import pytest

from flk.impl.bench import recovery as module
from flk.impl.bench.recovery import measure
from flk.impl.command import main
from flk.model.programs.recover import Recovery

NAMES = ["a lost store is rebuilt", "start after an orderly stop"]


@pytest.mark.slow
def test_every_rebuild_finds_every_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is lost gets all of them, however many segments there are; for one that is kept nothing is read."""
    done: list[Recovery] = []
    recovered = module._recovered

    def noted(*arguments: object) -> Recovery:
        done.append(recovered(*arguments))  # type: ignore[arg-type]
        return done[-1]

    monkeypatch.setattr(module, "_recovered", noted)
    monkeypatch.setattr(module, "SEGMENT_BYTES", 100_000)
    figures = measure(tmp_path, 600, 0.01)
    assert [figure.name for figure in figures] == NAMES
    assert all(figure.per_second > 0 and figure.ratio > 0 for figure in figures)
    assert {(one.segments, one.claims) for one in done} == {(3, 600), (0, 0)}
    assert not [one for one in done if one.repairs or one.gaps]


@pytest.mark.slow
def test_the_command_prints_figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, with the bar's verdict."""
    monkeypatch.setattr(sys, "argv", ["flk", "bench", "recovery", "--frames", "50", "--seconds", "0.1", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    rebuilt, started = json.loads(capsys.readouterr().out)
    assert [rebuilt["name"], started["name"]] == NAMES
    assert (rebuilt["verdict"] in {"met", "missed"}, started["verdict"]) == (True, "")
