"""A region's entries on several stores: where each key is, who may use them, and what a shard that is away does to the rest."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from tests.support.impl import store_servers
from tests.support.model.world import EXAMINE, pcs, submission

from flk.impl.bench.store_servers import PostgresPair
from flk.impl.server.node import RealNode
from flk.impl.storage.address import address
from flk.impl.storage.health import Shard
from flk.impl.storage.layout import LAYOUT, Role, take_role
from flk.impl.storage.opening import open_one, open_region, open_ring
from flk.impl.storage.rows import Damaged
from flk.impl.storage.sharded import ShardedStore
from flk.impl.storage.shared import SharedStore
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.entries.ring import Ring, ring_text
from flk.model.log.hlc import Timestamp
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import recover
from flk.model.refusal import Unavailable, unavailable
from flk.model.runtime import run
from flk.spec.errors import UnusableInput

NUMBERS = count()
OK = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
NOW = 1_700_000_000.0


def claim(pcs_id: str, number: int = 1) -> Claim:
    """A claim that differs only in what is given."""
    return Claim(Key("default", pcs_id), Entry(Timestamp(number), "eu", "d", OK))


class Files:
    """Rings' files, and the databases that they name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._round = next(NUMBERS)
        self.urls: dict[str, str] = {}

    def database(self, name: str) -> str:
        """The URL of a database of this test, empty at first."""
        if name not in self.urls:
            self.urls[name] = store_servers.postgres().url(f"ring{self._round}{name}")
        return self.urls[name]

    def __call__(self, vnodes: int | None = None, /, **shards: str) -> str:
        """The URL of a ring that has a shard in each of the databases."""
        path = self._directory / f"{next(NUMBERS)}.toml"
        head = "" if vnodes is None else f"vnodes = {vnodes}\n"
        lines = (f'{shard} = "{self.database(name)}"\n' for shard, name in shards.items())
        path.write_text("".join((head, "[shards]\n", *lines)))
        return f"ring+file://{path}"

    def alone(self, name: str) -> SharedStore:
        """What one database has, whatever it is a part of."""
        return open_one(address(self.database(name)), "eu", lambda: NOW, accept_weaker=False)


@pytest.fixture
def ring(tmp_path: Path) -> Files:
    """Files of rings."""
    return Files(tmp_path)


def test_each_key_is_in_the_shard_that_the_ring_names(ring: Files) -> None:
    """And nowhere else; each shard answers for its own keys (RNG-1)."""
    claims = [claim(f"key-{number}") for number in range(200)]
    with closing(open_ring(ring(a="a", b="b"), "eu")) as store:
        store.enlist("token", None)
        store.insert_or_get(claims)
    placed = Ring(["a", "b"])
    for name in ("a", "b"):
        with closing(ring.alone(name)) as alone:
            mine = [placed.owner(ring_text(key)) == name for key, _ in claims]
            assert [entry is not None for entry in alone.fetch([key for key, _ in claims])] == mine
            assert 50 < alone.count() < 150


def test_a_node_has_one_number_in_every_shard(ring: Files) -> None:
    """The registrar gives it, though another shard has been given others (DUP-10 rests on it)."""
    url = ring(a="a", b="b")
    for token, number in (("one", 1), ("two", 2), ("one", 1)):
        with closing(open_ring(url, "eu")) as store:
            assert store.enlist(token, None) == number
    for name in ("a", "b"):
        with closing(ring.alone(name)) as alone:
            alone.is_shard = True
            with pytest.raises(UnusableInput, match="another node"):
                alone.enlist("three", 2)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"a": "a"}, "shard b"),
        ({"b": "b"}, "shard a"),
        ({"a": "b", "b": "a"}, "calls a"),
        ({"a": "a", "b": "c"}, "shard b"),
        ({"a": "c", "b": "b"}, "shard a"),
        ({"a": "a", "c": "b"}, "calls c"),
        ({"b": "b", "c": "c"}, "shard a"),
    ],
)
def test_a_file_that_disagrees_with_the_stores_is_refused_by_name(
    ring: Files, other: dict[str, str], named: str
) -> None:
    """One that leaves a shard out, calls it something else, or has another store in its place; and nothing is changed by it."""
    url = ring(a="a", b="b")
    open_ring(url, "eu").close()
    with pytest.raises(UnusableInput, match=named):
        open_ring(ring(**other), "eu")
    open_ring(url, "eu").close()


def test_what_else_a_file_names_is_not_in_the_ring(ring: Files) -> None:
    """A shard that was added to the file holds no key, and other points on the circle are refused."""
    open_ring(ring(a="a", b="b"), "eu").close()
    with closing(open_ring(ring(a="a", b="b", c="c"), "eu")) as store:
        assert [*store.shards.layout.shards] == ["a", "b"]
    with pytest.raises(UnusableInput, match="begun with 150"):
        open_ring(ring(7, a="a", b="b"), "eu")


