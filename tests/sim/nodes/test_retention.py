"""Simulated nodes that remove what their snapshots cover, while crashes, lost disks and long absences befall them (RET-*)."""

import pytest
from tests.support.model.world import KEYRING
from tests.support.sim.drills import REGIONS, drill, records, rehearse, verdicts

from flk.sim.checkers.invariants import Invariant
from flk.sim.nodes.retention import EARLY, early, retaining
from flk.sim.protocol_traces import validated
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, ObjectStoreOutage, RegionCrash

LOSS = RegionCrash(id="loss", start=Seconds(40), duration=Seconds(30), region="us", disk=Disk.LOST)
CRASH = RegionCrash(id="crash", start=Seconds(30), duration=Seconds(50), region="us")
OUTAGE = ObjectStoreOutage(id="objects", start=Seconds(35), duration=Seconds(30))
PERIOD = 8.0


@pytest.mark.parametrize("faults", [(LOSS,), (CRASH, OUTAGE)])
def test_every_invariant_holds_with_retention(faults: tuple[Fault, ...]) -> None:
    """Each pass of shipping ends with a snapshot and the removal of what it covers; a region that was down for longer than the
    period reads on from a snapshot. Nothing that an invariant speaks of breaks, and `replication` accepts the trace (RET-1, RET-5).
    """
    programs, seen = retaining(REGIONS, PERIOD)
    run = validated(drill(*faults), records(120), KEYRING, programs=programs)
    assert not verdicts(run)
    assert sum(len(one.segments) for one in seen.removed) > 10
    assert sum(len(one.objects) for one in seen.removed) > 10
    assert any(one.snapshot for one in seen.read) or any(one.snapshot.name for one in seen.begun)


@pytest.mark.parametrize("name", EARLY)
def test_a_design_that_forgets_too_early_is_found(name: str) -> None:
    """Each sounds right, and an invariant shows it (RET-1, RET-2)."""
    broken = verdicts(rehearse(drill(LOSS), records(120), programs=early(REGIONS, name)))
    assert Invariant.OBJECTS_KEPT in broken
