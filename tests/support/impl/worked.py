"""Audit workers on a log in a directory: what they write, and processes of them that can be killed.

Run as a script it is a process that has imported all that a worker needs, and forks one for each line of its input.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import ROOT
from tests.support.model.transparency import LOG, WITNESS

from flk.impl.data.transparency import Log
from flk.impl.queues.attempts import Attempts
from flk.impl.queues.metrics import WorkerMetrics
from flk.impl.queues.opening import open_queue
from flk.impl.queues.queue import Queue
from flk.impl.queues.worker import Worker
from flk.impl.storage.objects import open_objects
from flk.model.entries.tasks import Task

FAILS = "this one never takes effect"


class Failing(Attempts):
    """Attempts of which those at some tasks always fail."""

    def __init__(self, log: Log, where: str, fails: Collection[str]) -> None:
        super().__init__(log, open_objects(where), WITNESS)
        self._fails = frozenset(fails)

    def attempt(self, task: Task, progress: Callable[[], None]) -> str:
        """Fail, or do as a worker does."""
        return FAILS if task.id in self._fails else super().attempt(task, progress)


def worker(queue: Queue, where: str, fails: Collection[str] = (), lease_seconds: float = 30.0) -> Worker:
    """A worker of the log in a directory, which attests by the key of the tests' witness and waits for nothing."""
    log = Log(open_objects(where), LOG.verifier)
    return Worker(queue, Failing(log, where, fails), WorkerMetrics(LOG.name), 1000, lease_seconds, lambda _: None)


def written(directory: Path) -> dict[str, bytes]:
    """What workers wrote beside a log."""
    found = {
        str(path.relative_to(directory)): path
        for kind in ("enriched", "attested", "report", "anchor")
        for path in (directory / kind).rglob("*")
        if path.is_file() and "#" not in path.name
    }
    return {name: path.read_bytes() for name, path in found.items()}


class Forge:
    """A process that forks workers."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.impl.worked"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def fork(self, queue: str, where: str, fails: Collection[str], lease_seconds: float) -> int:
        """A worker that works until it is killed; its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([queue, where, sorted(fails), lease_seconds]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        with self._process:
            self._process.kill()


@contextmanager
def forge() -> Iterator[Forge]:
    """A forge that ends with this."""
    made = Forge()
    try:
        yield made
    finally:
        made.close()


def kill(pid: int) -> bool:
    """Kill a worker with -9; whether it was there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _work(queue: str, where: str, fails: list[str], lease_seconds: float) -> None:
    there = open_queue(queue, LOG.name, lease_seconds)
    for _ in worker(there, where, fails, lease_seconds).passes(0.01):
        time.sleep(0.01)


def _main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _work(*json.loads(line))
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    _main()
