"""TOML to values and back. An error names the file, the line or the field, and the fix."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from flk.sim.scenarios.duration import Seconds, is_duration, seconds
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

T = TypeVar("T")
Steps = tuple[str | int, ...]
_WORD = 2**63


class ValidationError(ValueError):
    """An error in a document; `field` says where, as in `faults[2].region`, and `message` what is wrong and how to fix it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def parse(text: str, kind: type[T], file: str) -> T:
    """The value of type `kind` that a TOML text holds. Raises UnusableInput."""
    return convert(toml(text, file), kind, file, text)


def toml(text: str, file: str) -> dict[str, object]:
    """What a TOML text holds. Raises UnusableInput."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnusableInput(f"{file}: not valid TOML: {error}") from None


def convert(raw: Mapping[str, object], kind: type[T], file: str, text: str = "") -> T:
    """The value of type `kind` that plain dictionaries and lists stand for, read from `text`; numbers of NumPy are numbers, too.

    Raises UnusableInput with the first mistake; `mistakes` has them all.
    """
    found = native(raw)
    for error in out_of_range(found):
        raise located(error, text, file)
    try:
        return msgspec.convert(found, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise located(ValidationError(*_explain(str(error), found, kind)), text, file) from None


def mistake(raw: object, kind: Any) -> ValidationError | None:
    """The first mistake in a plain value that is to be of a type; None if it is."""
    try:
        msgspec.convert(raw, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        return ValidationError(*_explain(str(error), raw, kind))
    return None


def native(value: object) -> Any:
    """The value with the scalars and arrays of NumPy as what Python has for them."""
    if isinstance(value, Mapping):
        return {key: native(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [native(item) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.tolist()
    return value


def out_of_range(raw: object, field: str = "") -> Iterator[ValidationError]:
    """Every number that no scenario can mean: infinite, not a number, or beyond all measure; a duration in a text likewise."""
    if isinstance(raw, Mapping):
        for key, item in raw.items():
            yield from out_of_range(item, f"{field}.{key}" if field else str(key))
    elif isinstance(raw, list | tuple):
        for index, item in enumerate(raw):
            yield from out_of_range(item, f"{field}[{index}]")
    elif isinstance(raw, str) and is_duration(raw):
        yield from out_of_range(float(seconds(raw)), field)
    elif isinstance(raw, float):
        if not isfinite(raw):
            yield ValidationError(field, f"{raw} is not a finite number; write one")
        elif abs(raw) > CONSTANTS.scenario.max_number:
            yield ValidationError(field, f"must be within ±{CONSTANTS.scenario.max_number:g}; write a smaller number")
    elif isinstance(raw, int) and not -_WORD <= raw < _WORD:
        yield ValidationError(field, "must fit into 64 bits; write a smaller number")


def located(error: ValidationError, text: str, file: str) -> UnusableInput:
    """The error with the file and, where it can be found, the line."""
    line = _line(text, steps(error.field))
    where = f"{file}, line {line}" if line else file
    return UnusableInput(f"{where}: {error.field or 'the document'}: {error.message}")


def builtins(value: msgspec.Struct | Mapping[str, object]) -> dict[str, object]:
    """The value as plain dictionaries, lists and numbers."""
    found: dict[str, object] = msgspec.to_builtins(value, enc_hook=float)
    return found


def builtin(value: object) -> object:
    """A field of a value as plain dictionaries, lists and numbers."""
    found: object = msgspec.to_builtins(value, enc_hook=float)
    return found


def plain(value: msgspec.Struct) -> dict[str, object]:
    """The value as plain dictionaries, lists and numbers, without defaults."""
    config = type(value).__struct_config__
    tag: dict[str, object] = {config.tag_field: config.tag} if config.tag_field else {}
    fields = msgspec.structs.fields(value)
    return tag | {f.encode_name: _plain(found) for f in fields if (found := getattr(value, f.name)) != _default(f)}


def table(value: object) -> Mapping[str, object]:
    """A part of a plain value that is known to be a table."""
    assert isinstance(value, Mapping)
    return value


def tables(value: object) -> Sequence[Mapping[str, object]]:
    """A part of a plain value that is known to be a list of tables."""
    assert isinstance(value, list)
    return [table(item) for item in value]


def _plain(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return builtin(value)


def _default(field: msgspec.structs.FieldInfo) -> object:
    """What a field is if nothing is said; something that nothing equals if that cannot be."""
    return field.default_factory() if callable(field.default_factory) else field.default


def to_toml(value: msgspec.Struct) -> str:
    """A TOML text that `parse` reads back as the same value."""
    raw = plain(value)
    single = {key: item for key, item in raw.items() if isinstance(item, Mapping)}
    listed = {key: tables(item) for key, item in raw.items() if _is_list_of_tables(item)}
    lines = _pairs({key: item for key, item in raw.items() if key not in single and key not in listed})
    for name, item in single.items():
        lines += ["", f"[{name}]", *_pairs(item)]
    for name, items in listed.items():
        for item in items:
            lines += ["", f"[[{name}]]", *_pairs(item)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, object]) -> list[str]:
    return [f"{_key(key)} = {_inline(item)}" for key, item in table.items() if item is not None]


def _is_list_of_tables(item: object) -> bool:
    return isinstance(item, list) and bool(item) and all(isinstance(entry, Mapping) for entry in item)


def _decode(kind: type, raw: object) -> object:
    if kind is Seconds:
        return seconds(raw)
    raise NotImplementedError(kind)


def _inline(item: object) -> str:
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in item.items() if v is not None) + " }"
    if isinstance(item, list | tuple):
        return "[" + ", ".join(map(_inline, item)) + "]"
    return (
        msgspec.json.encode(item).decode().replace("\x7f", "\\u007f")
    )  # the one character that TOML escapes and JSON does not


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else msgspec.json.encode(key).decode()


def _explain(message: str, raw: object, kind: Any) -> tuple[str, str]:
    """The field and the sentence of a validation error, with the fix where one is known."""
    what, _, path = message.partition(" - at `$")
    field = path.strip("`").lstrip(".")
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", what):
        known = [name for name in _fields(kind, raw, steps(field)) if name != unknown[1]]
        return ".".join(filter(None, (field, unknown[1]))), f"unknown key; {nearest(unknown[1], known)}"
    if wrong := re.fullmatch(r"Invalid (?:enum )?value (.+)", what):
        known = _choices(kind, raw, steps(field))
        return field, f"{wrong[1]} is not one of the choices; {nearest(wrong[1].strip(chr(39)), known)}"
    if missing := re.fullmatch(r"Object missing required field `(.+)`", what):
        return field, f"required key {missing[1]!r} is missing; add it"
    return field, what[0].lower() + what[1:]


def steps(field: str) -> Steps:
    """The keys and places that lead to a field."""
    return tuple(
        int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]", field)
    )


def _fields(kind: Any, raw: Any, way: Steps) -> list[str]:
    """The keys that the table at `way` may have."""
    struct = _kind_at(kind, raw, way)[0]
    tag = struct.__struct_config__.tag_field
    return [*struct.__struct_encode_fields__, *([tag] if tag else [])]


def _choices(kind: Any, raw: Any, way: Steps) -> list[str]:
    """The values that the enumeration or tag at `way` may have."""
    around = _kind_at(kind, raw, way[:-1]) if way else []
    if around and way[-1] == _tag_field(around):
        return [str(option.__struct_config__.tag) for option in around]
    return [str(member) for option in _kind_at(kind, raw, way) for member in option]


def _kind_at(kind: Any, raw: Any, way: Steps) -> list[Any]:
    """The types that the value at `way` may have; of a tagged union the one that its tag chooses, if it chooses one."""
    for step in way:
        kind = get_args(kind)[0] if isinstance(step, int) else get_type_hints(chosen(kind, raw)[0])[step]
        raw = raw[step]
    return chosen(kind, raw)


def chosen(kind: Any, raw: Any) -> list[Any]:
    """The types that a value may have; of a tagged union the one that its tag chooses, if it chooses one."""
    options = [kind] if isinstance(kind, type) else list(get_args(kind))
    tag = raw.get(_tag_field(options)) if isinstance(raw, Mapping) else None
    fitting = [
        option for option in options if hasattr(option, "__struct_config__") and option.__struct_config__.tag == tag
    ]
    return fitting if tag is not None and fitting else options


def _tag_field(options: Sequence[Any]) -> str | None:
    """The key by which a table says which of the options it is."""
    fields = {option.__struct_config__.tag_field for option in options if hasattr(option, "__struct_config__")}
    return fields.pop() if len(fields) == 1 else None


def _line(text: str, way: Steps) -> int | None:
    """The number of the line that defines the field: as near as the headers and keys of the text lead."""
    found = None
    lines = text.splitlines()
    position = 0
    for depth, step in enumerate(way):
        name = way[depth - 1] if isinstance(step, int) else step
        word = re.escape(str(name))
        header = rf"\s*(\[+\s*(?:[\w-]+\.)*{word}(?:\.[\w-]+)*\s*\]+|{word}\s*=)"
        matches = [number for number in range(position, len(lines)) if re.match(header, lines[number])]
        wanted = step if isinstance(step, int) else 0
        if wanted >= len(matches):
            break
        found = position = matches[wanted]
    return None if found is None else found + 1
