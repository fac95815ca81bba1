"""`flk data check`, `flk backup` and `flk restore`: data directories of real nodes, sound and not (SNAP-7, SNAP-8)."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread

import msgspec
import pytest
from tests.support.impl.client import Client, keys_of
from tests.support.impl.command import flk
from tests.support.impl.page_sums import NEEDS_SUMS
from tests.support.impl.regions import RECORDS, all_to, region, stored
from tests.support.impl.rig import Rig
from tests.support.impl.rot import flip
from tests.support.model.world import EXAMINE, STORY, pcs, submission

from flk.impl.data import check as checking
from flk.impl.data import logged as comparing
from flk.impl.data import restore as restoring
from flk.impl.data.backup import FORMAT, LIST, Backup, back_up, listed, read, verify
from flk.impl.data.check import Checked, check
from flk.impl.data.reading import STORE
from flk.impl.data.restore import restore
from flk.impl.server.process import server_process
from flk.impl.storage.directory import RESTORING
from flk.impl.storage.pages import PAGE_BYTES, sums_of
from flk.impl.storage.rows import TOTALS, entries_of, entry_row, mark_row, text, totals_of
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.programs.examine import examine
from flk.model.programs.ingest import ingest
from flk.model.programs.rotate import rotate
from flk.model.record.signing import Keyring
from flk.spec.errors import UnusableInput


@contextmanager
def node(data: Path, *, stop: bool = True) -> Iterator[Rig]:
    """A node with two sealed segments and an open one; in the end it seals that too, or is just gone."""
    rig = Rig(data)
    try:
        rig.recover()
        for some in (STORY[:5], STORY[5:]):
            for item in some:
                rig.runtime.perform(ingest(item, "eu", EXAMINE))
            rig.runtime.perform(rotate())
        time.sleep(0.002)  # so the timestamp before that of the last frame is no other's
        rig.runtime.perform(ingest(submission(pcs(epoch=9)), "eu", EXAMINE))
        rig.node.store.flush()
        yield rig
        if stop:
            rig.runtime.perform(rotate())
    finally:
        rig.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The directory of a node that has stopped."""
    with node(tmp_path / "eu"):
        pass
    return tmp_path / "eu"


def looked(data: Path) -> Checked:
    """A check with the keys."""
    return check(data, EXAMINE)


def wheres(found: Checked) -> set[str]:
    """Where something was found."""
    return {finding.where for finding in found.findings}


def test_a_sound_directory_is_sound_while_its_node_runs_and_after(tmp_path: Path) -> None:
    """Nothing is found, nothing is changed, and every record of the log was looked for in the store (SNAP-8)."""
    data = tmp_path / "eu"
    with node(data):
        found = looked(data)
        assert not found.findings
        assert (found.frames, found.entries, found.claims, found.waiting) == (9, 5, 7, 0)
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    found = looked(data)
    assert not found.findings
    assert found.segments == 3
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_what_the_store_has_not_written_yet_is_no_finding(tmp_path: Path) -> None:
    """A node writes behind: what is not covered by its own watermark waits (SNAP-8)."""
    with closing(Rig(tmp_path / "eu")) as rig:
        rig.recover()
        for item in STORY:
            rig.runtime.perform(ingest(item, "eu", EXAMINE))
        found = looked(tmp_path / "eu")
        assert not found.findings
        assert found.waiting == found.claims == 6


def rewrite(data: Path, change: Callable[[sqlite3.Connection], None]) -> None:
    """Change the store behind the node's back."""
    with closing(sqlite3.connect(data / "entries.sqlite", isolation_level=None)) as connection:
        change(connection)
        connection.execute("pragma wal_checkpoint(truncate)")


def lose_an_entry(connection: sqlite3.Connection) -> None:
    """An entry is gone, and the totals agree."""
    (totals,) = connection.execute("select value from marks where name = ?", (TOTALS,)).fetchone()
    key, checksum = connection.execute("select pcs_id, checksum from entries limit 1").fetchone()
    connection.execute("delete from entries where pcs_id = ? and checksum = ?", (key, checksum))
    fewer = mark_row(TOTALS, text(totals_of(totals).plus(-1, -checksum)))
    connection.execute("insert or replace into marks(name, value, checksum) values (?, ?, ?)", fewer)