def test_a_store_is_either_a_shard_or_alone(ring: Files) -> None:
    """A node with a part of the entries would judge the rest as new (DUP-7), and so would a ring beside a node."""
    open_ring(ring(a="a"), "eu").close()
    with pytest.raises(UnusableInput, match="shard of a ring"):
        open_region(ring.database("a"), "eu")
    with closing(open_region(ring.database("b"), "eu")) as early:
        open_ring(ring(b="b"), "eu").close()
        with pytest.raises(UnusableInput, match="shard of a ring"):
            early.enlist("token", None)
    with closing(open_region(ring.database("c"), "eu")) as used:
        used.enlist("token", None)
        with pytest.raises(UnusableInput, match="alone"):
            open_ring(ring(c="c"), "eu")


def test_nodes_that_begin_a_ring_at_once_come_to_one(ring: Files) -> None:
    """Of five with one file each has the same ring; of two whose files disagree at most one begins."""
    url, together = ring(a="a", b="b"), threading.Barrier(5)

    def begin(url: str) -> str:
        together.wait()
        with closing(open_ring(url, "eu")) as store:
            return store.place.store

    with ThreadPoolExecutor(5) as threads:
        assert len(set(threads.map(begin, [url] * 5))) == 1
        together = threading.Barrier(2)
        urls = [ring(p="p", q="q"), ring(q="q", r="r")]
        begun = [threads.submit(begin, url) for url in urls]
        assert any(isinstance(future.exception(), UnusableInput) for future in begun)


def test_a_store_that_became_another_rings_shard_meanwhile_is_refused(ring: Files, tmp_path: Path) -> None:
    """Whoever looked at it before that, and would have made it the registrar of a ring of its own."""
    with closing(ring.alone("q")) as store:
        made = take_role(tmp_path, store, Role("one", "q", "p"))
        assert take_role(tmp_path, store, made) == made
        for role in (Role("other", "q", "q"), Role("other", "q", "p"), Role("one", "r", "p")):
            with pytest.raises(UnusableInput, match="shard q of another ring"):
                take_role(tmp_path, store, role)


