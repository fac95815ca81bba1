"""Real stores that lose rows, beside regions that do not (DIV-*): found, proposed, decided, mended; and what an enemy writes."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from tests.support.impl import store_servers
from tests.support.impl.client import Client, sample
from tests.support.impl.command import flk
from tests.support.impl.object_stores import Directory
from tests.support.impl.regions import all_to, at_least, eventually, region
from tests.support.impl.store_servers import StoreServer
from tests.support.model.world import EXAMINE, pcs, submission

from flk.impl.server.comparing import require_comparable
from flk.impl.server.metrics import Metrics
from flk.impl.server.node import RealNode
from flk.impl.storage.objects import Objects, open_objects
from flk.impl.storage.opening import open_region
from flk.impl.storage.proposals import decide, found, listed
from flk.impl.storage.rows import ENTRY_COLUMNS, MARK_COLUMNS, TOTALS, entries_of, entry_row, mark_row, text
from flk.impl.storage.sharded import ShardedStore
from flk.impl.storage.shared import SharedStore
from flk.impl.storage.soundness import forget_digest
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.store import RegionStore
from flk.impl.storage.wal import FileDisk
from flk.model.effects import Program
from flk.model.entries.compared import rounds_of
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.proposals import Mode, Verdict, decisions_of, proposals_of, proposed
from flk.model.log.hlc import Timestamp
from flk.model.programs.behind import read_on
from flk.model.programs.ingest import ingest
from flk.model.programs.propose import Found, look
from flk.model.programs.reconcile import reconcile
from flk.model.programs.recover import recover
from flk.model.programs.ship import ship
from flk.model.runtime import run
from flk.spec.errors import UnusableInput

R = TypeVar("R")
INTERVAL = 300.0
NUMBERS = count()
PEERS = {"eu": ("us",), "us": ("eu",)}


def later(entry: Entry) -> Entry:
    """A well-formed entry that should give way to this one."""
    return msgspec.structs.replace(entry, timestamp=Timestamp(entry.timestamp + 1), digest="b" * 64)


class InFile:
    """A store in a file, whose node is stopped while somebody changes it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "entries.sqlite"
        directory.mkdir(exist_ok=True)

    def open(self) -> SqliteStore:
        """The store."""
        return SqliteStore(self._path)

    def spoil(self, lost: Key | None, replaced: Key | None) -> None:
        """One row is gone, and one is a later one, as if they had never been otherwise."""
        forget_digest(self._path)
        with closing(sqlite3.connect(self._path)) as connection, connection:
            if lost is not None:
                connection.execute("delete from entries where pcs_id = ?", (lost.pcs_id,))
            rows = connection.execute(f"select {ENTRY_COLUMNS} from entries").fetchall()
            for key, entry in entries_of(rows):
                if key == replaced:
                    connection.execute("delete from entries where pcs_id = ?", (key.pcs_id,))
                    connection.execute(
                        f"insert into entries({ENTRY_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)",
                        entry_row(key, later(entry)),
                    )
            rows = connection.execute(f"select {ENTRY_COLUMNS} from entries").fetchall()
            (gave_way,) = connection.execute("select count(*) from superseded").fetchone()
            totals = (len(rows), sum(row[-1] for row in rows), gave_way)
            connection.execute(
                f"insert or replace into marks({MARK_COLUMNS}) values (?, ?, ?)", mark_row(TOTALS, text(totals))
            )


