"""What the agents are given to deliver: which records, for which tenants, to which agents. `clients.arrivals` says when."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Share
from flk.spec.constants import CONSTANTS

Rate = Annotated[float, Meta(gt=0)]


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point of the arrival curve: at this moment the rate is `factor` times the workload's."""

    at: Seconds
    factor: Annotated[float, Meta(ge=0)]


class Workload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which records come, how often, and to whom.

    `records` names them: `dataset:NAME`, or the path of a file. New ones come at `rate` per second, at random moments, until there
    are no more or `until` is reached; `curve` bends the rate over time, linearly from one point to the next. `agents` is the number
    of agents at home near each region, `tenants` the share of the agents that each tenant has.

    Of all arrivals a share of `duplicates` is instead an earlier record, given to an agent that knows nothing of the first: one of
    the last `duplicate_window` new ones, the latest more often the greater `skew` is (Zipf's exponent; 0: all alike).

    `recorded` names a file of recorded arrivals, which replace the random ones: CSV with the columns `at`
    (seconds), `record` (its number) and `region`, and if need be `tenant`.
    """

    records: str
    agents: dict[str, Annotated[int, Meta(ge=0)]]
    rate: Rate = 1.0
    until: Seconds | None = None
    curve: tuple[Turn, ...] = ()
    duplicates: Share = 0.0
    duplicate_window: Annotated[int, Meta(ge=1)] = 50
    skew: Annotated[float, Meta(ge=0, le=10)] = 0.0
    tenants: dict[str, Rate] = msgspec.field(default_factory=lambda: {CONSTANTS.node.default_tenant: 1.0})
    recorded: str = ""


def agent_homes(agents: Mapping[str, int]) -> list[str]:
    """The home region of each agent."""
    return [region for region, number in agents.items() for _ in range(number)]


def agent_tenants(workload: Workload) -> list[str]:
    """The tenant of each agent: every region's agents are shared out alike, and each tenant has one if there are enough."""
    total = sum(workload.tenants.values())
    names = list(workload.tenants)
    found = []
    for number in workload.agents.values():
        due = dict.fromkeys(names, 0.0)
        for _ in range(number):
            due = {name: share + workload.tenants[name] / total for name, share in due.items()}
            chosen = max(names, key=due.__getitem__)
            due[chosen] -= 1
            found.append(chosen)
    return found
