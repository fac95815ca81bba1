"""Swarm schedules can be meant, reach everything, find what is planted, and find nothing else."""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any, get_args

import msgspec
import pytest
from tests.support.sim.drills import drill

from flk.sim.api.hunts import search_space
from flk.sim.checkers.invariants import (
    OF_AUDIT_LOGS,
    OF_AUDITED_UPKEEP,
    OF_MIGRATION,
    OF_NODES,
    OF_POLICIES,
    OF_REMOVALS,
    Invariant,
)
from flk.sim.experiments import hunt as hunting
from flk.sim.experiments.drawers import DRAWERS
from flk.sim.experiments.hunt import SearchSpace, Trial, TrialResult, hunt, run_trial
from flk.sim.experiments.run_inputs import synthetic_inputs
from flk.sim.experiments.swarm import PARTS, setting_of, swarm
from flk.sim.experiments.worlds import Worlds
from flk.sim.nodes.designs import DESIGNS
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    ColdOutage,
    DualWriteFailure,
    Fault,
    FaultBase,
    LogFork,
    MigratorCrash,
    OutsideOutage,
    Partition,
    PolicyChange,
    PolicyKeyLate,
    RegionCrash,
    RowLoss,
    WorkerCrash,
)
from flk.sim.scenarios.policy import Objectives
from flk.sim.scenarios.validation import validation_errors
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

SEEDS = range(1, 301)
INPUTS = synthetic_inputs(60)


def test_every_seed_gives_a_scenario_that_can_be_meant() -> None:
    """Three hundred seeds, three hundred different valid scenarios, the same again when drawn again."""
    drawn = [swarm(seed) for seed in SEEDS]
    assert not [list(validation_errors(scenario)) for scenario in drawn if any(validation_errors(scenario))]
    assert len({scenario.hash for scenario in drawn}) == len(drawn)
    assert drawn[:20] == [swarm(seed) for seed in SEEDS[:20]]


def test_all_faults_are_over_in_time() -> None:
    """After the last fault there is more time than the regions have to agree, so that nothing stays undecided."""
    for seed in SEEDS:
        scenario = swarm(seed)
        assert scenario.faults
        assert max(fault.end for fault in scenario.faults) < scenario.duration - scenario.slo.convergence


def test_every_kind_of_fault_is_drawn_and_is_often_left_out() -> None:
    """Swarms: each kind is in some runs, and no kind is in more than half of them. Only nodes with upkeep lose rows, only those
    with audit logs have them forked, and policies change only where logs state them.
    """
    seen = Counter(kind for seed in SEEDS for kind in {type(fault) for fault in swarm(seed).faults})
    elsewhere = {RowLoss, LogFork, OutsideOutage, PolicyChange, PolicyKeyLate}
    assert set(seen) == set(DRAWERS) - elsewhere == set(get_args(Fault)) - elsewhere
    assert max(seen.values()) < len(SEEDS) / 2
    assert any(isinstance(fault, RowLoss) for seed in SEEDS for fault in swarm(seed, worlds=Worlds(upkeep=True)).faults)
    audited = {type(fault) for seed in SEEDS for fault in swarm(seed, worlds=Worlds(audit_log=True)).faults}
    assert {LogFork, OutsideOutage} <= audited
    ruled = {type(fault) for seed in SEEDS for fault in swarm(seed, worlds=Worlds(policies=True)).faults}
    assert {PolicyChange, PolicyKeyLate} <= ruled


def test_worlds_differ_in_every_way() -> None:
    """Number of regions, delays, rates, policies and layouts vary over the seeds."""
    drawn = [swarm(seed) for seed in SEEDS]
    assert {len(scenario.regions) for scenario in drawn} == {1, 2, 3, 4}
    for table in ("tiers", "migration", "audit"):
        assert {getattr(scenario.layout, table) is None for scenario in drawn} == {True, False}
    assert {scenario.policy.pressure is None for scenario in drawn} == {True, False}
    assert {scenario.policy.breaker is None for scenario in drawn} == {True, False}
    assert len({scenario.policy.ship_interval for scenario in drawn}) > 100


