"""Swarm schedules: for each seed another small world, and some kinds of faults that happen to it.

Leaving kinds out at random finds more than always having all of them, since one fault can hide another (Groce et al., "Swarm
testing", 2012). Everything is drawn from the seed alone. The worlds are made so that a correct node violates nothing: whatever
goes wrong ends in time for what remains of the run to be enough to come to rest.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, count, islice
from random import Random
from typing import NamedTuple, TypeAlias, cast

import msgspec

from flk.sim.experiments.worlds import (
    ARRIVALS,
    RECORDS,
    with_audit_log,
    with_nodes,
    with_policies,
    with_removal,
    with_upkeep,
    world,
)
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.scenarios import document
from flk.sim.scenarios.fault_validation import fault_errors
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
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import nodes_of, places, store_of
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

LONGEST = 8.0
"""Seconds that a fault of a drawn world holds at most."""
EARLIEST = 0.2
"""Seconds from the start of a run before which there is no fault."""
MOST = 12
"""Faults of one run at most."""
WEIGHTS: dict[type[FaultBase], float] = {
    RegionCrash: 3,
    ProcessCrash: 2,
    TornWrite: 2,
    BitRot: 2,
    ClockSkew: 3,
    ClockJump: 2,
    Partition: 3,
    AgentCrash: 3,
}
"""What brings out most in company comes more often; any other kind has weight 1."""
KEYS = 3
"""About how many keys of a drawn world are copied to another shard."""
RARE = 8.0
"""The weight of what happens to a part that only some worlds have."""
SLOWED = 4.0
"""The weight of what draws out the moments at which a migration goes on while requests are under way."""
FRAME = 800
"""Bytes of a frame of the log, about."""
PARTS: dict[type[FaultBase], str] = {
    ColdOutage: "tiers",
    WorkerCrash: "audit",
    DualWriteFailure: "migration",
    MigratorCrash: "migration",
    RowLoss: "upkeep",
    LogFork: "audit_log",
    OutsideOutage: "audit_log",
    PolicyChange: "policies",
    PolicyKeyLate: "policies",
}
"""The part of a layout that a fault happens to."""
ASKED = frozenset({"upkeep", "audit_log", "policies"})
"""Parts that only a world has of which it is asked."""
MOST_WORLDS = 100
"""Worlds that are drawn in search of one that has a place for the kinds of faults that are asked for. Of the parts that some have,
the rarest is in a quarter."""

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


def swarm(
    seed: int,
    base: Scenario | None = None,
    kinds: Sequence[type[FaultBase]] = (),
    nodes: int = 1,
    *,
    upkeep: bool = False,
    audit_log: bool = False,
    policies: bool = False,
    removals: bool = False,
) -> Scenario:
    """The scenario of a seed. Of a base the faults are drawn anew and the rest is kept; without one all is drawn.

    Regions of a drawn world have so many `nodes`; of several, a fault of machines happens to one more often than to all. Nodes
    of a drawn world do their `upkeep`, write an `audit_log`, or judge by `policies` that change, and stores have `removals` of a
    shard, if that is asked for. `kinds` are the kinds of faults to choose from, by default all that the world has a place for; a
    world that has a place for none of them is drawn anew. Raises UnusableInput if the base has none, or no world of so many.
    """
    random_stream = RandomStream(seed, "swarm")
    wanted = tuple(kinds) or tuple(DRAWERS)
    worlds = _worlds(
        seed, random_stream, nodes, upkeep=upkeep, audit_log=audit_log, policies=policies, removals=removals
    )
    among = [base] if base is not None else islice(worlds, MOST_WORLDS)
    scenario, usable = next(((each, has) for each in among if (has := _usable(wanted, each.layout))), (None, []))
    if scenario is None:
        raise UnusableInput(_no_place(wanted, drawn=base is None))
    random = random_stream.generator("faults")
    setting = setting_of(scenario)
    if random.random() < 0.7:  # most often all faults of regions hit the same one, so that they interact
        setting = setting._replace(affected=(random.choice(setting.regions),))
    chosen = [kind for kind in usable if random.random() < 0.5] or usable
    weights = [_weight(kind, setting.layout) for kind in chosen]
    faults: tuple[Fault, ...] = ()
    for number, kind in enumerate(random.choices(chosen, weights, k=random.randint(1, MOST)), 1):
        drawn = draw(kind, f"f{number}", setting, faults, random_stream.generator(f"fault {number}"))
        more = scenario.with_faults((*faults, drawn))
        if any(fault_errors(more)) or _doubly_slow(more.faults) or _too_lossy(more.faults):  # it may be down already
            continue
        if base or not isinstance(drawn, Burst) or _replayed_in_time(more):
            faults = more.faults
    return msgspec.structs.replace(scenario.with_faults(faults), seed=seed)


def _worlds(
    seed: int,
    random_stream: RandomStream,
    nodes: int,
    *,
    upkeep: bool,
    audit_log: bool,
    policies: bool,
    removals: bool,
) -> Iterator[Scenario]:
    """The world of a seed, and others of the same seed, without end."""
    for number in count(1):
        again = "" if number == 1 else f" {number}"
        drawn = with_nodes(world(seed, random_stream.generator(f"world{again}")), nodes)
        if upkeep:
            drawn = with_upkeep(drawn, random_stream.generator(f"upkeep{again}"))
        if audit_log:
            drawn = with_audit_log(drawn, random_stream.generator(f"audit log{again}"))
        if policies:
            drawn = with_policies(drawn, random_stream.generator(f"policies{again}"))
        if removals:
            drawn = with_removal(drawn, random_stream.generator(f"removals{again}"))
        yield drawn


def setting_of(scenario: Scenario) -> Setting:
    """Where and when faults can be drawn for a scenario, so that there is time to converge after the last."""
    end = float(scenario.duration)
    calm = end - float(scenario.slo.convergence) - 1.0
    calm = calm if calm > end / 4 else end * 0.7
    longest = max(LONGEST, calm / 5) if calm > 2 * LONGEST else calm / 3
    rate = scenario.workload.rate
    return Setting(scenario.regions, scenario.regions, scenario.layout, scenario.policy, rate, calm, longest)


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


def _doubly_slow(faults: Sequence[Fault]) -> bool:
    """Whether two faults together make a store so slow that what began under them is not over in time."""
    slow = [fault for fault in faults if isinstance(fault, SlowStore | SlowNode)]
    return any(a.region == b.region and a.start <= b.end and b.start <= a.end for a, b in combinations(slow, 2))


def _too_lossy(faults: Sequence[Fault]) -> bool:
    """Whether a store loses so much that somebody has to look into it before it is mended (DIV-6)."""
    lost: dict[str, float] = defaultdict(float)
    for fault in faults:
        if isinstance(fault, RowLoss):
            lost[fault.region] += fault.share
    return any(100 * share > CONSTANTS.divergence.review_percent / 2 for share in lost.values())


def _replayed_in_time(scenario: Scenario) -> bool:
    """Whether a peer of a drawn world, cut off from all that comes in, can read it afterwards within what convergence may take.

    It fetches one segment after the other and merges one entry after the other; each may have to be looked for in the cold tier.
    """
    workload, policy, path = scenario.workload, scenario.policy, scenario.network.default
    bursts = (fault for fault in scenario.faults if isinstance(fault, Burst))
    more = sum((fault.factor - 1) * float(fault.duration) for fault in bursts)
    frames = min(RECORDS, workload.rate * (ARRIVALS + more)) * (1 + workload.duplicates)
    segments = frames / max(1, policy.segment_bytes // FRAME)
    fetch = 2 * float(path.delay + path.jitter) + float(policy.object_service)
    merge = float(policy.merge) + (float(scenario.layout.tiers.cold) if scenario.layout.tiers else 0.0)
    return segments * fetch + frames * merge + 2 * float(policy.replay_interval) <= float(scenario.slo.convergence)


def _usable(kinds: Iterable[type[FaultBase]], layout: Layout) -> list[type[FaultBase]]:
    """Those kinds for which a region has the part that their faults happen to."""
    return [kind for kind in kinds if kind not in PARTS or getattr(layout, PARTS[kind]) is not None]


def _no_place(kinds: Iterable[type[FaultBase]], *, drawn: bool) -> str:
    """What is wrong with kinds for which there is no such part, and the mend."""
    parts = sorted({PARTS[kind] for kind in kinds})
    names = ", ".join(str(kind.__struct_config__.tag) for kind in kinds)
    asked = " or ".join(f"--{part.replace('_', '-')}" for part in parts if part in ASKED)
    mends = [f"draw worlds with it by {asked}"] if asked else []
    if set(parts) - ASKED:
        mends.append("leave out what draws worlds without it: --nodes, --upkeep, --audit-log")
    mend = ", or ".join(mends) if drawn else "give it to the scenario"
    return f"{names}: there is no layout.{' or layout.'.join(parts)} that it happens to; {mend}"


def _weight(kind: type[FaultBase], layout: Layout) -> float:
    """How often a kind is drawn beside others."""
    slows_a_migration = layout.migration is not None and kind in {SlowStore, SlowNode}
    return RARE if kind in PARTS else SLOWED if slows_a_migration else WEIGHTS.get(kind, 1.0)


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
