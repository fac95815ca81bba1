"""What a drill is to do: plain values, with times in seconds from its start."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from flk.impl.drill.proxy import Way
from flk.model.flow.submission import Submission
from flk.spec.constants import Breaker, Failover, Outbox, Pressure

OBJECTS = "objects"
"""The place of the object store; those of regions and of their clients have names of their own."""


class Wound(StrEnum):
    """What happens to a segment of a log while its region is down (WAL-9)."""

    MISSING = "missing"
    COPIED = "copied"
    CUT = "cut"
    ZEROED = "zeroed"


class Spoil(StrEnum):
    """What happens to an object: it is gone, or it reads otherwise than it was written."""

    LOST = "lost"
    FLIPPED = "flipped"
    CUT = "cut"
    FOREIGN = "foreign"


class Agent(msgspec.Struct, frozen=True):
    """One agent: its name, the region that it uses unless that fails, and the place from which it calls."""

    name: str
    home: str
    place: str


class Arrival(msgspec.Struct, frozen=True):
    """At a moment an agent, by its number, is given a submission. `counted` unless it is meant to be refused."""

    at: float
    agent: int
    submission: Submission
    counted: bool = True


class Kill(msgspec.Struct, frozen=True):
    """The process of a region is killed (SIGKILL). With `loses` its data directory goes with it. `region_lost` says that it
    counts as the loss of a region, for RPO. While it is down, the wound is given to a segment that `which` and `where` choose, from
    0 to 1.
    """

    at: float
    fault: str
    region: str
    loses: bool = False
    region_lost: bool = True
    wound: Wound | None = None
    which: float = 0.0
    where: float = 0.0


class Start(msgspec.Struct, frozen=True):
    """The process of a region is started again. What its log has lost is accepted `accepts` seconds later, if it is not ready."""

    at: float
    fault: str
    region: str
    accepts: float = 5.0


class Stall(msgspec.Struct, frozen=True):
    """The process of a region is stopped (SIGSTOP): it does nothing, and its connections stay open."""

    at: float
    region: str


class Resume(msgspec.Struct, frozen=True):
    """A process that was stopped goes on (SIGCONT)."""

    at: float
    region: str


class Between(msgspec.Struct, frozen=True):
    """How the ways there and back between two places are from now on; with `refuse`, every connection is broken off."""

    at: float
    pair: tuple[str, str]
    there: Way
    back: Way
    refuse: bool = False


class SpoilObjects(msgspec.Struct, frozen=True):
    """Until `end` a share of the objects that a region has shipped, or ships meanwhile, is spoilt; then what was spoilt is put
    right from a copy, unless it is `for_good` or was put right by the region. `draws` names the chance of an object.
    """

    at: float
    end: float
    region: str
    spoil: Spoil
    share: float
    draws: str
    for_good: bool = False


class LoseStore(msgspec.Struct, frozen=True):
    """The server of a region's shared store is killed (SIGKILL). The next `Start` of the region starts it again."""

    at: float
    region: str


Action: TypeAlias = Kill | Start | Stall | Resume | Between | SpoilObjects | LoseStore


class Plan(msgspec.Struct, frozen=True):
    """A whole drill.

    `last_fault` is when the last fault ends (-inf without one). `settle` seconds are granted after `duration` for the regions to be
    alike. `ways` are those between places from the start. With `store`, a kind of store, each region has so many `nodes` on one.
    """

    regions: tuple[str, ...]
    agents: tuple[Agent, ...]
    arrivals: tuple[Arrival, ...]
    actions: tuple[Action, ...]
    duration: float
    last_fault: float
    settle: float
    ship_every: float
    replay_every: float
    check_every: float
    retry: Outbox
    failover: Failover
    seed: int
    secret: str
    pressure: Pressure | None = None
    breaker: Breaker | None = None
    ways: tuple[Between, ...] = ()
    nodes: int = 1
    store: str = ""


def described(action: Action) -> str:
    """One phrase for people."""
    match action:
        case Kill():
            return _killed(action)
        case Start(region=region):
            return f"what is down of {region} is started again"
        case Stall(region=region):
            return f"the process of {region} is stopped (SIGSTOP)"
        case Resume(region=region):
            return f"the process of {region} goes on (SIGCONT)"
        case Between(pair=(first, second)):
            if action.refuse:
                return f"{first} and {second}: every connection is broken off"
            if action.there == action.back:
                return f"{first} and {second}: {_way(action.there)}"
            return f"{first} to {second}: {_way(action.there)}; back: {_way(action.back)}"
        case LoseStore(region=region):
            return f"the server of the store of {region} is killed (SIGKILL)"
        case SpoilObjects():
            until = "for good" if action.for_good else f"until {action.end:g} s"
            return f"{action.share:.0%} of the objects of {action.region} are {action.spoil}, {until}"


def _killed(action: Kill) -> str:
    if not action.region_lost:
        return f"a process of {action.region} is killed (SIGKILL)"
    wound = f", a segment of its log {action.wound}" if action.wound else ""
    return f"{action.region} is killed (SIGKILL){', its disk is gone' if action.loses else ''}{wound}"


def _way(way: Way) -> str:
    if way.cut:
        return "cut"
    met = [f"{1000 * way.delay:.0f} ms"] if way.delay or way.jitter else []
    met += [f"{way.loss:.1%} lost"] if way.loss else []
    return ", ".join(met) or "open"
