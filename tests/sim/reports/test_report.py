"""What people see of a run: the page, the figures, the terminal."""

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import matplotlib.image as mpimg
import msgspec
import numpy as np
import pytest
from rich.console import Console
from tests.support.sim.drills import drill, rehearse

from flk.model.effects import Admit, Program
from flk.model.flow.submission import Response, Submission
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL
from flk.sim.outcome import Run
from flk.sim.reports import report, terminal
from flk.sim.reports.figures import course, style
from flk.sim.reports.run_progress import run_bar
from flk.sim.run_loop import Progress
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Burst, Disk, Fault, Loss, Partition, RegionCrash, StoreOutage
from flk.spec.errors import UnusableInput

FAULTS: tuple[Fault, ...] = (
    Partition(id="cut", start=Seconds(5), duration=Seconds(20), sides=(("eu",), ("objects",))),
    RegionCrash(id="crash", start=Seconds(30), duration=Seconds(20), region="us"),
    RegionCrash(id="fire", start=Seconds(70), duration=Seconds(10), region="ap", disk=Disk.LOST),
    StoreOutage(id="store", start=Seconds(40), duration=Seconds(5), region="eu"),
    Burst(id="rush", start=Seconds(20), duration=Seconds(10), factor=4.0),
    Loss(id="loss", start=Seconds(10), duration=Seconds(20), sides=(("clients",), ("us",)), share=0.3),
)


@cache
def eventful() -> Run:
    """A run with something to show in every part."""
    return rehearse(drill(*FAULTS))


@cache
def calm() -> Run:
    """A run in which nothing goes wrong."""
    return rehearse(drill())


@cache
def broken() -> Run:
    """A run of a node that answers without looking."""

    def careless(submission: Submission, *_: object) -> Program[Response]:
        yield from Admit(submission.tenant, 0)
        return Response(200, b"{}")

    return rehearse(drill(), programs=MODEL._replace(ingest=careless))


class Page(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.references: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "action"}:
                self.references.append(value or "")
            if name == "id":
                self.ids.append(value or "")


@pytest.mark.slow
@pytest.mark.parametrize("run", [eventful, calm, broken])
def test_the_page_needs_nothing_else(run: Callable[[], Run]) -> None:
    """No script, no style sheet, no image from elsewhere; every reference is within the page, and no id occurs twice."""
    text = report.html(run())
    page = Page(text)
    assert not page.tags["script"] + page.tags["link"] + page.tags["iframe"] + page.tags["img"]
    assert all(reference.startswith(("#", "data:")) for reference in page.references)
    assert {reference[1:] for reference in page.references if reference.startswith("#")} <= set(page.ids)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(page.ids)
    assert not [name for name, times in Counter(page.ids).items() if times > 1]
    assert len(text) < 2_000_000


@pytest.mark.slow
def test_the_page_says_what_ran_and_what_came_of_it() -> None:
    """Seed, hash, digest, replay command, every invariant with its checks, every objective, fault and moment are there."""
    run = eventful()
    text = report.html(run, "drills/one.toml")
    for told in (f"flk run drills/one.toml --seed {run.seed}", run.scenario.hash, run.digest, run.scenario.name):
        assert told in text
    for row in run.results:
        assert row.invariant in text
        assert f'<td class="n">{row.checks:,}</td>' in text
    for objective in run.objectives:
        assert objective.meaning in text
    for fault in run.scenario.faults:
        assert fault.effect in text
    for moment in run.timeline:
        assert moment.what in text
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL).lower().replace("tenan", "")


@pytest.mark.slow
def test_the_same_run_makes_the_same_page() -> None:
    """The report is a function of the run, to the byte."""
    assert report.html(rehearse(drill(*FAULTS[:2]))) == report.html(rehearse(drill(*FAULTS[:2])))


def test_a_violation_is_told_in_a_sentence() -> None:
    """Time, node, event and what was wrong stand in the page and in the terminal."""
    run = broken()
    example = next(row for row in run.results if row.invariant == Invariant.DURABLE).examples[0]
    for text in (report.html(run), shown(run)):
        assert example.sentence in text
        assert f"{example.at:.3f} s" in text
    assert "violated: durable-before-answer" in report.summary(run)


def test_what_a_scenario_says_is_only_text() -> None:
    """Markup in a name or a description is shown, not obeyed."""
    sly = msgspec.structs.replace(drill(), description="<script>alert(1)</script>")
    text = report.html(rehearse(sly))
    assert "&lt;script&gt;" in text
    assert not Page(text).tags["script"]


