"""Lost logs: what exploring finds, and that it would find faults."""

import pytest
from tests.support.formal.mutants.lost_logs import MUTANTS, SIZES

from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.coverage import coverage
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import explore, restricted
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options, violates
from flk.formal.library.protocols.lost_logs import protocol
from flk.spec.verdict import Verdict

ENGINE = choose("auto")


def test_every_property_holds_and_every_witness_is_near() -> None:
    """Of a log, two claims, two snapshots and a reader: so many states, and what can happen can in so many steps."""
    found = explore(protocol, ENGINE.engine, ENGINE.name, SIZES, graph_of=graph)
    assert {f.property: f.verdict for f in found.findings if f.verdict is not Verdict.HOLDS} == {}
    assert (sum(found.layers), found.transitions) == (21_708, 95_868)
    assert {f.property: len(f.path.moves) - 1 for f in found.findings if f.path} == {
        "heard_of_a_log_by_its_sign_alone": 10,
        "claims_come_before_any_snapshot": 3,
        "the_store_goes_on_after_the_watermarks": 6,
        "the_store_goes_on_before_the_head": 6,
        "a_store_is_filled_before_the_head": 4,
    }


def test_every_action_happens_and_every_guard_decides() -> None:
    """Each conjunct is seen true and false: with one log, or with two where it is about whose claim it is."""
    unseen: list[set[tuple[str, str]]] = []
    for sizes in (SIZES, {"Log": 2, "Claim": 1, "Snapshot": 1, "Reader": 1}):
        ground = Ground(Schema.of(protocol, sizes))
        covered = coverage(ground, ENGINE.engine(ground, Options()))
        unseen.append({(a.action, "") for a in covered if not a.fired})
        unseen.append({(a.action, c.text) for a in covered for c in a.conjuncts if not (c.seen_true and c.seen_false)})
    assert unseen[0] == set()
    assert unseen[1] & unseen[3] == set()


@pytest.mark.sampled
@pytest.mark.parametrize("name", MUTANTS)
def test_every_planted_fault_is_found(name: str) -> None:
    """The explorer refutes it by an invariant, a lemma included."""
    mutant = MUTANTS[name]()
    invariants = [each.name for each in mutant.properties.values() if violates(each.kind)]
    found = explore(restricted(mutant, invariants), ENGINE.engine, ENGINE.name, SIZES, Options(stop=True))
    assert found.verdict is Verdict.VIOLATED
