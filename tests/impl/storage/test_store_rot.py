"""A store in whose files a bit has rotted: it answers as before, or knows that it is damaged (DUP-8)."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.impl.storage.rows import Damaged
from flk.impl.storage.sqlite import SqliteStore
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.log.hlc import Timestamp

FINE = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
MARKS = ("applied", "shipped")


class Contents(NamedTuple):
    """All that a store says."""

    entries: tuple[Entry | None, ...]
    number: int
    marks: tuple[str, ...]
    superseded: int


def claim(number: int, timestamp: int = 9, region: str = "eu") -> Claim:
    """The claim of that number; ids are of the length that they have."""
    return Claim(Key("default", f"{number:064x}"), Entry(Timestamp(timestamp), region, f"{number:064d}", FINE))


KEYS = [claim(number).key for number in range(90)]


def contents(store: SqliteStore) -> Contents:
    """Asked in all ways. Raises Damaged."""
    return Contents(store.fetch(KEYS), store.count(), tuple(map(store.marked, MARKS)), len(store.superseded()))


class Left(NamedTuple):
    """Files that a process left: their bytes, and what the store said after each of its transactions."""

    files: dict[str, bytes]
    states: list[Contents]

    def flipped(self, directory: Path, place: int) -> Path:
        """The files in a directory, one bit of one of them changed: the `place`-th of all."""
        place %= 8 * sum(map(len, self.files.values()))
        for name, content in self.files.items():
            changed = bytearray(content)
            if 0 <= place < 8 * len(content):
                changed[place // 8] ^= 1 << place % 8
            place -= 8 * len(content)
            (directory / name).write_bytes(changed)
        return directory / "entries.sqlite"


def leave(directory: Path, *, closed: bool) -> Left:
    """Fill a store in five transactions, after two of which pages are copied back, and close it or have its process killed."""
    live, states = directory / "live", []
    live.mkdir()
    store = SqliteStore(live / "entries.sqlite")
    for turn in range(5):
        store.insert_or_get([claim(number) for number in range(12 * turn, 12 * turn + 12)])
        store.mark("applied", str(turn))
        store.flush()
        states.append(contents(store))
        store.merge([claim(number, 5 + turn % 2, "us") for number in range(8 * turn + 5, 8 * turn + 20)])
        states.append(contents(store))
        if turn in {1, 3}:
            with closing(sqlite3.connect(live / "entries.sqlite")) as other:
                other.execute("pragma wal_checkpoint(passive)")
    if closed:
        store.close()
    files = {path.name: path.read_bytes() for path in sorted(live.iterdir()) if not path.name.endswith("-shm")}
    if not closed:
        store.close()
    return Left(files, states)


@pytest.fixture(scope="module", params=["closed", "killed"])
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """What a store leaves that is closed, or whose process is killed."""
    return leave(tmp_path_factory.mktemp("store"), closed=request.param == "closed")


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 2**40))
def test_whatever_bit_rots_no_answer_is_wrong(left: Left, tmp_path_factory: pytest.TempPathFactory, place: int) -> None:
    """The store says what it said after one of its transactions, or that it is damaged; it begins anew, the file is kept."""
    directory = tmp_path_factory.mktemp("rotten")
    path = left.flipped(directory, place)
    with closing(SqliteStore(path)) as store:
        if not store.damage:
            assert contents(store) in left.states
            return
        with pytest.raises(Damaged):
            store.insert_or_get([claim(0)])
        assert store.begin_anew().exists()
        assert store.insert_or_get([claim(0)]) == [claim(0).entry]
    shutil.rmtree(directory)
