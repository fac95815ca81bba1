"""One shard more under traffic, in simulation: no answer is forgotten and none changes, and planted mistakes are seen."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.world import KEYRING
from tests.support.sim.drills import BRISK, drill, records, rehearse, verdicts

from flk.model.effects import Advance, Forget, InsertOrGet, ListKeys, LookAt, Program, ReadPhase, Sleep
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.migration import MigratingKeys, Phase, Side, ruler
from flk.model.programs.migration import copy_all, delete_old
from flk.model.protocol_events.observation import ObservedEffect
from flk.sim.checkers.invariants import OF_MIGRATION, Invariant
from flk.sim.kernel.engine import Simulator
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.nodes.resharding import ReshardingPlan
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, DualWriteFailure, Fault, MigratorCrash, RegionCrash, ShardCrash, StoreOutage
from flk.sim.scenarios.layout import Layout, Migration, Tiers
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.sim.simulate import simulate
from flk.sim.world.shards import Shards, shard_name
from flk.spec.verdict import Verdict

PLAN = Migration(start=Seconds(15), rate=20, settle=Seconds(8))


def growing(*faults: Fault, plan: Migration = PLAN, shards: int = 2, duration: float = 110) -> Scenario:
    """A drill whose stores get one shard more while records come."""
    return msgspec.structs.replace(
        drill(*faults, rate=4, duration=duration, until=45), layout=Layout(shards=shards, migration=plan)
    )


def phases(run: Run, region: str = "eu", which: str = "more") -> list[str]:
    """What the timeline says of a region's migration."""
    told = [moment.what.partition(f"one shard {which}: ") for moment in run.timeline if moment.where == region]
    return [phase for _, found, phase in told if found]


def at(run: Run, phase: str, region: str = "eu", which: str = "more") -> float:
    """When a region came to a phase."""
    return next(m.at for m in run.timeline if m.where == region and m.what == f"one shard {which}: {phase}")


THROUGH = ["dual", "verified", "cut over", "cleaned"]
FAULTS: dict[str, tuple[Fault, ...]] = {
    "none": (),
    "migrator": (MigratorCrash("eu", id="migrator", start=Seconds(16), duration=Seconds(6)),),
    "migrator, again and again": tuple(
        MigratorCrash("eu", id=f"m{n}", start=Seconds(15.1 + 3 * n), duration=Seconds(1)) for n in range(12)
    ),
    "second writes": (DualWriteFailure("eu", 0.4, id="second", start=Seconds(10), duration=Seconds(25)),),
    "all second writes": (DualWriteFailure("eu", id="second", start=Seconds(16), duration=Seconds(10)),),
    "node": tuple(
        RegionCrash("eu", id=f"node-{n}", start=Seconds(15.4 + 9 * n), duration=Seconds(2)) for n in range(4)
    ),
    "disk": (RegionCrash("eu", Disk.LOST, id="disk", start=Seconds(25), duration=Seconds(5)),),
    "store": (StoreOutage("eu", id="store", start=Seconds(15.2), duration=Seconds(4)),),
    "new shard": (ShardCrash("eu", 2, all_replicas=True, id="shard", start=Seconds(16), duration=Seconds(5)),),
    "old shard": (ShardCrash("eu", 0, all_replicas=True, id="shard", start=Seconds(24), duration=Seconds(5)),),
}


BACK = ("second writes", "node", "new shard")


@pytest.mark.parametrize(("name", "back"), [(name, False) for name in FAULTS] + [(name, True) for name in BACK])
def test_answers_stay_whatever_happens(name: str, back: bool) -> None:
    """All invariants hold in every phase; the migration ends, and what the shards hold at the end is what clients see."""
    run = rehearse(growing(*FAULTS[name], plan=msgspec.structs.replace(PLAN, roll_back=back)), records(200))
    assert verdicts(run) == {}
    of_answers = {Invariant.MOVED_STAYS, Invariant.MOVED_BOTH, Invariant.MOVED_WRITES}
    checks = {row.invariant: row.checks for row in run.results if row.invariant in OF_MIGRATION}
    assert all(
        number > (10 if row in of_answers else 0) or row == Invariant.MOVED_KEPT for row, number in checks.items()
    )
    for region in ("eu", "us", "ap"):
        assert phases(run, region)[-1] == ("rolled back" if back else "cleaned")
    assert run.measures.counts.acknowledged > 140
    assert bool(run.marks["rolled-back"]) == back


