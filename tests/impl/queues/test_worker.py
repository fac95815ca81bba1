"""`flk audit work`, `dlq` and `attested`, and the worker behind them, on real logs, queues and authorities (AUD-4 to AUD-10)."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import generate_latest
from tests.support.impl.anchors import Authority, answering
from tests.support.impl.audited import stored
from tests.support.impl.command import flk
from tests.support.impl.queues import QueuePlace, counted, letters
from tests.support.impl.scraper import Scraper
from tests.support.impl.worked import FAILS, worker, written
from tests.support.model.siem import audit_leaves
from tests.support.model.transparency import LOG, WITNESS

from flk.impl.command.impl.audit_work import _anchored
from flk.impl.data.anchoring import Asked
from flk.impl.data.transparency import Log
from flk.impl.queues.attempts import Attempts
from flk.impl.queues.metrics import WorkerMetrics
from flk.impl.queues.queue import Backlog, Queue
from flk.impl.queues.worker import Worker
from flk.impl.storage.objects import open_objects
from flk.model.anchoring.places import CHECKPOINT, place
from flk.model.entries.tasks import Span, Task, TaskKind
from flk.model.refusal import unavailable
from flk.model.transparency.notes import private_text
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

KEY = str(LOG.verifier)
POLICY = CONSTANTS.audit


@contextmanager
def at_work(home: Path, size: int = 3, fails: Collection[str] = ()) -> Iterator[tuple[Worker, Queue, str]]:
    """A worker on a log of so many leaves, and its queue in a file."""
    where = stored(home / "log", audit_leaves(size))
    with QueuePlace("sqlite", home).open() as queue:
        yield worker(queue, where, fails), queue, where


def task(number: int, kind: TaskKind = TaskKind.ENRICH) -> Task:
    """A task about a leaf of the log of the tests."""
    return Task(kind, Span(LOG.name, number, number + 1))


def test_a_task_that_succeeds_late_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the last of its attempts; between them there is a pause, a longer one each time (AUD-4)."""
    failures = [FAILS] * (POLICY.attempts - 1)
    real = Attempts.attempt
    monkeypatch.setattr(Attempts, "attempt", lambda self, *rest: failures.pop() if failures else real(self, *rest))
    pauses: list[float] = []
    with at_work(tmp_path, 1) as (one, queue, _):
        one._pause = pauses.append
        (worked,) = one.passes(None)
        assert (worked.done, worked.dead) == (2, 0)
        assert queue.marked([task(0), task(0, TaskKind.ATTEST)]) == 2
    assert pauses == [POLICY.pause_seconds * number for number in range(POLICY.attempts)] + [0.0]


