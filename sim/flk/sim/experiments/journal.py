"""The rows of a sweep on disk: a journal that grows by a line for each run, and the tidy Parquet table that is made of it.

A row counts for a sweep only if it was made of the same scenario, seed, records and programs by the same code.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from flk.sim.experiments.rows import COLUMNS, Row
from flk.sim.experiments.variation import Cell, Value
from flk.spec.errors import UnusableInput

JOURNAL, TABLE = "journal.jsonl", "rows.parquet"
_ROOMS = ("flk.spec", "flk.model", "flk.sim")
_TYPES = {int: pa.int64(), float: pa.float64(), int | None: pa.int64(), float | None: pa.float64()}


class _Line(msgspec.Struct, frozen=True):
    """A row, and the code and supplies that it was made with."""

    code: str
    inputs: str
    row: Row


class Journal:
    """The journal in a directory, open for one sweep at a time. Raises UnusableInput if it cannot be written."""

    def __init__(self, directory: Path, inputs: str) -> None:
        self._path = directory / JOURNAL
        self._supplies = inputs
        self._file: BinaryIO | None = None
        self._encode = msgspec.json.Encoder().encode

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
            if self._file.tell() and not self._path.read_bytes().endswith(b"\n"):
                self._file.write(b"\n")  # the line that an interruption cut short stands for nothing
        except OSError as error:
            raise UnusableInput(f"--out {self._path.parent}: cannot be written: {error.strerror}") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def rows(self) -> dict[tuple[str, int], Row]:
        """The rows that this code made with these supplies, by scenario hash and seed."""
        found = {}
        for text in self._path.read_bytes().splitlines():
            try:
                line = msgspec.json.decode(text, type=_Line)
            except msgspec.DecodeError:  # cut short, or of code with other columns
                continue
            if (line.code, line.inputs) == (code_version(), self._supplies):
                found[line.row.scenario_hash, line.row.seed] = line.row
        return found

    def note(self, row: Row) -> None:
        """Add a row; it is kept whatever happens next."""
        if self._file is not None:
            self._file.write(self._encode(_Line(code_version(), self._supplies, row)) + b"\n")
            self._file.flush()


def write_table(directory: Path, cells: Sequence[Cell], rows: Sequence[Iterable[Row]]) -> Path:
    """Write the rows as Parquet: a column for each varied field, one for each of `Row`, and `code`. Whole, or not at all."""
    pairs = [(cell, row) for cell, of_cell in zip(cells, rows, strict=True) for row in of_cell]
    columns: dict[str, pa.Array] = {}
    for place, (field_path, _) in enumerate(cells[0].parameters):
        columns[field_path] = _array([cell.parameters[place][1] for cell, _ in pairs])
    for field in COLUMNS:
        values = [getattr(row, field.name) for _, row in pairs]
        columns[field.name] = pa.array(values, type=_TYPES.get(field.type, pa.string()))
    columns["code"] = pa.array([code_version()] * len(pairs), type=pa.string())
    path, part = directory / TABLE, directory / f"{TABLE}.part"
    pq.write_table(pa.table(columns), part)
    part.replace(path)
    return path


@cache
def code_version() -> str:
    """Twelve hexadecimal digits that name the code and the constants a run depends on."""
    known = sha256()
    for room in _ROOMS:
        for path, content in sorted(_sources(files(room), room)):
            known.update(f"{path}\0{len(content)}\0".encode() + content)
    return known.hexdigest()[:12]


def _sources(folder: Traversable, name: str) -> Iterable[tuple[str, bytes]]:
    """The modules and tables of a package; scenarios and templates are not among them."""
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name not in {"__pycache__", "library", "templates", "vectors"}:
            yield from _sources(entry, f"{name}/{entry.name}")
        elif entry.name.endswith((".py", ".toml")):
            yield f"{name}/{entry.name}", entry.read_bytes()


def _array(values: Sequence[Value]) -> pa.Array:
    """Numbers as numbers; values of several types as texts."""
    numbers = all(isinstance(value, float | int) and not isinstance(value, bool) for value in values)
    return pa.array([float(value) for value in values] if numbers else [str(value) for value in values])
