"""A ruling follows from its events: no version has two contents, and what is in force is what was promoted last."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.policies import LOOSE, STRICT, signed

from flk.model.log.hlc import Timestamp
from flk.model.policies.document import DEFAULT, LIMITS, policy_digest
from flk.model.policies.ruling import ALL, NO_RULING, Change, Conflict, Kind, Ruling, changed, decoded, encoded, part_of

T = Timestamp(7)
versions = st.sampled_from(["1.0.0", "1.1.0", "1.2.0", "2.0.0"])
changes = st.builds(
    Change,
    st.sampled_from(Kind),
    st.just("ops"),
    st.none()
    | st.builds(lambda version, name: signed(version=version, name=name), versions, st.sampled_from(["a", "b"])),
    versions | st.just(""),
    st.integers(-1, ALL + 1),
)


def after(*wanted: Change) -> Ruling:
    """The ruling after some changes, beginning with none."""
    ruling = NO_RULING
    for change in wanted:
        ruling = changed(ruling, change, T)
    return ruling


def registered(*policies: object) -> tuple[Change, ...]:
    """The changes that make policies known."""
    return tuple(Change(Kind.REGISTERED, "ops", policy) for policy in policies)  # type: ignore[arg-type]


def promoted(version: str) -> Change:
    """The change that puts a policy into force."""
    return Change(Kind.PROMOTED, "ops", version=version)


@given(st.lists(changes, max_size=12))
def test_what_is_in_force_is_what_the_events_say(wanted: list[Change]) -> None:
    """Whatever is asked for, in any order: all that is named is known, the events are numbered, and the statement reads back."""
    ruling = NO_RULING
    for change in wanted:
        try:
            made = changed(ruling, change, T)
        except Conflict:
            continue
        if made == ruling:
            continue
        assert made.number == ruling.number + 1
        event = made.history[-1]
        assert event.kind is change.kind
        assert event.digest == policy_digest(made.policy(event.version))
        if change.kind is Kind.PROMOTED:
            assert (made.in_force, made.candidate) == (change.version, "")
            assert made.before[-1] == ruling.in_force
        elif change.kind is Kind.STAGED:
            assert (made.candidate, made.share, made.in_force) == (change.version, change.share, ruling.in_force)
        elif change.kind is Kind.ROLLED_BACK and ruling.candidate and not change.version:
            assert (made.candidate, made.in_force) == ("", ruling.in_force)
        elif change.kind is Kind.ROLLED_BACK:
            assert made.in_force == (change.version or ruling.before[-1])
        ruling = made
        assert decoded(encoded(ruling)) == ruling


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.booleans()), max_size=60))
def test_a_version_never_has_two_contents_however_much_was_forgotten(wanted: list[tuple[int, bool, bool]]) -> None:
    """More policies than are carried along are registered, some promoted: what a version once was it stays."""
    ruling, contents = NO_RULING, {DEFAULT.version: policy_digest(DEFAULT)}
    for number, other, promote in wanted:
        version = f"1.{number}.0"
        policy = signed(version=version, name="b" if other else "a")
        try:
            ruling = changed(ruling, Change(Kind.REGISTERED, "ops", policy), T)
        except Conflict:
            continue
        assert contents.setdefault(version, policy_digest(policy)) == policy_digest(policy)
        if promote:
            ruling = changed(ruling, promoted(version), T)
        assert len(ruling.policies) <= LIMITS.kept_policies
        assert ruling.known(ruling.in_force) is not None
        assert all(ruling.known(before) is not None for before in ruling.before)


def test_of_more_policies_than_a_log_carries_along_the_oldest_go_that_nobody_uses() -> None:
    """The one in force, the candidate and the newest stay, however many are registered after them (POL-9)."""
    numbers = range(1, 2 * LIMITS.kept_policies)
    some = [signed(version=f"1.{number}.0") for number in numbers]
    staged = Change(Kind.STAGED, "ops", version="1.2.0", share=5)
    ruling = after(*registered(*some[:2]), promoted("1.1.0"), staged, *registered(*some[2:]))
    last = some[2 - LIMITS.kept_policies :]
    assert ruling.policies == (*some[:2], *last)
    assert (ruling.policy(ruling.in_force), ruling.policy(ruling.candidate)) == (some[0], some[1])
    assert after(*registered(*some)).policies == tuple(some[-LIMITS.kept_policies :])


def test_what_a_log_states_stays_small() -> None:
    """A thousand changes to and fro leave no more than the last of the history."""
    ruling = after(*registered(LOOSE, STRICT))
    for number in range(1000):
        ruling = changed(ruling, promoted((LOOSE, STRICT)[number % 2].version), T)
    assert ruling.number == 1002
    assert len(ruling.history) == LIMITS.kept_events
    assert len(ruling.before) == LIMITS.kept_policies
    assert len(encoded(ruling)) < LIMITS.max_bytes


def test_a_rollback_takes_back_what_was_done_last() -> None:
    """First the candidate, then the promotions, one after another; or all of them down to a version."""
    ruling = after(*registered(LOOSE, STRICT), promoted("1.1.0"), promoted("1.2.0"), promoted("1.1.0"))
    back = Change(Kind.ROLLED_BACK, "ops")
    staged = changed(ruling, Change(Kind.STAGED, "ops", version="1.2.0", share=5), T)
    assert changed(staged, back, T).candidate == ""
    assert changed(staged, back, T).in_force == "1.1.0"
    once = changed(ruling, back, T)
    assert (once.in_force, once.before) == ("1.2.0", ("1.0.0", "1.1.0"))
    first = changed(ruling, msgspec.structs.replace(back, version="1.0.0"), T)
    assert (first.in_force, first.before) == ("1.0.0", ())


@given(st.text(max_size=20), st.integers(0, ALL), st.integers(0, ALL))
def test_a_share_holds_its_part_of_the_tenants_and_only_grows(tenant: str, one: int, other: int) -> None:
    """Whom a share includes a greater one includes; none is nobody, and all is everybody."""
    ruling = after(*registered(LOOSE))
    shares = {
        share: changed(ruling, Change(Kind.STAGED, "ops", version="1.1.0", share=share), T)
        for share in (0, min(one, other), max(one, other), ALL)
    }
    judged = [staged.of(tenant) is not DEFAULT for staged in shares.values()]
    assert judged == sorted(judged)
    assert not shares[0].is_staged(tenant)
    assert shares[ALL].of(tenant) == LOOSE
    assert {
        policy.version for policy in (shares[one if one in shares else 0].of(tenant), shares[0].other(tenant)) if policy
    } <= {
        "1.0.0",
        "1.1.0",
    }
    assert ruling.other(tenant) is None


def test_a_tenth_of_many_tenants_is_about_a_tenth() -> None:
    """The hash spreads them: 1,000 of 10,000, give or take five deviations."""
    parts = [part_of("1.1.0", f"tenant-{number}") for number in range(10_000)]
    assert abs(sum(part < ALL // 10 for part in parts) - 1000) < 150


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Change(Kind.REGISTERED, "ops"), "give the policy"),
        (
            Change(Kind.REGISTERED, "ops", signed(version="1.1.0", name="other")),
            "another content; give it the next number",
        ),
        (Change(Kind.REGISTERED, "ops", signed(version="1.0.9")), "not beyond 1.1.0"),
        (Change(Kind.PROMOTED, "ops", version="3.0.0"), "known: 1.0.0, 1.1.0.; register it"),
        (Change(Kind.STAGED, "ops", version="1.1.0", share=ALL + 1), "parts of 10000"),
        (Change(Kind.STAGED, "ops", version="1.0.0", share=1), "in force for all tenants"),
        (Change(Kind.ROLLED_BACK, "ops"), "none to go back to"),
        (Change(Kind.ROLLED_BACK, "ops", version="1.1.0"), "was not in force before .known: none.; promote it"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do_instead(change: Change, told: str) -> None:
    """A conflict names the field, and the way out."""
    with pytest.raises(Conflict, match=told) as refused:
        changed(after(*registered(LOOSE)), change, T)
    assert int(refused.value.status) == 409


def test_to_ask_again_changes_nothing() -> None:
    """A request whose answer was lost is repeated without harm."""
    ruling = after(*registered(LOOSE), promoted("1.1.0"))
    for change in (*registered(LOOSE), promoted("1.1.0")):
        assert changed(ruling, change, Timestamp(9)) is ruling


def test_a_statement_that_lacks_what_it_names_is_none() -> None:
    """What is stated is judged by without further question, so it is whole."""
    for broken in (Ruling(in_force="9.9.9"), Ruling(candidate="9.9.9")):
        with pytest.raises(ValueError, match="POL-9"):
            decoded(encoded(broken))
