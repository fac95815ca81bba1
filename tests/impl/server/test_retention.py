"""Real nodes that remove what their snapshots cover, and all who read on after them (RET-*)."""

import shutil
import signal
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from tests.support.impl.client import Client, sample
from tests.support.impl.object_stores import Directory
from tests.support.impl.regions import all_to, at_least, eventually, has_shipped, region, stored
from tests.support.model.world import EXAMINE, pcs, submission

from flk.impl.data.backup import back_up, verify
from flk.impl.data.check import check
from flk.impl.data.reading import store_of
from flk.impl.server.process import ServerProcess
from flk.impl.server.retaining import require_removable
from flk.impl.storage.objects import open_objects
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX
from flk.model.log.frames import Frame, segment_name
from flk.model.log.hlc import Timestamp
from flk.model.programs.recover import APPLIED
from flk.spec.errors import UnusableInput

REMOVING = ("--snapshot-every", "0.05", "--retain", "0")
RECORDS = [submission(pcs(epoch=epoch)) for epoch in range(60)]
BEHIND = 5  # segments: what may be there while snapshots follow the log


def segments(directory: Path) -> list[Path]:
    """The files of eu's logs."""
    return sorted(directory.glob("eu/eu.*/*.wal"))


def objects_of(objects: Directory, prefix: str = "crr/eu.") -> list[Path]:
    """What lies in the object store."""
    return [path for path in objects.path.glob(f"{prefix}*/*") if path.is_file()]


def removed(client: Client, what: str) -> float:
    """How many such things the node has removed."""
    return sample(client, f'flk_removed_total{{what="{what}"}}')


def sent(client: Client, first: int, last: int) -> list[tuple[str, str, str]]:
    """What is stored of records, which go into several segments."""
    found = []
    for at in range(first, last, 5):
        found += [stored(answer) for answer in all_to(client, RECORDS[at : at + 5])]
        eventually(partial(has_shipped, client))
    return found


def is_small(directory: Path, objects: Directory) -> bool:
    """Whether little is there of the log, its objects and the snapshots."""
    heads = objects_of(objects, "snap/eu/heads")
    return len(segments(directory)) <= BEHIND and len(objects_of(objects)) <= BEHIND and len(heads) <= BEHIND


def killed(server: ServerProcess) -> None:
    """The node stops in the middle of whatever it does."""
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def answers(client: Client, known: Sequence[tuple[str, str, str]]) -> None:
    """Every record is answered as it was."""
    assert [stored(answer) for answer in all_to(client, RECORDS[: len(known)])] == list(known)


@pytest.mark.slow
def test_files_stay_bounded_and_every_reader_comes_to_the_same(tmp_path: Path, objects: Directory) -> None:
    """A node under traffic removes what its snapshots cover: files and objects stay few. Killed and started again it reads some
    frames only; a peer away for long, a new one, and a new disk answer what the node had acknowledged, and so does a restored
    backup; a check finds nothing missing (RET-1, RET-5).
    """
    with region("eu", tmp_path, objects.url, options=REMOVING) as (server, eu):
        known = sent(eu, 0, 10)
        with region("us", tmp_path, objects.url, ["eu"]) as (_, us):
            answers(us, known)
        known += sent(eu, 10, 40)
        eventually(partial(is_small, tmp_path, objects))
        assert removed(eu, "segment") > BEHIND
        assert removed(eu, "object") > BEHIND
        assert removed(eu, "snapshot") > 0
        assert sample(eu, "flk_retention_age_seconds") < 60
        assert not sample(eu, "flk_retention_errors_total")
        known += sent(eu, 40, 50)
        killed(server)
    checked = check(tmp_path / "eu", EXAMINE, time.time())
    assert not checked.findings
    assert [note for note in checked.notes if "removed up to" in note]
    verify(_backup(tmp_path))
    with region("eu", tmp_path, objects.url, options=REMOVING) as (server, eu):
        assert sample(eu, "flk_recovered_frames_total") < len(known) / 2
        known += sent(eu, 50, 55)
        eventually(partial(is_small, tmp_path, objects))
        with (
            region("us", tmp_path, objects.url, ["eu"]) as (_, us),
            region("ap", tmp_path, objects.url, ["eu"]) as (_, ap),
        ):
            for name, client in (("us", us), ("ap", ap)):
                eventually(partial(_has, tmp_path / name, len(known)))
                answers(client, known)
                assert not at_least(1, client, "flk_supersessions_total")
        killed(server)
    shutil.rmtree(tmp_path / "eu")
    with region("eu", tmp_path, objects.url, options=REMOVING) as (server, eu):
        assert [line for line in server.said if "begun with the" in line]
        answers(eu, known)
        assert {path.parent.name for path in segments(tmp_path)} == {"eu.000002"}
    shutil.rmtree(tmp_path / "eu")
    shutil.move(tmp_path / "backup", tmp_path / "eu")
    (tmp_path / "eu" / "backup.json").unlink()
    with region("eu", tmp_path, None) as (_, eu):
        answers(eu, known[:50])


