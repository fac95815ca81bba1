"""Policies in a log: what exploring finds, that it would find faults, and what a trace of nodes is held against."""

from typing import Any

import pytest
from tests.support.formal.mutants.policies import MUTANTS, SIZES

from flk.formal.api.validating import validate
from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.coverage import coverage
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import explore, restricted
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options
from flk.formal.language import PropertyKind
from flk.formal.library.protocols.policies import protocol
from flk.formal.traces import Accepted, Rejected
from flk.spec.verdict import Verdict

ENGINE = choose("auto")


def test_every_property_holds_and_every_witness_is_near() -> None:
    """Of two entries, three segments, two rulings and a reader: so many states, and what can happen can so soon."""
    found = explore(protocol, ENGINE.engine, ENGINE.name, SIZES, graph_of=graph)
    assert {f.property: f.verdict for f in found.findings if f.verdict is not Verdict.HOLDS} == {}
    assert (sum(found.layers), found.transitions) == (42_996, 237_760)
    assert {f.property: len(f.path.moves) - 1 for f in found.findings if f.path} == {
        "changed_between_log_and_judgement": 3,
        "changed_since_it_was_judged": 4,
        "down_with_a_log": 2,
        "one_log_two_rulings": 11,
        "appended_again_behind_a_change": 5,
        "waits_for_a_key": 8,
    }


def test_every_action_happens_and_every_guard_decides() -> None:
    """Each conjunct is seen true and false, but for those that only say that what follows is defined."""
    ground = Ground(Schema.of(protocol, SIZES))
    covered = coverage(ground, ENGINE.engine(ground, Options()))
    assert {a.action for a in covered if not a.fired} == set()
    unseen = {(a.action, c.text) for a in covered for c in a.conjuncts if not (c.seen_true and c.seen_false)}
    assert unseen == {(action, "defined(states[s])") for action in ("judge", "replay", "append_again")}


@pytest.mark.sampled
@pytest.mark.parametrize("name", MUTANTS)
def test_every_planted_fault_is_found(name: str) -> None:
    """The explorer refutes it by an invariant, a lemma included, or by what can happen no more."""
    mutant = MUTANTS[name]()
    of_states = [each.name for each in mutant.properties.values() if each.kind is not PropertyKind.LEADS_TO]
    found = explore(restricted(mutant, of_states), ENGINE.engine, ENGINE.name, SIZES)
    assert found.verdict is Verdict.VIOLATED


def event(action: str, state: dict[str, object] | None = None, **arguments: object) -> dict[str, Any]:
    """What a node or a reader writes down of a step."""
    return {"action": action, "arguments": arguments, **({"state": state} if state else {})}


STORY = [
    event("change", s=1, p=1),
    event("append", e="one", s=1),
    event("append", e="two", s=1),
    event("judge", {"own": {"one": 1}}, e="one", s=1),
    event("change", s=2, p=2),
    event("judge", {"own": {"two": 1}}, e="two", s=1),  # logged before the change, judged after it
    event("append", e="three", s=2),
    event("judge", {"own": {"three": 2}}, e="three", s=2),
    event("crash"),
    event("set_aside", s=1, new=3),
    event("append_again", e="two", s=1, new=3),
    event("reread", t=2),
    event("begin", s=4),
    event("append", e="four", s=4),
    *(event("ship", s=number) for number in (1, 2, 3)),
    event("learn", r="us", p=1),
    event("replay", {"by": {"us": {"two": 1}}}, r="us", e="two", s=3),
    event("learn", r="us", p=2),
    event("replay", {"by": {"us": {"three": 2}}}, r="us", e="three", s=2),
    event("remove", s=1),
    event("lose_own"),
    event("judge", {"own": {"two": 1}}, e="two", s=3),
]
"""A node whose policies change between log and judgement, that dies, repairs a segment behind the change, and loses its store; and
a reader that gets the keys one after another. Segments and rulings have their numbers."""


def test_what_a_node_and_a_reader_do_is_a_path_of_the_protocol() -> None:
    """Each entry is judged by what was in force when it was logged, in the segment that it is in by then."""
    assert isinstance(validate(protocol, STORY), Accepted)


@pytest.mark.parametrize(
    ("at", "wrong"),
    [
        (5, event("judge", {"own": {"two": 2}}, e="two", s=1)),  # by the policy of now
        (6, event("append", e="three", s=1)),  # behind a change, where the old policy is stated
        (6, event("change", s=3, p=1)),  # an earlier ruling comes back as it was
        (9, event("append", e="four", s=2)),  # while it is down
        (10, event("append_again", e="three", s=2, new=3)),  # where something else is stated
        (11, event("reread", t=3)),  # what the last segment states is not in force
        (12, event("append", e="four", s=3)),  # where an old policy is stated
        (14, event("ship", s=2)),  # before the first
        (17, event("replay", r="us", e="two", s=3)),  # without the key
        (18, event("replay", {"by": {"us": {"two": 2}}}, r="us", e="two", s=3)),  # by the reader's own policy
        (22, event("replay", r="us", e="one", s=1)),  # what is removed
    ],
)
def test_what_they_must_not_do_is_none(at: int, wrong: dict[str, Any]) -> None:
    """Each step that a rule forbids is named, where it is put among the others."""
    validation = validate(protocol, [*STORY[:at], wrong])
    assert isinstance(validation, Rejected)
    assert validation.accepted == at


def test_no_change_and_no_segment_can_be_left_out() -> None:
    """A trace that lacks one is no path: what nodes have to write down is what the validator needs."""
    for at, left_out in enumerate(STORY):
        if left_out["action"] in {"change", "begin", "set_aside", "crash", "reread", "learn"}:
            assert isinstance(validate(protocol, STORY[:at] + STORY[at + 1 :]), Rejected), left_out
