"""Counterexamples as drills: a refuted design, or a run by its replay string, without its programs and its script."""

import pytest

from flk.formal.api.exploring import explore
from flk.impl.command.drilling.counterexamples import named, schedule_of
from flk.impl.command.drilling.refusals import SETTINGS, refusals
from flk.impl.command.drilling.translation import plan_of
from flk.impl.command.sim.names import drill_names
from flk.sim.api.programs import inputs_for
from flk.sim.experiments.replay import replay_string
from flk.sim.nodes.designs import DESIGNS
from flk.sim.scenarios.files import find
from flk.spec.errors import UnusableInput


@pytest.mark.parametrize("design", sorted(DESIGNS))
def test_a_design_is_its_counterexample_without_what_only_the_simulator_has(design: str) -> None:
    """Its faults stay, each at its time; nothing is left to refuse but faults, by their names."""
    meant = named(f"gallery/{design}")
    whole = schedule_of(explore(f"gallery/{design}", progress=False))
    assert whole.design == design
    assert (meant.scenario.design, meant.scenario.script, meant.seed) == ("", (), None)
    assert meant.scenario.faults == whole.faults
    assert meant.scenario.network == whole.network
    assert meant.notes == (
        f"the counterexample of gallery/{design}, without its design and its script, which only the simulator has",
    )
    assert not {refusal.name for refusal in refusals(meant.scenario)} & set(SETTINGS)


def test_a_counterexample_becomes_what_is_done_to_processes() -> None:
    """Of the gap that was stepped over: both regions lose the objects, and one finds its log again late."""
    scenario = named("gallery/stepped-over-gap").scenario
    plan = plan_of(scenario, inputs_for(scenario), 1)
    starts = [fault.start for fault in scenario.faults]
    assert len(plan.actions) >= len(scenario.faults) > 2
    assert min(action.at for action in plan.actions) == min(starts)


@pytest.mark.parametrize("programs", ["", "keep-what-is-stored", "mine.py:PROGRAMS"])
def test_a_replay_string_is_its_run_without_its_programs(programs: str) -> None:
    """Scenario, faults and seed are those of the run; whose programs they were is told, and these are not looked for."""
    whole = find("three-regions")
    run = whole.with_faults(fault for fault in whole.faults if fault.id == "cut")
    meant = named(replay_string(run, 7, "", programs))
    assert (meant.scenario, meant.seed) == (run, 7)
    (note,) = meant.notes
    assert note.startswith("a run of three-regions")
    assert ("without" in note) is bool(programs)
    assert programs in note


def test_a_scenario_is_taken_as_it_is() -> None:
    """Its own seed is used, and there is nothing to say."""
    assert named("split-brain") == (find("split-brain"), None, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gallery/nothing", "no protocol is called"),
        ("gallery/get-then-set", "the simulator has no programs of this design"),
        ("flk1.abc", "the replay string is damaged"),
        ("flk0.abc", "another version of flk"),
        ("three-regoins:7", "did you mean three-regions"),
        ("nothing", "no such file, and no scenario of the library"),
    ],
)
def test_what_names_nothing_is_refused(text: str, said: str) -> None:
    """With what there is."""
    with pytest.raises(UnusableInput, match=said):
        named(text)


def test_designs_are_completed_as_scenarios_are() -> None:
    """Those that the simulator runs."""
    assert drill_names("gallery/st") == ["gallery/stepped-over-gap"]
    assert drill_names("split") == ["split-brain"]
    assert len(drill_names("gallery/")) == len(DESIGNS)
