"""Runs of the model's programs in simulated time."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.effort import few
from tests.support.model.world import EQUIVOCATING, ESCALATED, FORGED, HONEST, KEYRING, MALFORMED, OTHER_TENANT
from tests.support.sim.drills import BRISK, REGIONS, drill, records, rehearse, verdicts
from tests.support.sim.strategies import schedules

from flk.model.entries.entry import Key
from flk.model.flow.submission import Submission
from flk.sim.checkers.invariants import Invariant
from flk.sim.outcome import Run
from flk.sim.run_loop import Progress
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    ClockSkew,
    Disk,
    Fault,
    Loss,
    ObjectStoreOutage,
    Partition,
    RegionCrash,
    StoreOutage,
)
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.topology import Network
from flk.sim.scenarios.topology import Path as Link
from flk.sim.scenarios.validation import validation_errors
from flk.sim.simulate import simulate
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

SLOW_DISK = Policy(
    ship_interval=Seconds(5), replay_interval=Seconds(5), fsync=Seconds(0.5), service=Seconds(0.2), merge=Seconds(0.02)
)
CRASH = RegionCrash(id="crash", start=Seconds(30), duration=Seconds(40), region="us")
BURNT = RegionCrash(id="burnt", start=Seconds(30), duration=Seconds(40), region="us", disk=Disk.LOST)


def outcome(run: Run) -> dict[Key, tuple[str, str]]:
    """What is stored, without when and where it was logged, which a variant of the run may change."""
    return {key: (entry.digest, entry.outcome.reason) for key, entry in run.entries["eu"].items()}


@pytest.mark.slow
@given(schedules(skew=False), st.integers(0, 1000), st.sampled_from([BRISK, SLOW_DISK]), st.sampled_from([0.0, 0.02]))
@settings(max_examples=few(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_fault_breaks_an_invariant(faults: tuple[Fault, ...], seed: int, policy: Policy, loss: float) -> None:
    """Whatever goes wrong, and whenever: no invariant is violated, by honest records or by others."""
    network = Network(default=Link(delay=Seconds(0.04), jitter=Seconds(0.02), loss=loss, duplication=loss))
    scenario = drill(*faults, policy=policy, network=network)
    if any(validation_errors(scenario)):
        return
    mixed = [*records(60), FORGED, MALFORMED, HONEST, ESCALATED, EQUIVOCATING, OTHER_TENANT, *records(120)[60:]]
    run = rehearse(scenario, mixed, seed=seed)
    assert not [row.examples for row in run.results if row.verdict is Verdict.VIOLATED]


def test_a_calm_run_delivers_everything_everywhere() -> None:
    """Without faults everything is acknowledged at the first try, and every region stores the same."""
    run = rehearse(drill())
    assert run.verdict is Verdict.HOLDS
    assert run.measures.counts.acknowledged == run.measures.counts.offered > 80
    assert run.measures.counts.retries == 0
    assert run.measures.statuses == {200: run.measures.counts.offered}
    assert run.entries["eu"] == run.entries["us"] == run.entries["ap"]
    assert len(run.entries["eu"]) == run.measures.counts.offered - run.measures.counts.repeated
    unasked = [row.invariant for row in run.results if not row.checks]
    assert unasked == [Invariant.DOUBTED, Invariant.JITTER]  # no clock is off, and nobody has to wait


def test_refusals_reach_the_agent_and_leave_nothing_behind() -> None:
    """400, 401 and 409 are final answers, escalations are 202, and another tenant's record is another record."""
    given_ = [HONEST, MALFORMED, FORGED, ESCALATED, EQUIVOCATING, OTHER_TENANT]
    run = rehearse(drill(duplicates=0.0), [*given_, *records(3)])
    final = {delivered.submission: delivered.response for delivered in run.deliveries}
    statuses = [response.status for response in (final[index] for index in range(6)) if response]
    assert statuses == [200, 400, 401, 202, 409, 200]
    assert {key.tenant for key in run.entries["us"]} == {"default", "other"}
    assert not verdicts(run)


def test_a_region_comes_back_from_a_crash_with_all_it_had() -> None:
    """With its disk kept, nothing is lost, its agents are served elsewhere meanwhile, and in the end all regions agree."""
    run = rehearse(drill(CRASH))
    counts = run.measures.counts
    assert not verdicts(run)
    assert counts.lost == 0
    assert counts.acknowledged == counts.offered
    assert counts.moves >= 4
    recovery = run.measures.recoveries[0]
    assert recovery.agents == 2
    assert 20 < recovery.detect < 35
    assert recovery.rto == pytest.approx(recovery.detect + recovery.redirect + recovery.answer)
    assert 0 < recovery.recover < 5
    assert 0 <= recovery.catch_up < 30
    assert run.entries["us"] == run.entries["eu"]


