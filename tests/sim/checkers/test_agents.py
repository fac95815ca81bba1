"""Every invariant of the agents can fail: a mistake is planted for each, and seen."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.support.sim.drills import drill, records, rehearse

from flk.model.effects import OUTBOX, Append, Draw, Post, Program, Sleep
from flk.model.flow.outbox import ACKNOWLEDGED, QUEUED, Contents, Queued
from flk.model.flow.submission import Submission
from flk.model.log.hlc import Timestamp
from flk.model.programs import outbox
from flk.model.programs.outbox import Delivery
from flk.sim.checkers import agents
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import AgentCrash, Fault, Gateway, Malformation, StoreOutage
from flk.spec.constants import Outbox
from flk.spec.verdict import Verdict

CRASH = AgentCrash(id="crash", start=Seconds(30), duration=Seconds(8), offset=Seconds(-60))
BUSY = Gateway(id="quota", region="eu", start=Seconds(10), duration=Seconds(8), status=429, retry_after=Seconds(3))
AWAY = StoreOutage(id="away", region="us", start=Seconds(20), duration=Seconds(15))
Deliver = Callable[[Queued, Outbox], Program[Delivery]]


def broken(run: Run) -> set[str]:
    """The invariants that a run violates."""
    return {row.invariant for row in run.results if row.verdict is Verdict.VIOLATED}


def play(*faults: Fault, **programs: Any) -> set[str]:
    """What a run with other programs of the agents violates."""
    return broken(rehearse(drill(*faults), records(100), programs=MODEL._replace(**programs)))


def paced(wait: Callable[[float, float, float], float]) -> Deliver:
    """Delivery that waits `wait(asked, draw, ceiling)` between two attempts."""

    def deliver(item: Queued, policy: Outbox) -> Program[Delivery]:
        for attempt in range(1, policy.max_attempts + 1):
            response = yield from Post(item.submission)
            if response is not None and response.status in {200, 202}:
                yield from Append(OUTBOX, ACKNOWLEDGED + int(item.id).to_bytes(8, "little"))
                return Delivery.ACKNOWLEDGED
            asked = (response.retry_after or 0.0) if response is not None else 0.0
            ceiling = min(policy.max_delay_seconds, policy.base_delay_seconds * 2 ** (attempt - 1))
            yield from Sleep(wait(asked, (yield from Draw()), ceiling))
        return Delivery.POSTPONED

    return deliver


def test_the_models_programs_break_nothing() -> None:
    """Under all these faults the agents keep their contract."""
    assert play(CRASH, BUSY, AWAY) == set()


def test_what_is_sent_before_it_is_durable_is_seen() -> None:
    """An agent that keeps what it is given in memory (OUT-1)."""

    def forgetful(submission: Submission) -> Program[Queued]:
        yield from Draw()
        return Queued(Timestamp(1), submission)

    assert Invariant.SENT_DURABLE in play(queue=forgetful)


def test_what_is_sent_otherwise_than_it_was_written_is_seen() -> None:
    """An agent that changes what it sends after it wrote it down (OUT-1)."""

    def another(item: Queued, policy: Outbox) -> Program[Delivery]:
        changed = Submission(item.submission.tenant, item.submission.body + b" ")
        return (yield from MODEL.deliver(Queued(item.id, changed), policy))

    assert Invariant.SENT_DURABLE in play(deliver=another)


def test_giving_up_after_silence_is_seen() -> None:
    """At most once: an agent that leaves its round at the first failure (OUT-2)."""

    def once(item: Queued, policy: Outbox) -> Program[Delivery]:
        response = yield from Post(item.submission)
        if response is not None and response.status in {200, 202}:
            yield from Append(OUTBOX, ACKNOWLEDGED + int(item.id).to_bytes(8, "little"))
            return Delivery.ACKNOWLEDGED
        return Delivery.POSTPONED

    assert Invariant.SENT_AGAIN in play(BUSY, deliver=once)


def test_a_pause_shorter_than_asked_is_seen() -> None:
    """An agent that does not look at Retry-After (OUT-4)."""
    assert Invariant.PATIENT in play(BUSY, deliver=paced(lambda _, draw, ceiling: draw * ceiling))


def test_a_pause_longer_than_the_ceiling_is_seen() -> None:
    """An agent that doubles once too often (OUT-3)."""
    assert Invariant.SENT_AGAIN in play(BUSY, deliver=paced(lambda asked, draw, ceiling: asked + 3 * ceiling))


@pytest.mark.parametrize("spread", [lambda draw: 1.0, lambda draw: 0.0, lambda draw: 0.5 + draw / 2])
def test_jitter_that_is_not_full_is_seen(spread: Callable[[float], float]) -> None:
    """No jitter, and the upper half only (OUT-3)."""
    found = play(BUSY, AWAY, deliver=paced(lambda asked, draw, ceiling: asked + spread(draw) * ceiling))
    assert Invariant.JITTER in found


def test_an_attempt_too_many_is_seen() -> None:
    """Rounds of six attempts where the policy has five (OUT-2)."""

    def eager(item: Queued, policy: Outbox) -> Program[Delivery]:
        more = Outbox(policy.max_attempts + 1, *(getattr(policy, name) for name in policy.__struct_fields__[1:]))
        return (yield from MODEL.deliver(item, more))

    long = Gateway(id="quota", region="eu", start=Seconds(10), duration=Seconds(60), status=503)
    assert Invariant.PATIENT in play(long, deliver=eager)


def test_an_acknowledgement_of_nothing_is_seen() -> None:
    """An agent that takes any answer for a good one (OUT-2)."""

    def trusting(item: Queued, policy: Outbox) -> Program[Delivery]:
        del policy
        yield from Post(item.submission)
        yield from Append(OUTBOX, ACKNOWLEDGED + int(item.id).to_bytes(8, "little"))
        return Delivery.ACKNOWLEDGED

    assert Invariant.SETTLED in play(BUSY, deliver=trusting)


PORTAL = Gateway(id="portal", region="eu", start=Seconds(10), duration=Seconds(8), status=200)


def test_an_acknowledgement_by_a_portal_is_seen() -> None:
    """An agent that takes any 200 for the outcome of its record (OUT-6)."""
    assert play(PORTAL) == set()
    assert Invariant.SETTLED in play(PORTAL, deliver=paced(lambda asked, draw, ceiling: asked + draw * ceiling))


def test_a_wait_without_bound_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that waits as long as a proxy asks it to; here no more than two seconds of that count (OUT-4)."""
    monkeypatch.setattr(outbox, "MOST_ASKED", 2.0)
    monkeypatch.setattr(agents, "_MOST_ASKED", 2.0)
    asks = msgspec.structs.replace(PORTAL, status=503, retry_after=Seconds(604800))
    assert play(asks) == set()
    assert Invariant.SENT_AGAIN in play(asks, deliver=paced(lambda asked, draw, ceiling: asked + draw * ceiling))


