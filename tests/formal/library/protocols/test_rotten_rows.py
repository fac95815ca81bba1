"""Rotten rows: what exploring finds, and that it would find faults."""

from dataclasses import replace

import pytest
from tests.support.formal.mutants.rotten_rows import MUTANTS, SIZES

from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.coverage import coverage
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import explore, restricted
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options, violates
from flk.formal.language import PropertyKind
from flk.formal.library.protocols.rotten_rows import protocol
from flk.spec.verdict import Verdict

ENGINE = choose("auto")


def test_every_property_holds_and_every_witness_is_near() -> None:
    """Of a key, two nodes and two claims: so many states, and what can happen can in so many steps."""
    found = explore(protocol, ENGINE.engine, ENGINE.name, SIZES, graph_of=graph)
    assert {f.property: f.verdict for f in found.findings if f.verdict is not Verdict.HOLDS} == {}
    assert (sum(found.layers), found.transitions) == (6_104, 26_664)
    assert {f.property: len(f.path.moves) - 1 for f in found.findings if f.path} == {
        "put_back_and_joined": 10,
        "two_put_back_at_once": 6,
        "the_row_has_moved_on": 10,
        "more_was_set_aside": 10,
        "nobody_is_left_to_join": 9,
    }


def test_every_property_holds_of_two_keys() -> None:
    """One row that has rotted is nothing to the other key, whichever step its node takes."""
    sizes = {"Key": 2, "Node": 1, "Claim": 1}
    kept = [name for name, each in protocol.properties.items() if each.kind is not PropertyKind.REACHABLE]
    found = explore(restricted(protocol, kept), ENGINE.engine, ENGINE.name, sizes, graph_of=graph)
    assert {f.property: f.verdict for f in found.findings if f.verdict is not Verdict.HOLDS} == {}


def test_every_action_happens_and_every_guard_decides() -> None:
    """Each conjunct is seen true and false."""
    ground = Ground(Schema.of(protocol, SIZES))
    covered = coverage(ground, ENGINE.engine(ground, Options()))
    assert [action.action for action in covered if not action.fired] == []
    assert {(a.action, c.text) for a in covered for c in a.conjuncts if not (c.seen_true and c.seen_false)} == set()


PROGRESS = {
    "what_a_log_has_is_whole_again": ("notice", "find", "put_back", "rot_came_first"),
    "what_was_set_aside_is_joined": ("read_note", "rejoin", "strike"),
}


@pytest.mark.parametrize(("name", "action"), [(name, action) for name, each in PROGRESS.items() for action in each])
def test_progress_needs_those_who_mend(name: str, action: str) -> None:
    """Where nobody does one of the steps, a row stays rotten for ever, or a claim set aside. With two nodes and two claims some
    node is free even if who came late stays.
    """
    alone = restricted(protocol, [name])
    whole = alone.properties[name]
    alone.properties[name] = replace(whole, fair=tuple(each for each in whole.fair if each != action))
    (finding,) = explore(alone, ENGINE.engine, ENGINE.name, SIZES, graph_of=graph).findings
    assert finding.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("name", MUTANTS)
def test_every_planted_fault_is_found(name: str) -> None:
    """The explorer refutes it by an invariant, a lemma included."""
    mutant = MUTANTS[name]()
    invariants = [each.name for each in mutant.properties.values() if violates(each.kind)]
    found = explore(restricted(mutant, invariants), ENGINE.engine, ENGINE.name, SIZES, Options(stop=True))
    assert found.verdict is Verdict.VIOLATED
