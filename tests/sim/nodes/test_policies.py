"""Policies in simulated logs: what changes, from when on, for whom, and who waits (POL-5 to POL-10, JDG-5)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.effort import few
from tests.support.model.policies import policies
from tests.support.model.world import KEYRING
from tests.support.sim.drills import drill, records, rehearse, verdicts

from flk.model.log.frames import UNSTATED, Head, Stated, opening
from flk.model.log.hlc import Timestamp
from flk.model.memory import parts
from flk.model.policies.document import Policy
from flk.model.policies.ruling import ALL, Ruling, encoded
from flk.model.policies.signing import signed_policy
from flk.model.record.canonical import nano
from flk.model.record.signing import Ed25519PrivateKey
from flk.sim.checkers.invariants import OF_POLICIES, Invariant
from flk.sim.experiments.hunt import SearchSpace, hunt
from flk.sim.experiments.run_inputs import synthetic_inputs
from flk.sim.experiments.worlds import RECORDS, Worlds
from flk.sim.nodes.policies import KEY_ID
from flk.sim.oracle import policies as oracle
from flk.sim.protocol_traces import ACCEPTED, validated
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, Numbers, PolicyChange, PolicyKeyLate, RegionCrash
from flk.sim.scenarios.layout import Policies
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors

THIRD = Seconds(10)
STRICT = Numbers(non_sticky_D_hat_min=2.4, sticky_D_hat_max=0.2)
CHANGE = PolicyChange(id="stricter", region="eu", start=THIRD, duration=THIRD, numbers=STRICT, for_good=True)


def judged(*faults: Fault) -> Scenario:
    """A drill whose logs state policies."""
    plain = drill(*faults)
    return msgspec.structs.replace(plain, layout=msgspec.structs.replace(plain.layout, policies=Policies(Seconds(0.5))))


@pytest.mark.parametrize(
    "others",
    [
        (),
        (RegionCrash(id="crash", region="eu", start=Seconds(15), duration=Seconds(5)),),
        (PolicyKeyLate(id="late", region="us", start=Seconds(0), duration=Seconds(40)),),
    ],
    ids=["calm", "restart", "key late"],
)
def test_every_region_judges_by_what_the_log_states(others: tuple[Fault, ...]) -> None:
    """Nothing breaks, each invariant of policies is exercised, honest records of one region are escalated from then on, and the
    trace is a path of `replication`.
    """
    run = validated(judged(CHANGE, *others), records(200), KEYRING)
    assert not verdicts(run)
    checks = {row.invariant: row.checks for row in run.results}
    assert checks[ACCEPTED]
    assert all(checks[invariant] for invariant in OF_POLICIES)
    assert 0 < len(run.marks["status 202"]) < len(run.marks["status 200"])


def test_without_a_change_nothing_is_escalated() -> None:
    """So what the test before counts is the policy's work."""
    run = rehearse(judged())
    assert not verdicts(run)
    assert "status 202" not in run.marks


def test_who_lacks_the_key_waits() -> None:
    """Passes over the log of the region with the policy end there, until the key is there."""
    late = PolicyKeyLate(id="late", region="us", start=Seconds(0), duration=Seconds(40))
    assert len(rehearse(judged(CHANGE, late)).marks["pass-failed"]) > len(rehearse(judged(CHANGE)).marks["pass-failed"])


def test_a_log_that_is_begun_anew_is_told_again() -> None:
    """The disk is lost, and with it what its log stated: the operator has the next one state it, too."""
    lost = RegionCrash(id="lost", region="eu", disk=Disk.LOST, start=Seconds(15), duration=Seconds(2))
    run = rehearse(judged(CHANGE, lost))
    assert not verdicts(run)
    assert len(run.marks["policy-changed"]) == 2


def test_a_change_that_is_stated_once_only_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that states a change where it begins, and not in the segments behind: each of these is found, and what others make
    of it (POL-9).
    """

    def once(head: Head, clock: Timestamp, salt: bytes, stated: Stated) -> bytes:
        return opening(head, clock, salt, stated if stated.since == clock else UNSTATED)

    monkeypatch.setattr(parts, "opening", once)
    assert {Invariant.POLICY_SEGMENTS, Invariant.VERIFIED} <= verdicts(rehearse(judged(CHANGE))).keys()


def test_what_is_over_is_taken_back() -> None:
    """Brought in and taken back; who staged it for a share judges part of the tenants meanwhile."""
    run = rehearse(judged(msgspec.structs.replace(CHANGE, for_good=False, share=0.5)))
    assert not verdicts(run)
    assert len(run.marks["policy-changed"]) == 2


@pytest.mark.parametrize(
    ("faults", "field", "says"),
    [
        ((msgspec.structs.replace(CHANGE, numbers=Numbers(base=2.0)),), "faults[0].numbers.base", "choose from 0 to 1"),
        (
            (CHANGE, msgspec.structs.replace(CHANGE, id="again", start=Seconds(15))),
            "faults[1].start",
            "start this one later",
        ),
        (
            (CHANGE, msgspec.structs.replace(CHANGE, id="other", start=Seconds(30), numbers=Numbers(base=0.2))),
            "faults[1].version",
            "give it a greater one",
        ),
        (
            (CHANGE, PolicyKeyLate(id="late", region="eu", start=Seconds(0), duration=Seconds(20))),
            "faults[0].start",
            "does not have the key",
        ),
    ],
)
def test_what_no_node_would_take_is_told(faults: tuple[Fault, ...], field: str, says: str) -> None:
    """With the field and the mend, before anything runs."""
    (error,) = validation_errors(judged(*faults))
    assert error.field == field
    assert says in str(error)


def test_a_change_needs_logs_that_state_policies() -> None:
    """Else nobody would have the key."""
    (error,) = validation_errors(drill(CHANGE))
    assert "layout.policies" in str(error)


@given(
    policy=policies(),
    tenant=st.text(st.characters(codec="ascii"), min_size=1, max_size=20),
    share=st.integers(0, ALL),
    promoted=st.booleans(),
)
def test_the_oracle_reads_what_the_model_states(policy: Policy, tenant: str, share: int, *, promoted: bool) -> None:
    """For any policy that asks nothing besides: the same document judges a tenant, by the same numbers, if its key is known."""
    plain = msgspec.structs.replace(policy, scrutiny=msgspec.UNSET, vrf_mode=msgspec.UNSET, version="7.0.0")
    signed = signed_policy(plain, KEY_ID, Ed25519PrivateKey(bytes(32)))
    version = plain.version
    ruling = Ruling((signed,), in_force=version) if promoted else Ruling((signed,), candidate=version, share=share)
    key = Ed25519PrivateKey(bytes(32)).public()
    read = oracle.read(encoded(ruling), ((KEY_ID, key),))
    due = ruling.of(tenant)
    found = read.of(tenant)
    assert found is not None
    assert (found.version, found.signed) == (due.version, True)
    assert {name: nano(value) for name, value in found.rules._asdict().items()} == {
        name: nano(getattr(due, name)) for name in found.rules._fields
    }
    stranger = oracle.read(encoded(ruling), ((KEY_ID, Ed25519PrivateKey(bytes([1]) * 32).public()),)).known(version)
    assert stranger is not None
    assert not stranger.signed


@pytest.mark.slow
def test_worlds_in_which_policies_change_come_to_rest() -> None:
    """Whatever happens besides; `flk hunt --policies` tries more."""
    space = SearchSpace(synthetic_inputs(RECORDS), worlds=Worlds(policies=True))
    assert hunt(space, range(20_000, 20_000 + few(100)), workers=1).counterexample is None