@pytest.mark.slow
def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A directory that is not there is unusable input."""
    with pytest.raises(UnusableInput, match=r"report\.html: the report cannot be written"):
        report.write(calm(), tmp_path / "absent" / "report.html")


def test_facts_are_json() -> None:
    """The machine-readable outcome encodes; what was not measured is null."""
    run = eventful()
    facts = msgspec.json.decode(msgspec.json.encode(report.facts(run)))
    assert facts["digest"] == run.digest
    assert facts["verdict"] == run.verdict
    assert {row["name"] for row in facts["objectives"]} >= {"RPO", "RTO"}
    assert all(row["verdict"] in {"met", "missed", "undecided"} for row in facts["objectives"])
    assert facts["counts"]["offered"] == run.measures.counts.offered
    assert [row["fault"] for row in facts["losses"]] == ["crash", "fire"]
    assert msgspec.json.decode(msgspec.json.encode(report.facts(calm())))["losses"] == []


@pytest.mark.parametrize("name", report.DRAWN)
def test_figures_can_be_read_in_black_and_white(name: str) -> None:
    """Every axis that carries numbers is labelled, units included, and lines differ in their dashes, not only in colour."""
    figure = report.DRAWN[name](eventful())
    figure.canvas.draw()
    panels = figure.axes
    assert panels[-1].get_xlabel() in {"simulated time, minutes:seconds", "seconds"} or name == "map"
    for axes in panels:
        if axes.axison and axes.get_yticks().size and name != "objectives":
            assert axes.get_ylabel()
        legend = axes.get_legend()
        if legend is not None:
            dashes = [str(line.get_linestyle()) + str(line.get_marker()) for line in legend.get_lines()]
            assert len(dashes) == len(set(dashes)) or _dash_patterns_differ(axes)


def _dash_patterns_differ(axes: object) -> bool:
    lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]  # type: ignore[attr-defined]  # an Axes
    patterns = [(line._unscaled_dash_pattern, line.get_marker()) for line in lines]
    return len({str(pattern) for pattern in patterns}) == len(patterns)


def test_the_overview_is_a_picture(tmp_path: Path) -> None:
    """The PNG is wide enough for a page, mostly white, and holds something in grey alone."""
    file = tmp_path / "overview.png"
    course.overview_png(eventful(), file)
    pixels = mpimg.imread(file)
    height, width = pixels.shape[:2]
    assert width >= 1200
    assert 0.4 < height / width < 1.2
    grey = pixels[:, :, :3].mean(axis=2)
    assert 0.5 < (grey > 0.95).mean() < 0.97
    assert (grey < 0.3).mean() > 0.005


def test_a_step_function_is_sampled_where_it_steps() -> None:
    """Sampling takes the last step at or before each moment."""
    from flk.sim.measures.series import Steps

    steps = Steps(np.array([0.0, 2.0, 2.0, 5.0]), np.array([0.0, 1.0, 2.0, 0.0]))
    assert style.sampled(steps, np.array([0.0, 1.9, 2.0, 4.0, 5.0])).tolist() == [0, 0, 2, 2, 0]


def shown(run: Run, width: int = 200) -> str:
    """What the terminal shows."""
    out = StringIO()
    Console(file=out, width=width, color_system=None).print(terminal.rendered(run), crop=False)
    return out.getvalue()


def test_the_terminal_shows_the_same() -> None:
    """Timeline, objectives and invariants with their meanings, on one line each where there is room."""
    run = eventful()
    text = shown(run)
    for row in run.results:
        assert re.search(rf"{row.invariant} +{row.checks:,} .*{re.escape(row.statement)}", text)
    for objective in run.objectives:
        assert re.search(rf"{objective.name} .*{objective.label} +{re.escape(objective.meaning)}", text)
    for fault in run.scenario.faults:
        assert re.search(rf"{fault.id} ·*█+·*", text)
    assert f"digest {run.digest}" in text


def test_the_bars_stand_where_the_faults_are() -> None:
    """A fault from 10 to 20 seconds of 180 fills the part of the axis between them."""
    line = next(line for line in shown(eventful()).splitlines() if line.strip().startswith("loss"))
    bar = line.split()[1]
    assert bar.index("█") == int(10 / 180 * terminal.CELLS)
    assert bar.count("█") == round(30 / 180 * terminal.CELLS) - int(10 / 180 * terminal.CELLS)


def test_progress_is_shown() -> None:
    """The bar tells simulated time, events and requests."""
    out = StringIO()
    with run_bar("drill", shown=True, console=Console(file=out, width=120, force_terminal=True)) as reached:
        reached(Progress(90.0, 180.0, 12345, 678))
    plain = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", out.getvalue())
    assert "1:30 of 3:00 simulated, 12,345 events, 678 requests" in plain
