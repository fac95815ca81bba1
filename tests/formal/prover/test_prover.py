"""Proofs of protocols for any sizes: what is proved is true, what is not comes with the smallest counterexample."""

from collections.abc import Iterator
from itertools import product

import pytest
from tests.support.effort import IN_CI
from z3 import Not, unknown, unsat

from flk.formal.explicit.engines import interpreted
from flk.formal.explicit.explore import explore
from flk.formal.explicit.search import Options
from flk.formal.language import (
    ANY,
    BOOL,
    PropertyKind,
    Protocol,
    Term,
    count,
    exists,
    forall,
    implies,
    integer,
    ite,
    require,
)
from flk.formal.language.nodes import Read
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS
from flk.formal.prover import proving
from flk.formal.prover.cti_minimiser import at_size, minimised
from flk.formal.prover.fragment import outside
from flk.formal.prover.guard_mutants import omissions
from flk.formal.prover.obligations import Induction, Obligation
from flk.formal.prover.proving import Proving, decide, prove_protocol
from flk.formal.prover.solver import QUICK, ask
from flk.formal.prover.theorem import Check, Proof, ProofStatus, PropertyStatus
from flk.spec.verdict import Verdict as Explored

LEMMAS = [
    (name, p.name)
    for name in ("two-phase-commit", "replication", "ingest")
    for p in PROTOCOLS[name].properties.values()
    if p.kind is PropertyKind.LEMMA
]
NEEDLESS = {("replication", "shipping_has_no_gap")}
"""Lemmas that follow from the rest, or that nothing rests on."""
HELPFUL = {("ingest", "winners_are_applied")}
"""Lemmas without which an obligation is decided later, on some machines too late, though it has no small counterexample."""


def failing(induction: Induction) -> Iterator[Obligation]:
    """The obligations that Z3 does not soon decide to be met."""
    return (
        obligation
        for obligation in induction.obligations()
        if ask((*obligation.given, Not(obligation.goal)), effort=QUICK)[1] != unsat
    )


def property_status(proof: Proof, name: str) -> PropertyStatus:
    """What is known of a property."""
    return next(one for one in proof.properties if one.property == name)


def refuted(proof: Proof) -> list[Check]:
    """The obligations that are not met."""
    return [check for check in proof.obligations if check.status is not ProofStatus.PROVED]


def counter(*, guard: bool, bound: int = 3) -> Protocol:
    """Something that counts up to a bound, or beyond it without the guard."""
    protocol = Protocol("counter", "It counts.")
    number = protocol.scalar("number", integer(0, bound), initially=0)

    @protocol.action()
    def up() -> None:
        if guard:
            require(number < bound)
        number.next = number + 1

    @protocol.may_stop()
    def at_the_end() -> Term:
        return number == bound

    @protocol.always()
    def small() -> Term:
        return number <= bound

    return protocol


@pytest.mark.slow
@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_proved_for_all_sizes(name: str) -> None:
    """No obligation fails or is undecided; every witness exists; every property is proved or, if about progress, bounded."""
    proof = Proving(PROTOCOLS[name], (), 0)
    assert {check.status for check in proof.obligations} == {ProofStatus.PROVED}
    assert {check.status for check in proof.witnesses} == {ProofStatus.PROVED}
    for one in proof.statuses:
        assert one.finite_only == (one.kind is PropertyKind.LEADS_TO)
        assert one.status is (ProofStatus.BOUNDED if one.finite_only else ProofStatus.PROVED)