def test_what_is_away_makes_no_dead_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage says nothing about a task: a few are refused, the rest is not touched, and all is done when it is over (AUD-7)."""
    real = Attempts.attempt
    away = [True]

    def attempt(self: Attempts, *rest: object) -> str:
        if away[0]:
            raise unavailable("the object store does not answer")
        return real(self, *rest)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(Attempts, "attempt", attempt)
    with QueuePlace("sqlite", tmp_path).open(0.01) as queue:
        one = worker(queue, stored(tmp_path / "log", audit_leaves(5)))
        (worked,) = one.passes(None)
        assert (worked.done, worked.dead, worked.is_over) == (0, 0, False)
        assert worked.waits == "the object store does not answer"
        assert worked.backlog.waiting + worked.backlog.leased == 10
        assert worked.backlog.waiting >= 7
        away[0] = False
        while sum(queue.backlog()[:2]):
            list(one.passes(None))
        assert not queue.letters(9)
        assert len(written(tmp_path / "log")) == 10


@pytest.mark.slow
def test_dead_letters_are_listed_shown_put_back_and_given_up(tmp_path: Path) -> None:
    """As people do it: with the task, its attempts, the last error and the time; put back, it is attempted anew (AUD-5)."""
    fails = [task(number).id for number in range(3)]
    with at_work(tmp_path, 3, fails) as (one, queue, _):
        (worked,) = one.passes(None)
        assert (worked.done, worked.dead) == (3, 3)
        url = str(queue)
        assert f"{fails[0]}  4 attempts: {FAILS}" in flk("audit", "dlq", "list", url).stdout
        listed = json.loads(flk("audit", "dlq", "list", url, "--json").stdout)
        assert [each["task"] for each in listed] == fails
        shown = json.loads(flk("audit", "dlq", "show", url, fails[1], "--json").stdout)
        assert (shown["attempts"], shown["error"]) == (4, FAILS)
        given_up = flk("audit", "dlq", "drop", url, fails[1], "--reason", "a trial")
        assert given_up.returncode == 0, given_up.stderr
        assert "a trial" in flk("audit", "dlq", "show", url, fails[1]).stdout
        assert flk("audit", "dlq", "retry", url, fails[0]).returncode == 0
        assert json.loads(flk("audit", "dlq", "retry", url, "--all", "--json").stdout) == {"retried": 1}
        assert counted(queue.backlog()) == (2, 0, 0)
        (worked,) = one.passes(None)
        assert (worked.dead, set(letters(queue).values())) == (2, {(4, FAILS)})
        where = stored(tmp_path / "log", audit_leaves(3))
        flk("audit", "dlq", "retry", url, "--all")
        (worked,) = worker(queue, where).passes(None)
        assert (worked.done, counted(queue.backlog())) == (2, (0, 0, 0))
        assert flk("audit", "dlq", "list", url).stdout == "✓ there are no dead letters\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "none"), "there is no such queue"),
        (("show", "{queue}", "nonsense"), "no id of a task"),
        (("show", "{queue}", "a/enrich/1-2"), "no such dead letter"),
        (("retry", "{queue}", "a/enrich/1-2"), "no such dead letter"),
        (("retry", "{queue}"), "or say --all"),
        (("drop", "{queue}", "a/enrich/1-2", "--reason", "x"), "no such dead letter"),
        (("drop", "{queue}", "a/enrich/1-2", "--reason", " "), "say why"),
    ],
)
def test_what_cannot_be_done_with_letters_is_told(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, and what to do instead."""
    with at_work(tmp_path) as (_, queue, _):
        done = flk("audit", "dlq", *(each.format(queue=queue) for each in arguments))
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_the_command_does_all_that_follows_a_leaf(tmp_path: Path) -> None:
    """Enrich, attest, and anchor by a real authority, once each; then only what is new."""
    where = stored(tmp_path / "log", audit_leaves(6))
    (tmp_path / "worker.key").write_text(private_text(WITNESS.name, bytes(range(1, 33))))
    authority = Authority(tmp_path / "authority")
    with answering(authority) as endpoint:
        anchored = ("--anchor", "rfc3161", "--endpoint", endpoint, "--ca", str(authority.root), "--anchor-leaves", "5")
        files = ("--queue", str(tmp_path / "queue"), "--attest", str(tmp_path / "worker.key"))
        work = ("audit", "work", where, "--key", KEY, *files, *anchored)
        done = flk(*work)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "✓ 6 leaves are in the queue, 13 tasks are done now\n"
        first = written(tmp_path / "log")
        assert {name.partition("/")[0] for name in first} == {"enriched", "attested", "anchor"}
        assert len(first) == 6 + 6 + 2
        assert authority.accepts(first["anchor/000000000006/checkpoint"], first["anchor/000000000006/anchor.tsr"])
        again = json.loads(flk(*work, "--json").stdout)
        assert (again["done"], again["behind"], again["backlog"]["waiting"]) == (0, 6, 0)
        stored(tmp_path / "log", audit_leaves(8))
        assert json.loads(flk(*work, "--json").stdout)["done"] == 4
    found = written(tmp_path / "log")
    assert {name: found[name] for name in first} == first
    file = tmp_path / "log" / "attested" / "000000000007.json"
    keys = ("--key", KEY, "--by", str(WITNESS.verifier))
    assert "example.com/log has signed for it" in flk("audit", "attested", str(file), *keys).stdout
    file.write_bytes(file.read_bytes().replace(b'"sig":"', b'"sig":"A', 1))
    broken = flk("audit", "attested", str(file), *keys)
    assert (broken.returncode, "AUD-9" in broken.stderr) == (1, True)


@pytest.mark.slow
def test_an_authority_that_is_away_holds_up_nothing_else(tmp_path: Path) -> None:
    """The rest is done; the command says what waits, and that is not a dead letter."""
    where = stored(tmp_path / "log", audit_leaves(3))
    authority = Authority(tmp_path / "authority")
    away = (
        "--anchor",
        "rfc3161",
        "--endpoint",
        "http://127.0.0.1:1/",
        "--ca",
        str(authority.root),
        "--anchor-leaves",
        "1",
    )
    done = flk("audit", "work", where, "--key", KEY, "--queue", str(tmp_path / "queue"), *away)
    assert (done.returncode, "1 tasks wait: http://127.0.0.1:1/: it does not answer" in done.stderr) == (1, True)
    assert "3 tasks are done now" in done.stdout
    assert len([name for name in written(tmp_path / "log") if name.startswith("enriched/")]) == 3


def test_an_authority_that_lies_is_a_dead_letter(tmp_path: Path) -> None:
    """Its answer is verified before it is kept, and each attempt at the anchor fails; the log's note is anchored, and no other."""
    where = stored(tmp_path / "log", audit_leaves(3))
    authority = Authority(tmp_path / "authority")
    authority.spoil = lambda answer: answer[:-1] + bytes([answer[-1] ^ 1])
    log = Log(open_objects(where), LOG.verifier)
    with answering(authority) as endpoint, QueuePlace("sqlite", tmp_path).open() as queue:
        anchor = partial(_anchored, Asked.of("rfc3161", endpoint, "anchor", authority.root))
        attempts = Attempts(log, open_objects(where), None, anchor)
        one = Worker(queue, attempts, WorkerMetrics(LOG.name), 3, pause=lambda _: None)
        (worked,) = one.passes(None)
        assert (worked.done, worked.dead) == (3, 1)
        ((about, (_, why)),) = letters(queue).items()
        assert (about, why.startswith("BadAnchor: ANC-2")) == (Task(TaskKind.ANCHOR, Span(LOG.name, 0, 3)), True)
        (tmp_path / "log" / place(3, CHECKPOINT)).write_bytes(b"something else")
        queue.retry(about)
        list(one.passes(None))
        assert letters(queue)[about][1].startswith("BadNote")
    assert not list((tmp_path / "log").rglob("*.tsr"))


