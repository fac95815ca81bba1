"""A configuration file: the options of a command in TOML, by their names with underscores, and its bounds in the table `limits`.

data = "data"                  # a relative path starts at the file's directory
keys = "keys.toml"
region = "eu"
peer = ["us", "ap:tenant-a"]   # an option that may be given more than once
ship_every = 5

[limits]
max_connections = 1000
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from flk.impl.command.configuration.settings import Given, Setting
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

LIMITS = "limits"
_HEADER = re.compile(r"\s*\[\s*([\w.\"'-]+)\s*\]")
_KEY = re.compile(r"\s*[\"']?([\w.-]+)[\"']?\s*=")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")

BoundChecker = Callable[[str], object]
"""Raises UnusableInput for a bound, given as NAME=VALUE, that makes no sense."""


class Rules(NamedTuple):
    """What a file may hold: settings by name; why some of them do not belong there; and which bounds make sense."""

    settings: Mapping[str, Setting]
    unfit: Mapping[str, str]
    check_bound: BoundChecker


def read(path: Path, rules: Rules) -> Given:
    """The settings of a file; the bounds are those of the option `limit`. Raises UnusableInput if it cannot be read."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path}: the configuration cannot be read ({error}); `flk config` prints one") from None
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _AT_LINE.search(str(error))
        raise UnusableInput(
            f"{path}:{found[1] if found else len(text.splitlines())}: not valid TOML: {error}"
        ) from None
    lines = _lines(text)
    values: dict[str, object] = {}
    bounds: list[str] = []
    mistakes: list[tuple[int, str]] = []
    for name, value in table.items():
        try:
            if name != LIMITS:
                values[name] = _value(name, value, path.parent, rules)
        except _Wrong as wrong:
            mistakes.append((lines.get(name, 1), f"{name}: {wrong}"))
    for name, bound in _bounds(table.get(LIMITS, {}), LIMITS):
        try:
            bounds.append(_checked(name, bound, rules.check_bound))
        except _Wrong as wrong:
            mistakes.append((lines.get(name, 1), f"{name}: {wrong}"))
    if bounds:
        values["limit"] = bounds
    places = {name: f"{path}:{lines.get(LIMITS if name == 'limit' else name, 1)}" for name in values}
    return Given(values, places, [f"{path}:{line}: {message}" for line, message in sorted(mistakes)])


class _Wrong(Exception):
    """What is wrong with a value, and the fix."""


def _value(name: str, value: object, folder: Path, rules: Rules) -> object:
    """The value of a setting as the command line would give it. Raises _Wrong."""
    if name in rules.unfit:
        raise _Wrong(rules.unfit[name])
    setting = rules.settings.get(name)
    if setting is None:
        known = sorted((*(rules.settings.keys() - rules.unfit.keys()), LIMITS))
        raise _Wrong(f"there is no such setting; {nearest(name, known)}")
    if value not in setting:
        raise _Wrong(f"{_shown(value)} will not do; write {setting.form}")
    return str(folder / str(value)) if setting.is_path else value


def _bounds(value: object, table: str) -> Iterator[tuple[str, object]]:
    """The bounds of a table and of the tables in it, with the name of the table before theirs."""
    if isinstance(value, dict):
        for name, bound in value.items():
            yield from _bounds(bound, f"{table}.{name}")
    else:
        yield table, value


def _checked(name: str, bound: object, check: BoundChecker) -> str:
    """A bound as NAME=VALUE. Raises _Wrong."""
    if name == LIMITS:
        raise _Wrong(f"{_shown(bound)} will not do; write a table, [{LIMITS}]")
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        raise _Wrong(f"{_shown(bound)} will not do; write a number, as in {LIMITS}.max_connections = 1000")
    given = f"{name.removeprefix(f'{LIMITS}.')}={bound}"
    try:
        check(given)
    except UnusableInput as wrong:
        raise _Wrong(str(wrong).removeprefix("--limit").removeprefix(f" {given}").removeprefix(": ")) from None
    return given


def _shown(value: object) -> str:
    """A value as TOML has it, not too long."""
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _lines(text: str) -> dict[str, int]:
    """In which line each name stands first, with that of its table before it."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = header[1].replace('"', "").replace("'", "")
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(f"{table}.{key[1]}" if table else key[1], number)
    return found
