"""Outbox, migration, tiering and audit: what the explorer finds in them, and that it would find faults."""

from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.formal.mutants import audit, migration, outbox, tiering

from flk.formal.explicit.engines import interpreted, vectorised
from flk.formal.explicit.explore import Explored, explore
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Interpreter
from flk.formal.explicit.schema import Instance, Schema
from flk.formal.explicit.search import Options, Search
from flk.formal.language import PropertyKind, Protocol
from flk.formal.language.text import text
from flk.formal.library.catalogue import PROTOCOLS, has_property, load
from flk.formal.library.protocols import outbox as outbox_protocol
from flk.spec.requirements import catalogue
from flk.spec.verdict import Verdict

NAMES = ["outbox", "migration", "tiering", "audit"]
SMALL = {
    "outbox": {"Record": 1},
    "migration": {"Key": 1},
    "tiering": {"Key": 1},
    "audit": {"Task": 1, "Worker": 2},
}
LAYERS = {
    "outbox": [2, 6, 8, 10, 20, 38, 51, 46, 26, 8, 1],
    "migration": [1, 5, 13, 26, 41, 49, 49, 55, 57, 40, 18, 4],
    "tiering": [1, 3, 4, 5, 8, 13, 20, 27, 31, 31, 26, 16, 6, 1],
    "audit": [1, 2, 3, 9, 19, 30, 40, 68, 104, 114, 95, 74, 78, 81, 64, 43, 25, 10, 2],
}
TRANSITIONS = {"outbox": 714, "migration": 1160, "tiering": 732, "audit": 3623}
WITNESSES = {
    "outbox": {
        "delivered_at_once": 4,
        "copy_absorbed": 5,
        "pending_after_effect": 6,
        "dead_letter": 6,
        "settled_while_a_copy_travels": 5,
        "down_with_work": 2,
    },
    "migration": {
        "written_while_copied": 3,
        "half_written": 6,
        "rolled_back_with_a_half_write": 8,
        "rolled_back_and_empty": 5,
        "moved": 8,
        "verified_after_a_crash": 6,
    },
    "tiering": {
        "judged_after_the_window": 7,
        "demoted_in_time": 5,
        "only_in_the_cold": 8,
        "out_of_reach": 10,
        "in_every_tier": 7,
    },
    "audit": {
        "done_while_another_tries": 5,
        "adrift": 3,
        "done_but_not_marked": 5,
        "only_the_acknowledgement_is_missing": 7,
        "acknowledged_by_another": 6,
        "first_success": 4,
        "late_success": 5,
        "dead_letter": 5,
        "buried_but_not_acknowledged": 6,
        "dead_and_done": 7,
    },
}
MUTANTS = {
    (name, mutant): build
    for name, module in zip(NAMES, (outbox, migration, tiering, audit), strict=True)
    for mutant, build in module.MUTANTS.items()
}


@cache
def explored(name: str) -> Explored:
    """The protocol at its small sizes, by the readable engine."""
    return explore(PROTOCOLS[name], interpreted.search, "interpreted", SMALL[name])


@cache
def searched(name: str, size: int) -> Search:
    """The protocol with all its sorts of that size, by the fast engine, without judging properties of progress."""
    protocol = PROTOCOLS[name]
    return vectorised.search(Ground(Schema.of(protocol, dict.fromkeys(protocol.sizes(), size))), Options())


@pytest.mark.parametrize("name", NAMES)
def test_distinct_states_and_their_depths_are_these(name: str) -> None:
    """A change of a protocol's meaning does not go unnoticed."""
    found = explored(name)
    assert list(found.layers) == LAYERS[name]
    assert found.transitions == TRANSITIONS[name]
    assert found.complete


@pytest.mark.parametrize("name", NAMES)
def test_every_property_holds(name: str) -> None:
    """Invariants hold, every witness is found, and what should happen at last does."""
    found = explored(name)
    assert {finding.property: finding.note for finding in found.findings if finding.verdict is not Verdict.HOLDS} == {}
    assert found.fault is None


