"""Figures of sweeps and of failures say what they show, with units, and can be read in black and white."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import get_args

import matplotlib.image as mpimg
import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.support.model.world import KEYRING
from tests.support.sim.drills import REGIONS, drill, records, rehearse

from flk.sim.experiments.findings import Estimand, findings
from flk.sim.experiments.rows import row
from flk.sim.experiments.run_inputs import synthetic_inputs
from flk.sim.experiments.sweep import Plan, SweepOutcome
from flk.sim.experiments.variation import axis, cells
from flk.sim.nodes.designs import DESIGNS
from flk.sim.reports import perfetto
from flk.sim.reports import sweep as sweep_report
from flk.sim.reports.figures.distributions import distribution, phases, summary
from flk.sim.reports.figures.fans import fans
from flk.sim.reports.figures.outcome import objectives
from flk.sim.reports.figures.regions import cut_links, moments_of_interest, region_map, state_of
from flk.sim.reports.figures.spacetime import space_time
from flk.sim.reports.figures.style import HATCHES
from flk.sim.reports.figures.sweeps import comparison, heat_map
from flk.sim.reports.recording import Recording, record
from flk.sim.reports.story import first_violation, labels, story
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Burst, Disk, Fault, Partition, RegionCrash, StoreOutage
from flk.sim.scenarios.policy import Objectives
from flk.sim.simulate import simulate
from flk.spec.errors import UnusableInput

CUT = Partition(id="cut", start=Seconds(4), duration=Seconds(8), sides=(("eu",), ("us", "objects")))
CRASH = RegionCrash(id="crash", start=Seconds(20), duration=Seconds(40), region="us")
OUTAGE = StoreOutage(id="outage", start=Seconds(30), duration=Seconds(5), region="eu")
TARGETS = Objectives(rpo=Seconds(4), rto=Seconds(40), lag_p95=Seconds(12))
SEEDS = range(6)
FRAME = re.compile("[0-9a-f]{16}")


@cache
def swept() -> SweepOutcome:
    """Four cells: two intervals of shipping, two speeds of the store, each over the same six seeds."""
    scenario = drill(CRASH, duration=80, until=40, slo=TARGETS)
    found = cells(scenario, [axis("policy.ship_interval=5s,20s"), axis("policy.service=2ms,40ms")])
    return SweepOutcome(
        Plan(found, SEEDS), tuple(tuple(row(rehearse(c.scenario, seed=seed)) for seed in SEEDS) for c in found), 24
    )


@cache
def recording() -> Recording:
    """A short run of a design that judges by local arrival, while the clock of one region lags behind."""
    scenario = drill(CUT, CRASH, OUTAGE, duration=120, until=10, rate=2.0, duplicates=0.6)
    return record(
        lambda listen: simulate(
            scenario,
            records(20),
            KEYRING,
            seed=3,
            programs=DESIGNS["mark-before-upload"],
            trace=listen.trace,
            messages=listen.messages,
        )
    )


def _distribution() -> Figure:
    samples = {cell.label: [r.rpo for r in rows] for cell, rows in zip(swept().plan.cells, swept().rows, strict=True)}
    return distribution(samples, "RPO", "s", 4)  # type: ignore[arg-type]  # rows may lack a value, which is left out


def _phases() -> Figure:
    return phases({c.label: rows for c, rows in zip(swept().plan.cells, swept().rows, strict=True)}, 40)


def _heat() -> Figure:
    return heat_map(findings(swept()), Estimand("mean", "rpo"), "s")


def _fans() -> Figure:
    return fans([rehearse(drill(CUT, CRASH, duration=90), seed=seed) for seed in range(4)])


@cache
def outrun() -> Recording:
    """A run of a design whose replay keeps what came first, and marks a segment of which a frame is left out."""
    return record(
        lambda listen: simulate(
            drill(duration=40, until=6, rate=4.0, duplicates=0.6),
            records(20),
            KEYRING,
            seed=1,
            programs=DESIGNS["local-arrival"],
            trace=listen.trace,
            messages=listen.messages,
        )
    )


DRAWN: dict[str, Callable[[], Figure]] = {
    "distribution": _distribution,
    "phases": _phases,
    "heat map": _heat,
    "comparison": lambda: comparison(swept(), 0, 2, "rpo", "s"),
    "fans": _fans,
    "region map": lambda: region_map(recording().run),
    "space-time": lambda: space_time(recording(), 0, 30),
}
LABELS = {
    "distribution": (["RPO, s"] * 2, ["share of runs up to this", "share of runs beyond this"]),
    "phases": (["seconds, mean over the runs"], []),
    "heat map": (["policy.ship_interval"], ["policy.service"]),
    "comparison": (
        ["seeds, in order of the difference; right of them the mean with its 95 % interval"],
        ["change of rpo, s"],
    ),
    "fans": (
        ["simulated time, minutes:seconds"],
        ["replication lag, worst pair, s", "keys that differ between regions"],
    ),
    "region map": ([], []),
    "space-time": ([], ["simulated time, seconds (not to scale)"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_a_picture_that_needs_no_colour(name: str, tmp_path: Path) -> None:
    """The PNG is wide enough, mostly paper, has ink in grey alone, and its axes are labelled, with units."""
    figure = DRAWN[name]()
    assert [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()] == LABELS[name][0]
    assert [axes.get_ylabel().replace("\n", " ") for axes in figure.axes if axes.get_ylabel()] == LABELS[name][1]
    file = tmp_path / "figure.png"
    figure.savefig(file, dpi=100)
    pixels = mpimg.imread(file)
    grey = pixels[:, :, :3].mean(axis=2)
    assert pixels.shape[1] >= 900
    assert (grey > 0.8).mean() > 0.3
    assert (grey < 0.4).mean() > 0.002


def test_lines_of_a_distribution_differ_in_their_dashes() -> None:
    """Four samples, four patterns of dashes."""
    share = _distribution().axes[0]
    patterns = {str(line._unscaled_dash_pattern) for line in share.get_lines() if not line.get_label().startswith("_")}  # type: ignore[attr-defined]  # matplotlib keeps them there
    assert len(patterns) == 4


def test_a_distribution_tells_its_quantiles_and_the_risk() -> None:
    """Runs, quantiles with intervals, and the probability of a breach with Clopper and Pearson's interval."""
    text = summary([1.0, 2.0, 3.0, 9.0] * 10, 5.0)
    assert text.startswith("40 runs, p50 ")
    assert "beyond the target 25.0% [12.69%, 41.20%]" in text


