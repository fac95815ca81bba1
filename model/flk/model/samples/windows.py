"""From a stream to records: cut it into windows, scale each to the unit cube, summarise."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.points import Points
from flk.model.record.record import Pcs
from flk.model.record.summary import summarise
from flk.spec.errors import UnusableInput

SEED = 42  # of coh_star's directions, where nobody chooses another
JUST_BELOW_ONE = float(np.nextafter(1.0, 0.0))


class Window(NamedTuple):
    """The points that one record summarises, and what makes the record one of its kind."""

    shard_id: str
    epoch: int
    points: Points


def windows(blocks: Iterable[Points], shard_id: str, size: int = 0, stride: int = 0) -> Iterator[Window]:
    """The stream in windows of `size` rows, one beginning every `stride` rows (0: every `size`); numbered as epochs from 0.

    With `size` 0 the stream is one window. Every row is in a window: what the whole windows leave over at the end makes a shorter
    one. Raises UnusableInput if the stride would leave rows out.
    """
    if size < 0 or stride < 0 or stride > size:
        raise UnusableInput(
            f"--window {size} --stride {stride}: a stride is from 1 to the window's rows, so that no row is left out"
        )
    cuts = _cuts(blocks, size, stride or size) if size else iter([np.concatenate(list(blocks))])
    for epoch, points in enumerate(cuts):
        yield Window(shard_id, epoch, points)


def records(cut: Iterable[Window], *, seed: int | VrfPrivateKey, sent_at: str) -> Iterator[Pcs]:
    """The unsigned record of each window. Raises UnusableInput, which names the window, where no valid record comes of it."""
    for window in cut:
        raw = canonical_rows(window.points)
        try:
            yield summarise(
                unit_cube(window.points), raw, shard_id=window.shard_id, epoch=window.epoch, seed=seed, sent_at=sent_at
            )
        except ValueError as error:
            raise UnusableInput(f"window {window.epoch} of shard {window.shard_id!r}: {error}") from error


def canonical_rows(points: Points) -> bytes:
    """The text that a record's Merkle root and compressibility are taken of.

    One line for each point: its coordinates in order, joined by commas, each the shortest decimal that reads back as that double.
    """
    return msgspec.json.encode(points.tolist())[2:-2].replace(b"],[", b"\n")


def unit_cube(points: Points) -> Points:
    """The points with each axis mapped to [0, 1), from its least to its greatest coordinate; an axis without extent becomes 0.

    Cells are then counted in units of the data's extent, whatever their physical units. The scales are powers of two, so each cell
    of one grid is made of 2^d cells of the next in d dimensions, and a count grows from one to the next by a factor from 1 to 2^d.
    So D_hat lies in [0, d]: within the bound of 3.5 for the three coordinates of a place.
    """
    half = points / 2  # so that not even the widest range overflows
    low, high = half.min(axis=0), half.max(axis=0)
    extent = np.where(high > low, high - low, 1.0)
    scaled: Points = np.minimum((half - low) / extent, JUST_BELOW_ONE)
    return scaled


def _cuts(blocks: Iterable[Points], size: int, stride: int) -> Iterator[Points]:
    held: Points | None = None
    seen = 0  # how many of the rows held are already in a window
    for block in blocks:
        held = block if held is None else np.concatenate([held, block])
        while len(held) >= size:
            yield held[:size]
            held, seen = held[stride:], size - stride
    if held is not None and len(held) > seen:
        yield held
