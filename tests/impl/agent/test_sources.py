"""Reading points from files: one stream whatever the format, and a clear word about every bad file."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from flk.impl.agent import sources
from flk.impl.agent.sources import Source, open_source
from flk.model.record.points import Points
from flk.model.record.record import encode
from flk.model.samples.windows import canonical_rows, records, windows
from flk.spec.errors import UnusableInput

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
CLOUDS = st.integers(1, 4).flatmap(
    lambda d: st.lists(st.lists(NUMBERS, min_size=d, max_size=d), min_size=1, max_size=40).map(np.array)
)


def as_csv(path: Path, points: Points) -> Path:
    """The points under the names c0, c1, …"""
    with path.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names(points))
        writer.writerows(points.tolist())
    return path.with_suffix(".csv")


def as_npy(path: Path, points: Points) -> Path:
    """The points as a matrix."""
    np.save(path.with_suffix(".npy"), points)
    return path.with_suffix(".npy")


def as_npz(path: Path, points: Points) -> Path:
    """The points as the only array of an archive, with named fields."""
    fields = [(name, "f8") for name in names(points)]
    np.savez(path.with_suffix(".npz"), stream=np.array(list(map(tuple, points.tolist())), dtype=fields))
    return path.with_suffix(".npz")


def as_parquet(path: Path, points: Points) -> Path:
    """The points under the names c0, c1, …, in row groups of seven."""
    table = pa.table(dict(zip(names(points), points.T, strict=True)))
    parquet.write_table(table, path.with_suffix(".parquet"), row_group_size=7)
    return path.with_suffix(".parquet")


FORMATS = (as_csv, as_npy, as_npz, as_parquet)


def names(points: Points) -> list[str]:
    """c0, c1, …: one for each coordinate."""
    return [f"c{place}" for place in range(points.shape[1])]


def bodies(source: Source) -> list[bytes]:
    """The source's records, five rows to each."""
    return [
        encode(record) for record in records(windows(source.blocks, "s", 5, 3), seed=1, sent_at="2026-01-01T00:00:00Z")
    ]


