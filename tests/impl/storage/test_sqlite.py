"""The SQLite store: the memory store's twin, through reopening, writing behind, and a database that does not answer."""

import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.strategies import outcomes

from flk.impl.storage import sqlite as module
from flk.impl.storage.aging import AgingStore
from flk.impl.storage.rows import Damaged
from flk.impl.storage.sqlite import SqliteStore
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.log.hlc import LAST, Timestamp
from flk.model.memory.parts import Entries
from flk.model.refusal import Unavailable

keys = st.builds(Key, st.sampled_from(["default", "other", 'te"nant']), st.sampled_from(["a", "b", "c", "d", "é"]))
stamps = st.integers(0, 5).map(Timestamp) | st.just(LAST)
claims = st.builds(
    Claim, keys, st.builds(Entry, stamps, st.sampled_from(["eu", "us"]), st.sampled_from("xy"), outcomes)
)
some = st.lists(claims, max_size=6)
CLAIM, MERGE, MARK, FLUSH, BEHIND, REOPEN = "claim", "merge", "mark", "flush", "behind", "reopen"
scripts = st.lists(st.tuples(st.sampled_from([CLAIM, CLAIM, MERGE, MARK, FLUSH, BEHIND, REOPEN]), some), max_size=12)
FINE = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)


def claim(pcs_id: str, number: int = 1, region: str = "eu", digest: str = "d") -> Claim:
    """A claim that differs only in what is given."""
    return Claim(Key("default", pcs_id), Entry(Timestamp(number), region, digest, FINE))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store goes."""
    return tmp_path / "entries.sqlite"


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(scripts)
def test_it_stores_what_the_memory_store_stores(script: Sequence[tuple[str, list[Claim]]]) -> None:
    """Any claims, merges and marks, written at once, behind, or at the next opening: every answer and all that is kept."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "entries.sqlite"
        store, memory = SqliteStore(path), Entries()
        for number, (operation, batch) in enumerate(script):
            if operation == CLAIM:
                assert store.insert_or_get(batch) == list(map(memory.insert_or_get, batch))
            elif operation == MERGE:
                assert store.merge(batch) == sum(map(memory.merge, batch))
            elif operation == MARK:
                store.mark("applied", str(number))
                memory.marks["applied"] = str(number)
            elif operation == REOPEN:
                store.close()
                store = SqliteStore(path)
            else:
                {FLUSH: store.flush, BEHIND: store.flush_behind}[operation]()
            assert store.marked("applied") == memory.marks.get("applied", "")
            assert store.fetch(list(memory.entries)) == tuple(memory.entries.values())
        wanted = [Key("default", "a"), *memory.entries, Key("other", "nothing")]
        assert store.fetch(wanted) == tuple(map(memory.entries.get, wanted))
        assert store.count() == len(memory.entries)
        assert sorted(store.sample(100)) == sorted(memory.entries)
        assert store.superseded() == memory.superseded
        assert store.superseded(after=1, limit=2) == memory.superseded[1:3]
        after: Key | None = None
        exported: list[Claim] = []
        while piece := store.export(after, 2):
            assert piece == memory.export(after, 2)
            exported += piece
            after = piece[-1].key
        assert dict(exported) == memory.entries
        store.close()


def test_of_equal_claims_in_one_batch_the_first_wins(path: Path) -> None:
    """And whoever comes later, in whatever batch, is told of it (DUP-1)."""
    with closing(SqliteStore(path)) as store:
        first, second = claim("a", 1, digest="one"), claim("a", 2, digest="two")
        assert store.insert_or_get([first, second, first]) == [first.entry] * 3
        store.flush()
        assert store.insert_or_get([second]) == [first.entry]


def test_a_stored_entry_of_a_clock_ahead_gives_way_to_an_earlier_claim(path: Path) -> None:
    """In the middle of a batch, whose other claims count as they would without it (DUP-1, CRR-1, CRR-3)."""
    with closing(SqliteStore(path)) as store:
        late, early = claim("a", 9, digest="late"), claim("a", 5, digest="early")
        other = claim("b", 4)
        store.merge([late])
        assert store.insert_or_get([other, early, late, claim("b", 6)]) == [
            other.entry,
            *[early.entry] * 2,
            other.entry,
        ]
        assert store.superseded() == [(late.key, late.entry, early.entry)]
        assert store.count() == 2


