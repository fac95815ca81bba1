"""What there is: the protocols of the lab, and the refuted designs."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from flk.formal.api.text import plain
from flk.formal.language.protocol import Protocol
from flk.formal.library.design import Design
from flk.spec.tables import Row, frame, html_table

T = TypeVar("T", Protocol, Design)


class Listing(Mapping[str, T]):
    """Protocols or refuted designs by name, in the order in which they are taught; what `protocols` and `gallery` return.

    A mapping that shows itself as a table, in notebooks and by `print`, and gives a data frame.

    >>> len(protocols()), protocols()["outbox"].requirements[:1]
    (12, ('OUT-1',))
    """

    def __init__(self, items: Mapping[str, T]) -> None:
        self._items: dict[str, T] = dict(items)

    def __getitem__(self, name: str) -> T:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each: name, sizes, story; of a design also the property that it breaks and the requirements that rule it out.

        `library` is pandas, polars or pyarrow; the first that is installed if it is left out. Raises MissingExtra if none is.
        """
        return frame(map(_row, self._items.values()), library)

    def __repr__(self) -> str:
        return f"<{', '.join(self._items)}>"

    def __str__(self) -> str:
        from flk.formal.reports.listing import listing

        return plain(listing({name: _protocol(item) for name, item in self._items.items()}))

    def _repr_html_(self) -> str:
        rows = [_row(item) for item in self._items.values()]
        return html_table(tuple(rows[0]), [tuple(row.values()) for row in rows])


def protocols() -> Listing[Protocol]:
    """The protocols of the lab by name: ingest, shared-store, rotten-rows, replication, policies, outbox, migration, fences,
    tiering, retention, lost-logs, reconciliation, audit, transparency, two-phase-commit.

    Each can be explored, proved, exported, validated against, and changed by `variant`.

    >>> list(protocols())[:4]
    ['ingest', 'shared-store', 'rotten-rows', 'replication']
    """
    from flk.formal.library.catalogue import PROTOCOLS

    return Listing(PROTOCOLS)


def gallery() -> Listing[Design]:
    """The refuted designs by name: each a `Design`, with its protocol, the property that it breaks and the requirements against it.

    >>> gallery()["local-arrival"].violates
    'replayed_is_merged'
    >>> gallery()["local-arrival"].rules_out
    ('CRR-1', 'CRR-2')
    """
    from flk.formal.library.gallery import DESIGNS

    return Listing(DESIGNS)


def _protocol(item: Protocol | Design) -> Protocol:
    return item.protocol if isinstance(item, Design) else item


def _row(item: Protocol | Design) -> Row:
    from flk.formal.reports.listing import headline

    protocol = _protocol(item)
    sizes = " ".join(f"{sort.lower()}={size}" for sort, size in protocol.sizes().items())
    row: dict[str, object] = {"name": protocol.name, "sizes": sizes, "story": headline(protocol)}
    if isinstance(item, Design):
        row |= {"breaks": item.violates, "ruled out by": " ".join(item.rules_out)}
    return row
