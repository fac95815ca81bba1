"""A store in whose files a bit has rotted: it answers as before, or knows that it is damaged (DUP-8)."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.impl.rot import flip

from flk.impl.storage import sqlite as module
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
    """Files that a process left: their bytes and when they were changed; what the store said after each of its transactions, and
    whether its pages have sums.
    """

    files: dict[str, bytes]
    changed: dict[str, int]
    states: list[Contents]
    summed: bool

    def written(self, directory: Path) -> Path:
        """The files in a directory."""
        for name, content in self.files.items():
            (directory / name).write_bytes(content)
            os.utime(directory / name, ns=(self.changed[name],) * 2)
        return directory / "entries.sqlite"

    def flipped(self, directory: Path, place: int) -> Path:
        """The files in a directory, one bit of one of them changed: the `place`-th of all. When they are changed does not tell."""
        path = self.written(directory)
        place %= 8 * sum(map(len, self.files.values()))
        for name, content in self.files.items():
            if 0 <= place < 8 * len(content):
                flip(directory / name, place)
            place -= 8 * len(content)
        return path


def leave(directory: Path, *, closed: bool, summed: bool) -> Left:
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
            store._writer.execute("pragma wal_checkpoint(passive)")
    if closed:
        store.close()
    paths = [path for path in sorted(live.iterdir()) if not path.name.endswith("-shm")]
    files = {path.name: path.read_bytes() for path in paths}
    changed = {path.name: path.stat().st_mtime_ns for path in paths}
    if not closed:
        store.close()
    return Left(files, changed, states, summed)


@pytest.fixture(scope="module", params=["with sums", "without sums"])
def summed(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether pages have sums; they have none where nothing can be compiled."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "without sums":
            patch.setattr(module, "why_not", lambda: "there is no compiler")
        yield request.param == "with sums"


@pytest.fixture(scope="module", params=["closed", "killed"])
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, *, summed: bool) -> Left:
    """What a store leaves that is closed, or whose process is killed."""
    return leave(tmp_path_factory.mktemp("store"), closed=request.param == "closed", summed=summed)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 2**40))
def test_whatever_bit_rots_no_answer_is_wrong(left: Left, tmp_path_factory: pytest.TempPathFactory, place: int) -> None:
    """The store says what it said after one of its transactions, or that it is damaged; it begins anew, the file is kept."""
    directory = tmp_path_factory.mktemp("rotten")
    path = left.flipped(directory, place)
    with closing(SqliteStore(path)) as store:
        try:
            assert contents(store) in left.states
        except Damaged:
            assert store.damage
        else:
            return
        with pytest.raises(Damaged):
            store.insert_or_get([claim(0)])
        assert store.begin_anew().exists()
        assert store.insert_or_get([claim(0)]) == [claim(0).entry]
    shutil.rmtree(directory)


def test_a_store_is_opened_without_reading_it(left: Left, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However its process ended, if its pages have sums; without sums, only if it was closed."""

    def refuse(_: object) -> None:
        raise Damaged("it is verified as a whole")

    monkeypatch.setattr(module, "require_sound", refuse)
    with closing(SqliteStore(left.written(tmp_path))) as store:
        assert bool(store.damage) == (not left.summed and "entries.sqlite-wal" in left.files)
        assert store.damage or contents(store) == left.states[-1]
