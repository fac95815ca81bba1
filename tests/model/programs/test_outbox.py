"""At-least-once delivery: pauses, verdicts, dead letters."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.replies import reply
from tests.support.model.world import EQUIVOCATING, HONEST, World, pcs, submission

from flk.model.flow.submission import Response, Submission
from flk.model.programs.outbox import (
    MOST_ASKED,
    POLICY,
    Delivery,
    begin_source,
    deliver,
    end_source,
    open_outbox,
    pause,
    queue,
)

ATTEMPTS = st.integers(1, 40)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(ATTEMPTS, CHANCES, st.none() | st.floats(0, allow_nan=False))
def test_a_pause_is_jitter_under_a_doubling_ceiling_and_never_less_than_was_asked(
    attempt: int, chance: float, asked: float | None
) -> None:
    """Between `Retry-After`, of which no more counts than the bound, and that plus the capped ceiling (OUT-3, OUT-4)."""
    seconds = pause(attempt, chance, Response(503, b"", asked))
    ceiling = min(POLICY.max_delay_seconds, POLICY.base_delay_seconds * 2 ** (attempt - 1))
    bounded = min(asked or 0, MOST_ASKED)
    assert bounded <= seconds <= bounded + ceiling


def test_a_pause_is_bounded_however_many_attempts_failed() -> None:
    """The ceiling is reached long before 2^(n-1) leaves binary64, and stays (OUT-3)."""
    assert [pause(attempt, 0.5, None) for attempt in (7, 1024, 1025, 10**9)] == [POLICY.max_delay_seconds / 2] * 4


def test_the_jitter_is_full() -> None:
    """The smallest chance pauses not at all, a large one nearly the whole ceiling."""
    assert pause(3, 0.0, None) == 0
    assert pause(3, 0.999, None) == pytest.approx(4 * POLICY.base_delay_seconds, rel=0.01)


def service(*answers: Response | None) -> tuple[World, list[Submission]]:
    """An agent whose service gives these answers in turn, and what the service has seen."""
    seen: list[Submission] = []
    script: Iterator[Response | None] = iter(answers)

    def answer(sent: Submission) -> Response | None:
        seen.append(sent)
        return next(script)

    return World("agent", service=answer), seen


OK = reply(HONEST, 200)
BUSY = Response(429, b"{}", 10.0)


def test_silence_and_overload_are_retried_until_a_verdict() -> None:
    """No answer, 503, 429, then 200: four posts of the same bytes, and the pauses honour `Retry-After`."""
    world, seen = service(None, Response(503, b"{}", 1.0), BUSY, OK)
    item = world.run("agent", queue(HONEST))
    assert world.run("agent", deliver(item)) is Delivery.ACKNOWLEDGED
    assert seen == [HONEST] * 4
    assert world.nodes["agent"].slept >= 11.0
    assert not world.run("agent", open_outbox()).pending


def test_exhausted_attempts_leave_the_submission_queued() -> None:
    """Nobody refused it, so it stays queued: the next round tries again (OUT-2)."""
    world, seen = service(*[None] * POLICY.max_attempts, OK)
    item = world.run("agent", queue(HONEST))
    assert world.run("agent", deliver(item)) is Delivery.POSTPONED
    assert world.run("agent", open_outbox()).pending == (item,)
    assert world.run("agent", deliver(item)) is Delivery.ACKNOWLEDGED
    assert len(seen) == POLICY.max_attempts + 1


@pytest.mark.parametrize("status", [400, 401, 409, 413])
def test_a_refusal_for_good_is_one_dead_letter_after_one_post(status: int) -> None:
    """No repetition changes such a verdict, so there is none (OUT-5)."""
    refusal = reply(HONEST, status)
    world, seen = service(refusal)
    item = world.run("agent", queue(HONEST))
    assert world.run("agent", deliver(item)) is Delivery.DEAD
    found = world.run("agent", open_outbox())
    assert not found.pending
    assert [(letter.submission, letter.response) for letter in found.dead] == [(HONEST, refusal)]
    assert len(seen) == 1


PAGES = st.sampled_from([b"", b"<html>Please log in</html>", b"{}", b"null", b"[]", b'{"error":"no"}', b"\xff"])
OF_ANOTHER = reply(submission(pcs(epoch=9)), 200).body


@given(st.sampled_from([200, 202, 400, 401, 409, 413]), PAGES | st.just(OF_ANOTHER))
def test_what_is_not_about_this_record_settles_nothing(status: int, page: bytes) -> None:
    """A captive portal's page, under whatever status, and the outcome of another record: it stays queued (OUT-6)."""
    world, seen = service(*[Response(status, page)] * POLICY.max_attempts, OK)
    item = world.run("agent", queue(HONEST))
    assert world.run("agent", deliver(item)) is Delivery.POSTPONED
    assert world.run("agent", deliver(item)) is Delivery.ACKNOWLEDGED
    assert len(seen) == POLICY.max_attempts + 1


def test_what_contradicts_itself_settles_nothing() -> None:
    """409 with the outcome of just this content, 200 with that of another content under the id (OUT-6)."""
    same, other = Response(409, reply(HONEST, 200).body), Response(200, reply(EQUIVOCATING, 200).body)
    world, _ = service(same, other, OK)
    item = world.run("agent", queue(HONEST))
    assert world.run("agent", deliver(item)) is Delivery.ACKNOWLEDGED


@pytest.mark.parametrize("status", [404, 405, 500, 502, 504])
def test_what_says_nothing_about_the_record_makes_no_dead_letter(status: int) -> None:
    """A wrong URL or a broken proxy must not empty the outbox into the dead letters."""
    world, _ = service(*[Response(status, b"")] * POLICY.max_attempts)
    item = world.run("agent", queue(HONEST))
    assert world.run("agent", deliver(item)) is Delivery.POSTPONED


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans()), max_size=6))
def test_of_a_source_that_was_cut_off_as_much_was_queued_as_is_said(reads: list[tuple[str, int, bool]]) -> None:
    """Sources are read one after the other, some to their ends, some again: what counts is the last time (OUT-7)."""
    world, _ = service()
    expected: dict[str, int] = {}
    for source, submissions, whole in reads:
        world.run("agent", begin_source(source))
        for _ in range(submissions):
            world.run("agent", queue(HONEST))
        expected[source] = submissions
        if whole:
            world.run("agent", end_source(source))
            del expected[source]
    found = world.run("agent", open_outbox()).unfinished
    assert {each.source: each.queued for each in found} == expected
