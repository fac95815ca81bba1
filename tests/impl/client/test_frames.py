"""Records of data frames: the same of the same numbers, whichever library holds them; and what is no point is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from flk.client import UnusableInput, record, records
from flk.impl.agent.sources import open_source
from flk.model.record.record import Pcs
from flk.model.samples import windows

AT = "2026-01-01T00:00:00Z"
COLUMNS = {"x": [0.5, 2.0, -1.25, 7.0], "y": [3, 1, 4, 1], "who": ["a", "b", "c", "d"]}
FRAMES = {"pandas": pandas.DataFrame, "polars": polars.DataFrame, "pyarrow": pyarrow.table}


def made(frame: Any) -> Pcs:
    """The record of a frame."""
    return record(frame, shard="walk", epoch=3, sent_at=AT)


@pytest.mark.parametrize("library", FRAMES)
def test_the_same_numbers_make_the_same_record(library: str) -> None:
    """Those of the columns that hold numbers, in their order; another order of columns is another record."""
    points = np.array([COLUMNS["x"], COLUMNS["y"]], dtype=np.float64).T
    (expected,) = windows.records([windows.Window("walk", 3, points)], seed=windows.SEED, sent_at=AT)
    frame = FRAMES[library](COLUMNS)
    assert made(frame) == expected
    assert record(frame, ["x", "y"], shard="walk", epoch=3, sent_at=AT) == expected
    assert record(frame, ["y", "x"], shard="walk", epoch=3, sent_at=AT).merkle_root != expected.merkle_root


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(-1000, 1000)), min_size=1, max_size=30), st.integers(1, 9))
def test_windows_are_those_of_a_file_with_the_same_rows(rows: list[tuple[float, int]], size: int) -> None:
    """Of whatever rows, frame by frame and chunk by chunk."""
    columns = {"x": [row[0] for row in rows], "y": [row[1] for row in rows]}
    chunked = pyarrow.concat_tables([pyarrow.table({"x": [x], "y": [y]}) for x, y in rows])
    of = [list(records(each, shard="s", window=size, sent_at=AT)) for each in (polars.DataFrame(columns), chunked)]
    assert of[0] == of[1]
    assert [each.epoch for each in of[0]] == list(range(-(-len(rows) // size)))


def test_a_file_and_a_frame_of_it_make_the_same_records(tmp_path: Path) -> None:
    """`flk agent` and the client agree on what a row is."""
    table = pyarrow.table({"x": np.linspace(0, 5, 50), "y": np.arange(50) % 7})
    parquet.write_table(table, tmp_path / "walk.parquet")
    cut = windows.windows(open_source(tmp_path / "walk.parquet").blocks, "walk", 20, 10)
    of_file = list(windows.records(cut, seed=windows.SEED, sent_at=AT))
    assert list(records(table, shard="walk", window=20, stride=10, sent_at=AT)) == of_file


def test_the_index_of_a_pandas_frame_is_no_column() -> None:
    """Whether it has a name or not: who wants it as a coordinate resets it."""
    plain = pandas.DataFrame({"x": COLUMNS["x"], "y": COLUMNS["y"]})
    for index in (pandas.Index([9, 8, 7, 6]), pandas.Index([9, 8, 7, 6], name="hour")):
        assert made(plain.set_index(index)) == made(plain)


@pytest.mark.parametrize(
    ("frame", "columns", "says"),
    [
        (polars.DataFrame({"x": [1.0, None]}), [], "row 2, column 'x'"),
        (polars.DataFrame({"x": [float("inf")]}), [], "row 1, column 'x'"),
        (polars.DataFrame({"who": ["a"]}), [], "no column holds numbers"),
        (polars.DataFrame({"x": [1.0]}), ["z"], "there is no column 'z'"),
        (polars.DataFrame({"x": [1.0], "who": ["a"]}), ["who"], "does not hold numbers"),
        (polars.DataFrame({"x": pyarrow.array([], pyarrow.float64())}), [], "no rows"),
        ([1, 2], [], "speaks Arrow"),
    ],
)
def test_what_is_no_point_is_told_with_the_fix(frame: Any, columns: list[str], says: str) -> None:
    """Missing and infinite cells, columns that are none, frames without rows, and what has no columns."""
    with pytest.raises(UnusableInput, match=says):
        record(frame, columns, shard="walk")
