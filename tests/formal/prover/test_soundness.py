"""What is called proved is true, and what is not proved is not called so: the verdict is the worst of all that is claimed."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from flk.formal import explore, prove
from flk.formal.fuzzing.agreement import differences
from flk.formal.fuzzing.protocols import protocols
from flk.formal.language import BOOL, Protocol, Term, count, exists, forall, implies, integer, ite, require
from flk.formal.prover.bounded import Outcome, search
from flk.formal.prover.houdini import infer
from flk.formal.prover.proving import Proving, prove_protocol
from flk.formal.prover.theorem import ProofStatus
from flk.spec.verdict import Verdict


def register(*, guarded: bool) -> Protocol:
    """Members join while fewer than two share the owner's mark; there may be no owner yet."""
    protocol = Protocol("register", "Members join while there is room.")
    member = protocol.index("Member", 3)
    owner = protocol.scalar("owner", member, partial=True)
    joined = protocol.relation("joined", member)
    full = protocol.scalar("full", BOOL, initially=False)

    @protocol.action(m=member)
    def join(m: Term) -> None:
        if guarded:
            require(owner.defined())
        require(~full, count(member, lambda n: (n == owner) & joined[n]) < 2)
        joined.next[m] = True
        full.next = True

    @protocol.action(m=member)
    def leave(m: Term) -> None:
        require(joined[m])
        joined.next[m] = False
        full.next = exists(member, lambda n: joined[n] & (n != m))

    @protocol.action(m=member)
    def own(m: Term) -> None:
        owner.next = m

    @protocol.always()
    def nobody_without_full() -> Term:
        return implies(exists(member, lambda m: joined[m]), full)

    return protocol


def test_a_guard_that_counts_must_have_a_meaning() -> None:
    """What a guard counts is left open, whether it can be counted is not: read where nobody owns, it is a fault for everybody."""
    faulty = register(guarded=False)
    assert explore(faulty).found.fault is not None
    assert search(faulty, 3).verdict is Verdict.VIOLATED
    assert prove(faulty).verdict is Verdict.VIOLATED
    guarded = prove(register(guarded=True))
    assert guarded.verdict is Verdict.HOLDS
    assert guarded[0].status is ProofStatus.PROVED


def overflowing() -> Protocol:
    """A counter that leaves its bounds, and about which only a witness is claimed."""
    protocol = Protocol("overflowing", "It counts on.")
    n = protocol.scalar("n", integer(0, 40), initially=0)

    @protocol.action()
    def up() -> None:
        n.next = n + 1

    @protocol.reachable()
    def two() -> Term:
        return n == 2

    return protocol


def test_without_an_invariant_a_refuted_obligation_still_counts() -> None:
    """A witness is found, and yet nothing is proved: the update is undefined in the end."""
    assert prove(overflowing()).verdict is Verdict.VIOLATED
    proof = Proving(overflowing(), (), 0)
    proof.__dict__["runs"] = ()  # as if the fault were beyond what is explored
    assert proof.status is ProofStatus.UNDECIDED


def crowd(*, at_most: int, comes: bool) -> Protocol:
    """A door that lets three in, a count of those inside, and the promise that it opens."""
    protocol = Protocol("crowd", "People come and go.")
    person = protocol.index("Person", 3)
    inside = protocol.relation("inside", person)
    bell = protocol.scalar("bell", BOOL, initially=False)

    @protocol.action(p=person)
    def enter(p: Term) -> None:
        require(~inside[p])
        inside.next[p] = True
        bell.next = True

    @protocol.action(p=person)
    def go(p: Term) -> None:
        require(inside[p])
        inside.next[p] = False

    @protocol.always()
    def rung() -> Term:
        return implies(exists(person, lambda p: inside[p]), bell)

    @protocol.always()
    def few() -> Term:
        return count(person, lambda p: inside[p]) <= at_most

    @protocol.leads_to(fair=("enter",) if comes else ())
    def somebody_comes() -> tuple[Term, Term]:
        return ~bell, bell

    return protocol


