"""A log that is declared lost, in each kind of server: its node writes nothing more, whatever it had on its way (RET-7)."""

import threading
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import redis
from psycopg import sql
from tests.support.impl import store_servers
from tests.support.impl.store_servers import StoreServer

from flk.impl.storage.address import address
from flk.impl.storage.opening import open_ring, open_shared
from flk.impl.storage.shared import BARRED, LogLost, SharedStore, require_place
from flk.model.effects import Watermark
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.log.hlc import Timestamp
from flk.model.programs.watermarks import lost, reaches
from flk.model.refusal import Unavailable
from flk.spec.errors import UnusableInput

SERVERS: dict[str, Callable[[], StoreServer]] = {
    "postgres": store_servers.postgres,
    "redis": store_servers.redis,
    "cluster": store_servers.redis_cluster,
}
NUMBERS = count()
FINE = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
EARLIER = Path(store_servers.__file__).parent / "released" / "shared-1.json"
"""A store of format 1, as that version wrote it: two nodes with three entries each, of one more the earlier, and marks of both."""


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest) -> str:
    """A new store, in each kind of server in turn."""
    return SERVERS[request.param]().url(f"lost{next(NUMBERS)}")


def member(url: str, number: int) -> SharedStore:
    """The store as a node has it."""
    store = open_shared(url, "eu", lambda: 0.0)
    store.enlist(f"token{number}", number)
    return store


def claim(pcs_id: str, number: int, digest: str = "d") -> Claim:
    """A claim that differs only in what is given."""
    return Claim(Key("default", pcs_id), Entry(Timestamp(number), "eu", digest, FINE))


def test_a_node_whose_log_is_lost_writes_neither_entries_nor_marks_nor_notes(url: str) -> None:
    """What it wrote before stays, the others go on, and nobody else is given its number."""
    with closing(member(url, 1)) as one, closing(member(url, 2)) as two:
        two.insert_or_get([claim("a", 20)])
        two.mark("shipped", "eu.000002/000000000001")
        for _ in range(2):
            one.bar("eu.000002")
        one.declare_lost("eu.000002/000000000004")
        writes: list[Callable[[], object]] = [
            lambda: two.insert_or_get([claim("b", 21)]),
            lambda: two.insert_or_get([claim("a", 19)]),
            lambda: two.merge([claim("c", 5)]),
            lambda: two.mark("shipped", "eu.000002/000000000002"),
            lambda: two.note("note", "", "mine"),
        ]
        for write in writes:
            with pytest.raises(LogLost, match=r"eu\.000002 was declared lost"):
                write()
        assert one.insert_or_get([claim("a", 30)]) == [claim("a", 20).entry]
        assert [held.key.pcs_id for held in one.export(None, 9)] == ["a"]
        assert one.count() == 1
        assert one.latest() == 20
        assert set(one.watermarks()) == {
            Watermark("eu.000002", "shipped", "eu.000002/000000000001"),
            Watermark("eu.000002", "lost", "eu.000002/000000000004"),
        }
        assert one.noted("note") == ""
        with closing(open_shared(url, "eu", lambda: 0.0)) as again:
            for token in ("token2", "another", BARRED[:-1]):
                with pytest.raises(UnusableInput, match="declared lost"):
                    again.enlist(token, 2)
            assert again.enlist("token3", None) == 3


def test_what_was_on_its_way_is_there_or_never_comes(url: str) -> None:
    """While a node writes as fast as it can, its log is declared lost: nothing that is not there then is there later."""
    with closing(member(url, 1)) as one, closing(member(url, 2)) as two:
        answered, begun = [], threading.Event()

        def write() -> None:
            for number in range(100_000):
                try:
                    two.insert_or_get([claim(f"w{number}-{part}", 10 * number + part + 1) for part in range(5)])
                except LogLost:
                    return
                answered.append(number)
                begun.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert begun.wait(60)
        one.bar("eu.000002")
        then = {held.key for held in one.export(None, 1_000_000)}
        writer.join(60)
        assert not writer.is_alive()
        assert {held.key for held in one.export(None, 1_000_000)} == then
        assert {Key("default", f"w{number}-{part}") for number in answered for part in range(5)} <= then
        assert one.count() == len(then)


