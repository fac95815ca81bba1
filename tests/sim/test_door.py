"""What a researcher types and sees: the exported names, their results, displays, frames and figures."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib.figure import Figure
from tests.support.doors import failing_examples, undocumented

import flk.sim
from flk.sim import (
    DESIGNS,
    MODEL,
    CompareResult,
    HuntResult,
    RunResult,
    Scenario,
    ShrinkResult,
    SweepResult,
    Verdict,
    compare,
    hunt,
    library,
    load,
    replay,
    run,
    scenario,
    shrink,
    sweep,
)
from flk.spec.errors import MissingExtra, UnusableInput

DRAFT = (
    scenario("a-cut", "Two regions that cannot talk for a while.", duration="2m")
    .regions("eu", "us", agents=1)
    .workload(records="synthetic:40", rate=1)
    .fault("partition", "cut", start="20s", duration="30s", sides=[["eu"], ["us", "objects"]])
    .eventually("converged", within="90s", after="cut")
)
CUT = DRAFT.build()
SHORT = {"policy.ship_interval": ["5s", "20s"]}


@pytest.fixture(scope="module")
def result() -> RunResult:
    """One run."""
    return run(CUT)


@pytest.fixture(scope="module")
def swept() -> SweepResult:
    """Two cells of three runs."""
    return sweep(CUT, seeds=3, vary=SHORT, workers=1)


@pytest.fixture(scope="module")
def compared() -> CompareResult:
    """Two variants on four seeds."""
    calm = scenario(CUT, faults=[], hypotheses=[]).build()
    return compare(calm, {"policy.ship_interval": "20s"}, {"policy.ship_interval": "5s"}, seeds=4, workers=1)


@pytest.fixture(scope="module")
def found() -> HuntResult:
    """A hunt that finds something."""
    return hunt(seeds=50, programs="keep-what-is-stored", workers=1)


@pytest.fixture(scope="module")
def small(found: HuntResult) -> ShrinkResult:
    """What is left of it after a few dozen replays."""
    return shrink(found, limit=60)


def test_every_exported_name_is_documented_with_an_example() -> None:
    """Meaning, units, errors, and an example."""
    assert not undocumented(flk.sim)


@pytest.mark.slow
def test_the_examples_give_what_they_say() -> None:
    """They see the exported names and nothing else."""
    assert not failing_examples(flk.sim)


def test_importing_a_part_of_the_room_loads_no_figures() -> None:
    """The names are loaded when they are first used; so workers of a sweep start without matplotlib."""
    code = "import sys, flk.sim, flk.sim.simulate; print('matplotlib' in sys.modules, sorted(flk.sim.__all__) == flk.sim.__all__)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split()[0] == "False"


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    """As of any module, so that hasattr and autocompletion work."""
    assert not hasattr(flk.sim, "nonsense")
    assert {"run", "sweep", "hunt"} <= set(dir(flk.sim))


def test_the_simulator_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the line to type."""
    for name in [name for name in sys.modules if name.startswith("flk.sim.api")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(vars(flk.sim), "compare", raising=False)
    with pytest.raises(MissingExtra, match=r"the simulator needs the package matplotlib: pip install 'flk-lab\[sim\]'"):
        _ = flk.sim.compare


class TestGiven:
    """What may be given for a scenario, for seeds and for programs."""

    def test_a_scenario_goes_by_value_draft_name_or_file(self, tmp_path: Path) -> None:
        """All of them mean the same run."""
        file = tmp_path / "cut.toml"
        file.write_text(CUT.to_toml())
        assert load(file) == CUT
        assert {run(given, 3).digest for given in (CUT, DRAFT, file, str(file))} == {run(CUT, seed=3).digest}

    def test_the_library_is_a_mapping_that_shows_itself(self) -> None:
        """Names to scenarios; a line and a row for each."""
        known = library()
        assert known["split-brain"] == load("split-brain")
        assert len(known.to_frame("pandas")) == len(known) == len(repr(known).splitlines())
        assert "<td>split-brain</td>" in known._repr_html_()
        with pytest.raises(KeyError):
            known["moon"]

    def test_records_replace_the_source_and_stay_in_the_replay_string(self) -> None:
        """So that the line makes the same run."""
        fed = run(CUT, records="synthetic:7")
        assert fed.scenario.workload.records == "synthetic:7"
        assert replay(fed.string).digest == fed.digest

    @pytest.mark.parametrize("seeds", [3, "1..3", range(1, 4)])
    def test_seeds_are_a_number_or_a_range(self, seeds: int | str | range) -> None:
        """Counted from 1."""
        frame = sweep(CUT, seeds, workers=1).to_frame("pandas")
        assert frame["seed"].tolist() == [1, 2, 3]

    @pytest.mark.parametrize(
        ("call", "advice"),
        [
            (lambda: run("split-brian"), "did you mean split-brain"),
            (lambda: run(CUT, requests=5), "tier='vector'"),
            (lambda: sweep(CUT, seeds=0), "seeds 0: write how many"),
            (lambda: sweep(CUT, seeds="9..8"), "seeds 9..8: write how many"),
            (lambda: replay("split-brain:1:*@00000000"), "its hash was 00000000"),
            (lambda: sweep(CUT, vary={"policy.ship_interval": "10s"}), "give a list of values"),
            (lambda: sweep(CUT, vary={"policy.ship_intervall": ["10s"]}), "did you mean ship_interval"),
            (lambda: sweep(CUT, until="rpo"), "p95 of rpo"),
            (lambda: compare(CUT, {}, {}), "the same scenario"),
            (lambda: compare(CUT, {}, {"policy.ship_interval": 5}, measures=("rpoo",)), "did you mean rpo"),
            (lambda: hunt(kinds=("partitions",)), "did you mean partition"),
            (lambda: hunt(programs="keep-it"), "refuted design"),
            (lambda: hunt(budget="soon"), "is not a duration"),
            (lambda: shrink(run(CUT)), "violates no invariant"),
            (lambda: shrink(hunt(seeds=1, workers=1)), "try more seeds"),
            (lambda: replay("nonsense"), "NAME:SEED"),
            (lambda: run(CUT).to_frame("excel"), "choose from pandas, polars, pyarrow"),
        ],
    )
    def test_what_cannot_be_used_is_answered_with_the_fix(self, call: object, advice: str) -> None:
        """UnusableInput, with what to write instead."""
        assert callable(call)
        with pytest.raises(UnusableInput, match=re.escape(advice)):
            call()


class TestRun:
    """One run."""

    def test_the_same_seed_is_the_same_run_and_another_is_not(self, result: RunResult) -> None:
        """To the last event."""
        assert run(CUT, seed=result.seed).digest == result.digest != run(CUT, seed=2).digest

    def test_the_string_replays_it(self, result: RunResult) -> None:
        """In the API as on the command line."""
        again = replay(result.string)
        assert (again.digest, again.scenario, again.verdict) == (result.digest, CUT, result.verdict)

    def test_validate_adds_the_protocols_verdict(self) -> None:
        """One row more among the invariants."""
        assert run(CUT, validate=True).invariants[-1].invariant == "trace-accepted"

    @pytest.mark.parametrize(
        ("library", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)]
    )
    def test_its_frame_has_a_row_for_everything_asked(self, result: RunResult, library: str, kind: type) -> None:
        """Invariants, objectives and hypotheses, in any library."""
        frame = result.to_frame(library)
        assert isinstance(frame, kind)
        rows: Any = frame
        assert len(rows) == len(result.invariants) + len(result.objectives) + len(result.hypotheses)

    def test_its_display_says_what_matters(self, result: RunResult) -> None:
        """Verdict, objectives, hypotheses, a picture and the replay line; nothing unescaped."""
        shown = result._repr_html_()
        assert "✓ holds" in shown
        for text in ("lag p95", "eventually converged", "durable-before-answer", "data:image/png", result.string):
            assert text in shown
        assert repr(result).splitlines()[0] == "a-cut, seed 1: ✓ holds"
        assert result.replay_line in repr(result)

    def test_its_figures_are_figures(self, result: RunResult) -> None:
        """Each of them."""
        drawn = [result.plot(), result.plot_lag(), result.plot_latency(), result.plot()]
        drawn += [result.plot_map((10, 40)), result.plot_alerts(), result.spacetime(19, 25)]
        assert all(isinstance(figure, Figure) for figure in drawn)

    def test_recovery_is_drawn_where_a_region_is_lost(self, result: RunResult) -> None:
        """And refused, with what to run, where none is."""
        lost = (
            scenario(CUT).fault("region_crash", "fire", start="30s", duration="20s", region="us", disk="kept").build()
        )
        assert isinstance(run(lost).plot_recovery(), Figure)
        with pytest.raises(UnusableInput, match="loses no region"):
            result.plot_recovery()

    @pytest.mark.slow
    def test_it_writes_report_trace_and_perfetto(self, result: RunResult, tmp_path: Path) -> None:
        """The trace that is written on the way is the one that the result tells."""
        result.report(tmp_path / "report.html")
        result.perfetto(tmp_path / "run.json")
        run(CUT, trace=tmp_path / "trace.jsonl")
        assert result.replay_line.split("'")[1] in (tmp_path / "report.html").read_text()
        assert (tmp_path / "run.json").stat().st_size > 1000
        assert len((tmp_path / "trace.jsonl").read_text().splitlines()) == len(result.trace)
        with pytest.raises(UnusableInput, match="name a file in a directory that exists"):
            result.report(tmp_path / "missing" / "report.html")

    def test_the_vector_tier_shows_itself_too(self) -> None:
        """Verdict, latency and figures; a row for each second."""
        steady = scenario(CUT, name="steady", faults=[], hypotheses=[]).policy(agent_fsync=0).build()
        found = run(steady, tier="vector", requests=50)
        assert found.requests == 50
        assert "data:image/png" in found._repr_html_()
        assert len(found.to_frame("pandas")) == 121
        assert "vector tier: ✓ holds" in repr(found)


