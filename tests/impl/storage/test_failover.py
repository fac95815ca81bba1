"""A replica of Redis that takes over lacks what was acknowledged last: it answers nobody until the logs have put that back."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from http import HTTPStatus
from pathlib import Path

import pytest
from redis.connection import Connection
from tests.support.impl.regions import RECORDS, RIVALS, eventually
from tests.support.model.world import EXAMINE

from flk.impl.bench.store_servers import RedisPair
from flk.impl.server.node import RealNode
from flk.impl.storage import redis_servers as servers
from flk.impl.storage.address import address
from flk.impl.storage.opening import open_region
from flk.impl.storage.redis_store import RedisStore
from flk.impl.storage.shared import TakenOver
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.flow.submission import Response, Submission
from flk.model.log.hlc import Timestamp
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import recover
from flk.model.programs.rotate import rotate
from flk.model.refusal import Unavailable
from flk.model.runtime import run
from flk.spec.errors import UnusableInput

NOW = 1_700_000_000.0
FINE = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
STATES_ENTRY = HTTPStatus.OK, HTTPStatus.ACCEPTED


@pytest.fixture
def pair() -> Iterator[RedisPair]:
    """A new Redis and its replica."""
    made = RedisPair()
    yield made
    for server in (made.master, made.replica):
        server.go_on()
        server.kill()


def store(url: str, number: int) -> RedisStore:
    """The store as a node with that log has it."""
    made = open_region(url, "eu", lambda: NOW, accept_weaker=True)
    assert isinstance(made, RedisStore)
    made.enlist(f"token{number}", number)
    return made


def node(directory: Path, url: str, number: int) -> RealNode:
    """A node that is behind its log still."""
    disk = FileDisk(directory / f"{number}", "eu", number)
    return RealNode(disk, store(url, number), now=lambda: NOW)


def level(made: RealNode) -> None:
    """The node replays its log."""
    run(recover("eu", EXAMINE), made.perform)


def answer(asked: RealNode, sent: Submission) -> Response:
    """What a node answers."""
    return run(ingest(sent, "eu", EXAMINE), asked.perform)


def frames(asked: RealNode) -> list[bytes]:
    """The bytes of its log."""
    return [asked.disk.read(name) for name in asked.disk.names(INBOX)]


def claim(pcs_id: str, timestamp: int, digest: str = "d") -> Claim:
    """A claim of region eu."""
    return Claim(Key("default", pcs_id), Entry(Timestamp(timestamp), "eu", digest, FINE))


@pytest.mark.slow
def test_what_a_replica_lacks_is_put_back_before_anybody_is_answered(tmp_path: Path, pair: RedisPair) -> None:
    """Two nodes acknowledge what the replica never got. It takes over: neither answers, nor logs, until both have replayed their
    logs; then all is as it was, and a rival of what was lost gets 409 (WAL-5, DUP-1).
    """
    url = pair.url("")
    with closing(node(tmp_path, url, 1)) as one, closing(node(tmp_path, url, 2)) as two:
        took_over: list[int] = []
        one.store.taken_over = lambda: took_over.append(1)  # type: ignore[attr-defined]
        with pytest.raises(Unavailable, match=r"waits for the nodes of eu\.000002"):
            level(one)
        level(two)
        level(one)
        told = [answer(one, sent) for sent in RECORDS[:3]]
        run(rotate(), one.perform)
        pair.master.fall_behind(pair.replica)
        told += [answer(asked, sent) for asked, sent in zip([one, two, one, two], RECORDS[3:], strict=False)]
        run(rotate(), two.perform)  # the mark that all of this log is applied is lost with what it is about
        assert {reply.status for reply in told} <= set(STATES_ENTRY)
        pair.master.kill()
        pair.replica.go_on()
        pair.start()

        before = frames(one)
        assert answer(one, RIVALS[3]).status == HTTPStatus.SERVICE_UNAVAILABLE
        assert answer(one, RIVALS[3]).status == HTTPStatus.SERVICE_UNAVAILABLE
        assert frames(one) == before
        with pytest.raises(Unavailable, match=r"waits for the nodes of eu\.000002"):
            level(one)
        assert "eu.000002" in one.store.awaited()
        with pytest.raises(TakenOver):
            two.store.awaited()  # its connection is to the old master, which is a replica now
        assert not two.store.awaited()  # it is its own turn
        level(two)
        assert not one.store.awaited()
        level(one)

        for asked in (one, two):
            assert [answer(asked, sent) for sent in RECORDS[: len(told)]] == told
            assert [answer(asked, rival).status for rival in RIVALS[: len(told)]] == [HTTPStatus.CONFLICT] * len(told)
        assert one.store.count() == len(told)
        assert took_over == [1]


@pytest.mark.slow
def test_a_master_that_was_taken_over_from_refuses_who_was_at_the_new_one(pair: RedisPair) -> None:
    """Both take writes. Who stays at the old one is served there, since the new one is closed without it; once it was at the new
    one, the old one is closed to it for ever.
    """
    pair.url("")
    old, new = (f"redis://127.0.0.1:{server.port}/0" for server in (pair.master, pair.replica))
    url = f"{new},{old.removeprefix('redis://')}".replace("/0,", ",")
    with ExitStack() as stack:
        one, two = (stack.enter_context(closing(store(url, number))) for number in (1, 2))
        for each in (two, one):
            each._level(each._number)
        two.replayed()
        assert one.claim([claim("a", 1)]) == [claim("a", 1).entry]
        pair.replica.command("replicaof", "no", "one")

        two.close()
        with pytest.raises(Unavailable, match=r"eu\.000001"):
            two.replayed()
        with pytest.raises(TakenOver):
            two.claim([claim("b", 2)])
        with pytest.raises(TakenOver):
            two.latest()
        assert one.claim([claim("b", 3)]) == [claim("b", 3).entry]

        one.close()
        one.merge([claim("a", 1), claim("b", 3)])  # its log
        one.replayed()
        assert two.claim([claim("b", 4, "other")]) == [claim("b", 3).entry]
        one._address = address(old)
        one.close()
        for refused in (lambda: one.claim([claim("c", 5)]), one.latest, one.count):
            with pytest.raises(TakenOver):
                refused()


@pytest.mark.slow
def test_a_mark_counts_only_as_far_as_every_bucket_has_it(pair: RedisPair) -> None:
    """Buckets of a Cluster fail over by themselves: one that lost the mark lost entries before it, perhaps."""
    with closing(store(pair.url(""), 1)) as one:
        one.mark("applied", "eu.000001/000001")
        one.mark("applied", "eu.000001/000002")
        assert one.marked("applied") == "eu.000001/000002"
        older = pair.master.command("hget", "flk:{3}:marks", "eu.000001/applied")
        one.mark("applied", "eu.000001/000003")
        pair.master.command("hset", "flk:{3}:marks", "eu.000001/applied", older)
        assert one.marked("applied") == "eu.000001/000002"
        pair.master.command("del", "flk:{3}:marks")
        assert one.marked("applied") == ""


@pytest.mark.slow
def test_a_number_is_given_only_where_the_replica_knows_of_it(pair: RedisPair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that is away could take over and give the number to another node, or open without this one."""
    url = pair.url("")
    pair.master.fall_behind(pair.replica)
    monkeypatch.setattr(servers, "ROLE_SECONDS", 0.2)
    with pytest.raises(Unavailable, match="lacks what was written"):
        store(url, 1)
    monkeypatch.undo()
    pair.replica.go_on()
    eventually(lambda: pair.replica.is_level() and pair.master.command("wait", "1", "100") == "1")
    store(url, 1).close()