def test_a_shard_leaves_worlds_in_which_that_is_asked_for() -> None:
    """Each is a scenario that can be meant; some removals are taken back and some are not, and migrators die in some of both. What
    is not asked for is drawn as ever: the policy, and who lives where.
    """
    drawn = [swarm(seed, worlds=Worlds(removals=True)) for seed in SEEDS]
    assert not [list(validation_errors(scenario)) for scenario in drawn if any(validation_errors(scenario))]
    plans = [scenario.layout.migration for scenario in drawn]
    assert all(plan is not None and plan.leaves for plan in plans)
    dying = [any(isinstance(fault, MigratorCrash) for fault in scenario.faults) for scenario in drawn]
    back = [plan is not None and plan.roll_back for plan in plans]
    both = Counter(zip(back, dying, strict=True))
    assert all(both[taken_back, dies] > 20 for taken_back, dies in product((False, True), (False, True)))
    assert {scenario.layout.shards for scenario in drawn} == {2, 3}
    assert not any(plan and plan.leaves for plan in (swarm(seed).layout.migration for seed in SEEDS))
    assert all(swarm(seed).workload == scenario.workload for seed, scenario in zip(SEEDS, drawn, strict=True))


@pytest.mark.parametrize("besides", [{"nodes": 2}, {"upkeep": True}, {"audit_log": True}, {"base": "split-brain"}])
def test_a_shard_leaves_no_store_that_has_another_use(besides: dict[str, Any]) -> None:
    """Such a hunt is refused, and says what goes together."""
    with pytest.raises(UnusableInput, match="removals: "):
        search_space(**({"base": None} | besides), removals=True)
    assert search_space(None, removals=True, policies=True).scenario(1).layout.policies


def test_of_a_base_only_the_faults_are_drawn() -> None:
    """Hunting in a scenario keeps all that it says, its faults apart, and gives each seed other faults."""
    base = drill()
    drawn = [swarm(seed, base) for seed in SEEDS[:50]]
    assert all(msgspec.structs.replace(each, faults=(), seed=base.seed) == base for each in drawn)
    assert len({each.faults for each in drawn}) == len(drawn)
    assert all(fault.end <= setting_of(base).calm for each in drawn for fault in each.faults)


def test_only_the_kinds_asked_for_are_drawn() -> None:
    """A hunt can be narrowed to kinds of faults."""
    for seed in SEEDS[:50]:
        scenario = swarm(seed, kinds=(Partition, RegionCrash))
        assert {type(fault) for fault in scenario.faults} <= {Partition, RegionCrash}


@pytest.mark.parametrize("kind", [ColdOutage, DualWriteFailure, MigratorCrash, WorkerCrash])
def test_kinds_that_need_a_part_are_drawn_where_it_is(kind: type[FaultBase]) -> None:
    """A hunt in what happens to a part that some worlds have is in worlds that have it, each of its own; where a seed has that
    anyway, nothing else changes.
    """
    part = PARTS[kind]
    drawn = [swarm(seed, kinds=(kind,)) for seed in SEEDS[:40]]
    assert all(getattr(each.layout, part) is not None for each in drawn)
    assert len({each.policy for each in drawn}) == len(drawn)
    assert sum(len(each.faults) for each in drawn) > len(drawn)
    for each in drawn:
        if getattr(swarm(each.seed).layout, part) is not None:
            assert msgspec.structs.replace(each, faults=()) == msgspec.structs.replace(swarm(each.seed), faults=())


@pytest.mark.parametrize(
    ("kind", "nodes", "says"),
    [
        (RowLoss, 1, r"row_loss: there is no layout.upkeep that it happens to; draw worlds with it by --upkeep"),
        (LogFork, 2, r"by --audit-log"),
        (MigratorCrash, 2, r"leave out what draws worlds without it: --nodes"),
    ],
)
def test_kinds_that_no_world_has_a_place_for_are_told(kind: type[FaultBase], nodes: int, says: str) -> None:
    """With the option that draws such worlds."""
    with pytest.raises(UnusableInput, match=says):
        swarm(1, kinds=(kind,), worlds=Worlds(nodes))
    with pytest.raises(UnusableInput, match="give it to the scenario"):
        swarm(1, drill(), kinds=(kind,))


