"""Kill -9 the nodes of a region that share a store, and the store's own server, under load, and ask again (DUP-2, DUP-10, WAL-5).

The nodes that are not killed go on. Whatever was answered alone is answered alike for ever, by every node. Where two contents under
one id met, the entry that precedes may have taken the place of one that was answered: then that must stand in the
store's record of what gave way, or it counts as changed. At the end the nodes' traces are held against `shared-store`.
"""

import http.client
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from threading import Event, Lock
from typing import Any
from urllib.parse import urlsplit

import msgspec

from flk.formal.api.subject import find
from flk.formal.api.validating import validate
from flk.formal.traces import Accepted
from flk.impl.bench.audit_books import OFTEN, Auditor
from flk.impl.bench.caller import Caller
from flk.impl.bench.crash import (
    SECRET,
    STARTUP_KILLS_EVERY,
    CrashReport,
    acknowledged,
    side_by_side,
    stream,
)
from flk.impl.bench.crash_memory import Answer
from flk.impl.bench.forked import ForkedServer
from flk.impl.bench.store_servers import StoreServer
from flk.impl.server.process import key_file
from flk.impl.server.settings import Settings
from flk.impl.server.trace_reader import encoded, events_of
from flk.impl.storage.opening import open_region
from flk.impl.storage.ring_file import is_ring
from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.submission import Submission
from flk.model.log.hlc import text

STORE_KILLS_EVERY = 4  # one kill in so many is of the store's server
READY_SECONDS = 180.0
RECHECK = 80  # earlier answers that each run repeats, beside all of the run before
RETRY_SECONDS = 0.02
MOST_PER_RUN = 120  # submissions answered before a kill, at most
STARTUP_SECONDS = 0.3  # within which a node is killed again that was started
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

    def __init__(self, home: Path, number: int, url: str, auditor: Auditor | None, *, lags: bool) -> None:
        keys = key_file(home, SECRET)
        self.trace = None if auditor else home / f"node{number}.jsonl"  # with one, a process of its own would do less
        self._settings = Settings(
            home / f"node{number}", keys, port=0, store=url, accept_weaker_store=lags, trace=self.trace
        )
        if auditor is not None:
            often: dict[str, Any] = {"ship_every": OFTEN, "audit_every": OFTEN}
            self._settings = msgspec.structs.replace(self._settings, objects=auditor.url, audit=auditor.key, **often)
        self.start()

    def start(self) -> None:
        self.server = ForkedServer(self._settings)
        self.url = self.server.url()
        self.await_ready()

    def start_and_kill(self, after: float) -> None:
        server = ForkedServer(self._settings)
        time.sleep(after)
        server.kill()

    def await_ready(self) -> None:
        """Return when the node takes records. Raises TimeoutError."""
        until = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if time.monotonic() > until:
                raise TimeoutError(f"{self.url} is not ready after {READY_SECONDS:g} s")
            time.sleep(RETRY_SECONDS)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=READY_SECONDS)
        with closing(connection):
            try:
                connection.request("GET", "/ready")
                with connection.getresponse() as response:
                    return response.status == http.HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                return False

    def call(self) -> Caller:
        return Caller(self.url, READY_SECONDS)


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
        with closing(open_region(self._url, REGION, accept_weaker=self._store.lags)) as store:
            recorded = {(key.pcs_id, (text(loser.timestamp), loser.digest)) for key, loser, _ in store.superseded()}
        self.report.gave_way = len(self._gave_way)
        self.report.changed += len(self._gave_way - recorded)
        self._follow()

    def _follow(self) -> None:
        """Hold the traces of all nodes, as far as they are written, against the protocol: it speaks of one store that keeps what it
        acknowledged.
        """
        traces = [node.trace for node in self._nodes if node.trace is not None]
        if not traces or self._store.lags or is_ring(self._url):
            return
        events = encoded(events_of(traces, PROTOCOL))
        found = validate(find(PROTOCOL), events, source="the nodes", progress=False)
        if isinstance(found, Accepted):
            self.report.followed = found.events
        else:
            self.report.disallowed = str(found)

    def _load_until_killed(self, victim: _Node | None, enough_answers: int) -> list[Answer]:
        answers: list[Answer] = []
        enough, over = Event(), Event()

        def client(number: int) -> None:
            with closing(self._nodes[number % len(self._nodes)].call()) as caller:
                while not over.is_set():
                    with self._lock:
                        sent = next(self._submissions)
                        self.sent[_id_of(sent)] += 1
                    status, body = caller.send(sent)
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
                self.report.fell += victim.server.has_ended
                victim.server.kill()
            over.set()
        return answers

    def _compare(self, node: _Node, answers: Sequence[Answer]) -> None:
        remaining: Iterator[Answer] = iter(answers)

        def client() -> None:
            with closing(node.call()) as caller:
                while True:
                    with self._lock:
                        before = next(remaining, None)
                    if before is None:
                        return
                    status, body = caller.send(before.sent)
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
    auditor: Auditor | None = None,
) -> CrashReport:
    """Kill one of so many nodes or their store's server that many times, then compare all answers at every node. `seed` draws who
    is killed and when. With an `auditor` the nodes write one audit log, of which that keeps the books, and no traces.

    Raises TimeoutError if a node does not come back.
    """
    began = time.perf_counter()
    url = store.url(f"crash{seed}")
    with ExitStack() as stack:
        running = []
        for number in range(nodes):
            node = _Node(directory, number, url, auditor, lags=store.lags)
            stack.callback(lambda node=node: node.server.kill())  # type: ignore[misc]
            running.append(node)
        region = Region(store, url, running, Random(seed))
        while region.report.kills < kills:
            region.kill_once()
            region.report.seconds = time.perf_counter() - began
            if auditor is not None:
                auditor.look()
            progress(region.report)
        region.finish()
        if auditor is not None:
            region.report.audit = auditor.close(acknowledged(region.known + region.last))
    region.report.seconds = time.perf_counter() - began
    return region.report


def _is_cut_off(answer: Answer) -> bool:
    """Nothing is promised: the node was killed before it answered, or had no store to ask (ORD-4)."""
    return answer.status in (None, http.HTTPStatus.SERVICE_UNAVAILABLE)


def _id_of(sent: Submission) -> str:
    return str(msgspec.json.decode(sent.body)["pcs_id"])