def test_a_store_that_is_behind_what_was_removed_is_not_backed_up(tmp_path: Path) -> None:
    """A copy of the store that lacks what the log has no more would be no backup (RET-5, SNAP-7)."""
    disk = FileDisk(tmp_path / "eu", "eu", growth=4096)
    store = SqliteStore(tmp_path / "eu" / "entries.sqlite")
    for number in (1, 2, 3):
        disk.append(INBOX, Frame(Timestamp(number), b"frame"), Timestamp(number))
        disk.seal(INBOX)
    disk.release(INBOX, segment_name("eu.000001", 2))
    disk.close()
    for applied, is_whole in ((1, False), (2, True)):
        store.mark(APPLIED, segment_name("eu.000001", applied))
        store.flush()
        if is_whole:
            verify(_backup(tmp_path))
        else:
            with pytest.raises(UnusableInput, match="make the backup again"):
                _backup(tmp_path)
            shutil.rmtree(tmp_path / "backup")
    store.close()


def _backup(directory: Path) -> Path:
    back_up(directory / "eu", directory / "backup")
    return directory / "backup"


def _has(directory: Path, number: int) -> bool:
    """Whether a store has so many entries."""
    with store_of(directory) as connection:
        return bool(connection.execute("select count(*) from entries").fetchone()[0] == number)


@pytest.fixture
def objects(tmp_path: Path) -> Directory:
    """What the regions share."""
    return Directory(tmp_path / "objects")


@pytest.mark.slow
def test_without_the_option_nothing_is_removed(tmp_path: Path, objects: Directory) -> None:
    """Snapshots alone remove nothing, not even themselves (RET-1)."""
    with region("eu", tmp_path, objects.url, options=REMOVING[:2]) as (_, eu):
        sent(eu, 0, 20)
        eventually(lambda: len(objects_of(objects, "snap/eu/heads")) > 4)
        assert len(segments(tmp_path)) >= len(objects_of(objects)) >= 4
        assert not removed(eu, "segment")


@pytest.mark.parametrize(
    ("objects", "accept_weaker", "fix"),
    [(None, False, "--objects"), ("file:///objects", True, "leave out one")],
)
def test_what_could_not_be_right_is_refused_with_the_fix(objects: str | None, accept_weaker: bool, fix: str) -> None:
    """A node without an object store, and one whose store may lose what it acknowledged, remove nothing (RET-1, RET-7)."""
    require_removable(None, objects, accept_weaker=accept_weaker)
    with pytest.raises(UnusableInput, match=fix):
        require_removable(0.0, objects, accept_weaker=accept_weaker)


def test_an_object_is_deleted_once_and_again(tmp_path: Path, objects: Directory) -> None:
    """Deleting is idempotent, and one that is gone may be put again."""
    store = open_objects(objects.url)
    assert store.put("crr/eu.000001/000000000001", b"one")
    for _ in range(2):
        store.delete("crr/eu.000001/000000000001")
        assert store.names("crr/eu.", "") == ()
    assert not (objects.path / "crr/eu.000001").exists()  # each snapshot has a directory of its own
    assert store.put("crr/eu.000001/000000000001", b"two")
