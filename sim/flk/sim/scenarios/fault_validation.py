"""Validation of the faults of a scenario: times, places, and parts that the layout must have."""

from collections.abc import Iterable, Iterator
from itertools import combinations

import msgspec

from flk.model.policies.reading import read
from flk.sim.scenarios.document import ValidationError
from flk.sim.scenarios.faults import (
    ClockJump,
    ColdOutage,
    DualWriteFailure,
    Fault,
    Gateway,
    KeyRotation,
    Latency,
    LinkFaultBase,
    LogFork,
    MachineFault,
    MigratorCrash,
    OutsideOutage,
    PolicyChange,
    PolicyKeyLate,
    RegionFault,
    Reorder,
    RowLoss,
    ShardCrash,
    SlowAgent,
    Stop,
    WorkerCrash,
)
from flk.sim.scenarios.names import all_unknown, bad_label, unknown
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import every_place, expand


def fault_errors(scenario: Scenario) -> Iterator[ValidationError]:
    """Every error in the faults of a scenario, with its field."""
    seen: set[str] = set()
    for index, fault in enumerate(scenario.faults):
        field = f"faults[{index}]"
        yield from bad_label(f"{field}.id", fault.id)
        if fault.id in seen:
            yield ValidationError(
                f"{field}.id", f"{fault.id!r} is also the id of an earlier fault; give each fault its own id"
            )
        seen.add(fault.id)
        yield from _outside_run(field, fault, scenario.duration)
        if isinstance(fault, RegionFault):
            yield from unknown(f"{field}.region", fault.region, scenario.regions, "region")
        if isinstance(fault, LinkFaultBase):
            yield from _bad_sides(f"{field}.sides", fault.sides, scenario)
        yield from _too_little(field, fault)
        yield from _nothing_there(field, fault, scenario)
    yield from _two_at_once(scenario)
    yield from _policy_errors(scenario)


def _policy_errors(scenario: Scenario) -> Iterator[ValidationError]:
    """Policies that no node would take: not well-formed, not beyond the version before, or with a key that is not there yet."""
    changes: dict[str, PolicyChange] = {}
    late = [fault for fault in scenario.faults if isinstance(fault, PolicyKeyLate)]
    for fault in sorted(scenario.faults, key=lambda fault: fault.start):
        if not isinstance(fault, PolicyChange):
            continue
        field = f"faults[{scenario.faults.index(fault)}]"
        yield from (
            ValidationError(f"{field}.numbers.{wrong.field}", f"{wrong.problem}; {wrong.mend}")
            for wrong in read(msgspec.json.encode(fault.policy)).mistakes
        )
        before = changes.setdefault(fault.region, fault)
        changes[fault.region] = fault
        same = before.version == fault.version and before.numbers == fault.numbers
        if _number(fault) <= _number(before) and not same:
            yield ValidationError(
                f"{field}.version", f"{fault.region} knows {before.version} by then; give it a greater one (POL-6)"
            )
        for one in late:
            if one.region == fault.region and fault.start <= one.end:
                yield ValidationError(
                    f"{field}.start", f"{fault.region} does not have the key until {one.end} s; start this one later"
                )


def _number(change: PolicyChange) -> tuple[int, ...]:
    return tuple(map(int, change.version.split(".")))


def _two_at_once(scenario: Scenario) -> Iterator[ValidationError]:
    """Faults that cannot hold at the same time: a region cannot stop while it is down, nor keys rotate while they rotate."""
    faults = sorted(scenario.faults, key=lambda fault: fault.start)
    for one, other in combinations(faults, 2):
        if other.start > one.end:
            continue
        field = f"faults[{scenario.faults.index(other)}].start"
        if isinstance(one, Stop) and isinstance(other, Stop) and _meet(one, other):
            yield ValidationError(
                field, f"fault {one.id!r} keeps {other.where} down until {one.end} s; start this one later"
            )
        if isinstance(one, KeyRotation) and isinstance(other, KeyRotation):
            yield ValidationError(
                field, f"fault {one.id!r} accepts the old key until {one.end} s; start this one later"
            )
        if isinstance(one, PolicyChange) and isinstance(other, PolicyChange) and one.region == other.region:
            yield ValidationError(field, f"fault {one.id!r} holds until {one.end} s; start this one later")


