"""Tenants, keys, forgers, equivocators, attackers and impatient agents."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from tests.support.model.world import FORGED, KEY, KEYRING, MALFORMED
from tests.support.sim.drills import BRISK, REGIONS, drill, records, verdicts
from tests.support.sim.strategies import faults as other_faults

from flk.model.entries.entry import Key, content_digest
from flk.model.flow.submission import Submission
from flk.model.record.record import decode
from flk.model.record.signing import Keyring
from flk.model.refusal import Unauthenticated
from flk.sim.checkers.invariants import Invariant
from flk.sim.clients.alterations import other_content
from flk.sim.clients.arrivals import Arrival, arrivals
from flk.sim.clients.records import HandOut, Records
from flk.sim.measures.metrics import Span, metric
from flk.sim.nodes.region import ORIGIN
from flk.sim.outcome import Run
from flk.sim.reports import report, terminal
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    ClockSkew,
    Disk,
    Equivocation,
    Fault,
    Forgery,
    KeyRotation,
    Partition,
    RegionCrash,
    ReplayAttack,
    RetryStorm,
    StoreOutage,
)
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.sim.simulate import simulate
from flk.sim.world.events import Intent
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

TWO = {"acme": 2.0, "zeta": 1.0}
CUT_OFF = Partition(id="cut", start=Seconds(15), duration=Seconds(40), sides=(("clients",), REGIONS))


def during(kind: Any, start: float = 10, duration: float = 30, **fields: object) -> Any:
    """A fault of a kind."""
    return kind(id=fields.pop("id", kind.__name__), start=Seconds(start), duration=Seconds(duration), **fields)


def shared(scenario: Scenario, tenants: dict[str, float]) -> Scenario:
    """The scenario with its agents shared out among tenants."""
    workload = msgspec.structs.replace(scenario.workload, tenants=tenants)
    return msgspec.structs.replace(scenario, workload=workload)


def rehearse(scenario: Scenario, submissions: Sequence[Submission] = (), seed: int = 1) -> Run:
    """A run that can sign."""
    return simulate(scenario, submissions or records(300), KEYRING, signer=KEY, seed=seed)


def everything_handed_out(scenario: Scenario, seed: int = 1) -> tuple[dict[str, tuple[Arrival, HandOut]], Keyring]:
    """What agents are given in a run, by the name of the arrival, and the keys that nodes accept."""
    sources = records(300)
    given_ = Records(scenario, sources, KEYRING, KEY, seed)
    coming = arrivals(scenario.workload, scenario.faults, scenario.duration, len(sources), seed)
    return {arrival.name: (arrival, given_.hand_out(arrival)) for arrival in coming}, given_.keyring


@st.composite
def load_faults(draw: st.DrawFn) -> tuple[Fault, ...]:
    """Up to four faults of the senders, and up to two of anything else."""
    found: list[Fault] = []
    for index in range(draw(st.integers(1, 4))):
        start, duration = draw(st.floats(0, 60)), draw(st.floats(1, 50))
        kind = draw(st.sampled_from([RetryStorm, Forgery, Equivocation, KeyRotation, ReplayAttack]))
        fields: dict[str, object] = {"share": draw(st.floats(0, 1))} if "share" in kind.__struct_fields__ else {}
        fields |= {"rate": draw(st.floats(0.1, 10))} if kind is ReplayAttack else {}
        found.append(during(kind, start, duration, id=f"s{index}", **fields))
    found += [draw(other_faults(f"o{index}", skew=False)) for index in range(draw(st.integers(0, 2)))]
    return tuple(found)


@pytest.mark.slow
@given(
    load_faults(),
    st.integers(0, 1000),
    st.sampled_from([{"default": 1.0}, TWO]),
    st.sampled_from([(None, None), (CONSTANTS.pressure, CONSTANTS.breaker)]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_sender_breaks_an_invariant(
    faults: tuple[Fault, ...], seed: int, tenants: dict[str, float], guards: tuple[Any, Any]
) -> None:
    """Whoever sends what, how often, with which key: no invariant is violated, and all that is stored was honestly signed."""
    policy = msgspec.structs.replace(BRISK, pressure=guards[0], breaker=guards[1], max_in_flight=20)
    scenario = shared(drill(*faults, policy=policy, rate=1.0), tenants)
    if any(validation_errors(scenario)):
        return
    run = rehearse(scenario, [*records(40), FORGED, MALFORMED, *records(90)[40:]], seed)
    assert not [row.examples for row in run.results if row.verdict is Verdict.VIOLATED]
    counts = run.measures.counts
    assert counts.offered + counts.forged + counts.equivocating == len(run.deliveries)
    assert not {200, 202, 409} & run.measures.hostile.get(Intent.FORGED, {}).keys()
    assert {key.tenant for entries in run.entries.values() for key in entries} <= set(tenants)


@given(load_faults(), st.integers(0, 100), st.sampled_from([{"default": 1.0}, TWO]))
@settings(max_examples=25, deadline=None)
def test_a_fault_that_is_taken_away_changes_nothing_for_the_rest(
    faults: tuple[Fault, ...], seed: int, tenants: dict[str, float]
) -> None:
    """Without it every arrival that it did not touch is handed out as before: honest, forged, or equivocating."""
    all_of_them, _ = everything_handed_out(shared(drill(*faults), tenants), seed)
    for gone in faults:
        rest, _ = everything_handed_out(shared(drill(*(f for f in faults if f is not gone)), tenants), seed)
        assert rest.keys() == all_of_them.keys()
        for name, (arrival, handed) in all_of_them.items():
            if not gone.start <= arrival.at < gone.end and not isinstance(gone, KeyRotation):
                assert rest[name][1].intent == handed.intent
                if handed.intent is not Intent.EQUIVOCATING:
                    assert rest[name][1].submission == handed.submission


@pytest.mark.parametrize("gone", range(5))
def test_each_of_five_faults_can_be_taken_away_alone(gone: int) -> None:
    """Two forgeries, two equivocations and an attack, one after another: without one the others pick whom they picked before."""
    five: list[Fault] = [
        during(Forgery, 0, 20, id="a", share=0.5),
        during(Forgery, 20, 10, id="b", share=0.5),
        during(Equivocation, 30, 15, id="c", share=0.5),
        during(Equivocation, 45, 15, id="d", share=0.5),
        during(ReplayAttack, 5, 50, id="e", rate=1.0),
    ]
    before, _ = everything_handed_out(drill(*five))
    missing = five.pop(gone)
    after, _ = everything_handed_out(drill(*five))
    elsewhere = [
        name for name, (arrival, _) in before.items() if gone == 4 or not missing.start <= arrival.at < missing.end
    ]
    assert [before[name][1].intent for name in elsewhere] == [after[name][1].intent for name in elsewhere]
    assert len({before[name][1].intent for name in elsewhere}) == 3


def test_each_tenants_agents_submit_under_their_own_tenant() -> None:
    """Two thirds of the agents are acme's, records and entries with them; the same record of both makes two entries."""
    run = rehearse(shared(drill(duplicates=0.5), TWO))
    assert not verdicts(run)
    tenants = Counter(key.tenant for key in run.entries["eu"])
    assert tenants.keys() == TWO.keys()
    ids = Counter(key.pcs_id for key in run.entries["eu"])
    assert set(ids.values()) == {1, 2}
    assert run.measures.statuses.keys() == {200}


