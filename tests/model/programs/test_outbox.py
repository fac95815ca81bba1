"""At-least-once delivery: pauses, verdicts, dead letters."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.world import HONEST, World

from flk.model.flow.submission import Response, Submission
from flk.model.programs.outbox import POLICY, Delivery, deliver, open_outbox, pause, queue

ATTEMPTS = st.integers(1, 40)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(ATTEMPTS, CHANCES, st.none() | st.floats(0, 3600))
def test_a_pause_is_jitter_under_a_doubling_ceiling_and_never_less_than_was_asked(
    attempt: int, chance: float, asked: float | None
) -> None:
    """Between `Retry-After` and `Retry-After` plus the capped ceiling (OUT-3, OUT-4)."""
    seconds = pause(attempt, chance, Response(503, b"", asked))
    ceiling = min(POLICY.max_delay_seconds, POLICY.base_delay_seconds * 2 ** (attempt - 1))
    assert (asked or 0) <= seconds <= (asked or 0) + ceiling


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


OK = Response(200, b"{}")
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
    refusal = Response(status, b'{"error":"no"}')
    world, seen = service(refusal)
    item = world.run("agent", queue(HONEST))
    assert world.run("agent", deliver(item)) is Delivery.DEAD
    found = world.run("agent", open_outbox())
    assert not found.pending
    assert [(letter.submission, letter.response) for letter in found.dead] == [(HONEST, refusal)]
    assert len(seen) == 1


@pytest.mark.parametrize("status", [404, 405, 500, 502, 504])
def test_what_says_nothing_about_the_record_makes_no_dead_letter(status: int) -> None:
    """A wrong URL or a broken proxy must not empty the outbox into the dead letters."""
    world, _ = service(*[Response(status, b"")] * POLICY.max_attempts)
    item = world.run("agent", queue(HONEST))
    assert world.run("agent", deliver(item)) is Delivery.POSTPONED
