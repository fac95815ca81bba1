"""Processes that a test starts itself: whatever becomes of the test, none outlives it and no pipe stays open."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flk.impl.server.process import ServerProcess, listening


@contextmanager
def running(command: Sequence[str], directory: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A process in that directory, with what it says in pipes; killed in the end if it has not ended."""
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def listens(command: Sequence[str]) -> Iterator[ServerProcess]:
    """A server, once it listens; killed in the end if it has not ended."""
    with running(command) as process:
        yield listening(process)
