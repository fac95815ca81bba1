"""Whatever a scenario file holds, it runs or is refused with the fix: no traceback, no hang."""

import copy
import tomllib
from math import inf, isfinite, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.impl.command import flk

from flk.sim.api.inputs import seeds_of
from flk.sim.api.runs import run
from flk.sim.api.sweeps import sweep
from flk.sim.clients.sources import unreadable
from flk.sim.experiments.run_inputs import synthetic_inputs
from flk.sim.scenarios import document
from flk.sim.scenarios.builder import scenario as begin
from flk.sim.scenarios.files import library, parse
from flk.sim.scenarios.limits import expected_arrivals, intervals
from flk.sim.scenarios.mistakes import read
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.sim.simulate import simulate
from flk.spec.errors import UnusableInput

BASE = """
name = "small"
description = "A bit of everything."
duration = "20s"
regions = ["eu", "us"]
seed = 3

[workload]
records = "synthetic:20"
agents = { eu = 1, us = 1 }
rate = 1
duplicates = 0.1
curve = [{ at = 0, factor = 1 }, { at = "10s", factor = 2 }]
tenants = { default = 1.0 }

[policy]
ship_interval = "2s"
replay_interval = "2s"
pressure = { target_queue = 4, increase = 1.0, decrease = 0.5, floor = 1, interval_seconds = 1.0 }
breaker = { failures = 3, open_seconds = 2.0 }
retry = { max_attempts = 3, base_delay_seconds = 0.5, max_delay_seconds = 4.0, timeout_seconds = 2.0 }

[layout]
shards = 2
audit = { workers = 1, work = "100ms" }

[network]
default = { delay = "10ms", jitter = "1ms" }
links = [{ between = ["eu", "us"], delay = "30ms", bandwidth = 1e6 }]

[slo]
rto = "10s"

[[faults]]
id = "gone"
kind = "region_crash"
start = "5s"
duration = "4s"
region = "us"
disk = "lost"

[[faults]]
id = "cut"
kind = "loss"
start = "12s"
duration = "4s"
sides = [["eu"], ["us", "clients"]]
share = 0.5

[[faults]]
id = "rush"
kind = "burst"
start = "1s"
duration = "4s"
factor = 3

[[hypotheses]]
expect = "eventually"
mark = "healed"
within = "5s"
after = "cut"

[[hypotheses]]
expect = "always"
measure = "lag_max"
most = 30.0
"""
NUMBERS = [
    nan,
    inf,
    -inf,
    1e308,
    -1e308,
    1e13,
    5e-324,
    1e-9,
    -1.0,
    0.0,
    0,
    -1,
    1,
    2,
    10**9,
    2**63,
    10**400,
    True,
    False,
]
TEXTS = [
    "",
    " ",
    "5s",
    "-5s",
    "99999999999999999999h",
    "1e308s",
    "ns",
    "ü",
    "ежа",
    "eu",
    "us",
    "objects",
    "a b",
    "x" * 300,
    "\0",
    "[1]",
]
VALUES: list[Any] = [
    *NUMBERS,
    *TEXTS,
    [],
    [[]],
    [None],
    {},
    {"a": {}},
    ["eu"],
    ["eu", "eu"],
    [1, "a"],
    [{}],
    [[["deep"]]],
]
INPUTS = synthetic_inputs(20)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(found for key, item in items for found in places(item, (*way, key)))]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """The base with a few parts replaced, removed, doubled, or under another name."""
    raw = copy.deepcopy(tomllib.loads(BASE))
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from([place for place in places(raw) if place]))
        parent: Any = raw
        for step in way[:-1]:
            parent = parent[step]
        match draw(st.integers(0, 9)):
            case 0:
                del parent[way[-1]]
            case 1 if isinstance(way[-1], int):
                parent.append(parent[way[-1]])
            case 2 if isinstance(way[-1], str):
                parent[draw(st.sampled_from(TEXTS))] = parent.pop(way[-1])
            case _:
                parent[way[-1]] = draw(st.sampled_from(VALUES) | st.floats() | st.text(max_size=5) | st.integers())
    return raw


