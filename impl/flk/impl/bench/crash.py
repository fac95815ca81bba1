"""Kill -9 a server under load, start it on what it left, and ask again: nothing acknowledged is lost, no outcome has changed.

One run of the server: start; repeat what was sent before and compare every answer, byte for byte, with the one acknowledged then;
take new submissions from several clients until a number of them, drawn at random, is answered; kill. Some runs are killed during
start-up, while the log is replayed. Some submissions are rivals: two contents for one id, from two clients at once.
"""

import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from threading import Event, Lock, Thread
from time import perf_counter, sleep

import msgspec

from flk.impl.bench.audit_books import AuditBooks, Auditor
from flk.impl.bench.caller import Caller
from flk.impl.bench.crash_memory import Answer, Memory
from flk.impl.bench.records import distinct, submission
from flk.impl.server.process import ServerProcess, key_file, serve_command, server_process
from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.submission import Submission
from flk.model.record.record import Pcs
from flk.model.record.signing import HmacKey
from flk.spec.verdict import Verdict

CLIENTS = 16
MOST_PER_RUN = 400  # submissions answered before a kill, at most
RIVALS_EVERY = 5  # one id in so many is claimed by two contents
STARTUP_KILLS_EVERY = 4  # one run in so many is killed during start-up
STARTUP_SECONDS = 0.7  # within which it is then killed
RECHECK = 200  # earlier answers that each run repeats, beside all of the run before
SECRET = "of the benchmark"  # noqa: S105  (of servers on loopback)


class CrashReport(msgspec.Struct):
    """Counts over all kills, of which `of_store` were of the server of a shared store. `fell` counts runs that ended without a
    kill; `lost` submissions were acknowledged and are unknown now; `changed` ones are answered otherwise than before; `refused`
    ones should have been accepted. What `gave_way`, where two contents met at two nodes, did so on record (DUP-10). `followed` are
    the events that the traces of nodes at one store came to, and `disallowed` says why the protocol does not allow them. `audit`
    are the books of the audit log, of a node that writes one.
    """

    kills: int = 0
    during_start: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    compared: int = 0
    fell: int = 0
    of_store: int = 0
    gave_way: int = 0
    lost: int = 0
    changed: int = 0
    refused: int = 0
    followed: int = 0
    disallowed: str = ""
    audit: AuditBooks | None = None
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """HOLDS if all that was acknowledged is answered as before, no run ended by itself, and traces are allowed."""
        wrong = self.fell or self.lost or self.changed or self.refused or self.disallowed
        audited = self.audit is None or self.audit.holds
        return Verdict.HOLDS if audited and not wrong else Verdict.VIOLATED


def crash(
    directory: Path,
    kills: int,
    seed: int,
    progress: Callable[[CrashReport], None],
    auditor: Auditor | None = None,
    *,
    keep: bool = False,
) -> CrashReport:
    """Kill a server in `directory` that many times, then compare all answers once more. `seed` draws the moments of the kills. With
    an `auditor` it writes an audit log, of which that keeps the books. With `keep` all is kept in the directory, and a run that was
    ended there goes on. Raises UnusableInput if that is of another seed.
    """
    memory = Memory(seed, directory if keep else None)
    report = msgspec.json.decode(memory.report, type=CrashReport) if memory.report else CrashReport()
    began = perf_counter() - report.seconds
    keys = key_file(directory, SECRET)
    options = auditor.options if auditor else []
    submissions = memory.drawn_from(stream())
    if auditor:
        auditor.seen += memory.seen
    while report.kills < kills:
        random = Random(f"{seed} {report.kills}")
        if not random.randrange(STARTUP_KILLS_EVERY):
            _kill_during_start(directory / "data", keys, options, random.uniform(0.0, STARTUP_SECONDS))
            report.during_start += 1
        else:
            with server_process(directory / "data", keys, options) as server:
                sample = random.sample(memory.known, min(RECHECK, len(memory.known)))
                _compare(server.url, [*memory.last, *sample], report)
                last = _run_until_killed(server, submissions, random.randint(1, MOST_PER_RUN), report)
            memory.add(last)
            report.acknowledged += sum(answer.status in STATES_ENTRY for answer in last)
            report.unanswered += sum(answer.status is None for answer in last)
            report.refused += sum(answer.status is not None and answer.status not in STATES_ENTRY for answer in last)
        report.kills += 1
        if auditor:
            auditor.look()
        report.seconds = perf_counter() - began
        memory.keep(report, auditor.seen if auditor else ())
        progress(report)
    with server_process(directory / "data", keys, options) as server:
        _compare(server.url, [*memory.known, *memory.last], report)
        if auditor:
            report.audit = auditor.close(acknowledged(memory.known + memory.last))
    report.seconds = perf_counter() - began
    return report


def acknowledged(answers: Iterable[Answer]) -> set[str]:
    """The ids of which an answer said that an outcome is stored."""
    stated = (answer for answer in answers if answer.status in STATES_ENTRY)
    return {msgspec.json.decode(answer.body)["pcs_id"] for answer in stated}


def stream() -> Iterator[Submission]:
    """Distinct submissions, some with a rival right behind: the same id, other counts."""
    key = HmacKey(SECRET.encode())
    for number, record in enumerate(distinct()):
        yield submission(record, key)
        if not number % RIVALS_EVERY:
            yield submission(_rival(record), key)


def _rival(record: Pcs) -> Pcs:
    return msgspec.structs.replace(record, N_j={scale: cells + 1 for scale, cells in record.N_j.items()})


def _kill_during_start(data: Path, keys: Path, options: Sequence[str], after: float) -> None:
    command = [*serve_command(data, keys), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  (our own)
    sleep(after)
    process.kill()
    process.wait()


def _run_until_killed(
    server: ServerProcess, submissions: Iterator[Submission], enough_answers: int, report: CrashReport
) -> list[Answer]:
    """Send new submissions from all clients and kill when `enough_answers` have come; all submissions, each with its answer."""
    answers: list[Answer] = []
    lock, enough = Lock(), Event()

    def client() -> None:
        with closing(Caller(server.url)) as caller:
            status: int | None = 0
            while status is not None:
                with lock:
                    sent = next(submissions)
                status, body = caller.send(sent)
                with lock:
                    answers.append(Answer(sent, status, body))
                    if len(answers) >= enough_answers:
                        enough.set()
            enough.set()

    with side_by_side(lambda _: client()):
        enough.wait()
        report.fell += server.process.poll() is not None
        server.process.kill()
    return answers


def _compare(url: str, answers: Sequence[Answer], report: CrashReport) -> None:
    """Send everything again: acknowledged submissions must be answered as before, the others may be answered in either way."""
    remaining, lock = iter(answers), Lock()

    def client() -> None:
        with closing(Caller(url)) as caller:
            while True:
                with lock:
                    before = next(remaining, None)
                if before is None:
                    return
                status, body = caller.send(before.sent)
                with lock:
                    _judge(before, status, body, report)

    with side_by_side(lambda _: client()):
        pass


@contextmanager
def side_by_side(client: Callable[[int], None]) -> Iterator[None]:
    """All clients at once, each with its number, until they end."""
    threads = [Thread(target=client, args=[number]) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def _judge(before: Answer, status: int | None, body: bytes, report: CrashReport) -> None:
    if before.status is None:
        report.refused += status not in STATES_ENTRY
        return
    report.compared += 1
    if (status, body) != (before.status, before.body):
        stored_since = (
            status in STATES_ENTRY
            and msgspec.json.decode(body)["timestamp"] > msgspec.json.decode(before.body)["timestamp"]
        )
        report.lost += stored_since
        report.changed += not stored_since