def test_a_tenants_record_counts_for_no_other() -> None:
    """What one tenant's agent signed is refused under the other's name (SIGN-7)."""
    handed, keyring = everything_handed_out(shared(drill(), TWO))
    for _, (submission, _) in handed.values():
        record = decode(submission.body)
        keyring.authenticate(submission.tenant, record, record.sig, ORIGIN)
        other = next(tenant for tenant in TWO if tenant != submission.tenant)
        with pytest.raises(Unauthenticated):
            keyring.authenticate(other, record, record.sig, ORIGIN)


def test_keys_rotate_without_a_record_refused() -> None:
    """With an overlap longer than any delivery takes, nobody notices: agents sign with a new key, the old one ends (SIGN-8)."""
    rotation = during(KeyRotation, 20, 20)
    run = rehearse(drill(rotation))
    assert not verdicts(run)
    assert run.measures.statuses == {200: run.measures.counts.offered}
    handed, keyring = everything_handed_out(drill(rotation))
    for arrival, (submission, _) in handed.values():
        record = decode(submission.body)
        old = arrival.at < rotation.start
        for moment in (rotation.start, rotation.end):
            if old and moment == rotation.end:
                with pytest.raises(Unauthenticated):
                    keyring.authenticate(submission.tenant, record, record.sig, ORIGIN + moment)
            else:
                keyring.authenticate(submission.tenant, record, record.sig, ORIGIN + moment)


