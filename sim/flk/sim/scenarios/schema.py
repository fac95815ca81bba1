"""The JSON schema of a scenario file."""

from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, Meta

from flk.sim.scenarios import document
from flk.sim.scenarios.duration import PATTERN, Seconds
from flk.sim.scenarios.scenario import Scenario

_WRITTEN = float | Annotated[str, Meta(pattern=f"^{PATTERN}$")]


def schema() -> dict[str, object]:
    """The schema (JSON Schema, draft 2020-12), for completion and checks in an editor."""
    found = msgspec.json.schema(_as_written(Scenario))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A scenario of FLK Lab", **found}


def _as_written(kind: Any) -> Any:
    """The type with durations as a file may have them: as a number or as a text."""
    if kind is Seconds:
        return _WRITTEN
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind)
    arguments = tuple(map(_as_written, get_args(kind)))
    if get_origin(kind) in {Union, UnionType}:
        return reduce(or_, arguments)
    if get_origin(kind) in {tuple, dict}:
        return get_origin(kind)[arguments]
    return kind


@cache
def _struct(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    hints = get_type_hints(kind, include_extras=True)
    fields = []
    for field in msgspec.structs.fields(kind):
        default = field.default_factory() if callable(field.default_factory) else field.default
        plain = default if default is NODEFAULT else document.builtin(default)
        fields.append((field.name, _as_written(hints[field.name]), *([] if plain is NODEFAULT else [_given(plain)])))
    config = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__,
        fields,
        kw_only=True,
        forbid_unknown_fields=True,
        tag=config.tag,
        tag_field=config.tag_field,
        namespace={"__doc__": kind.__doc__},
    )


def _given(plain: Any) -> Any:
    """A default that is not shared where it could be changed."""
    return msgspec.field(default_factory=lambda: plain) if isinstance(plain, dict | list) else plain
