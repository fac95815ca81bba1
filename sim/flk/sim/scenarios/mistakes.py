"""Every mistake of a scenario file at once, where reading it stops at the first."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from flk.sim.scenarios import document
from flk.sim.scenarios.document import ValidationError
from flk.sim.scenarios.limits import arrival_errors
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.sim.scenarios.workload import Workload
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

T = TypeVar("T")


class Reading(NamedTuple):
    """Every mistake in a file, each with its line and the fix; the scenario if there is none; its workload if it can be read."""

    mistakes: list[UnusableInput]
    scenario: Scenario | None = None
    workload: Workload | None = None


def read(path: str | Path) -> Reading:
    """What a file holds. Where some fields cannot be read, the others are still held against each other, as far as they make a
    scenario.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        raw = document.toml(text, str(path))
    except (OSError, UnicodeDecodeError) as error:
        return Reading([UnusableInput(f"{path}: cannot be read as a scenario: {error}")])
    except UnusableInput as error:
        return Reading([error])
    found = [*document.out_of_range(raw), *_of_value(raw, Scenario, "")]
    rest = _rest(raw, found)
    scenario, workload = _made(rest, Scenario), _made(rest.get("workload"), Workload)
    if scenario is not None:
        known = {error.field for error in found}
        found += [error for error in validation_errors(scenario) if error.field not in known]
        found += list(arrival_errors(scenario))
    said = dict.fromkeys(str(document.located(error, text, str(path))) for error in found)
    return Reading([UnusableInput(message) for message in said], None if said else scenario, workload)


def _rest(raw: Any, found: list[ValidationError]) -> dict[str, Any]:
    """The document without the fields that cannot be read."""
    kept: dict[str, Any] = document.native(raw)
    for error in found:
        *way, last = document.steps(error.field) or ("",)
        place: Any = kept
        for step in way:
            place = _part(place, step)
        if isinstance(place, dict):
            place.pop(last, None)
    return kept


def _made(raw: Any, kind: type[T]) -> T | None:
    """The value that a plain one stands for; None if it stands for none."""
    try:
        return document.convert(raw, kind, "")
    except UnusableInput:
        return None


def _part(place: Any, step: str | int) -> Any:
    if isinstance(place, dict):
        return place.get(step)
    return place[step] if isinstance(place, list) and isinstance(step, int) and step < len(place) else None


def _of_value(raw: Any, kind: Any, field: str) -> Iterator[ValidationError]:
    """The mistakes in a value that is to be of a type: those of its parts, or else its own."""
    own = document.mistake(raw, kind)
    if own is None:
        return
    parts = list(_of_parts(raw, kind, field))
    yield from parts or [ValidationError(_joined(field, own.field), own.message)]


def _of_parts(raw: Any, kind: Any, field: str) -> Iterator[ValidationError]:
    chosen = document.chosen(kind, raw)
    only = chosen[0] if len(chosen) == 1 else None
    if isinstance(raw, Mapping) and isinstance(only, type) and issubclass(only, msgspec.Struct):
        yield from _of_table(raw, only, field)
    elif isinstance(raw, Mapping) and get_origin(kind) is dict:
        for key, item in raw.items():
            yield from _of_value(item, get_args(kind)[1], _joined(field, str(key)))
    elif isinstance(raw, list) and get_origin(kind) is tuple:
        kinds = get_args(kind)
        each = [kinds[0]] * len(raw) if kinds[-1] is ... else kinds
        for index, (item, one) in enumerate(zip(raw, each, strict=False)):
            yield from _of_value(item, one, f"{field}[{index}]")


def _of_table(raw: Mapping[str, Any], kind: type[msgspec.Struct], field: str) -> Iterator[ValidationError]:
    """Unknown keys, missing ones, and the mistakes in the others."""
    hints = get_type_hints(kind, include_extras=True)
    tag = kind.__struct_config__.tag_field
    for key in raw:
        if key not in hints and key != tag:
            known = [*(name for name in hints if name != key), *([tag] if tag else [])]
            yield ValidationError(_joined(field, key), f"unknown key; {nearest(key, known)}")
    for one in msgspec.structs.fields(kind):
        if one.name in raw:
            yield from _of_value(raw[one.name], hints[one.name], _joined(field, one.name))
        elif one.required:
            yield ValidationError(field, f"required key {one.name!r} is missing; add it")


def _joined(field: str, more: str) -> str:
    return f"{field}{'' if not field or not more or more.startswith('[') else '.'}{more}"