def test_a_lost_disk_loses_what_only_it_had_and_that_is_measured() -> None:
    """What was acknowledged and not uploaded is gone: the loss is counted, not called a violation."""
    slow = Policy(ship_interval=Seconds(25), replay_interval=Seconds(5))
    run = rehearse(drill(BURNT, rate=5.0, policy=slow, duplicates=0.0))
    loss = run.measures.losses[0]
    assert loss.records > 0
    assert 0 < loss.seconds < 30
    assert loss.size > 500 * loss.records
    assert run.measures.counts.lost == loss.records
    stored = run.measures.counts.offered - loss.records
    assert not verdicts(run)
    assert {len(entries) for entries in run.entries.values()} == {stored}


def test_a_kept_disk_loses_nothing_of_the_same() -> None:
    """The same crash with the disk kept puts the same records at risk and loses none."""
    slow = Policy(ship_interval=Seconds(25), replay_interval=Seconds(5))
    kept = rehearse(drill(CRASH, rate=5.0, policy=slow, duplicates=0.0))
    burnt = rehearse(drill(BURNT, rate=5.0, policy=slow, duplicates=0.0))
    assert kept.measures.losses[0].records == burnt.measures.losses[0].records > 0
    assert kept.measures.counts.lost == 0
    assert len(kept.entries["eu"]) == kept.measures.counts.offered


@pytest.mark.slow
def test_a_crash_may_tear_what_was_being_written() -> None:
    """Of the bytes being synchronised any first part may survive: a torn frame is cut off, nothing acknowledged is lost."""
    told = []
    for seed in range(6):
        run = rehearse(drill(CRASH, rate=8.0, policy=SLOW_DISK), records(500), seed=seed)
        assert not verdicts(run)
        told += [moment.what for moment in run.timeline if moment.where == "us"]
    assert any("torn bytes cut off" in what for what in told)


@pytest.mark.slow
def test_recovery_waits_for_what_is_in_flight() -> None:
    """Stores that fail for moments under load: what was under way is in the log before it is replayed, or not at all (ORD-4)."""
    hiccups = [
        StoreOutage(id=f"{region}{at}", start=Seconds(at + 0.5), duration=Seconds(0.4), region=region)
        for at in range(5, 60, 3)
        for region in REGIONS
    ]
    policy = msgspec.structs.replace(BRISK, fsync=Seconds(0.5), service=Seconds(0.05), merge=Seconds(0.05))
    run = rehearse(drill(*hiccups, rate=20.0, policy=policy, duplicates=0.0, duration=400), records(1500))
    assert run.measures.statuses[503] > 50
    assert not verdicts(run)


def test_outcomes_do_not_depend_on_the_faults() -> None:
    """A partition, a crash and a store outage change when records are stored, not what is stored (JDG-5)."""
    faults = (
        Partition(id="cut", start=Seconds(5), duration=Seconds(20), sides=(("eu",), ("us", "ap", "objects"))),
        StoreOutage(id="store", start=Seconds(30), duration=Seconds(10), region="eu"),
        RegionCrash(id="crash", start=Seconds(45), duration=Seconds(20), region="ap"),
    )
    troubled, calm = rehearse(drill(*faults)), rehearse(drill())
    assert not verdicts(troubled)
    assert outcome(troubled) == outcome(calm)


def test_an_unavailable_store_is_503_and_the_log_keeps_the_record() -> None:
    """While the store is out, answers are 503; afterwards the log is replayed and nothing is missing (ORD-4)."""
    outage = StoreOutage(id="store", start=Seconds(20), duration=Seconds(15), region="eu")
    run = rehearse(drill(outage))
    assert run.measures.statuses[503] > 0
    assert run.measures.counts.acknowledged == run.measures.counts.offered
    assert not verdicts(run)
    assert "of its log replayed" in " ".join(moment.what for moment in run.timeline)


def test_overlapping_outages_last_until_the_last_one_ends() -> None:
    """Two outages of one store, one inside the other, are as long as the longer one; so are two of the object store."""
    long = StoreOutage(id="long", start=Seconds(20), duration=Seconds(20), region="eu")
    inner = StoreOutage(id="inner", start=Seconds(25), duration=Seconds(5), region="eu")
    far = ObjectStoreOutage(id="far", start=Seconds(20), duration=Seconds(30))
    near = ObjectStoreOutage(id="near", start=Seconds(25), duration=Seconds(5))
    assert rehearse(drill(long, inner)).deliveries == rehearse(drill(long)).deliveries
    assert rehearse(drill(far, near)).measures.lags[0].summary == rehearse(drill(far)).measures.lags[0].summary


