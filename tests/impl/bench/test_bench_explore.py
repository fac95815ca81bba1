"""`flk bench explore`: the same protocol by every tool, judged by the same count."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from flk.formal.explicit.engines.validation import Validation
from flk.formal.library.protocols.two_phase_commit import protocol as two_phase_commit
from flk.impl.bench import explore, validate
from flk.impl.command.bench.bench import bench

TINY = explore.Model(two_phase_commit, {"RM": 3}, ("c", "numpy", explore.SPIN, explore.RUMUR), 288)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled here is not kept for the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.slow
def test_all_tools_find_the_published_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures come out as JSON, one for each tool, with the ratio to the C engine."""
    monkeypatch.setattr(explore, "quick_models", lambda: (TINY,))
    result = CliRunner().invoke(bench, ["explore", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    figures = msgspec.json.decode(result.stdout)["figures"]
    assert [figure["tool"] for figure in figures] == list(TINY.tools)
    assert {figure["states"] for figure in figures} == {288}
    assert figures[0]["ratio"] == 1
    assert all(figure["per_second"] > 0 for figure in figures)


def test_a_table_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table names the model as one would ask for it."""
    monkeypatch.setattr(explore, "quick_models", lambda: (TINY._replace(tools=("numpy",)),))
    result = CliRunner().invoke(bench, ["explore", "--quick"])
    assert result.exit_code == 0
    assert "two-phase-commit rm=3" in result.stdout


def test_a_tool_that_counts_otherwise_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, and every count."""
    monkeypatch.setattr(explore, "quick_models", lambda: (TINY._replace(published=287, tools=("numpy",)),))
    result = CliRunner().invoke(bench, ["explore", "--quick"])
    assert result.exit_code == 1
    assert "numpy counts 288" in result.output
    assert "published counts 287" in result.output


def test_bars_are_judged_by_the_slowest_model() -> None:
    """Ten million states in a second and in ten are not five million a second."""
    fast, slow = (explore.Figure("m", 40, "c", 10_000_000, seconds, 1.0) for seconds in (1.0, 10.0))
    (bar,) = explore.bars([fast, slow])
    assert not bar.met
    assert explore.bars([fast])[0].met


def test_validation_ends_with_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 for a backend that differs."""
    seen: list[int] = []

    def pretend(comparisons: int, seed: int, on_progress: object) -> Validation:
        seen.append(comparisons)
        return Validation(comparisons, "c differs")

    monkeypatch.setattr(validate, "validate", pretend)
    result = CliRunner().invoke(bench, ["explore", "--validate", "7"])
    assert (result.exit_code, seen) == (1, [7])
    assert "c differs" in result.stdout
