"""What a person gives, made into what the rest of the room takes: scenarios, seeds, durations, fields to vary, kinds of faults."""

from collections.abc import Iterable, Mapping
from math import inf
from operator import index
from os import PathLike, fspath
from typing import SupportsIndex, TypeAlias, get_args

import msgspec

from flk.sim.experiments.variation import Axis, Cell, cells
from flk.sim.scenarios.builder import Draft
from flk.sim.scenarios.duration import seconds
from flk.sim.scenarios.faults import Fault, FaultBase
from flk.sim.scenarios.files import find
from flk.sim.scenarios.scenario import Scenario
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

AnyScenario: TypeAlias = Scenario | Draft | str | PathLike[str]
"""A scenario, one that is still being put together, the name of one in the library, or the path of a TOML file."""
AnySeeds: TypeAlias = SupportsIndex | str | range
"""How many seeds, counted from 1, or which: `100`, `"500..599"`, `range(500, 600)`."""
AnyDuration: TypeAlias = float | str | None
"""Seconds as a number, or a text such as `"5m"`."""
Changes: TypeAlias = Mapping[str, object]
"""Fields of a scenario and the values they are to have: `{"policy.ship_interval": "10s", "faults.cut.duration": 60}`."""

KINDS: dict[str, type[FaultBase]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Fault)}
"""The kinds of faults by the names that scenario files give them."""


def scenario_of(given: AnyScenario, records: str | PathLike[str] | None = None) -> Scenario:
    """The scenario that is meant, fed from another source of records if one is named. Raises UnusableInput."""
    if isinstance(given, Draft):
        given = given.build()
    found = given if isinstance(given, Scenario) else find(fspath(given))
    if records is None:
        return found
    return msgspec.structs.replace(found, workload=msgspec.structs.replace(found.workload, records=fspath(records)))


def seeds_of(given: AnySeeds) -> range:
    """The seeds that are meant; whole numbers of NumPy are numbers, too. Raises UnusableInput if that are none."""
    if isinstance(given, range):
        found = given
    else:
        first, dots, last = str(given).partition("..")
        try:
            found = range(int(first), int(last) + 1) if dots else range(1, int(first) + 1)
        except ValueError:
            found = range(0)
    if not found or found.step != 1:
        raise UnusableInput(f"seeds {given}: write how many, such as 100, or the first and the last, such as 500..599")
    return found


def number_of(given: SupportsIndex | None, what: str) -> int | None:
    """A whole number, of NumPy or of Python, if one is given. Raises UnusableInput for anything else."""
    try:
        return None if given is None else index(given)
    except TypeError:
        raise UnusableInput(f"{what} {given!r}: give a whole number, such as 7") from None


def budget_of(given: AnyDuration) -> float:
    """Seconds; without end if nothing is given. Raises UnusableInput."""
    if given is None:
        return inf
    try:
        text = str(given)
        return seconds(float(text) if text.replace(".", "", 1).isdecimal() else given)
    except ValueError as error:
        raise UnusableInput(f"budget {error}") from None


def variants(scenario: Scenario, vary: Mapping[str, Iterable[object]] | None) -> tuple[Cell, ...]:
    """Every combination of the values of the varied fields. Raises UnusableInput, which names the field and the fix."""
    return cells(scenario, [_axis(path, values) for path, values in (vary or {}).items()])


def changed(scenario: Scenario, changes: Changes) -> Cell:
    """The scenario with these fields changed. Raises UnusableInput, which names the field and the fix."""
    (cell,) = cells(scenario, [Axis(path, (value,)) for path, value in changes.items()])
    return cell


def kinds_of(names: Iterable[str]) -> tuple[type[FaultBase], ...]:
    """The kinds of faults of these names. Raises UnusableInput for a name that no kind has."""
    for name in names:
        if name not in KINDS:
            raise UnusableInput(f"{name!r} is no kind of fault; {nearest(name, KINDS)}")
    return tuple(KINDS[name] for name in names)


def _axis(path: str, values: Iterable[object]) -> Axis:
    listed = () if isinstance(values, str) else tuple(values)
    if not listed:
        raise UnusableInput(f"vary {path}: give a list of values, such as ['10s', '30s']")
    return Axis(path, listed)