@pytest.mark.parametrize("steps", range(5))
def test_a_ring_whose_beginning_was_cut_off_is_finished(
    ring: Files, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever began it died after any of its writes: the next node has the same ring, with every shard."""
    url, left = ring(a="a", b="b"), steps
    from flk.impl.storage.postgres import PostgresStore

    def dying(write: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object) -> object:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            return write(*arguments)

        return step

    with monkeypatch.context() as patched:
        for name in ("take_part", "note"):
            patched.setattr(PostgresStore, name, dying(getattr(PostgresStore, name)))
        if steps < 4:
            with pytest.raises(KeyboardInterrupt):
                open_ring(url, "eu")
        else:
            open_ring(url, "eu").close()
    with closing(open_ring(url, "eu")) as store, closing(open_ring(url, "eu")) as again:
        assert [*store.shards.layout.shards] == ["a", "b"]
        assert store.place == again.place
        assert store.shards.by_name["a"].store.noted(LAYOUT)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[tuple[RealNode, store_servers.Redis]]:
    """A node whose store is a PostgreSQL and a Redis of its own, and that Redis."""
    redis = store_servers.Redis()
    path = tmp_path / "shards.toml"
    path.write_text(f'[shards]\na = "{store_servers.postgres().url(f"away{next(NUMBERS)}")}"\nb = "{redis.url("")}"\n')
    store = open_ring(f"ring+file://{path}", "eu")
    store.enlist("token", 1)
    made = RealNode(FileDisk(tmp_path / "data", "eu", 1), store, now=lambda: NOW)
    run(recover("eu", EXAMINE), made.perform)
    with closing(made):
        yield made, redis
    redis.kill()


def test_while_a_shard_is_away_nothing_is_logged_and_it_is_named(node: tuple[RealNode, store_servers.Redis]) -> None:
    """Whose key it is is not known before the record is in the log, and its timestamp must exceed all that any shard has (HLC-7).
    When the shard is back the node goes on by itself, and both answer as before.
    """
    made, redis = node
    records = [submission(pcs(epoch=epoch)) for epoch in range(1, 9)]
    first = [run(ingest(record, "eu", EXAMINE), made.perform) for record in records]
    logged = [made.disk.read(name) for name in made.disk.names(INBOX)]
    available: dict[str, Callable[[], float]] = {}
    assert isinstance(made.store, ShardedStore)
    made.store.shards.watch(available.__setitem__, available.pop, lambda: None)
    assert {name: answers() for name, answers in available.items()} == {"a": 1, "b": 1}
    redis.kill()
    for record in records:
        refused = run(ingest(record, "eu", EXAMINE), made.perform)
        assert refused.status == 503
        assert b"shard b" in refused.body
    assert [made.disk.read(name) for name in made.disk.names(INBOX)] == logged
    assert {name: answers() for name, answers in available.items()} == {"a": 1, "b": 0}
    redis.start()
    assert [run(ingest(record, "eu", EXAMINE), made.perform) for record in records] == first
    assert {name: answers() for name, answers in available.items()} == {"a": 1, "b": 1}


def test_a_shard_that_took_long_to_fail_is_left_alone_for_as_long(ring: Files) -> None:
    """Two seconds after one in vain nobody waits again, and then it is asked; damage is not absence."""
    now, asked = 0.0, 0

    def silent(store: SharedStore) -> None:
        nonlocal now, asked
        now, asked = now + 2.0, asked + 1
        raise unavailable("no answer")

    def rotten(store: SharedStore) -> None:
        raise Damaged("a row")

    with closing(ring.alone("a")) as store:
        shard = Shard("a", store, lambda: now)
        for at, expected in ((0.0, 1), (2.0, 1), (3.9, 1), (4.0, 2), (4.1, 2)):
            now = at
            with pytest.raises(Unavailable, match="shard a: no answer"):
                shard.ask(silent)
            assert asked == expected
        now = 100.0
        assert shard.away
        assert shard.ask(lambda store: store.count()) == 0
        assert not shard.away
        with pytest.raises(Damaged, match="shard a: a row"):
            shard.ask(rotten)
        assert not shard.away


@pytest.mark.slow
def test_a_promoted_standby_is_found_and_has_all_that_was_answered(tmp_path: Path) -> None:
    """One shard of two is a PostgreSQL with a synchronous standby: all its processes are killed under load, the standby is
    promoted, and the same node goes on by itself, with every answer it gave.
    """
    pair = PostgresPair()
    path = tmp_path / "shards.toml"
    other = store_servers.postgres().url(f"beside{next(NUMBERS)}")
    path.write_text(f'[shards]\na = "{other}"\nb = "{pair.url("flk")}"\n')
    url = f"ring+file://{path}"
    answered: list[Claim] = []
    took_over: list[bool] = []
    enough, over = threading.Event(), threading.Event()

    def submit() -> None:
        with closing(open_ring(url, "eu")) as store:
            store.shards.watch(lambda *_: None, str, lambda: took_over.append(True))
            store.enlist("token", 1)
            for number in count():
                batch = [claim(f"{number}-{part}", number + 1) for part in range(5)]
                try:
                    assert store.insert_or_get(batch) == [entry for _, entry in batch]
                except Unavailable:
                    continue
                answered.extend(batch)
                if len(answered) > 200:
                    enough.set()
                if over.is_set():
                    return

    with ThreadPoolExecutor(1) as threads:
        submitting = threads.submit(submit)
        assert enough.wait(60)
        pair.fail_over()
        before = len(answered)
        while len(answered) < before + 50 and not submitting.done():
            over.wait(0.01)
        over.set()
        submitting.result()
    assert took_over == [True]
    with pytest.raises(UnusableInput, match="synchronous_standby_names"):
        open_ring(url, "eu")  # what took over has no standby yet
    with closing(open_ring(url, "eu", accept_weaker=True)) as store:
        assert "shard b" in store.weakness
        assert store.fetch([key for key, _ in answered]) == tuple(entry for _, entry in answered)
    pair.standby.kill()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[shards]",
        "shards = 1",
        '[shards]\na = "http://x"',
        "\xff",
        '[shards]\na = "redis://h"\nb = "redis://h"',
        "x =",
    ],
)
def test_a_file_that_is_not_a_rings_is_refused_by_name(tmp_path: Path, content: str) -> None:
    """The message has the path, and no URL of the file."""
    path = tmp_path / "shards.toml"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(UnusableInput, match=r"shards\.toml"):
        open_ring(f"ring+file://{path}", "eu")
    with pytest.raises(UnusableInput, match=r"nothing\.toml"):
        open_ring(f"ring+file://{tmp_path}/nothing.toml", "eu")
    with pytest.raises(UnusableInput, match="ring"):
        open_ring("ring+file://host/path", "eu")


def test_the_hosts_of_a_postgresql_are_shown_and_their_password_is_not() -> None:
    """A URL may name a primary and its standbys."""
    where = address("postgresql://me:hunter2@one:5432,two:5433,[::1]/db?target_session_attrs=any")
    assert where.shown == "postgresql://one:5432,two:5433,[::1]/db"
    assert where.hosts == 3
    assert address("postgresql:///db?host=%2Fa%2C%2Fb").hosts == 2
    assert address("redis://one:1").hosts == 1
