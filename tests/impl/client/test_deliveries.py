"""The client over real sockets: what is delivered, how often, in which requests; and what is left, by the model's own program."""

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.impl.agent_peer import Answer, Peer, Seen, serving
from tests.support.model.replies import reply
from tests.support.model.world import KEY, World, pcs, submission

from flk.client import AsyncClient, Client, Delivery, Receipt, Summary
from flk.impl.agent import WORKERS
from flk.impl.agent.outbox import Outbox
from flk.impl.client.deliveries import MOST_IN_FLIGHT
from flk.impl.storage.segment_file import LogFailed
from flk.impl.storage.wal import FileDisk
from flk.model.flow.outbox import ACKNOWLEDGED
from flk.model.flow.sending import MOST_RECORDS
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.programs.outbox import deliver, queue
from flk.model.record.record import Pcs
from flk.model.runtime import run
from flk.spec.constants import Outbox as Policy

PROMPT = Policy(max_attempts=3, base_delay_seconds=0.001, max_delay_seconds=0.002, timeout_seconds=10.0)
OK = Answer(200)


def numbered(count: int) -> list[Pcs]:
    """Records that differ in their epochs."""
    return [pcs(epoch=number) for number in range(count)]


def client(peer: Peer, directory: Path, **options: bool | int) -> Client:
    """A client of the peer that hardly waits."""
    return Client(peer.url, "acme", keys=KEY, outbox=directory, policy=PROMPT, **options)  # type: ignore[arg-type]


def test_a_record_is_submitted_and_its_outcome_is_told(tmp_path: Path) -> None:
    """Accepted, escalated, refused, and taken by another content: a receipt says each, with what the service said."""
    statuses = {0: 200, 1: 202, 2: 401, 3: 409}

    def script(post: Seen, _: int) -> Answer:
        return Answer(statuses[msgspec.json.decode(post.body)["epoch"]])

    with serving(script) as peer, client(peer, tmp_path) as sender:
        taken, escalated, refused, other = (sender.submit(record) for record in numbered(4))
    assert (taken.delivery, taken.posts, taken.problem) == (Delivery.ACKNOWLEDGED, 1, None)
    assert taken.outcome is not None
    assert taken.outcome.pcs_id == pcs(epoch=0).pcs_id
    assert escalated.delivery is Delivery.ACKNOWLEDGED
    assert (refused.delivery, refused.outcome) == (Delivery.DEAD, None)
    assert refused.problem is not None
    assert (other.delivery, other.problem) == (Delivery.DEAD, None)
    assert other.outcome is not None
    assert other.outcome.digest == "0" * 64


def test_what_waits_shares_requests_if_the_service_takes_batches(tmp_path: Path) -> None:
    """A thousand records go in tens of requests, each record once, byte for byte."""
    with serving(lambda *_: OK, batches=True) as peer, client(peer, tmp_path) as sender:
        summary = sender.send(numbered(1000))
    assert summary == Summary(queued=1000, acknowledged=Counter({200: 1000}))
    assert (summary.complete, summary.pending) == (True, 0)
    assert len(peer.seen) == len({post.body for post in peer.seen}) == 1000
    assert max(peer.batches) <= MOST_RECORDS
    assert len(peer.batches) + 1000 - sum(peer.batches) < 200
    assert peer.connections <= 8


@pytest.mark.slow
def test_a_service_without_batches_is_asked_for_one_and_no_more(tmp_path: Path) -> None:
    """By each connection, at most; its 404 is no attempt of any record: all go alone, without a pause."""
    with serving(lambda *_: OK) as peer, client(peer, tmp_path) as sender:
        summary = sender.send(numbered(300))
        refused = peer.refused_batches
        assert sender.send(pcs(epoch=number) for number in range(300, 400)).complete
    assert (summary.acknowledged, summary.retries) == ({200: 300}, 0)
    assert 0 < refused == peer.refused_batches <= WORKERS
    assert len(peer.seen) == 400


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 401, 413, 500, 302])
def test_what_refuses_a_batch_as_a_whole_refuses_no_record(status: int, tmp_path: Path) -> None:
    """Not even with the service's own words: each record goes alone, and is answered for itself (OUT-6)."""
    body = msgspec.json.encode({"error": "no", "requirement": "ORD-5", "field": None})

    with serving(lambda *_: OK, batches=True) as peer:
        peer.batch = lambda posts: Answer(status, body=body)  # type: ignore[method-assign]
        with client(peer, tmp_path) as sender:
            summary = sender.send(numbered(50))
    assert (summary.acknowledged, summary.dead) == ({200: 50}, 0)


