"""What says when an action is enabled is shown once, in any state, and assumed for nothing; omissions are judged by it, too."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flk.formal.explicit.engines import interpreted
from flk.formal.explicit.explore import explore
from flk.formal.language import BOOL, Protocol, Term, exists, forall, require
from flk.formal.prover.obligations import ALWAYS, Induction
from flk.formal.prover.proving import Proving, inductive
from flk.formal.prover.theorem import ProofStatus
from flk.spec.verdict import Verdict


def lamps(*, fragile: bool = False) -> Protocol:
    """Lamps that are lit once; one that is broken is never lit, and only a lit one breaks, unless they are fragile."""
    protocol = Protocol("lamps", "Each is lit, and breaks.")
    lamp = protocol.index("Lamp")
    lit, broken = protocol.relation("lit", lamp), protocol.relation("broken", lamp)

    @protocol.action(b=lamp)
    def light(b: Term) -> None:
        require(~lit[b], ~broken[b])
        lit.next[b] = True

    @protocol.action(b=lamp)
    def wear_out(b: Term) -> None:
        if not fragile:
            require(lit[b])
        broken.next[b] = True

    @protocol.may_stop()
    def at_the_end() -> Term:
        return forall(lamp, lambda b: broken[b])

    @protocol.always()
    def only_the_lit_break() -> Term:
        return ~exists(lamp, lambda b: broken[b] & ~lit[b])

    @protocol.never()
    def lit_twice() -> Term:
        return exists(lamp, lambda b: lit[b] & protocol.enabled("light", b=b))

    @protocol.always()
    def only_dark_ones_are_lit() -> Term:
        return forall(lamp, lambda b: protocol.enabled("light", b=b) == ~lit[b])

    return protocol


def test_a_consequence_has_one_obligation_and_is_assumed_for_none() -> None:
    """One follows from a guard alone, the other with an invariant; neither is looked at again after any step."""
    induction = Induction(lamps())
    assert [p.name for p in induction.consequences] == ["lit_twice", "only_dark_ones_are_lit"]
    assert [p.name for p in induction.inductive] == ["only_the_lit_break"]
    about = [one.name for one in induction.obligations() if one.about != "only_the_lit_break"]
    assert about == [f"lit_twice · {ALWAYS}", f"only_dark_ones_are_lit · {ALWAYS}"]
    assert Proving(lamps(), (), 0).status is ProofStatus.PROVED


def test_an_omission_is_judged_by_what_says_when_the_action_is_enabled() -> None:
    """Without its first guard a lamp can be lit twice. The second says what the first implies, where only the lit break."""
    refuted = {trial.mutant: [check.name for check in trial.checks] for trial in Proving(lamps(), (), 0).omissions}
    assert refuted["light without require not lit[b]"] == [f"lit_twice · {ALWAYS}"]
    assert refuted["light without require not broken[b]"] == []


def test_what_follows_only_where_a_claim_holds_falls_with_it() -> None:
    """A claim that no induction shows carries no consequence either."""
    assert inductive(Induction(lamps(fragile=True))) == frozenset({"lit_twice"})


def test_what_needs_a_step_is_shown_by_induction() -> None:
    """Who can act may change with every step: that somebody can follows from no guard, and is kept by each action."""
    protocol = Protocol("turns", "Two take turns.")
    left, right = (protocol.scalar(name, BOOL, initially=first) for name, first in (("left", True), ("right", False)))

    @protocol.action()
    def pass_on() -> None:
        require(left)
        left.next, right.next = False, True

    @protocol.action()
    def hand_back() -> None:
        require(right)
        left.next, right.next = True, False

    @protocol.always()
    def somebody_can() -> Term:
        return protocol.enabled("pass_on") | protocol.enabled("hand_back")

    proving = Proving(protocol, (), 0)
    assert [p.name for p in proving.induction.inductive] == ["somebody_can"]
    assert proving.status is ProofStatus.PROVED
    refuted = {trial.mutant: trial.status for trial in proving.omissions}
    assert refuted["pass_on without right := true"] is ProofStatus.REFUTED


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3), st.sampled_from(["a", "b", "c"]), st.booleans()
)
def test_what_is_kept_of_when_an_action_is_enabled_is_true(guards: list[str], said: str, first: bool) -> None:
    """Whatever guards an action has and whatever is said of it: what the prover keeps, exploring does not violate."""
    protocol = Protocol("guarded", "One action sets what its guard may read.")
    cells = {name: protocol.scalar(name, BOOL, initially=first) for name in "abc"}

    @protocol.action()
    def act() -> None:
        require(*(cells[name] for name in guards))
        cells["a"].next, cells["b"].next = cells["b"], ~cells["a"]

    @protocol.always()
    def claimed() -> Term:
        return ~protocol.enabled("act") | cells[said]

    protocol.judge_only_properties()
    found = explore(protocol, interpreted.search, "interpreter")
    if "claimed" in (inductive(Induction(protocol)) or frozenset()):
        assert next(f.verdict for f in found.findings if f.property == "claimed") is Verdict.HOLDS
    if said in guards:
        assert [p.name for p in Induction(protocol).consequences] == ["claimed"]
