"""Scenarios: values, files, and how errors are reported."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from tests.support.effort import few
from tests.support.sim.drills import drill, rehearse
from tests.support.sim.strategies import scenarios

from flk.sim.scenarios import files as scenario_files
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Partition, RegionCrash
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.spec.errors import UnusableInput

TEXT = """\
name = "two"
description = "Two regions and a crash."
duration = "5m"
regions = ["eu", "us"]
faults = [
  { kind = "partition", id = "cut", start = "1m", duration = "30s", sides = [["eu"], ["us", "objects"]] },
]

[workload]
records = "dataset:jacksboro-fault"
rate = 2
agents = { eu = 2, us = 1 }
duplicates = 0.1
tenants = { default = 1.0 }

[network]
default = { delay = "20ms", loss = 0.01 }

[policy]
ship_interval = "10s"
"""
CRASHES = """
[[faults]]
kind = "region_crash"
id = "first"
start = "2m"
duration = "1m"
region = "us"

[[faults]]
kind = "region_crash"
id = "second"
start = "4m"
duration = "20s"
region = "us"
disk = "lost"
"""
TABLES = TEXT.replace(TEXT[TEXT.index("faults = [") : TEXT.index("\n[workload]")], "") + CRASHES


@pytest.mark.slow
@given(scenarios())
@settings(max_examples=few(60), deadline=None)
def test_a_scenario_survives_its_file(value: Scenario) -> None:
    """What is written as TOML is read back as the same value, with the same hash."""
    again = scenario_files.parse(value.to_toml(), "written.toml")
    assert again == value
    assert again.hash == value.hash


@pytest.mark.slow
@given(scenarios())
@settings(max_examples=20, deadline=None)
def test_a_scenario_survives_json(value: Scenario) -> None:
    """The JSON form carries everything too."""
    text = msgspec.json.encode(value, enc_hook=float)
    assert msgspec.json.decode(text, type=Scenario, dec_hook=lambda _, raw: Seconds(raw)) == value


def test_a_file_says_what_it_says(tmp_path: Path) -> None:
    """Durations, nested tables and defaults arrive as written."""
    file = tmp_path / "two.toml"
    file.write_text(TEXT)
    found = scenario_files.load(file)
    assert found.duration == Seconds(300)
    assert found.faults == (
        Partition(id="cut", start=Seconds(60), duration=Seconds(30), sides=(("eu",), ("us", "objects"))),
    )
    assert found.network.default.delay == 0.02
    assert found.policy.ship_interval == Seconds(10)
    assert found.policy.retry.max_attempts == 5
    assert scenario_files.find(str(file)) == found


@pytest.mark.parametrize(
    ("name", "digits"), [("dual-write-failure", "7203b56a5737795d"), ("three-regions", "c9ec7621070b099e")]
)
def test_a_scenario_keeps_its_hash_while_fields_are_added(name: str, digits: str) -> None:
    """As it was before layouts had what they have since: a string that replays a run of then replays it now."""
    assert scenario_files.find(name).hash == digits


def test_the_hash_names_the_content() -> None:
    """Another content has another hash; the order of tables in the file does not matter."""
    value = scenario_files.parse(TEXT, "two.toml")
    assert scenario_files.parse(TEXT.replace("rate = 2", "rate = 3"), "two.toml").hash != value.hash
    head, policy = TEXT.split("[policy]")
    workload = head.index("[workload]")
    moved = head[:workload] + "[policy]" + policy + "\n" + head[workload:]
    assert scenario_files.parse(moved, "two.toml").hash == value.hash


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate = 2", "rat = 2", "line 11: workload.rat: unknown key; did you mean rate?"),
        ('duration = "5m"\n', "", "the document: required key 'duration' is missing; add it"),
        ("rate = 2", 'rate = "2"', "line 11: workload.rate: expected `float`, got `str`"),
        ("rate = 2", "rate = 0", "line 11: workload.rate: expected `float` > 0.0"),
        ('duration = "5m"', 'duration = "5 min"', "line 3: duration: '5 min' is not a duration; write seconds"),
        ('name = "two"', 'name = "two regions"', "line 1: name: 'two regions' cannot be a name here"),
        ('id = "cut"', "id = 'a \"b'", "faults[0].id: 'a \"b' cannot be a name here; use letters"),
        ('duration = "5m"', "duration = 0", "line 3: duration: must be > 0 s, and is 0.0 s"),
        ('duration = "5m"', 'duration = "5m', "two.toml: not valid TOML"),
        ('["eu", "us"]', '["eu", "EU"]', "line 4: regions: 'EU' cannot name a region"),
        ('["eu", "us"]', '["eu", "us", "eu"]', "line 4: regions: 'eu' is listed twice"),
        ('["eu", "us"]', "[]", "line 4: regions: must name at least one region"),
        (
            '"partition"',
            '"partitoin"',
            "faults[0].kind: 'partitoin' is not one of the choices; did you mean partition?",
        ),
        (
            '"objects"]]',
            '"object"]]',
            "faults[0].sides: 'object' is not a place of this scenario; did you mean objects?",
        ),
        ('"objects"]]', '"eu"]]', "faults[0].sides: 'eu' is on both sides"),
        ('[["eu"],', "[[],", "faults[0].sides: a side must name at least one place"),
        (
            'start = "1m", duration = "30s"',
            'start = "6m", duration = "30s"',
            "faults[0].start: the run ends at 300.0 s",
        ),
        (
            'start = "1m", duration = "30s"',
            'start = "1m", duration = "9m"',
            "faults[0].duration: the fault ends at 600.0 s",
        ),
        (
            'start = "1m", duration = "30s"',
            'start = "-1s", duration = "9m"',
            "faults[0].start: must be >= 0 s",
        ),
        ('start = "1m", duration = "30s"', 'start = "1m", duration = 0', "faults[0].duration: must be > 0 s"),
        (
            "eu = 2, us = 1",
            "eu = 2, uk = 1",
            "workload.agents: 'uk' is not a region of this scenario; did you mean us or eu?",
        ),
        ("eu = 2, us = 1", "eu = 0, us = 0", "workload.agents: no region has an agent"),
        ("duplicates = 0.1", "duplicates = 1.1", "line 13: workload.duplicates: expected `float` <= 1.0"),
        ("duplicates = 0.1", 'until = "6m"', "line 13: workload.until: must be > 0 s"),
        ('delay = "20ms"', 'delay = "-20ms"', "line 17: network.default: delay and jitter must be >= 0 s"),
        ("loss = 0.01", "los = 0.01", "network.default.los: unknown key; did you mean loss?"),
        ('ship_interval = "10s"', "ship_interval = 0", "line 20: policy.ship_interval: must be > 0 s, and is 0.0 s"),
    ],
)
def test_an_error_names_its_place_and_the_fix(old: str, new: str, message: str) -> None:
    """Every error names the file, the line or field, and what to write instead."""
    assert old in TEXT
    with pytest.raises(UnusableInput) as error:
        scenario_files.parse(TEXT.replace(old, new), "two.toml")
    assert str(error.value).startswith("two.toml")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "second"', 'id = "first"', "line 28: faults[1].id: 'first' is also the id of an earlier fault"),
        ('start = "4m"', 'start = "3m"', "line 29: faults[1].start: fault 'first' keeps us down until 180.0 s"),
        (
            'disk = "lost"',
            'disk = "kpt"',
            "line 32: faults[1].disk: 'kpt' is not one of the choices; did you mean kept?",
        ),
        ('disk = "lost"', 'region_ = "us"', "line 32: faults[1].region_: unknown key; did you mean region?"),
    ],
)
def test_an_error_in_a_table_names_its_line(old: str, new: str, message: str) -> None:
    """In an array of tables the line of the right table is named."""
    scenario_files.parse(TABLES, "two.toml")
    with pytest.raises(UnusableInput) as error:
        scenario_files.parse(TABLES.replace(old, new), "two.toml")
    assert message in str(error.value)


def test_a_scenario_built_in_python_is_checked_too() -> None:
    """An invalid value is refused when it is run, by the same rules."""
    crash = RegionCrash(id="x", start=Seconds(10), duration=Seconds(5), region="moon")
    with pytest.raises(UnusableInput, match=r"scenario 'drill': faults\[0\].region: 'moon' is not a region"):
        rehearse(drill(crash))


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    """A name that is neither a file nor in the library gets the nearest one that is."""
    with pytest.raises(UnusableInput, match=r"did you mean three-regions\?"):
        scenario_files.find("three-region")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing file is unusable input, not a traceback."""
    with pytest.raises(UnusableInput, match=r"absent\.toml: cannot be read"):
        scenario_files.load(tmp_path / "absent.toml")


