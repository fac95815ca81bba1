"""What an operator does to a node: keys that change, directories that cannot be used or go away, limits (OBS-5, SIGN-8)."""

import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.support.impl.client import Client, keys_of
from tests.support.impl.processes import listens
from tests.support.model.world import HONEST, pcs, submission

from flk.impl.keys import load_signer
from flk.impl.server.process import serve_command, server_process
from flk.model.flow.submission import Submission
from flk.model.record.record import encode
from flk.model.record.summary import signed

FLK = [sys.executable, "-m", "flk.impl.command"]


def limited() -> None:
    """No file of this process may have more than a million bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))


def foreign(directory: Path) -> Path:
    """Somebody's home."""
    (directory / "home").mkdir()
    (directory / "home" / "letter.txt").write_text("dear")
    return directory / "home"


def a_file(directory: Path) -> Path:
    """No directory."""
    (directory / "file").write_text("")
    return directory / "file" / "data"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "prepare", "said"),
    [
        (foreign, None, "name a directory of its own"),
        (a_file, None, "fix: name a directory"),
        (lambda _: Path("/proc/flk"), None, "fix: "),
        (lambda directory: directory / "data", limited, "fix: ulimit -f unlimited"),
    ],
)
def test_a_directory_that_cannot_be_used_ends_with_2_and_the_fix(
    place: Callable[[Path], Path], prepare: Callable[[], None] | None, said: str, tmp_path: Path
) -> None:
    """One line on standard error, which names the place; no traceback."""
    data = place(tmp_path)
    command = serve_command(data, keys_of(tmp_path))
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, preexec_fn=prepare)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert str(data) in ended.stderr
    assert said in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("asks", [True, False])
def test_a_directory_that_vanishes_ends_the_node(tmp_path: Path, *, asks: bool) -> None:
    """Nothing is acknowledged that nobody would find; with no request at all it ends by itself: exit code 2, and the fix."""
    data = tmp_path / "data"
    with listens(serve_command(data, keys_of(tmp_path))) as server:
        with closing(Client(server)) as client:
            assert client.submit(HONEST).status == 200
            shutil.move(data, tmp_path / "elsewhere") if asks else shutil.rmtree(data)
            with suppress(ConnectionError):  # the node has seen it first, and is gone
                assert not asks or client.submit(submission(pcs(epoch=2))).status == 503
        _, said = server.process.communicate(timeout=30)
    assert server.process.returncode == 2
    assert "is gone; fix: put" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_keys_are_private_and_taken_without_a_restart(tmp_path: Path) -> None:
    """`flk keys new --file` makes a file of mode 600, and adds to it; SIGHUP makes the node accept the new key, and a file with a
    mistake changes nothing.
    """
    keys = tmp_path / "keys.toml"

    def new(name: str) -> "subprocess.CompletedProcess[str]":
        command = [*FLK, "keys", "new", "--id", name, "--file", str(keys)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert new("first").returncode == 0
    assert keys.stat().st_mode & 0o777 == 0o600
    with server_process(tmp_path / "data", keys) as server, closing(Client(server)) as client:
        assert client.submit(sent(keys, 1)).status == 200
        assert new("second").returncode == 0
        assert keys.stat().st_mode & 0o777 == 0o600
        assert client.submit(sent(keys, 2)).status == 401
        server.process.send_signal(signal.SIGHUP)
        while client.submit(sent(keys, 2)).status != 200:
            time.sleep(0.05)
        again = new("second")
        assert (again.returncode, "already used" in again.stderr) == (2, True)
        good = sent(keys, 3)
        keys.write_text("[[key]]\n")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        assert client.submit(good).status == 200


def sent(keys: Path, epoch: int) -> Submission:
    """A record signed with the newest key."""
    return Submission("default", encode(signed(pcs(epoch=epoch), load_signer(keys, "default"))))
