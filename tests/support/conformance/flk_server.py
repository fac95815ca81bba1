"""A real `flk serve` in a process of its own; `python -m tests.support.conformance.flk_server STATE …` restarts it.

Behind STATE: nothing, the limits that it gets (`min_free_bytes=1000000000000000`: its log has no room), or `overload`.
"""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import msgspec

from flk.model.flow.answers import SUBMIT_PATH


class State(msgspec.Struct, frozen=True):
    """What it takes to stop the server and to start it again where it was."""

    data: str
    keys: str
    port: int
    pid: int
    access: str
    admin: int


def start(
    data: str, keys: str, port: int = 0, limits: Sequence[str] = (), access: str = "", admin: int = 0
) -> tuple[State, "subprocess.Popen[str]"]:
    """Start a server, once it says where it listens. With an access file it tells outcomes by id, and answers operators."""
    flk = str(Path(sys.executable).with_name("flk"))
    command = [flk, "serve", "--data", data, "--keys", keys, "--port", str(port), "--log-level", "error"]
    command += [f"--limit={limit}" for limit in limits]
    command += ["--access", access, "--admin-port", str(admin)] if access else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"operators are answered on http://\S+:(\d+)", line):
            admin = int(found[1])
        if found := re.search(r"listening on http://\S+:(\d+)", line):
            return State(data, keys, int(found[1]), process.pid, access, admin), process
    raise AssertionError(f"the server ended with status {process.wait()} before it listened")


def kill(pid: int) -> None:
    """Kill the server, whoever started it, and wait until it is gone."""
    gone = select.poll()
    descriptor = os.pidfd_open(pid)
    gone.register(descriptor, select.POLLIN)
    os.kill(pid, signal.SIGKILL)
    gone.poll()
    os.close(descriptor)


@contextmanager
def running(data: Path, keys: Path, state: Path, access: Path | None = None) -> Iterator[str]:
    """A server whose state is in a file, for the restart command; the base URL."""
    first, process = start(str(data), str(keys), access="" if access is None else str(access))
    state.write_bytes(msgspec.json.encode(first))
    try:
        yield f"http://127.0.0.1:{first.port}"
    finally:
        kill(msgspec.json.decode(state.read_bytes(), type=State).pid)
        process.communicate()


def restart(state: Path, limits: Sequence[str] = ()) -> None:
    """Kill the server of a state file and start it again on the same port, with other limits if they are given."""
    old = msgspec.json.decode(state.read_bytes(), type=State)
    kill(old.pid)
    new, _ = start(old.data, old.keys, old.port, limits, old.access, old.admin)
    state.write_bytes(msgspec.json.encode(new))


def overload(state: Path) -> None:
    """Restart the server with next to no room for what nobody signed, and use that up (HTTP-9)."""
    restart(state, ["peer_burst_bytes=1", "peer_bytes_per_second=1"])
    port = msgspec.json.decode(state.read_bytes(), type=State).port
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("POST", SUBMIT_PATH, b"no record" * 1000)
    connection.getresponse().read()
    connection.close()


if __name__ == "__main__" and sys.argv[2:] == ["overload"]:
    overload(Path(sys.argv[1]))
elif __name__ == "__main__":
    restart(Path(sys.argv[1]), sys.argv[2:])
