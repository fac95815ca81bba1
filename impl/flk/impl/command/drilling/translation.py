"""A scenario of the simulator as the plan of a real drill: the same records at the same moments, and its faults as actions."""

from collections.abc import Iterator
from itertools import chain
from math import inf
from typing import TypeAlias

import msgspec

from flk.impl.drill.plan import (
    OBJECTS,
    Action,
    Agent,
    Arrival,
    Between,
    Kill,
    LoseStore,
    Plan,
    Resume,
    Spoil,
    SpoilObjects,
    Stall,
    Start,
    Wound,
)
from flk.impl.drill.proxy import Way
from flk.sim.clients.arrivals import arrivals
from flk.sim.clients.records import Records
from flk.sim.experiments.run_inputs import RunInputs
from flk.sim.injection.log_loss import ACCEPTED_AFTER
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.scenarios.faults import (
    Disk,
    DiskStall,
    Fault,
    Latency,
    LinkFaultBase,
    LogLoss,
    Loss,
    ObjectDamage,
    ObjectLoss,
    ObjectStoreOutage,
    Partition,
    ProcessCrash,
    RegionCrash,
    StoreOutage,
)
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import Path, clients_of, directed, expand
from flk.sim.scenarios.workload import agent_homes
from flk.sim.world.events import Intent
from flk.spec.errors import UnusableInput

_OfWires: TypeAlias = LinkFaultBase | ObjectStoreOutage | RegionCrash
"""The faults that wires show; clients hear nothing from a region that has crashed, not even that nobody listens."""
SETTLING = 5.0  # seconds beside two rounds of shipping and replay in which the regions have to become alike


def scaled(scenario: Scenario, speed: float) -> Scenario:
    """The scenario at so many times the speed: its schedule, its load and the intervals of its policy.

    What machines and wires take is theirs, and stays: delays of messages, times of disks and stores, and the time after which a
    node gives up on the object store. Hypotheses and objectives are none of a drill's. Raises UnusableInput for recorded arrivals.
    """
    if speed == 1:
        return scenario
    if scenario.workload.recorded:
        raise UnusableInput(
            "--speed: workload.recorded says when records come, and cannot be hurried; leave --speed out"
        )
    policy, work = scenario.policy, scenario.workload
    change = msgspec.structs.replace
    return change(
        scenario,
        duration=scenario.duration / speed,
        workload=change(
            work,
            rate=work.rate * speed,
            until=None if work.until is None else work.until / speed,
            curve=tuple(change(turn, at=turn.at / speed) for turn in work.curve),
        ),
        policy=change(
            policy,
            ship_interval=policy.ship_interval / speed,
            replay_interval=policy.replay_interval / speed,
            check_interval=policy.check_interval / speed,
            divergence_interval=policy.divergence_interval / speed,
            retry=change(
                policy.retry,
                base_delay_seconds=policy.retry.base_delay_seconds / speed,
                max_delay_seconds=policy.retry.max_delay_seconds / speed,
                timeout_seconds=policy.retry.timeout_seconds / speed,
            ),
            failover=change(
                policy.failover,
                probe_interval_seconds=policy.failover.probe_interval_seconds / speed,
                probe_timeout_seconds=policy.failover.probe_timeout_seconds / speed,
            ),
            breaker=policy.breaker and change(policy.breaker, open_seconds=policy.breaker.open_seconds / speed),
            pressure=policy.pressure
            and change(policy.pressure, interval_seconds=policy.pressure.interval_seconds / speed),
        ),
        faults=tuple(
            change(fault, start=fault.start / speed, duration=fault.duration / speed) for fault in scenario.faults
        ),
        hypotheses=(),
    )


def plan_of(scenario: Scenario, inputs: RunInputs, seed: int, nodes: int = 1, store: str = "") -> Plan:
    """The drill that a scenario and a seed stand for, of which everything has a counterpart; with so many nodes to a region that
    share a store of a kind.
    """
    policy, homes = scenario.policy, agent_homes(scenario.workload.agents)
    records = Records(scenario, inputs.submissions, inputs.keyring, inputs.signer, seed)
    coming = arrivals(scenario.workload, scenario.faults, scenario.duration, len(inputs.submissions), seed)
    given = []
    for arrival in coming:
        handed = records.hand_out(arrival)
        given.append(Arrival(arrival.at, arrival.agent, handed.submission, counted=handed.intent is Intent.HONEST))
    pairs = _pairs(scenario)
    return Plan(
        regions=scenario.regions,
        agents=tuple(Agent(f"agent-{number}", home, clients_of(home)) for number, home in enumerate(homes)),
        arrivals=tuple(given),
        actions=tuple(
            sorted(
                chain(
                    chain.from_iterable(actions_of(fault, seed) for fault in scenario.faults), _wires(scenario, pairs)
                ),
                key=lambda action: action.at,
            )
        ),
        duration=scenario.duration,
        last_fault=max((fault.end for fault in scenario.faults), default=-inf),
        settle=2 * (policy.ship_interval + policy.replay_interval) + SETTLING,
        ship_every=policy.ship_interval,
        replay_every=policy.replay_interval,
        check_every=policy.check_interval,
        retry=policy.retry,
        failover=policy.failover,
        seed=seed,
        secret=inputs.secret.decode(),
        pressure=policy.pressure,
        breaker=policy.breaker,
        ways=tuple(_between(scenario, pair, 0.0, ()) for pair in pairs),
        nodes=nodes,
        store=store,
    )


