"""Delivering over real sockets: every verdict, every kind of trouble, and being stopped on the way."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.support.impl.agent_peer import Answer, Seen, serving
from tests.support.impl.processes import running
from tests.support.model.replies import reply
from tests.support.model.world import pcs, submission

from flk.impl.agent import WORKERS, delivery
from flk.impl.agent.delivery import Settled, Tally, deliver_all
from flk.impl.agent.outbox import Outbox
from flk.impl.agent.service import Service
from flk.model.flow.outbox import ACKNOWLEDGED, BEGUN, DEAD, ENDED, QUEUED, Queued
from flk.model.flow.submission import Submission, from_payload
from flk.model.log.frames import scan
from flk.model.programs.outbox import Delivery
from flk.model.record.record import decode
from flk.spec.constants import Outbox as Policy

PROMPT = Policy(max_attempts=5, base_delay_seconds=0.001, max_delay_seconds=0.004, timeout_seconds=10.0)


def numbered(count: int) -> list[Submission]:
    """Records that differ in their epochs."""
    return [submission(pcs(epoch=number), tenant="acme") for number in range(count)]


def send(directory: Path, url: str, submissions: Iterable[Submission] = (), workers: int = 4) -> list[Queued | Settled]:
    """Deliver everything, with pauses of milliseconds."""
    with Outbox(directory) as outbox:
        return list(deliver_all(outbox, Service(url), submissions, workers, PROMPT))


def tally(events: Iterable[Queued | Settled]) -> Tally:
    """The events, counted."""
    counted = Tally()
    for event in events:
        counted.add(event)
    return counted


def test_each_verdict_settles_a_submission_as_the_model_says(tmp_path: Path) -> None:
    """200 and 202 acknowledge; 400, 401, 409 and 413 bury, with the answer kept; nothing is sent twice."""
    statuses = [200, 202, 400, 401, 409, 413]
    sent = numbered(len(statuses))
    bodies = {item.body: Answer(status) for item, status in zip(sent, statuses, strict=True)}
    with serving(lambda post, _: bodies[post.body]) as peer:
        counted = tally(send(tmp_path, peer.url, sent))
    assert counted == Tally(queued=6, acknowledged=Counter({200: 1, 202: 1}), dead=4, retries=0)
    assert counted.pending == 0
    assert sorted(post.body for post in peer.seen) == sorted(bodies)
    with Outbox(tmp_path) as outbox:
        assert outbox.pending == ()
        assert {letter.submission.body: letter.response.status for letter in outbox.dead} == {
            item.body: status for item, status in zip(sent[2:], statuses[2:], strict=True)
        }
        assert {letter.response.body for letter in outbox.dead} == {
            reply(item, status).body for item, status in zip(sent[2:], statuses[2:], strict=True)
        }


def test_a_captive_portal_acknowledges_nothing(tmp_path: Path) -> None:
    """Its page under 200 is no outcome of any record: all twenty wait, and are delivered when it is gone (OUT-6)."""
    with serving(lambda *_: Answer(200, body=b"<html>Please log in</html>")) as portal:
        assert tally(send(tmp_path, portal.url, numbered(20))).pending == 20
    with serving(lambda *_: Answer(200)) as peer:
        assert tally(send(tmp_path, peer.url)).acknowledged == {200: 20}


def test_trouble_is_retried_until_it_is_over(tmp_path: Path) -> None:
    """503, a dropped connection, 429 and 500, then 200: five posts of the same bytes, four retries."""
    trouble: list[Answer | None] = [Answer(503, (("Retry-After", "0"),)), None, Answer(429), Answer(500), Answer(200)]
    with serving(lambda _, before: trouble[before]) as peer:
        counted = tally(send(tmp_path, peer.url, numbered(1)))
    assert counted == Tally(queued=1, acknowledged=Counter({200: 1}), dead=0, retries=4)
    assert peer.seen == [Seen("/v1/pcs/submit", "acme", numbered(1)[0].body)] * 5


def test_a_pause_is_as_long_as_the_service_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Retry-After: 30` is thirty seconds at least, waited where an interrupt ends the wait."""
    waits: list[float] = []

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            return True

    monkeypatch.setattr(delivery, "Event", Impatient)
    busy = Answer(503, (("Retry-After", "30"),))
    with serving(lambda _, before: busy if before == 0 else Answer(200)) as peer:
        send(tmp_path, peer.url, numbered(1))
    (wait,) = waits
    assert 30 <= wait <= 30 + PROMPT.max_delay_seconds


def test_as_many_submissions_are_in_flight_as_there_are_workers(tmp_path: Path) -> None:
    """The service answers only once all eight are there."""
    together = threading.Barrier(WORKERS, timeout=30)

    def script(_post: Seen, _before: int) -> Answer:
        together.wait()
        return Answer(200)

    with serving(script) as peer:
        assert tally(send(tmp_path, peer.url, numbered(3 * WORKERS), WORKERS)).acknowledged == {200: 3 * WORKERS}


def test_a_service_out_of_reach_leaves_everything_queued(tmp_path: Path) -> None:
    """A few deliveries try, the rest waits for `resume`, which delivers it, the oldest first."""
    with serving(lambda *_: Answer(200)) as peer:
        nobody = peer.url
    events = send(tmp_path, nobody, numbered(40), workers=3)
    counted = tally(events)
    assert (counted.queued, counted.pending) == (40, 40)
    assert counted.retries <= 3 * 3 * PROMPT.max_attempts
    with serving(lambda *_: Answer(202)) as peer:
        assert tally(send(tmp_path, peer.url, workers=1)) == Tally(queued=40, acknowledged=Counter({202: 40}))
    assert [post.body for post in peer.seen] == [item.body for item in numbered(40)]


def test_one_submission_that_gets_no_verdict_does_not_stop_the_others(tmp_path: Path) -> None:
    """The service fails on it each time; all others are acknowledged and it stays pending."""
    unlucky = numbered(30)[7].body
    with serving(lambda post, _: Answer(500 if post.body == unlucky else 200)) as peer:
        counted = tally(send(tmp_path, peer.url, numbered(30), workers=2))
    assert (counted.acknowledged, counted.pending) == ({200: 29}, 1)
    with Outbox(tmp_path) as outbox:
        assert [item.submission.body for item in outbox.pending] == [unlucky]


def test_stopping_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """Close the events after the tenth: what was acknowledged is settled, all else that was queued is pending."""
    with serving(lambda *_: Answer(200)) as peer, Outbox(tmp_path) as outbox:
        events = deliver_all(outbox, Service(peer.url), numbered(50), 4, PROMPT)
        seen = [next(events) for _ in range(10)]
        events.close()
    queued = {event.id for event in seen if isinstance(event, Queued)}
    settled = {
        event.item.id for event in seen if isinstance(event, Settled) and event.delivery is Delivery.ACKNOWLEDGED
    }
    with Outbox(tmp_path) as outbox:
        pending = {item.id for item in outbox.pending}
    assert not settled & pending
    assert len(queued - pending) <= len(peer.seen)
    assert pending <= queued


# A process of its own, killed


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
