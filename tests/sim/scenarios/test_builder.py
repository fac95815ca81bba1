"""Scenarios written in Python are the scenarios of files."""

import pytest
from hypothesis import given, settings
from tests.support.effort import few
from tests.support.sim.strategies import scenarios

from flk.sim.scenarios import builder
from flk.sim.scenarios import files as scenario_files
from flk.sim.scenarios.builder import as_python, scenario
from flk.sim.scenarios.faults import Partition
from flk.sim.scenarios.scenario import Scenario
from flk.spec.errors import UnusableInput


def begun() -> builder.Draft:
    """Two regions with two agents each, and one minute's cut."""
    return (
        builder.scenario("a-cut", "Two regions that cannot talk for a minute.", duration="5m")
        .regions("eu", "us", agents=2)
        .everywhere(delay="20ms")
        .link("eu", "us", delay="42ms", jitter="3ms")
        .workload(records="synthetic:20", rate=2, duplicates=0.1)
        .policy(ship_interval="10s")
        .fault("partition", "cut", start="1m", duration="1m", sides=[["eu"], ["us"]])
        .sometimes("supersession")
        .eventually("converged", within="90s", after="cut")
        .slo(rpo="2m")
    )


@pytest.mark.slow
@given(scenarios())
@settings(max_examples=few(60), deadline=None)
def test_a_scenario_survives_its_expression(value: Scenario) -> None:
    """What is written as Python builds the same value, with the same hash; so does a draft made of it."""
    again = eval(as_python(value), {"scenario": builder.scenario})  # the expression is the claim
    assert again == value
    assert again.hash == value.hash
    assert scenario(value).build() == value


@pytest.mark.parametrize("name", sorted(scenario_files.library()))
def test_the_library_can_be_written_in_python(name: str) -> None:
    """Every scenario that comes with the lab survives its expression."""
    value = scenario_files.find(name)
    assert eval(as_python(value), {"scenario": builder.scenario}) == value


def test_the_methods_are_the_keys_of_the_file() -> None:
    """Python and TOML say the same in the same words."""
    built = begun().build()
    assert scenario_files.parse(built.to_toml(), "cut.toml") == built
    assert isinstance(built.faults[0], Partition)
    assert built.network.links[0].jitter == 0.003
    assert built.workload.agents == {"eu": 2, "us": 2}


def test_a_draft_is_not_changed_by_what_grows_from_it() -> None:
    """Variants branch off anywhere."""
    base = begun()
    slow = base.policy(fsync="40ms").without("cut")
    assert base.build().policy.fsync == 0.004
    assert slow.build().policy.fsync == 0.04
    assert slow.build().policy.ship_interval == 10.0
    assert [len(variant.build().faults) for variant in (base, slow)] == [1, 0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            begun().fault("particion", "b", start=1, duration=1),
            "faults[1].kind: 'particion' is not one of the choices; did you",
        ),
        (
            begun().policy(ship_intervall=3),
            "policy.ship_intervall: unknown key; did you mean ship_interval?",
        ),
        (
            begun().fault("cold_outage", "c", start=1, duration=1, region="eu"),
            "faults[1].kind: cold_outage needs layout.tiers",
        ),
        (begun().policy(fsync="4 ms"), "policy.fsync: '4 ms' is not a duration"),
        (
            begun().fault("partition", "cut", start=1, duration=1, sides=[["eu"], ["us"]]),
            "'cut' is also the id of an earlier fault",
        ),
    ],
)
def test_an_error_reads_as_for_a_file(wrong: builder.Draft, message: str) -> None:
    """The field, what is wrong, and the fix."""
    with pytest.raises(UnusableInput) as error:
        wrong.build()
    assert message in str(error.value)
    assert "scenario 'a-cut'" in str(error.value)
