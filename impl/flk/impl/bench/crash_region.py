"""Kill -9 the nodes of a region that share a store, and the store's own server, under load, and ask again (DUP-2, DUP-10, WAL-5).

The nodes that are not killed go on. Whatever was answered alone is answered alike for ever, by every node. Where two contents under
one id met, the entry that precedes may have taken the place of one that was answered: then that must stand in the
store's record of what gave way, or it counts as changed. At the end the nodes' traces are held against `shared-store`.
"""

import http.client
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from threading import Event, Lock
from urllib.parse import urlsplit

import msgspec

from flk.formal.api.subject import find
from flk.formal.api.validating import validate
from flk.formal.traces import Accepted
from flk.impl.bench.crash import (
    MOST_PER_RUN,
    RECHECK,
    SECRET,
    STARTUP_KILLS_EVERY,
    STARTUP_SECONDS,
    Answer,
    CrashReport,
    send,
    side_by_side,
    stream,
)
from flk.impl.bench.store_servers import StoreServer
from flk.impl.server.process import ServerProcess, key_file, listening, serve_command
from flk.impl.server.trace_reader import encoded, events_of
from flk.impl.storage.opening import open_shared
from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.submission import Submission
from flk.model.log.hlc import text

STORE_KILLS_EVERY = 4  # one kill in so many is of the store's server
READY_SECONDS = 60.0
RETRY_SECONDS = 0.1
REGION = "eu"
PROTOCOL = "shared-store"


class Stated(msgspec.Struct, frozen=True):
    """What an answer says of the stored entry."""

    pcs_id: str
    timestamp: str
    digest: str

    @property
    def rank(self) -> tuple[str, str]:
        """What decides between two entries of one region: two nodes may give one timestamp (CRR-1)."""
        return self.timestamp, self.digest


class _Node:
    """One node: its process, which is started again on what it left."""

    def __init__(self, home: Path, number: int, store: str) -> None:
        keys = key_file(home, SECRET)
        self.trace = home / f"node{number}.jsonl"
        self._command = [*serve_command(home / f"node{number}", keys), "--store", store, "--trace", str(self.trace)]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        self.server: ServerProcess = listening(self.process)
        self.await_ready()

    def start_and_kill(self, after: float) -> None:
        process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
        time.sleep(after)
        process.kill()
        process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def await_ready(self) -> None:
        """Return when the node takes records. Raises TimeoutError."""
        until = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if time.monotonic() > until:
                raise TimeoutError(f"{self.server.url} is not ready after {READY_SECONDS:g} s")
            time.sleep(RETRY_SECONDS)

    def _is_ready(self) -> bool:
        with closing(self.connect()) as connection:
            try:
                connection.request("GET", "/ready")
                return connection.getresponse().status == http.HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                return False

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.server.url).netloc, timeout=READY_SECONDS)