def test_a_log_that_was_changed_is_told(tmp_path: Path) -> None:
    """Before its leaves are in the queue with exit code 1; after that each of its tasks is a dead letter that says why."""
    with at_work(tmp_path, 2) as (one, queue, where):
        one.fill()
        (tile,) = (tmp_path / "log/tile/entries").rglob("*2")
        content = tile.read_bytes()
        tile.write_bytes(content.replace(b"outcome", b"0utcome", 1))
        (worked,) = one.passes(None)
        assert (worked.done, worked.dead) == (2, 2)
        assert all(why.startswith("BadLog: TLOG-4") for _, why in letters(queue).values())
        fresh = flk("audit", "work", where, "--key", KEY, "--queue", str(tmp_path / "other"))
        assert (fresh.returncode, "TLOG-4" in fresh.stderr) == (1, True)


def test_a_worker_that_does_less_than_its_queue_asks_is_refused(tmp_path: Path) -> None:
    """Otherwise it would hold tasks that it cannot do; one that does more adds its kinds for the leaves from then on."""
    with at_work(tmp_path, 2) as (one, queue, where):
        one.fill()
        log = Log(open_objects(where), LOG.verifier)
        less = Worker(queue, Attempts(log, open_objects(where)), WorkerMetrics(LOG.name))
        with pytest.raises(UnusableInput, match=r"it has tasks to attest, which this worker does not do"):
            less.fill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--anchor", "rfc3161"), "--endpoint"),
        (("--anchor", "rfc3161", "--endpoint", "http://a"), "--ca"),
        (("--anchor", "opentimestamps", "--endpoint", "http://a", "--name", "../x"), "--name"),
        (("--metrics", "nonsense"), "--metrics"),
        (("--queue", "mysql://host"), "--queue: mysql is not known"),
        (("--attest", "none.key"), "none.key"),
    ],
)
def test_options_that_make_no_worker_are_told(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    """Before anything is enqueued."""
    where = stored(tmp_path / "log", audit_leaves(2))
    done = flk("audit", "work", where, "--key", KEY, "--queue", str(tmp_path / "queue"), *options)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_what_a_worker_does_can_be_scraped(tmp_path: Path) -> None:
    """Over HTTP: what is in the queue, attempts by kind and result, ends, and leaves that are not in it (AUD-10)."""
    metrics = WorkerMetrics(LOG.name)
    port = metrics.serve("127.0.0.1:0")
    with at_work(tmp_path, 2, [task(0).id]) as (one, _, _):
        one._metrics = metrics
        list(one.passes(None))
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    for line in (
        f'flk_audit_queue_tasks{{log="{LOG.name}",state="dead"}} 1.0',
        f'flk_audit_queue_tasks{{log="{LOG.name}",state="waiting"}} 0.0',
        f'flk_audit_queue_unqueued_leaves{{log="{LOG.name}"}} 0.0',
        f'flk_audit_task_attempts_total{{kind="enrich",log="{LOG.name}",result="failed"}} 4.0',
        f'flk_audit_task_attempts_total{{kind="attest",log="{LOG.name}",result="succeeded"}} 2.0',
        f'flk_audit_task_ends_total{{end="dead",log="{LOG.name}"}} 1.0',
        f'flk_audit_task_ends_total{{end="done",log="{LOG.name}"}} 3.0',
    ):
        assert line in text.splitlines(), line


TOLD = {
    "FLKAuditQueueOld": Backlog(1, 0, CONSTANTS.slo.audit_p99_seconds + 1, 0),
    "FLKAuditQueueGrows": Backlog(POLICY.backlog_tasks + 1, 0, 1.0, 0),
    "FLKAuditDeadLetters": Backlog(0, 0, 0.0, 1),
    "FLKAuditTasksFail": Backlog(0, 1, 1.0, 0),
}


@pytest.mark.parametrize("name", TOLD)
def test_alerts_are_told_of_what_a_worker_exports(name: str) -> None:
    """Quiet while a worker does well, and up to the bound; once it is passed, the alert fires after its time, and no other does."""
    metrics = WorkerMetrics(LOG.name)
    scraper = Scraper(lambda: generate_latest(metrics.registry))
    failing = 0
    for step in range(120):
        if step == 40:
            assert not scraper.fired()
            failing = 6 if name == "FLKAuditTasksFail" else 0
        still = Backlog(POLICY.backlog_tasks, 1, CONSTANTS.slo.audit_p99_seconds, 0)
        metrics.saw(TOLD[name] if step >= 40 else still, 0)
        for _ in range(100 - failing):
            metrics.attempted(task(0), "succeeded")
        for _ in range(failing):
            metrics.attempted(task(0), "failed")
        scraper.scrape()
    assert scraper.fired() == {name}
