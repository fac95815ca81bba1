"""What the vector tier computes exactly, and the reasons for which it refuses a scenario.

Requests may be arrays as long as nothing that happens to one depends on what became of another, except through the two lines that
`kernels.advance` follows. So there must be no retry: no message of a client is lost, no node refuses, no answer comes too late.
What can be seen from the scenario is said here before the run; the rest is screened at every request and raises NotExact.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flk.sim.kernel.engine import Simulator
from flk.sim.scenarios.faults import (
    Bandwidth,
    Burst,
    ClockJump,
    ClockSkew,
    DiskStall,
    FaultBase,
    LinkFaultBase,
    ListingDelay,
    NameTaken,
    ObjectDamage,
    ObjectHiding,
    ObjectLoss,
    ObjectStoreOutage,
    ObjectStoreThrottle,
    SlowDisk,
    SlowStore,
)
from flk.sim.scenarios.layout import Layout
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import clients_of
from flk.sim.world.network import Net, Wire
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

Column: TypeAlias = NDArray[np.float64]

FOLLOWED: tuple[type[FaultBase], ...] = (
    Burst,
    ClockJump,
    ClockSkew,
    DiskStall,
    ListingDelay,
    NameTaken,
    ObjectDamage,
    ObjectHiding,
    ObjectLoss,
    ObjectStoreOutage,
    ObjectStoreThrottle,
    SlowDisk,
    SlowStore,
)
"""The faults, beside those of links, after which every request still goes through the same two lines."""


class NotExact(UnusableInput):
    """The vector tier cannot compute this scenario exactly. The message says why, and what to change."""


class WireTable(NamedTuple):
    """The delay of one wire over time: `delays[i]` from `turns[i]` until `turns[i + 1]`; and its jitter."""

    turns: Column
    delays: Column
    jitter: float


def require_exact(scenario: Scenario) -> None:
    """Return if nothing in the scenario stands against the vector tier. Raises NotExact with every reason."""
    found = list(reasons(scenario))
    if found:
        raise NotExact(f"scenario {scenario.name!r} needs the message tier: {'; '.join(found)}")


def reasons(scenario: Scenario) -> Iterator[str]:
    """What in a scenario rules the vector tier out, each with what to change."""
    yield from _of_policy(scenario)
    yield from _of_records(scenario)
    yield from _of_wires(scenario)
    yield from _of_clocks(scenario)
    for fault in scenario.faults:
        if not isinstance(fault, (*FOLLOWED, LinkFaultBase)):
            yield f"fault {fault.id!r} ({fault.kind}) makes requests fail or changes what they carry; take it out"
        elif isinstance(fault, Bandwidth):
            yield f"fault {fault.id!r} (bandwidth) asks for the bytes of every message; take it out"


def _of_policy(scenario: Scenario) -> Iterator[str]:
    policy = scenario.policy
    if policy.agent_fsync:
        yield "an agent's disk couples its submissions to its acknowledgements; set policy.agent_fsync to 0"
    if not policy.merge:
        yield "a merge that takes no time is over in the same moment as the claim before it; set policy.merge above 0"
    if policy.pressure is not None:
        yield "back-pressure turns requests away; leave out policy.pressure"
    if policy.breaker is not None:
        yield "a circuit breaker holds requests back; leave out policy.breaker"
    if scenario.layout != Layout():
        yield "a store of shards, tiers, migrations or audits is more than one line; leave out layout"


def _of_records(scenario: Scenario) -> Iterator[str]:
    if scenario.workload.recorded:
        yield "recorded arrivals come from a file, one by one; give workload.rate instead of workload.recorded"
    if set(scenario.workload.tenants) != {CONSTANTS.node.default_tenant}:
        yield "tenants have records signed for them during the run; leave out workload.tenants"
    if scenario.script:
        yield "a script is made of single acts; leave out script"
    if scenario.design:
        yield f"the design {scenario.design!r} runs other programs; leave out design"
    if scenario.hypotheses:
        yield "hypotheses are about single records; leave out hypotheses"


def _of_clocks(scenario: Scenario) -> Iterator[str]:
    """A node whose clock makes too large a step logs nothing (HLC-5)."""
    most = CONSTANTS.clock.max_step_seconds
    for region in scenario.regions:
        faults = (f for f in scenario.faults if isinstance(f, ClockJump | ClockSkew) and f.region == region)
        if sum(abs(fault.offset) for fault in faults) > most:
            yield f"a node turns requests away if its clock is off by more than {most:g} s; let that of {region} be less"


def _of_wires(scenario: Scenario) -> Iterator[str]:
    for path in (scenario.network.default, *scenario.network.links):
        if path.bandwidth is not None:
            yield "bandwidth asks for the bytes of every message; leave it out of network"
            break
    for region, homes in scenario.workload.agents.items():
        if homes:
            for sender, receiver in ((clients_of(region), region), (region, clients_of(region))):
                yield from _of_wire(scenario, sender, receiver)


def _of_wire(scenario: Scenario, sender: str, receiver: str) -> Iterator[str]:
    """Every message of a client must arrive, once, and those sent alike in the same way."""
    said: set[str] = set()
    for _, wire in _course(scenario, sender, receiver):
        bad = (("lost", wire.loss), ("repeated", wire.duplication), ("held back", len(wire.reorders)))
        said |= {what for what, share in bad if share}
    for what in sorted(said):
        yield f"messages from {sender} to {receiver} may be {what}, and are sent again; spare the links of clients"


def wire_table(scenario: Scenario, sender: str, receiver: str) -> WireTable:
    """The delay of a wire over the whole run."""
    course = [(at, wire.delay, wire.path.jitter) for at, wire in _course(scenario, sender, receiver)]
    kept = [one for one, other in pairwise([*course, (np.inf, 0.0, 0.0)]) if one[0] < other[0]]
    turns = [-np.inf, *(at for at, _, _ in kept[1:]), np.inf]
    return WireTable(np.array(turns), np.array([delay for _, delay, _ in kept]), kept[0][2])


def _course(scenario: Scenario, sender: str, receiver: str) -> Iterator[tuple[float, Wire]]:
    """A wire as every fault leaves it, with the moment from which it is so; the same object each time."""
    net = Net(Simulator(), scenario.network, scenario.regions, 0)
    wire = net.wire(sender, receiver)
    mine = [fault for fault in scenario.faults if isinstance(fault, LinkFaultBase) and wire in net.wires(fault)]
    changes = [(fault.start, wire.begin, fault) for fault in mine] + [(fault.end, wire.end, fault) for fault in mine]
    yield 0.0, wire
    for at, change, fault in sorted(changes, key=lambda entry: entry[0]):
        change(fault)
        yield at, wire