@pytest.mark.slow
def test_twelve_properties_of_replication_hold_for_any_number_of_regions_and_records() -> None:
    """Not counting lemmas."""
    known = Proving(PROTOCOLS["replication"], (), 0).statuses
    assert sum(one.kind is PropertyKind.ALWAYS and one.status is ProofStatus.PROVED for one in known) >= 12


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize(("name", "lemma"), LEMMAS)
def test_a_missing_lemma_is_answered_with_the_smallest_step_that_shows_it(name: str, lemma: str) -> None:
    """Some obligation fails, and its counterexample, which the interpreter confirms, names an action and a property."""
    induction = Induction(PROTOCOLS[name], frozenset({lemma}))
    obligation = next(failing(induction), None)
    if obligation is None:
        assert (name, lemma) in NEEDLESS | HELPFUL
        return
    assert (name, lemma) not in NEEDLESS
    found = minimised(induction, obligation)
    assert (found is None) == ((name, lemma) in HELPFUL)
    if found is None:
        return
    assert found.property == obligation.about
    assert found.action.startswith(obligation.action)
    assert not found.reachable


@pytest.mark.sampled
@pytest.mark.parametrize(("name", "lemma"), [case for case in LEMMAS if case[0] != "ingest" and case not in NEEDLESS])
def test_no_counterexample_is_smaller(name: str, lemma: str) -> None:
    """At no sizes of a smaller sum is there a counterexample to the same obligation."""
    induction = Induction(PROTOCOLS[name], frozenset({lemma}))
    obligation = next(failing(induction))
    found = minimised(induction, obligation)
    assert found is not None
    total = sum(found.sizes.values())
    for sizes in product(*(range(1, size + 2) for size in found.sizes.values())):
        if sum(sizes) < total:
            assert at_size(induction, obligation, dict(zip(found.sizes, sizes, strict=True))) is None


def test_a_counterexample_differs_from_the_beginning_as_little_as_possible() -> None:
    """Without the lemma that commitment is ordered, one committed manager is enough: nothing else has happened."""
    induction = Induction(PROTOCOLS["two-phase-commit"], frozenset({"committed_is_ordered"}))
    obligation = next(obligation for obligation in failing(induction) if obligation.action == "RMChooseToAbort")
    found = minimised(induction, obligation)
    assert found is not None
    assert found.sizes == {"RM": 2}
    assert [value for _, value in found.cells] == ["committed"]
    assert [(old, new) for _, old, new in found.changes] == [("working", "aborted")]


def test_what_is_not_shown_by_induction_is_undecided_and_what_rests_on_it_too() -> None:
    """Without a lemma, consistency is neither proved nor refuted, while what does not rest on it stays proved."""
    base = PROTOCOLS["two-phase-commit"]
    protocol = base.variant("weaker", "One lemma less.")
    protocol.without("tm_prepared_was_sent")
    proof = prove_protocol(protocol)
    assert proof.status is ProofStatus.UNDECIDED
    assert property_status(proof, "consistent").status is ProofStatus.UNDECIDED
    assert "not shown by induction" in property_status(proof, "consistent").note
    assert property_status(proof, "orders_are_decisions").status is ProofStatus.PROVED


@pytest.mark.parametrize("name", ["get-then-set", "unsealed-shipping", "in-memory-outbox"])
def test_a_refuted_design_is_refuted_with_a_run(name: str) -> None:
    """Its property is false, and a run from an initial state shows it."""
    design = DESIGNS[name]
    proof = Proving(design.exhibit, (), 0)
    assert proof.status is ProofStatus.REFUTED
    run = next(check for check in proof.runs if check.name == design.violates)
    assert run.path is not None
    assert run.path.reachable


def test_a_property_that_fails_at_first_is_found_at_first() -> None:
    """The counterexample is an initial state."""
    protocol = counter(guard=True)

    @protocol.always()
    def started() -> Term:
        return Term(Read(protocol.variables["number"], ())) > 0

    proof = prove_protocol(protocol)
    assert [check.name for check in refuted(proof)][:1] == ["started · initially"]
    assert property_status(proof, "started").status is ProofStatus.REFUTED


