"""Variants of a scenario: values for its fields, named by paths such as `policy.ship_interval` or `faults.cut.duration`."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from flk.sim.scenarios import document
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

Value: TypeAlias = float | int | str | bool
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Axis(NamedTuple):
    """A field of the scenario and the values that it is to have. A fault is named by its id, an element of a list by `[0]`."""

    path: str
    values: tuple[object, ...]


class Cell(NamedTuple):
    """One variant: the scenario, and the varied fields with their values as the scenario now has them."""

    scenario: Scenario
    parameters: tuple[tuple[str, Value], ...]

    @property
    def label(self) -> str:
        """Such as `policy.ship_interval=10`; the scenario's name if nothing is varied."""
        return ", ".join(f"{path}={shown(value)}" for path, value in self.parameters) or self.scenario.name


def axis(text: str) -> Axis:
    """The axis that a text such as `policy.ship_interval=10s,30s` means. Raises UnusableInput."""
    path, equals, written = text.partition("=")
    if not equals or not path.strip() or not written.strip():
        raise UnusableInput(f"--vary {text}: give a field and its values, such as policy.ship_interval=10s,30s")
    return Axis(path.strip(), tuple(_values(written)))


def cells(scenario: Scenario, axes: Sequence[Axis]) -> tuple[Cell, ...]:
    """Every combination of the values. Raises UnusableInput, which names the field and the fix, for a variant that is invalid."""
    found = tuple(_cell(scenario, axes, values) for values in product(*(axis.values for axis in axes)))
    seen: dict[str, Cell] = {}
    for cell in found:
        if cell.scenario.hash in seen:
            raise UnusableInput(f"--vary: {cell.label} is the same scenario twice; give each value once")
        seen[cell.scenario.hash] = cell
    return found


def shown(value: Value) -> str:
    """A value as people write it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(scenario: Scenario, axes: Sequence[Axis], values: Sequence[object]) -> Cell:
    raw = _open(document.builtins(scenario))
    for axis, value in zip(axes, values, strict=True):
        _put(raw, axis.path, value)
    said = ", ".join(f"{axis.path}={value}" for axis, value in zip(axes, values, strict=True))
    varied = document.convert(raw, Scenario, f"--vary {said}")
    for error in validation_errors(varied):
        raise document.located(error, "", f"--vary {said}")
    raw = document.builtins(varied)
    return Cell(varied, tuple((axis.path, _plain(_get(raw, axis.path))) for axis in axes))


def _open(raw: object) -> Any:
    """The same with lists for tuples, so that elements can be set."""
    if isinstance(raw, dict):
        return {key: _open(value) for key, value in raw.items()}
    return [_open(value) for value in raw] if isinstance(raw, list | tuple) else raw


def _put(raw: Any, path: str, value: object) -> None:
    """Set the field at a path. A table that is not there yet is made, so that its fields can be set one by one."""
    steps = _steps(raw, path)
    for step in steps[:-1]:
        if isinstance(raw, dict) and raw.get(step) is None:
            raw[step] = {}
        raw = _into(raw, step, path)
    if not isinstance(raw, dict):
        _into(raw, steps[-1], path)  # refuses what is not there
    raw[steps[-1]] = value


def _get(raw: Any, path: str) -> object:
    for step in _steps(raw, path):
        raw = raw[step]
    return raw


def _into(raw: Any, step: str | int, path: str) -> Any:
    if isinstance(raw, Mapping):
        return raw[step]
    if isinstance(raw, list | tuple) and isinstance(step, int) and step < len(raw):
        return raw[step]
    raise UnusableInput(
        f"--vary {path}: there is nothing at {step!r}; give the path of a field, such as network.links[0].delay"
    )


def _steps(raw: Any, path: str) -> list[str | int]:
    """The steps of a path, the id of a fault replaced by its place."""
    steps: list[str | int] = [int(index) if index else name for name, index in _STEP.findall(path)]
    if len(steps) > 1 and steps[0] == "faults" and isinstance(steps[1], str):
        ids = [fault["id"] for fault in raw["faults"]]
        if steps[1] not in ids:
            raise UnusableInput(f"--vary {path}: no fault has the id {steps[1]!r}; {nearest(steps[1], ids)}")
        steps[1] = ids.index(steps[1])
    return steps


def _values(written: str) -> list[object]:
    """The values between the commas, each as TOML would read it, or else as a text."""
    try:
        together: list[object] = tomllib.loads(f"values = [{written}]")["values"]
    except tomllib.TOMLDecodeError:
        return [_value(part.strip()) for part in written.split(",")]
    return together


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _plain(value: object) -> Value:
    return value if isinstance(value, float | int | str) else str(value)
