"""From a counterexample to a run that shows the same, by the commands alone."""

from pathlib import Path

import msgspec
import pytest
from tests.support.impl.command import flk

pytestmark = pytest.mark.slow


def test_a_refuted_design_is_seen_again_in_the_simulator(tmp_path: Path) -> None:
    """`flk explore --drill` writes a scenario; `flk run` of it violates the invariant that says what the property says."""
    drill = tmp_path / "drill.toml"
    result = flk("explore", "gallery/local-arrival", "--drill", str(drill))
    assert result.returncode == 1, result.stderr
    assert result.stdout.rstrip().endswith(f"flk run {drill}")
    result = flk("run", str(drill), "--json")
    assert result.returncode == 1, result.stderr
    violated = {
        row["invariant"] for row in msgspec.json.decode(result.stdout)["invariants"] if row["verdict"] == "violated"
    }
    assert {"watermark-never-ahead", "convergence"} <= violated
