"""Ingest, the shared store, replication, retention, two-phase commit: what exploring finds, and that it would find faults."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from tests.support.formal.mutants import ingest, replication, retention, shared_store, two_phase_commit

from flk.formal.explicit.engines import vectorised
from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.coverage import coverage
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import Explored, explore, restricted
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options, violates
from flk.formal.language import Protocol
from flk.formal.library.catalogue import PROTOCOLS
from flk.spec.verdict import Verdict

NAMES = ["ingest", "shared-store", "replication", "retention", "two-phase-commit"]
LAYERS = {
    "ingest": [1, 66, 707, 2434, 5617, 9568, 10944, 9264, 6608, 4016, 1952, 704, 256, 64],
    "shared-store": [
        *[1, 11, 69, 261, 675, 1505, 2928, 4080, 4800],
        *[4968, 4336, 3792, 3072, 2176, 1392, 560, 96, 16],
    ],
    "retention": [2, 4, 11, 34, 81, 168, 305, 500, 757, 1061, 1353, 1498, 1380, 1011, 547, 198, 42, 4],
    "replication": [
        *[2, 8, 18, 56, 152, 344, 694, 1228, 1924, 2658],
        *[3164, 3352, 3348, 3040, 2262, 1270, 526, 178, 52, 8],
    ],
    "two-phase-commit": [1, 7, 21, 38, 50, 54, 49, 36, 21, 9, 2],
}
TRANSITIONS = {
    "ingest": 93_736,
    "shared-store": 116_453,
    "replication": 117_032,
    "retention": 39_958,
    "two-phase-commit": 1_145,
}
WITNESSES = {
    "ingest": {
        "a_duplicate_is_answered": 8,
        "an_equivocation_is_told": 7,
        "a_lost_store_is_rebuilt": 9,
        "malformed_is_told": 2,
        "forged_is_told": 2,
        "served_after_an_outage": 11,
        "an_outage_is_noticed_late": 1,
        "served_after_a_crash": 8,
    },
    "replication": {
        "a_winner_gives_way": 7,
        "a_lost_store_catches_up": 8,
        "written_while_nothing_ships": 4,
        "a_peers_entry_is_told": 7,
        "two_disks_of_a_region_take_claims": 7,
        "a_new_disk_owes_what_is_there": 5,
        "what_rotted_is_gone": 3,
        "what_was_salvaged_arrives": 12,
    },
    "shared-store": {
        "two_nodes_tell_one_entry": 8,
        "an_answer_gives_way": 8,
        "a_late_recovery_takes_a_place": 11,
        "a_request_comes_after_an_answer": 5,
        "a_clock_behind_is_drawn_along": 8,
    },
    "retention": {
        "new_again_after_the_window": 3,
        "started_from_a_snapshot": 9,
        "recovered_from_a_snapshot": 8,
        "over_and_still_held": 4,
    },
    "two-phase-commit": {"all_commit": 10, "one_aborts": 2},
}
MUTANTS = {
    (name, mutant): (build, module.SIZES)
    for name, module in zip(NAMES, (ingest, shared_store, replication, retention, two_phase_commit), strict=True)
    for mutant, build in module.MUTANTS.items()
}
ENGINE = choose("auto")


@cache
def explored(name: str) -> Explored:
    """The protocol at its usual sizes."""
    return explore(PROTOCOLS[name], ENGINE.engine, ENGINE.name, graph_of=graph)


@pytest.mark.parametrize("name", NAMES)
def test_distinct_states_and_their_depths_are_these(name: str) -> None:
    """A change of a protocol's meaning does not go unnoticed."""
    found = explored(name)
    assert list(found.layers) == LAYERS[name]
    assert found.transitions == TRANSITIONS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_property_holds_and_every_witness_is_near(name: str) -> None:
    """Invariants hold, what should happen at last does, and what can happen can in so many steps."""
    found = explored(name)
    assert {f.property: f.verdict for f in found.findings if f.verdict is not Verdict.HOLDS} == {}
    assert found.fault is None
    assert {f.property: len(f.path.moves) - 1 for f in found.findings if f.path} == WITNESSES[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_action_happens_and_every_guard_decides(name: str) -> None:
    """Each conjunct is seen true and false; a salvage can leave a gap only among three segments, and one key is like no other."""
    sizes = {"replication": {"Segment": 3}, "retention": {"Record": 2}}.get(name)
    ground = Ground(Schema.of(PROTOCOLS[name], sizes))
    covered = coverage(ground, ENGINE.engine(ground, Options()))
    assert all(action.fired for action in covered)
    idle = {(a.action, c.text) for a in covered for c in a.conjuncts if not (c.seen_true and c.seen_false)}
    of_one_key = {(action, "about[q, k]") for action in ("claim", "land", "recover")}
    assert idle == (of_one_key if name == "shared-store" else set())


FAIR = [(name, p.name, action) for name in NAMES for p in PROTOCOLS[name].properties.values() for action in p.fair]


@pytest.mark.sampled
@pytest.mark.parametrize(("name", "property_", "action"), FAIR)
def test_progress_needs_every_fair_action(name: str, property_: str, action: str) -> None:
    """Without the fairness of any one of them, the protocol may stand still."""
    sizes = {"ingest": {"Key": 1}, "shared-store": {"Stamp": 2}}.get(name)
    alone = restricted(PROTOCOLS[name], [property_])
    whole = alone.properties[property_]
    alone.properties[property_] = replace(whole, fair=tuple(each for each in whole.fair if each != action))
    (finding,) = explore(alone, ENGINE.engine, ENGINE.name, sizes, graph_of=graph).findings
    assert finding.verdict is Verdict.VIOLATED
    assert finding.path is not None
    assert finding.path.loop is not None


@pytest.mark.sampled
@pytest.mark.parametrize(("build", "sizes"), MUTANTS.values(), ids=map("/".join, MUTANTS))
def test_every_planted_fault_is_found(build: Callable[[], Protocol], sizes: dict[str, int]) -> None:
    """The explorer refutes it by an invariant, a lemma included, or meets a fault; with a path to it."""
    mutant = build()
    invariants = [property_.name for property_ in mutant.properties.values() if violates(property_.kind)]
    found = explore(restricted(mutant, invariants), vectorised.search, "vectorised", sizes, Options(stop=True))
    assert found.verdict is Verdict.VIOLATED
    assert any(f.path for f in (*found.findings, found.fault) if f is not None and f.verdict is Verdict.VIOLATED)