@pytest.mark.parametrize(
    ("at_most", "comes", "status"),
    [
        (3, True, ProofStatus.BOUNDED),
        (2, True, ProofStatus.REFUTED),
        (3, False, ProofStatus.REFUTED),
    ],
)
def test_counts_and_progress_are_explored_then_and_there(at_most: int, comes: bool, status: ProofStatus) -> None:
    """They hide under no headline: the verdict is theirs if it is the worst, and sizes are told where they hold."""
    found = prove(crowd(at_most=at_most, comes=comes))
    assert found[0].status is status
    assert found.verdict is explore(crowd(at_most=at_most, comes=comes)).verdict
    if status is ProofStatus.BOUNDED:
        assert "crowd is bounded to 9 states at Person 3 in: few, somebody_comes" in " ".join(str(found).split())
        assert {row["property"]: row["status"] for row in found.to_frame("pyarrow").to_pylist()} == {
            "rung": "proved",
            "few": "bounded",
            "somebody_comes": "bounded",
        }


def test_bounded_search_says_what_it_cannot_look_for() -> None:
    """Progress, and a witness that is too far, leave it undecided."""
    found = search(crowd(at_most=3, comes=False), 3)
    assert {t.name for t in found.targets if t.outcome is Outcome.UNDECIDED} == {"somebody_comes"}
    assert found.verdict is Verdict.UNDECIDED
    far = overflowing()
    assert search(far, 1, names=["two"]).verdict is Verdict.UNDECIDED
    assert search(far, 2, names=["two"]).verdict is Verdict.HOLDS


def test_inference_explores_what_lemmas_do_not_help() -> None:
    """A false count or a deadlock is not hidden under proved invariants."""
    assert infer(crowd(at_most=3, comes=True)).verdict is Verdict.HOLDS
    assert infer(crowd(at_most=2, comes=True)).violated == ("few",)


def test_a_property_with_the_name_of_an_action_or_of_a_fault_is_judged_all_the_same() -> None:
    """Targets have names of their own."""
    protocol = Protocol("namesakes", "A switch.")
    on = protocol.scalar("on", BOOL, initially=False)

    @protocol.action()
    def switch() -> None:
        on.next = ite(on, False, True)

    protocol.reachable()(named("switch", on))
    protocol.never()(named("fault", on))
    protocol.never()(named("deadlock", ~on & on))
    proof = prove_protocol(protocol)
    assert {one.property: one.status.value for one in proof.properties} == {
        "switch": "proved",
        "fault": "refuted",
        "deadlock": "proved",
    }
    assert [t.name for t in search(protocol, 2).targets if t.verdict is Verdict.VIOLATED] == ["fault"]


def named(name: str, condition: Term):  # type: ignore[no-untyped-def]
    """A claim of that name."""

    def claim() -> Term:
        return condition

    claim.__name__ = name
    return claim


def test_a_state_with_an_undefined_guard_may_be_a_witness() -> None:
    """Where one instance of an action can happen and another has no meaning, the one is shown, and no step is taken without."""
    protocol = Protocol("half", "One of two boxes is open.")
    box = protocol.index("Box", 2)
    inside = protocol.map("inside", box, to=BOOL, partial=True)

    @protocol.action(b=box)
    def fill(b: Term) -> None:
        inside.next[b] = True

    @protocol.action(b=box)
    def use(b: Term) -> None:
        require(inside[b])
        inside.next[b] = False

    @protocol.reachable()
    def used() -> Term:
        return exists(box, lambda b: inside.defined(b) & ~inside[b])

    found = search(protocol, 4, happen=True)
    assert {t.name for t in found.targets if t.outcome is Outcome.FOUND} >= {"use happens", "used", "a fault"}
    assert prove(protocol).verdict is Verdict.VIOLATED


@pytest.mark.slow
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(protocols(progress=True))
def test_the_prover_the_explorer_and_bounded_search_agree_on_random_protocols(protocol: Protocol) -> None:
    """What is proved is violated at no size, and what is found is equally far. (`flk bench explore --validate` tries many more.)"""
    assert list(differences(protocol)) == []


def test_the_comparison_sees_a_wrong_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were every invariant called inductive, the explorer would contradict."""
    monkeypatch.setattr(
        "flk.formal.fuzzing.agreement.inductive",
        lambda induction, *_, **__: frozenset(p.name for p in induction.invariants),
    )
    assert any("few is proved" in said for said in differences(lying()))


def lying() -> Protocol:
    """A claim that is false after one step."""
    protocol = Protocol("lying", "Somebody comes.")
    person = protocol.index("Person", 2)
    inside = protocol.relation("inside", person)

    @protocol.action(p=person)
    def enter(p: Term) -> None:
        inside.next[p] = True

    @protocol.always()
    def few() -> Term:
        return forall(person, lambda p: ~inside[p])

    return protocol