def test_a_sample_is_distinct_and_no_larger_than_asked(path: Path) -> None:
    """Over many samples every key turns up."""
    with closing(SqliteStore(path)) as store:
        store.insert_or_get([claim(str(number)) for number in range(9)])
        samples = [store.sample(4) for _ in range(60)]
        assert {len(set(sample)) for sample in samples} == {4}
        assert len({key for sample in samples for key in sample}) == 9


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """What another process sees."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


MARKS = "select value from marks where name = 'applied'"


def test_what_a_crash_takes_is_a_suffix_and_never_an_entry_before_a_mark(path: Path) -> None:
    """A mark reaches the database in one transaction with the entries before it: no moment shows it without them."""
    store = SqliteStore(path)
    store.insert_or_get([claim("a")])
    store.mark("applied", "one")
    assert rows(path, MARKS) == rows(path, "select * from entries") == []
    store.flush()
    assert rows(path, MARKS) == [("one",)]
    assert rows(path, "select pcs_id from entries") == [("a",)]
    store.insert_or_get([claim("b")])
    assert rows(path, "select pcs_id from entries") == [("a",)]
    store.close()
    assert len(rows(path, "select * from entries")) == 2


def test_a_full_batch_is_written_behind_while_claims_go_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries on their way to the disk are found, as are those that came meanwhile."""
    monkeypatch.setattr(module, "FLUSH_ENTRIES", 10)
    monkeypatch.setattr(module, "MAX_FRESH", 20)
    with closing(SqliteStore(path)) as store:
        for number in range(500):
            assert store.insert_or_get([claim(str(number), number)]) == [claim(str(number), number).entry]
            again = [claim(str(earlier), 999) for earlier in range(max(0, number - 40), number + 1)]
            assert [entry.timestamp for entry in store.insert_or_get(again)] == [int(each.key.pcs_id) for each in again]
        assert store.count() == 500


def test_claims_wait_for_a_disk_that_is_slower_than_they_are(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a kill leaves no more than that to be replayed, however long a transaction takes."""
    monkeypatch.setattr(module, "FLUSH_ENTRIES", 10)
    monkeypatch.setattr(module, "MAX_FRESH", 20)
    unwritten = []
    with closing(SqliteStore(path)) as store:
        written = store._write

        def slowly(pending: object) -> None:
            time.sleep(0.01)
            written(pending)  # type: ignore[arg-type]

        monkeypatch.setattr(store, "_write", slowly)
        for number in range(500):
            store.insert_or_get([claim(str(number), number)])
            unwritten.append(len(store._fresh.entries) + len(store._flushing.entries))
        assert 20 < max(unwritten) <= 40
        assert store.count() == 500


def test_a_database_that_another_holds_is_unavailable_until_it_lets_go(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that was claimed is lost by it (ORD-4)."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.01)
    with closing(SqliteStore(path)) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        store.insert_or_get([claim("a")])
        other.execute("begin immediate")
        for attempt in (store.flush, lambda: store.insert_or_get([claim("b")]), lambda: store.marked("applied")):
            with pytest.raises(Unavailable, match="locked"):
                attempt()
        with pytest.raises(Unavailable, match="locked"):
            store.merge([claim("c")])
        other.execute("rollback")
        assert store.insert_or_get([claim("a", 9), claim("b", 9)]) == [claim("a").entry, claim("b", 9).entry]
        assert store.count() == 2


def test_what_is_no_database_is_damaged_until_the_store_begins_anew(path: Path) -> None:
    """Known at once, not when the first record comes; the file is kept (DUP-8)."""
    path.write_bytes(b"this is not SQLite" * 100)
    with closing(SqliteStore(path)) as store:
        with pytest.raises(Damaged, match="not a database"):
            store.marked("applied")
        assert store.begin_anew().read_bytes() == b"this is not SQLite" * 100
        assert store.insert_or_get([claim("a")]) == [claim("a").entry]
        store.flush()
        store.begin_anew()
        assert store.fetch([claim("a").key]) == (None,)


def test_what_was_deleted_is_not_known_from_the_last_flush(path: Path) -> None:
    """Though it was written a moment ago, and the next look is as quick as memory."""
    with closing(AgingStore(path)) as store:
        store.add(claim("a"))
        store.flush()
        assert store.fetch([claim("a").key]) == (claim("a").entry,)
        store.delete([claim("a")])
        assert store.fetch([claim("a").key]) == (None,)


def test_a_merge_is_on_the_disk_when_it_is_over(path: Path) -> None:
    """Its transaction begins and commits under full synchronisation, whether it succeeds or not; others do not pay for it."""
    with closing(SqliteStore(path)) as store:
        said: list[str] = []
        store._writer.set_trace_callback(said.append)
        store.merge([claim("a")])
        with pytest.raises(ZeroDivisionError):
            store.merge(claim("b", 1 // n) for n in (1, 0))
        store.insert_or_get([claim("c")])
        store.flush()
    steps = [line.lower() for line in said if line.lower().startswith(("pragma", "begin", "commit", "rollback"))]
    whole, half = "pragma synchronous = full", "pragma synchronous = normal"
    assert steps[:8] == [whole, "begin immediate", "commit", half, whole, "begin immediate", "rollback", half]
    assert whole not in steps[8:]


def test_a_merge_is_one_transaction(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it fails half way, nothing of it is stored."""
    monkeypatch.setattr(module, "MERGE_ENTRIES", 2)

    def three_and_then_none() -> Iterator[Claim]:
        yield from [claim("a"), claim("b"), claim("c")]
        raise sqlite3.OperationalError("disk I/O error")

    with closing(SqliteStore(path)) as store:
        with pytest.raises(Unavailable, match="disk I/O error"):
            store.merge(three_and_then_none())
        assert store.count() == 0
        assert store.merge([claim("a", 2, "us"), claim("a", 1), claim("a", 3)]) == 1
        ((key, loser, winner),) = store.superseded()
        assert (key.pcs_id, loser.region, winner.timestamp) == ("a", "us", 1)
