"""The client over real sockets, each record in a request of its own: every verdict, every trouble, what a connection survives."""

import asyncio
import signal
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TypeVar

import anyio
import pytest
from tests.support.impl.agent_peer import Answer, Seen, serving
from tests.support.model.replies import reply
from tests.support.model.world import KEY, pcs, submission

from flk.client import Client, Submission, Summary, UnusableInput
from flk.impl.agent import WORKERS
from flk.impl.agent.outbox import Outbox
from flk.impl.client import asynchronous
from flk.impl.client.posting import Posting, _Due
from flk.impl.http.trust import Trust
from flk.model.flow.submission import Response
from flk.model.record.record import decode
from flk.spec.constants import Outbox as Policy

R = TypeVar("R")
PROMPT = Policy(max_attempts=5, base_delay_seconds=0.001, max_delay_seconds=0.004, timeout_seconds=10.0)
OK = Answer(200)


def numbered(count: int) -> list[Submission]:
    """Records that differ in their epochs, and are signed already."""
    return [submission(pcs(epoch=number), tenant="acme") for number in range(count)]


def alone(url: str, outbox: Path, connections: int = 4, policy: Policy = PROMPT) -> Client:
    """A client that sends each record in a request of its own, and can sign none."""
    return Client(url, outbox=outbox, batches=False, connections=connections, policy=policy)


def send(url: str, outbox: Path, submissions: list[Submission], connections: int = 4) -> Summary:
    """Deliver these, and what waits."""
    with alone(url, outbox, connections) as client:
        return client.send(submissions)


def test_each_verdict_settles_a_submission_as_the_model_says(tmp_path: Path) -> None:
    """200 and 202 acknowledge; 400, 401, 409 and 413 bury, with the answer kept; nothing is sent twice."""
    statuses = [200, 202, 400, 401, 409, 413]
    sent = numbered(len(statuses))
    bodies = {item.body: Answer(status) for item, status in zip(sent, statuses, strict=True)}
    with serving(lambda post, _: bodies[post.body]) as peer:
        summary = send(peer.url, tmp_path, sent)
    assert summary == Summary(queued=6, acknowledged=Counter({200: 1, 202: 1}), dead=4, retries=0)
    assert sorted(post.body for post in peer.seen) == sorted(bodies)
    with Outbox(tmp_path) as outbox:
        assert outbox.pending == ()
        assert {letter.submission: letter.response for letter in outbox.dead} == {
            item: reply(item, status) for item, status in zip(sent[2:], statuses[2:], strict=True)
        }


def test_a_captive_portal_acknowledges_nothing(tmp_path: Path) -> None:
    """Its page under 200 is no outcome of any record: all twenty wait, and are delivered when it is gone (OUT-6)."""
    with serving(lambda *_: Answer(200, body=b"<html>Please log in</html>")) as portal:
        assert send(portal.url, tmp_path, numbered(20)).pending == 20
    with serving(lambda *_: OK) as peer:
        assert send(peer.url, tmp_path, []).acknowledged == {200: 20}


def test_trouble_is_retried_until_it_is_over(tmp_path: Path) -> None:
    """503, a dropped connection, 429 and 500, then 200: five posts of the same bytes to the service's path, four retries."""
    trouble: list[Answer | None] = [Answer(503, (("Retry-After", "0"),)), None, Answer(429), Answer(500), OK]
    with serving(lambda _, before: trouble[before]) as peer:
        summary = send(peer.url + "/base/", tmp_path, numbered(1))
    assert summary == Summary(queued=1, acknowledged=Counter({200: 1}), dead=0, retries=4)
    assert peer.seen == [Seen("/base/v1/pcs/submit", "acme", numbered(1)[0].body)] * 5


def test_a_pause_is_as_long_as_the_service_asks(tmp_path: Path) -> None:
    """`Retry-After: 30` is thirty seconds at least."""
    waits: list[float] = []

    async def sleep(seconds: float, _: Submission) -> None:
        waits.append(seconds)

    busy = Answer(503, (("Retry-After", "30"),))
    with (
        serving(lambda _, before: busy if before == 0 else OK) as peer,
        Client(peer.url, outbox=tmp_path, policy=PROMPT, sleep=sleep) as client,
    ):
        client.send(numbered(1))
    (wait,) = waits
    assert 30 <= wait <= 30 + PROMPT.max_delay_seconds


def test_as_many_submissions_are_in_flight_as_there_are_connections(tmp_path: Path) -> None:
    """The service answers only once all eight are there."""
    together = threading.Barrier(WORKERS, timeout=30)

    def script(_post: Seen, _before: int) -> Answer:
        together.wait()
        return OK

    with serving(script) as peer:
        summary = send(peer.url, tmp_path, numbered(3 * WORKERS), WORKERS)
    assert summary.acknowledged == {200: 3 * WORKERS}


def test_one_submission_that_gets_no_verdict_does_not_stop_the_others(tmp_path: Path) -> None:
    """The service fails on it each time; all others are acknowledged and it waits."""
    unlucky = numbered(30)[7].body
    with serving(lambda post, _: Answer(500 if post.body == unlucky else 200)) as peer:
        summary = send(peer.url, tmp_path, numbered(30), 2)
    assert (summary.acknowledged, summary.pending) == ({200: 29}, 1)
    with Outbox(tmp_path) as outbox:
        assert [item.submission.body for item in outbox.pending] == [unlucky]


def posted(posts: Callable[[Posting], Coroutine[object, object, R]]) -> R:
    """What posting over one connection comes to; nobody waits for more than a minute for what never comes."""
    with serving(lambda *_: OK) as peer:

        async def run() -> R:
            posting = Posting(peer.url, 10.0, 1, Trust(), None, batches=False)
            try:
                return await asyncio.wait_for(posts(posting), 60)
            finally:
                await posting.close()

        return asyncio.run(run())