def test_undecided_cells_are_hatched_and_missed_ones_framed() -> None:
    """What the interval leaves open does not look like what is known."""
    found = findings(swept())
    verdicts = [cell.findings[0].verdict for cell in found]
    patches = _heat().axes[0].patches
    assert len(patches) == len(found) + sum(verdict in {"violated", "undecided"} for verdict in verdicts)
    with pytest.raises(UnusableInput, match="the sweep was not asked for the p99 of rpo; it knows mean of rpo"):
        heat_map(found, Estimand("p99", "rpo"))


def test_the_map_knows_who_is_down_and_what_is_cut() -> None:
    """A region is down, faulty or healthy; a cut goes both ways unless it says otherwise."""
    assert state_of("us", [CRASH]) == "down"
    assert state_of("eu", [OUTAGE]) == "faulty"
    assert state_of("ap", [CRASH, OUTAGE, CUT]) == "healthy"
    assert cut_links([CUT], REGIONS, whole=True) == {("eu", "us"), ("us", "eu"), ("eu", "objects"), ("objects", "eu")}
    assert moments_of_interest(drill(CUT, CRASH))[-1] == 180
    many = [Burst(id=f"b{n}", start=Seconds(n), duration=Seconds(5), factor=2.0) for n in range(20)]
    assert len(moments_of_interest(drill(*many))) == 8


def test_a_story_has_every_message_and_every_line() -> None:
    """What was sent arrives at its place, once, twice or not at all; nobody hears anything through a cut."""
    messages = recording().messages
    assert all(arrival >= message.sent for message in messages for arrival in message.arrives)
    cut = [m for m in messages if {m.sender, m.receiver} == {"eu", "objects"} and CUT.start <= m.sent < CUT.end]
    assert cut
    assert not any(message.arrives for message in cut)
    assert len(recording().deliveries) < len(messages)
    assert {line.node for line in recording().lines} >= set(REGIONS)


def test_a_story_begins_at_the_cause() -> None:
    """With the first event that concerns the frames of the violation, or with the fault that was in force; and it has no others."""
    violation, tale = first_violation(outrun()), story(outrun())
    assert violation is not None
    assert tale.programs
    (frame,) = FRAME.findall(violation.sentence)
    carried = {message: told for message, told in labels(outrun()).items() if frame in told}
    assert {message.name.partition(" ")[0] for message in carried} >= {"ship", "replay"}
    assert {message.receiver for message in carried} >= {"eu", "objects"}
    assert tale.start <= min(message.sent for message in carried) < violation.at <= tale.end
    assert all(tale.tells(message) for message in carried if message.sent < violation.at)
    assert len({program for _, program in tale.programs}) < len({line.program for line in outrun().lines}) / 4
    shifted = msgspec.structs.replace(CRASH, start=Seconds(tale.start / 2), duration=Seconds(violation.at))
    scenario = outrun().run.scenario.with_faults((shifted,))
    assert story(outrun()._replace(run=outrun().run._replace(scenario=scenario))).start == shifted.start


