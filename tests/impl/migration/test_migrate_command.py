"""`flk migrate` beside two nodes under load: killed again and again, and every acknowledged record is answered alike in the end."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http import HTTPStatus
from importlib import import_module
from itertools import count
from pathlib import Path

import pytest
from tests.support.impl import store_servers
from tests.support.impl.client import Client, Reply, keys_of, sample
from tests.support.impl.moved import Region, quiet
from tests.support.impl.regions import stored
from tests.support.model.world import pcs, submission
from typer.testing import CliRunner, Result

from flk.impl.command.app import app
from flk.impl.migration import planning, steps
from flk.impl.server.process import ServerProcess, server_process
from flk.impl.storage.opening import open_ring
from flk.impl.storage.shards import Shards
from flk.model.entries.ring import Ring, ring_text
from flk.model.flow.submission import Submission
from flk.spec.errors import UnusableInput

import_module("flk.impl.command.impl.migrate")  # it adds its commands
NUMBERS = count()
FLK = [sys.executable, "-m", "flk.impl.command", "migrate"]


class Ringed:
    """A region on a ring of PostgreSQL databases, those of `begun`, whose file names all three."""

    def __init__(self, directory: Path, begun: str) -> None:
        self._path = directory / "shards.toml"
        self.url = f"ring+file://{self._path}"
        self._urls = {name: store_servers.postgres().url(f"command{next(NUMBERS)}") for name in "abc"}
        self.name(begun)
        open_ring(self.url, "eu").close()
        self.name("abc")

    def name(self, shards: str) -> None:
        """Let the file name these shards."""
        self._path.write_text("".join(("[shards]\n", *(f'{name} = "{self._urls[name]}"\n' for name in shards))))

    def run(self, *words: str) -> Result:
        """What a command says when it has ended."""
        return CliRunner().invoke(app, ["migrate", words[0], "--store", self.url, *words[1:]])

    def killed_at_a_change(self, watching: Shards, *words: str) -> int:
        """The exit code of a command in a process that is killed with -9 once it has changed something, unless it ends before."""
        before = steps.status(watching)
        process = subprocess.Popen([*FLK, words[0], "--store", self.url, *words[1:]])
        while process.poll() is None:
            time.sleep(0.05)
            if steps.status(watching) != before:
                process.kill()
        return process.wait()


@pytest.fixture
def ring(tmp_path: Path, request: pytest.FixtureRequest) -> Ringed:
    """A region's ring: of one shard, or of those that are given."""
    return Ringed(tmp_path, getattr(request, "param", "a"))


@pytest.fixture
def servers(tmp_path: Path, ring: Ringed) -> Iterator[list[ServerProcess]]:
    """Two nodes of the region."""
    keys = keys_of(tmp_path)
    with ExitStack() as stack:
        started = [server_process(tmp_path / name, keys, ["--store", ring.url]) for name in ("one", "two")]
        yield [stack.enter_context(server) for server in started]


def load(server: ServerProcess, records: Sequence[Submission], over: threading.Event) -> list[tuple[Submission, Reply]]:
    """Submit records, one after another, until it is over: those that were acknowledged. A 503 is tried again."""
    acknowledged = []
    with closing(Client(server)) as client:
        for sent in records:
            time.sleep(0.05)
            while (reply := client.submit(sent)).status == HTTPStatus.SERVICE_UNAVAILABLE:
                time.sleep(0.05)
            acknowledged.append((sent, reply))
            if over.is_set():
                return acknowledged
    return acknowledged