def test_an_overloaded_service_is_not_asked_alone_instead(tmp_path: Path) -> None:
    """429 for a batch asks all its records to come again (OUT-4)."""
    asked: list[int] = []
    with serving(lambda *_: OK, batches=True) as peer:
        usual = peer.batch

        def batch(posts: list[Seen]) -> Answer | None:
            asked.append(len(posts))
            return Answer(429, (("Retry-After", "0"),), b"{}") if len(asked) == 1 else usual(posts)

        peer.batch = batch  # type: ignore[method-assign]
        with client(peer, tmp_path) as sender:
            summary = sender.send(numbered(100))
    assert summary.acknowledged == {200: 100}
    assert summary.retries == asked[0]


def test_a_body_that_no_line_can_hold_goes_alone(tmp_path: Path) -> None:
    """What another program queued, with a line feed in it, beside others: it arrives byte for byte."""
    records = [submission(pcs(epoch=n), tenant="acme") for n in range(5)]
    odd = Submission("acme", records[2].body.replace(b",", b",\n"))
    with Outbox(tmp_path) as outbox:
        for item in (*records[:2], odd, *records[3:]):
            run(queue(item), outbox.perform)
    with serving(lambda *_: OK, batches=True) as peer, client(peer, tmp_path, connections=1) as sender:
        assert sender.flush().acknowledged == {200: 5}
    assert {post.body for post in peer.seen} == {item.body for item in (*records[:2], odd, *records[3:])}


ANSWERS: dict[str, Answer | None] = {
    "taken": OK,
    "escalated": Answer(202),
    "overloaded": Answer(429, (("Retry-After", "0"),)),
    "unavailable": Answer(503),
    "broken": Answer(500, body=b'"oh"'),
    "cut": None,
    "portal": Answer(200, body=b'"<html>Please log in</html>"'),
    "refused": Answer(401),
    "conflict": Answer(409),
}
FINAL = {"taken": 2, "escalated": 2, "refused": 4, "conflict": 4}
"""Answers that settle a record, by the first digit of their status."""
SCRIPTS = st.lists(st.lists(st.sampled_from(sorted(ANSWERS)), max_size=5), min_size=1, max_size=6)