def test_bounds_are_proved_and_not_assumed() -> None:
    """A guarded counter keeps its bound. Without the guard, the step that leaves it is shown, and nothing counts as proved."""
    assert prove_protocol(counter(guard=True)).status is ProofStatus.PROVED
    proof = prove_protocol(counter(guard=False))
    assert proof.status is ProofStatus.REFUTED
    check = refuted(proof)[0]
    assert check.name == "update is defined · up"
    assert check.path is not None
    assert check.path.cells == (("number", "3"),)
    assert "would become 4" in check.path.note
    assert property_status(proof, "small").status is not ProofStatus.PROVED


def test_reading_what_is_undefined_is_an_obligation() -> None:
    """In a guard, in an update and in a property: each is shown with a state."""
    protocol = Protocol("unsure", "It reads what may not be there.")
    Thing = protocol.index("Thing")
    mark = protocol.map("mark", Thing, to=BOOL, partial=True)
    seen = protocol.relation("seen", Thing)

    @protocol.action(x=Thing)
    def guess(x: Term) -> None:
        require(mark[x])
        seen.next[x] = True

    @protocol.action(x=Thing)
    def copy(x: Term) -> None:
        seen.next[x] = mark[x]

    @protocol.always()
    def marked() -> Term:
        return forall(Thing, lambda x: implies(seen[x], mark[x]))

    @protocol.always()
    def careful() -> Term:
        return forall(Thing, lambda x: implies(mark.defined(x) & ~seen[x], ~mark[x] | mark[x]))

    names = [check.name for check in refuted(prove_protocol(protocol))]
    assert {"guard is defined · guess", "update is defined · copy"} < set(names)
    assert not any(name.startswith("careful is defined") for name in names)


def test_a_place_written_twice_is_an_obligation() -> None:
    """Two updates of one variable must be apart, for all arguments."""
    protocol = Protocol("twice", "It writes twice.")
    Thing = protocol.index("Thing")
    mark = protocol.relation("mark", Thing)

    @protocol.action(x=Thing, y=Thing)
    def both(x: Term, y: Term) -> None:
        mark.next[x] = True
        mark.next[y] = False

    @protocol.action(x=Thing, y=Thing)
    def apart(x: Term, y: Term) -> None:
        require(x != y)
        mark.next[x] = True
        mark.next[y] = False

    @protocol.always()
    def fine() -> Term:
        return forall(Thing, lambda x: mark[x] | ~mark[x])

    names = [check.name for check in refuted(prove_protocol(protocol))]
    assert names[0] == "update is defined · both"
    assert not any("apart" in name for name in names)


def elections(*, order: bool) -> Protocol:
    """The least who runs is the leader, where they have an order."""
    protocol = Protocol("election", "They stand, and the least leads.")
    Person = protocol.index("Person", size=3, ordered=True)
    runs = protocol.relation("runs", Person)
    leads = protocol.relation("leads", Person)

    @protocol.action(x=Person)
    def stand(x: Term) -> None:
        require(~exists(Person, lambda y: leads[y]))
        runs.next[x] = True

    @protocol.action(x=Person)
    def lead(x: Term) -> None:
        require(runs[x])
        if order:
            require(forall(Person, lambda y: implies(runs[y], x <= y)))
        leads.next[x] = True

    @protocol.never()
    def rivals() -> Term:
        return exists(Person, Person, lambda x, y: leads[x] & leads[y] & (x != y))

    @protocol.lemma()
    def leaders_are_least() -> Term:
        return forall(Person, Person, lambda x, y: implies(leads[x] & runs[y], x <= y)) & forall(
            Person, lambda x: implies(leads[x], runs[x])
        )

    return protocol


def test_an_order_is_irreflexive_transitive_and_total() -> None:
    """Each of the three is proved of an ordered sort, though nothing in the protocol says so."""
    protocol = elections(order=True)
    Person = protocol.sorts["Person"]

    @protocol.always()
    def irreflexive() -> Term:
        return forall(Person, Person, lambda x, y: implies(x == y, ~(x < y)))

    @protocol.always()
    def transitive() -> Term:
        return forall(Person, Person, Person, lambda x, y, z: implies((x < y) & (y < z), x < z))

    @protocol.always()
    def total() -> Term:
        return forall(Person, Person, lambda x, y: (x < y) | (x == y) | (y < x))

    proof = prove_protocol(protocol)
    assert {property_status(proof, name).status for name in ("irreflexive", "transitive", "total")} == {
        ProofStatus.PROVED
    }


def test_an_order_makes_the_least_one() -> None:
    """Two least leaders are one, whatever their number; without the guard there are two, with two people."""
    assert prove_protocol(elections(order=True)).status is ProofStatus.PROVED
    proof = prove_protocol(elections(order=False))
    assert property_status(proof, "rivals").status is ProofStatus.REFUTED
    found = next(check.path for check in refuted(proof) if check.path and not check.path.reachable)
    assert found.sizes == {"Person": 2}


def frozen(*, changes: bool) -> Protocol:
    """A fact about what begins anywhere, which may or may not change."""
    protocol = Protocol("frozen", "Some are good.")
    Thing = protocol.index("Thing")
    good = protocol.relation("good", Thing, initially=ANY)
    taken = protocol.relation("taken", Thing)

    @protocol.assume
    def all_are_good() -> Term:
        return forall(Thing, lambda x: good[x])

    @protocol.action(x=Thing)
    def take(x: Term) -> None:
        require(~good[x])
        taken.next[x] = True

    @protocol.action(x=Thing)
    def spoil(x: Term) -> None:
        if changes:
            good.next[x] = False
        taken.next[x] = False

    @protocol.never()
    def something_is_taken() -> Term:
        return exists(Thing, lambda x: taken[x])

    return protocol


def test_assumptions_hold_for_what_never_changes_and_only_at_first_for_the_rest() -> None:
    """An assumption about a variable that an action writes is not taken for granted after the beginning."""
    assert refuted(prove_protocol(frozen(changes=False))) == []
    assert property_status(prove_protocol(frozen(changes=True)), "something_is_taken").status is ProofStatus.REFUTED


def crowd(*, in_update: bool) -> Protocol:
    """Something that counts the elements of a sort."""
    protocol = Protocol("crowd", "At most two come in.")
    Thing = protocol.index("Thing", size=3)
    inside = protocol.relation("inside", Thing)
    full = protocol.scalar("full", BOOL, initially=False)

    @protocol.action(x=Thing)
    def enter(x: Term) -> None:
        require(~full, count(Thing, lambda y: inside[y]) < 2)
        inside.next[x] = True
        full.next = ite(count(Thing, lambda y: inside[y]) >= 1, True, full) if in_update else True

    @protocol.may_stop()
    def nobody_can_enter() -> Term:
        return full

    @protocol.always()
    def few() -> Term:
        return count(Thing, lambda x: inside[x]) <= 2

    @protocol.always()
    def full_has_someone() -> Term:
        return implies(full, exists(Thing, lambda x: inside[x]))

    return protocol


def test_what_counts_is_explored_only_by_design() -> None:
    """A property that counts is explored then and there; what a guard counts is left open, which only adds behaviour."""
    proof = prove_protocol(crowd(in_update=False))
    assert property_status(proof, "few").status is ProofStatus.BOUNDED
    assert "4 states at Thing 3" in property_status(proof, "few").note
    assert property_status(proof, "full_has_someone").status is ProofStatus.PROVED
    assert proof.status is ProofStatus.BOUNDED


def test_an_update_that_counts_leaves_nothing_to_prove() -> None:
    """Nothing is claimed of such a protocol for all sizes, and the report says why and what was explored."""
    proof = prove_protocol(crowd(in_update=True))
    assert {one.status for one in proof.properties} == {ProofStatus.BOUNDED}
    assert "nothing is proved for all sizes: few, enter counts" in proof.remarks[0]
    assert proof.status is ProofStatus.BOUNDED
    assert "enter" in proof.remarks[0]


