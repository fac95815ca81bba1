"""The audit log of a region: what exploring finds, that it would find faults, and what a trace of nodes is held against."""

from typing import Any

import pytest
from tests.support.formal.mutants.transparency import MUTANTS, SIZES

from flk.formal.api.validating import validate
from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.coverage import coverage
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import explore, restricted
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options, violates
from flk.formal.library.protocols.transparency import protocol
from flk.formal.traces import Accepted, Rejected
from flk.spec.verdict import Verdict

ENGINE = choose("auto")


def test_every_property_holds_and_every_witness_is_near() -> None:
    """Of two leaves of a log, two steps, nodes and checkpoints, and a witness: so many states, and what can happen can so soon."""
    found = explore(protocol, ENGINE.engine, ENGINE.name, SIZES, graph_of=graph)
    assert {f.property: f.verdict for f in found.findings if f.verdict is not Verdict.HOLDS} == {}
    assert (sum(found.layers), found.transitions) == (76_848, 517_766)
    assert {f.property: len(f.path.moves) - 1 for f in found.findings if f.path} == {
        "a_race_is_lost": 3,
        "two_nodes_write_one_tile": 4,
        "the_store_shows_less_than_before": 12,
        "a_witness_follows": 12,
        "a_fork_is_told": 8,
        "removed_behind_a_slow_node": 8,
    }


def test_every_action_happens_and_every_guard_decides() -> None:
    """Each conjunct is seen true and false, but that a checkpoint which was published or cosigned is signed."""
    ground = Ground(Schema.of(protocol, SIZES))
    covered = coverage(ground, ENGINE.engine(ground, Options()))
    assert [action.action for action in covered if not action.fired] == []
    idle = {(a.action, c.text) for a in covered for c in a.conjuncts if not (c.seen_true and c.seen_false)}
    assert idle == {("refuse", "defined(upto[c])"), ("refuse", "defined(upto[last[w]])")}


@pytest.mark.thorough
@pytest.mark.parametrize("sizes", [{"Log": 2}, {"Node": 1, "Witness": 2}, {"Node": 1, "Leaf": 3, "Step": 3}])
def test_larger_systems_keep_every_promise(sizes: dict[str, int]) -> None:
    """Two logs; two witnesses; three leaves in three steps."""
    promises = [each.name for each in protocol.properties.values() if violates(each.kind)]
    found = explore(restricted(protocol, promises), ENGINE.engine, ENGINE.name, {**SIZES, **sizes})
    assert found.verdict is Verdict.HOLDS


@pytest.mark.sampled
@pytest.mark.parametrize("name", MUTANTS)
def test_every_planted_fault_is_found(name: str) -> None:
    """The explorer refutes it by an invariant, a lemma included."""
    mutant = MUTANTS[name]()
    invariants = [each.name for each in mutant.properties.values() if violates(each.kind)]
    found = explore(restricted(mutant, invariants), ENGINE.engine, ENGINE.name, SIZES, Options(stop=True))
    assert found.verdict is Verdict.VIOLATED


def event(action: str, state: dict[str, object] | None = None, **arguments: object) -> dict[str, Any]:
    """What a node writes down of a step."""
    return {"action": action, "arguments": arguments, **({"state": state} if state else {})}


TWO_NODES = [
    event("log_entry", x=["a", 1], g="a"),
    event("log_entry", x=["a", 2], g="a"),
    event("log_entry", x=["b", 1], g="b"),
    event("put_batch", {"holds": {"0": {'["a", 1]': True}}}, n="a", s=0, x=["a", 2]),
    event("read_batch", n="a", s=0),
    event("read_batch", n="b", s=0),
    event("write_tile", n="b", s=0),
    event("sign", n="a", c="of 2 by a", s=0),
    event("put_batch", n="b", s=1, x=["b", 1]),
    event("read_batch", n="b", s=1),
    event("write_tile", n="b", s=1),
    event("publish", c="of 2 by a"),
    event("sign", n="b", c="of 3 by b", s=1),
    event("publish", c="of 3 by b"),
    event("cosign", w="w", c="of 3 by b"),
    event("publish", c="of 2 by a"),  # by a node that was paused
    event("remove", n="a", x=["a", 2]),
    event("crash", n="b"),
    event("begin_with", n="b", s=1),
]
"""Two nodes with a log each, a tree, and a witness. Log entries are named by log and position, checkpoints by size and signer."""


def test_what_two_nodes_do_is_a_path_of_the_protocol() -> None:
    """One puts a step, the other writes its tile and the next step; an old checkpoint comes late; one begins from tiles."""
    assert isinstance(validate(protocol, TWO_NODES), Accepted)


@pytest.mark.parametrize(
    ("at", "wrong"),
    [
        (3, event("put_batch", {"holds": {"0": {'["a", 1]': False}}}, n="a", s=0, x=["a", 2])),  # with a gap
        (4, event("put_batch", n="b", s=0, x=["b", 1])),  # over a batch
        (5, event("put_batch", n="b", s=1, x=["b", 1])),  # behind one that it has not read
        (6, event("sign", n="b", c="of 2 by b", s=0)),  # before its tiles
        (6, event("put_batch", n="b", s=1, x=["a", 1])),  # what is covered
        (14, event("sign", n="b", c="of 2 by b", s=0)),  # beside the larger tree that is shown
        (15, event("cosign", w="w", c="of 2 by a")),  # smaller than the last
        (16, event("remove", n="a", x=["b", 1])),  # which it has not read to be covered
    ],
)
def test_what_nodes_must_not_do_is_none(at: int, wrong: dict[str, Any]) -> None:
    """Each step that a rule forbids is named, where it is put among the others."""
    validation = validate(protocol, [*TWO_NODES[:at], wrong])
    assert isinstance(validation, Rejected)
    assert validation.accepted == at


def test_no_batch_tile_or_signature_can_be_left_out() -> None:
    """A trace that lacks one is no path: what nodes have to write down is what the validator needs."""
    for at, left_out in enumerate(TWO_NODES):
        if left_out["action"] in {"put_batch", "write_tile", "sign"}:
            assert isinstance(validate(protocol, TWO_NODES[:at] + TWO_NODES[at + 1 :]), Rejected), left_out
