"""Real nodes of one region that share a store and remove what their snapshots cover, and all who read on after them (RET-7)."""

import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import msgspec
import pytest
from tests.support.impl import store_servers
from tests.support.impl.client import Client, sample
from tests.support.impl.command import flk
from tests.support.impl.object_stores import Directory
from tests.support.impl.regions import all_to, eventually, has_shipped, region, stored
from tests.support.impl.store_servers import StoreServer
from tests.support.model.world import pcs, submission

from flk.impl.data.losing import declare_lost
from flk.impl.server.process import ServerProcess
from flk.model.programs.lose import Lost
from flk.spec.errors import UnusableInput

SERVERS: dict[str, Callable[[], StoreServer]] = {"postgres": store_servers.postgres, "redis": store_servers.redis}
NUMBERS = count()
RECORDS = [submission(pcs(epoch=epoch)) for epoch in range(60)]
FEW = 6  # segments of a log: what may be there while snapshots follow it

Told = dict[int, tuple[str, str, str]]
"""By the number of a record, what its answer named."""


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest) -> str:
    """A new store, in each kind of server in turn."""
    return SERVERS[request.param]().url(f"retained{next(NUMBERS)}")


@contextmanager
def member(
    directory: Path, name: str, objects: Directory, url: str, *options: str
) -> Iterator[tuple[ServerProcess, Client]]:
    """A node of eu that shares the store."""
    data = directory / name
    data.mkdir(exist_ok=True)
    with region("eu", data, objects.url, ["us"], ["--store", url, *options]) as found:
        yield found


def segments(directory: Path, name: str) -> list[Path]:
    """The files of a node's log."""
    return sorted((directory / name).glob("eu/eu.*/*.wal"))


def objects_of(objects: Directory, log: str) -> list[str]:
    """The segments of a log that are in the object store."""
    return sorted(path.name for path in objects.path.glob(f"crr/{log}/*") if path.is_file())


def send(client: Client, numbers: Sequence[int], told: Told) -> None:
    """Records are answered, and shipped in some segments."""
    for at in range(0, len(numbers), 3):
        some = numbers[at : at + 3]
        told |= zip(some, map(stored, all_to(client, [RECORDS[number] for number in some])), strict=True)
        eventually(partial(has_shipped, client))


def answers(client: Client, told: Told) -> bool:
    """Whether every record is answered as it was."""
    return [stored(answer) for answer in all_to(client, [RECORDS[number] for number in told])] == [*told.values()]


def killed(server: ServerProcess) -> None:
    """The node stops in the middle of whatever it does."""
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


@pytest.mark.slow
@pytest.mark.sampled(every=2)
def test_logs_stay_bounded_and_a_lost_one_reaches_every_region(tmp_path: Path, url: str) -> None:
    """Two nodes under traffic, each removing its log; one is killed and started again; then one is killed with records on its disk
    that it never ships, and the disk goes. Its log is declared lost: the peer that had read everything, the node in its place, and
    a new region answer all that either had acknowledged (RET-7, SNAP-10).
    """
    objects, told = Directory(tmp_path / "objects"), Told()
    removing = ("--snapshot-every", "0.2", "--retain", "0")
    with ExitStack() as stack:
        first, one = stack.enter_context(member(tmp_path, "one", objects, url, *removing))
        peer, us = stack.enter_context(region("us", tmp_path, objects.url, ["eu"]))
        with member(tmp_path, "two", objects, url, *removing) as (server, two):
            for at in range(0, 24, 6):
                send(one, range(at, at + 3), told)
                send(two, range(at + 3, at + 6), told)
            eventually(lambda: max(len(segments(tmp_path, "one")), len(segments(tmp_path, "two"))) <= FEW)
            eventually(lambda: len(objects_of(objects, "eu.000001")) <= FEW)
            assert sample(one, 'flk_removed_total{what="segment"}') > 0
            assert sample(two, 'flk_removed_total{what="segment"}') > 0
            killed(server)
        with member(tmp_path, "two", objects, url, *removing, "--ship-every", "1000") as (server, two):
            assert answers(two, told)
            told |= zip([24, 25], map(stored, all_to(two, RECORDS[24:26])), strict=True)
            killed(server)
        shutil.rmtree(tmp_path / "two" / "eu")
        eventually(lambda: stored(us.submit(RECORDS[0])) == told[0])
        said = flk("declare-lost", "eu.000002", "--store", url, "--objects", objects.url, "--yes", "--json")
        done = msgspec.json.decode(said.stdout, type=Lost)
        assert done.shipped >= FEW / 2
        us = stack.enter_context(closing(Client(peer)))  # connections that idle for long are closed
        eventually(partial(answers, us, told))
        _, three = stack.enter_context(member(tmp_path, "two", objects, url, *removing))
        assert {path.parent.name for path in segments(tmp_path, "two")} <= {"eu.000003"}
        assert answers(three, told)
        send(three, range(30, 36), told)
        one = stack.enter_context(closing(Client(first)))
        send(one, range(36, 42), told)
        eventually(lambda: objects_of(objects, "eu.000002") == [f"{done.shipped + 3:012d}"])
        _, ap = stack.enter_context(region("ap", tmp_path, objects.url, ["eu", "us"]))
        eventually(partial(answers, ap, told))


@pytest.mark.slow
def test_what_is_no_log_of_the_store_is_not_declared_lost(tmp_path: Path) -> None:
    """Neither a name that no log has, nor a log of a store that no node used; and never without being told to."""
    url, objects = store_servers.redis().url("unused"), Directory(tmp_path / "objects")
    for log, store, fix in (
        ("eu", url, "names no log"),
        ("eu.000000", url, "names no log"),
        ("eu.000001", url, "no node of eu has used"),
    ):
        with pytest.raises(UnusableInput, match=fix):
            declare_lost(log, store, objects.url)
    ended = flk("declare-lost", "eu.000001", "--store", url, "--objects", objects.url)
    assert ended.returncode == 2
    assert "--yes" in ended.stderr
