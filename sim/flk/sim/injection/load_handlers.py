"""How faults of the senders take hold. Bursts come with the arrivals, and what agents are given is decided in `records`."""

from collections.abc import Mapping, Sequence
from functools import partial

from flk.sim.clients.agents import Agent, Item
from flk.sim.clients.replay_attacker import Attacker
from flk.sim.injection.injector import Handler, Handlers, felt_elsewhere
from flk.sim.nodes.region import Region, World
from flk.sim.scenarios.faults import Equivocation, Forgery, KeyRotation, ReplayAttack, RetryStorm


def handlers(agents: Sequence[Agent], items: Sequence[Item], regions: Mapping[str, Region], world: World) -> Handlers:
    """What is done when such a fault begins and ends; `items` grows as agents are given work."""

    def shift(by: int, storm: RetryStorm) -> None:
        for agent in agents:
            agent.shift_storms(by, storm)

    def attack(fault: ReplayAttack) -> None:
        Attacker(fault, items, regions, world).begin()

    return {
        RetryStorm: Handler(partial(shift, 1), partial(shift, -1)),
        ReplayAttack: Handler(attack, felt_elsewhere),  # it ends of itself
        **dict.fromkeys((KeyRotation, Forgery, Equivocation), Handler(felt_elsewhere, felt_elsewhere)),
    }
