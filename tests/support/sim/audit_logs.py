"""Drills of nodes that write audit logs."""

import msgspec
from tests.support.sim.drills import EASY, drill

from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Fault
from flk.sim.scenarios.layout import AuditLog, Layout
from flk.sim.scenarios.scenario import Scenario

LOG = AuditLog(
    integrate_interval=Seconds(3),
    sign_interval=Seconds(3),
    look_interval=Seconds(4),
    anchor_interval=Seconds(5),
    stream_interval=Seconds(5),
    stream_batch=7,
)


def logged(*faults: Fault, log: AuditLog = LOG, nodes: int = 1, convergence: float = 30) -> Scenario:
    """A drill of nodes that write audit logs, of ninety seconds, in which regions have so many seconds to agree."""
    slo = msgspec.structs.replace(EASY, convergence=Seconds(convergence))
    short = drill(*faults, duration=90, until=30, slo=slo)
    return msgspec.structs.replace(short, layout=Layout(audit_log=log, nodes=nodes))
