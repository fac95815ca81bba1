"""How each kind of fault is drawn: its time and place, and the fields that it has besides. A fault is over by the time that a
setting says, so that a correct node comes to rest.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple, TypeAlias, cast

from flk.sim.scenarios import document
from flk.sim.scenarios.faults import (
    AgentCrash,
    Bandwidth,
    BitRot,
    Burst,
    ClockJump,
    ClockSkew,
    ColdOutage,
    Damage,
    Deviation,
    Direction,
    Disk,
    DiskStall,
    DualWriteFailure,
    Duplication,
    Equivocation,
    Fault,
    FaultBase,
    Forgery,
    FsyncFailure,
    Gateway,
    KeyRotation,
    Latency,
    LinkFaultBase,
    ListingDelay,
    LogFork,
    LogLoss,
    Loss,
    MachineFault,
    Malformation,
    MigratorCrash,
    NameTaken,
    ObjectDamage,
    ObjectHiding,
    ObjectLoss,
    ObjectStoreOutage,
    ObjectStoreThrottle,
    Outside,
    OutsideOutage,
    Partition,
    PolicyChange,
    PolicyKeyLate,
    ProcessCrash,
    RegionCrash,
    RegionFault,
    Reorder,
    ReplayAttack,
    RetryStorm,
    RowLoss,
    ShardCrash,
    Sides,
    SlowAgent,
    SlowDisk,
    SlowNode,
    SlowStore,
    StoreOutage,
    TornWrite,
    WorkerCrash,
)
from flk.sim.scenarios.layout import Layout
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.topology import nodes_of, places, store_of
from flk.spec.constants import CONSTANTS

EARLIEST = 0.2
"""Seconds from the start of a run before which there is no fault."""
KEYS = 3
"""About how many keys of a drawn world are copied to another shard."""
STATUSES = (429, 503, 500, 502, 504, 404, 408, 413, 204, 301, 200, 202, 401, 409)
"""What a gateway of a drawn world answers: overload, outage, a wrong address, what no node ever says, and what a node says of a
record.
"""


class Setting(NamedTuple):
    """Where and when a fault may be drawn: the regions, those of them that faults of a region happen to, what they consist of,
    how many records come in a second, and the time by which all is over.
    """

    regions: tuple[str, ...]
    affected: tuple[str, ...]
    layout: Layout
    policy: Policy
    rate: float
    calm: float
    longest: float


class Drawing(NamedTuple):
    """What the fields of a fault are drawn with."""

    random: Random
    setting: Setting
    start: float
    duration: float


Drawer: TypeAlias = Callable[[Drawing], dict[str, object]]
_DIRECTIONS = (Direction.BOTH, Direction.BOTH, Direction.FORWARD, Direction.BACKWARD)


def draw(kind: type[FaultBase], identity: str, setting: Setting, others: Sequence[Fault], random: Random) -> Fault:
    """A fault of that kind, of any severity, over by the time the setting says; often close to an edge of another fault."""
    duration = round(setting.longest * random.random() ** 2 + 0.3, 3)  # mostly short, sometimes long
    latest = setting.calm - duration - 0.001
    start = random.uniform(EARLIEST, latest)
    edges = [edge for other in others for edge in (other.start, other.end)] + migration_phases(setting.layout)
    if edges and random.random() < 0.4:
        edge = random.choice(edges)
        start = min(latest, max(EARLIEST, edge + random.uniform(-duration, 1.0)))
    start = round(start, 3)
    raw: dict[str, object] = {"kind": kind.__struct_config__.tag, "id": identity, "start": start, "duration": duration}
    if issubclass(kind, RegionFault):
        raw["region"] = random.choice(setting.affected)
    if issubclass(kind, MachineFault) and setting.layout.nodes > 1:
        raw["node"] = random.choice((None, *range(1, setting.layout.nodes + 1)))
    if issubclass(kind, LinkFaultBase):
        raw |= {"sides": _sides(random, setting), "direction": random.choice(_DIRECTIONS)}
    raw |= DRAWERS[kind](Drawing(random, setting, start, duration))
    return cast("Fault", document.convert(raw, kind, "a drawn fault"))


def migration_phases(layout: Layout) -> list[float]:
    """When a migration begins, and about when it cuts over and cleans up."""
    if layout.migration is None:
        return []
    start, settle = layout.migration.start, layout.migration.settle
    copied = start + KEYS / layout.migration.rate
    return [start, copied + settle, copied + 2 * settle]


def _share(random: Random) -> float:
    """A share of something: often all of it."""
    return 1.0 if random.random() < 0.2 else round(random.uniform(0.05, 1.0), 3)


def _factor(random: Random, least: float, most: float) -> float:
    """A number between two, each order of magnitude as likely as the next."""
    return float(f"{least * (most / least) ** random.random():.3g}")


def _sometimes_off(random: Random) -> float:
    """Seconds by which a clock is off, often none."""
    return 0.0 if random.random() < 0.3 else random.choice((-1, 1)) * _factor(random, 0.1, 100)


def _offset(random: Random) -> float:
    """Seconds by which a clock is off, often so many that other regions follow it, or barely do not (HLC-2, HLC-3)."""
    shape = random.random()
    if shape < 0.6:
        least, most = (0.1, 0.9) if shape < 0.3 else (0.9, 1.4)
        return round(CONSTANTS.clock.max_ahead_seconds * random.uniform(least, most), 3)
    return random.choice((-1, 1)) * _factor(random, 0.01, 100)


def _sides(random: Random, setting: Setting) -> Sides:
    """A region against everything, against the object store, or against another; or any split of all places."""
    if setting.layout.nodes > 1:
        return _sides_of_nodes(random, setting)
    everywhere = list(places(setting.regions))
    region = random.choice(setting.affected)
    shape = random.randrange(4)
    if shape == 0:
        return (region,), tuple(place for place in everywhere if place != region)
    if shape == 1:
        return (region,), ("objects",)
    random.shuffle(everywhere)
    first = random.randint(1, len(everywhere) - 1)
    last = len(everywhere) if shape == 2 else random.randint(first + 1, len(everywhere))
    return tuple(everywhere[:first]), tuple(everywhere[first:last])


def _sides_of_nodes(random: Random, setting: Setting) -> Sides:
    """A node against the store that it shares, a region against the others and all else, or any split of all places."""
    region, nodes = random.choice(setting.affected), setting.layout.nodes
    everywhere = list(places(setting.regions, nodes))
    shape = random.randrange(4)
    if shape < 2:
        return (random.choice(nodes_of(region, nodes)),), (store_of(region),)
    if shape == 2:
        own = {*nodes_of(region, nodes), store_of(region)}
        return (region,), tuple(place for place in everywhere if place not in own)
    random.shuffle(everywhere)
    first = random.randint(1, len(everywhere) - 1)
    return tuple(everywhere[:first]), tuple(everywhere[first:])


def _nothing(drawing: Drawing) -> dict[str, object]:
    """A fault that has a time and a place only."""
    del drawing
    return {}


def _some_share(drawing: Drawing) -> dict[str, object]:
    return {"share": _share(drawing.random)}


def _times(least: float, most: float, field: str = "factor") -> Drawer:
    """A factor or a rate."""
    return lambda d: {field: _factor(d.random, least, most)}


def _crash(drawing: Drawing) -> dict[str, object]:
    """A disk that is lost, or kept, most often with a log that is whole."""
    disk = drawing.random.choice(tuple(Disk))
    lacks = disk is Disk.KEPT and drawing.random.random() < 0.4
    return {"disk": disk, "log": drawing.random.choice(tuple(LogLoss)) if lacks else LogLoss.NONE}


def _change(drawing: Drawing) -> dict[str, object]:
    """Numbers by which honest records, too, come to other outcomes; later versions are greater."""
    random = drawing.random
    numbers: tuple[dict[str, float], ...] = (
        {"sticky_D_hat_max": 0.5, "non_sticky_D_hat_min": round(random.uniform(0.7, 0.9), 3)},
        {"tol_budget": random.choice((0.01, 0.1, 0.5))},
        {"tol_D": random.choice((0.001, 0.02, 0.5))},
        {"base": round(random.uniform(0.05, 0.2), 3)},
    )
    chosen = {name: value for some in numbers if random.random() < 0.6 for name, value in some.items()}
    return {
        "version": f"{1 + int(drawing.start) // 10_000}.{int(drawing.start) % 10_000}.{int(drawing.start * 1000) % 1000}",
        "numbers": chosen,
        "share": 1.0 if random.random() < 0.6 else round(random.random(), 2),
        "for_good": random.random() < 0.4,
    }


def _slowest(setting: Setting) -> float:
    """How slow a store may get so that the line before it is soon gone when the fault is over, and a look into the cold tier."""
    most = min(200.0, max(2.5, 0.2 / max(float(setting.policy.service), 0.001)))
    tiers = setting.layout.tiers
    return most if tiers is None else min(most, max(2.5, 1.0 / float(tiers.cold)))


def _busiest(setting: Setting) -> float:
    """How many times as many records may come so that about half of what a node can take at once is in flight. Of more it turns
    most away, and those who wait out `Retry-After` together come back together: that takes longer than a run lasts.
    """
    policy = setting.policy
    at_once = policy.max_in_flight if policy.pressure is None else policy.pressure.floor
    each = 2 * (float(policy.service) + float(policy.fsync))
    return min(8.0, max(2.0, at_once / (2 * each * setting.rate)))


DRAWERS: dict[type[FaultBase], Drawer] = {
    Partition: _nothing,
    Latency: _times(0.05, 3.0, "extra"),
    Loss: _some_share,
    Duplication: _some_share,
    Reorder: lambda d: {"share": _share(d.random), "by": _factor(d.random, 0.05, 3.0)},
    Bandwidth: _times(2_000, 1_000_000, "rate"),
    RegionCrash: _crash,
    ProcessCrash: _nothing,
    TornWrite: lambda d: {"share": round(d.random.random(), 3)},
    DiskStall: _nothing,
    SlowDisk: _times(2, 200),
    FsyncFailure: _some_share,
    BitRot: lambda d: {"flips": d.random.randint(1, 5)},
    StoreOutage: _nothing,
    SlowStore: lambda d: {"factor": _factor(d.random, 2, _slowest(d.setting))},
    SlowNode: lambda d: {"factor": _factor(d.random, 2, _slowest(d.setting))},
    ShardCrash: lambda d: {
        "shard": d.random.randrange(d.setting.layout.shards),
        "all_replicas": d.random.random() < 0.5,
    },
    ColdOutage: _nothing,
    DualWriteFailure: _some_share,
    MigratorCrash: _nothing,
    WorkerCrash: _some_share,
    RowLoss: lambda d: {"share": round(d.random.uniform(0.02, 0.1), 3)},
    LogFork: lambda d: {"shown_to": d.random.choice(d.setting.regions), "rewritten": d.random.choice((0, 1, 3))},
    OutsideOutage: lambda d: {"service": d.random.choice(tuple(Outside))},
    PolicyChange: _change,
    PolicyKeyLate: lambda d: {"region": d.random.choice(d.setting.regions)},  # others change their policies meanwhile
    ObjectStoreOutage: _nothing,
    ObjectStoreThrottle: _times(0.5, 20, "rate"),
    ObjectLoss: _some_share,
    ObjectHiding: _some_share,
    ObjectDamage: lambda d: {"share": _share(d.random), "damage": d.random.choice(tuple(Damage))},
    ListingDelay: _times(0.1, 10.0, "by"),
    NameTaken: lambda d: {"names": d.random.randint(1, 3)},
    ClockSkew: lambda d: {"offset": _offset(d.random)},
    ClockJump: lambda d: {"offset": d.random.choice((-1, 1)) * _factor(d.random, 0.01, d.duration)},
    Burst: lambda d: {"factor": _factor(d.random, 2, _busiest(d.setting))},
    RetryStorm: _some_share,
    KeyRotation: _nothing,
    Forgery: _some_share,
    Equivocation: _some_share,
    Malformation: _some_share,
    Deviation: _some_share,
    ReplayAttack: _times(0.5, 5, "rate"),
    AgentCrash: lambda d: {"share": _share(d.random), "offset": _sometimes_off(d.random)},
    SlowAgent: lambda d: {"extra": _factor(d.random, 0.001, 1.0), "share": _share(d.random)},
    Gateway: lambda d: {
        "share": _share(d.random),
        "status": d.random.choice(STATUSES),
        "retry_after": d.random.choice((None, 0.0, _factor(d.random, 0.1, 5.0))),
        "passes_on": d.random.random() < 0.5,
    },
}
"""How each kind of fault is drawn: the fields that it has beside its time and its place."""