def move_an_entry(connection: sqlite3.Connection, by: int = -1) -> None:
    """An entry says that it was logged a little earlier, and its checksum and the totals agree."""
    (totals,) = connection.execute("select value from marks where name = ?", (TOTALS,)).fetchone()
    row = connection.execute("select * from entries where timestamp = (select max(timestamp) from entries)").fetchone()
    ((key, entry),) = entries_of((row,))
    earlier = entry_row(key, msgspec.structs.replace(entry, timestamp=entry.timestamp + by))
    connection.execute("insert or replace into entries values (?, ?, ?, ?, ?, ?, ?)", earlier)
    moved = mark_row(TOTALS, text(totals_of(totals).plus(0, earlier[-1] - row[-1])))
    connection.execute("insert or replace into marks(name, value, checksum) values (?, ?, ?)", moved)


def delay_an_entry(connection: sqlite3.Connection) -> None:
    """An entry says that it was logged a little later, and its checksum and the totals agree."""
    move_an_entry(connection, by=1)


def swap_two_entries(connection: sqlite3.Connection) -> None:
    """Two entries have each other's keys; their checksums and the totals agree."""
    (totals,) = connection.execute("select value from marks where name = ?", (TOTALS,)).fetchone()
    rows = connection.execute("select * from entries where region = 'eu' order by timestamp limit 2").fetchall()
    (first, one), (second, other) = entries_of(rows)
    swapped = [entry_row(first, other), entry_row(second, one)]
    connection.executemany("insert or replace into entries values (?, ?, ?, ?, ?, ?, ?)", swapped)
    more = sum(row[-1] for row in swapped) - sum(row[-1] for row in rows)
    connection.execute(
        "insert or replace into marks(name, value, checksum) values (?, ?, ?)",
        mark_row(TOTALS, text(totals_of(totals).plus(0, more))),
    )


def change_an_outcome(connection: sqlite3.Connection) -> None:
    """An entry has another outcome, and its checksum and the totals agree."""
    (totals,) = connection.execute("select value from marks where name = ?", (TOTALS,)).fetchone()
    row = connection.execute("select * from entries order by timestamp limit 1").fetchone()
    ((key, entry),) = entries_of((row,))
    outcome = msgspec.structs.replace(entry.outcome, accepted=not entry.outcome.accepted)
    other = entry_row(key, msgspec.structs.replace(entry, outcome=outcome))
    connection.execute("insert or replace into entries values (?, ?, ?, ?, ?, ?, ?)", other)
    changed = mark_row(TOTALS, text(totals_of(totals).plus(0, other[-1] - row[-1])))
    connection.execute("insert or replace into marks(name, value, checksum) values (?, ?, ?)", changed)


def change_a_row(connection: sqlite3.Connection) -> None:
    """An outcome is another, and its checksum says so."""
    connection.execute("update entries set outcome = replace(outcome, 'true', 'false')")


def lose_rows(connection: sqlite3.Connection) -> None:
    """An entry is gone."""
    connection.execute("delete from entries where rowid = 1")


def drop_a_table(connection: sqlite3.Connection) -> None:
    """The store is another program's."""
    connection.execute("drop table superseded")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lose_an_entry, "eu.000001/"),
        (move_an_entry, "entries.sqlite"),
        (delay_an_entry, "eu.000001/"),
        (swap_two_entries, "entries.sqlite"),
        (change_an_outcome, "entries.sqlite"),
        (change_a_row, "entries.sqlite"),
        (lose_rows, "entries.sqlite"),
        (drop_a_table, "entries.sqlite"),
    ],
)
def test_a_store_that_is_not_what_was_written_is_found(
    change: Callable[[sqlite3.Connection], None], where: str, data: Path
) -> None:
    """By its checksums, its totals, or against the log, with the fix (SNAP-8)."""
    rewrite(data, change)
    found = looked(data)
    assert [finding for finding in found.findings if finding.where.startswith(where) and finding.fix]


def unused_byte(content: bytes, page: int) -> int | None:
    """The place of a byte of that page which SQLite uses for nothing, None if it has none."""
    start = (page - 1) * PAGE_BYTES
    head = start + (100 if page == 1 else 0)
    cells, end = int.from_bytes(content[head + 3 : head + 5]), int.from_bytes(content[head + 5 : head + 7])
    gap = head + (8 if content[head] in {10, 13} else 12) + 2 * cells
    return (gap + start + end) // 2 if start + end - gap > 1 else None


