"""What a tenant may have logged, as buckets and as a node's account of all of them (TEN-*)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.model.flow.quota import DAY_SECONDS, Kind, Tenant, proves_authentic
from flk.model.flow.submission import Response, refuse
from flk.model.flow.tenants import Tenants
from flk.model.record.signing import unsigned
from flk.model.refusal import Overloaded, Refused, Unauthenticated

rates = st.floats(0.01, 1000)
bursts = st.integers(1, 50)
pauses = st.lists(st.floats(0, 20), max_size=60)
DAYS = 1_000_000.0  # what a steady clock shows after some days


def refusal_of(tenants: Tenants, tenant: str, now: float) -> Refused | None:
    """What a tenant is told now, None if it may send."""
    try:
        tenants.require_room(tenant, now)
    except Refused as refusal:
        return refusal
    return None


@given(rates, bursts, st.integers(1, 8), pauses)
def test_over_any_time_no_more_is_logged_than_the_burst_the_rate_and_what_was_in_flight(
    rate: float, burst: int, in_flight: int, pauses: list[float]
) -> None:
    """So many at once are let in before any of them is charged, again and again; and who is refused learns when to come."""
    tenants = Tenants({"a": Tenant(records_per_second=rate, burst=burst)})
    now, logged = DAYS, list[float]()
    for pause in pauses:
        now += pause
        refusals = [refusal_of(tenants, "a", now) for _ in range(in_flight)]
        if refusals[0] is None:
            assert refusals == [None] * in_flight
            logged += [now] * in_flight
            for _ in range(in_flight):
                tenants.charge("a", now)
        else:
            assert refusal_of(tenants, "a", now + (refusals[0].retry_after or 0)) is None
    for first, began in enumerate(logged):
        for number, ended in enumerate(logged[first:], start=1):
            assert number <= burst + rate * (ended - began) + in_flight - 1 + 2e-3


@given(rates, bursts, pauses)
def test_who_keeps_to_the_rate_is_never_refused(rate: float, burst: int, pauses: list[float]) -> None:
    """One record each 1/rate seconds, or later, for ever, the burst before that."""
    tenants = Tenants({"a": Tenant(records_per_second=rate, burst=burst)})
    now = DAYS
    for _ in range(burst):
        tenants.require_room("a", now)
        tenants.charge("a", now)
    for pause in pauses:
        now += 1 / rate * (1 + 1e-6) + pause
        tenants.require_room("a", now)
        tenants.charge("a", now)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3)), max_size=50))
def test_what_one_tenant_sends_changes_nothing_for_another(sent: list[tuple[str, float]]) -> None:
    """What `a` is told, with another of the same quota beside it, is what it is told alone."""
    same = Tenant(records_per_second=1, burst=3, records_per_day=20)
    together, alone = Tenants({"a": same, "b": same}), Tenants({"a": same})
    now = DAYS
    for tenant, pause in sent:
        now += pause
        told = refusal_of(together, tenant, now)
        if told is None:
            together.charge(tenant, now)
        if tenant == "a":
            expected = refusal_of(alone, "a", now)
            if expected is None:
                alone.charge("a", now)
            assert str(told) == str(expected)


def test_the_quota_of_the_day_is_told_apart_and_lasts() -> None:
    """A thousand at once, then one each 86.4 s: the rate would allow more."""
    tenants = Tenants({"a": Tenant(records_per_second=5000, records_per_day=1000)})
    for _ in range(1000):
        tenants.require_room("a", DAYS)
        tenants.charge("a", DAYS)
    with pytest.raises(Overloaded, match="1000 records a day") as refused:
        tenants.require_room("a", DAYS)
    assert (refused.value.requirement, refused.value.retry_after) == ("TEN-1", 87)
    tenants.require_room("a", DAYS + DAY_SECONDS / 1000 + 1e-3)


def test_of_two_quotas_the_one_that_is_longer_used_up_is_told() -> None:
    """Else who came back when told would be told again."""
    tenants = Tenants({"a": Tenant(records_per_second=0.5, burst=1, records_per_day=1)})
    tenants.charge("a", DAYS)
    assert "1 records a day" in str(refusal_of(tenants, "a", DAYS))


@given(st.integers(0, 30), rates, bursts, rates, bursts, st.floats(0, 100))
def test_a_quota_that_changes_forgives_nothing_and_invents_nothing(
    used: int, rate: float, burst: int, new_rate: float, new_burst: int, later: float
) -> None:
    """What a bucket lacks in records is the same before and after; so it has room if the new burst leaves any (TEN-5)."""
    tenants = Tenants({"a": Tenant(records_per_second=rate, burst=burst)})
    for _ in range(used):
        tenants.charge("a", DAYS)
    lacking = max(0.0, used - rate * later)
    now = DAYS + later
    tenants.replace({"a": Tenant(records_per_second=new_rate, burst=new_burst)}, Tenant(), now)
    edge = abs(lacking - (new_burst - 1)) < 2e-3
    assert edge or (refusal_of(tenants, "a", now) is None) == (lacking < new_burst - 1)


def test_a_quota_that_is_taken_away_and_given_again_begins_full() -> None:
    """Of what no quota binds, nothing is counted."""
    bound = {"a": Tenant(records_per_second=0.1, burst=1)}
    tenants = Tenants(bound)
    tenants.charge("a", DAYS)
    tenants.replace({}, Tenant(), DAYS)
    assert not tenants.is_bounded("a")
    tenants.replace(bound, Tenant(), DAYS)
    assert refusal_of(tenants, "a", DAYS) is None


def test_who_is_not_active_is_told_what_one_without_a_key_is_told() -> None:
    """Word for word (TEN-4); quotas do not matter then."""
    tenants = Tenants({"a": Tenant(active=False, records_per_second=1)})
    told = refusal_of(tenants, "a", DAYS)
    assert isinstance(told, Unauthenticated)
    assert Tenants({"a": Tenant(active=False)}).is_bounded("a")
    assert refuse(told) == refuse(unsigned())


def test_what_is_said_of_others_binds_whoever_is_not_named() -> None:
    """Each of them has a bucket of its own; who is named has what stands there, and nothing else."""
    tenants = Tenants({"a": Tenant()}, Tenant(records_per_second=1, burst=1))
    assert [tenants.is_bounded(each) for each in "abc"] == [False, True, True]
    tenants.charge("b", DAYS)
    assert refusal_of(tenants, "b", DAYS) is not None
    assert refusal_of(tenants, "c", DAYS) is None


@pytest.mark.parametrize(
    ("tenant", "quotas"),
    [
        (Tenant(), ()),
        (Tenant(records_per_second=100), ((Kind.RATE, 100, 200),)),
        (Tenant(records_per_second=0.2), ((Kind.RATE, 0.2, 1),)),
        (Tenant(records_per_second=1, burst=7), ((Kind.RATE, 1, 7),)),
        (Tenant(records_per_day=864), ((Kind.DAY, 0.01, 864),)),
    ],
)
def test_a_burst_that_is_not_given_is_two_seconds_of_the_rate(
    tenant: Tenant, quotas: tuple[tuple[Kind, float, float], ...]
) -> None:
    """And at least one record, or nothing would ever be let in."""
    assert tuple((quota.kind, quota.rate, quota.burst) for quota in tenant.quotas) == quotas
    assert Tenants({"a": tenant}).is_bounded("a") == bool(quotas)


def test_an_answer_proves_authentic_if_only_a_key_of_the_tenant_gets_it() -> None:
    """The outcomes, and 429 for the quota; 429 of a full node says nothing of who sent the record (HTTP-9)."""
    tenants = Tenants({"a": Tenant(records_per_second=1, burst=1)})
    tenants.charge("a", DAYS)
    over = refusal_of(tenants, "a", DAYS)
    assert over is not None
    full = Overloaded("ORD-6", "4096 requests are in flight", retry_after=10)
    answers = [refuse(over), refuse(full), refuse(unsigned()), *(Response(status, b"{}") for status in (200, 202, 409))]
    assert [proves_authentic(answer) for answer in answers] == [True, False, False, True, True, True]
