"""Nodes of one region that share its store: what any of them answered stands, whichever is asked, and whatever becomes of them."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from http import HTTPStatus
from http.client import HTTPException
from itertools import count
from pathlib import Path

import pytest
from msgspec import structs
from tests.support.impl import store_servers
from tests.support.impl.client import Client, Reply, keys_of
from tests.support.impl.object_stores import Directory
from tests.support.impl.regions import RECORDS, RIVALS, all_to, eventually, has_shipped, region, replayed, stored
from tests.support.impl.store_servers import StoreServer
from tests.support.model.world import EXAMINE, pcs, submission

from flk.impl.data.backup import back_up
from flk.impl.data.check import check
from flk.impl.server.lifecycle import open_node
from flk.impl.server.mending import mending
from flk.impl.server.node import RealNode
from flk.impl.server.process import ServerProcess, key_file, server_process
from flk.impl.server.settings import Settings
from flk.impl.storage.objects import Objects, open_objects
from flk.impl.storage.opening import open_region
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX, Store
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Response, Submission
from flk.model.log.hlc import Timestamp
from flk.model.memory import parts
from flk.model.memory.memory import MemoryNode
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import recover
from flk.model.programs.replay import replay
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import ship
from flk.model.programs.snapshot import snapshot_shared
from flk.model.programs.start import load
from flk.model.refusal import Unavailable
from flk.model.runtime import run
from flk.spec.errors import UnusableInput

SERVERS: dict[str, Callable[[], StoreServer]] = {
    "postgres": store_servers.postgres,
    "redis": store_servers.redis,
    "ring": store_servers.ring,
}
NUMBERS = count()
NOW = 1_700_000_000.0


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest) -> str:
    """A new store, in each kind of server in turn."""
    return SERVERS[request.param]().url(f"shared{next(NUMBERS)}")


def node(directory: Path, url: str, number: int, now: float, objects: Objects | None = None) -> RealNode:
    """A node of region eu by itself, whose wall clock stands still."""
    store = open_region(url, "eu", lambda: now)
    store.enlist(f"token{number}", number)
    made = RealNode(FileDisk(directory / f"{number}", "eu", number), store, objects=objects, now=lambda: now)
    run(recover("eu", EXAMINE), made.perform)
    return made


def answer(node: RealNode, sent: Submission) -> Response:
    """What the node answers, alone."""
    return run(ingest(sent, "eu", EXAMINE), node.perform)


def test_what_is_submitted_after_an_answer_never_takes_its_place(tmp_path: Path, url: str) -> None:
    """Two nodes whose wall clocks are 50 s apart are asked in turns: each record is later than all that were answered (HLC-7)."""
    with closing(node(tmp_path, url, 1, NOW)) as fast, closing(node(tmp_path, url, 2, NOW - 50)) as slow:
        for sent, rival in zip(RECORDS, RIVALS, strict=True):
            first, second = answer(fast, sent), answer(slow, rival)
            assert first.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED)
            assert second.status == HTTPStatus.CONFLICT
        assert fast.store.superseded() == []
        assert slow.clock > fast.clock - len(RECORDS)


def test_an_earlier_claim_prevails_over_an_answered_one_and_is_counted(tmp_path: Path, url: str) -> None:
    """What another node logged before, and stores only now, takes the place of what was answered: the loser is recorded and
    counted, and its repetition gets 409 with the winner from either node (DUP-10, CRR-3).
    """
    with closing(node(tmp_path, url, 1, NOW)) as one, closing(node(tmp_path, url, 2, NOW)) as two:
        assert answer(one, RECORDS[0]).status in (HTTPStatus.OK, HTTPStatus.ACCEPTED)
        (key,) = one.store.sample(1)
        (answered,) = one.store.fetch([key])
        assert answered is not None
        earlier = structs.replace(answered, timestamp=Timestamp(answered.timestamp - 1), digest="another")
        assert two.claim([Store(Claim(key, earlier))]) == [earlier]
        assert one.store.superseded() == [(key, answered, earlier)]
        assert b"flk_supersessions_total 1.0" in two.metrics.exposition()
        assert [answer(asked, RECORDS[0]).status for asked in (one, two)] == [HTTPStatus.CONFLICT] * 2


def test_a_node_logs_nothing_while_it_cannot_know_the_regions_clock(tmp_path: Path, url: str) -> None:
    """A store that does not answer is a 503, and leaves no frame whose timestamp may be too early (HLC-7, ORD-4)."""
    with closing(node(tmp_path, url, 1, NOW)) as alone:
        answer(alone, RECORDS[0])
        names = alone.disk.names(INBOX)
        before = [alone.disk.read(name) for name in names]

        def away() -> None:
            raise Unavailable("ORD-4", "away", retry_after=1)

        there = alone.store.latest
        alone.store.latest = away  # type: ignore[method-assign,assignment]
        assert not alone.why_not_ready()
        assert answer(alone, RECORDS[1]).status == HTTPStatus.SERVICE_UNAVAILABLE
        assert [alone.disk.read(name) for name in names] == before
        assert alone.why_not_ready() == "away"
        alone.store.latest = there  # type: ignore[method-assign]
        assert answer(alone, RECORDS[1]).status in (HTTPStatus.OK, HTTPStatus.ACCEPTED)
        assert not alone.why_not_ready()


@pytest.mark.slow
def test_everything_acknowledged_is_answered_identically_after_both_nodes_were_killed(tmp_path: Path, url: str) -> None:
    """Two servers under load, of records of their own, of the same and of rivals, are killed with -9 and started again: each answer
    that stood alone is given again by either, and both agree on the rest (DUP-2, DUP-10).
    """
    own = [[submission(pcs(epoch=1000 * half + epoch)) for epoch in range(1, 400)] for half in (1, 2)]
    acknowledged: list[list[tuple[Submission, Reply]]] = [[], []]
    progress = threading.Semaphore(0), threading.Semaphore(0)

    def load(server: ServerProcess, half: int, mixed: Sequence[Submission]) -> None:
        with closing(Client(server)) as client, suppress(OSError, HTTPException):
            for turn, sent in enumerate(own[half]):
                acknowledged[half].append((sent, client.submit(sent)))
                if turn < len(mixed):
                    client.submit(mixed[turn])
                progress[half].release()

    with ExitStack() as stack, ThreadPoolExecutor(2) as threads:
        servers = [stack.enter_context(_server(tmp_path, name, url)) for name in ("one", "two")]
        for half, mixed in enumerate((RECORDS, RIVALS)):
            threads.submit(load, servers[half], half, mixed)
        for turns in progress:
            for _ in range(2 * len(RECORDS)):
                assert turns.acquire(timeout=60)
        for server in servers:
            server.process.kill()
    assert min(map(len, acknowledged)) >= 2 * len(RECORDS)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(closing(Client(stack.enter_context(_server(tmp_path, name, url)))))
            for name in ("one", "two")
        ]
        told = [pair for pairs in acknowledged for pair in pairs]
        assert all(reply.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED) for _, reply in told)
        for sent, reply in told:
            again = [client.submit(sent) for client in clients]
            assert [(stored(other), other.status) for other in again] == [(stored(reply), reply.status)] * 2
        for sent, rival in zip(RECORDS, RIVALS, strict=True):
            answers = [client.submit(item) for item in (sent, rival) for client in clients]
            assert len({stored(other) for other in answers}) == 1
            assert sorted(other.status == HTTPStatus.CONFLICT for other in answers) == [False, False, True, True]


@pytest.mark.slow
def test_a_peer_replays_each_log_of_the_region(tmp_path: Path) -> None:
    """Two nodes of eu ship a log each; us has the records of both, and a reclaim of the other's log changes nothing (CRR-6)."""
    objects, url = Directory(tmp_path / "objects"), store_servers.redis().url("peer")
    halves = RECORDS[:6], RECORDS[6:]
    with ExitStack() as stack:
        clients = []
        for name in ("one", "two"):
            data = tmp_path / name
            data.mkdir()
            _, client = stack.enter_context(region("eu", data, objects.url, options=["--store", url]))
            clients.append(client)
        _, us = stack.enter_context(region("us", tmp_path, objects.url, ["eu"]))
        told = [reply for client, half in zip(clients, halves, strict=True) for reply in all_to(client, half)]
        eventually(lambda: all(map(has_shipped, clients)) and replayed(us, "eu") >= 2)
        eventually(lambda: [stored(reply) for reply in all_to(us, RECORDS)] == [stored(reply) for reply in told])
        assert {path.name for path in (objects.path / "crr").iterdir()} >= {"eu.000001", "eu.000002"}
        for client in clients:
            assert [stored(reply) for reply in all_to(client, RECORDS)] == [stored(reply) for reply in told]


