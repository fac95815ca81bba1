"""Simulated nodes that write snapshots and start from them, while crashes, lost disks and lost objects befall them (SNAP-*)."""

import pytest
from tests.support.model.world import KEYRING
from tests.support.sim.drills import REGIONS, drill, records, verdicts

from flk.model.effects import INBOX, Inspect, Program
from flk.model.log.frames import region_of
from flk.model.programs.examine import Examine
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.ship import ship
from flk.model.programs.snapshot import Snapshotted, snapshot
from flk.sim.kernel.programs import MODEL
from flk.sim.protocol_traces import validated
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, ObjectStoreOutage, RegionCrash

LOSS = RegionCrash(id="loss", start=Seconds(40), duration=Seconds(30), region="us", disk=Disk.LOST)
CRASH = RegionCrash(id="crash", start=Seconds(30), duration=Seconds(20), region="us")
OUTAGE = ObjectStoreOutage(id="objects", start=Seconds(35), duration=Seconds(30))


@pytest.mark.slow
@pytest.mark.parametrize("faults", [(LOSS,), (CRASH, OUTAGE)])
def test_every_invariant_holds_with_snapshots(faults: tuple[Fault, ...]) -> None:
    """Each pass of shipping ends with a snapshot, and each start may begin with one: claims go on meanwhile, and nothing that an
    invariant of the simulator speaks of breaks.
    """
    written: list[Snapshotted] = []
    begun: list[Recovery] = []

    def shipped() -> Program[tuple[str, ...]]:
        names = yield from ship()
        region = region_of(f"{(yield from Inspect(INBOX)).log}/")
        written.append((yield from snapshot(region, [peer for peer in REGIONS if peer != region])))
        return names

    def recovered(region: str, examine: Examine) -> Program[Recovery]:
        found = yield from recover(region, examine, (region, *(peer for peer in REGIONS if peer != region)))
        begun.append(found)
        return found

    run = validated(drill(*faults), records(120), KEYRING, programs=MODEL._replace(ship=shipped, recover=recovered))
    assert not verdicts(run)
    assert len([one for one in written if one.name]) > 10
    assert [bool(one.snapshot.name) for one in begun].count(True) == (faults[0] is LOSS)
