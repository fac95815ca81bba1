"""A run as one line: it replays exactly, and a line that is not sound says so."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.effort import few
from tests.support.sim.strategies import scenarios
from tests.support.sim.target import IGNORED_STORE_ERROR

from flk.sim.experiments import replay
from flk.sim.experiments.replay import is_replay_string, parse, replay_string, with_faults
from flk.sim.experiments.run_inputs import RunInputs, Task, execute, programs_named, synthetic_inputs
from flk.sim.experiments.swarm import swarm
from flk.sim.scenarios.files import find
from flk.sim.scenarios.scenario import Scenario
from flk.spec.errors import UnusableInput


@pytest.mark.slow
@given(scenarios(), st.integers(-(2**60), 2**60))
@settings(max_examples=few(50), suppress_health_check=[HealthCheck.too_slow])
def test_any_scenario_survives_its_string(scenario: Scenario, seed: int) -> None:
    """What is packed is unpacked, to the last field."""
    text = replay_string(scenario, seed, "0123", "a.module:NAME")
    assert text.isascii()
    assert text.split() == [text]
    found = parse(text)
    assert (found.scenario, found.seed, found.digest, found.programs) == (scenario, seed, "0123", "a.module:NAME")
    assert not found.changed
    assert is_replay_string(text)


def test_a_string_replays_the_same_events() -> None:
    """A drawn world, and one with planted programs found again by their name: the digest is the one that the string states."""
    for seed, name in ((5, ""), (6, "tests.support.sim.target:IGNORED_STORE_ERROR")):
        programs = IGNORED_STORE_ERROR if name else None
        inputs = synthetic_inputs(60, programs, name)
        run = execute(inputs, Task(swarm(seed), seed))
        found = parse(replay_string(run.scenario, run.seed, run.digest, name))
        again = RunInputs(inputs.submissions, programs=programs_named(found.programs) if found.programs else None)
        assert execute(again, Task(found.scenario, found.seed)).digest == run.digest == found.digest


def test_a_scenario_of_the_library_has_a_short_string() -> None:
    """Its name, the seed, the faults that are left, and the hash of the whole."""
    whole = find("three-regions")
    text = replay_string(whole, 7)
    assert text == f"three-regions:7:*@{whole.hash[:8]}"
    assert parse(text)[:2] == (whole, 7)
    fewer = with_faults(whole, ["cut", "blackout"])
    text = replay_string(fewer, -7)
    assert text == f"three-regions:-7:cut,blackout@{whole.hash[:8]}"
    assert parse(text)[:2] == (fewer, -7)
    none = with_faults(whole, [])
    assert parse(replay_string(none, 1))[:2] == (none, 1)


def test_a_changed_scenario_of_the_library_packs_itself() -> None:
    """A weaker fault is not the library's any more."""
    whole = find("three-regions")
    weaker = msgspec.structs.replace(
        whole, faults=(msgspec.structs.replace(whole.faults[0], duration=whole.faults[0].duration / 2),)
    )
    text = replay_string(weaker, 7)
    assert text.startswith("flk1.")
    assert parse(text).scenario == weaker


def test_a_library_that_has_changed_is_told() -> None:
    """The hash in the string is not the scenario's: the run is named, and so is the change."""
    found = parse("three-regions:7:*@00000000")
    assert found.scenario == find("three-regions")
    assert "its hash was 00000000 and is " in found.changed


def test_changed_code_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A string of other code still says what it was."""
    text = replay_string(swarm(5), 5)
    monkeypatch.setattr(replay, "code_version", lambda: "another")
    found = parse(text)
    assert found.scenario == swarm(5)
    assert "the code has changed" in found.changed
    assert "is another" in found.changed


WHOLE = replay_string(swarm(5), 5, "00")


@given(st.integers(5, len(WHOLE) - 1), st.sampled_from("ABab01-_*!é "))
def test_a_damaged_string_never_names_another_run(place: int, character: str) -> None:
    """Whatever one character becomes: the string is refused, or still says the same."""
    damaged = WHOLE[:place] + character + WHOLE[place + 1 :]
    try:
        assert parse(damaged).scenario == swarm(5)
    except UnusableInput as error:
        assert "damaged" in str(error)  # noqa: PT017 - either outcome is right


@given(st.integers(5, len(WHOLE) - 1))
def test_a_cut_string_is_refused(length: int) -> None:
    """Copied only in part."""
    with pytest.raises(UnusableInput, match="damaged"):
        parse(WHOLE[:length])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a replay string"),
        ("three-regions", "give NAME:SEED:FAULTS@HASH"),
        ("three-regions:x:*@ab", "is not a replay string"),
        ("flk2.abc", "another version of flk"),
        ("three-region:1:*@ab", "did you mean three-regions"),
        ("three-regions:1:cuts@ab", "has no fault 'cuts'; did you mean cut"),
        ("calm:1:cut@ab", "has no fault 'cut'; there are none"),
    ],
)
def test_a_string_that_names_no_run_is_refused(text: str, message: str) -> None:
    """One message, with the fix."""
    with pytest.raises(UnusableInput, match=message.replace("(", r"\(")):
        parse(text)