LEAVES = msgspec.structs.replace(PLAN, leaves=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "back"),
    [(name, False) for name in FAULTS] + [(name, True) for name in (*BACK, "migrator, again and again")],
)
def test_a_shard_leaves_and_answers_stay(name: str, back: bool) -> None:
    """The same when a shard leaves; rolled back, the others keep nothing of what is its (MIG-9)."""
    plan = msgspec.structs.replace(LEAVES, roll_back=back)
    run = rehearse(growing(*FAULTS[name], plan=plan, shards=3), records(200))
    assert verdicts(run) == {}
    kept = next(row.checks for row in run.results if row.invariant == Invariant.MOVED_KEPT)
    assert kept > 10
    for region in ("eu", "us", "ap"):
        assert phases(run, region, "less")[-1] == ("rolled back" if back else "cleaned")
    assert run.measures.counts.acknowledged > 140


def test_nobody_asks_a_shard_that_has_left() -> None:
    """Its server may go as soon as the removal is over: claims of all keys are answered, those that it had among them (MIG-9). Who
    asks it is refused.
    """
    plan = msgspec.structs.replace(LEAVES, rate=200, settle=Seconds(2))
    gone = ShardCrash("eu", 2, all_replicas=True, id="gone", start=Seconds(30), duration=Seconds(70))

    def asks(claim: Claim) -> Program[Entry]:
        yield from LookAt(Side.OLD, claim.key)
        return (yield from MODEL.move_claim(claim))

    for programs, refused in ((MODEL, False), (MODEL._replace(move_claim=asks), True)):
        run = rehearse(growing(gone, plan=plan, shards=3), records(200), programs=programs)
        assert at(run, "cleaned", which="less") < 25
        assert (503 in run.measures.statuses) == refused
        assert refused or verdicts(run) == {}


def test_copies_that_stay_after_a_rollback_are_seen() -> None:
    """The others would hold keys that are the leaving shard's."""
    plan = msgspec.structs.replace(LEAVES, roll_back=True)
    programs = MODEL._replace(migrate=lambda rate, settle, back, _: MODEL.migrate(rate, settle, back, False))
    assert Invariant.MOVED_ORDER in broken(rehearse(growing(plan=plan, shards=3), records(200), programs=programs))


def test_the_last_shard_does_not_leave() -> None:
    """The scenario says so before it runs."""
    assert [mistake.field for mistake in validation_errors(growing(plan=LEAVES, shards=1))] == [
        "layout.migration.leaves"
    ]


def test_the_phases_come_at_their_pace() -> None:
    """Twenty keys a second are copied and deleted, with a pause before cutover and before cleanup."""
    run = rehearse(growing(), records(200))
    assert phases(run) == THROUGH
    assert len(run.marks["cut-over"]) == 3
    assert 15 < at(run, "dual") < 15.1
    assert at(run, "cut over") - at(run, "verified") == pytest.approx(8, abs=0.1)
    slow = rehearse(growing(plan=Migration(start=Seconds(15), rate=1, settle=Seconds(8))), records(200))
    assert at(slow, "verified") - 15 > 5 * (at(run, "verified") - 15)


def test_failed_second_writes_are_503_and_no_outcome_differs_later() -> None:
    """Claims of the region whose second writes fail are refused and come again; the others are not concerned."""
    fault = DualWriteFailure("eu", id="second", start=Seconds(16), duration=Seconds(25))
    calm, run = (rehearse(growing(*faults), records(200)) for faults in ((), (fault,)))
    assert run.measures.statuses[503] > 10 > calm.measures.statuses.get(503, 0)
    assert run.measures.counts.acknowledged == calm.measures.counts.acknowledged
    assert verdicts(run) == {}
    assert any(moment.where == "eu" and "does not answer" in moment.what for moment in run.timeline)
    assert not any(moment.where == "us" and "does not answer" in moment.what for moment in run.timeline)


def test_while_a_node_is_behind_its_log_no_claim_decides_anything() -> None:
    """From a claim whose second write failed until the log was replayed, only recovery writes (DUP-6, ORD-4)."""
    seen: list[ObservedEffect] = []
    slow = msgspec.structs.replace(BRISK, service=Seconds(0.2))
    scenario = msgspec.structs.replace(growing(*FAULTS["second writes"]), policy=slow)
    simulate(scenario, records(200), KEYRING, seed=1, observer=seen.append)
    behind, refused = False, 0
    for row in (row for row in seen if row.region == "eu"):
        if row.effect == "Store" and row.refused:
            behind, refused = True, refused + 1
        elif row.effect == "CaughtUp":
            behind = False
        elif row.effect == "InsertOrGet" and not row.fields["merged"] and not row.refused:
            assert not behind
    assert refused > 2


def test_claims_are_answered_though_the_migrator_never_comes_back() -> None:
    """The migrator dies in the middle and stays dead: nobody is refused (MIG-7)."""
    plan = msgspec.structs.replace(PLAN, rate=2.0)
    fault = MigratorCrash("eu", id="m", start=Seconds(17), duration=Seconds(90))
    run = rehearse(growing(fault, plan=plan), records(200))
    assert verdicts(run) == {}
    assert phases(run) == ["dual"]
    assert set(run.measures.statuses) <= {200, 0}


