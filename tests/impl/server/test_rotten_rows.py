"""A row of a shared store rots: its key is refused, all others are served, and whichever node has its log puts it back (DUP-8)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests.support.impl import store_servers
from tests.support.impl.client import sample
from tests.support.impl.object_stores import Directory
from tests.support.impl.regions import RECORDS, RIVALS, all_to, eventually, region, stored
from tests.support.impl.store_servers import StoreServer
from tests.support.model.world import EXAMINE, Crash, pcs, submission

from flk.impl.server.mending import AGAIN, RowPasses, mending
from flk.impl.server.metrics import Metrics
from flk.impl.server.node import RealNode
from flk.impl.storage.objects import Objects, open_objects
from flk.impl.storage.opening import open_region
from flk.impl.storage.rotten import strike
from flk.impl.storage.sharded import ShardedStore
from flk.impl.storage.shared import SharedStore
from flk.impl.storage.wal import FileDisk
from flk.model.effects import Effect, PutBack, Rejoin, Rotten, Segments, Store
from flk.model.entries.entry import Claim, Key
from flk.model.flow.submission import Response, Submission
from flk.model.log.hlc import Timestamp
from flk.model.programs.ingest import ingest
from flk.model.programs.put_back import Mended, put_back
from flk.model.programs.recover import recover
from flk.model.programs.replay import replay
from flk.model.programs.ship import ship
from flk.model.refusal import OutOfReach
from flk.model.runtime import run

SERVERS: dict[str, Callable[[], StoreServer]] = {
    "postgres": store_servers.postgres,
    "redis": store_servers.redis,
    "cluster": store_servers.redis_cluster,
    "ring": store_servers.ring,
}
NUMBERS = count()
NOW = 1_700_000_000.0


class Place:
    """A new store of region eu, and nodes that share it."""

    def __init__(self, kind: str, directory: Path, stack: ExitStack) -> None:
        self.server = SERVERS[kind]()
        self.url = self.server.url(f"rows{next(NUMBERS)}")
        self._directory = directory
        self._stack = stack

    def node(self, number: int, objects: Objects | None = None) -> RealNode:
        """A node, which recovers; again, if it was there before."""
        store = open_region(self.url, "eu", lambda: NOW)
        store.enlist(f"token{number}", number)
        disk = FileDisk(self._directory / f"{number}", "eu", number)
        node = RealNode(disk, store, objects=objects, now=lambda: NOW)
        self._stack.callback(node.close)
        mending(node, (), EXAMINE)
        run(recover("eu", EXAMINE), node.perform)
        return node


@pytest.fixture(params=SERVERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["Place"]:
    """One, in each kind of server in turn."""
    with ExitStack() as stack:
        yield Place(request.param, tmp_path, stack)


def answer(node: RealNode, sent: Submission) -> Response:
    """What the node answers, alone."""
    return run(ingest(sent, "eu", EXAMINE), node.perform)


def mend(node: RealNode, peers: tuple[str, ...] = ()) -> Mended:
    """A pass of the node."""
    return run(put_back("eu", peers, EXAMINE), node.perform)


def key_of(node: RealNode) -> Key:
    """The key of the one entry that is stored."""
    (key,) = node.store.sample(2)
    return key


def test_a_row_that_rots_is_refused_by_itself_and_put_back_from_the_log(place: Place) -> None:
    """The node stays ready and serves what else there is; a second one starts meanwhile. Afterwards all is as it was."""
    one = place.node(1)
    first, key = answer(one, RECORDS[0]), key_of(one)
    place.server.damage(key.pcs_id)
    assert answer(one, RECORDS[0]).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer(one, RECORDS[1]).status == HTTPStatus.OK
    assert not one.why_not_ready()
    two = place.node(2)
    assert not two.why_not_ready()
    assert answer(two, RIVALS[0]).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert mend(one) == Mended((key,), (key,))
    assert answer(one, RECORDS[0]) == answer(two, RECORDS[0]) == first
    assert answer(two, RIVALS[0]).status == HTTPStatus.CONFLICT
    assert one.store.superseded() == []
    assert mend(two) == Mended()


def test_the_node_that_has_the_log_puts_it_back_and_no_other(place: Place) -> None:
    """Without an object store: a node that logged repetitions and rivals of it finds nothing that the row held."""
    one, two = place.node(1), place.node(2)
    first, key = answer(one, RECORDS[0]), key_of(one)
    for sent in (RECORDS[0], RIVALS[0], RECORDS[0]):
        answer(two, sent)
    place.server.damage(key.pcs_id)
    assert answer(two, RECORDS[0]).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert mend(two) == Mended((key,), (), (key,))
    assert mend(one) == Mended((key,), (key,))
    assert answer(two, RECORDS[0]) == first


def test_what_was_shipped_is_enough(place: Place, tmp_path: Path) -> None:
    """The node that logged it is gone; what it shipped is read by the other."""
    objects = open_objects(Directory(tmp_path / "objects").url)
    one, two = place.node(1, objects), place.node(2, objects)
    assert answer(one, RECORDS[0]).status == HTTPStatus.OK
    key = key_of(one)
    run(ship(), one.perform)
    (before,) = one.store.fetch([key])
    assert before is not None
    place.server.damage(key.pcs_id)
    with pytest.raises(OutOfReach):
        two.perform(
            Store(Claim(key, structs.replace(before, digest="late", timestamp=Timestamp(before.timestamp + 9))))
        )
    assert mend(two) == Mended((key,), (key,))
    assert two.store.fetch([key]) == (before,)


@pytest.mark.slow
def test_recovery_and_replay_go_on_beside_a_rotten_row(place: Place, tmp_path: Path) -> None:
    """Claims of other logs that meet it are set aside: the node catches up, and the earliest prevails once the row is back."""
    objects = open_objects(Directory(tmp_path / "objects").url)
    one = place.node(1, objects)
    assert answer(one, RECORDS[0]).status == HTTPStatus.OK
    key = key_of(one)
    (entry,) = one.store.fetch([key])
    assert entry is not None
    place.server.damage(key.pcs_id)
    early = structs.replace(entry, timestamp=Timestamp(entry.timestamp - 1), digest="early")
    one.store.merge([Claim(key, early)])
    one.behind = True
    run(recover("eu", EXAMINE), one.perform)
    assert not one.why_not_ready()
    run(replay("us", EXAMINE), one.perform)
    assert mend(one) == Mended((key,), (key,))
    assert one.store.fetch([key]) == (early,)
    assert one.store.superseded() == [(key, entry, early)]


@pytest.mark.slow
def test_a_node_that_is_killed_while_it_puts_a_row_back_is_followed_by_another(place: Place, tmp_path: Path) -> None:
    """Stopped before any effect on rows, or between joining in what was set aside and striking it: a pass of another node ends
    with the row, then what was set aside, and nothing noted.
    """
    objects = open_objects(Directory(tmp_path / "objects").url)
    one, two = place.node(1, objects), place.node(2, objects)
    rows = one.store
    assert isinstance(rows, SharedStore | ShardedStore)

    def killed(turn: int, perform: Callable[[Any], Any]) -> bool:
        sent = submission(pcs(epoch=100 + turn))
        assert answer(one, sent).status == HTTPStatus.OK
        run(ship(), one.perform)
        key = EXAMINE(sent, Timestamp(1), "eu").key
        (entry,) = one.store.fetch([key])
        assert entry is not None
        early = structs.replace(entry, timestamp=Timestamp(entry.timestamp - 1), digest="early")
        place.server.damage(key.pcs_id)
        two.store.merge([Claim(key, early)])
        was_killed = False
        try:
            run(put_back("eu", (), EXAMINE), perform)
        except Crash:
            was_killed = True
        mend(two)
        assert two.store.fetch([key]) == (early,)
        assert two.store.superseded().count((key, entry, early)) == 1
        assert rows.rotten() == ()
        return was_killed

    def crash(*_: object) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flk.impl.storage.shared.strike", crash)
        patch.setattr(two, "perform", _with_its_own(two.perform, patch))
        assert killed(0, one.perform)
    turn = next(turn for turn in count(1) if not killed(turn, _stopping(one, turn - 1)))
    assert turn == 5


def _with_its_own(
    perform: Callable[[Effect[object]], Any], patch: pytest.MonkeyPatch
) -> Callable[[Effect[object]], Any]:
    def performed(effect: Effect[object]) -> Any:
        patch.setattr("flk.impl.storage.shared.strike", strike)
        return perform(effect)

    return performed


def _stopping(node: RealNode, at: int) -> Callable[[Effect[object]], Any]:
    numbers = count()

    def perform(effect: Effect[object]) -> Any:
        if isinstance(effect, Rotten | PutBack | Rejoin) and next(numbers) == at:
            raise Crash
        return node.perform(effect)

    return perform


@pytest.mark.slow
def test_servers_put_a_row_back_by_themselves(tmp_path: Path) -> None:
    """Two processes on one PostgreSQL: the one that did not log the record is asked for it while its row is rotten, refuses it and
    takes others; the other one puts the row back, and both answer as before. Both count and tell it.
    """
    server = store_servers.postgres()
    url = server.url("rows-served")
    with ExitStack() as stack:
        clients = []
        for name in ("one", "two"):
            data = tmp_path / name
            data.mkdir()
            _, client = stack.enter_context(region("eu", data, None, options=["--store", url]))
            clients.append(client)
        one, two = clients
        (first,) = all_to(one, RECORDS[:1])
        pcs_id = EXAMINE(RECORDS[0], Timestamp(1), "eu").key.pcs_id
        server.damage(pcs_id)
        assert two.submit(RECORDS[0]).status == HTTPStatus.SERVICE_UNAVAILABLE
        assert two.submit(RECORDS[1]).status == HTTPStatus.OK
        eventually(lambda: two.submit(RECORDS[0]).status == HTTPStatus.OK)
        assert [stored(client.submit(RECORDS[0])) for client in clients] == [stored(first)] * 2
        assert two.submit(RIVALS[0]).status == HTTPStatus.CONFLICT
        eventually(lambda: sample(one, "flk_store_rows_put_back_total") == 1)
        assert sample(one, "flk_store_damage_total") == 1


def test_what_no_log_has_is_looked_for_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row is counted once and told; it is left alone for a while, and measured until it is sound."""
    metrics, key, other = Metrics(), Key("default", "a"), Key("default", "b")
    passes = RowPasses("eu", (), EXAMINE, metrics)
    now = 1000.0
    monkeypatch.setattr("flk.impl.server.mending.time.monotonic", lambda: now)

    def looked_for() -> bool:
        program = passes.program()
        assert isinstance(program.send(None), Rotten)
        assert isinstance(program.send((key, other)), PutBack)
        try:
            return isinstance(program.send(()), Segments)
        except StopIteration:
            return False

    def shown() -> list[float]:
        names = ("flk_store_damage_total", "flk_store_rows_put_back_total", "flk_store_rows_rotten")
        lines = metrics.exposition().decode().splitlines()
        return [float(line.split()[-1]) for name in names for line in lines if line.startswith(f"{name} ")]

    assert looked_for()
    passes.returned(Mended((key, other), (), (key, other)))
    assert not looked_for()
    passes.returned(Mended((key, other)))
    assert shown() == [2, 0, 2]
    now += AGAIN + 1
    assert looked_for()
    passes.returned(Mended((key, other), (key,), (other,)))
    assert shown() == [2, 1, 1]
    passes.returned(Mended())
    assert shown() == [2, 1, 0]