def _meet(one: Stop, other: Stop) -> bool:
    return one.region == other.region and (one.node == other.node or None in {one.node, other.node})


def _too_little(field: str, fault: Fault) -> Iterator[ValidationError]:
    """A number outside the range in which the fault means what its kind says."""
    if isinstance(fault, Latency) and fault.extra < 0:
        yield ValidationError(f"{field}.extra", "extra must be >= 0 s: a message cannot arrive before it is sent")
    if isinstance(fault, SlowAgent) and fault.extra < 0:
        yield ValidationError(f"{field}.extra", "extra must be >= 0 s: an agent cannot send before it wants to")
    if isinstance(fault, Gateway) and fault.retry_after is not None and fault.retry_after < 0:
        yield ValidationError(f"{field}.retry_after", "retry_after must be >= 0 s; leave it out for none")
    if isinstance(fault, Reorder) and fault.by <= 0:
        yield ValidationError(f"{field}.by", "by must be > 0 s")
    if isinstance(fault, ClockJump) and fault.duration < abs(fault.offset):
        yield ValidationError(
            f"{field}.duration",
            f"must be > {abs(fault.offset)} s: a clock is slewed by less than a second per second",
        )


def _nothing_there(field: str, fault: Fault, scenario: Scenario) -> Iterator[ValidationError]:
    """A fault of something that the layout does not have."""
    layout = scenario.layout
    if isinstance(fault, MachineFault) and fault.node is not None and (layout.nodes == 1 or fault.node > layout.nodes):
        last = f"the last is {layout.nodes}" if layout.nodes > 1 else "each region has one, so leave node out"
        yield ValidationError(f"{field}.node", f"there is no node {fault.node}; {last} (layout.nodes)")
    shards = layout.shards + (layout.migration is not None and not layout.migration.leaves)
    if isinstance(fault, ShardCrash) and fault.shard >= shards:
        yield ValidationError(
            f"{field}.shard", f"there is no shard {fault.shard}; the last is {shards - 1} (layout.shards)"
        )
    for kind, part in (
        (ColdOutage, "tiers"),
        (WorkerCrash, "audit"),
        (DualWriteFailure | MigratorCrash, "migration"),
        (RowLoss, "upkeep"),
        (LogFork | OutsideOutage, "audit_log"),
        (PolicyChange | PolicyKeyLate, "policies"),
    ):
        if isinstance(fault, kind) and getattr(layout, part) is None:
            yield ValidationError(f"{field}.kind", f"{fault.kind} needs layout.{part}; add a table [layout.{part}]")
    if isinstance(fault, RowLoss) and len(scenario.regions) == 1:
        yield ValidationError(f"{field}.kind", "nobody has what a single region loses; add a region (regions)")
    if isinstance(fault, LogFork):
        yield from unknown(f"{field}.shown_to", fault.shown_to, scenario.regions, "region")
        if fault.shown_to == fault.region:
            yield ValidationError(f"{field}.shown_to", f"{fault.region} writes its log; name another region")


def _outside_run(field: str, fault: Fault, duration: float) -> Iterator[ValidationError]:
    if fault.start < 0:
        yield ValidationError(f"{field}.start", "must be >= 0 s: the run starts at 0")
    if fault.duration <= 0:
        yield ValidationError(f"{field}.duration", "must be > 0 s")
    if fault.start >= duration:
        yield ValidationError(
            f"{field}.start", f"the run ends at {duration} s, before this fault starts; start it earlier or run longer"
        )
    elif fault.end > duration:
        yield ValidationError(
            f"{field}.duration", f"the fault ends at {fault.end} s, after the run ({duration} s); shorten it"
        )


def _bad_sides(field: str, sides: Iterable[tuple[str, ...]], scenario: Scenario) -> Iterator[ValidationError]:
    seen: set[str] = set()
    for side in sides:
        if not side:
            yield ValidationError(field, "a side must name at least one place")
        nodes = scenario.layout.nodes
        names = set(expand(side, scenario.regions, nodes))
        yield from all_unknown(field, names, every_place(scenario.regions, nodes), "place")
        if names & seen:
            yield ValidationError(field, f"{min(names & seen)!r} is on both sides; remove it from one")
        seen |= names