@pytest.mark.slow
def test_clean_programs_violate_nothing_and_every_invariant_comes_up() -> None:
    """Forty seeds of the model's own programs: nothing violated, nothing undecided, every rule exercised but three: a drawn world
    is over before objects are looked for again, and has one node to a region.
    """
    found = hunt(SearchSpace(INPUTS), range(41, 81), workers=1)
    assert found.counterexample is None
    assert found.runs == 40
    assert found.undecided == 0
    elsewhere = OF_NODES | OF_AUDIT_LOGS | OF_AUDITED_UPKEEP | OF_POLICIES | OF_REMOVALS
    assert set(found.checks) == set(Invariant) - {Invariant.OBJECTS_WHOLE} - elsewhere
    assert all(found.checks.values()), [name for name, number in found.checks.items() if not number]
    assert found.rate.low == 0
    assert found.rate.high == pytest.approx(1 - 0.025 ** (1 / 40))  # of two sides
    assert found.bound == pytest.approx(1 - 0.05 ** (1 / 40))  # of one


@pytest.mark.slow
def test_shards_leave_and_nothing_is_violated() -> None:
    """Thirty seeds, in which every rule of a migration comes up, and that of a removal (MIG-9)."""
    found = hunt(SearchSpace(INPUTS, worlds=Worlds(removals=True)), range(1, 31), workers=1)
    assert found.verdict is Verdict.HOLDS
    assert found.undecided == 0
    assert all(found.checks[rule] > 10 for rule in OF_MIGRATION | OF_REMOVALS)


@pytest.mark.parametrize("design", DESIGNS)
def test_refuted_designs_are_found(design: str) -> None:
    """Each within fifty seeds, by an invariant."""
    found = hunt(SearchSpace(synthetic_inputs(60, DESIGNS[design])), range(1, 51), workers=1)
    assert found.counterexample is not None
    assert found.counterexample.verdict is Verdict.VIOLATED
    assert found.counterexample.violated
    assert found.counterexample.sentence
    assert found.runs == found.counterexample.seed


@pytest.mark.slow
def test_what_is_found_does_not_depend_on_the_workers() -> None:
    """The least seed that violates, and the digest of its run, are the same on one process and on two."""
    space = SearchSpace(synthetic_inputs(60, DESIGNS["keep-what-is-stored"]))
    one, two = (hunt(space, range(1, 200), workers=workers) for workers in (1, 2))
    assert one.counterexample is not None
    assert one.counterexample == two.counterexample


def test_of_several_violations_the_least_seed_is_the_prey(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order in which runs are over; and once one is found, no further seed is tried."""
    taken: list[int] = []

    def late_first(work: object, space: SearchSpace, trials: Iterator[Trial], **_: object) -> Iterator[TrialResult]:
        clean = run_trial(space, Trial(1))
        for seed in (4, 2, 3, 1):
            taken.append(next(trials).seed)
            bad = seed in {2, 4}
            yield clean._replace(seed=seed, verdict=Verdict.VIOLATED if bad else Verdict.HOLDS)
            if seed == 4:
                assert next(trials, None) is None
                trials = iter([Trial(2), Trial(3), Trial(1)])

    monkeypatch.setattr(hunting, "run_all", late_first)
    found = hunt(SearchSpace(INPUTS), range(1, 100))
    assert found.counterexample is not None
    assert (found.counterexample.seed, found.runs, len(taken)) == (2, 4, 4)


def test_objectives_are_no_prey() -> None:
    """A scenario that misses every objective and violates no invariant is clean."""
    strict = Objectives(rpo=Seconds(0.001), rto=Seconds(0.001), lag_p95=Seconds(0.001), latency_p95=Seconds(0.001))
    base = drill(slo=msgspec.structs.replace(strict, convergence=Seconds(60)), duration=120, until=30)
    assert run_trial(SearchSpace(INPUTS, base, (Partition,)), Trial(1)).verdict is Verdict.HOLDS


def test_a_spent_budget_ends_the_hunt() -> None:
    """Without time no seed is tried, and nothing is claimed."""
    found = hunt(SearchSpace(INPUTS), SEEDS, budget=0.0, workers=1)
    assert found.runs == 0
    assert found.rate.high == 1.0