class TestSweep:
    """Many runs."""

    def test_its_frame_has_a_row_for_each_run(self, swept: SweepResult) -> None:
        """The varied fields first, then what was measured."""
        frame = swept.to_frame("pandas")
        assert frame.columns[0] == "policy.ship_interval"
        assert frame.groupby("policy.ship_interval")["seed"].apply(list).to_dict() == {5.0: [1, 2, 3], 20.0: [1, 2, 3]}
        assert swept.run(2, "policy.ship_interval=20").digest == frame["digest"].iloc[4]

    def test_its_estimates_have_intervals(self, swept: SweepResult) -> None:
        """Of the measures that are asked for."""
        frame = swept.estimates("p50 of lag_max", library="pandas")
        assert frame[["statistic", "measure", "runs"]].to_numpy().tolist() == [["p50", "lag_max", 3]] * 2
        assert (frame["estimate"].diff().iloc[1]) > 5

    @pytest.mark.slow
    def test_its_display_and_figures(self, swept: SweepResult, tmp_path: Path) -> None:
        """A table of estimates and a map; each figure on its own."""
        shown = swept._repr_html_()
        assert "policy.ship_interval=20" in shown
        assert "data:image/png" in shown
        for figure in (swept.plot("lag_max"), swept.plot_distribution("lag_max"), swept.plot_difference("lag_max")):
            assert isinstance(figure, Figure)
        assert isinstance(swept.plot_over_time(runs=2), Figure)
        with pytest.raises(UnusableInput, match="no run loses a region"):
            swept.plot_recovery()
        swept.report(tmp_path / "sweep.html")
        assert "policy.ship_interval=20" in repr(swept)

    def test_a_kept_sweep_goes_on_where_it_was(self, tmp_path: Path) -> None:
        """What was run before is not run again."""
        assert sweep(CUT, 2, keep=tmp_path, workers=1).swept.made == 2
        assert sweep(CUT, 3, keep=tmp_path, workers=1).swept.made == 1

    def test_a_violating_run_is_named_with_its_string(self) -> None:
        """Which replays it, and shrinks."""
        base = hunt(seeds=50, programs="keep-what-is-stored", workers=1).failure
        assert base is not None
        broken = sweep(base.scenario, range(base.seed, base.seed + 1), programs=base.inputs.named, workers=1)
        (one,) = broken.violating
        assert replay(one.string).violated == tuple(one.violated.split())
        assert one.string in broken._repr_html_()


