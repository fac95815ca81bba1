"""Bounded model checking: it finds every planted fault, by a shortest run, and nothing where there is nothing."""

from importlib import import_module

import pytest
from tests.support.effort import sample
from tests.support.formal.everything import protocol as everything
from tests.support.formal.mutants import audit, ingest, migration, outbox, replication, tiering, two_phase_commit

from flk.formal.explicit.engines import interpreted, vectorised
from flk.formal.explicit.explore import DEADLOCK
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options
from flk.formal.language import PropertyKind, Protocol
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS
from flk.formal.prover.bounded import FAULT, Bounded, Outcome, search
from flk.formal.prover.replay import Disagreement, begins, confirm, path_of
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

TABLES = {
    table.__name__.rpartition(".")[2]: table
    for table in (audit, ingest, migration, outbox, replication, tiering, two_phase_commit)
}
MUTANTS = [(name, mutant) for name, table in TABLES.items() for mutant in table.MUTANTS]
FEW = [case for case in MUTANTS if case[0] in {"two_phase_commit", "audit", "tiering"}]
DEPTH = 12


def build(table: str, name: str) -> tuple[Protocol, dict[str, int]]:
    """A mutant and its sizes."""
    module = import_module(f"tests.support.formal.mutants.{table}")
    return module.MUTANTS[name](), dict(module.SIZES)


def violations(found: Bounded) -> dict[str, int]:
    """What is violated, and after how many steps; faults too."""
    return {
        target.name: target.depth
        for target in found.targets
        if target.outcome is Outcome.FOUND and target.kind is not PropertyKind.REACHABLE
    }


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_every_planted_fault_is_found_within_twelve_steps(table: str) -> None:
    """Each mutant violates an invariant or reaches a fault, and the interpreter confirmed the run that shows it."""
    missed = []
    for name in sample(TABLES[table].MUTANTS):
        protocol, sizes = build(table, name)
        wanted = {FAULT, *(p.name for p in protocol.properties.values() if p.kind is not PropertyKind.REACHABLE)}
        if search(protocol, DEPTH, sizes, names=wanted, first=True).verdict is not Verdict.VIOLATED:
            missed.append(name)
    assert missed == []


def test_there_are_at_least_sixty_planted_faults() -> None:
    """And a dozen for each of the two large protocols."""
    assert len(MUTANTS) >= 60
    assert len(ingest.MUTANTS) >= 12
    assert len(replication.MUTANTS) >= 12


