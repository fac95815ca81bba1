"""Swarm schedules: for each seed another small world, and some kinds of faults that happen to it.

Leaving kinds out at random finds more than always having all of them, since one fault can hide another (Groce et al., "Swarm
testing", 2012). Everything is drawn from the seed alone. The worlds are made so that a correct node violates nothing: whatever
goes wrong ends in time for what remains of the run to be enough to come to rest.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations, islice

import msgspec

from flk.sim.experiments.drawers import DRAWERS, Setting, draw
from flk.sim.experiments.worlds import ARRIVALS, PLAIN, RECORDS, Worlds
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.scenarios.fault_validation import fault_errors
from flk.sim.scenarios.faults import (
    AgentCrash,
    BitRot,
    Burst,
    ClockJump,
    ClockSkew,
    ColdOutage,
    DualWriteFailure,
    Fault,
    FaultBase,
    LogFork,
    MigratorCrash,
    OutsideOutage,
    Partition,
    PolicyChange,
    PolicyKeyLate,
    ProcessCrash,
    RegionCrash,
    RowLoss,
    SlowNode,
    SlowStore,
    TornWrite,
    WorkerCrash,
)
from flk.sim.scenarios.layout import Layout
from flk.sim.scenarios.scenario import Scenario
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

LONGEST = 8.0
"""Seconds that a fault of a drawn world holds at most."""
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


def swarm(
    seed: int,
    base: Scenario | None = None,
    kinds: Sequence[type[FaultBase]] = (),
    worlds: Worlds = PLAIN,
) -> Scenario:
    """The scenario of a seed. Of a base the faults are drawn anew and the rest is kept; without one all is drawn.

    `kinds` are the kinds of faults to choose from, by default all that the world has a place for; a world that has a place for none
    of them is drawn anew. Of several nodes, a fault of machines happens to one more often than to all. Raises UnusableInput if the
    base has no place, or no world of so many.
    """
    random_stream = RandomStream(seed, "swarm")
    wanted = tuple(kinds) or tuple(DRAWERS)
    among = [base] if base is not None else islice(worlds.drawn(seed, random_stream), MOST_WORLDS)
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


def setting_of(scenario: Scenario) -> Setting:
    """Where and when faults can be drawn for a scenario, so that there is time to converge after the last."""
    end = float(scenario.duration)
    calm = end - float(scenario.slo.convergence) - 1.0
    calm = calm if calm > end / 4 else end * 0.7
    longest = max(LONGEST, calm / 5) if calm > 2 * LONGEST else calm / 3
    rate = scenario.workload.rate
    return Setting(scenario.regions, scenario.regions, scenario.layout, scenario.policy, rate, calm, longest)


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