def test_agents_cut_off_from_their_region_go_elsewhere_and_return() -> None:
    """A partition between a region and its agents moves them; when it heals they go home."""
    cut = Partition(id="cut", start=Seconds(10), duration=Seconds(60), sides=(("eu",), ("clients",)))
    run = rehearse(drill(cut))
    moves = [moment.what for moment in run.timeline if "moved" in moment.what]
    assert "2 agents moved to us" in moves
    assert "2 agents moved to eu" in moves
    assert run.measures.counts.acknowledged == run.measures.counts.offered
    assert not verdicts(run)


def test_a_region_cut_off_from_the_object_store_lags_until_it_heals() -> None:
    """Lag grows for as long as a partition from the object store holds, in both directions, and falls afterwards."""
    cut = Partition(id="cut", start=Seconds(10), duration=Seconds(40), sides=(("eu",), ("objects",)))
    run = rehearse(drill(cut))
    for lag in run.measures.lags:
        touched = "eu" in {lag.source, lag.target}
        assert (lag.summary.most > 35) == touched
        assert lag.age[-1] == 0
    assert not verdicts(run)


@pytest.mark.parametrize("offset", [-40.0, 40.0])
def test_a_skewed_clock_is_followed(offset: float) -> None:
    """A clock that is off, within the allowed skew, breaks no order: timestamps follow what has been seen (HLC-2)."""
    skew = ClockSkew(id="skew", start=Seconds(20), duration=Seconds(60), region="us", offset=Seconds(offset))
    run = rehearse(drill(skew))
    assert not verdicts(run)
    assert run.entries["us"] == run.entries["eu"]


def test_an_object_store_outage_delays_replication() -> None:
    """Nothing ships while the object store refuses; afterwards all of it does."""
    outage = ObjectStoreOutage(id="objects", start=Seconds(10), duration=Seconds(60))
    run = rehearse(drill(outage))
    assert min(lag.summary.most for lag in run.measures.lags) > 55
    assert not verdicts(run)


def test_lost_messages_are_sent_again() -> None:
    """With every fifth message lost, attempts repeat, duplicates get the stored outcome, and all arrives."""
    loss = Loss(id="loss", start=Seconds(5), duration=Seconds(50), sides=(("clients",), REGIONS), share=0.2)
    run = rehearse(drill(loss, duration=400))
    counts = run.measures.counts
    assert counts.retries > 10
    assert run.measures.statuses[0] >= counts.retries
    assert counts.acknowledged == counts.offered
    assert not verdicts(run)


def test_a_run_that_ends_too_early_is_undecided() -> None:
    """Without time to come to rest, convergence and the final outcomes stay open, and so does the run."""
    run = rehearse(drill(duration=60, until=60))
    assert verdicts(run) == dict.fromkeys((Invariant.CONVERGENCE, Invariant.FOLD), Verdict.UNDECIDED)
    assert run.verdict is Verdict.UNDECIDED


def test_a_single_region_needs_no_other() -> None:
    """A scenario of one region runs; it has no lag."""
    alone = drill()
    workload = msgspec.structs.replace(alone.workload, agents={"eu": 2})
    run = rehearse(msgspec.structs.replace(alone, regions=("eu",), workload=workload))
    assert not verdicts(run)
    assert run.measures.lags == ()
    assert len(run.entries["eu"]) > 50


def test_progress_is_told() -> None:
    """Progress is monotone and ends at the end of the run."""
    told: list[Progress] = []
    simulate(drill(), records(200), KEYRING, on_progress=told.append)
    assert told == sorted(told)
    assert told[-1].now == told[-1].duration == 180
    assert told[-1].attempts > 80


def test_a_tenant_that_no_log_can_name_is_told() -> None:
    """An agent cannot queue such a submission, so the run does not begin."""
    with pytest.raises(UnusableInput, match="record 2: a tenant matches"):
        simulate(drill(), [HONEST, Submission("no such tenant!", HONEST.body)], KEYRING)


def test_nothing_to_submit_is_told() -> None:
    """A scenario without records is unusable input."""
    with pytest.raises(UnusableInput, match="there are no records to submit"):
        simulate(drill(), [], KEYRING)