def test_a_snapshot_has_what_another_node_stored_and_lost_before_it_was_shipped(tmp_path: Path, url: str) -> None:
    """Two nodes store a record each, one ships, writes a snapshot, and the disk of the other is lost. What either was answered is
    in the store, and in a region that begins with the snapshot; no log brings it to a region that replays, as long as nobody
    declares that log lost (SNAP-10).
    """
    directory = Directory(tmp_path / "objects")
    objects, there = open_objects(directory.url), parts.Objects()
    with (
        closing(node(tmp_path, url, 1, NOW, objects)) as one,
        closing(node(tmp_path, url, 2, NOW, objects)) as two,
    ):
        shipped, lost = (answer(each, sent) for each, sent in zip((one, two), RECORDS[:2], strict=True))
        assert shipped.status == lost.status == HTTPStatus.OK
        run(ship(), one.perform)
        mending(one, (), EXAMINE)  # it performs what concerns the whole store from now on
        run(snapshot_shared("eu"), one.perform)
        shutil.rmtree(tmp_path / "2")
        assert answer(one, RECORDS[1]).body == lost.body
        stored = {claim.key for claim in one.store.export(None, 9)}
    for file in filter(Path.is_file, directory.path.rglob("*")):
        there.put(str(file.relative_to(directory.path)), file.read_bytes())
    began, replays = parts.Entries(), parts.Entries()
    run(load("us", ["eu"]), MemoryNode(parts.Disk("us"), began, there, lambda: NOW).perform)
    run(replay("eu", EXAMINE), MemoryNode(parts.Disk("ap"), replays, there, lambda: NOW).perform)
    assert set(began.entries) == stored
    assert len(stored) == 2
    assert len(replays.entries) == 1


