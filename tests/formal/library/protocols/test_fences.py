"""Fences: what exploring finds, that it would find faults, and what the protocol does not need."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.formal.mutants.fences import MUTANTS, SIZES, THREE, THREE_LAYOUTS

from flk.formal.explicit.engines import vectorised
from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.coverage import coverage
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import explore, restricted
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options, violates
from flk.formal.language import Protocol, Term, ite, require
from flk.formal.library.protocols.fences import (
    Node,
    Store,
    ahead,
    concerned,
    fence,
    has,
    known,
    latest,
    opened,
    protocol,
    raised,
)
from flk.spec.verdict import Verdict

ENGINE = choose("auto")
TWO_STORES = {"Store": 2, "Node": 2, "Layout": 2}


def test_every_property_holds_and_every_witness_is_near() -> None:
    """Of two stores, nodes and layouts: so many states, and what can happen can in so many steps."""
    found = explore(protocol, ENGINE.engine, ENGINE.name, TWO_STORES, graph_of=graph)
    assert {f.property: f.verdict for f in found.findings if f.verdict is not Verdict.HOLDS} == {}
    assert (sum(found.layers), found.transitions) == (116_312, 647_462)
    assert {f.property: len(f.path.moves) - 1 for f in found.findings if f.path} == {
        "written_before_and_after": 12,
        "two_complete_one_change": 9,
        "a_step_comes_late": 11,
        "everybody_died_in_the_middle": 8,
        "torn_and_read_again": 10,
        "a_store_comes_and_one_goes": 11,
    }


@pytest.mark.slow
def test_every_action_happens_and_every_guard_decides() -> None:
    """Each conjunct is seen true and false, but that of a node which stands still for two changes, and what its last one implies:
    a fence at the layout that a node knows is open, since the node has raised it.
    """
    ground = Ground(Schema.of(protocol, TWO_STORES))
    covered = coverage(ground, ENGINE.engine(ground, Options()))
    assert [action.action for action in covered if not action.fired] == []
    idle = {(a.action, c.text) for a in covered for c in a.conjuncts if not (c.seen_true and c.seen_false)}
    assert idle == {
        ("put_in_force", "coming = ahead[n]"),
        *((action, conjunct) for action in ("write", "answer") for conjunct in ("defined(fence[s])", "opened[s]")),
    }


@pytest.mark.parametrize("action", ["meet", "close", "put_in_force", "open_store"])
def test_progress_needs_those_who_complete_a_change(action: str) -> None:
    """Where nobody does one of the steps, stores may stay closed for ever."""
    alone = restricted(protocol, ["stores_are_open_again"])
    whole = alone.properties["stores_are_open_again"]
    fair = tuple(each for each in whole.fair if each != action)
    alone.properties["stores_are_open_again"] = replace(whole, fair=fair)
    (finding,) = explore(alone, ENGINE.engine, ENGINE.name, SIZES, graph_of=graph).findings
    assert finding.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("name", MUTANTS)
def test_every_planted_fault_is_found(name: str) -> None:
    """The explorer refutes it by an invariant, a lemma included."""
    mutant = MUTANTS[name]()
    invariants = [each.name for each in mutant.properties.values() if violates(each.kind)]
    sizes = THREE if name in THREE_LAYOUTS else SIZES
    found = explore(restricted(mutant, invariants), vectorised.search, "vectorised", sizes, Options(stop=True))
    assert found.verdict is Verdict.VIOLATED


def refuse_higher_fences_only(changed: Protocol) -> None:
    """A store takes a write unless its fence is higher than what the write names."""

    @changed.action(n=Node, s=Store)
    def write(n: Term, s: Term) -> None:
        """What is open for a layout is higher than what is closed for it."""
        require(known.defined(n), has[known[n], s], ~fence.defined(s) | (fence[s] <= known[n]))
        latest.next = known[n]


def raise_fences_once(changed: Protocol) -> None:
    """A fence goes from the number of one layout to that of the next."""

    @changed.action(n=Node, s=Store)
    def close(n: Term, s: Term) -> None:
        """The store is open for what comes next, which nobody knows yet."""
        require(ahead.defined(n), concerned(n, s), ~raised[n, s])
        lower = ~fence.defined(s) | (fence[s] < ahead[n])
        fence.next[s] = ite(lower, ahead[n], fence[s])
        opened.next[s] = opened[s] | lower
        raised.next[n, s] = True


@pytest.mark.parametrize("change", [refuse_higher_fences_only, raise_fences_once])
def test_what_keeps_layouts_apart_is_that_who_names_one_has_raised_every_fence(
    change: Callable[[Protocol], None],
) -> None:
    """While that holds, a write need not be refused for a lower fence, and a fence need not be closed before it is open."""
    changed = protocol.variant("less", "Something is left out.")
    change(changed)
    kept = ["writes_land_in_the_layout_in_force", "layouts_do_not_interleave", "answers_are_of_one_layout"]
    found = explore(restricted(changed, kept), ENGINE.engine, ENGINE.name, TWO_STORES)
    assert found.verdict is Verdict.HOLDS
