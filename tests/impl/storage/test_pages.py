"""Sums of a store's pages: nothing that differs from what was written is read, and a start reads nothing to know it (DUP-8)."""

import os
import random
import signal
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.support.impl.page_sums import NEEDS_SUMS
from tests.support.impl.rot import change, copy

from flk.impl.storage import pages
from flk.impl.storage import sqlite as module
from flk.impl.storage.rows import Damaged
from flk.impl.storage.sqlite import SqliteStore
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.log.hlc import Timestamp

FINE = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
PAGE = pages.PAGE_BYTES
LEAF_OF_KEYS = 10  # begins a page
MANY = 600  # entries on some fifty pages

pytestmark = NEEDS_SUMS


def claim(number: int) -> Claim:
    """The claim of that number, whose key is far from that of the next."""
    return Claim(
        Key("default", f"{number * 0x9E3779B97F4A7C15 % 2**64:064x}"),
        Entry(Timestamp(number), "eu", f"{number:064d}", FINE),
    )


CLAIMS = [claim(number) for number in range(MANY)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store goes."""
    return tmp_path / "entries.sqlite"


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The stores that were verified as a whole since the test began."""
    seen: list[Path] = []
    verify = SqliteStore._verify

    def noted(store: SqliteStore) -> None:
        seen.append(store._path)
        verify(store)

    monkeypatch.setattr(SqliteStore, "_verify", noted)
    return seen


def filled(path: Path, *, in_file: bool = True) -> SqliteStore:
    """A store with entries, which are in its file, or else in SQLite's log."""
    store = SqliteStore(path)
    store.insert_or_get(CLAIMS)
    store.flush()
    if in_file:
        store._writer.execute("pragma wal_checkpoint(passive)")
    return store


def killed(path: Path, aside: Path) -> Path:
    """The files of a store as a kill leaves them, in another directory."""
    aside.mkdir()
    for part in path.parent.glob(f"{path.name}*"):
        if not part.name.endswith("-shm"):
            copy(part, aside / part.name)
    return aside / path.name


def read_all(store: SqliteStore) -> None:
    """Ask for all that a store has. Raises Damaged."""
    store.fetch([each.key for each in CLAIMS])
    store.superseded()
    store.count()


def look_over(store: SqliteStore) -> None:
    """Look at all pages at once."""
    while not store.look_over(10**6)[1]:
        time.sleep(0.001)


def bit_of(content: bytes) -> bytes:
    """Content with a bit in the middle changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


@pytest.mark.parametrize("each", [13, pytest.param(1, marks=pytest.mark.thorough)])
def test_every_bit_of_a_page_shows_in_its_sum(path: Path, each: int) -> None:
    """Each of the 32,768 of a page, alone; CI takes some of them."""
    path.write_bytes(random.Random(1).randbytes(PAGE))
    pages.sum_up(path)
    with closing(pages.Look(path)) as look, path.open("r+b", buffering=0) as file:
        assert look.at(9) == (1, True)
        content = path.read_bytes()
        for place in range(0, 8 * PAGE, each):
            byte = bytes([content[place // 8] ^ 1 << place % 8])
            os.pwrite(file.fileno(), byte, place // 8)
            with pytest.raises(Damaged):
                look.at(1)
            os.pwrite(file.fileno(), content[place // 8 : place // 8 + 1], place // 8)
        assert look.at(1) == (1, True)


def test_a_page_that_is_not_what_was_written_hides_no_entry(path: Path) -> None:
    """A leaf that says that it has one row less is right to SQLite, and a repetition of that row would be judged as new. It shows:
    each claim is answered by what was stored, or not at all.
    """
    filled(path).close()
    content = path.read_bytes()
    leaves = [at for at in range(PAGE, len(content), PAGE) if content[at] == LEAF_OF_KEYS]
    assert len(leaves) > 9
    for at in leaves[::4]:
        rows = int.from_bytes(content[at + 3 : at + 5], "big")
        change(path, at + 3, lambda _, rows=rows: (rows - 1).to_bytes(2, "big"), 2)  # type: ignore[misc]  # one after the other
        refused = 0
        with closing(SqliteStore(path)) as store:
            for key, entry in CLAIMS:
                try:
                    later = Claim(key, Entry(Timestamp(10**6), "eu", "another", FINE))
                    assert store.insert_or_get([later]) == [entry]
                except Damaged:
                    refused += 1
        assert refused
        change(path, at + 3, lambda _, rows=rows: rows.to_bytes(2, "big"), 2)  # type: ignore[misc]  # likewise


def test_a_page_of_an_earlier_time_shows(path: Path) -> None:
    """A write that the disk said it had done, and had not: both versions are pages as SQLite writes them."""
    with closing(filled(path)) as store:
        before = path.read_bytes()
        store.merge([Claim(key, Entry(Timestamp(0), "us", "x" * 64, FINE)) for key, _ in CLAIMS])
    after = path.read_bytes()
    changed = [at for at in range(0, len(before), PAGE) if before[at : at + PAGE] != after[at : at + PAGE]]
    assert len(changed) > 9
    for at in changed[1:]:
        change(path, at, lambda _, at=at: before[at : at + PAGE], PAGE)  # type: ignore[misc]  # one page after the other
        with closing(SqliteStore(path)) as store, pytest.raises(Damaged):
            read_all(store)
        change(path, at, lambda _, at=at: after[at : at + PAGE], PAGE)  # type: ignore[misc]  # likewise


def test_two_pages_that_are_swapped_show(path: Path) -> None:
    """Each is as it was written, and in the place of the other."""
    filled(path).close()
    content = path.read_bytes()
    change(path, 3 * PAGE, lambda _: content[4 * PAGE : 5 * PAGE], PAGE)
    change(path, 4 * PAGE, lambda _: content[3 * PAGE : 4 * PAGE], PAGE)
    with closing(SqliteStore(path)) as store, pytest.raises(Damaged):
        store.fetch([each.key for each in CLAIMS])


def test_what_rots_in_the_log_of_sqlite_is_not_read_from_it(path: Path) -> None:
    """SQLite itself compares its checksums only when it opens one. Nor is it copied to the file."""
    with closing(filled(path, in_file=False)) as store:
        store._reader = store._connect()  # so that nothing of it is in memory
        store._recent.clear()
        log = path.with_name("entries.sqlite-wal")
        frames = (log.stat().st_size - 32) // 4120
        assert frames > 9
        for frame in range(2, frames):
            change(log, 32 + frame * 4120 + 24, bit_of, PAGE)
        with pytest.raises(Damaged, match="not what was written"):
            store.fetch([each.key for each in CLAIMS])
        with suppress(sqlite3.Error):
            store._copy()
        assert store.begin_anew().stat().st_size < frames * PAGE


def test_pages_that_are_newer_than_the_log_of_sqlite_show(path: Path, tmp_path: Path) -> None:
    """All of it was copied; then a bit rots, and SQLite takes it for one that ends there: nothing is answered."""
    with closing(filled(path)):
        left = killed(path, tmp_path / "left")
    log = left.with_name("entries.sqlite-wal")
    frames = (log.stat().st_size - 32) // 4120
    for frame in range(0, frames, 5):
        change(log, 32 + frame * 4120 + 24, bit_of, PAGE)
        with closing(SqliteStore(killed(left, tmp_path / str(frame)))) as store:
            assert "ends too early" in store.damage
        change(log, 32 + frame * 4120 + 24, bit_of, PAGE)
    with closing(SqliteStore(left)) as store:
        assert store.count() == MANY


def test_a_transaction_that_outgrows_memory_reads_what_it_wrote(path: Path) -> None:
    """SQLite writes pages to its log before it commits, and over them again, with checksums that it mends at the end."""
    with closing(filled(path)) as store:
        store._writer.execute("pragma cache_size = 5")
        earlier = [Claim(key, Entry(Timestamp(0), "us", "x" * 64, FINE)) for key, _ in CLAIMS]
        new = [claim(number) for number in range(MANY, 4 * MANY)]
        assert store.merge([*new, *earlier, *new, *earlier]) == MANY - 1
        assert store.count() == 4 * MANY
        look_over(store)


def test_a_connection_that_has_met_rot_begins_no_transaction(path: Path) -> None:
    """SQLite does not tell who commits that copying back has failed: the next transaction does."""
    with closing(filled(path, in_file=False)) as store:
        log = path.with_name("entries.sqlite-wal")
        change(log, 32 + 4120 * 5 + 24, bit_of, PAGE)
        with pytest.raises(sqlite3.OperationalError):
            store._copy()
        change(log, 32 + 4120 * 5 + 24, bit_of, PAGE)
        with pytest.raises(Damaged):
            store.merge([claim(MANY)])


def test_rot_that_nobody_reads_is_found(path: Path) -> None:
    """All pages are looked at, some at a time, again and again."""
    with closing(filled(path)) as store:
        count = path.stat().st_size // PAGE
        look_over(store)
        looks = [store.look_over(10) for _ in range(2 * -(-count // 10))]
        assert sum(number for number, _ in looks) == 2 * count
        assert [whole for _, whole in looks].count(True) == 2
        store.insert_or_get([claim(MANY)])
        store.flush()
        change(path, (count - 1) * PAGE, bit_of, PAGE)
        assert {store.look_over(10)[1] for _ in range(count // 10)} == {False}
        with pytest.raises(Damaged, match=f"to {count} of the store"):
            store.look_over(10)
        assert store.damage
        assert store.begin_anew().exists()
        look_over(store)


def test_a_page_that_a_kill_cut_short_is_no_rot(path: Path, tmp_path: Path) -> None:
    """It was being copied from SQLite's log, where it still is: it is copied again before anybody looks at it."""
    with closing(filled(path)):
        left = killed(path, tmp_path / "left")
    change(left, 3 * PAGE, lambda content: content[: PAGE // 2] + bytes(PAGE // 2), PAGE)
    with closing(SqliteStore(left)) as store:
        look_over(store)
        read_all(store)


def test_an_orderly_stop_and_a_kill_leave_sums_that_are_trusted(
    path: Path, tmp_path: Path, verified: list[Path]
) -> None:
    """A store is verified as a whole once, when it is begun."""
    for number in range(3):
        with closing(filled(path, in_file=number == 1)):
            aside = killed(path, tmp_path / str(number))
        with closing(SqliteStore(aside)) as store:
            assert store.count() == MANY
    assert verified == [path]


def test_what_another_program_wrote_is_verified_as_a_whole(path: Path, tmp_path: Path, verified: list[Path]) -> None:
    """SQLite's shell, an earlier version, or one without a compiler: what is sound is taken as it is, what is not is damaged."""
    store = filled(path, in_file=False)
    copied = killed(path, tmp_path / "copied")
    store.close()
    with closing(sqlite3.connect(copied)) as shell:
        shell.execute("select count(*) from entries").fetchone()  # and copies the log when it closes
    with closing(SqliteStore(copied)) as store:
        assert store.count() == MANY
    with closing(sqlite3.connect(path)) as shell:
        with shell:
            shell.execute("update superseded set tenant = 'nobody'")
        shell.execute("vacuum")
        cut_short = killed(path, tmp_path / "cut short")
    with closing(SqliteStore(cut_short)) as store:
        assert store.count() == MANY
    with closing(sqlite3.connect(path)) as shell, shell:
        shell.execute("delete from entries where timestamp = 3")
    with closing(SqliteStore(path)) as store:
        assert "missing" in store.damage
    assert verified[1:] == [copied, cut_short, path]


def test_a_store_of_an_earlier_version_gets_sums(
    path: Path, monkeypatch: pytest.MonkeyPatch, verified: list[Path]
) -> None:
    """And loses them where nothing can be compiled: there nobody would keep them."""
    for summed in (False, True, True, False, True):
        with monkeypatch.context() as patch:
            if not summed:
                patch.setattr(module, "why_not", lambda: "there is no compiler")
            with closing(filled(path)) as store:
                assert store.count() == MANY
        assert pages.sums_of(path).exists() == summed
    assert len(verified) == 4


def write_until_killed(path: Path, told: int) -> None:
    """Store claims and tell how many are, in a process of its own."""
    module.CHECKPOINT_PAGES = 20
    store = SqliteStore(path)
    for number in range(store.count(), 10**6, 5):
        store.insert_or_get([claim(each) for each in range(number, number + 5)])
        store.flush()
        if number % 50 == 0:
            store.merge([Claim(claim(number).key, Entry(Timestamp(0), "us", "y", FINE))])
        os.write(told, (number + 5).to_bytes(4, "big"))


@pytest.mark.slow
@pytest.mark.parametrize("kills", [12, pytest.param(400, marks=pytest.mark.thorough)])
def test_killed_at_any_moment_a_store_is_whole_and_trusted(path: Path, kills: int, verified: list[Path]) -> None:
    """Pages are copied and logs are begun anew all the time: everything that was flushed is there, and no start verifies it."""
    SqliteStore(path).close()
    drawn = random.Random(kills)
    for _ in range(kills):
        listening, told = os.pipe()
        child = os.fork()
        if not child:
            try:
                write_until_killed(path, told)
            finally:
                os._exit(1)
        os.close(told)
        last = os.read(listening, 4)
        time.sleep(drawn.random() * 0.05)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        while more := os.read(listening, 4):
            last = more
        os.close(listening)
        with closing(SqliteStore(path)) as store:
            assert store.count() >= int.from_bytes(last, "big")
            assert None not in store.fetch([claim(number).key for number in range(store.count())])
            look_over(store)
    assert len(verified) == 1
