"""`flk agent`, a process of its own, stopped on the way: killed, or interrupted."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.support.impl.agent_peer import Answer, Seen, serving
from tests.support.impl.processes import running

from flk.impl.agent.outbox import Outbox
from flk.model.flow.outbox import ACKNOWLEDGED, BEGUN, DEAD, ENDED, QUEUED
from flk.model.flow.submission import from_payload
from flk.model.log.frames import scan
from flk.model.record.record import decode

SOURCE_ROWS, WINDOW = 600, 4
KEYS = '[[key]]\ntenant = "acme"\nid = "a"\nalgorithm = "hmac-sha256"\nsecret = "testsecret"\n'


class Gate:
    """A script that answers the first `free` posts with 200 and holds the others until it is opened."""

    def __init__(self, free: int) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self._left = threading.Semaphore(free)

    def __call__(self, _post: Seen, _before: int) -> Answer:
        if not self._left.acquire(blocking=False):
            self.reached.set()
            self.opened.wait()
        return Answer(200)


def agent(directory: Path, *arguments: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    """`flk agent …` in a directory with a source, a key file and an outbox."""
    (directory / "keys.toml").write_text(KEYS)
    rows = "".join(f"{number},{number * number % 97},{number % 13}\n" for number in range(SOURCE_ROWS))
    (directory / "track.csv").write_text("x,y,z\n" + rows)
    command = [sys.executable, "-c", "from flk.impl.command import main; main()", "agent", *arguments]
    return running(command, directory)


def sending(directory: Path, url: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    """`flk agent send` of 150 records."""
    options = ["--window", str(WINDOW), "--keys", "keys.toml", "--tenant", "acme", "--outbox", "box", "--to", url]
    return agent(directory, "send", "track.csv", *options)


def wait_for(event: threading.Event, process: "subprocess.Popen[str]") -> None:
    """Return once the event is set; fail with the process's words if it ends before."""
    while not event.wait(0.05):
        assert process.poll() is None, process.communicate()


def log(directory: Path) -> Counter[tuple[bytes, bytes]]:
    """How often each body was queued, and how often it was settled, by the frames of the outbox."""
    bodies: dict[int, bytes] = {}
    found: Counter[tuple[bytes, bytes]] = Counter()
    for path in sorted(directory.glob("box/*/*.wal")):
        for frame in scan(path.read_bytes()).frames:
            kind, rest = frame.payload[:1], frame.payload[1:]
            if kind in {BEGUN, ENDED}:
                continue
            if kind == QUEUED:
                bodies[frame.timestamp] = from_payload(rest).body
            found[kind, bodies[frame.timestamp if kind == QUEUED else int.from_bytes(rest[:8], "little")]] += 1
    return found


@pytest.mark.slow
@pytest.mark.parametrize("free", [0, 20])
def test_an_agent_killed_in_mid_delivery_delivers_the_rest_when_resumed(tmp_path: Path, free: int) -> None:
    """Kill -9 with posts in flight, then `flk agent resume`: every queued record arrives, and is settled once."""
    gate = Gate(free)
    with serving(gate) as peer:
        with sending(tmp_path, peer.url) as process:
            wait_for(gate.reached, process)
            process.kill()
        gate.opened.set()
        queued = {body for kind, body in log(tmp_path) if kind == QUEUED}
        with agent(tmp_path, "resume", "--outbox", "box", "--to", peer.url) as resumed:
            output, errors = resumed.communicate()
    assert resumed.returncode == (2 if "not queued to its end" in errors else 0), output + errors
    assert (len(queued) < SOURCE_ROWS // WINDOW) <= ("send it again: flk agent send track.csv" in errors)
    assert free < len(queued)
    assert {post.body for post in peer.seen} == queued
    assert log(tmp_path) == Counter({(kind, body): 1 for kind in (QUEUED, ACKNOWLEDGED) for body in queued})


@pytest.mark.slow
def test_an_agent_killed_in_mid_delivery_and_run_again_delivers_every_record(tmp_path: Path) -> None:
    """The second run of `send` finds what the first had not computed yet; the service sees each of the 150 identities."""
    gate = Gate(5)
    with serving(gate) as peer:
        with sending(tmp_path, peer.url) as process:
            wait_for(gate.reached, process)
            process.kill()
        gate.opened.set()
        with sending(tmp_path, peer.url) as again:
            output, errors = again.communicate()
    assert again.returncode == 0, output + errors
    assert {decode(post.body).epoch for post in peer.seen} == set(range(SOURCE_ROWS // WINDOW))
    settled = log(tmp_path)
    assert {body for kind, body in settled if kind == QUEUED} == {
        body for kind, body in settled if kind == ACKNOWLEDGED
    }
    assert set(settled.values()) == {1}


@pytest.mark.slow
def test_an_interrupt_stops_at_once_and_keeps_what_is_not_settled(tmp_path: Path) -> None:
    """Ctrl-C while every worker waits out an hour's Retry-After: exit code 2, and all is pending."""
    waiting = threading.Event()

    def script(_post: Seen, _before: int) -> Answer:
        waiting.set()
        return Answer(503, (("Retry-After", "3600"),))

    with serving(script) as peer, sending(tmp_path, peer.url) as process:
        wait_for(waiting, process)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    assert process.returncode == 2, output + errors
    assert "interrupted" in errors
    assert not [kind for kind, _ in log(tmp_path) if kind in (ACKNOWLEDGED, DEAD)]
    with Outbox(tmp_path / "box") as outbox:
        assert len(outbox.pending) == len(log(tmp_path))