@pytest.mark.parametrize("name", NAMES)
def test_witnesses_are_found_at_these_depths(name: str) -> None:
    """What can happen can happen in so many steps."""
    reached = {f.property: len(f.path.moves) - 1 for f in explored(name).findings if f.path is not None}
    assert reached == WITNESSES[name]


@pytest.mark.parametrize(
    ("name", "states", "transitions", "depth"),
    [
        ("outbox", 11_664, 62_532, 18),
        ("migration", 4_818, 22_748, 15),
        ("tiering", 9_216, 58_752, 24),
        ("audit", 48_250, 245_765, 29),
    ],
)
def test_two_of_everything(name: str, states: int, transitions: int, depth: int) -> None:
    """At two of each sort, no invariant breaks and every witness is found."""
    search = searched(name, 2)
    assert (sum(search.layers), search.transitions, len(search.layers) - 1) == (states, transitions, depth)
    properties = PROTOCOLS[name].properties.values()
    safety = {p.name for p in properties if p.invariant or p.kind is PropertyKind.NEVER}
    assert not safety & search.hits.keys()
    assert {p.name for p in properties if p.kind is PropertyKind.REACHABLE} <= search.hits.keys()


@pytest.mark.parametrize(("name", "shared", "each"), [("outbox", 4, 54), ("tiering", 4, 48)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_records_and_keys_do_not_interact(name: str, shared: int, each: int, size: int) -> None:
    """Records share two truths (the agent up or the cold tier there, and calm), and are in one of so many states each."""
    assert sum(searched(name, size).layers) == shared * each**size


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_conjunct_of_every_guard_decides_alone(name: str) -> None:
    """Each is seen true, and in some reachable state it is all that keeps an action from happening."""
    schema = Schema.of(PROTOCOLS[name], {**SMALL[name], "Task": 2, "Worker": 1} if name == "audit" else SMALL[name])
    search, interpreter = interpreted.search(Ground(schema), Options()), Interpreter(schema)
    undecided = {(a.name, text(guard)) for a in PROTOCOLS[name].actions.values() for guard in a.guards}
    never_true = set(undecided)
    for layer in range(len(search.layers)):
        for state in search.states(layer):
            for instance in schema.instances:
                truths = conjuncts(interpreter, instance, state)
                false = [conjunct for conjunct, true in truths.items() if not true]
                never_true -= {(instance.action.name, conjunct) for conjunct, true in truths.items() if true}
                if len(false) == 1:
                    undecided.discard((instance.action.name, false[0]))
    assert undecided == set()
    assert never_true == set()


def conjuncts(interpreter: Interpreter, instance: Instance, state: tuple[int, ...]) -> dict[str, bool]:
    """Each conjunct of an instance's guard, and whether it holds in the state."""
    action = instance.action
    arguments = {p.name: value for p, value in zip(action.parameters, instance.arguments, strict=True)}
    return {text(guard): bool(interpreter.evaluate(guard, state, arguments)) for guard in action.guards}


@pytest.mark.sampled
@pytest.mark.parametrize(("name", "action"), [(name, action) for name in NAMES for action in PROTOCOLS[name].actions])
def test_no_action_can_be_left_out(name: str, action: str) -> None:
    """Without any one of its actions a protocol no longer does all that it should."""
    lame = PROTOCOLS[name].variant("lame", f"{name} without {action}")
    lame.without(action)
    assert explore(lame, interpreted.search, "interpreted", SMALL[name]).verdict is Verdict.VIOLATED


@pytest.mark.parametrize(("name", "mutant"), MUTANTS)
def test_a_planted_fault_breaks_an_invariant(name: str, mutant: str) -> None:
    """The explorer kills every mutant by a property that somebody asked for, not by a lemma."""
    faulty = only_safety(MUTANTS[name, mutant]())
    found = explore(faulty, interpreted.search, "interpreted", SMALL[name], Options(stop=True))
    assert found.fault is None
    assert found.verdict is Verdict.VIOLATED


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_promise_is_broken_by_a_planted_fault(name: str) -> None:
    """No `always` and no `never` holds whatever the actions do: a fault in one action breaks it."""
    sizes = [SMALL[name], *([{"Task": 2, "Worker": 1}] if name == "audit" else [])]
    mutants = [only_safety(build()) for (owner, _), build in MUTANTS.items() if owner == name]
    unbroken = set(only_safety(PROTOCOLS[name]).properties)
    for mutant, chosen in product(mutants, sizes):
        unbroken -= vectorised.search(Ground(Schema.of(mutant, chosen)), Options()).hits.keys()
    assert unbroken == set()


@pytest.mark.parametrize("guard", ["request[r], ~hopeless[r]", "request[r], hopeless[r]", "request[r]"])
@pytest.mark.parametrize("instead", ["promised[r]", "held[r]"])
def test_a_service_that_answers_what_was_never_sent_is_seen(guard: str, instead: str, tmp_path: Path) -> None:
    """It is seen in what the service may do, since the agent has logged all that it claims, refuses or turns away."""
    source = Path(outbox_protocol.__file__).read_text("utf-8")
    assert f"require({guard})" in source
    path = tmp_path / "outbox.py"
    path.write_text(source.replace(f"require({guard})", f"require({guard.replace('request[r]', instead)})"), "utf-8")
    found = explore(load(path), interpreted.search, "interpreted", SMALL["outbox"])
    assert "only_requests_are_served" in {f.property for f in found.findings if f.verdict is Verdict.VIOLATED}


def only_safety(protocol: Protocol) -> Protocol:
    """The same actions with nothing to show but `always` and `never`."""
    bare = protocol.variant(protocol.name, protocol.story)
    kept = {PropertyKind.ALWAYS, PropertyKind.NEVER}
    bare.without(*(p.name for p in protocol.properties.values() if p.kind not in kept))
    return bare


def test_there_are_enough_mutants() -> None:
    """Every protocol has at least eight, and every one is another."""
    count = {name: sum(1 for owner, _ in MUTANTS if owner == name) for name in NAMES}
    assert min(count.values()) >= 8
    for name in NAMES:
        built = [build().actions for (owner, _), build in MUTANTS.items() if owner == name]
        assert all(a != b for at, a in enumerate(built) for b in built[:at])


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(NAMES), choices=st.lists(st.integers(0, 10**6), max_size=60))
def test_no_walk_at_larger_sizes_breaks_an_invariant(name: str, choices: list[int]) -> None:
    """Three of everything are too many to visit all states; walks through them keep every promise."""
    protocol = PROTOCOLS[name]
    interpreter = Interpreter(Schema.of(protocol, dict.fromkeys(protocol.sizes(), 3)))
    state = next(interpreter.initial_states())
    for choice in choices:
        steps = list(interpreter.steps(state))
        if not steps:
            break
        state = steps[choice % len(steps)].after
        for property_ in protocol.properties.values():
            if property_.invariant or property_.kind is PropertyKind.NEVER:
                holds = bool(interpreter.evaluate(property_.condition, state, {}))
                assert holds is property_.invariant, property_.name


def test_evidence_and_properties_cite_each_other() -> None:
    """A property that a requirement names as evidence names that requirement."""
    cited = [
        (requirement.id, *item.removeprefix("protocol ").split("/"))
        for requirement in catalogue()
        for item in requirement.evidence
        if item.startswith("protocol ")
    ]
    assert len(cited) > 30
    for requirement, protocol, property_ in cited:
        assert requirement in PROTOCOLS[protocol].properties[property_].requirements, (requirement, protocol, property_)


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("outbox/no_promise_is_lost", True),
        ("outbox/no_answer_is_forgotten", False),
        ("inbox/no_promise_is_lost", False),
        ("outbox/", False),
        ("outbox", False),
    ],
)
def test_a_property_is_found_by_its_protocol_and_its_name(name: str, *, there: bool) -> None:
    """What a requirement names as evidence exists, or is found missing."""
    assert has_property(name) is there


def test_the_library_goes_by_the_names_of_its_protocols() -> None:
    """Names are unique, and every protocol has invariants, witnesses and a promise of progress."""
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())
    for protocol in PROTOCOLS.values():
        kinds = {property_.kind for property_ in protocol.properties.values()}
        assert kinds >= {PropertyKind.ALWAYS, PropertyKind.REACHABLE, PropertyKind.LEADS_TO}, protocol.name