class TestCompare:
    """Two variants."""

    def test_the_paired_difference_decides_on_few_seeds(self, compared: CompareResult) -> None:
        """Shipping more often lags less, on each seed."""
        found = compared.difference("lag_p95")
        assert found.decided
        assert found.mean.high < 0

    def test_its_frame_display_and_figure(self, compared: CompareResult) -> None:
        """A row for each measure that both have."""
        frame = compared.to_frame("pandas").set_index("measure")
        assert frame.loc["lag_p95", "decided"]
        assert frame.loc["lag_p95", "difference"] == pytest.approx(
            frame.loc["lag_p95", "other"] - frame.loc["lag_p95", "one"]
        )
        shown = compared._repr_html_()
        assert "policy.ship_interval=20s → policy.ship_interval=5s" in shown
        assert "data:image/png" in shown
        assert isinstance(compared.plot("latency_p95"), Figure)
        assert "lag_p95" in repr(compared)


class TestHunt:
    """Looking for a violation, and making it small."""

    def test_the_failure_is_a_run_that_replays(self, found: HuntResult) -> None:
        """The refuted design stands in the string by its name."""
        assert found.failure is not None
        again = replay(found.failure.string)
        assert (again.digest, again.violated) == (found.failure.digest, found.failure.violated)
        assert again.inputs.programs is DESIGNS["keep-what-is-stored"]

    def test_programs_go_by_value_or_name(self, found: HuntResult) -> None:
        """Both find the same seed; the model's own violate nothing there."""
        by_value = hunt(seeds=50, programs=DESIGNS["keep-what-is-stored"], workers=1)
        assert by_value.failure is not None
        assert found.failure is not None
        assert by_value.failure.string == found.failure.string
        assert hunt(seeds=found.runs, programs=MODEL, workers=1).verdict is Verdict.HOLDS

    def test_programs_of_a_cell_have_no_string_but_shrink(self) -> None:
        """Nothing names them in another process, which the replay line says."""
        mine = MODEL._replace(ingest=DESIGNS["keep-what-is-stored"].ingest)
        nameless = hunt(seeds=50, programs=mine, workers=1)
        assert nameless.failure is not None
        assert nameless.failure.string == ""
        assert "no other process" in nameless.failure.replay_line
        assert shrink(nameless, limit=2).invariant == nameless.failure.violated[0]

    @pytest.mark.slow
    def test_displays_say_what_was_found(self, found: HuntResult, small: ShrinkResult) -> None:
        """Verdict, violation, faults, a picture, the replay line."""
        assert found.failure is not None
        for shown, line in ((found._repr_html_(), found.failure.string), (small._repr_html_(), small.string)):
            for text in ("✗ violated", "watermark-never-ahead", "data:image/png", line):
                assert text in shown
        assert found.failure.replay_line in repr(found)
        assert small.replay_line in repr(small)

    def test_a_clean_hunt_says_how_rare_a_violation_is(self) -> None:
        """And draws nothing."""
        clean = hunt(seeds=3, workers=1)
        assert clean.verdict is Verdict.HOLDS
        assert "0 of 3 violate an invariant: the probability is below 0.63" in repr(clean)
        assert clean.to_frame("pandas")["checks"].sum() > 0
        with pytest.raises(UnusableInput, match="nothing to draw"):
            clean.plot()

    def test_the_small_run_violates_the_same_with_no_more_faults(self, found: HuntResult, small: ShrinkResult) -> None:
        """And its string replays it."""
        assert found.failure is not None
        assert small.invariant == found.failure.violated[0]
        assert small.invariant in small.run.violated
        assert len(small.scenario.faults) <= len(found.failure.scenario.faults)
        assert replay(small.string).digest == small.run.digest
        assert len(small.to_frame("pandas")) == len(small.scenario.faults)
        assert isinstance(small.spacetime(), Figure)


def test_a_scenario_shows_what_goes_wrong() -> None:
    """Faults as a table, everything escaped."""
    odd: Scenario = scenario(CUT, "a < b").build()
    assert "a &lt; b" in odd._repr_html_()
    assert "<td>cut</td>" in odd._repr_html_()