def test_what_was_queued_before_and_is_delivered_after_the_overlap_is_a_dead_letter() -> None:
    """Agents that are cut off for longer than the overlap hold records that no key vouches for any more; the rest is delivered."""
    run = rehearse(drill(during(KeyRotation, 20, 20), CUT_OFF))
    counts = run.measures.counts
    assert not verdicts(run)
    assert counts.dead == run.measures.statuses[401] > 0
    assert counts.acknowledged == counts.offered - counts.dead
    early = rehearse(drill(during(KeyRotation, 20, 100), CUT_OFF))
    assert early.measures.counts.dead == 0


def test_two_rotations_that_overlap_each_end_their_own_old_key() -> None:
    """The first key ends with the first rotation, the second with the second, whichever ends first."""
    first, second = during(KeyRotation, 10, 50, id="first"), during(KeyRotation, 20, 10, id="second")
    handed, keyring = everything_handed_out(drill(first, second))
    for arrival, (submission, _) in handed.values():
        record = decode(submission.body)
        until = first.end if arrival.at < first.start else second.end if arrival.at < second.start else float("inf")
        for moment in (arrival.at, 29.9, 30.1, 59.9, 60.1, 150.0):
            live = moment < until
            try:
                keyring.authenticate(submission.tenant, record, record.sig, ORIGIN + moment)
            except Unauthenticated:
                assert not live
            else:
                assert live


def test_a_clock_that_is_ahead_ends_the_old_key_early() -> None:
    """A node judges keys by its own clock (SIGN-4): fifty seconds ahead, it refuses the old key while others still take it."""
    skew = ClockSkew(id="skew", start=Seconds(5), duration=Seconds(60), region="eu", offset=Seconds(50))
    run = rehearse(drill(skew, during(KeyRotation, 30, 20), rate=4.0))
    assert not verdicts(run)
    assert run.measures.statuses[401] > 0


def test_forged_records_are_refused_and_counted_for_themselves() -> None:
    """Half of what agents are given is forged: each is a 401, none is stored, and the honest half is served as if alone."""
    run = rehearse(drill(during(Forgery, share=0.5), duplicates=0.0))
    counts = run.measures.counts
    assert not verdicts(run)
    assert run.measures.hostile == {Intent.FORGED: {401: counts.forged}}
    assert 10 < counts.forged < counts.offered == counts.acknowledged
    assert run.measures.statuses == {200: counts.offered}
    assert len(run.entries["eu"]) == counts.offered
    assert run.measures.goodput.sum() * 5 == pytest.approx(counts.acknowledged)


