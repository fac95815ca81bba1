"""Simulated nodes that write snapshots, remove what these cover, compare their stores, and mend what one has lost."""

import msgspec
import pytest
from tests.support.model.world import KEYRING
from tests.support.sim.drills import drill, records, rehearse, verdicts
from tests.support.sim.upkeep import UPKEEP, kept_up

from flk.model.entries.proposals import Mode
from flk.sim.checkers.invariants import Invariant
from flk.sim.experiments.hunt import SearchSpace, hunt
from flk.sim.experiments.run_inputs import synthetic_inputs
from flk.sim.experiments.worlds import RECORDS, Worlds
from flk.sim.nodes.retention import EARLY
from flk.sim.protocol_traces import validated
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, ObjectStoreOutage, RegionCrash, RowLoss
from flk.sim.scenarios.layout import Layout, Tiers
from flk.sim.scenarios.validation import validation_errors
from flk.spec.verdict import Verdict

LOSS = RegionCrash(id="loss", start=Seconds(40), duration=Seconds(30), region="us", disk=Disk.LOST)
CRASH = RegionCrash(id="crash", start=Seconds(30), duration=Seconds(50), region="us")
OUTAGE = ObjectStoreOutage(id="objects", start=Seconds(35), duration=Seconds(30))
ROWS = RowLoss(id="rows", start=Seconds(50), duration=Seconds(1), region="us", share=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize("faults", [(LOSS,), (CRASH, OUTAGE)])
def test_every_invariant_holds_with_upkeep(faults: tuple[Fault, ...], nodes: int) -> None:
    """A region that was down for longer than the period of retention begins with a snapshot, or reads on from one. Nothing that an
    invariant speaks of breaks, and `replication` accepts the trace (RET-1, RET-5).
    """
    run = validated(kept_up(*faults, nodes=nodes), records(120), KEYRING)
    assert not verdicts(run)
    assert len(run.marks["snapshot"]) > 10
    assert len(run.marks["removed"]) > 10


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_rows_that_a_store_lost_are_joined_in_again(nodes: int) -> None:
    """What every region stored, and one lost in silence, comes back from the logs (DIV-3 to DIV-7)."""
    run = rehearse(kept_up(ROWS, nodes=nodes), records(120))
    assert not verdicts(run)
    assert run.marks["row-mended"]


@pytest.mark.slow
def test_rows_that_nobody_mends_stay_lost() -> None:
    """The fault does what it says: where nothing is mended, regions stay apart."""
    by_hand = msgspec.structs.replace(UPKEEP, reconcile=Mode.MANUAL)
    broken = verdicts(rehearse(kept_up(ROWS, upkeep=by_hand), records(120)))
    assert Invariant.CONVERGENCE in broken


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize("name", EARLY)
def test_a_design_that_forgets_too_early_is_found(name: str, nodes: int) -> None:
    """Each sounds right, and where snapshots are rare an invariant shows it (RET-1, RET-2, RET-7)."""
    rarely = msgspec.structs.replace(UPKEEP, snapshot_interval=Seconds(20), retain_interval=Seconds(2))
    broken = verdicts(rehearse(kept_up(LOSS, upkeep=rarely, nodes=nodes), records(120), programs=EARLY[name]))
    assert Invariant.OBJECTS_KEPT in broken


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_hunts_find_nothing_in_nodes_with_upkeep(nodes: int) -> None:
    """Eight drawn worlds, in some of which rows are lost."""
    space = SearchSpace(synthetic_inputs(RECORDS), worlds=Worlds(nodes, upkeep=True))
    outcome = hunt(space, range(1, 9), workers=1)
    assert outcome.verdict is Verdict.HOLDS
    assert outcome.kinds["row_loss"]


def test_upkeep_needs_all_entries_in_one_place() -> None:
    """Tiers have other rules; a fault of rows needs somebody who compares."""
    tiered = msgspec.structs.replace(kept_up(), layout=Layout(upkeep=UPKEEP, tiers=Tiers()))
    assert [error.field for error in validation_errors(tiered)] == ["layout.upkeep"]
    (error,) = validation_errors(drill(ROWS))
    assert "layout.upkeep" in error.message
    alone = msgspec.structs.replace(kept_up(ROWS), regions=("us",))
    assert "add a region" in " ".join(error.message for error in validation_errors(alone))
