"""`flk migrate` beside two nodes under load: killed again and again, and every acknowledged record is answered alike in the end."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http import HTTPStatus
from itertools import count
from pathlib import Path

import pytest
from tests.support.impl import store_servers
from tests.support.impl.client import Client, Reply, keys_of
from tests.support.impl.regions import stored
from tests.support.model.world import pcs, submission

from flk.impl.server.process import ServerProcess, server_process
from flk.impl.storage.opening import open_ring
from flk.model.entries.ring import Ring, ring_text
from flk.model.flow.submission import Submission

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

    def command(self, *words: str) -> list[str]:
        """A command of `flk migrate`."""
        return [*FLK, words[0], "--store", self.url, *words[1:]]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """What a command says when it has ended."""
        return subprocess.run(self.command(*words), check=False, capture_output=True, text=True, timeout=60)

    def killed_after(self, seconds: float, *words: str) -> int:
        """The exit code of a command that is killed with -9 unless it ends before."""
        process = subprocess.Popen(self.command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def phase(self) -> str | None:
        """The phase on record."""
        found: str | None = json.loads(self.run("status", "--json").stdout)["phase"]
        return found


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
            while (reply := client.submit(sent)).status == HTTPStatus.SERVICE_UNAVAILABLE:
                time.sleep(0.02)
            acknowledged.append((sent, reply))
            if over.is_set():
                return acknowledged
    return acknowledged


@pytest.mark.slow
def test_nodes_serve_while_the_migrator_is_killed_again_and_again(ring: Ringed, servers: list[ServerProcess]) -> None:
    """From one shard to two: every step is killed at moments of its run until it ends, both nodes are under load all the while, and
    then every record that any acknowledged is answered with the same by both, from the shard that the ring names, and no other.
    """
    over = threading.Event()
    own = [[submission(pcs(epoch=2000 * half + epoch)) for epoch in range(1, 1900)] for half in (1, 2)]
    with ThreadPoolExecutor(2) as threads:
        loading = [threads.submit(load, server, records, over) for server, records in zip(servers, own, strict=True)]
        try:
            time.sleep(0.5)
            assert ring.run("plan", "--add", "b").returncode == 0
            seen = [
                ring.phase()
                for words in (
                    ("start", "--rate", "400"),
                    ("cutover", "--yes", "--settle", "0.3"),
                    ("cleanup", "--yes", "--settle", "0.3", "--rate", "400"),
                )
                for _ in _lives(ring, words)
            ]
        finally:
            over.set()
        acknowledged = [pair for future in loading for pair in future.result()]
    assert {"dual", "verified", "cut_over", None} <= {*seen}
    assert len(acknowledged) > 100
    assert all(reply.status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} for _, reply in acknowledged)
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(Client(server))) for server in servers]
        for sent, reply in acknowledged:
            again = [client.submit(sent) for client in clients]
            assert [(stored(other), other.status) for other in again] == [(stored(reply), reply.status)] * 2
    placed = Ring(["a", "b"])
    with closing(open_ring(ring.url, "eu")) as store:
        assert store.count() >= len(acknowledged)
        for name, shard in store.shards.by_name.items():
            entries = shard.store.export(None, 10_000)
            assert len(entries) > 20
            assert {placed.owner(ring_text(key)) for key, _ in entries} == {name}


def _lives(ring: Ringed, words: Sequence[str]) -> Iterator[int]:
    """Give a command again and again, killed a little later each time, until it ends by itself."""
    for life in count():
        code = ring.killed_after(1.0 + 0.35 * life, *words)
        yield life
        if code == 0:
            return


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
        assert ended.returncode == code, ended.stderr
        assert said in ended.stdout + ended.stderr, words
    found = json.loads(ring.run("status", "--json").stdout)
    assert found == {"shards": ["a"], "adds": "b", "phase": "rolled_back", "keys": 0, "done": 0, "paused": False}
    alone = subprocess.run(
        [*FLK, "status", "--store", "redis://127.0.0.1:1"], check=False, capture_output=True, text=True
    )
    assert alone.returncode == 2
    assert "ring+file" in alone.stderr