@pytest.mark.slow
def test_what_came_besides_is_told() -> None:
    """In the terminal, in the report and as numbers that a hypothesis may bound; nothing is said where nothing came."""
    run = rehearse(drill(during(Forgery, share=0.5), during(ReplayAttack, rate=2.0)))
    counts = run.measures.counts
    said = f"Besides: {counts.forged} forged, {counts.replayed} sent again by attackers."
    assert counts.besides == said
    console = Console(width=200)
    with console.capture() as shown:
        console.print(terminal.rendered(run))
    assert said in shown.get()
    assert said in report.html(run)
    span = Span(0.0, run.scenario.duration)
    assert metric("forged", run.measures, span).value == counts.forged > 0
    assert metric("dead", run.measures, span).value == 0
    assert not rehearse(drill()).measures.counts.besides


def test_an_equivocator_is_told_the_stored_digest() -> None:
    """Other content under an id that is stored: 409, which names the stored digest; the stored outcome stands (DUP-3)."""
    only_eu = drill(during(Equivocation, 30, 30, share=0.6), duplicates=0.0)
    workload = msgspec.structs.replace(only_eu.workload, agents={"eu": 4})
    run = rehearse(msgspec.structs.replace(only_eu, regions=("eu",), workload=workload))
    counts = run.measures.counts
    assert not verdicts(run)
    assert run.measures.hostile == {Intent.EQUIVOCATING: {409: counts.equivocating}}
    assert counts.equivocating > 10
    assert counts.acknowledged == counts.offered
    honest = {decode(s.body).pcs_id: content_digest(decode(s.body)) for s in records(300)}
    assert all(entry.digest == honest[key.pcs_id] for key, entry in run.entries["eu"].items())
    for delivered in run.deliveries:
        if delivered.response and delivered.response.status == 409:
            body = msgspec.json.decode(delivered.response.body)
            assert body["digest"] == honest[body["pcs_id"]]


def test_an_equivocator_who_comes_first_elsewhere_counts_for_nothing_good() -> None:
    """In a region that has not heard of the record yet its rival is stored for a while; that is no goodput."""
    run = rehearse(drill(during(Equivocation, 5, 55, share=0.5), rate=4.0))
    assert not verdicts(run)
    assert run.measures.hostile[Intent.EQUIVOCATING][200] > 0
    assert run.measures.goodput.sum() * 5 == pytest.approx(run.measures.counts.acknowledged)
    assert run.measures.delivery.size == run.measures.counts.acknowledged


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 50))
def test_other_content_is_other_and_consistent(how: float, epoch: int) -> None:
    """An equivocator's record has the id, another digest, and is judged without a complaint."""
    record = decode(records(51)[epoch].body)
    other = other_content(record, how)
    assert other.pcs_id == record.pcs_id
    assert content_digest(other) != content_digest(record)
    assert 0 <= other.r <= 1


def test_an_equivocator_stays_within_its_tenant() -> None:
    """Other content comes under the id of a record that the same tenant was given."""
    handed, _ = everything_handed_out(shared(drill(during(Equivocation, share=0.5)), TWO))
    known: dict[str, set[str]] = {tenant: set() for tenant in TWO}
    seen = 0
    for _, (submission, intent) in handed.values():
        id_ = decode(submission.body).pcs_id
        if intent is Intent.EQUIVOCATING:
            assert id_ in known[submission.tenant]
            seen += 1
        known[submission.tenant].add(id_)
    assert seen > 5


def test_replayed_submissions_change_nothing() -> None:
    """An attacker gets the stored outcome, as anybody does; what is stored is what is stored without the attack (DUP-2)."""
    attack = during(ReplayAttack, 20, 60, rate=5.0)
    run, calm = rehearse(drill(attack)), rehearse(drill())
    assert not verdicts(run)
    counts = run.measures.counts
    assert counts.replayed == pytest.approx(300, rel=0.2)
    assert run.measures.hostile == {Intent.REPLAYED: {200: counts.replayed}}
    assert run.measures.statuses == {200: counts.offered}
    assert counts.offered == calm.measures.counts.offered

    def content(of: Run) -> dict[Key, str]:
        return {key: entry.digest for key, entry in of.entries["eu"].items()}

    assert content(run) == content(calm)


