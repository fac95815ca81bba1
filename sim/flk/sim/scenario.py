"""A scenario: a frozen value that says what is there, what happens to it and what is asked of it."""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from itertools import combinations
from pathlib import Path as File

import msgspec

from flk.sim import document
from flk.sim.designs import DESIGNS
from flk.sim.document import Mistake, nearest
from flk.sim.duration import Seconds
from flk.sim.faults import Fault, LinkFaultBase, RegionCrash, RegionFault
from flk.sim.hypotheses import Hypothesis
from flk.sim.layout import Layout
from flk.sim.policy import Objectives, Policy
from flk.sim.script import Act, Replay, Submit
from flk.sim.topology import CLIENTS, Network, expand, places
from flk.sim.workload import Workload
from flk.spec.errors import UnusableInput

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LIBRARY = files("flk.sim").joinpath("scenarios")
_RESERVED = frozenset(places(()))


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One drill. Times are seconds from its start; `seed` is the luck it has unless another is asked for.

    A `script` says exactly who submits, ships and replays when; without one, records come at random and rounds at intervals.
    A `steady` scenario is everyday life, whose beginning is cut off as warm-up; any other is an incident, measured whole.
    `design` names one of the refuted designs of `sim.designs` to be run in place of the model's programs.
    """

    name: str
    description: str
    duration: Seconds
    regions: tuple[str, ...]
    workload: Workload
    seed: int = 1
    network: Network = Network()
    policy: Policy = Policy()
    slo: Objectives = Objectives()
    faults: tuple[Fault, ...] = ()
    layout: Layout = Layout()
    hypotheses: tuple[Hypothesis, ...] = ()
    steady: bool = False
    script: tuple[Act, ...] = ()
    design: str = ""

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that name this content."""
        canonical = msgspec.json.encode(document.builtins(self), order="sorted")
        return sha256(canonical).hexdigest()[:16]

    @property
    def crashes(self) -> tuple[RegionCrash, ...]:
        """The faults that take a region down, earliest first."""
        found = (fault for fault in self.faults if isinstance(fault, RegionCrash))
        return tuple(sorted(found, key=lambda fault: fault.start))

    def to_toml(self) -> str:
        """The scenario as a file that `load` reads back as the same value."""
        return document.to_toml(self)


def load(path: str | File) -> Scenario:
    """The scenario in a TOML file. Raises UnusableInput, which names the file, the line or field, and the mend."""
    try:
        text = File(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path}: cannot be read as a scenario: {error}") from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Scenario:
    """The scenario in a TOML text; `file` is what messages call it. Raises UnusableInput."""
    scenario = document.parse(text, Scenario, file)
    for mistake in mistakes(scenario):
        raise document.located(mistake, text, file)
    return scenario