def test_nothing_but_the_keys_of_the_new_shard_moves() -> None:
    """About a third of the keys of two shards, and each to the third (RNG-2)."""
    shards = Shards(Layout(shards=2), Simulator().after)
    before = shards.ring
    plan = ReshardingPlan(shards)
    keys = [claim.key for claim in _claims(300)]
    moving = [key for key in keys if plan.moves(key)]
    assert 60 < len(moving) < 140
    for key in moving:
        assert plan.shard(Side.NEW, key) == shard_name(2)
        assert plan.shard(Side.OLD, key) in before.shards
    plan.place(Phase.CUT_OVER)
    for key in keys:
        assert (shards.owner(key) == shard_name(2)) == (key in moving)
    plan.place(Phase.ROLLED_BACK)
    assert shards.ring is before


def test_only_the_keys_of_the_shard_that_leaves_move() -> None:
    """Each to the shard that the smaller ring gives it (RNG-2)."""
    shards = Shards(Layout(shards=3), Simulator().after)
    before, plan = shards.ring, ReshardingPlan(shards, leaves=True)
    keys = [claim.key for claim in _claims(300)]
    moving = {key for key in keys if plan.moves(key)}
    assert moving == {key for key in keys if shards.owner(key) == shard_name(2)}
    assert 60 < len(moving) < 140
    assert {plan.shard(Side.NEW, key) for key in moving} == {shard_name(0), shard_name(1)}
    plan.place(Phase.CLEANED)
    assert all(shards.owner(key) == plan.shard(Side.NEW, key) != shard_name(2) for key in keys)
    plan.place(Phase.ROLLED_BACK)
    assert shards.ring is before


def test_a_migrator_begins_although_moments_are_rounded() -> None:
    """The region restarts before it is time, at moments whose sum falls short of the start by a rounding: the migrator begins."""
    crash = RegionCrash("eu", Disk.LOST, id="early", start=Seconds(1.211), duration=Seconds(0.495))
    plan = msgspec.structs.replace(PLAN, start=Seconds(7.94))
    assert (1.211 + 0.495) + (7.94 - (1.211 + 0.495)) < 7.94
    assert phases(rehearse(growing(crash, plan=plan), records(200)))


def test_one_shard_becomes_two() -> None:
    """The smallest layout there is, too."""
    assert verdicts(rehearse(growing(shards=1), records(200))) == {}


def test_a_store_with_tiers_is_not_migrated() -> None:
    """The scenario says so before it runs."""
    scenario = msgspec.structs.replace(growing(), layout=Layout(shards=2, migration=PLAN, tiers=Tiers()))
    assert [mistake.field for mistake in validation_errors(scenario)] == ["layout.migration"]


@pytest.mark.slow
@given(st.data())
@settings(max_examples=3, deadline=None)
def test_any_faults_at_any_moment(data: st.DataObject) -> None:
    """Migrator, second writes, node and shards fail at random, in all of the phases."""
    moment, length = st.floats(14, 45), st.floats(0.3, 6)
    kinds = data.draw(st.lists(st.sampled_from(["migrator", "second", "shard"]), min_size=1, max_size=5))
    faults: list[Fault] = []
    for number, kind in enumerate(kinds):
        start, duration = Seconds(data.draw(moment)), Seconds(data.draw(length))
        if kind == "migrator":
            faults.append(MigratorCrash("eu", id=f"{number}", start=start, duration=duration))
        elif kind == "second":
            faults.append(DualWriteFailure("eu", 0.5, id=f"{number}", start=start, duration=duration))
        else:
            shard = data.draw(st.integers(0, 2))
            faults.append(ShardCrash("eu", shard, all_replicas=True, id=f"{number}", start=start, duration=duration))
    faults.append(RegionCrash("eu", id="node", start=Seconds(data.draw(moment)), duration=Seconds(1)))
    leaves = data.draw(st.booleans())
    plan = msgspec.structs.replace(PLAN, roll_back=data.draw(st.booleans()), leaves=leaves)
    run = rehearse(growing(*faults, plan=plan, shards=2 + leaves), records(200))
    assert verdicts(run) == {}


# Planted mistakes.


def one_write(claim: Claim) -> Program[Entry]:
    """Answer as soon as one side has decided, and never write to the other."""
    phase = yield from ReadPhase()
    return (yield from InsertOrGet(ruler(phase), claim, phase))


def unverified(rate: float, settle: float, back: bool, stays: bool) -> Program[Phase]:
    """Cut over without a look at the copy, which left out every other key."""
    del back, stays
    yield from Advance(Phase.PLANNED, Phase.DUAL)
    yield from Sleep(10 / rate)
    yield from Advance(Phase.DUAL, Phase.VERIFIED)
    yield from Sleep(settle)
    return (yield from Advance(Phase.VERIFIED, Phase.CUT_OVER))