def short(scenario: Scenario) -> bool:
    """Whether a run of it takes little."""
    rounds = sum(times * scenario.duration / each for _, (each, times) in intervals(scenario))
    return scenario.duration <= 60 and expected_arrivals(scenario) < 500 and rounds < 2000


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(documents())
def test_every_document_runs_or_is_refused_with_the_fix(raw: dict[str, Any]) -> None:
    """As plain values, which may hold more than a file can: an UnusableInput that names the field, or a run that ends."""
    try:
        found = document.convert(raw, Scenario, "fuzz.toml")
    except UnusableInput as error:
        assert str(error).startswith("fuzz.toml: ")  # noqa: PT017 - any of many messages
        return
    wrong = list(validation_errors(found))
    assert all(one.message for one in wrong)
    if wrong or not short(found):
        return
    try:
        assert simulate(found, INPUTS.submissions, INPUTS.keyring, signer=INPUTS.signer).digest
    except UnusableInput as error:
        assert "fuzz" in str(error) or repr(found.name) in str(error) or found.workload.recorded  # noqa: PT017


@settings(max_examples=60, deadline=None)
@given(documents())
def test_checking_finds_something_where_reading_does(
    tmp_path_factory: pytest.TempPathFactory, raw: dict[str, Any]
) -> None:
    """`read` finds every mistake, `parse` stops at the first; a file is sound to both or to none."""
    try:
        text = "\n".join(f"{document._key(str(key))} = {toml(item)}" for key, item in raw.items())
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeEncodeError, ValueError):
        return
    file = tmp_path_factory.mktemp("fuzz") / "fuzz.toml"
    try:
        file.write_text(text, encoding="utf-8")
    except UnicodeEncodeError:
        return
    mistakes, scenario, workload = read(file)
    try:
        sound = parse(file.read_text(encoding="utf-8"), str(file))
    except UnusableInput as error:
        assert mistakes, error  # noqa: PT017
        assert scenario is None
    else:
        assert scenario == sound or "arrivals" in str(mistakes[0])
    if workload is not None:
        assert all(isinstance(message, str) for message in unreadable(workload))


