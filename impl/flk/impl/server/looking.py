"""Pages of the node's store that are compared with their sums while it serves, whether anything reads them or not (DUP-8)."""

import time

import structlog

from flk.impl.server.metrics import Metrics
from flk.impl.storage.pages import why_not
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.store import EntryStore
from flk.spec.constants import CONSTANTS

EVERY_SECONDS = 1.0

log = structlog.get_logger()


class Looking:
    """One round after the other over all pages, some of them each second, between two batches. A store that nodes share is its
    server's to look at.
    """

    def __init__(self, store: EntryStore, metrics: Metrics) -> None:
        own = store if isinstance(store, SqliteStore) else None
        self.why_not = why_not() if own else ""
        """Why pages of the node's own store have no sums, empty if they have."""
        self._store = own if own and own.has_sums else None
        self._metrics = metrics
        self._began = self._latest = time.monotonic()
        self._pages = 0
        if self._store is not None:
            metrics.watch_pages(lambda: time.monotonic() - self._began)

    @property
    def is_due(self) -> bool:
        """Whether a second has passed since the last pages."""
        return self._store is not None and time.monotonic() - self._latest >= EVERY_SECONDS

    def look(self) -> None:
        """Compare the next pages. Raises Damaged at one that is not what was written, Unavailable if the store does not answer."""
        assert self._store is not None
        self._latest = time.monotonic()
        pages, whole = self._store.look_over(CONSTANTS.pages.a_second)
        self._metrics.pages_compared.inc(pages)
        self._pages += pages
        if whole:
            log.info("store.compared", pages=self._pages, seconds=round(self._latest - self._began, 1))
            self._began, self._pages = self._latest, 0