def copied_first(rate: float, settle: float, back: bool, stays: bool) -> Program[Phase]:
    """Copy, then write to both for a while, then cut over: what came between is in the old shard alone."""
    del back, stays
    yield from copy_with_any_phase(rate)
    yield from Sleep(settle)
    yield from Advance(Phase.PLANNED, Phase.DUAL)
    yield from Advance(Phase.DUAL, Phase.VERIFIED)
    yield from Sleep(settle)
    return (yield from Advance(Phase.VERIFIED, Phase.CUT_OVER))


def copy_with_any_phase(rate: float) -> Program[None]:
    """A copy that does not ask for the phase."""
    page = yield from ListKeys(Side.OLD, 0, 10_000)
    for key in page.keys:
        claim_ = Claim(key, (yield from _look_old(key)))
        yield from InsertOrGet(Side.NEW, claim_, Phase.PLANNED, merged=True)
        yield from Sleep(1 / rate)


def delete_early(rate: float, settle: float, back: bool, stays: bool) -> Program[Phase]:
    """Delete the old keys, then roll back."""
    del back, stays
    yield from Advance(Phase.PLANNED, Phase.DUAL)
    yield from copy_all(rate)
    yield from Advance(Phase.DUAL, Phase.VERIFIED)
    yield from Advance(Phase.VERIFIED, Phase.CUT_OVER)
    yield from Sleep(settle)
    yield from Advance(Phase.CUT_OVER, Phase.CLEANED)
    yield from delete_old(rate)
    return (yield from Advance(Phase.CLEANED, Phase.ROLLED_BACK))


def deleted_at_cutover(rate: float, settle: float, back: bool, stays: bool) -> Program[Phase]:
    """Delete the old keys as soon as the new shard rules."""
    del back, settle, stays
    yield from Advance(Phase.PLANNED, Phase.DUAL)
    yield from copy_all(rate)
    yield from Advance(Phase.DUAL, Phase.VERIFIED)
    phase = yield from Advance(Phase.VERIFIED, Phase.CUT_OVER)
    for key in (yield from ListKeys(Side.OLD, 0, 10_000)).keys:
        yield from Forget(Side.OLD, key, Phase.CUT_OVER)
    return phase


def given_up(rate: float, settle: float, back: bool, stays: bool) -> Program[Phase]:
    """Copy everything, and leave it at that."""
    del settle, back, stays
    phase = yield from Advance(Phase.PLANNED, Phase.DUAL)
    yield from copy_all(rate)
    return phase


def _look_old(key: Key) -> Program[Entry]:
    entry = yield from LookAt(Side.OLD, key)
    assert entry is not None
    return entry


def broken(run: Run) -> set[str]:
    """The invariants that were violated."""
    return {row.invariant for row in run.results if row.verdict is Verdict.VIOLATED}


MISTAKES: dict[str, tuple[Programs, Invariant]] = {
    "one write": (MODEL._replace(move_claim=one_write), Invariant.MOVED_BOTH),
    "unverified": (MODEL._replace(migrate=unverified), Invariant.MOVED_STAYS),
    "copied first": (MODEL._replace(migrate=copied_first), Invariant.MOVED_STAYS),
    "deleted and rolled back": (MODEL._replace(migrate=delete_early), Invariant.MOVED_STAYS),
    "back from cleanup": (MODEL._replace(migrate=delete_early), Invariant.MOVED_ORDER),
    "nothing copied": (MODEL._replace(migrate=unverified), Invariant.MOVED_ALL),
    "copied before writes were dual": (MODEL._replace(migrate=copied_first), Invariant.MOVED_WRITES),
    "deleted while clients may go back": (MODEL._replace(migrate=deleted_at_cutover), Invariant.MOVED_KEPT),
    "never over": (MODEL._replace(migrate=given_up), Invariant.MOVED_ORDER),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_seen(mistake: str) -> None:
    """A migration that would forget or change an answer breaks the invariant that says so."""
    programs, invariant = MISTAKES[mistake]
    assert invariant in broken(rehearse(growing(), records(200), programs=programs))


def test_a_write_that_is_not_fenced_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow store takes writes of any phase: a claim that began before writes were dual is answered after, from one shard."""
    slow = msgspec.structs.replace(BRISK, service=Seconds(0.3))
    scenario = msgspec.structs.replace(growing(), policy=slow)
    assert broken(rehearse(scenario, records(200))) == set()
    monkeypatch.setattr(MigratingKeys, "require", lambda moving, phase: None)
    assert Invariant.MOVED_BOTH in broken(rehearse(scenario, records(200)))


def _claims(number: int) -> list[Claim]:
    run = rehearse(drill(rate=20, duration=30, until=20), records(number))
    return [Claim(key, entry) for key, entry in run.entries["eu"].items()]
