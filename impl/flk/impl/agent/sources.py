"""Streams of points read from files: CSV, NumPy and Parquet, in blocks of bounded size where the format allows it.

Whatever the format, a point is a row of doubles and its canonical text is the same, so equal numbers make equal records.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from flk.model.record.points import Points
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput, needs

if TYPE_CHECKING:
    import pyarrow

BLOCK_ROWS = 8192
MAX_COLUMNS = CONSTANTS.record.max_dimensions
_NUMERIC_KINDS = "iuf"
_MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}  # how files write that there is no value


class Source(NamedTuple):
    """A stream of points: what to call it in messages, the names of its coordinates, and its rows, some thousands at a time.

    `blocks` can be read once. Reading raises UnusableInput at the first cell that is not a finite number, and at the end of a
    stream that has no rows.
    """

    name: str
    columns: tuple[str, ...]
    blocks: Iterator[Points]


def open_source(path: Path, columns: Sequence[str] = (), array: str = "") -> Source:
    """The stream in a file, by the file's suffix. `columns` default to all that hold numbers; `array` names a member of an .npz.

    Raises UnusableInput, which names the file, the place in it and the fix.
    """
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise UnusableInput(f"{path}: the suffix tells the format; use one of {', '.join(_READERS)}")
    if array and suffix != ".npz":
        raise UnusableInput(f"{path}: only an .npz file has named arrays; leave out --array")
    try:
        source = _READERS[suffix](path, columns, array)
    except OSError as error:
        raise UnusableInput(
            f"{path}: cannot be read ({error.strerror or error}); check the path and the file"
        ) from None
    return source._replace(blocks=_not_empty(source))


def of_frame(frame: object, columns: Sequence[str] = ()) -> Source:
    """The stream in a data frame that speaks the Arrow PyCapsule interface. The index of a pandas frame is none of its columns.

    Raises UnusableInput as `open_source` does.
    """
    with needs("frames", "records of data frames"):
        import pyarrow
    name = f"a frame of {type(frame).__module__.partition('.')[0]}"
    try:
        table = pyarrow.table(frame)
    except (TypeError, ValueError, pyarrow.ArrowException) as error:
        raise UnusableInput(
            f"{name}: {error}; a frame is of pandas 2.2 or later, Polars, PyArrow, or another library that speaks Arrow"
        ) from None
    index = (table.schema.pandas_metadata or {}).get("index_columns", [])
    table = table.drop_columns([each for each in index if isinstance(each, str)])
    source = _of_batches(name, _columns(name, table.schema, columns), table.to_batches(BLOCK_ROWS))
    return source._replace(blocks=_not_empty(source))


def _choose(
    name: str, wanted: Sequence[str], present: Sequence[str], is_numeric: Callable[[str], bool]
) -> tuple[str, ...]:
    """The columns to read: those asked for, or all that hold numbers."""
    there = ", ".join(present)
    for column in wanted:
        if column not in present:
            raise UnusableInput(f"{name}: there is no column {column!r}; --columns takes some of: {there}")
        if not is_numeric(column):
            raise UnusableInput(f"{name}: column {column!r} does not hold numbers; leave it out of --columns")
    chosen = tuple(wanted) or tuple(filter(is_numeric, present))
    if not chosen:
        raise UnusableInput(f"{name}: no column holds numbers; there are: {there}")
    if len(chosen) > MAX_COLUMNS:
        raise UnusableInput(
            f"{name}: a record takes {MAX_COLUMNS} columns, here are {len(chosen)}; choose with --columns"
        )
    if len(set(chosen)) < len(chosen):
        raise UnusableInput(f"{name}: --columns names a column twice: {', '.join(chosen)}")
    return chosen


def _not_empty(source: Source) -> Iterator[Points]:
    rows = 0
    for block in source.blocks:
        rows += len(block)
        yield block
    if not rows:
        raise UnusableInput(f"{source.name}: holds no rows; there is nothing to summarise")


def _finite(name: str, columns: Sequence[str], blocks: Iterable[Points]) -> Iterator[Points]:
    """The blocks, as long as each cell is a finite number. Rows are counted from 1."""
    before = 0
    for block in blocks:
        for row, column in np.argwhere(~np.isfinite(block))[:1].tolist():
            place = f"row {before + row + 1}, column {columns[column]!r}"
            raise UnusableInput(
                f"{name}: {place}: {block[row, column]} is not a finite number; fill it in or drop the row"
            )
        before += len(block)
        yield block


# CSV: the first line names the columns


def _open_csv(path: Path, wanted: Sequence[str], _array: str) -> Source:
    lines = _csv_lines(path)
    header = _csv_header(path, lines)
    sample = list(islice(lines, BLOCK_ROWS))
    if not sample:
        raise UnusableInput(
            f"{path}: holds no rows after the line that names the columns; there is nothing to summarise"
        )
    columns_of_cells = zip(header, zip_longest(*(cells for _, cells in sample), fillvalue=""), strict=False)
    numeric = {name for name, cells in columns_of_cells if _holds_numbers(cells)}
    columns = _choose(str(path), wanted, header, lambda name: name in numeric or name in wanted)
    return Source(str(path), columns, _in_blocks(_csv_points(path, chain(sample, lines), header, columns)))


def _holds_numbers(cells: Iterable[str]) -> bool:
    """Whether a column is of numbers, some perhaps missing or mistyped: in whatever row that is, it is told and not passed over."""
    present = [cell for cell in cells if cell.strip().lower() not in _MISSING]
    return not present or any(_number(cell) is not None for cell in present)


def _csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line that is not blank, with its number."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
        except (csv.Error, UnicodeDecodeError) as error:
            place = f"after line {reader.line_num}"
            raise UnusableInput(f"{path}: {place}: {error}; a source is comma-separated text in UTF-8") from None


def _csv_header(path: Path, lines: Iterator[tuple[int, list[str]]]) -> list[str]:
    line, cells = next(lines, (0, []))
    header = [cell.strip() for cell in cells]
    if not header:
        raise UnusableInput(f"{path}: is empty; its first line must name the columns")
    if all(_number(cell) is not None for cell in header):
        raise UnusableInput(f"{path}: line {line}: these are numbers; put a line before it that names the columns")
    if len(set(header)) < len(header):
        raise UnusableInput(f"{path}: line {line}: two columns have the same name; rename one: {', '.join(header)}")
    return header


def _csv_points(
    path: Path, lines: Iterable[tuple[int, list[str]]], header: Sequence[str], columns: Sequence[str]
) -> Iterator[list[float]]:
    places = [header.index(column) for column in columns]
    for line, cells in lines:
        if len(cells) != len(header):
            raise UnusableInput(
                f"{path}: line {line}: {len(cells)} cells under {len(header)} column names; correct the line"
            )
        yield [_coordinate(path, line, header[place], cells[place]) for place in places]


def _coordinate(path: Path, line: int, column: str, cell: str) -> float:
    value = _number(cell)
    if value is None or not isfinite(value):
        wrong = "is not a number" if value is None else "is not a finite number"
        raise UnusableInput(f"{path}: line {line}, column {column!r}: {cell!r} {wrong}; fill it in or drop the line")
    return value


def _number(cell: str) -> float | None:
    """The nearest double to a decimal; None for any other text, Python's `1_000` included."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _in_blocks(rows: Iterator[list[float]]) -> Iterator[Points]:
    while block := list(islice(rows, BLOCK_ROWS)):
        yield np.array(block, dtype=np.float64)