def expected(scripts: list[list[str]]) -> tuple[Counter[str], list[int]]:
    """What the model's program makes of the answers to each record: how it ends, and after how many posts."""
    ends: Counter[str] = Counter()
    posts: list[int] = []
    for number, script in enumerate(scripts):
        answers = iter([*script, *["taken"] * PROMPT.max_attempts])
        sent = submission(pcs(epoch=number), tenant="acme")
        count = [0]

        def answered(item: Submission, answers: Iterator[str] = answers, count: list[int] = count) -> Response | None:
            count[0] += 1
            answer = ANSWERS[next(answers)]
            if answer is None:
                return None
            said = reply(item, answer.status)
            return said if answer.body is None else msgspec.structs.replace(said, body=answer.body)

        world = World("agent", service=answered)
        ends[world.run("agent", deliver(world.run("agent", queue(sent)), PROMPT))] += 1
        posts.append(count[0])
    return ends, posts


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(SCRIPTS)
def test_alone_each_record_is_delivered_as_the_model_says(scripts: list[list[str]]) -> None:
    """Under whatever answers, each record is posted as often, and ends as, the program says in memory; the rest waits."""

    def script(post: Seen, before: int) -> Answer | None:
        answers = scripts[msgspec.json.decode(post.body)["epoch"]]
        return ANSWERS[answers[before]] if before < len(answers) else OK

    ends, posts = expected(scripts)
    with TemporaryDirectory() as directory, serving(script) as peer:
        told: list[Receipt] = []
        with client(peer, Path(directory), batches=False, connections=64) as sender:
            summary = sender.send(numbered(len(scripts)), told.append)
            assert sender.pending == summary.pending == ends[Delivery.POSTPONED]
            assert len(sender.dead_letters) == summary.dead == ends[Delivery.DEAD]
        assert Counter(receipt.delivery for receipt in told) == ends
        posted = Counter(msgspec.json.decode(post.body)["epoch"] for post in peer.seen)
        assert [posted[number] for number in range(len(scripts))] == posts


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(SCRIPTS)
def test_in_batches_each_record_is_settled_as_the_model_says(scripts: list[list[str]]) -> None:
    """The answers of others in its batch settle nothing: round after round, each record ends as its own answers say."""

    def script(post: Seen, before: int) -> Answer | None:
        answers = scripts[msgspec.json.decode(post.body)["epoch"]]
        return ANSWERS[answers[before]] if before < len(answers) else OK

    with (
        TemporaryDirectory() as directory,
        serving(script, batches=True) as peer,
        client(peer, Path(directory), connections=2) as sender,
    ):
        sender.send(numbered(len(scripts)))
        for _ in range(30):
            if sender.pending:
                sender.flush()
        assert sender.pending == 0
        dead = {letter.submission.body for letter in sender.dead_letters}
    given_to: defaultdict[bytes, list[str]] = defaultdict(list)
    for post, answer in peer.given:
        given_to[post.body].append(next(name for name, each in ANSWERS.items() if each is answer))
    assert len(given_to) == len(scripts)
    for body, names in given_to.items():
        assert [name for name in names if name in FINAL] == names[-1:]
        assert (FINAL[names[-1]] == 4) == (body in dead)


@pytest.mark.slow
def test_a_service_out_of_reach_leaves_everything_queued(tmp_path: Path) -> None:
    """A few deliveries try; the rest waits for another process, which delivers it, the oldest first."""
    with serving(lambda *_: OK) as peer:
        nobody = peer
    with client(nobody, tmp_path, connections=2) as sender:
        tried: list[Receipt] = []
        summary = sender.send(numbered(3000), tried.append)
        assert 2 <= len(tried) < 3000
        assert (summary.queued, summary.pending, sender.pending) == (3000, 3000, 3000)
    with serving(lambda *_: OK, batches=True) as peer, client(peer, tmp_path, connections=1) as sender:
        assert sender.pending == 3000
        assert sender.flush().acknowledged == {200: 3000}
        assert sender.pending == 0
    assert [msgspec.json.decode(post.body)["epoch"] for post in peer.seen] == list(range(3000))


def test_tasks_that_submit_at_once_share_requests(tmp_path: Path) -> None:
    """Two hundred tasks, two connections; each has the receipt of its own record."""

    async def all_at_once(url: str) -> list[Receipt]:
        async with AsyncClient(url, "acme", keys=KEY, outbox=tmp_path, policy=PROMPT, connections=2) as sender:
            return await asyncio.gather(*map(sender.submit, numbered(200)))

    with serving(lambda *_: OK, batches=True) as peer:
        receipts = asyncio.run(all_at_once(peer.url))
    assert [receipt.outcome.pcs_id for receipt in receipts if receipt.outcome] == [r.pcs_id for r in numbered(200)]
    assert len(peer.batches) < 20


def test_threads_may_share_a_client(tmp_path: Path) -> None:
    """Eight threads submit, one flushes meanwhile: every record is settled once."""
    with serving(lambda *_: OK, batches=True) as peer, client(peer, tmp_path) as sender, ThreadPoolExecutor(9) as pool:
        receipts = pool.map(sender.submit, numbered(80))
        flushed = pool.submit(lambda: [sender.flush() for _ in range(10)])
        assert all(receipt.delivery is Delivery.ACKNOWLEDGED for receipt in receipts)
        flushed.result()
        assert sender.pending == 0
    assert len(peer.seen) == 80