@NEEDS_SUMS
def test_a_bit_of_a_page_that_no_row_is_in_is_found(data: Path) -> None:
    """In each page that has such bytes, and nothing else of the store says so: by the sum of the page (DUP-8, SNAP-8)."""
    store = data / STORE
    content = store.read_bytes()
    assert not looked(data).notes
    tried = 0
    for page in range(1, len(content) // PAGE_BYTES + 1):
        if (place := unused_byte(content, page)) is None:
            continue
        tried += 1
        flip(store, 8 * place)
        with closing(sqlite3.connect(f"{store.as_uri()}?immutable=1", uri=True)) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        (finding,) = looked(data).findings
        assert (finding.where, finding.what) == (STORE, f"page {page} is not what was written")
        flip(store, 8 * place)
    assert tried > 3
    assert not looked(data).findings


@NEEDS_SUMS
def test_pages_are_compared_while_the_node_writes_them(tmp_path: Path) -> None:
    """What its log has anew is read from there: a page of the file that was cut short by a kill meanwhile is no finding. One that
    only the file has is (SNAP-8).
    """
    data = tmp_path / "eu"
    with node(data) as rig:
        assert isinstance(rig.node.store, SqliteStore)
        rig.node.store._writer.execute("pragma wal_checkpoint(passive)")
        pages = (data / STORE).stat().st_size // PAGE_BYTES
        assert pages
        rig.runtime.perform(ingest(submission(pcs(epoch=10)), "eu", EXAMINE))
        rig.node.store.flush()
        assert not looked(data).findings
        told = []
        for page in range(1, pages + 1):
            place = 8 * PAGE_BYTES * page - 1
            flip(data / STORE, place)
            found = looked(data)
            flip(data / STORE, place)
            assert not found.notes
            told.append([finding.what for finding in found.findings[:1]] == [f"page {page} is not what was written"])
            assert told[-1] or not found.findings
        assert set(told) == {True, False}


@NEEDS_SUMS
def test_a_check_says_why_pages_were_not_compared(data: Path) -> None:
    """Another program has written the store, or the sums are gone (SNAP-8)."""
    with closing(sqlite3.connect(data / STORE)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    os.utime(data / STORE)
    assert [note for note in looked(data).notes if "by another program" in note]
    sums_of(data / STORE).unlink()
    assert [note for note in looked(data).notes if "there is no entries.sqlite-pages" in note]


def test_every_bit_of_a_sealed_segment_and_of_the_manifest_that_flips_is_found(data: Path) -> None:
    """One bit of each byte, in a copy of a sealed segment and of the manifest: the file is named (SNAP-8)."""
    log = data / "eu.000001"
    segment, manifest = sorted(log.glob("*.wal"))[1], log / "manifest"
    for path, where in ((segment, "eu.000001/000000000002"), (manifest, "eu.000001/manifest")):
        content = path.read_bytes()
        for at in range(0, len(content), 7):
            path.write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
            assert wheres(check(data)) & {where, "eu.000001/000000000002"}, at
        path.write_bytes(content)
    assert not check(data).findings


def test_a_segment_that_is_missing_or_cut_is_found(data: Path) -> None:
    """The manifest knows it (WAL-9, SNAP-8)."""
    path = data / "eu.000001" / "000000000002.wal"
    content = path.read_bytes()
    path.write_bytes(content[:300])
    assert "eu.000001/000000000002" in wheres(looked(data))
    path.unlink()
    assert "eu.000001/000000000002" in wheres(looked(data))


def test_entries_are_compared_with_as_many_frames_as_memory_takes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, too, the entries of a sound store are what their frames claim, and two that were swapped are not (SNAP-8)."""
    monkeypatch.setattr(comparing, "AT_ONCE", 1)
    monkeypatch.setattr(checking, "AT_ONCE", 1)
    assert not looked(data).findings
    rewrite(data, swap_two_entries)
    assert sum("is not what the frame claims" in finding.what for finding in looked(data).findings) == 2


def test_a_check_with_the_keys_of_another_node_does_not_say_that_all_is_sound(data: Path) -> None:
    """No frame claims anything then, so each entry is told, with the fix; and the first few alone, by name (SNAP-8)."""
    others = partial(examine, Keyring({}))
    found = check(data, others)
    assert found.claims == 0
    assert wheres(found) == {"entries.sqlite"}
    assert all(finding.fix.startswith("give the keys") for finding in found.findings)


def test_a_row_that_has_rotted_is_told_once(data: Path) -> None:
    """By its checksum, whose fix is another than that of an entry which the log does not say (SNAP-8)."""
    rewrite(data, change_a_row)
    assert all("frame" not in finding.what for finding in looked(data).findings if finding.where == "entries.sqlite")


def test_a_log_that_is_gone_as_a_whole_is_found(data: Path) -> None:
    """With its manifest, which knew its segments; the store's watermark names the last of them (WAL-9, SNAP-8)."""
    shutil.rmtree(data / "eu.000001")
    assert {f"eu.000001/{number:012d}" for number in (1, 2)} <= wheres(looked(data))


@pytest.mark.slow
def test_the_command_says_what_it_found_and_its_exit_code_is_the_verdict(data: Path, tmp_path: Path) -> None:
    """0 sound, 1 not, 2 not to be read; JSON has every field (SNAP-8)."""
    assert flk("data", "check", str(data), "--keys", str(keys_of(tmp_path))).returncode == 0
    (data / "eu.000001" / "000000000001.wal").unlink()
    checked = flk("data", "check", str(data), "--json")
    assert checked.returncode == 1
    told = json.loads(checked.stdout)
    assert told["verdict"] == "violated"
    assert [finding["where"] for finding in told["findings"]] == ["eu.000001/000000000001"]
    assert flk("data", "check", str(tmp_path)).returncode == 2


def same(one: Path, other: Path) -> bool:
    """Whether two nodes' directories hold the same log and the same entries."""
    logs = [{path.name: path.read_bytes() for path in (each / "eu.000001").glob("*.wal")} for each in (one, other)]
    with (
        closing(SqliteStore(one / "entries.sqlite")) as first,
        closing(SqliteStore(other / "entries.sqlite")) as second,
    ):
        keys = first.sample(100)
        return logs[0] == logs[1] and first.fetch(keys) == second.fetch(keys) and first.count() == second.count()


def test_a_backup_is_restored_as_it_was(data: Path, tmp_path: Path) -> None:
    """Log and store; without the keys, and without what belongs to the machine (SNAP-7)."""
    made = back_up(data, tmp_path / "out")
    assert verify(tmp_path / "out") == made == restore(tmp_path / "out", tmp_path / "new")
    assert {Path(file.name).parts[0] for file in made.files} == {"identity", "entries.sqlite", "eu.000001"}
    assert not looked(tmp_path / "new").findings
    assert same(data, tmp_path / "new")
    assert same(tmp_path / "new", tmp_path / "out")


@pytest.mark.slow
def test_a_backup_while_the_node_takes_records_has_all_that_were_acknowledged_before(tmp_path: Path) -> None:
    """The node goes on meanwhile, and is asked no question; what was restored is sound, serves, and answers the same (SNAP-7)."""
    with region("eu", tmp_path, None) as (server, client), closing(Client(server)) as other:
        first = [stored(answer) for answer in all_to(client, RECORDS)]
        done = Event()

        def go_on() -> None:
            epoch = 1000
            while not done.is_set():
                other.submit(submission(pcs(epoch=(epoch := epoch + 1))))

        thread = Thread(target=go_on)
        thread.start()
        try:
            back_up(tmp_path / "eu", tmp_path / "out")
            found = looked(tmp_path / "eu")
        finally:
            done.set()
            thread.join()
        assert not found.findings
    restore(tmp_path / "out", tmp_path / "new")
    assert not looked(tmp_path / "new").findings
    with server_process(tmp_path / "new", keys_of(tmp_path)) as server, closing(Client(server)) as client:
        assert not [line for line in server.said if "damaged" in line or "corrupt" in line]
        assert [stored(answer) for answer in all_to(client, RECORDS)] == first


@pytest.mark.slow
def test_every_file_of_a_backup_that_is_cut_or_has_a_flipped_bit_is_refused_by_name(data: Path, tmp_path: Path) -> None:
    """At sixty places of each; nothing is written by who would restore it (SNAP-7)."""
    out = tmp_path / "out"
    made = back_up(data, out)
    for name in (LIST, *(file.name for file in made.files)):
        content = (out / name).read_bytes()
        step = max(1, len(content) // 60)
        for at in range(0, len(content), step):
            flipped = content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :]
            for other in (flipped, content[:at]):
                (out / name).write_bytes(other)
                with pytest.raises(UnusableInput, match=Path(name).name):
                    restore(out, tmp_path / "new")
        (out / name).write_bytes(content)
        assert not (tmp_path / "new").exists()
    assert verify(out) == made


def test_a_backup_goes_into_an_empty_directory_and_so_does_what_is_restored(data: Path, tmp_path: Path) -> None:
    """Nothing is overwritten (SNAP-7)."""
    back_up(data, tmp_path / "out")
    with pytest.raises(UnusableInput, match="a directory of its own"):
        back_up(data, tmp_path / "out")
    with pytest.raises(UnusableInput, match="an empty directory"):
        restore(tmp_path / "out", data)
    with pytest.raises(UnusableInput, match="no backup"):
        restore(data, tmp_path / "new")
    with pytest.raises(UnusableInput, match="a directory of its own, outside"):
        back_up(data, data / "within" / "it")
    with pytest.raises(UnusableInput, match="a directory of its own, outside"):
        restore(tmp_path / "out", tmp_path / "out" / "within")
    assert not (data / "within").exists()
    with pytest.raises(UnusableInput, match="no node's"):
        back_up(tmp_path, tmp_path / "more")


def test_a_backup_of_a_later_format_is_refused_with_the_fix(data: Path, tmp_path: Path) -> None:
    """It is whole, and says which format it is (SNAP-7)."""
    made = back_up(data, tmp_path / "out")
    later = Backup(FORMAT + 1, made.flk, made.region, made.identity, made.files)
    (tmp_path / "out" / LIST).write_bytes(listed(later))
    with pytest.raises(UnusableInput, match=f"format {FORMAT + 1}, and this version knows {FORMAT}; fix"):
        read(tmp_path / "out")


def test_restoring_that_was_cut_short_is_gone_on_with(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after each file: no node starts there, another backup is not mixed in, and the same command ends it (SNAP-7)."""
    out, other = tmp_path / "out", tmp_path / "other"
    made = back_up(data, out)
    shutil.copytree(data, tmp_path / "more")
    with closing(Rig(tmp_path / "more")) as rig:
        rig.recover()
        rig.runtime.perform(ingest(submission(pcs(epoch=10)), "eu", EXAMINE))
    back_up(tmp_path / "more", other)
    put = restoring._put
    for number in range(len(made.files)):
        new = tmp_path / f"new{number}"
        done = iter(range(number))

        def cut_short(*each: object, done: Iterator[int] = done) -> None:
            if next(done, None) is None:
                raise KeyboardInterrupt
            put(*each)  # type: ignore[arg-type]  # passed on as they came

        with monkeypatch.context() as patch:
            patch.setattr(restoring, "_put", cut_short)
            with pytest.raises(KeyboardInterrupt):
                restore(out, new)
        with pytest.raises(UnusableInput, match="flk restore"):
            FileDisk(new, "eu")
        with pytest.raises(UnusableInput, match="another backup"):
            restore(other, new)
        restore(out, new)
        assert not (new / RESTORING).exists()
        assert not looked(new).findings
    assert same(data, tmp_path / "new0")


def test_a_store_that_is_damaged_is_not_backed_up(data: Path, tmp_path: Path) -> None:
    """A copy that would not be answered from is none (SNAP-7)."""
    rewrite(data, change_a_row)
    with pytest.raises(UnusableInput, match="flk data check"):
        back_up(data, tmp_path / "out")


@pytest.mark.slow
def test_the_commands_back_up_and_restore(data: Path, tmp_path: Path) -> None:
    """With exit code 0, or 2 and the fix; JSON lists every file."""
    made = flk("backup", str(data), str(tmp_path / "out"), "--json")
    assert made.returncode == 0
    assert "identity" in [file["name"] for file in json.loads(made.stdout)["files"]]
    assert [flk("restore", str(tmp_path / "out"), str(tmp_path / "new")).returncode for _ in range(2)] == [0, 2]