@pytest.mark.parametrize(("table", "name"), FEW[::3])
def test_runs_are_as_short_as_those_of_the_explorer(table: str, name: str) -> None:
    """Whatever breadth-first search reaches within the depth, bounded search reaches after as many steps; and nothing else."""
    protocol, sizes = build(table, name)
    explored = vectorised.search(Ground(Schema.of(protocol, sizes)), Options(max_states=200_000))
    if explored.fault is not None:
        return
    depth = 6
    hits = {**explored.hits, **({DEADLOCK: explored.deadlock} if explored.deadlock else {})}
    reached = {name: hit.depth for name, hit in hits.items() if hit.depth <= depth}
    kinds = {p.name: p.kind for p in protocol.properties.values()}
    found = search(protocol, depth, sizes)
    assert {t.name: t.depth for t in found.targets if t.outcome is Outcome.FOUND} == {
        name: at for name, at in reached.items() if kinds.get(name) is not PropertyKind.LEADS_TO
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", PROTOCOLS)
def test_nothing_is_found_where_nothing_is_wrong(name: str) -> None:
    """Within eight steps the protocols violate nothing, and their witnesses are as short as the interpreter's search has them.

    Progress, and witnesses that are farther, are undecided, and with them the whole.
    """
    found = search(PROTOCOLS[name], 8)
    assert found.verdict is Verdict.UNDECIDED
    undecided = {target.kind for target in found.targets if target.verdict is Verdict.UNDECIDED}
    assert undecided <= {PropertyKind.LEADS_TO, PropertyKind.REACHABLE}
    assert violations(found) == {}
    schema = Schema.of(PROTOCOLS[name])
    if schema.bits <= 20:
        hits = interpreted.search(Ground(schema), Options(max_states=3000)).hits
        for target in found.targets:
            if target.kind is PropertyKind.REACHABLE and target.name in hits and hits[target.name].depth <= 8:
                assert target.depth == hits[target.name].depth


@pytest.mark.parametrize("name", ["unsealed-shipping", "get-then-set", "hot-tier-forgets", "unacknowledged-retry"])
def test_designs_of_the_gallery_are_refuted_by_runs(name: str) -> None:
    """The property that each is said to break is violated, at the sizes that it names."""
    design = DESIGNS[name]
    found = search(design.exhibit, DEPTH, design.sizes, first=True)
    assert design.violates in violations(found)


def test_a_fault_is_found_and_explained() -> None:
    """Something without meaning ends the search with the interpreter's words."""
    found = search(everything, 2, names={FAULT}, first=True)
    target = found.targets[0]
    assert target.outcome is Outcome.FOUND
    assert target.depth == 0
    assert "undefined" in target.note or "no place" in target.note or "written twice" in target.note
    assert target.path is not None
    with pytest.raises(Fault):
        list(Interpreter(Schema.of(everything)).steps(target.path.moves[-1].state))


def test_the_search_ends_when_all_is_found() -> None:
    """Nothing deeper is looked at than what is asked for."""
    depths: list[int] = []
    found = search(PROTOCOLS["two-phase-commit"], 50, names={"one_aborts"}, on_depth=depths.append)
    assert depths == [0, 1, 2]
    assert [(t.name, t.depth) for t in found.targets] == [("one_aborts", 2)]


def test_depth_zero_is_the_beginning() -> None:
    """Nothing is wrong in the initial states, and nothing has been reached."""
    found = search(PROTOCOLS["replication"], 0)
    looked = [target for target in found.targets if target.kind is not PropertyKind.LEADS_TO]
    assert {target.outcome for target in looked} == {Outcome.NONE}
    assert {target.depth for target in found.targets} == {0}


def test_each_action_that_can_happen_is_seen_to() -> None:
    """With `happen`, a run leads to a state where each action can happen; where it can never, none does."""
    protocol = PROTOCOLS["two-phase-commit"].variant("stuck", "It never commits.")
    protocol.without("TMCommit", "commitment_spreads")
    found = search(protocol, 8, names=(), happen=True)
    outcomes = {target.name: target.outcome for target in found.targets}
    assert outcomes.pop("RMRcvCommitMsg happens") is Outcome.NONE
    assert set(outcomes.values()) == {Outcome.FOUND}


def test_unknown_sizes_are_refused() -> None:
    """The message names the protocol's sorts."""
    with pytest.raises(UnusableInput, match="no index sort Planet: choose from Region, Log, Record, Stamp, Segment"):
        search(PROTOCOLS["replication"], 1, {"Planet": 2})


def test_a_path_that_the_interpreter_does_not_take_is_not_shown() -> None:
    """A wrong beginning, a wrong step and a wrong end are each noticed."""
    protocol = PROTOCOLS["two-phase-commit"]
    schema = Schema.of(protocol)
    interpreter = Interpreter(schema)
    first = next(interpreter.initial_states())
    step = next(interpreter.steps(first))
    assert begins(schema, first)
    with pytest.raises(Disagreement, match="not an initial state"):
        confirm(schema, path_of([step.after], []), "all_commit")
    with pytest.raises(Disagreement, match="does not lead"):
        confirm(schema, path_of([first, first], [step.instance]), "all_commit")
    with pytest.raises(Disagreement, match="not what ends the path"):
        confirm(schema, path_of([first, step.after], [step.instance]), "all_commit")
    with pytest.raises(Disagreement, match="has no fault"):
        confirm(schema, path_of([first], []), FAULT)
