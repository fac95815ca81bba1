"""The warm tier: the store in SQLite, from which entries go as they age (TIR-1, TIR-2)."""

from collections.abc import Iterable, Iterator, Mapping

from flk.impl.storage.rows import BY_AGE, ENTRY_COLUMNS, TOTALS, entries_of, entry_row, mark_row, text
from flk.impl.storage.sqlite import MARK, SqliteStore, stored_rows, synchronised
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.log.hlc import Timestamp

_INDEX = f"create index if not exists {BY_AGE} on entries(timestamp)"
_AGED = f"select {ENTRY_COLUMNS} from entries where timestamp <= ? order by timestamp"  # noqa: S608  (nothing from outside)
_DELETE = "delete from entries where pcs_id = ? and tenant = ?"


class AgingStore(SqliteStore):
    """A store whose entries can be asked for by age, and be deleted. One caller at a time; raises as a SqliteStore does."""

    def add(self, claim: Claim) -> None:
        """Insert an entry under a key that has none here, as a claim does: it is written behind, and the log has it."""
        self._settle()
        self._fresh.add(*claim)
        self._keep_up()

    def merge_beside(self, claims: Iterable[Claim], elsewhere: Mapping[Key, Entry]) -> int:
        """As `merge`; but where nothing is stored here under a key, what is `elsewhere` counts (TIR-4)."""
        return self._merge(claims, elsewhere)

    def aged(self, until: Timestamp) -> Iterator[Claim]:
        """The entries that are not later than that, the oldest first. Nothing else may be asked of the store before the last is
        taken.
        """
        self.flush()
        with self._answering():
            for key, entry in entries_of(self._reader.execute(_AGED, (until,))):
                yield Claim(key, entry)

    def delete(self, claims: Iterable[Claim]) -> tuple[Key, ...]:
        """Delete what is stored as given, in one transaction that survives a loss of power; which keys."""
        self.flush()
        with self._answering(), synchronised(self._writer), self._writer:
            self._writer.execute("begin immediate")
            given = dict(claims)
            self._recent.forget(given)
            stored = stored_rows(self._writer, list(given))
            gone = tuple(key for key, entry in given.items() if stored.get(key) == entry)
            self._writer.executemany(_DELETE, [(key.pcs_id, key.tenant) for key in gone])
            checksums = sum(entry_row(key, given[key])[-1] for key in gone)
            totals = self._totals.plus(-len(gone), -checksums)
            self._writer.execute(MARK, mark_row(TOTALS, text(totals)))
        self._totals = totals
        return gone

    def _open(self) -> None:
        super()._open()
        self._writer.execute(_INDEX)
