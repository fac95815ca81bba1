"""`flk bench examine` measures both ways, and its comparison finds what differs."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from flk.impl.bench import examine as bench
from flk.impl.bench.examine import compare
from flk.impl.command import main
from flk.model.compiled import library
from flk.model.compiled.library import Answer, Keys, Library, Logged
from flk.model.entries.entry import Claim


class Altered:
    """The compiled part, but for the answers to single submissions or to segments."""

    def __init__(self, *, single: bool) -> None:
        self._compiled = library.library()
        self._single = single

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled, name)

    def examine(self, book: Mapping[str, Keys], tenant: str, body: bytes, timestamp: int, region: str) -> Answer:
        """A claim in another region."""
        return self._compiled.examine(book, tenant, body, timestamp, "us" if self._single else region)

    def claims(self, book: Mapping[str, Keys], frames: tuple[Logged, ...], region: str) -> list[Answer]:
        """Claims in another order."""
        found = self._compiled.claims(book, frames, region)
        claims = [one for one in found if isinstance(one, Claim)]
        return [*reversed(claims), *(one for one in found if not isinstance(one, Claim))]


@pytest.mark.parametrize("single", [True, False])
def test_a_difference_is_found(single: bool) -> None:
    """In a single answer, or only in those of one call: the comparison ends there, and shows both."""
    altered: Library = Altered(single=single)
    found = compare(altered, 1000, 1)
    assert " in Python, " in found.difference
    assert found.cases < 1000


def flk(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["flk", "bench", "examine", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_compares(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --cases: how many were compared, exit code 0 without a difference and 1 with one."""
    assert flk(monkeypatch, "--cases", "200", "--json") == 0
    assert json.loads(capsys.readouterr().out)["cases"] == 200
    monkeypatch.setattr(bench, "compare", lambda *asked: bench.Comparison(7, 3, "a difference"))
    assert flk(monkeypatch, "--cases", "200") == 1
    assert "7 cases, 3 of them answered in C: a difference" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_measures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A submission by itself and a segment in one call, each beside the reference."""
    assert flk(monkeypatch, "--seconds", "0.1", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert [figure["name"] for figure in figures] == ["a submission", "a segment"]
    assert all(figure["per_second"] > 0 and figure["baseline_per_second"] > 0 for figure in figures)
