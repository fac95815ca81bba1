"""Kill -9 a server under load, start it on what it left, and ask again: nothing acknowledged is lost, no outcome has changed.

A life of the server is: start; repeat what was sent before and compare every answer, byte for byte, with the one acknowledged then;
take new submissions from several clients until a number of them, drawn at random, is answered; die. Some lives end during start-up,
while the log is replayed. Rivals (two contents for one id, from two clients at once) are among the submissions.
"""

import http.client
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from threading import Event, Lock, Thread
from time import perf_counter, sleep
from urllib.parse import urlsplit

import msgspec

from flk.impl.bench.records import distinct, submission
from flk.impl.server.process import ServerProcess, key_file, serve_command, server_process
from flk.model.flow.answers import STATES_ENTRY, SUBMIT_PATH
from flk.model.flow.submission import Submission
from flk.model.record.record import Pcs
from flk.model.record.signing import HmacKey

CLIENTS = 16
MOST_PER_LIFE = 400  # submissions acknowledged before a kill, at most
RIVALS_EVERY = 5  # of how many ids one is claimed by two contents
STARTUP_KILLS_EVERY = 4  # of how many lives one ends during start-up
STARTUP_SECONDS = 0.7  # within which it then ends
RECHECK = 200  # answers of long ago that each life repeats, beside all of the life before
SECRET = "a secret that only this measurement knows"  # noqa: S105  (and so it is none)


class Toll(msgspec.Struct):
    """What the kills met. `fell` are lives that ended by themselves; `lost` submissions were acknowledged and are unknown
    now; `changed` ones are answered otherwise than they were; `refused` ones should have been taken.
    """

    kills: int = 0
    during_start: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    compared: int = 0
    fell: int = 0
    lost: int = 0
    changed: int = 0
    refused: int = 0
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every acknowledged submission was found as it had been acknowledged."""
        return not (self.fell or self.lost or self.changed or self.refused)


class Answer(msgspec.Struct, frozen=True):
    """A submission, and the answer it got; None if the server died first."""

    sent: Submission
    status: int | None
    body: bytes


def crash(directory: Path, kills: int, seed: int, progress: Callable[[Toll], None]) -> Toll:
    """Kill a server in `directory` that many times; the last life is only asked. `seed` fixes when it dies, as far as it can."""
    random, began, toll = Random(seed), perf_counter(), Toll()
    keys = key_file(directory, SECRET)
    submissions = stream()
    known: list[Answer] = []
    last: list[Answer] = []
    while toll.kills < kills:
        if not random.randrange(STARTUP_KILLS_EVERY):
            _kill_during_start(directory / "data", keys, random.uniform(0.0, STARTUP_SECONDS))
            toll.during_start += 1
        else:
            with server_process(directory / "data", keys) as server:
                _compare(server.url, [*last, *random.sample(known, min(RECHECK, len(known)))], toll)
                known += last
                last = _life(server, submissions, random.randint(1, MOST_PER_LIFE), toll)
            toll.acknowledged += sum(answer.status in STATES_ENTRY for answer in last)
            toll.unanswered += sum(answer.status is None for answer in last)
            toll.refused += sum(answer.status is not None and answer.status not in STATES_ENTRY for answer in last)
        toll.kills += 1
        toll.seconds = perf_counter() - began
        progress(toll)
    with server_process(directory / "data", keys) as server:
        _compare(server.url, [*known, *last], toll)
    toll.seconds = perf_counter() - began
    return toll


def stream() -> Iterator[Submission]:
    """Distinct submissions, some with a rival right behind: the same id, other counts."""
    key = HmacKey(SECRET.encode())
    for number, record in enumerate(distinct()):
        yield submission(record, key)
        if not number % RIVALS_EVERY:
            yield submission(_rival(record), key)


def _rival(record: Pcs) -> Pcs:
    return msgspec.structs.replace(record, N_j={scale: cells + 1 for scale, cells in record.N_j.items()})


def _kill_during_start(data: Path, keys: Path, after: float) -> None:
    process = subprocess.Popen(serve_command(data, keys), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  (our own)
    sleep(after)
    process.kill()
    process.wait()


def _life(server: ServerProcess, submissions: Iterator[Submission], deaths_at: int, toll: Toll) -> list[Answer]:
    """Send new submissions from all clients; kill when so many are answered; everything that was sent, and what came of it."""
    answers: list[Answer] = []
    lock, enough = Lock(), Event()

    def client() -> None:
        with closing(_connect(server.url)) as connection:
            status: int | None = 0
            while status is not None:
                with lock:
                    sent = next(submissions)
                status, body = _send(connection, sent)
                with lock:
                    answers.append(Answer(sent, status, body))
                    if len(answers) >= deaths_at:
                        enough.set()
            enough.set()

    threads = [Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    enough.wait()
    toll.fell += server.process.poll() is not None
    server.process.kill()
    for thread in threads:
        thread.join()
    return answers


def _compare(url: str, answers: Sequence[Answer], toll: Toll) -> None:
    """Send everything again: what was acknowledged must be answered as it was, the rest may be answered in either way."""
    remaining, lock = iter(answers), Lock()

    def client() -> None:
        with closing(_connect(url)) as connection:
            while True:
                with lock:
                    before = next(remaining, None)
                if before is None:
                    return
                status, body = _send(connection, before.sent)
                with lock:
                    _judge(before, status, body, toll)

    threads = [Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _judge(before: Answer, status: int | None, body: bytes, toll: Toll) -> None:
    if before.status is None:
        toll.refused += status not in STATES_ENTRY
        return
    toll.compared += 1
    if (status, body) != (before.status, before.body):
        stored_since = (
            status in STATES_ENTRY
            and msgspec.json.decode(body)["timestamp"] > msgspec.json.decode(before.body)["timestamp"]
        )
        toll.lost += stored_since
        toll.changed += not stored_since


def _connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc)


def _send(connection: http.client.HTTPConnection, sent: Submission) -> tuple[int | None, bytes]:
    """Status and body; None if the server is gone."""
    try:
        connection.request("POST", SUBMIT_PATH, sent.body, {"X-Tenant-Id": sent.tenant})
        with connection.getresponse() as response:
            return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return None, b""
