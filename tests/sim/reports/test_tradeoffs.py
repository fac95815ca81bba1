"""A measure over its cost, and a sweep's page on a narrow screen."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flk.impl.command.app import app
from flk.impl.command.sim import sweep as command
from flk.sim.api.sweeps import SweepResult, sweep
from flk.sim.scenarios.builder import scenario
from flk.spec.errors import UnusableInput


@pytest.fixture(scope="module")
def swept() -> SweepResult:
    """Two ship intervals, three seeds, a region that is lost."""
    base = scenario("costs", duration="1m").regions("eu", "us", agents=1).workload(records="synthetic:30", rate=1)
    base = base.fault("region_crash", "gone", region="us", start="30s", duration="10s", disk="lost")
    return sweep(base, 3, {"policy.ship_interval": ["3s", "12s"]}, workers=1, progress=False)


def test_a_measure_is_drawn_over_its_cost(swept: SweepResult) -> None:
    """A point for each cell at its two means, named, with the units of both on the axes."""
    (axes,) = swept.plot_tradeoff("rpo", "uploads").axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mean of uploads, objects", "mean of rpo, s")
    assert {text.get_text() for text in axes.texts} >= set(swept.cells)
    means = [sum(swept.values("uploads", cell)) / 3 for cell in swept.cells]
    assert means[0] > means[1]
    with pytest.raises(UnusableInput, match="no run measured both"):
        swept.plot_tradeoff("audit_backlog_max", "uploads")


@pytest.mark.slow
def test_the_page_has_the_costs_and_a_label_for_each_cell_of_its_table(swept: SweepResult, tmp_path: Path) -> None:
    """On a narrow screen the head of the table is gone, so each number says what it is."""
    page = tmp_path / "sweep.html"
    swept.report(page)
    text = page.read_text(encoding="utf-8")
    assert "rpo over uploads" in text
    table = text[text.index('<table class="cards">') :]
    table = table[: table.index("</table>")]
    head = re.findall(r"<th[^>]*>([^<]+)</th>", table)
    rows = re.findall(r"<tr class=.*?</tr>", table, re.DOTALL)
    assert rows
    assert all(re.findall(r'data-label="([^"]+)"', row) == head for row in rows)


def test_the_command_draws_to_pictures_only(tmp_path: Path) -> None:
    """Another ending is refused before anything is run."""
    assert command.PICTURES == (".png", ".svg", ".pdf")
    done = CliRunner().invoke(app, ["sweep", "calm", "--plot", str(tmp_path / "costs.txt")])
    assert isinstance(done.exception, UnusableInput)
    assert "name a file that ends in .png, .svg, .pdf" in str(done.exception)
