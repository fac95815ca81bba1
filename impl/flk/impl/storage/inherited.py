"""What gave way in a shard that has left its ring: the registrar keeps it, so that nothing is dropped unseen (MIG-9).

It is in notes, a page in each, which are written before the shard leaves and are part of the region's record only when the layout
says so: with the layout in which the shard is gone. So whoever lists what gave way finds each once, whenever that is. The pages are
the same whoever writes them, since no claim is decided in the shard any more: a page that is there already need not be written.
Rings have pages of `PAGE` rows on record, so that stays as it is.
"""

from collections.abc import Iterator, Sequence

import msgspec

from flk.impl.storage.layout import Kept, Layout
from flk.impl.storage.rows import SupersededRow, superseded_of, superseded_row
from flk.impl.storage.shared import SharedStore
from flk.model.entries.entry import Entry, Key
from flk.model.programs.migration import PAGE

GaveWay = tuple[Key, Entry, Entry]


def keep(head: SharedStore, move: str, start: int, rows: Sequence[GaveWay]) -> None:
    """Let the registrar have a page of what gave way in a shard which leaves, in a migration of this name. It is behind `start`
    others, whole pages.
    """
    text = msgspec.json.encode([superseded_row(0, *row) for row in rows]).decode()
    head.note(_name(move, start // PAGE), "", text)


def kept(move: str, rows: int) -> Kept | None:
    """Where so many rows are that were kept; None if there are none."""
    return Kept(move, -(-rows // PAGE), rows) if rows else None


def inherited(head: SharedStore, layout: Layout, after: int, limit: int) -> list[GaveWay]:
    """At most `limit` (-1: all) of what is kept of shards that have left, behind the first `after`."""
    found: list[GaveWay] = []
    for name, size in _pages(layout):
        first, left = min(after, size), size if limit < 0 else limit - len(found)
        after -= first
        if first < size and left > 0:
            page = msgspec.json.decode(head.noted(name), type=list[SupersededRow])
            found += [*superseded_of(page)][first : first + left]
    return found


def _pages(layout: Layout) -> Iterator[tuple[str, int]]:
    """The name of each note, and how many rows it has."""
    for kept in () if isinstance(layout.kept, msgspec.UnsetType) else layout.kept:
        for number in range(kept.notes):
            yield _name(kept.move, number), min(PAGE, kept.rows - number * PAGE)


def _name(move: str, number: int) -> str:
    return f"/gave-way/{move}/{number}"
