"""Files that list entries, in TOML, a table `[[NAME]]` to an entry: read with the line of each mistake, and added to.

Key files and access files are of this form.
"""

import os
import re
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from flk.impl.storage.trouble import usable
from flk.spec.errors import UnusableInput

E = TypeVar("E")
Moment = Annotated[datetime, Meta(tz=True)]

_BAD_FIELD = re.compile(r"field `(\w+)`")
_BAD_LINE = re.compile(r"line (\d+)")


class WrongField(ValueError):
    """A field of an entry is unusable: which, and what to do."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


class Form(NamedTuple, Generic[E]):
    """A kind of file: what it is called, the name of its tables, and the command that makes an entry; how a text is decoded, an
    entry is called in a message, and checked beside those before it, by raising WrongField.
    """

    file: str
    table: str
    maker: str
    decode: Callable[[str], tuple[E, ...]]
    called: Callable[[E], str]
    check: Callable[[E, tuple[E, ...]], None]


def read_entries(path: Path, form: Form[E]) -> tuple[E, ...]:
    """The entries of a file, each of them usable. Raises UnusableInput with file, line and fix."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path}: the {form.file} cannot be read ({error}); `{form.maker}` writes one") from None
    try:
        entries = form.decode(text)
    except msgspec.ValidationError as error:
        line = _line_of(text, form.table, str(error))
        raise UnusableInput(f"{path}:{line}: {error}; {_fix(str(error), form.maker)}") from None
    except msgspec.DecodeError as error:
        found = _BAD_LINE.search(str(error))
        line = int(found[1]) if found else len(text.splitlines())  # the other place that is named is the end
        raise UnusableInput(f"{path}:{line}: not valid TOML: {error}") from None
    for index, entry in enumerate(entries):
        try:
            form.check(entry, entries[:index])
        except WrongField as wrong:
            line = _line(text, form.table, index, wrong.field)
            raise UnusableInput(f"{path}:{line}: {form.called(entry)}: {wrong}") from None
    return entries


def add_entry(path: Path, made: str, form: Form[E]) -> None:
    """Add an entry as it stands in a file, or begin one, of mode 600.

    Raises UnusableInput, with the file as it was, if it cannot be written or would not be usable.
    """
    with usable(path):
        if path.exists():
            read_entries(path, form)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(f"{before.rstrip()}\n\n{made}".lstrip())
        try:
            read_entries(new, form)
        except UnusableInput:
            new.unlink()
            raise
        new.replace(path)


def readable_by_others(path: Path) -> bool:
    """Whether anyone but the owner of a file may read it."""
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def seconds(moment: datetime | None, otherwise: float) -> float:
    """A moment in seconds since 1970; `otherwise` if none is given."""
    return otherwise if moment is None else moment.timestamp()


def _fix(message: str, maker: str) -> str:
    if "datetime" in message:
        return "a moment is written 2026-01-01T00:00:00Z, with its offset and without quotes"
    return f"`{maker}` shows the form"


def _line_of(text: str, table: str, message: str) -> int:
    """The line that a decoder's message is about, as near as it says."""
    where = re.search(rf"`\$\.{table}\[(\d+)\](?:\.(\w+))?", message)
    if where is None:
        return 1
    field = where[2] or (named[1] if (named := _BAD_FIELD.search(message)) else "")
    return _line(text, table, int(where[1]), field)


def _line(text: str, table: str, index: int, field: str) -> int:
    """The line of a field of the index-th table; that of its header if the field is not there."""
    headers = list(re.finditer(rf"^\s*\[\[\s*{table}\s*\]\]", text, re.MULTILINE))
    if index >= len(headers):  # tables written inline, `key = [{…}]`
        return 1
    start = headers[index].start()
    end = headers[index + 1].start() if index + 1 < len(headers) else len(text)
    found = (
        re.compile(rf"^[ \t]*\"?{re.escape(field)}\"?[ \t]*=", re.MULTILINE).search(text, start, end) if field else None
    )
    position = found.start() if found else headers[index].end()
    return text.count("\n", 0, position) + 1