class Region:
    """A region under attack: what was answered, what must be on record, and the counts.

    `sent` counts the contents that were sent under each id.
    """

    def __init__(self, store: StoreServer, url: str, nodes: Sequence[_Node], random: Random) -> None:
        self._store, self._url, self._nodes, self._random = store, url, nodes, random
        self._submissions = stream()
        self._lock = Lock()
        self.sent: Counter[str] = Counter()
        self._gave_way: set[tuple[str, tuple[str, str]]] = set()
        self.report = CrashReport()
        self.known: list[Answer] = []
        self.last: list[Answer] = []

    def kill_once(self) -> None:
        """Load, kill somebody, start that again, and ask anew."""
        report, random = self.report, self._random
        victim = None if not random.randrange(STORE_KILLS_EVERY) else random.choice(self._nodes)
        self.known += self.last
        self.last = self._load_until_killed(victim, random.randint(1, MOST_PER_RUN))
        report.acknowledged += sum(answer.status in STATES_ENTRY for answer in self.last)
        report.unanswered += sum(_is_cut_off(answer) for answer in self.last)
        report.refused += sum(not _is_cut_off(answer) and answer.status not in STATES_ENTRY for answer in self.last)
        if victim is None:
            self._store.start()
            report.of_store += 1
        else:
            if not random.randrange(STARTUP_KILLS_EVERY):
                victim.start_and_kill(random.uniform(0.0, STARTUP_SECONDS))
                report.during_start += 1
                report.kills += 1
            victim.start()
        for node in self._nodes:
            node.await_ready()
        report.kills += 1
        self._compare(
            random.choice(self._nodes), [*self.last, *random.sample(self.known, min(RECHECK, len(self.known)))]
        )

    def finish(self) -> None:
        """Ask every node for everything; what gave way must stand on record."""
        for node in self._nodes:
            self._compare(node, [*self.known, *self.last])
        with closing(open_shared(self._url, REGION)) as store:
            recorded = {(key.pcs_id, (text(loser.timestamp), loser.digest)) for key, loser, _ in store.superseded()}
        self.report.gave_way = len(self._gave_way)
        self.report.changed += len(self._gave_way - recorded)
        self._follow()

    def _follow(self) -> None:
        """Hold the traces of all nodes, as far as they are written, against the protocol."""
        events = encoded(events_of([node.trace for node in self._nodes], PROTOCOL))
        found = validate(find(PROTOCOL), events, source="the nodes", progress=False)
        if isinstance(found, Accepted):
            self.report.followed = found.events
        else:
            self.report.disallowed = str(found)

    def _load_until_killed(self, victim: _Node | None, enough_answers: int) -> list[Answer]:
        answers: list[Answer] = []
        enough, over = Event(), Event()

        def client(number: int) -> None:
            with closing(self._nodes[number % len(self._nodes)].connect()) as connection:
                while not over.is_set():
                    with self._lock:
                        sent = next(self._submissions)
                        self.sent[_id_of(sent)] += 1
                    status, body = send(connection, sent)
                    with self._lock:
                        answers.append(Answer(sent, status, body))
                        if len(answers) >= enough_answers:
                            enough.set()
                    if status is None:
                        break
            enough.set()

        with side_by_side(client):
            enough.wait()
            if victim is None:
                self._store.kill()
            else:
                self.report.fell += victim.process.poll() is not None
                victim.kill()
            over.set()
        return answers

    def _compare(self, node: _Node, answers: Sequence[Answer]) -> None:
        remaining: Iterator[Answer] = iter(answers)

        def client() -> None:
            with closing(node.connect()) as connection:
                while True:
                    with self._lock:
                        before = next(remaining, None)
                    if before is None:
                        return
                    status, body = send(connection, before.sent)
                    with self._lock:
                        self.judge(before, status, body)

        with side_by_side(lambda _: client()):
            pass

    def judge(self, before: Answer, status: int | None, body: bytes) -> None:
        """Count what an answer is worth that is given again, beside the one before."""
        report = self.report
        if _is_cut_off(before) or before.status not in STATES_ENTRY:
            report.refused += status not in STATES_ENTRY
            return
        report.compared += 1
        if (status, body) == (before.status, before.body):
            return
        then = msgspec.json.decode(before.body, type=Stated)
        now = msgspec.json.decode(body, type=Stated) if status in STATES_ENTRY else None
        if now is None:
            report.changed += 1
        elif now.rank > then.rank:
            report.lost += 1
        elif now.rank < then.rank and self.sent[then.pcs_id] > 1:
            self._gave_way.add((then.pcs_id, then.rank))
        else:
            report.changed += 1


def crash_region(
    directory: Path,
    store: StoreServer,
    nodes: int,
    kills: int,
    seed: int,
    progress: Callable[[CrashReport], None],
) -> CrashReport:
    """Kill one of so many nodes or their store's server that many times, then compare all answers at every node. `seed` draws who
    is killed and when. Raises TimeoutError if a node does not come back.
    """
    began = time.perf_counter()
    url = store.url(f"crash{seed}")
    with ExitStack() as stack:
        running = []
        for number in range(nodes):
            node = _Node(directory, number, url)
            stack.callback(node.kill)
            running.append(node)
        region = Region(store, url, running, Random(seed))
        while region.report.kills < kills:
            region.kill_once()
            region.report.seconds = time.perf_counter() - began
            progress(region.report)
        region.finish()
    region.report.seconds = time.perf_counter() - began
    return region.report


def _is_cut_off(answer: Answer) -> bool:
    """Nothing is promised: the node was killed before it answered, or had no store to ask (ORD-4)."""
    return answer.status in (None, http.HTTPStatus.SERVICE_UNAVAILABLE)


def _id_of(sent: Submission) -> str:
    return str(msgspec.json.decode(sent.body)["pcs_id"])