# NumPy: a structured array has named columns, any other numbers them from 0


def _open_numpy(path: Path, wanted: Sequence[str], array: str) -> Source:
    name, data = _load(path, array) if path.suffix.lower() == ".npz" else (str(path), _map(path))
    views = _views(name, data)
    columns = _choose(name, wanted, tuple(views), lambda column: _is_numeric_view(views[column]))
    chosen = [views[column] for column in columns]
    starts = range(0, len(data), BLOCK_ROWS)
    blocks = (np.stack([view[start : start + BLOCK_ROWS] for view in chosen], axis=1) for start in starts)
    return Source(name, columns, _finite(name, columns, (block.astype(np.float64) for block in blocks)))


def _map(path: Path) -> NDArray[np.generic]:
    """The array of an .npy file, which stays on disk until its rows are read."""
    try:
        data: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):
        raise _not_numpy(path) from None
    return data


def _load(path: Path, array: str) -> tuple[str, NDArray[np.generic]]:
    """What to call an array of an .npz file, and the array."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            member = _member(path, archive.files, array)
            return f"{path}[{member}]", archive[member]
    except UnusableInput:
        raise
    except (ValueError, EOFError, BadZipFile):
        raise _not_numpy(path) from None


def _member(path: Path, present: list[str], array: str) -> str:
    if not array and len(present) != 1:
        raise UnusableInput(f"{path}: which array is the stream? Say --array with one of: {', '.join(present)}")
    if array and array not in present:
        raise UnusableInput(f"{path}: there is no array {array!r}; --array takes one of: {', '.join(present)}")
    return array or present[0]


def _not_numpy(path: Path) -> UnusableInput:
    return UnusableInput(
        f"{path}: is not a NumPy file of numbers (pickled objects are not read); write it with numpy.save"
    )


def _views(name: str, data: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
    """The array's columns by name. Nothing is copied or read."""
    if data.dtype.names and data.ndim == 1:
        return {field: cast("NDArray[np.void]", data)[field] for field in data.dtype.names}
    if data.ndim == 1:
        return {"0": data}
    if data.ndim == 2 and not data.dtype.names:
        return {str(place): data[:, place] for place in range(data.shape[1])}
    raise UnusableInput(
        f"{name}: has shape {data.shape}; a stream has one row for each point, shape (n, d): reshape it"
    )


def _is_numeric_view(view: NDArray[np.generic]) -> bool:
    return view.ndim == 1 and view.dtype.kind in _NUMERIC_KINDS


# Parquet


def _open_parquet(path: Path, wanted: Sequence[str], _array: str) -> Source:
    with needs("server", "reading Parquet"):
        import pyarrow
        from pyarrow import parquet
    try:
        file = parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise UnusableInput(f"{path}: is not a Parquet file: {error}") from None
    columns = _columns(str(path), file.schema_arrow, wanted)
    return _of_batches(str(path), columns, file.iter_batches(BLOCK_ROWS, columns=list(columns)))


def _columns(name: str, schema: "pyarrow.Schema", wanted: Sequence[str]) -> tuple[str, ...]:
    return _choose(name, wanted, schema.names, lambda column: _is_numeric(schema.field(column).type))


def _of_batches(name: str, columns: tuple[str, ...], batches: "Iterable[pyarrow.RecordBatch]") -> Source:
    blocks = (np.stack([_doubles(batch.column(column)) for column in columns], axis=1) for batch in batches)
    return Source(name, columns, _finite(name, columns, blocks))


def _is_numeric(kind: "pyarrow.DataType") -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind))


def _doubles(column: "pyarrow.Array") -> Points:
    """A missing value becomes NaN, which `_finite` reports."""
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


_READERS = {".csv": _open_csv, ".npy": _open_numpy, ".npz": _open_numpy, ".parquet": _open_parquet}
