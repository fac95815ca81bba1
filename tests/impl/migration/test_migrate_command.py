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
    """A region on a ring of a PostgreSQL, whose file names a second one."""

    def __init__(self, directory: Path) -> None:
        path = directory / "shards.toml"
        self.url = f"ring+file://{path}"
        one, two = (store_servers.postgres().url(f"command{next(NUMBERS)}") for _ in range(2))
        path.write_text(f'[shards]\na = "{one}"\n')
        open_ring(self.url, "eu").close()
        path.write_text(f'[shards]\na = "{one}"\nb = "{two}"\n')

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
def ring(tmp_path: Path) -> Ringed:
    """A region's ring."""
    return Ringed(tmp_path)


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


@pytest.mark.slow
def test_nodes_serve_while_the_migrator_is_killed_again_and_again(ring: Ringed, servers: list[ServerProcess]) -> None:
    """From one shard to two: the process of every step is killed when it has done something, and given again; both nodes are
    under load all the while. Then every record that any acknowledged is answered with the same by both, from the shard that the
    ring names, and is in no other.
    """
    over, kills = threading.Event(), 0
    own = [[submission(pcs(epoch=2000 * half + epoch)) for epoch in range(1, 1900)] for half in (1, 2)]
    with ThreadPoolExecutor(2) as threads:
        loading = [threads.submit(load, server, records, over) for server, records in zip(servers, own, strict=True)]
        try:
            with steps.migrating(ring.url, "eu") as watching:
                while planning.plan(watching, "b", lambda _: None, dry_run=True).entries["a"] < 80:
                    time.sleep(0.2)
                planned = ring.run("plan", "--add", "b")
                assert planned.exit_code == 0, planned.output
                for times, words in (
                    (2, ("start", "--rate", "200")),
                    (1, ("cutover", "--yes", "--settle", "0.3")),
                    (2, ("cleanup", "--yes", "--settle", "0.3", "--rate", "200")),
                ):
                    ended = [ring.killed_at_a_change(watching, *words) for _ in range(times)]
                    kills += ended.count(-signal.SIGKILL)
                    if steps.status(watching).phase is not None:
                        last = ring.run(*words)
                        assert last.exit_code == 0, last.output
                assert steps.status(watching).shards == ("a", "b")
        finally:
            over.set()
        acknowledged = [pair for future in loading for pair in future.result()]
    assert kills >= 3
    assert all(reply.status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} for _, reply in acknowledged)
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(Client(server))) for server in servers]
        for sent, reply in acknowledged:
            again = [client.submit(sent) for client in clients]
            assert [(stored(other), other.status) for other in again] == [(stored(reply), reply.status)] * 2
        for client in clients:
            assert sample(client, "flk_dual_writes_total") > 0
            assert sample(client, "flk_shard_available") == 2
    placed = Ring(["a", "b"])
    with closing(open_ring(ring.url, "eu")) as store:
        assert store.count() >= len(acknowledged)
        for name, shard in store.shards.by_name.items():
            entries = shard.store.export(None, 10_000)
            assert len(entries) > 20
            assert {placed.owner(ring_text(key)) for key, _ in entries} == {name}


@pytest.mark.slow
def test_the_commands_ask_nothing_and_say_what_to_do(ring: Ringed) -> None:
    """Dangerous ones need --yes, a dry run changes nothing, and each error has its mend and exit code 2."""
    for words, code, said in (
        (("status",), 0, "the ring has the shards a"),
        (("start",), 2, "flk migrate plan"),
        (("plan", "--add", "b", "--dry-run"), 0, "nothing was put on record"),
        (("start",), 2, "flk migrate plan"),
        (("plan", "--add", "b"), 0, "flk migrate start"),
        (("start", "--dry-run"), 0, "would turn dual writes on"),
        (("cutover", "--yes"), 2, "flk migrate start"),
        (("start",), 0, "verified"),
        (("cutover",), 2, "--yes"),
        (("rollback", "--yes"), 0, "rolled back"),
    ):
        ended = ring.run(*words)
        assert (2 if isinstance(ended.exception, UnusableInput) else ended.exit_code) == code
        assert said in f"{ended.output} {ended.exception}", words
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