def test_what_an_attacker_replays_under_an_ended_key_is_refused() -> None:
    """After the overlap a recorded submission of the old key is a 401 that tells nothing, though its entry is stored."""
    run = rehearse(drill(during(KeyRotation, 20, 20), during(ReplayAttack, 60, 40, rate=5.0)))
    assert not verdicts(run)
    assert run.measures.hostile[Intent.REPLAYED][401] > 20
    assert run.measures.hostile[Intent.REPLAYED][200] > 20


def test_a_replay_reaches_a_region_that_has_lost_the_record() -> None:
    """What a lost disk took with it may come back by an attacker's hand, and is then stored as any first write is."""
    burnt = RegionCrash(id="burnt", start=Seconds(30), duration=Seconds(10), region="us", disk=Disk.LOST)
    slow = msgspec.structs.replace(BRISK, ship_interval=Seconds(25))
    alone = rehearse(drill(burnt, policy=slow, duplicates=0.0))
    attacked = rehearse(drill(burnt, during(ReplayAttack, 40, 80, rate=10.0), policy=slow, duplicates=0.0))
    assert not verdicts(attacked)
    assert attacked.measures.counts.lost < alone.measures.counts.lost


def test_a_retry_storm_sends_far_more_and_ends() -> None:
    """While a store is away, agents that do not pause send ten times as much; when it is back everything is delivered once."""
    outage = StoreOutage(id="away", start=Seconds(15), duration=Seconds(25), region="eu")
    storm = rehearse(drill(outage, during(RetryStorm, 20, 20)))
    calm = rehearse(drill(outage))
    assert not verdicts(storm)
    assert storm.measures.counts.retries > 10 * calm.measures.counts.retries > 0
    assert storm.measures.counts.acknowledged == storm.measures.counts.offered
    half = rehearse(drill(outage, during(RetryStorm, 20, 20, share=0.5)))
    assert calm.measures.counts.retries < half.measures.counts.retries < storm.measures.counts.retries


def test_a_storm_wakes_those_that_wait() -> None:
    """An agent that would wait a quarter of an hour does not, from the moment the storm takes it."""
    outage = StoreOutage(id="away", start=Seconds(10), duration=Seconds(50), region="eu")
    patient = msgspec.structs.replace(CONSTANTS.outbox, base_delay_seconds=1000.0, max_delay_seconds=1000.0)
    policy = msgspec.structs.replace(BRISK, retry=patient)
    run = rehearse(drill(outage, during(RetryStorm, 62, 10), policy=policy, until=30))
    late = [item for item in run.deliveries if item.settled]
    assert len(late) == len(run.deliveries)
    attempts = run.measures.attempts
    assert attempts.over[attempts.status == 200].max() < 75


def test_a_scenario_that_signs_says_that_it_needs_a_signer() -> None:
    """Tenants, rotations and equivocations need a key to sign with; a forgery does not."""
    simulate(drill(during(Forgery, share=0.5)), records(200), KEYRING)
    for scenario in (drill(during(KeyRotation)), drill(during(Equivocation, share=0.1)), shared(drill(), TWO)):
        with pytest.raises(UnusableInput, match="there is no key to sign with; pass `signer`"):
            simulate(scenario, records(200), KEYRING)


def test_what_no_given_key_has_signed_stays_unsigned() -> None:
    """Where all is signed anew, a forged and a malformed record of the source are still refused."""
    run = rehearse(shared(drill(duplicates=0.0), TWO), [FORGED, MALFORMED, *records(200)])
    assert run.measures.statuses[401] == run.measures.statuses[400] == 1
    assert run.measures.counts.dead == 2
    assert not verdicts(run)


def test_the_new_rules_are_checked_in_every_run() -> None:
    """Who is told what is checked at each answer, forged or not."""
    checks = {row.invariant: row.checks for row in rehearse(drill()).results}
    assert all(checks[i] > 50 for i in (Invariant.DESERVED, Invariant.SECRECY, Invariant.DIGEST, Invariant.FORGERY))
