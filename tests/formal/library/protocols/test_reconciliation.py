"""Reconciliation: what exploring finds, and that it would find faults."""

from dataclasses import replace

import pytest
from tests.support.formal.mutants.reconciliation import MUTANTS, SIZES

from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.coverage import coverage
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import explore, restricted
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options, violates
from flk.formal.language import Term, require
from flk.formal.library.protocols.reconciliation import Claim, Region, held, protocol
from flk.spec.verdict import Verdict

ENGINE = choose("auto")


def test_every_property_holds_and_every_witness_is_near() -> None:
    """Of two regions and a claim: so many states, and what can happen can in so many steps. Rows are replaced by later claims, of
    which there are none.
    """
    found = explore(protocol, ENGINE.engine, ENGINE.name, SIZES, graph_of=graph)
    assert [f.property for f in found.findings if f.verdict is not Verdict.HOLDS] == ["replaced_by_what_was_logged"]
    assert (sum(found.layers), found.transitions) == (1_256, 5_962)
    assert {f.property: len(f.path.moves) - 1 for f in found.findings if f.path} == {
        "on_its_way_and_seen": 3,
        "replayed_since_it_looked": 6,
        "lost": 4,
        "mended": 5,
        "held_by_one_and_in_no_log": 3,
        "held_although_nothing_was_spoilt": 1,
    }


def test_every_action_happens_and_every_guard_decides() -> None:
    """Each conjunct is seen true and false, but that of an action which needs two claims."""
    ground = Ground(Schema.of(protocol, SIZES))
    covered = coverage(ground, ENGINE.engine(ground, Options()))
    assert {action.action for action in covered if not action.fired} == {"replace_row"}  # by a later one, which is none
    idle = {(a.action, c.text) for a in covered for c in a.conjuncts if a.fired and not (c.seen_true and c.seen_false)}
    assert idle == {("look", "held[s] = c")}


PROGRESS = ("what_is_proposed_is_decided", "no_look_lasts_for_ever", "what_a_peer_holds_is_mended")


@pytest.mark.parametrize(
    ("name", "action"), [(name, action) for name in PROGRESS for action in protocol.properties[name].fair]
)
def test_progress_needs_every_fair_action(name: str, action: str) -> None:
    """Without the fairness of any one of them, a store may lack for ever what it lost, and a round or a proposal has no end."""
    alone = restricted(protocol, [name])
    whole = alone.properties[name]
    fair = tuple(each for each in whole.fair if each != action)
    alone.properties[name] = replace(whole, fair=fair)
    (finding,) = explore(alone, ENGINE.engine, ENGINE.name, SIZES, graph_of=graph).findings
    assert finding.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("name", MUTANTS)
def test_every_planted_fault_is_found(name: str) -> None:
    """The explorer refutes it by an invariant, a lemma included."""
    mutant = MUTANTS[name]()
    sizes = {"Region": 2, "Claim": 2} if name == "looks-at-no-peer" else SIZES
    invariants = [each.name for each in mutant.properties.values() if violates(each.kind)]
    found = explore(restricted(mutant, invariants), ENGINE.engine, ENGINE.name, sizes, Options(stop=True))
    assert found.verdict is Verdict.VIOLATED


def test_a_majority_does_not_decide() -> None:
    """Two of three regions hold the later claim, and have yet to replay the first: by their vote the third loses it (DIV-5)."""
    voted = protocol.variant("the-majority-decides", "What most regions hold is taken for right.")

    @voted.action(r=Region, s=Region, t=Region, c=Claim)
    def vote(r: Term, s: Term, t: Term, c: Term) -> None:
        """Two others hold another claim."""
        require(r != s, s != t, r != t, held.defined(r), held.defined(s), held.defined(t))
        require(held[s] == c, held[t] == c, held[r] != c)
        held.next[r] = c

    alone = voted.variant("alone", "One property.")
    alone.without(*(name for name in alone.properties if name != "the_least_is_held"))
    alone.judge_only_properties()
    (finding,) = explore(alone, ENGINE.engine, ENGINE.name, {"Region": 3, "Claim": 2}, Options(stop=True)).findings
    assert finding.verdict is Verdict.VIOLATED
    assert finding.path is not None
    assert len(finding.path.moves) - 1 == 5
