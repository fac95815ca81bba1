"""Records of a data frame, of whichever library: what speaks the Arrow PyCapsule interface has columns to take points from."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.record import Pcs
from flk.spec.errors import needs

if TYPE_CHECKING:
    from flk.model.samples.windows import Window


class Frame(Protocol):
    """A data frame of pandas, Polars, PyArrow, DuckDB, or any library that offers its columns as a stream of Arrow."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The columns."""
        ...


def record(
    frame: Frame,
    columns: Sequence[str] = (),
    *,
    shard: str,
    epoch: int = 0,
    seed: int | VrfPrivateKey | None = None,
    sent_at: str = "",
) -> Pcs:
    """The unsigned record of a data frame, each row a point; `submit` signs it.

    `columns` are the coordinates, by default all that hold numbers; each is scaled to its extent. `shard` and `epoch` tell the
    record from others of the same data, `seed` draws the directions of `coh_star` (42 if nobody chooses; a `VrfPrivateKey` draws a
    seed, and the record proves it), `sent_at` is now in RFC 3339 by default. Raises UnusableInput, which names the row, the
    column and the fix, for a cell that is no finite number; MissingExtra without NumPy and PyArrow
    (`pip install 'flk-lab[frames]'`).

    >>> import polars
    >>> walk = polars.DataFrame({"x": [0.1, 0.4, 0.9], "y": [0.2, 0.8, 0.3], "who": ["a", "b", "c"]})
    >>> made = record(walk, shard="walk")
    >>> made.shard_id, made.epoch, made.N_j["2"]
    ('walk', 0, 3)
    """
    (made,) = _records(frame, columns, shard, 0, 0, epoch, seed, sent_at)
    return made


def records(
    frame: Frame,
    columns: Sequence[str] = (),
    *,
    shard: str,
    window: int,
    stride: int = 0,
    epoch: int = 0,
    seed: int | VrfPrivateKey | None = None,
    sent_at: str = "",
) -> Iterator[Pcs]:
    """The unsigned records of a data frame's windows: of `window` rows each, one beginning every `stride` rows (0: a window),
    numbered from `epoch`. The rest is as for `record`.

    >>> import polars
    >>> walk = polars.DataFrame({"x": [0.1, 0.4, 0.9, 0.5], "y": [0.2, 0.8, 0.3, 0.1]})
    >>> [made.epoch for made in records(walk, shard="walk", window=2)]
    [0, 1]
    """
    return _records(frame, columns, shard, window, stride, epoch, seed, sent_at)


def _records(
    frame: Frame,
    columns: Sequence[str],
    shard: str,
    window: int,
    stride: int,
    epoch: int,
    seed: int | VrfPrivateKey | None,
    sent_at: str,
) -> Iterator[Pcs]:
    with needs("frames", "records of data frames"):
        from flk.impl.agent.sources import of_frame
        from flk.model.samples import windows
    cut = windows.windows(of_frame(frame, columns).blocks, shard, window, stride)
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return windows.records(
        (_from(epoch, each) for each in cut), seed=windows.SEED if seed is None else seed, sent_at=sent_at or now
    )


def _from(epoch: int, window: "Window") -> "Window":
    return window._replace(epoch=epoch + window.epoch)