def test_a_run_without_a_violation_is_told_whole() -> None:
    """From its beginning to its end, with every program."""
    calm = recording()._replace(run=rehearse(drill(duration=20, until=5)))
    assert first_violation(calm) is None
    assert story(calm) == (0.0, 20.0, None)


def test_arrows_name_the_frames_that_they_carry() -> None:
    """Where a submission becomes one, where its segment is put, and where it is fetched."""
    texts = [text.get_text() for text in space_time(outrun()).axes[0].texts]
    violation = first_violation(outrun())
    assert violation is not None
    (frame,) = FRAME.findall(violation.sentence)
    assert sum(frame in told for told in texts) >= 3
    assert any(told.startswith("puts ") for told in texts)


@pytest.mark.slow
def test_what_is_told_of_violations_does_not_overlap() -> None:
    """However close they come, each note of a space-time diagram can be read."""
    first = first_violation(recording())
    assert first is not None
    close = tuple(msgspec.structs.replace(first, at=first.at + n / 1000) for n in range(4))
    run = recording().run
    crowded = recording()._replace(run=run._replace(results=(msgspec.structs.replace(run.results[0], examples=close),)))
    figure = space_time(crowded)
    figure.canvas.draw()
    notes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_fontweight() == "bold"]
    assert len(notes) == 4
    assert not any(one.overlaps(other) for number, one in enumerate(notes) for other in notes[:number])


def test_a_missed_target_is_drawn_to_its_end() -> None:
    """A region loss that exceeds its target by far lies within the axes, with what is told of it."""
    strict = Objectives(rpo=Seconds(0.1), rto=Seconds(0.1))
    figure = objectives(rehearse(drill(CRASH, duration=80, until=40, slo=strict)))
    figure.canvas.draw()
    (axes,) = figure.axes
    right = axes.get_window_extent().x1
    assert max(bar.get_window_extent().x1 for bar in axes.patches) < right
    assert max(text.get_window_extent().x1 for text in axes.texts) < right


def test_the_perfetto_trace_is_sound(tmp_path: Path) -> None:
    """Every event names a track that was introduced; arrows begin and end; counters follow the measures; it is JSON."""
    file = tmp_path / "trace.json"
    perfetto.write(recording(), file)
    events = msgspec.json.decode(file.read_bytes())["traceEvents"]
    tracks = {event["pid"] for event in events if event["name"] == "process_name"}
    assert {event["pid"] for event in events} == tracks
    starts = {event["id"] for event in events if event["ph"] == "s"}
    assert starts == {event["id"] for event in events if event["ph"] == "f"}
    assert sum(event.get("cat") == "partition" for event in events) == 1
    counted = [event["args"]["value"] for event in events if event["name"] == "keys that differ"]
    assert counted == recording().run.measures.divergence.level.tolist()
    assert all(event["ts"] >= 0 for event in events if "ts" in event)
    with pytest.raises(UnusableInput, match="the trace cannot be written"):
        perfetto.write(recording(), tmp_path / "absent" / "trace.json")


def test_every_fault_has_a_hatching() -> None:
    """A figure can draw any fault that a scenario may have, and a hunt draws from."""
    assert set(HATCHES) == set(get_args(Fault))


@pytest.mark.slow
def test_the_page_of_a_sweep_tells_everything(tmp_path: Path) -> None:
    """Each cell with its findings, a map, distributions, comparisons; nothing from elsewhere."""
    file = tmp_path / "sweep.html"
    found = findings(swept(), [Estimand("mean", "rpo")])
    inputs = synthetic_inputs(60)
    sweep_report.write(swept(), found, inputs, file, "flk sweep drill --seeds 6")
    text = file.read_text()
    assert "<script" not in text
    assert text.count("<figure>") == 9
    for cell in swept().plan.cells:
        assert cell.label.split(", ")[0] in text
    for told_ in (
        "undecided",
        "flk sweep drill --seeds 6",
        "mean of rpo",
        "policy.ship_interval",
        "rpo over uploads,",
        "rpo over uploaded_bytes,",
    ):
        assert told_ in text
    assert sweep_report.html(swept(), found, inputs, "flk sweep drill --seeds 6") == text


def test_a_lost_disk_shows_in_the_rows() -> None:
    """Rows of a sweep hold what the figures need."""
    fire = RegionCrash(id="fire", start=Seconds(20), duration=Seconds(10), region="us", disk=Disk.LOST)
    found = row(rehearse(drill(fire, duration=90, until=30)))
    assert found.rpo is not None
    assert np.isfinite(found.rpo)
