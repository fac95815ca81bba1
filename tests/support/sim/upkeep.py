"""Drills of nodes that do their upkeep."""

import msgspec
from tests.support.sim.drills import drill

from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Fault
from flk.sim.scenarios.layout import Layout, Upkeep
from flk.sim.scenarios.scenario import Scenario

UPKEEP = Upkeep(
    snapshot_interval=Seconds(6), retain_interval=Seconds(4), retain=Seconds(8), compare_interval=Seconds(5)
)


def kept_up(*faults: Fault, upkeep: Upkeep = UPKEEP, nodes: int = 1) -> Scenario:
    """A drill of nodes that do their upkeep, so many to a region."""
    return msgspec.structs.replace(drill(*faults), layout=Layout(upkeep=upkeep, nodes=nodes))