def toml(value: Any) -> str:
    """A value as a TOML file has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{document._key(str(key))} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value if item is not None) + "]"
    if isinstance(value, float) and not isfinite(value):
        return "nan" if isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return document._inline(value)


@pytest.mark.parametrize("name", ["three-regions", "hostile-senders", "cold-tier-outage", "audit-burst"])
@pytest.mark.parametrize("wrong", [inf, nan, 1e308, 1e-9, -1.0, 10**400, "soon", [], {}])
def test_no_number_of_the_library_may_be_anything(name: str, wrong: object) -> None:
    """Each field of a scenario in turn, set to what it cannot be: accepted where it can, else refused with its name."""
    whole = tomllib.loads(library()[name])
    for way in places(whole):
        if way and not isinstance(way[-1], int):
            raw = copy.deepcopy(whole)
            parent: Any = raw
            for step in way[:-1]:
                parent = parent[step]
            parent[way[-1]] = wrong
            try:
                document.convert(raw, Scenario, name)
            except UnusableInput as error:
                assert str(error).startswith(name), way  # noqa: PT017


def test_every_mistake_is_found_at_once(tmp_path: Path) -> None:
    """Unknown keys, wrong types, choices, ranges, names, missing keys and missing files: each once, with its line."""
    file = tmp_path / "bad.toml"
    file.write_text(
        BASE.replace('"synthetic:20"', '"nowhere.jsonl"\nrecorded = "none.csv"\ncolour = "red"')
        .replace('"region_crash"', '"region_crahs"')
        .replace("share = 0.5", "share = 1.5")
        .replace("rate = 1\n", "rate = inf\n")
        .replace("ship_interval", "ship_intervall"),
        encoding="utf-8",
    )
    done = flk("scenario", "check", str(file), str(tmp_path / "gone.toml"))
    assert done.returncode == 2
    for said in (
        "workload.colour: unknown key",
        "policy.ship_intervall: unknown key; did you mean ship_interval",
        "did you mean region_crash",
        "faults[1].share: expected `float` <= 1.0",
        "workload.rate: inf is not a finite number",
        "nowhere.jsonl: the scenario's records cannot be read",
        "none.csv: cannot be read as a log of arrivals",
        "gone.toml: cannot be read as a scenario",
    ):
        assert done.stderr.count(said) == 1, said
    assert len(done.stderr.splitlines()) == 8


@pytest.mark.parametrize(
    ("field", "value", "fix"),
    [
        ("ship_interval", "1e-9", "must be >= 1 ms"),
        ("ship_interval", "inf", "not a finite number"),
        ("replay_interval", "1e308", "write a smaller number"),
        ("timeout", "nan", "not a finite number"),
    ],
)
def test_intervals_that_no_run_can_keep_are_refused(field: str, value: str, fix: str) -> None:
    """Infinite, immense and nanosecond intervals, with the field and the fix."""
    text = BASE.replace("[policy]", f"[policy]\n{field} = {value}", 1)
    text = text if field not in {"ship_interval", "replay_interval"} else text.replace(f'{field} = "2s"\n', "", 1)
    with pytest.raises(UnusableInput, match=rf"policy\.{field}: .*{fix}"):
        parse(text, "x.toml")


def test_more_than_can_be_followed_is_refused() -> None:
    """10^9 records one by one are refused before anything is drawn; recorded rounds likewise."""
    many = parse(BASE.replace("rate = 1\n", "rate = 1e9\n"), "x.toml")
    with pytest.raises(UnusableInput, match="can be followed one by one; lower the rate"):
        simulate(many, INPUTS.submissions, INPUTS.keyring, signer=INPUTS.signer)
    with pytest.raises(UnusableInput, match="rounds, more than 1e\\+08"):
        parse(BASE.replace('duration = "20s"', 'duration = "700h"').replace('"2s"', '"5ms"'), "x.toml")


def test_scalars_of_numpy_are_numbers() -> None:
    """In the builder, in what a sweep varies, in seeds: the same scenario, the same run."""
    plain = begin("numbers", duration=20, seed=3).regions("eu", "us", agents=1)
    plain = plain.workload(records="synthetic:5", rate=1.5).fault("burst", "b", start=2, duration=3, factor=2)
    other = begin("numbers", duration=np.int64(20), seed=np.int32(3)).regions("eu", "us", agents=np.int64(1))
    other = other.workload(records="synthetic:5", rate=np.float32(1.5))
    other = other.fault("burst", "b", start=np.float64(2), duration=np.int16(3), factor=np.array(2))
    assert other.build().hash == plain.build().hash
    assert run(other, np.int64(7), progress=False).digest == run(plain, 7, progress=False).digest
    varied = sweep(plain, np.int64(1), {"policy.ship_interval": np.array([5.0, 8.0])}, workers=1, progress=False)
    assert varied.cells == ("policy.ship_interval=5", "policy.ship_interval=8")
    assert seeds_of(np.int64(3)) == range(1, 4)
    with pytest.raises(UnusableInput, match=r"seed .*1\.5.*: give a whole number"):
        run(plain, np.float64(1.5), progress=False)  # type: ignore[call-overload]


def test_a_run_of_other_records_than_its_scenario_names_is_refused() -> None:
    """A sweep over sources would have run all cells on the first one's records."""
    base = begin("sources", duration=20).regions("eu", agents=1).workload(records="synthetic:5", rate=1)
    with pytest.raises(UnusableInput, match="records names synthetic:6, and the records at hand are of synthetic:5"):
        sweep(base, 1, {"workload.records": ["synthetic:5", "synthetic:6"]}, workers=1, progress=False)