def library() -> dict[str, str]:
    """The scenarios that come with the lab: their names and texts."""
    found = (entry for entry in _LIBRARY.iterdir() if entry.name.endswith(".toml"))
    return {entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8") for entry in found}


def find(name: str) -> Scenario:
    """The scenario that a name of the library, `scenarios/NAME.toml` or the path of a file stands for. Raises UnusableInput."""
    if File(name).is_file():
        return load(name)
    known = library()
    short = name.removeprefix("scenarios/").removesuffix(".toml")
    if short in known:
        return parse(known[short], f"scenarios/{short}.toml")
    raise UnusableInput(f"{name}: no such file, and no scenario of the library; {nearest(short, sorted(known))}")


def mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """What cannot be meant, although every field has the right type."""
    yield from _of_regions(scenario)
    yield from _of_durations(scenario)
    yield from _of_network(scenario)
    yield from _of_workload(scenario)
    yield from _of_faults(scenario)
    yield from _of_script(scenario)


def _of_regions(scenario: Scenario) -> Iterator[Mistake]:
    yield from _bad_label("name", scenario.name)
    if not scenario.regions:
        yield Mistake("regions", "there must be at least one region")
    for index, region in enumerate(scenario.regions):
        if not _NAME.fullmatch(region) or region in {*_RESERVED, CLIENTS}:
            yield Mistake("regions", f"{region!r} cannot name a region; use lowercase letters, digits and hyphens")
        if region in scenario.regions[:index]:
            yield Mistake("regions", f"{region!r} is listed twice; remove one")


def _of_durations(scenario: Scenario) -> Iterator[Mistake]:
    values = {"duration": scenario.duration}
    for name in ("policy", "slo"):
        table = getattr(scenario, name)
        found = {key: getattr(table, key) for key in table.__struct_fields__}
        values |= {f"{name}.{key}": value for key, value in found.items() if isinstance(value, Seconds)}
    for field, value in values.items():
        if value <= 0:
            yield Mistake(field, f"{value} s is no time; it must be greater than 0")


def _of_network(scenario: Scenario) -> Iterator[Mistake]:
    for index, link in enumerate(scenario.network.links):
        yield from _unknown_places(f"network.links[{index}].between", link.between, scenario)
    for index, path in enumerate((scenario.network.default, *scenario.network.links), -1):
        if path.delay < 0 or path.jitter < 0:
            field = f"network.links[{index}].delay" if index >= 0 else "network.default"
            yield Mistake(field, "a message cannot arrive before it is sent; delay and jitter are at least 0")


def _of_workload(scenario: Scenario) -> Iterator[Mistake]:
    workload = scenario.workload
    for region in workload.agents:
        yield from _unknown("workload.agents", region, scenario.regions, "region")
    if not sum(workload.agents.values()):
        yield Mistake("workload.agents", "nobody sends anything; give at least one region an agent")
    if workload.until is not None and not 0 < workload.until <= scenario.duration:
        yield Mistake("workload.until", f"must be after 0 and not after the end of the run, {scenario.duration} s")


def _of_faults(scenario: Scenario) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, fault in enumerate(scenario.faults):
        field = f"faults[{index}]"
        yield from _bad_label(f"{field}.id", fault.id)
        if fault.id in seen:
            yield Mistake(f"{field}.id", f"{fault.id!r} is the id of an earlier fault too; give each its own")
        seen.add(fault.id)
        yield from _outside_run(field, fault, scenario.duration)
        if isinstance(fault, RegionFault):
            yield from _unknown(f"{field}.region", fault.region, scenario.regions, "region")
        if isinstance(fault, LinkFaultBase):
            yield from _bad_sides(f"{field}.sides", fault.sides, scenario)
    for one, other in combinations(scenario.crashes, 2):
        if one.region == other.region and other.start <= one.end:
            field = f"faults[{scenario.faults.index(other)}].start"
            yield Mistake(field, f"{other.region} is still down by {one.id!r} until {one.end} s; start it after that")


def _of_script(scenario: Scenario) -> Iterator[Mistake]:
    if scenario.design and scenario.design not in DESIGNS:
        yield Mistake("design", f"{scenario.design!r} is not a design; {nearest(scenario.design, sorted(DESIGNS))}")
    for index, act in enumerate(scenario.script):
        field = f"script[{index}]"
        yield from _unknown(f"{field}.region", act.region, scenario.regions, "region")
        if isinstance(act, Submit) and not scenario.workload.agents.get(act.region):
            yield Mistake(
                f"{field}.region", f"nobody is near {act.region} to submit; give it an agent in workload.agents"
            )
        if isinstance(act, Replay):
            yield from _unknown(f"{field}.peer", act.peer, scenario.regions, "region")
        if not 0 <= act.at < scenario.duration:
            yield Mistake(
                f"{field}.at", f"{act.at} s is not in the run; it begins at 0 and ends at {scenario.duration} s"
            )


def _bad_label(field: str, label: str) -> Iterator[Mistake]:
    if not _LABEL.fullmatch(label):
        yield Mistake(field, f"{label!r} cannot be a name here; use letters, digits, dots, hyphens and underscores")


def _outside_run(field: str, fault: Fault, duration: float) -> Iterator[Mistake]:
    if fault.start < 0:
        yield Mistake(f"{field}.start", "a fault cannot start before the run; 0 is its beginning")
    if fault.duration <= 0:
        yield Mistake(f"{field}.duration", "a fault lasts longer than 0 seconds")
    if fault.start >= duration:
        yield Mistake(
            f"{field}.start", f"the run ends at {duration} s, before this fault; start it earlier or run longer"
        )
    elif fault.end > duration:
        yield Mistake(
            f"{field}.duration", f"this fault would end at {fault.end} s, after the run ({duration} s); shorten it"
        )


def _bad_sides(field: str, sides: Iterable[tuple[str, ...]], scenario: Scenario) -> Iterator[Mistake]:
    seen: set[str] = set()
    for side in sides:
        if not side:
            yield Mistake(field, "a side names at least one place")
        names = set(expand(side, scenario.regions))
        yield from _unknown_places(field, names, scenario)
        if names & seen:
            yield Mistake(field, f"{min(names & seen)!r} is on both sides; keep it on one")
        seen |= names


def _unknown_places(field: str, names: Iterable[str], scenario: Scenario) -> Iterator[Mistake]:
    for name in sorted(names):
        yield from _unknown(field, name, places(scenario.regions), "place")


def _unknown(field: str, name: str, known: tuple[str, ...], what: str) -> Iterator[Mistake]:
    if name not in known:
        yield Mistake(field, f"{name!r} is not a {what} of this scenario; {nearest(name, known)}")