def _server(directory: Path, name: str, url: str) -> AbstractContextManager[ServerProcess]:
    keys = directory / f"keys-{name}"
    keys.mkdir(exist_ok=True)
    return server_process(directory / name, keys_of(keys), ["--store", url])


def settings(directory: Path, name: str, url: str | None, region: str = "eu") -> Settings:
    """What a node of that directory is started with."""
    return Settings(directory / name, directory / "keys", region=region, store=url)


def test_a_node_keeps_its_number_and_its_store(tmp_path: Path, url: str) -> None:
    """New directories get the next numbers and keep them; none is opened without its store, nor as a copy under another name."""
    for name, number in (("one", 1), ("two", 2), ("one", 1)):
        with closing(open_node(settings(tmp_path, name, url))) as opened:
            assert opened.disk.log(INBOX) == f"eu.{number:06d}"
    with pytest.raises(UnusableInput, match="--store"):
        open_node(settings(tmp_path, "one", None))
    (tmp_path / "two" / "member").unlink()
    with pytest.raises(UnusableInput, match="another node"):
        open_node(settings(tmp_path, "two", url))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UnusableInput, match=r"letter\.txt"):
        open_node(settings(tmp_path, "mine", url))
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["letter.txt", "lock"]


def test_the_log_of_a_member_is_checked_and_its_directory_not_backed_up(tmp_path: Path) -> None:
    """There is no store in it; a bit that flipped in its log is found, a copy of it is told to be of no use (SNAP-7, SNAP-8)."""
    url = store_servers.redis().url("checked")
    with closing(open_node(settings(tmp_path, "one", url))) as opened:
        run(recover("eu", EXAMINE), opened.perform)
        answer(opened, RECORDS[0])
        run(rotate(), opened.perform)
    sound = check(tmp_path / "one", EXAMINE)
    assert (sound.frames, sound.findings) == (1, ())
    assert [note for note in sound.notes if "the region's" in note]
    (segment,) = (tmp_path / "one").glob("eu.*/*.wal")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    assert check(tmp_path / "one", EXAMINE).findings
    with pytest.raises(UnusableInput, match="as its server does"):
        back_up(tmp_path / "one", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_node_does_not_go_over_to_another_store(tmp_path: Path) -> None:
    """A node whose store was lost is told what to do, and answers nobody from an empty one (DUP-7)."""
    first, second = store_servers.postgres().url("first"), store_servers.redis().url("second")
    open_node(settings(tmp_path, "one", first)).close()
    with pytest.raises(UnusableInput, match="another store"):
        open_node(settings(tmp_path, "one", second))


def test_a_redis_that_may_forget_is_used_only_if_that_is_accepted(tmp_path: Path) -> None:
    """With `appendfsync everysec` the start-up ends with the reason; if told to, the node starts and says it in one line."""
    weak = store_servers.Redis("--appendfsync", "everysec")
    try:
        url = weak.url("")
        key_file(tmp_path, "testsecret")
        with pytest.raises(UnusableInput, match="appendfsync is everysec"):
            open_region(url, "eu")
        with closing(open_region(url, "eu", accept_weaker=True)) as store:
            assert "appendfsync is everysec" in store.weakness
    finally:
        weak.kill()


def test_a_postgresql_that_may_forget_is_refused() -> None:
    """With `synchronous_commit` off nothing is stored, and the message has the statement that mends it."""
    server = store_servers.postgres()
    url = server.url("weak")
    server.query("postgres", "alter database weak set synchronous_commit = off")
    with pytest.raises(UnusableInput, match="alter system set synchronous_commit = on"):
        open_region(url, "eu")


@pytest.mark.slow
def test_no_line_of_a_server_tells_the_password(tmp_path: Path) -> None:
    """A start with a store that is not there ends with exit code 2 and a message without credentials."""
    command = [sys.executable, "-m", "flk.impl.command", "serve", "--data", str(tmp_path / "d"), "--keys"]
    keys = key_file(tmp_path, "testsecret")
    ended = subprocess.run(
        [*command, str(keys), "--port", "0", "--store", "postgresql://me:hunter2@127.0.0.1:1/db"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "127.0.0.1:1" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr
