"""A deadlock: a reachable state in which no action can happen though the protocol may not stop there. All engines find the same."""

from collections.abc import Callable

import pytest

from flk.formal.explicit.engines.choose import ENGINES
from flk.formal.explicit.explore import DEADLOCK, HAPPENS, Explored, explore
from flk.formal.explicit.search import Options
from flk.formal.language import BOOL, IllFormed, Protocol, Term, count, exists, forall, integer, require
from flk.formal.language.terms import lift
from flk.formal.library.gallery import DESIGNS
from flk.formal.library.protocols.audit import protocol as audit
from flk.formal.library.protocols.outbox import protocol as outbox
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

ENDS_WHERE_IT_MAY_NOT = {"acknowledged-on-send", "overload-buries", "buried-and-kept", "removed-when-taken"}
"""Refuted designs of the outbox and of audit whose fault also loses something for good."""


def philosophers() -> Protocol:
    """Each takes the fork before it, then the next one, and puts both back."""
    protocol = Protocol("philosophers", "They sit in a circle; each needs two forks.")
    seat = integer(0, 2)
    fork = protocol.map("fork", seat, to=integer(0, 3), initially=3)

    @protocol.action(p=seat)
    def take_first(p: Term) -> None:
        require(fork[p] == 3)
        fork.next[p] = p

    @protocol.action(p=seat)
    def take_second(p: Term) -> None:
        require(fork[p] == p, fork[(p + 1) % 3] == 3)
        fork.next[(p + 1) % 3] = p

    @protocol.action(p=seat)
    def put_back(p: Term) -> None:
        require(fork[p] == p, fork[(p + 1) % 3] == p)
        fork.next[p] = 3
        fork.next[(p + 1) % 3] = 3

    return protocol


def lamp(*, may_stop: Callable[[Term], Term] | None = None) -> Protocol:
    """A row of lamps that are lit one by one."""
    protocol = Protocol("lamps", "Each is lit once.")
    place = protocol.index("Place", 3)
    lit = protocol.relation("lit", place)
    fuse = protocol.scalar("fuse", BOOL, initially=True)

    @protocol.action(p=place)
    def light(p: Term) -> None:
        require(fuse, ~lit[p])
        lit.next[p] = True

    @protocol.action()
    def blow() -> None:
        require(fuse, exists(place, lambda p: lit[p]))
        fuse.next = False

    if may_stop is not None:
        protocol.may_stop()(lambda: may_stop(forall(place, lambda p: lit[p])))
    return protocol


def every(protocol: Protocol, options: Options | None = None) -> Explored:
    """What the engines find alike. (Numba's is compared in test_engines, by what is printed for it: compiling takes seconds.)"""
    found = [explore(protocol, ENGINES[name], name, options=options) for name in ("interpreter", "numpy", "c")]
    for other in found[1:]:
        assert (other.implied, other.verdict, other.fault) == (found[0].implied, found[0].verdict, found[0].fault)
    return found[0]


@pytest.mark.slow
def test_philosophers_each_with_one_fork() -> None:
    """All engines find the shortest way to the deadlock, with nothing declared."""
    found = every(philosophers())
    assert found.verdict is Verdict.VIOLATED
    assert found.deadlock is not None
    assert found.deadlock.path is not None
    assert [move.action for move in found.deadlock.path.moves[1:]] == ["take_first"] * 3
    assert found.complete


@pytest.mark.slow
def test_an_end_that_is_declared_is_no_deadlock_and_any_other_is() -> None:
    """`may_stop` is read where no action can happen: all lamps lit is an end, a blown fuse in the dark is not."""
    assert every(lamp(may_stop=lambda all_lit: all_lit | ~all_lit)).verdict is Verdict.HOLDS
    found = every(lamp(may_stop=lambda all_lit: all_lit))
    assert found.deadlock is not None
    assert found.deadlock.path is not None
    assert [move.action for move in found.deadlock.path.moves[1:]] == ["light", "blow"]


@pytest.mark.slow
def test_an_end_that_is_undefined_is_a_fault_where_it_is_read_and_only_there() -> None:
    """Every engine reports the fault at the state without steps; the same condition is undefined in states with steps, too."""
    protocol = lamp()
    last = protocol.scalar("last", protocol.sorts["Place"], partial=True)
    other = protocol.scalar("other", protocol.sorts["Place"], partial=True)
    protocol.may_stop()(lambda: last == other)
    found = every(protocol)
    assert found.fault is not None
    assert found.fault.path is not None
    assert len(found.fault.path.moves) == 3
    assert "last is read where it is undefined" in found.fault.note


def test_a_search_that_is_cut_short_has_not_shown_that_there_is_none() -> None:
    """Undecided, even where no property is declared; and `stop` ends at a deadlock."""
    engine = ENGINES["interpreter"]
    cut = explore(philosophers(), engine, "interpreter", options=Options(max_states=2))
    assert cut.verdict is Verdict.UNDECIDED
    stopped = explore(lamp(), engine, "interpreter", options=Options(stop=True))
    assert stopped.verdict is Verdict.VIOLATED
    assert not stopped.complete


def test_an_action_that_nothing_allows_is_reported_unless_it_may_not_happen() -> None:
    """A guard that is false in every reachable state makes an action idle, which is a violation unless declared."""
    protocol = lamp(may_stop=lambda all_lit: all_lit | ~all_lit)

    @protocol.action()
    def never() -> None:
        require(count(protocol.sorts["Place"], lambda _: lift(value=True)) > 3)

    found = explore(protocol, ENGINES["numpy"], "numpy")
    assert [(f.property, f.verdict) for f in found.implied if f.property != DEADLOCK] == [
        ("never" + HAPPENS, Verdict.VIOLATED)
    ]
    assert found.verdict is Verdict.VIOLATED
    protocol.may_not_happen("never")
    assert explore(protocol, ENGINES["numpy"], "numpy").verdict is Verdict.HOLDS


def test_ends_of_a_variant() -> None:
    """It inherits them, replaces one of the same name, adds others and removes some; two of a name are refused."""
    base = lamp(may_stop=lambda all_lit: all_lit)
    copy = base.variant("copy", "The same.")
    assert list(copy.ends) == ["<lambda>"]
    copy.without("<lambda>")
    assert copy.ends == {}

    def done() -> Term:
        return exists(base.sorts["Place"], lambda _: lift(value=True))

    copy.may_stop()(done)
    assert list(copy.ends) == ["done"]
    with pytest.raises(IllFormed, match="two ends called done"):
        copy.may_stop()(done)
    with pytest.raises(IllFormed, match="has no parentheses"):
        copy.may_stop(done)  # type: ignore[arg-type]
    with pytest.raises(IllFormed, match="no action lit: choose from light, blow"):
        copy.may_not_happen("lit")
    foreign = Protocol("foreign", "Another one.")
    with pytest.raises(IllFormed, match="is not one of foreign"):
        foreign.may_stop()(done)


def test_no_initial_state_is_an_error_and_no_success() -> None:
    """Assumptions that contradict each other would make everything hold."""
    protocol = lamp()
    protocol.assume(lambda: exists(protocol.sorts["Place"], lambda _: lift(value=False)))
    with pytest.raises(UnusableInput, match="no initial state satisfies the assumptions"):
        explore(protocol, ENGINES["interpreter"], "interpreter")


@pytest.mark.parametrize(("protocol", "sizes"), [(outbox, {"Record": 1}), (audit, {"Task": 1, "Worker": 1})])
def test_the_ends_that_protocols_declare_are_real(protocol: Protocol, sizes: dict[str, int]) -> None:
    """Without them there is a deadlock, with them there is none."""
    bare = protocol.variant("bare", "")
    bare.without(*bare.properties)
    assert explore(bare, ENGINES["numpy"], "numpy", sizes).verdict is Verdict.HOLDS
    bare.without(*bare.ends)
    assert explore(bare, ENGINES["numpy"], "numpy", sizes).verdict is Verdict.VIOLATED


def test_designs_that_come_to_an_end_they_may_not() -> None:
    """An end is real: some designs come to others, which are deadlocks. An exhibit is judged by its property alone."""
    stuck = set()
    for name, design in DESIGNS.items():
        if design.protocol.base not in (outbox, audit):
            continue
        assert explore(design.exhibit, ENGINES["numpy"], "numpy", design.sizes).implied == ()
        whole = design.protocol.variant(name, "")
        whole.without(*whole.properties)
        found = explore(whole, ENGINES["numpy"], "numpy", design.sizes)
        if found.verdict is Verdict.VIOLATED:
            stuck.add(name)
            assert [f.property for f in found.implied if f.verdict is Verdict.VIOLATED] == [DEADLOCK]
    assert stuck >= ENDS_WHERE_IT_MAY_NOT