def test_a_second_dead_letter_is_seen() -> None:
    """An agent that writes the letter and leaves the record queued (OUT-5)."""
    refusing = Malformation(id="wrong", start=Seconds(10), duration=Seconds(8), share=0.5)

    def twice(item: Queued, policy: Outbox) -> Program[Delivery]:
        delivery = yield from MODEL.deliver(item, policy)
        return Delivery.POSTPONED if delivery is Delivery.DEAD else delivery

    assert Invariant.SENT_NO_MORE in play(refusing, deliver=twice)


def test_an_outbox_that_is_not_read_is_seen() -> None:
    """A restarted agent that begins with nothing loses what was queued (OUT-2)."""

    def empty() -> Program[Contents]:
        yield from Draw()
        return Contents((), (), (), 0, 0)

    assert Invariant.SENT_AGAIN in play(CRASH, AWAY, open_outbox=empty)


def test_an_identity_that_is_used_again_is_seen() -> None:
    """A restarted agent whose clock does not go on after its log (HLC-4)."""

    def timeless() -> Program[Contents]:
        opened: Contents = yield from without_the_clock()
        return opened

    def without_the_clock() -> Program[Contents]:
        program = MODEL.open_outbox()
        result = None
        while True:
            try:
                effect = program.send(result)
            except StopIteration as stop:
                found: Contents = stop.value
                return found
            if type(effect).__name__ == "Resume":
                result = None
            else:
                result = yield effect

    assert Invariant.OUTBOX_KEPT in play(CRASH, open_outbox=timeless)


def test_a_submission_that_is_queued_twice_is_seen() -> None:
    """An agent that writes everything down twice: the second is nobody's."""

    def double(submission: Submission) -> Program[Queued]:
        yield from Append(OUTBOX, QUEUED + submission.payload())
        return (yield from MODEL.queue(submission))

    assert Invariant.SENT_DURABLE in play(queue=double)


def test_the_programs_of_agents_can_be_replaced() -> None:
    """They are programs like those of nodes."""
    assert Programs().deliver is outbox.deliver