@settings(max_examples=25, deadline=None)
@given(CLOUDS)
def test_equal_numbers_make_equal_records_in_every_format(points: Points) -> None:
    """CSV, both NumPy formats and Parquet give the same records, byte for byte."""
    with TemporaryDirectory() as directory:
        found = [bodies(open_source(write(Path(directory) / "stream", points))) for write in FORMATS]
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("write", FORMATS)
def test_a_stream_longer_than_a_block_comes_whole_and_in_order(
    write: Callable[[Path, Points], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the blocks are, together they are the file."""
    monkeypatch.setattr(sources, "BLOCK_ROWS", 4)
    points = np.arange(33.0).reshape(11, 3)
    blocks = list(open_source(write(tmp_path / "stream", points)).blocks)
    assert max(map(len, blocks)) <= 4
    assert np.concatenate(blocks).tolist() == points.tolist()


@given(CLOUDS)
@example(np.array([[-0.0, 5e-324, 1.7976931348623157e308, 1e16, 0.1]]))
def test_canonical_rows_read_back_as_the_same_doubles(points: Points) -> None:
    """One line to a point, numbers between commas, nothing lost."""
    lines = canonical_rows(points).decode().split("\n")
    assert np.array([list(map(float, line.split(","))) for line in lines]).tobytes() == points.tobytes()


def test_columns_are_those_asked_for_in_that_order(tmp_path: Path) -> None:
    """`--columns` chooses and orders, whatever the format."""
    points = np.arange(12.0).reshape(4, 3)
    for write, wanted in (
        (as_csv, ("c2", "c0")),
        (as_npy, ("2", "0")),
        (as_npz, ("c2", "c0")),
        (as_parquet, ("c2", "c0")),
    ):
        source = open_source(write(tmp_path / "stream", points), wanted)
        assert source.columns == wanted
        assert np.concatenate(list(source.blocks)).tolist() == points[:, [2, 0]].tolist()


def test_text_columns_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    """A share's dates are no coordinates; its prices are, whole numbers included."""
    path = tmp_path / "prices.csv"
    path.write_text("date,close,volume\n2004-08-19,100.34,22351900\n\n2004-08-20,108.31,11428600\n")
    source = open_source(path)
    assert source.columns == ("close", "volume")
    assert np.concatenate(list(source.blocks)).tolist() == [[100.34, 22351900.0], [108.31, 11428600.0]]


def npz(**arrays: Any) -> Callable[[Path], None]:
    """Writes an archive."""
    return lambda path: np.savez(path, **arrays)


def npy(array: object) -> Callable[[Path], None]:
    """Writes an array."""
    return lambda path: np.save(path, np.asarray(array))


def table(**columns: Any) -> Callable[[Path], None]:
    """Writes a Parquet table."""
    return lambda path: parquet.write_table(pa.table(columns), path)


def text(content: bytes) -> Callable[[Path], None]:
    """Writes bytes."""

    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


NAN = float("nan")
BAD: Iterable[tuple[str, Callable[[Path], None], dict[str, Any], str]] = (
    ("a.csv", text(b""), {}, "is empty; its first line must name the columns"),
    ("a.csv", text(b"x,y\n"), {}, "holds no rows after the line that names the columns"),
    ("a.csv", text(b"1,2\n3,4\n"), {}, "line 1: these are numbers; put a line before it"),
    ("a.csv", text(b"x,x\n1,2\n"), {}, "line 1: two columns have the same name"),
    ("a.csv", text(b"x,y\n1,2\n"), {"columns": ["z"]}, "there is no column 'z'; --columns takes some of: x, y"),
    ("a.csv", text(b"x,y\n1,2\n"), {"columns": ["x", "x"]}, "--columns names a column twice"),
    ("a.csv", text(b"a,b\nq,w\n"), {}, "no column holds numbers; there are: a, b"),
    ("a.csv", text(b"x,y\n1,2\n\n3,z\n"), {}, "line 4, column 'y': 'z' is not a number"),
    ("a.csv", text(b'x,y\n"1",2\n"3\n",4\n5,1_0\n'), {}, "line 5, column 'y': '1_0' is not a number"),
    ("a.csv", text(b"x,y\n1,\n"), {}, "line 2, column 'y': '' is not a number; fill it in or drop the line"),
    ("a.csv", text(b"x,y\n1,NA\n2,3\n"), {}, "line 2, column 'y': 'NA' is not a number; fill it in or drop the line"),
    (
        "a.csv",
        text(b"x,y\n1,oops\n2,3\n"),
        {},
        "line 2, column 'y': 'oops' is not a number; fill it in or drop the line",
    ),
    ("a.csv", text(b"x,y\n1,2\n2,NA\n"), {}, "line 3, column 'y': 'NA' is not a number; fill it in or drop the line"),
    ("a.csv", text(b"x,y\n1,nan\n"), {}, "line 2, column 'y': 'nan' is not a finite number"),
    ("a.csv", text(b"x,y\n1,1e999\n"), {}, "line 2, column 'y': '1e999' is not a finite number"),
    ("a.csv", text(b"x,y\n1,2\n3\n"), {}, "line 3: 1 cells under 2 column names"),
    ("a.csv", text(b"x,y\n1,\xff\n"), {}, "a source is comma-separated text in UTF-8"),
    ("a.csv", text(b'x,y\n"1,2\n'), {}, "after line 2: unexpected end of data"),
    ("a.csv", text(b"x\n1\n"), {"array": "u"}, "only an .npz file has named arrays; leave out --array"),
    ("a.npy", text(b""), {}, "is not a NumPy file of numbers"),
    ("a.npy", text(b"x,y\n1,2\n"), {}, "is not a NumPy file of numbers"),
    ("a.npy", npy(np.array([1, None])), {}, "is not a NumPy file of numbers (pickled objects are not read)"),
    ("a.npy", npy(np.zeros((2, 3, 4))), {}, "has shape (2, 3, 4); a stream has one row for each point"),
    ("a.npy", npy(7.0), {}, "has shape (); a stream has one row for each point"),
    ("a.npy", npy(np.zeros((0, 3))), {}, "holds no rows; there is nothing to summarise"),
    ("a.npy", npy(np.zeros((5, 17))), {}, "a record takes 16 columns, here are 17; choose with --columns"),
    ("a.npy", npy([["a", "b"]]), {}, "no column holds numbers; there are: 0, 1"),
    ("a.npy", npy([[1.0, 2.0], [3.0, NAN]]), {}, "row 2, column '1': nan is not a finite number"),
    ("a.npz", npz(u=[1.0], v=[2.0]), {}, "which array is the stream? Say --array with one of: u, v"),
    ("a.npz", npz(u=[1.0], v=[2.0]), {"array": "w"}, "there is no array 'w'; --array takes one of: u, v"),
    ("a.npz", npz(u=np.array([(1, "x")], "i8,U1")), {"columns": ["f1"]}, "column 'f1' does not hold numbers"),
    ("a.npz", text(b"PK no archive"), {}, "is not a NumPy file of numbers"),
    ("a.parquet", text(b"x,y\n1,2\n"), {}, "is not a Parquet file"),
    ("a.parquet", table(x=[1, 2], y=[0.5, None]), {}, "row 2, column 'y': nan is not a finite number"),
    ("a.parquet", table(x=[1], s=["a"]), {"columns": ["s"]}, "column 's' does not hold numbers"),
    ("a.parquet", table(x=pa.array([], pa.int32())), {}, "holds no rows; there is nothing to summarise"),
    ("a.xlsx", text(b""), {}, "the suffix tells the format; use one of .csv, .npy, .npz, .parquet"),
    ("none.csv", lambda _: None, {}, "cannot be read (No such file or directory); check the path"),
    ("a.csv", Path.mkdir, {}, "cannot be read (Is a directory)"),
)


@pytest.mark.parametrize(("name", "write", "options", "message"), BAD, ids=[message for *_, message in BAD])
def test_a_bad_file_is_refused_with_the_place_and_the_fix(
    name: str, write: Callable[[Path], None], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """Each kind of bad file gets its own message, which begins with the file."""
    path = tmp_path / name
    write(path)
    with pytest.raises(UnusableInput) as refused:
        list(open_source(path, **options).blocks)
    assert str(refused.value).startswith(str(path))
    assert message in str(refused.value)


def test_a_row_far_into_a_file_is_named_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are counted from the start of the file, not of the block."""
    monkeypatch.setattr(sources, "BLOCK_ROWS", 4)
    points = np.zeros((11, 2))
    points[9, 1] = np.inf
    with pytest.raises(UnusableInput, match="row 10, column '1': inf"):
        list(open_source(as_npy(tmp_path / "stream", points)).blocks)
