"""Counterexamples of the gallery replay in the simulator, by the design that they refute and only by it."""

from functools import cache

import pytest
from tests.support.model.world import KEYRING
from tests.support.sim.drills import records

from flk.formal.explicit.engines.interpreted import search
from flk.formal.explicit.explore import Path, explore
from flk.formal.explicit.search import Options
from flk.formal.language.protocol import Protocol
from flk.formal.library.gallery import DESIGNS as GALLERY
from flk.sim.experiments.from_counterexample import SAME, schedule
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.nodes import designs
from flk.sim.outcome import Run
from flk.sim.scenarios.files import parse
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict


@cache
def counterexample(name: str) -> tuple[Protocol, Path]:
    """The variant, with the one property it violates, and the shortest path to that."""
    design = GALLERY[name]
    alone = design.protocol.variant(name, design.protocol.story)
    alone.without(*(property_ for property_ in design.protocol.properties if property_ != design.violates))
    (finding,) = explore(alone, search, "interpreter", design.sizes, Options(stop=True)).findings
    assert finding.path is not None
    return alone, finding.path


def played(scenario: Scenario, programs: Programs | None = None) -> Run:
    """The drill, on records enough for every number it names."""
    return simulate(scenario, records(200), KEYRING, programs=programs)


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("name", sorted(designs.DESIGNS))
def test_the_counterexample_is_seen_in_the_simulator(name: str) -> None:
    """The drill made of the shortest counterexample violates, by the refuted design, the invariant that says the same."""
    scenario = schedule(*counterexample(name))
    run = played(scenario)
    violated = {row.invariant for row in run.results if row.verdict is Verdict.VIOLATED}
    assert violated & SAME[GALLERY[name].violates], violated


@pytest.mark.slow
@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("name", sorted(designs.DESIGNS))
def test_the_model_survives_the_same_drill(name: str) -> None:
    """The model's own programs, put through the same moments and faults, violate nothing and come to agree."""
    run = played(schedule(*counterexample(name)), MODEL)
    assert {row.verdict for row in run.results} == {Verdict.HOLDS}, run.results


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(designs.DESIGNS))
def test_a_drill_is_a_file(name: str) -> None:
    """It reads back as itself, so it can be kept, sent and run with `flk run`."""
    scenario = schedule(*counterexample(name))
    assert parse(scenario.to_toml(), "drill.toml") == scenario
    assert scenario.design == name


@pytest.mark.slow
def test_a_design_without_programs_is_refused() -> None:
    """Not every design of the gallery is one of node programs; the message says which are."""
    with pytest.raises(UnusableInput, match=r"silent-supersession: the simulator has no programs .* local-arrival"):
        schedule(*counterexample("silent-supersession"))


def test_the_same_drill_is_the_same_run() -> None:
    """A drill repeats to the last event."""
    scenario = schedule(*counterexample("local-arrival"))
    assert played(scenario).digest == played(scenario).digest
