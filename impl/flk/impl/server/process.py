"""A `flk serve` in a process of its own, for the main job, the benchmarks and the tests."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from flk.spec.errors import UnusableInput

LISTENING = "listening on "


class ServerProcess(NamedTuple):
    """A running server: its process, its base URL, and what it said before it listened."""

    process: subprocess.Popen[str]
    url: str
    said: tuple[str, ...]


class DidNotStart(UnusableInput):
    """The server ended before it listened: by a mistake in its options, or for want of a package. Holds what it said."""


def key_file(directory: Path, secret: str, tenant: str = "default") -> Path:
    """A key file with one HMAC key, readable by its owner alone."""
    path = directory / "keys.toml"
    path.touch(mode=0o600)
    path.write_text(f'[[key]]\ntenant = "{tenant}"\nid = "only"\nalgorithm = "hmac-sha256"\nsecret = "{secret}"\n')
    return path


def serve_command(data: Path, keys: Path) -> list[str]:
    """The command that serves on any free port and logs errors only."""
    flk = [sys.executable, "-m", "flk.impl.command"]
    return [*flk, "serve", "--data", str(data), "--keys", str(keys), "--port", "0", "--log-level", "error"]


@contextmanager
def server_process(
    data: Path, keys: Path, options: Sequence[str] = (), *, nofile: int | None = None
) -> Iterator[ServerProcess]:
    """Start a server on a free port of loopback, wait until it listens, and stop it in the end. It may open `nofile` files.

    Raises DidNotStart if it ends before.
    """
    process = subprocess.Popen(  # noqa: S603 - the command is our own
        [*limited(nofile), *serve_command(data, keys), *options], stdout=subprocess.PIPE, text=True
    )
    try:
        yield listening(process)
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


def limited(nofile: int | None) -> list[str]:
    """What to put before a command, that it may open so many files."""
    return [] if nofile is None else ["/bin/sh", "-c", f'ulimit -n {nofile} && exec "$@"', "sh"]


def listening(process: subprocess.Popen[str]) -> ServerProcess:
    """The server of a process with a pipe for what it prints, once it listens. Raises DidNotStart if it ends before."""
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        if line.startswith(LISTENING):
            return ServerProcess(process, line.removeprefix(LISTENING).strip(), tuple(said))
        said.append(line.rstrip())
    raise DidNotStart("\n".join(said) or f"the server ended with exit code {process.wait()}")
