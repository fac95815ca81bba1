"""Simulated nodes that remove what snapshots cover, beside an audit log of it (TLOG-10)."""

import msgspec
import pytest
from tests.sim.planted.audit_logs import BUGS
from tests.support.model.world import KEYRING
from tests.support.sim.audit_logs import LOG, logged
from tests.support.sim.drills import records, rehearse, verdicts
from tests.support.sim.upkeep import UPKEEP

from flk.sim.checkers.invariants import Invariant
from flk.sim.experiments.hunt import SearchSpace, hunt
from flk.sim.experiments.run_inputs import synthetic_inputs
from flk.sim.experiments.worlds import RECORDS, Worlds
from flk.sim.protocol_traces import validated
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, ObjectStoreOutage, RegionCrash, RowLoss
from flk.sim.scenarios.layout import AuditLog
from flk.sim.scenarios.scenario import Scenario
from flk.spec.verdict import Verdict

EARLY = msgspec.structs.replace(UPKEEP, snapshot_interval=Seconds(3), retain_interval=Seconds(2), retain=Seconds(1))
CRASH = RegionCrash(id="crash", region="us", disk=Disk.LOST, start=Seconds(15), duration=Seconds(15))
AWAY = ObjectStoreOutage(id="away", start=Seconds(15), duration=Seconds(10))
ROWS = RowLoss(id="rows", start=Seconds(20), duration=Seconds(1), region="us", share=0.2)
BEHIND = msgspec.structs.replace(LOG, integrate_interval=Seconds(17))


def audited(*faults: Fault, log: AuditLog = LOG, nodes: int = 1) -> Scenario:
    """A drill of nodes that write audit logs, and remove what is a second old and in snapshots."""
    drill = logged(*faults, log=log, nodes=nodes, convergence=45)
    return msgspec.structs.replace(drill, layout=msgspec.structs.replace(drill.layout, upkeep=EARLY))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "nodes"),
    [((), 1), ((), 2), ((CRASH,), 1), ((AWAY,), 2), ((ROWS,), 1)],
    ids=["calm", "two nodes", "disk lost", "objects away", "rows lost"],
)
def test_every_outcome_is_a_leaf_though_segments_are_removed(faults: tuple[Fault, ...], nodes: int) -> None:
    """Also where a store began with a snapshot, or has lost rows, and the trace is a path of the protocol."""
    run = validated(audited(*faults, nodes=nodes), records(60), KEYRING)
    assert not verdicts(run)
    checks = {row.invariant: row.checks for row in run.results}
    assert checks[Invariant.REMOVED_LATE] > 10
    assert checks[Invariant.LEAVES_ALL] > 10


@pytest.mark.slow
def test_retention_waits_for_an_audit_log_that_is_behind() -> None:
    """However many snapshots stand for a segment: one that asks those alone removes what is no leaf, and an outcome is missed for
    good (TLOG-10).
    """
    assert not verdicts(rehearse(audited(log=BEHIND), records(60)))
    broken = {
        bug: verdicts(rehearse(audited(log=BEHIND), records(60), programs=BUGS[bug].programs))
        for bug in ("removed-unread", "removed-once-shipped")
    }
    assert all(Invariant.REMOVED_LATE in each for each in broken.values())
    assert Invariant.LEAVES_ALL in broken["removed-unread"]


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_hunts_find_nothing_in_audited_nodes_with_upkeep(nodes: int) -> None:
    """A few drawn worlds, of one node to a region and of two."""
    worlds = Worlds(nodes, upkeep=True, audit_log=True)
    assert hunt(SearchSpace(synthetic_inputs(RECORDS), worlds=worlds), range(1, 5), workers=1).verdict is Verdict.HOLDS