def test_two_rounds_at_once_deliver_no_record_twice(tmp_path: Path) -> None:
    """One has more in flight than there is room for; another takes what that one has queued and not begun."""
    free = threading.Event()

    def script(_post: Seen, _before: int) -> Answer:
        free.wait(30)
        return OK

    with serving(script, batches=True) as peer, client(peer, tmp_path) as sender, ThreadPoolExecutor(2) as pool:
        sent = pool.submit(sender.send, numbered(MOST_IN_FLIGHT + 100))
        under_way = sender._client._deliveries.under_way
        while len(under_way) <= MOST_IN_FLIGHT:
            assert not sent.done()
        flushed = pool.submit(sender.flush)
        while len(under_way) < MOST_IN_FLIGHT + 100:
            assert not sent.done()
        free.set()
        assert sent.result().queued + flushed.result().queued == MOST_IN_FLIGHT + 100
    assert len(peer.seen) == MOST_IN_FLIGHT + 100


@pytest.mark.slow
def test_what_stops_the_giver_leaves_what_was_queued(tmp_path: Path) -> None:
    """An error of the records' source goes to the caller; what came before waits, and the source is told as unfinished (OUT-7)."""

    def broken() -> Iterator[Pcs]:
        yield from numbered(300)
        raise ZeroDivisionError

    held = threading.Event()

    def script(_post: Seen, _before: int) -> Answer:
        held.wait(30)
        return OK

    with serving(script, batches=True) as peer, client(peer, tmp_path) as sender:
        with pytest.raises(ZeroDivisionError):
            sender.send(broken(), source="walk.csv")
        assert sender.pending == 256
        held.set()
    with serving(lambda *_: OK, batches=True) as peer, client(peer, tmp_path) as sender:
        assert [(each.source, each.queued) for each in sender.unfinished] == [("walk.csv", 256)]
        assert sender.send(numbered(300), source="walk.csv").acknowledged.total() == 556
    with Outbox(tmp_path) as outbox:
        assert (outbox.pending, outbox.unfinished) == ((), ())


def test_an_outbox_that_cannot_be_written_is_an_error_of_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is posted of what is not durable (OUT-1), whoever calls, and the client can be closed."""

    def failing(*_: object) -> None:
        raise LogFailed("the disk is gone")

    calls: list[Callable[[Client], object]] = [lambda c: c.submit(pcs()), lambda c: c.send(numbered(10))]
    for number, call in enumerate(calls):
        with serving(lambda *_: OK) as peer, client(peer, tmp_path / str(number)) as sender:
            monkeypatch.setattr(FileDisk, "append_many", failing)
            with pytest.raises(LogFailed):
                call(sender)
            monkeypatch.undo()
        assert peer.seen == []


def test_an_outbox_that_fails_meanwhile_ends_the_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no acknowledgement can be written, the caller is told, little more is posted, and all of it is pending again."""
    whole = FileDisk.append_many

    def failing(disk: FileDisk, log: str, frames: Sequence[Frame], clock: Timestamp) -> None:
        if any(frame.payload[:1] == ACKNOWLEDGED for frame in frames):
            raise LogFailed("the disk is gone")
        whole(disk, log, frames, clock)

    monkeypatch.setattr(FileDisk, "append_many", failing)
    with serving(lambda *_: OK) as peer, client(peer, tmp_path, batches=False) as sender, pytest.raises(LogFailed):
        sender.send(numbered(2000))
    assert len(peer.seen) < 2000
    with Outbox(tmp_path) as outbox:
        assert len(outbox.pending) >= len(peer.seen)


async def streamed(count: int) -> AsyncIterator[Pcs]:
    """Records, one after the other."""
    for record in numbered(count):
        yield record


def test_records_may_come_from_an_asynchronous_source(tmp_path: Path) -> None:
    """As from a queue or a socket."""

    async def sent(url: str) -> Summary:
        async with AsyncClient(url, "acme", keys=KEY, outbox=tmp_path, policy=PROMPT) as sender:
            return await sender.send(streamed(300))

    with serving(lambda *_: OK, batches=True) as peer:
        assert asyncio.run(sent(peer.url)).acknowledged == {200: 300}