def actions_of(fault: Fault, seed: int) -> Iterator[Action]:
    """What a fault of processes or objects is on real ones; faults of wires are taken together."""
    match fault:
        case RegionCrash():
            which, where, _ = RandomStream(seed, f"log/{fault.id}").triple("loss")
            wound = None if fault.log is LogLoss.NONE else Wound(str(fault.log))
            loses = fault.disk is Disk.LOST
            yield Kill(fault.start, fault.id, fault.region, loses, wound=wound, which=which, where=where)
            yield Start(fault.end, fault.id, fault.region, ACCEPTED_AFTER)
        case ProcessCrash():
            yield Kill(fault.start, fault.id, fault.region, region_lost=False)
            yield Start(fault.end, fault.id, fault.region)
        case StoreOutage():
            yield LoseStore(fault.start, fault.region)
            yield Start(fault.end, fault.id, fault.region)
        case DiskStall():
            yield Stall(fault.start, fault.region)
            yield Resume(fault.end, fault.region)
        case ObjectLoss():
            yield SpoilObjects(
                fault.start, fault.end, fault.region, Spoil.LOST, fault.share, fault.id, for_good=fault.for_good
            )
        case ObjectDamage():
            spoil = Spoil(str(fault.damage))
            yield SpoilObjects(
                fault.start, fault.end, fault.region, spoil, fault.share, fault.id, for_good=fault.for_good
            )
        case _:
            return


def stand_ins(scenario: Scenario) -> list[str]:
    """Where a real drill does something else than the scenario says, in sentences."""
    said = [
        f"{fault.id}: the whole process of {fault.region} is stopped (SIGSTOP), in place of its disk: probes go unanswered, too"
        for fault in scenario.faults
        if isinstance(fault, DiskStall)
    ]
    said += [
        f"{fault.id}: connections to the object store are broken off, in place of answers that refuse"
        for fault in scenario.faults
        if isinstance(fault, ObjectStoreOutage)
    ]
    said += [
        f"{fault.id}: SIGKILL keeps what was written and not synchronised, which a power failure may not"
        for fault in scenario.faults
        if isinstance(fault, RegionCrash) and fault.disk is Disk.KEPT
    ]
    return said


def _pairs(scenario: Scenario) -> list[tuple[str, str]]:
    """The places between which messages pass: real regions have nothing to say to each other but through the object store."""
    homes = dict.fromkeys(agent_homes(scenario.workload.agents))
    calls = [(clients_of(home), region) for home in homes for region in scenario.regions]
    return [*((region, OBJECTS) for region in scenario.regions), *calls]


def _wires(scenario: Scenario, pairs: list[tuple[str, str]]) -> Iterator[Between]:
    """How the ways between places are, from each moment on at which a fault of them begins or ends."""
    faults = [fault for fault in scenario.faults if isinstance(fault, _OfWires)]
    before = {pair: _between(scenario, pair, 0.0, ()) for pair in pairs}
    for at in sorted({moment for fault in faults for moment in (fault.start, fault.end)}):
        holding = tuple(fault for fault in faults if fault.start <= at < fault.end)
        for pair in pairs:
            now = _between(scenario, pair, at, holding)
            if (now.there, now.back, now.refuse) != (before[pair].there, before[pair].back, before[pair].refuse):
                before[pair] = now
                yield now


def _between(scenario: Scenario, pair: tuple[str, str], at: float, holding: tuple[_OfWires, ...]) -> Between:
    first, second = pair
    refuse = second == OBJECTS and any(isinstance(fault, ObjectStoreOutage) for fault in holding)
    if any(isinstance(fault, RegionCrash) and fault.region == second for fault in holding):
        return Between(at, pair, Way(cut=True), Way(cut=True))  # a region that is gone does not even refuse
    links = [fault for fault in holding if isinstance(fault, LinkFaultBase)]
    return Between(at, pair, _way(scenario, first, second, links), _way(scenario, second, first, links), refuse)


def _way(scenario: Scenario, sender: str, receiver: str, holding: list[LinkFaultBase]) -> Way:
    """What a message meets from one place to another."""
    path = _path(scenario, sender, receiver)
    cut, delay, passes = False, float(path.delay), 1 - path.loss
    for fault in holding:
        first, second = (tuple(expand(side, scenario.regions)) for side in fault.sides)
        if (sender, receiver) in directed(first, second, fault.direction):
            cut = cut or isinstance(fault, Partition)
            delay += fault.extra if isinstance(fault, Latency) else 0.0
            passes *= 1 - fault.share if isinstance(fault, Loss) else 1.0
    return Way(cut, delay, float(path.jitter), 1 - passes)


def _path(scenario: Scenario, sender: str, receiver: str) -> Path:
    """Of two links for one pair the later counts."""
    for link in reversed(scenario.network.links):
        first, second = (tuple(expand((place,), scenario.regions)) for place in link.between)
        if (sender, receiver) in directed(first, second, link.direction):
            return link
    return scenario.network.default