def test_a_log_is_lost_in_every_shard_of_a_ring_and_in_those_that_come() -> None:
    """Whichever shard a key is in, nothing of it is taken; a shard that the ring gets later is not joined by that node."""
    url = store_servers.ring().url(f"lost{next(NUMBERS)}")
    claims = [claim(f"key{number}", number) for number in range(1, 9)]
    with closing(open_ring(url, "eu", lambda: 0.0)) as one, closing(open_ring(url, "eu", lambda: 0.0)) as two:
        for number, store in enumerate((one, two), start=1):
            store.enlist(f"token{number}", number)
        two.insert_or_get(claims[:4])
        assert {two._placing.ruler(each.key) for each in claims} == set(two.shards.by_name)
        one.bar("eu.000002")
        one.declare_lost("eu.000002/000000000003")
        for each in claims:
            with pytest.raises(Unavailable, match="declared lost"):
                two.insert_or_get([each])
        with pytest.raises(Unavailable, match="declared lost"):
            two.mark("shipped", "eu.000002/000000000001")
        assert one.count() == 4
        assert lost(one.watermarks()) == {"eu.000002": "eu.000002/000000000003"}
        with closing(open_shared(store_servers.postgres().url(f"later{next(NUMBERS)}"), "eu")) as later:
            later.is_shard = True
            one.shards.join(later)
            with pytest.raises(UnusableInput, match="declared lost"):
                two.shards.join(later)


def _restored_to_postgres(url: str, found: dict[str, Any]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(found["schema"])
        for table, rows in found["rows"].items():
            for row in rows:
                values = sql.SQL(", ").join(map(sql.Literal, row))
                into = sql.SQL("insert into {} overriding system value values ({})")
                connection.execute(into.format(sql.Identifier("flk", table), values))


def _restored_to_redis(url: str, found: list[list[Any]]) -> None:
    client = redis.Redis.from_url(url)
    for words in found:
        client.execute_command(*words)  # type: ignore[no-untyped-call]
    client.close()


@pytest.mark.parametrize("kind", ["postgres", "redis"])
def test_a_store_of_the_earlier_version_is_read_and_goes_on(kind: str) -> None:
    """Its entries, what gave way, clock and marks are there, its nodes keep their numbers; when a log is declared lost, it is of a
    format that nodes of that version refuse, since they would not ask.
    """
    found = msgspec.json.decode(EARLIER.read_bytes())[kind]
    url = SERVERS[kind]().url(f"earlier{next(NUMBERS)}")
    restored: Callable[[str, Any], None] = _restored_to_postgres if kind == "postgres" else _restored_to_redis
    restored(url, found)
    with closing(member(url, 1)) as one, closing(member(url, 2)) as two:
        held = {key.pcs_id: entry.timestamp for key, entry in one.export(None, 99)}
        assert held == {"id10": 10, "id11": 11, "id12": 12, "id20": 20, "id21": 21, "id22": 22, "shared": 48}
        assert [(lost.timestamp, won.timestamp) for _, lost, won in one.superseded()] == [(49, 48)]
        assert one.latest() == 49
        assert reaches(two.watermarks()) == {
            "eu.000001": "eu.000001/000000000002",
            "eu.000002": "eu.000002/000000000002",
            "us.000001": "us.000001/000000000004",
        }
        two.insert_or_get([claim("new", 60)])
        assert _format(kind, url) == "1"
        one.bar("eu.000002")
        one.declare_lost("eu.000002/000000000005")
        assert _format(kind, url) == "2"
        assert one.count() == 8
        assert lost(one.watermarks()) == {"eu.000002": "eu.000002/000000000005"}
        with pytest.raises(LogLost):
            two.insert_or_get([claim("never", 61)])
    with closing(member(url, 1)) as one, pytest.raises(UnusableInput, match="format '3'"):
        require_place(one.place, "3", "eu", address(url))


def _format(kind: str, url: str) -> str:
    if kind == "postgres":
        with psycopg.connect(url) as connection:
            return str(connection.execute("select format from flk.place").fetchall()[0][0])
    client = redis.Redis.from_url(url)
    try:
        value = client.hget("flk:{all}:place", "format")
        assert isinstance(value, bytes)
        return value.decode()
    finally:
        client.close()