Given = tuple[int, tuple[str, ...]]
START, BACK = ("start", "--rate", "200"), ("rollback", "--yes", "--rate", "200")
CUT_OVER = ("cutover", "--yes", "--settle", "0.3")
CLEAN_UP = ("cleanup", "--yes", "--settle", "0.3", "--rate", "200")
MIGRATIONS: dict[str, tuple[tuple[str, str], tuple[Given, ...]]] = {
    "joins": (("--add", "b"), ((2, START), (1, CUT_OVER), (2, CLEAN_UP))),
    "leaves": (("--remove", "b"), ((2, START), (1, CUT_OVER), (2, CLEAN_UP))),
    "is taken back": (("--remove", "b"), ((1, START), (1, CUT_OVER), (2, BACK))),
}
"""How each migration is planned, and its commands: as often as is said the process of one is killed when it has changed something,
then it is given once more.
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ring", "migration", "after"),
    [("a", "joins", "ab"), ("abc", "leaves", "ac"), ("abc", "is taken back", "abc")],
    indirect=["ring"],
)
def test_nodes_serve_while_the_migrator_is_killed_again_and_again(
    ring: Ringed, servers: list[ServerProcess], migration: str, after: str
) -> None:
    """A shard joins, leaves, or does not leave after all: the process of every step is killed when it has done something, and given
    again; both nodes are under load all the while. Then every record that any acknowledged is answered with the same by both, from
    the shard that the ring names, and is in no other (MIG-6, MIG-9).
    """
    plan, commands = MIGRATIONS[migration]
    over, kills = threading.Event(), 0
    own = [[submission(pcs(epoch=2000 * half + epoch)) for epoch in range(1, 1900)] for half in (1, 2)]
    with ThreadPoolExecutor(2) as threads:
        loading = [threads.submit(load, server, records, over) for server, records in zip(servers, own, strict=True)]
        try:
            with steps.migrating(ring.url, "eu") as watching:
                while sum(watching.all(lambda store: store.count()).values()) < 80:
                    time.sleep(0.2)
                planned = ring.run("plan", *plan)
                assert planned.exit_code == 0, planned.output
                for times, words in commands:
                    ended = [ring.killed_at_a_change(watching, *words) for _ in range(times)]
                    kills += ended.count(-signal.SIGKILL)
                    if steps.status(watching).phase is not None:
                        last = ring.run(*words)
                        assert last.exit_code == 0, last.output
                assert steps.status(watching).shards == tuple(after)
        finally:
            over.set()
        acknowledged = [pair for future in loading for pair in future.result()]
    assert kills >= 3
    ring.name(after)  # as the guide says
    assert all(reply.status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} for _, reply in acknowledged)
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(Client(server))) for server in servers]
        for sent, reply in acknowledged:
            again = [client.submit(sent) for client in clients]
            assert [(stored(other), other.status) for other in again] == [(stored(reply), reply.status)] * 2
        for client in clients:
            assert sample(client, "flk_dual_writes_total") > 0
            assert sample(client, "flk_shard_available") == len(after)
    placed = Ring(after)
    with closing(open_ring(ring.url, "eu")) as store:
        assert store.count() >= len(acknowledged)
        for name, shard in store.shards.by_name.items():
            entries = shard.store.export(None, 10_000)
            assert len(entries) > 20
            assert {placed.owner(ring_text(key)) for key, _ in entries} == {name}


Said = tuple[tuple[str, ...], int, str]


def give(ring: Ringed, *told: Said) -> None:
    """Give commands: each has this exit code, and says this."""
    for words, code, said in told:
        ended = ring.run(*words)
        assert (2 if isinstance(ended.exception, UnusableInput) else ended.exit_code) == code, words
        assert said in f"{ended.output} {ended.exception}", words


@pytest.mark.slow
def test_the_commands_ask_nothing_and_say_what_to_do(ring: Ringed) -> None:
    """Dangerous ones need --yes, a dry run changes nothing, and each error has its mend and exit code 2."""
    give(
        ring,
        (("status",), 0, "the ring has the shards a"),
        (("start",), 2, "flk migrate plan"),
        *(((word, "--dry-run"), 2, "flk migrate plan") for word in ("start", "cutover", "rollback", "cleanup")),
        (("plan", "--add", "b", "--dry-run"), 0, "nothing was put on record"),
        (("start",), 2, "flk migrate plan"),
        (("plan", "--add", "b"), 0, "flk migrate start"),
        (("start", "--dry-run"), 0, "would turn dual writes on"),
        (("rollback", "--yes"), 2, "nothing has moved yet"),
        (("cutover", "--yes"), 2, "flk migrate start"),
        (("cutover", "--dry-run"), 2, "flk migrate start"),
        (("pause",), 0, "paused; `flk migrate start` goes on"),
        (("start",), 0, "verified; go on with `flk migrate cutover --yes`"),
        (("pause",), 0, "paused; `flk migrate cutover --yes` goes on"),
        (("cleanup", "--dry-run"), 2, "flk migrate cutover"),
        (("cutover", "--dry-run"), 0, "would let the keys' new shards decide"),
        (("cutover",), 2, "--yes"),
        (("cutover", "--yes", "--settle", "0"), 0, "the keys' new shards decide"),
        (("start",), 0, "cut_over; go on with `flk migrate cleanup --yes`"),
        (("pause",), 0, "paused; `flk migrate cleanup --yes` goes on"),
        (("rollback", "--yes"), 0, "rolled back; before a shard is added again, empty its store"),
    )
    found = json.loads(ring.run("status", "--json").output)
    assert found == {
        "shards": ["a"],
        "adds": "b",
        "phase": "rolled_back",
        "keys": 0,
        "done": 0,
        "paused": False,
        "removes": "",
    }
    with pytest.raises(UnusableInput, match="ring\\+file"):
        CliRunner().invoke(app, ["migrate", "status", "--store", "redis://127.0.0.1:1"], catch_exceptions=False)


@pytest.mark.slow
@pytest.mark.parametrize("ring", ["ab"], indirect=True)
def test_the_commands_of_a_removal_say_what_to_do(ring: Ringed) -> None:
    """From a plan that is not one to a ring that no further shard can leave; taken back in between."""
    one_by_one = "name one shard with --add or --remove; shards join and leave one by one"
    on_its_way = (
        "shard b is being removed, and shards join and leave one by one; finish that, or `flk migrate rollback --yes`"
    )
    give(
        ring,
        (("plan",), 2, one_by_one),
        (("plan", "--add", "c", "--remove", "b"), 2, one_by_one),
        (("plan", "--remove", "a", "--remove", "b"), 2, one_by_one),
        (
            ("plan", "--remove", "c"),
            2,
            "the ring has the shards a, b, and none called c; name one of those with --remove",
        ),
        (("plan", "--remove", "a"), 2, "shard a is the registrar"),
        (("plan", "--remove", "b", "--dry-run"), 0, "would move from b\nnothing was put on record"),
        (("start",), 2, "flk migrate plan --add SHARD` or `--remove SHARD"),
        (
            ("plan", "--remove", "b"),
            0,
            "shard b: 0 of 0 keys would move from b\nplanned; go on with `flk migrate start`",
        ),
        (("plan", "--add", "c"), 0, "would move to c"),  # nothing has moved, so another takes its place
        (("plan", "--remove", "b"), 0, "planned"),
        (("start",), 0, "b is removed: verified; 0 of some 0 keys gone over\nverified"),
        (("plan", "--add", "c"), 2, on_its_way),
        (("plan", "--remove", "b"), 2, on_its_way),
        (("cleanup", "--yes"), 2, "the phase verified: cut over first, with `flk migrate cutover`"),
        (("cutover", "--yes", "--settle", "0"), 0, "cleanup --yes` ends it, `rollback` goes back"),
        (("rollback",), 2, "--yes"),
        (("rollback", "--yes", "--dry-run"), 0, "would let the old shards serve alone again"),
        (("rollback", "--yes"), 0, "the ring has the shards a, b\nrolled back; b stays, and the others keep no copy"),
        (("rollback", "--yes"), 2, "there is no migration on its way"),
        (("plan", "--remove", "b"), 0, "planned"),
        (("start",), 0, "verified"),
        (("cutover", "--yes", "--settle", "0"), 0, "the keys' new shards decide"),
        (("cleanup",), 2, "--yes"),
        (
            ("cleanup", "--yes", "--settle", "0"),
            0,
            "over; take b out of the file on every node, and then stop its server",
        ),
        (("cleanup", "--yes"), 2, "there is no migration on its way"),
        (("status",), 0, "the ring has the shards a\n"),
        (("plan", "--remove", "b"), 2, "the ring has the shards a, and none called b"),
        (("plan", "--remove", "a"), 2, "shard a is the last one of the ring; add another first"),
    )


def test_a_shard_that_is_away_does_not_leave(tmp_path: Path) -> None:
    """Only it has its keys: the command says so, with what mends it; and one that dies on the way is waited for."""
    redis = store_servers.Redis()
    with closing(
        Region(tmp_path, {"a": store_servers.postgres().url(f"command{next(NUMBERS)}"), "c": redis.url("")}, "a", "c")
    ) as region:
        region.submit("key-1", "key-2")
        with steps.migrating(region.url, "eu") as shards:
            planning.plan_removal(shards, "c", quiet)
        redis.kill()
        for words in (("plan", "--remove", "c"), ("start",)):
            refused = CliRunner().invoke(app, ["migrate", words[0], "--store", region.url, *words[1:]]).exception
            assert isinstance(refused, UnusableInput)
            assert str(refused).endswith("give the same command again once that is mended: it goes on")
            assert ("only it has its keys: start it, promote its standby" in str(refused)) == (words[0] == "plan")
