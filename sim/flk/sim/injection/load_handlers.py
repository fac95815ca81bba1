"""How faults of the senders take hold. Bursts come with the arrivals, and what agents are given is decided in `records`."""

from collections.abc import Mapping, Sequence
from functools import partial

from flk.sim.clients.agents import Agent
from flk.sim.clients.items import Item
from flk.sim.clients.replay_attacker import Attacker
from flk.sim.injection.injector import Handler, Handlers, felt_elsewhere
from flk.sim.nodes.region import Region, World
from flk.sim.scenarios.faults import (
    AgentCrash,
    Deviation,
    Equivocation,
    Forgery,
    Gateway,
    KeyRotation,
    Malformation,
    ReplayAttack,
    RetryStorm,
    SlowAgent,
)


def handlers(agents: Sequence[Agent], items: Sequence[Item], regions: Mapping[str, Region], world: World) -> Handlers:
    """What is done when such a fault begins and ends; `items` grows as agents are given work."""

    def shift(by: int, storm: RetryStorm) -> None:
        for agent in agents:
            agent.shift_storms(by, storm)

    def slow(by: int, fault: SlowAgent) -> None:
        for agent in agents:
            agent.shift_lag(by, fault)

    def crash(fault: AgentCrash) -> None:
        for agent in agents:
            agent.crash(fault)

    def restart(fault: AgentCrash) -> None:
        for agent in agents:
            agent.restart(fault)

    def attack(fault: ReplayAttack) -> None:
        Attacker(fault, items, regions, world).begin()

    return {
        RetryStorm: Handler(partial(shift, 1), partial(shift, -1)),
        AgentCrash: Handler(crash, restart),
        SlowAgent: Handler(partial(slow, 1), partial(slow, -1)),
        Gateway: Handler(
            lambda fault: regions[fault.region].gateways.begin(fault),
            lambda fault: regions[fault.region].gateways.end(fault),
        ),
        ReplayAttack: Handler(attack, felt_elsewhere),  # it ends of itself
        **dict.fromkeys(
            (KeyRotation, Forgery, Equivocation, Malformation, Deviation), Handler(felt_elsewhere, felt_elsewhere)
        ),
    }