def test_the_library_can_be_meant() -> None:
    """Every scenario of the library loads by its name, by its path in the library, and carries that name."""
    for name in scenario_files.library():
        found = scenario_files.find(name)
        assert found.name == name
        assert scenario_files.find(f"scenarios/{name}.toml") == found


def test_a_drill_can_be_meant() -> None:
    """The scenario of the other tests is a sound one."""
    assert not list(validation_errors(drill()))


SCRIPTED = """\
name = "scripted"
description = ""
duration = "2m"
regions = ["eu", "us"]

[workload]
records = "x"
agents = {{ eu = 1, us = 0 }}

[[script]]
at = "10s"
region = "{region}"
do = "{do}"
"""


@pytest.mark.parametrize(
    ("region", "do", "message"),
    [
        ("mars", "ship", "script[0].region: 'mars' is not a region"),
        ("us", "submit", "script[0].region: region us has no agents; give it one in workload.agents"),
        ("eu", "dance", "dance"),
        ("eu", 'replay"\npeer = "mars', "script[0].peer: 'mars' is not a region"),
    ],
)
def test_an_invalid_script_is_refused(region: str, do: str, message: str) -> None:
    """The message names the act and the fix."""
    with pytest.raises(UnusableInput) as refused:
        scenario_files.parse(SCRIPTED.format(region=region, do=do), "f.toml")
    assert message in str(refused.value)


def test_an_unknown_design_is_refused() -> None:
    """The message names the nearest that there is."""
    text = SCRIPTED.format(region="eu", do="ship").replace(
        'description = ""', 'description = ""\ndesign = "local-arival"'
    )
    with pytest.raises(UnusableInput, match="did you mean local-arrival"):
        scenario_files.parse(text, "f.toml")


def test_what_is_expected_of_a_fault_goes_with_it() -> None:
    """Any part of the faults leaves a scenario that can be meant; with all of them it is the same scenario."""
    for name in scenario_files.library():
        whole = scenario_files.find(name)
        assert whole.with_faults(whole.faults) == whole
        for left_out in whole.faults:
            rest = whole.with_faults(fault for fault in whole.faults if fault is not left_out)
            assert not list(validation_errors(rest))
            assert len(rest.faults) == len(whole.faults) - 1