def test_a_solver_that_gives_up_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`unknown` is never a pass."""
    solver, _ = ask(())
    monkeypatch.setattr(proving, "ask", lambda *_: (solver, unknown))
    monkeypatch.setattr(proving, "minimised", lambda *_: None)
    induction = Induction(PROTOCOLS["two-phase-commit"])
    assert {decide(induction, obligation).status for obligation in induction.obligations()} == {ProofStatus.UNDECIDED}
    assert prove_protocol(counter(guard=True)).status is ProofStatus.UNDECIDED


def test_a_protocol_whose_obligations_nothing_breaks_is_not_shown_to_say_anything() -> None:
    """Where every action can lose every guard and update, the invariants hold for want of substance."""
    protocol = Protocol("idle", "Nothing happens.")
    lit = protocol.scalar("lit", BOOL, initially=False)

    @protocol.action()
    def blink() -> None:
        lit.next = ~lit

    @protocol.always()
    def either() -> Term:
        return lit | ~lit

    assert prove_protocol(protocol).status is ProofStatus.UNDECIDED


@pytest.mark.parametrize("name", ["two-phase-commit", pytest.param("audit", marks=pytest.mark.thorough)])
def test_what_is_proved_of_a_slip_is_true_of_it(name: str) -> None:
    """Where all obligations hold though a guard or an update is left out, exploring finds no violation either."""
    base = PROTOCOLS[name]
    trials = {trial.mutant: trial.status for trial in Proving(base, (), 0).omissions}
    assert ProofStatus.REFUTED in trials.values()
    assert ProofStatus.UNDECIDED not in trials.values()
    for omission in omissions(base):
        if trials[omission.name] is ProofStatus.PROVED:
            changed = base.variant("changed", "With an omission.")
            changed.actions[omission.action.name] = omission.action
            changed.without(*(p.name for p in base.properties.values() if p.kind is PropertyKind.LEADS_TO))
            found = explore(changed, interpreted.search, "interpreter", options=Options(max_states=300))
            bad = {f.property for f in found.findings if f.verdict is Explored.VIOLATED}
            assert bad <= {p.name for p in base.properties.values() if p.kind is PropertyKind.REACHABLE}
            assert found.fault is None


@pytest.mark.slow
def test_queries_of_most_protocols_are_decidable() -> None:
    """Only those that compare stamps make stamps from stamps, as in the property that some stamp is the least; and five more: each
    layout of a ring has stores and each store was in one, what a region looks for another one held, what a snapshot has of a
    lost log some log had, what a batch covers one before it holds, and the next segment has all before it.
    """
    found = {name: outside(Induction(protocol)) for name, protocol in PROTOCOLS.items()}
    assert {name for name, why in found.items() if why} <= {
        "replication",
        "retention",
        "shared-store",
        "fences",
        "reconciliation",
        "lost-logs",
        "transparency",
        "policies",
    }


def test_a_cycle_of_quantifiers_is_noticed() -> None:
    """For all x some y of the same sort, in an invariant; and integers."""
    protocol = counter(guard=True)
    assert outside(Induction(protocol)) == ("integers: number",)
    Thing = protocol.index("Thing")
    near = protocol.relation("near", Thing, Thing)

    @protocol.always()
    def someone_is_near() -> Term:
        return forall(Thing, lambda x: exists(Thing, lambda y: near[x, y] | (x == y)))

    assert outside(Induction(protocol))[0] == "elements of Thing are made from those of Thing"


@pytest.mark.slow
def test_seeds_agree() -> None:
    """No seed of the solver leaves an obligation undecided."""
    induction = Induction(PROTOCOLS["replication"])
    for seed in range(1, 3 if IN_CI else 6):
        assert {decide(induction, obligation, seed).status for obligation in induction.obligations()} == {
            ProofStatus.PROVED
        }
