"""Cutting a stream into windows, and windows into records."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flk.model.entries.entry import Reason
from flk.model.entries.judgement import judge
from flk.model.record.merkle import chunks, merkle_root
from flk.model.record.points import Points
from flk.model.samples.windows import Window, canonical_rows, records, unit_cube, windows
from flk.spec.errors import UnusableInput

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NOW = "2026-01-01T00:00:00Z"


def clouds(dimensions: int) -> st.SearchStrategy[Points]:
    """One to sixty points."""
    row = st.lists(FINITE, min_size=dimensions, max_size=dimensions)
    return st.lists(row, min_size=1, max_size=60).map(lambda rows: np.array(rows, dtype=np.float64))


def stream(rows: int, block: int) -> list[Points]:
    """Points numbered from 0, in blocks."""
    points = np.arange(float(rows))[:, np.newaxis]
    return [points[start : start + block] for start in range(0, rows, block)]


SIZES = st.integers(1, 20).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size)))


@given(st.integers(1, 80), st.integers(1, 30), SIZES)
def test_windows_are_slices_at_multiples_of_the_stride_and_cover_every_row(
    rows: int, block: int, cut: tuple[int, int]
) -> None:
    """Window k begins at row k * stride; only the last may be short, and only to cover rows that are in no other."""
    size, stride = cut[0], cut[1] or cut[0]
    found = [window.points[:, 0].tolist() for window in windows(stream(rows, block), "s", *cut)]
    for number, window in enumerate(found):
        start = number * stride
        assert window == list(map(float, range(start, min(start + size, rows))))
    assert all(len(window) == size for window in found[:-1])
    assert {row for window in found for row in window} == set(map(float, range(rows)))
    assert len(found) == 1 or found[-2][-1] < found[-1][-1]


def test_without_a_size_the_stream_is_one_window() -> None:
    """All rows, epoch 0."""
    (only,) = windows(stream(11, 4), "s")
    assert (only.epoch, len(only.points)) == (0, 11)


@pytest.mark.parametrize("cut", [(4, 5), (0, 1), (-1, 0), (4, -1)])
def test_a_stride_that_would_leave_rows_out_is_refused(cut: tuple[int, int]) -> None:
    """The message shows what was asked for."""
    with pytest.raises(UnusableInput, match=f"--window {cut[0]} --stride {cut[1]}: a stride is from 1"):
        list(windows(stream(9, 4), "s", *cut))


@given(st.integers(1, 4).flatmap(clouds))
@example(np.array([[-1.7e308], [0.0], [1.7e308]]))
def test_the_unit_cube_keeps_order_and_has_room_for_its_greatest_point(points: Points) -> None:
    """Every coordinate lands in [0, 1), the least of an axis at 0, and no two change places, however wide the range."""
    scaled = unit_cube(points)
    assert ((scaled >= 0) & (scaled < 1)).all()
    assert (scaled.min(axis=0) == 0).all()
    for before, after in zip(points.T, scaled.T, strict=True):
        assert (np.diff(after[np.argsort(before, kind="stable")]) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3).flatmap(clouds))
def test_a_window_in_three_dimensions_or_fewer_makes_a_record_that_is_judged_ok(points: Points) -> None:
    """The slope lies between 0 and the number of dimensions, and the node finds what the agent claims."""
    (record,) = records([Window("s", 3, points)], seed=1, sent_at=NOW)
    assert 0 <= record.D_hat <= points.shape[1]
    assert judge(record).reason is Reason.OK
    assert record.merkle_root == merkle_root(chunks(canonical_rows(points))).hex()
    assert (record.shard_id, record.epoch, record.seed, record.sent_at) == ("s", 3, 1, NOW)


def test_a_window_that_makes_no_valid_record_is_named() -> None:
    """A bad shard is an input mistake, found at the first window."""
    with pytest.raises(UnusableInput, match=r"window 0 of shard 'a\|b': shard_id"):
        list(records(windows(stream(9, 4), "a|b"), seed=1, sent_at=NOW))
