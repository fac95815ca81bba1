"""Real nodes that write snapshots of what they store to an object store, are killed meanwhile, and start from them (SNAP-*)."""

import shutil
import signal
from functools import partial
from pathlib import Path

import pytest
from tests.support.impl.client import sample
from tests.support.impl.object_stores import Directory
from tests.support.impl.regions import RECORDS, all_to, at_least, eventually, has_shipped, region, stored
from tests.support.model.world import pcs, submission

from flk.impl.server.process import ServerProcess
from flk.model.entries.snapshot import read_head

OFTEN = ("--snapshot-every", "0.05")
LATE = [submission(pcs(epoch=epoch)) for epoch in range(100, 103)]


@pytest.fixture
def objects(tmp_path: Path) -> Directory:
    """What the regions share."""
    return Directory(tmp_path / "objects")


def heads(objects: Directory, name: str = "eu") -> list[Path]:
    """The heads of a region's snapshots, the oldest first."""
    return sorted(path for path in objects.path.glob(f"snap/{name}/heads/*") if "#" not in path.name)


def newest_has(number: int, objects: Directory) -> bool:
    """Whether the snapshot that a start would take has so many entries."""
    found = heads(objects)
    if not found:
        return False
    return read_head(str(found[-1].relative_to(objects.path)), found[-1].read_bytes()).entries == number


def killed(server: ServerProcess) -> None:
    """The node stops in the middle of whatever it does."""
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["store", "disk"])
def test_a_node_starts_from_its_snapshot_and_reads_the_tail(lost: str, tmp_path: Path, objects: Directory) -> None:
    """Killed with -9 while it writes one snapshot after another, it loses its store, or all of its disk: started again it answers
    what it acknowledged, and read some frames, and not all: those behind its snapshot (SNAP-5).
    """
    with region("eu", tmp_path, objects.url, options=OFTEN) as (server, client):
        first = [stored(answer) for answer in all_to(client, RECORDS)]
        eventually(partial(has_shipped, client))
        eventually(partial(newest_has, len(RECORDS), objects))
        assert sample(client, "flk_snapshot_bytes") > 0
        assert sample(client, "flk_snapshot_age_seconds") < 60
        killed(server)
    with region("eu", tmp_path, objects.url, options=("--snapshot-every", "3600")) as (server, client):
        late = [stored(answer) for answer in all_to(client, LATE)]
        eventually(partial(has_shipped, client))
        killed(server)
    if lost == "disk":
        shutil.rmtree(tmp_path / "eu")
    else:
        for path in (tmp_path / "eu").glob("entries.sqlite*"):
            path.unlink()
    with region("eu", tmp_path, objects.url, options=OFTEN) as (server, client):
        told = [line for line in server.said if "begun with the" in line]
        assert len(told) == 1
        assert sample(client, "flk_recovered_frames_total") < len(RECORDS) + len(LATE)
        assert [stored(answer) for answer in all_to(client, [*RECORDS, *LATE])] == first + late


@pytest.mark.slow
def test_a_damaged_snapshot_is_refused_by_name_counted_and_left_for_the_one_before(
    tmp_path: Path, objects: Directory
) -> None:
    """A bit of the newest head flips: the node says so, starts from the one before it, and has everything (SNAP-2, SNAP-6)."""
    with region("eu", tmp_path, objects.url, options=OFTEN) as (server, client):
        first = [stored(answer) for answer in all_to(client, RECORDS[:6])]
        eventually(partial(newest_has, 6, objects))
        first += [stored(answer) for answer in all_to(client, RECORDS[6:])]
        eventually(partial(newest_has, len(RECORDS), objects))
        killed(server)
    newest = heads(objects)[-1]
    content = bytearray(newest.read_bytes())
    content[20] ^= 1
    newest.write_bytes(bytes(content))
    for path in (tmp_path / "eu").glob("entries.sqlite*"):
        path.unlink()
    with region("eu", tmp_path, objects.url, options=("--snapshot-every", "3600")) as (server, client):
        refused = [line for line in server.said if "not begun with a snapshot" in line]
        assert [newest.name in line for line in refused] == [True]
        assert [line for line in server.said if "begun with the" in line]
        assert sample(client, 'flk_snapshot_errors_total{work="read"}') == 1
        assert [stored(answer) for answer in all_to(client, RECORDS)] == first


@pytest.mark.slow
def test_a_new_region_begins_with_the_snapshot_of_a_peer(tmp_path: Path, objects: Directory) -> None:
    """And answers for what the peer has, with the peer's entries (SNAP-5)."""
    with region("eu", tmp_path, objects.url, options=OFTEN) as (_, eu):
        first = [stored(answer) for answer in all_to(eu, RECORDS)]
        eventually(partial(has_shipped, eu))
        eventually(partial(newest_has, len(RECORDS), objects))
        with region("us", tmp_path, objects.url, ["eu"]) as (server, us):
            assert [line for line in server.said if "begun with the" in line]
            assert [stored(answer) for answer in all_to(us, RECORDS)] == first
            assert not at_least(1, us, "flk_supersessions_total")