@pytest.mark.slow
def test_the_log_of_a_lost_node_is_given_up(tmp_path: Path, pair: RedisPair) -> None:
    """A region whose node is lost for good goes on when an operator says so, and waits for that node again if it is back."""
    url = pair.url("")
    with closing(node(tmp_path, url, 1)) as one:
        store(url, 2).close()
        with pytest.raises(Unavailable, match=r"eu\.000002"):
            level(one)
        assert isinstance(one.store, RedisStore)
        assert one.store.waits_for == 1
        one.store.give_up(2)
        level(one)
        assert one.store.waits_for == 0
        with closing(store(url, 2)) as back:
            back.replayed()
            pair.kill()
            pair.start()
            one.store.close()
            with pytest.raises(Unavailable, match=r"eu\.000002"):
                level(one)


@pytest.mark.slow
def test_what_gives_way_is_recorded_where_a_replica_may_take_over(pair: RedisPair) -> None:
    """An entry gives way only when each replica has it: the replica that takes over records it then, too (DUP-10)."""
    with closing(store(pair.url(""), 1)) as one:
        one.replayed()
        later, earlier = claim("a", 5), claim("a", 4, "other")
        one.claim([later])
        pair.replica.stop_answering()
        with pytest.raises(Unavailable, match="lacks what was written"):
            one.claim([earlier])
        pair.replica.go_on()
        eventually(lambda: pair.master.command("wait", "1", "100") == "1")
        assert one.claim([earlier]) == [earlier.entry]
        assert one.superseded() == [(later.key, later.entry, earlier.entry)]


@pytest.mark.slow
def test_a_redis_with_a_replica_is_used_only_if_that_is_accepted(pair: RedisPair) -> None:
    """Whoever has one is told what that means."""
    with pytest.raises(UnusableInput, match="a replica that takes over"):
        open_region(pair.url(""), "eu")


@pytest.mark.slow
def test_a_server_that_hangs_is_asked_once_who_is_the_master(pair: RedisPair, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose process was stopped takes connections and answers nothing: whoever looks for the master goes on to the next."""
    url = pair.url("")
    monkeypatch.setattr(servers, "ROLE_SECONDS", 0.2)
    pair.master.command("replicaof", "127.0.0.1", str(pair.replica.port))
    pair.replica.command("replicaof", "no", "one")
    pair.master.stop_answering()
    asked: list[int] = []
    connect = Connection._connect

    def counted(connection: Connection) -> object:
        asked.append(int(connection.port))
        return connect(connection)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(Connection, "_connect", counted)
    with closing(servers.connect(address(url))) as client:
        assert client.ping()
    assert asked.count(pair.master.port) == 1
    assert asked.count(pair.replica.port) > 1