class InPostgres:
    """A database, changed by somebody while its nodes work."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self._server = store_servers.postgres()
        self._name = f"differ{next(NUMBERS)}"
        self._url = self._server.url(self._name)

    def open(self) -> RegionStore:
        """The store."""
        store = open_region(self._url, "us")
        store.enlist("token", 1)
        return store

    def spoil(self, lost: Key | None, replaced: Key | None) -> None:
        """As `InFile` has it."""
        if lost is not None:
            self._server.query(self._name, f"delete from flk.entries where pcs_id = '{lost.pcs_id}'")
            self._server.query(self._name, "update flk.logs set entries = entries - 1 where entries > 0")
        if replaced is not None:
            with closing(self.open()) as store:
                (entry,) = store.fetch([replaced])
            assert entry is not None
            _, pcs_id, stamp, _, digest, _, checksum = entry_row(replaced, later(entry))
            self._server.query(
                self._name,
                f"update flk.entries set timestamp = {stamp}, digest = '{digest}', checksum = {checksum} where pcs_id = '{pcs_id}'",
            )


class InShared:
    """Redis, or a ring of a PostgreSQL and a Redis, changed by somebody while its nodes work."""

    def __init__(self, server: StoreServer, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self._url = server.url(f"differ{next(NUMBERS)}")

    def open(self) -> RegionStore:
        """The store."""
        store = open_region(self._url, "us")
        store.enlist("token", 1)
        return store

    def spoil(self, lost: Key | None, replaced: Key | None) -> None:
        """As `InFile` has it."""
        with closing(self.open()) as store:
            shards = store.shards.all(lambda shard: shard).values() if isinstance(store, ShardedStore) else (store,)
            for shard in shards:
                assert isinstance(shard, SharedStore)
                (entry,) = shard.fetch([replaced]) if replaced is not None else (None,)
                for key in filter(None, (lost, replaced)):
                    shard.forget(key)
                if replaced is not None and entry is not None:
                    shard.merge((Claim(replaced, later(entry)),))


class InRedis(InShared):
    """One alone."""

    def __init__(self, directory: Path) -> None:
        super().__init__(store_servers.redis(), directory)


class InCluster(InShared):
    """Three masters."""

    def __init__(self, directory: Path) -> None:
        super().__init__(store_servers.redis_cluster(), directory)


class InRing(InShared):
    """A shard in PostgreSQL and one in Redis."""

    def __init__(self, directory: Path) -> None:
        super().__init__(store_servers.ring(), directory)


class Both:
    """Two regions on real parts, eu in a file and us in a store of some kind, with a clock that tests move."""

    def __init__(
        self, directory: Path, kind: Callable[[Path], InFile | InPostgres | InShared], objects: Objects
    ) -> None:
        self.now = 1_767_225_600.0
        self._directory = directory
        self.objects = objects
        self.stores = {"eu": InFile(directory / "eu"), "us": kind(directory / "us")}
        self.nodes: dict[str, RealNode] = {}
        for name in PEERS:
            self.start(name)

    def start(self, name: str) -> None:
        """A node starts, after the one before it was stopped in whatever it did."""
        if name in self.nodes:
            self.nodes.pop(name).close()
        disk = FileDisk(self._directory / name, name)
        store = self.stores[name].open()
        self.nodes[name] = RealNode(disk, store, Metrics(), self._time, objects=self.objects)
        self.run(name, recover(name, EXAMINE))

    def run(self, name: str, program: Program[R]) -> R:
        """What a program returns."""
        return run(program, self.nodes[name].perform)

    def agree(self, epochs: int) -> None:
        """So many records are stored by both."""
        for epoch in range(epochs):
            name = ("eu", "us")[epoch % 2]
            assert self.run(name, ingest(submission(pcs(epoch=epoch)), name, EXAMINE)).status == 200
            if epoch % 10 > 7:
                self.run(name, ship())
        for name in PEERS:
            self.run(name, ship())
        for name, (peer,) in PEERS.items():
            self.run(name, read_on(name, peer, EXAMINE))
        self.now += INTERVAL

    def rounds(self, number: int, mode: Mode = Mode.MANUAL) -> dict[str, Found]:
        """So many rounds of both; what the last ones found."""
        last = {}
        for _ in range(number):
            self.now += INTERVAL
            for name, peers in PEERS.items():
                last[name] = self.run(name, look(name, peers, EXAMINE, INTERVAL))
                self.run(name, reconcile(name, peers, EXAMINE, mode))
        return last

    def held(self, name: str) -> dict[Key, Entry]:
        """What a region stores."""
        claims = self.nodes[name].store.export(None, 1000)
        return dict(claims)

    def spoil(self, lost: int | None = None, replaced: int | None = None) -> None:
        """Rows of us, by their places, are gone or later ones."""
        keys = sorted(self.held("us"))
        self.nodes.pop("us").close()
        self.stores["us"].spoil(None if lost is None else keys[lost], None if replaced is None else keys[replaced])
        self.start("us")

    def close(self) -> None:
        """Stop."""
        for node in self.nodes.values():
            node.close()

    def _time(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture
def objects(tmp_path: Path) -> Directory:
    """An object store in a directory."""
    return Directory(tmp_path / "objects")


@pytest.fixture(params=[InFile, InPostgres, InRedis, InCluster, InRing])
def both(request: pytest.FixtureRequest, tmp_path: Path, objects: Directory) -> Iterator[Both]:
    """Two regions that agree on 60 entries."""
    made = Both(tmp_path, request.param, open_objects(objects.url))
    made.agree(60)
    yield made
    made.close()


def test_rows_that_a_store_lost_come_back_as_the_mode_says(both: Both) -> None:
    """A row that is gone, and one that is a later one: manual mends none, auto-safe the one, auto-aggressive both; and a stopped
    node goes on (DIV-5, DIV-6).
    """
    before = both.held("us")
    assert before == both.held("eu")
    both.spoil(lost=4, replaced=30)
    assert both.rounds(3)["us"].peers[0].lost == 2
    assert len(both.held("us")) == 59
    both.start("us")
    both.rounds(1, Mode.AUTO_SAFE)
    assert [key for key, entry in both.held("us").items() if entry != before[key]] == [sorted(before)[30]]
    both.start("us")
    both.rounds(1, Mode.AUTO_AGGRESSIVE)
    assert both.held("us") == before == both.held("eu")
    assert len(both.nodes["us"].store.superseded()) == 1
    found_ = both.rounds(3)["us"]
    assert (found_.peers[0].comparison.ranges, found_.open) == (0, 0)


def test_what_is_proposed_is_decided_from_any_machine(tmp_path: Path, objects: Directory) -> None:
    """`flk divergence` lists, shows, approves and rejects; what cannot be applied is refused with the reason, and stays (DIV-6)."""
    with closing(Both(tmp_path, InFile, open_objects(objects.url))) as both:
        both.agree(30)
        before = both.held("us")
        both.spoil(lost=2, replaced=3)
        both.rounds(3)
        told = flk("divergence", "list", "--objects", objects.url)
        assert told.returncode == 0
        assert told.stdout.count("open") == 2
        store = both.objects
        missing, later_ = sorted(
            listed(store, "us"), key=lambda each: str(each.proposal and each.proposal.action), reverse=True
        )
        done = flk("divergence", "approve", missing.id, "--objects", objects.url)
        assert done.returncode == 0
        assert decide(store, found(store, later_.id), Verdict.REJECTED).verdict is Verdict.REJECTED
        assert decide(store, found(store, later_.id), Verdict.APPROVED).verdict is Verdict.REJECTED  # that was first
        both.run("us", reconcile("us", PEERS["us"], EXAMINE))
        assert {each.id: each.state for each in listed(store)} == {missing.id: "applied", later_.id: "rejected"}
        assert [key for key, entry in both.held("us").items() if entry != before[key]] == [sorted(before)[3]]
        with pytest.raises(UnusableInput):
            decide(store, found(store, missing.id), Verdict.REJECTED)
        with pytest.raises(UnusableInput):
            found(store, "0" * 16 + "-" + "0" * 32)


def test_a_review_is_not_approved_and_nothing_of_it_is_lost(tmp_path: Path, objects: Directory) -> None:
    """It is refused with the reason, whoever wrote its approval beside it all the same; and is there to be rejected (DIV-6)."""
    with closing(Both(tmp_path, InFile, open_objects(objects.url))) as both:
        both.agree(4)
        both.spoil(lost=0, replaced=1)
        both.rounds(3)
        (review,) = listed(both.objects)
        with pytest.raises(UnusableInput):
            decide(both.objects, review, Verdict.APPROVED)
        assert both.objects.names(decisions_of("us"), "") == ()
        both.rounds(2, Mode.AUTO_AGGRESSIVE)
        assert [each.state for each in listed(both.objects)] == ["open"]
        decide(both.objects, review, Verdict.REJECTED)
        both.run("us", reconcile("us", PEERS["us"], EXAMINE))
        assert found(both.objects, review.id).state == "rejected"


def test_an_altered_proposal_is_not_decided(tmp_path: Path, objects: Directory) -> None:
    """It is listed as what it is, and neither approved nor applied (DIV-6)."""
    with closing(Both(tmp_path, InFile, open_objects(objects.url))) as both:
        both.agree(30)
        both.spoil(lost=2, replaced=3)
        both.rounds(3)
        one, other = both.objects.names(proposals_of("us"), "")
        (objects.path / one).write_bytes((objects.path / other).read_bytes())
        (objects.path / f"{proposals_of('us')}strange").write_bytes(b"")
        about = found(both.objects, other.rpartition("/")[2]).proposal
        assert about is not None
        id_, content = proposed(msgspec.structs.replace(about, because="\x1b[31m red"))
        both.objects.put(proposals_of("us") + id_, content)
        told = flk("divergence", "list", "--objects", objects.url)
        assert told.stdout.count("refused") == 2
        assert "\x1b" not in told.stdout
        with pytest.raises(UnusableInput):
            decide(both.objects, found(both.objects, one.rpartition("/")[2]), Verdict.APPROVED)


@pytest.mark.slow
def test_real_nodes_mend_what_one_lost_however_often_it_is_killed(tmp_path: Path, objects: Directory) -> None:
    """Servers compare each second; the one that lost rows is killed again and again; garbage and a huge object of its peer's are
    counted and do not stop it. In the end it answers as before, and tells of no divergence (DIV-2, DIV-6, DIV-7).
    """
    comparing = ("--compare-every", "0.5", "--reconcile", "auto-aggressive")
    records = [submission(pcs(epoch=epoch)) for epoch in range(30)]
    lag = 'flk_crr_lag_seconds{source="eu",stage="replay"}'
    with region("eu", tmp_path, objects.url, ["us"], comparing) as (_, eu):
        with region("us", tmp_path, objects.url, ["eu"], comparing) as (_, us):
            answers = [reply.json()["timestamp"] for reply in all_to(eu, records)]
            replays = 'flk_segments_replayed_total{source="eu"}'
            eventually(lambda: len(entries_in(tmp_path)) == len(records) and at_least(1, us, replays))
            assert not sample(us, lag)
            eventually(partial(shows, us, 'flk_divergence_percent{kind="count",peer="eu"}'))
        kept = entries_in(tmp_path)
        keys = sorted(kept)
        InFile(tmp_path / "us").spoil(keys[3], keys[20])
        assert entries_in(tmp_path) != kept
        for seconds in (0.1, 0.8):
            with region("us", tmp_path, objects.url, ["eu"], comparing) as (server, _):
                time.sleep(seconds)
                server.process.send_signal(signal.SIGKILL)
                server.process.wait()
        with ExitStack() as stack:
            _, us = stack.enter_context(region("us", tmp_path, objects.url, ["eu"], comparing))
            eventually(lambda: entries_in(tmp_path) == kept)
            poison(objects)
            refused = (
                "flk_divergence_refused_total"  # by eu itself, if that looks first: it removes what it did not write
            )
            eventually(lambda: at_least(1, us, refused) or at_least(1, eu, refused))
            eventually(lambda: not sample(us, 'flk_divergence_entries{peer="eu",standing="lost"}'))
            assert [reply.json()["timestamp"] for reply in all_to(us, records)] == answers


def poison(objects: Directory) -> None:
    """Somebody writes over what eu has published last."""
    latest = max((objects.path / rounds_of("eu")).iterdir())
    for at, path in enumerate(sorted(latest.iterdir())):
        path.write_bytes(b"garbage" if at else b"0" * 10_000_000)


def shows(client: Client, metric: str) -> bool:
    """Whether a metric is there."""
    return metric.encode() in client.request("GET", "/metrics").body


def entries_in(directory: Path) -> dict[Key, Entry]:
    """What the file of us holds now."""
    with closing(sqlite3.connect(f"{(directory / 'us' / 'entries.sqlite').as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(f"select {ENTRY_COLUMNS} from entries").fetchall()
    return dict(entries_of(rows))


@pytest.mark.parametrize(
    ("every", "mode", "objects", "peers", "cold"),
    [
        (None, Mode.AUTO_SAFE, "file:///x", ("us",), False),
        (60.0, Mode.MANUAL, None, ("us",), False),
        (60.0, Mode.MANUAL, "file:///x", (), False),
        (60.0, Mode.MANUAL, "file:///x", ("us",), True),
    ],
)
def test_what_could_not_be_compared_is_refused(
    every: float | None, mode: Mode, objects: str | None, peers: tuple[str, ...], cold: bool
) -> None:
    """Without an object store, a peer, or an interval; and with a cold tier, whose entries would be missing (DIV-1)."""
    with pytest.raises(UnusableInput):
        require_comparable(every, mode, objects, peers, cold=cold)
    with pytest.raises(UnusableInput, match="without tenants"):
        require_comparable(60.0, Mode.MANUAL, "file:///x", ("us",), follows=True)
    require_comparable(60.0, Mode.AUTO_SAFE, "file:///x", ("us",), cold=False)
    require_comparable(None, Mode.MANUAL, None, (), cold=True)
