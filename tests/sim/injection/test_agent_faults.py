"""Faults of the agents and of what stands before a region: they do what they say, and the agents' programs survive them."""

import pytest
from tests.support.sim.drills import BRISK, drill, records, rehearse, verdicts

from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import AgentCrash, Fault, Gateway, Partition, SlowAgent
from flk.sim.scenarios.validation import validation_errors
from flk.spec.verdict import Verdict

LATE = Seconds(30)
CRASH = AgentCrash(id="crash", start=LATE, duration=Seconds(20))


def settled(*faults: Fault, seed: int = 1) -> Run:
    """A run of the drill that breaks nothing and leaves nothing to deliver."""
    run = rehearse(drill(*faults), seed=seed)
    assert not verdicts(run)
    assert all(delivery.settled for delivery in run.deliveries)
    return run


def statuses(run: Run) -> set[int]:
    """Every status that an attempt got, 0 for none."""
    return {int(mark.split()[1]) for mark in run.marks if mark.startswith("status ")}


def test_a_crashed_agent_goes_on_with_what_its_outbox_holds() -> None:
    """While agents are dead nothing is sent; afterwards all that was queued is delivered, and what was given meanwhile, too."""
    run = settled(CRASH)
    assert run.marks["outbox-reopened"]
    assert run.measures.counts.dead == 0
    calm = rehearse(drill())
    assert run.measures.counts.acknowledged == calm.measures.counts.acknowledged


@pytest.mark.parametrize("seed", range(6))
def test_a_crash_in_the_middle_of_a_write_is_survived(seed: int) -> None:
    """A slow disk is always writing when the process dies; whatever of the write is there, each submission is queued once."""
    slow = SlowAgent(id="slow", start=Seconds(20), duration=Seconds(30), extra=Seconds(0.5))
    settled(slow, CRASH, seed=seed)


def test_a_clock_that_is_behind_after_a_crash_reuses_no_timestamp() -> None:
    """The outbox goes on under later timestamps although the agent's clock fell back by an hour (HLC-4)."""
    settled(AgentCrash(id="crash", start=LATE, duration=Seconds(5), offset=Seconds(-3600)))


def test_only_a_share_of_the_agents_is_hit() -> None:
    """A crash of no agent is no crash."""
    none = AgentCrash(id="crash", start=LATE, duration=Seconds(20), share=0.0)
    assert not settled(none).marks["outbox-reopened"]


@pytest.mark.parametrize("status", [429, 404, 200, 202, 409, 413])
def test_what_a_gateway_says_is_no_verdict(status: int) -> None:
    """Whatever the status, a page that is about no record settles none: it is sent again until the gateway is gone (OUT-6)."""
    gateway = Gateway(id="quota", region="eu", start=LATE, duration=Seconds(10), status=status, retry_after=Seconds(2))
    run = settled(gateway)
    assert status in statuses(run)
    assert run.measures.counts.dead == 0


def test_what_a_gateway_passes_on_is_answered_as_it_is_stored() -> None:
    """The node stores what it got, its answer is lost, and the next attempt is told the stored outcome (DUP-2)."""
    gateway = Gateway(id="proxy", region="eu", start=LATE, duration=Seconds(10), status=504, passes_on=True)
    run = settled(gateway)
    assert run.measures.counts.retries > 0
    assert run.marks["duplicate"]


def test_a_dead_node_does_not_silence_its_gateway() -> None:
    """What stands before a region answers although nothing behind it can be reached."""
    cut = Partition(id="cut", start=LATE, duration=Seconds(10), sides=(("eu",), ("us", "ap", "objects")))
    assert 502 in statuses(settled(cut, Gateway(id="proxy", region="eu", start=LATE, duration=Seconds(10), status=502)))


def test_a_slow_agent_takes_longer() -> None:
    """Each record waits for the disk, to be sent and for its answer to be read."""
    slow = settled(SlowAgent(id="slow", start=Seconds(1), duration=Seconds(100), extra=Seconds(0.4)))
    calm = rehearse(drill())
    assert slow.measures.delivery.p50 > calm.measures.delivery.p50 + 0.8


def test_negative_times_are_refused() -> None:
    """An agent cannot be early, nor can it be asked to have waited."""
    slow = SlowAgent(id="slow", start=LATE, duration=Seconds(10), extra=Seconds(-1))
    asks = Gateway(id="quota", region="eu", start=LATE, duration=Seconds(10), retry_after=Seconds(-1))
    assert [error.field for error in validation_errors(drill(slow, asks))] == [
        "faults[0].extra",
        "faults[1].retry_after",
    ]


def test_the_policy_of_the_drill_is_the_default() -> None:
    """What these tests say of attempts and pauses is said of the policy that everybody gets."""
    assert BRISK.retry.max_attempts == 5
    assert rehearse(drill(), records(20)).verdict is Verdict.HOLDS
