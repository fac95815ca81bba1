"""The lines of a trace: a header if there is one, then events."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn, TypeVar

import msgspec

from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

T = TypeVar("T", bound=msgspec.Struct)


class Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One step that was seen; `line` is where. See the package for the meaning of each field."""

    action: str
    arguments: dict[str, object] = {}
    state: dict[str, object] = {}
    before: dict[str, object] = {}
    node: object = None
    at: object = None
    note: object = None
    line: int = 0


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """What holds for the whole trace."""

    protocol: str = ""
    hidden: tuple[str, ...] = ()
    at_most: int = 1
    elements: dict[str, tuple[object, ...]] = {}
    initially: dict[str, object] = {}


class Mistake(Exception):
    """Something in an event or header that has no meaning. Says what, and the fix."""


_event = msgspec.json.Decoder(Event).decode
_UNKNOWN = re.compile(r"unknown field `(.*?)`")
_HEADS = re.compile(rb'"action"\s*:')


def refuse(source: str, line: int, what: object) -> NoReturn:
    """Raise UnusableInput for a line of the trace."""
    raise UnusableInput(f"{source}:{line}: {what}")


def split(lines: Iterable[bytes], source: str) -> tuple[Header, Iterator[Event]]:
    """The header, an empty one if there is none, and the events, one at a time. Raises UnusableInput, as the iterator does,
    for a line that is not what it should be.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if not line.isspace())
    first = next(numbered, None)
    if first is None:
        raise UnusableInput(f"{source}: the trace is empty: nothing was recorded, or the wrong file was named")
    number, line = first
    if _HEADS.search(line):
        return Header(), _events(numbered, source, first)
    return _decode(line, source, number, Header), _events(numbered, source)


def _events(
    numbered: Iterable[tuple[int, bytes]], source: str, first: tuple[int, bytes] | None = None
) -> Iterator[Event]:
    if first is not None:
        yield _decode_event(first[1], source, first[0])
    for number, line in numbered:
        try:
            event = _event(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            event = _decode_event(line, source, number)
        event.line = number
        yield event


def _decode_event(line: bytes, source: str, number: int) -> Event:
    event = _decode(line, source, number, Event)
    event.line = number
    return event


def _decode(line: bytes, source: str, number: int, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.ValidationError as error:
        unknown = _UNKNOWN.search(str(error))
        fields = [name for name in kind.__struct_fields__ if name != "line"]
        fix = nearest(unknown[1], fields) if unknown else _MEANT[kind]
        refuse(source, number, f"{error}; {fix}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        refuse(source, number, f"this is no JSON object on one line: {error}")


_MEANT: Mapping[type, str] = {
    Event: 'write {"action": NAME, "arguments": {...}, "state": {...}}',
    Header: 'write a header {"protocol": NAME, ...} or an event {"action": NAME, ...}',
}