def test_who_posts_when_an_answer_comes_does_not_wait_for_a_connection_that_rests() -> None:
    """At once, before the loop does anything else: the connection is free as soon as nothing is due (OUT-2)."""

    async def one_after_the_other(posting: Posting) -> list[Response | None]:
        return [await posting.post(item) for item in numbered(3)]

    assert [answer and answer.status for answer in posted(one_after_the_other)] == [200, 200, 200]


def test_who_posts_when_all_is_closed_gets_no_answer() -> None:
    """Nor do those who wait for a connection then."""

    async def closed(posting: Posting) -> list[Response | None]:
        waiting = [asyncio.create_task(posting.post(item)) for item in numbered(3)]
        await asyncio.sleep(0)
        await posting.close()
        return [*(await asyncio.gather(*waiting)), await posting.post(numbered(1)[0])]

    assert posted(closed) == [None] * 4


def test_what_nobody_expected_ends_one_post_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in what makes a request: who waits for that gets no answer, and the next are posted."""
    broken = iter([True])
    make = Posting._single

    async def single(self: Posting, due: _Due) -> Response | None:
        if next(broken, False):
            raise LookupError("a defect")
        return await make(self, due)

    monkeypatch.setattr(Posting, "_single", single)

    async def together(posting: Posting) -> list[Response | None]:
        return await asyncio.gather(*map(posting.post, numbered(3)))

    assert [answer and answer.status for answer in posted(together)] == [None, 200, 200]


def test_connections_that_are_closed_after_each_answer_lose_nothing(tmp_path: Path) -> None:
    """Without a word; a post that meets the close is made again."""
    with serving(lambda *_: Answer(200, hangs_up=True)) as peer:
        summary = send(peer.url, tmp_path, numbered(3), 1)
    assert (summary.acknowledged, summary.pending) == ({200: 3}, 0)
    assert peer.connections >= 3


def test_an_answer_that_comes_too_late_is_never_taken_for_that_to_another_post(tmp_path: Path) -> None:
    """After a timeout the next post goes over a new connection, and gets its own answer."""
    release, first = threading.Event(), numbered(1)[0].body

    def script(post: Seen, before: int) -> Answer:
        if post.body == first and before == 0:
            release.wait()
            return Answer(409)
        release.set()
        return OK

    impatient = Policy(max_attempts=2, base_delay_seconds=0.001, max_delay_seconds=0.004, timeout_seconds=0.3)
    with serving(script) as peer, alone(peer.url, tmp_path, 1, impatient) as client:
        assert client.send(numbered(3)) == Summary(queued=3, acknowledged=Counter({200: 3}), retries=1)


def test_an_answer_without_end_is_not_waited_for(tmp_path: Path) -> None:
    """No more of it is read than an answer of the service may have, and it is none: the post is made again."""
    long = Answer(200, body=b"x" * (1 << 20))
    with serving(lambda _, before: long if before == 0 else OK) as peer:
        assert send(peer.url, tmp_path, numbered(1), 1).retries == 1


def test_what_is_signed_already_is_sent_as_it_is(tmp_path: Path) -> None:
    """By a client without keys, which signs nothing, and by one with keys, among records; of whatever tenant."""
    foreign = submission(pcs(epoch=1), tenant="other")
    with serving(lambda *_: OK) as peer:
        with Client(peer.url, outbox=tmp_path / "a") as client:
            assert client.submit(foreign).response == reply(foreign, 200)
            with pytest.raises(UnusableInput, match="without keys"):
                client.submit(pcs())
            with pytest.raises(UnusableInput, match="without keys"):
                client.send([foreign, pcs()])
            assert client.flush().queued == 0
        with Client(peer.url, "acme", keys=KEY, outbox=tmp_path / "b", batches=False) as client:
            assert client.send([foreign, pcs(epoch=2)]).acknowledged == {200: 2}
    assert {(post.tenant, decode(post.body).epoch) for post in peer.seen} == {("other", 1), ("acme", 2)}


def test_a_slow_source_is_delivered_as_it_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What took too long to come does not wait for a chunk to be full: the second is asked for when the first has come in."""
    monkeypatch.setattr(asynchronous, "CHUNK_SECONDS", 0.0)
    came = threading.Event()

    def script(_post: Seen, _before: int) -> Answer:
        came.set()
        return OK

    def given() -> Iterator[Submission]:
        first, second = numbered(2)
        yield first
        assert came.wait(30)
        yield second

    with serving(script) as peer, alone(peer.url, tmp_path) as client:
        assert client.send(given()).acknowledged == {200: 2}


@pytest.mark.parametrize(
    "deliver", [lambda client: client.submit(numbered(1)[0]), lambda client: client.send(numbered(1))]
)
def test_who_is_interrupted_leaves_nothing_behind(tmp_path: Path, deliver: Callable[[Client], object]) -> None:
    """Ctrl-C while a submission waits out an hour: its task ends at once, so closing waits for nothing."""
    waits, ended, main = threading.Event(), threading.Event(), threading.get_ident()

    async def sleep(_seconds: float, _submission: Submission) -> None:
        waits.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    def interrupt() -> None:
        waits.wait()
        signal.pthread_kill(main, signal.SIGINT)

    with (
        serving(lambda *_: Answer(503, (("Retry-After", "3600"),))) as peer,
        Client(peer.url, outbox=tmp_path, policy=PROMPT, sleep=sleep) as client,
    ):
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            deliver(client)
        assert ended.wait(10)
        assert client.pending == 1
