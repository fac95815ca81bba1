"""Hypothesis strategies for scenarios and faults."""

from typing import Any, get_args

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.model.entries.proposals import Mode
from flk.model.flow.answers import CLAIMS_NOTHING, STATES_ENTRY
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    ClockSkew,
    Damage,
    Direction,
    Disk,
    Fault,
    FaultBase,
    Latency,
    LogLoss,
    Loss,
    Numbers,
    ObjectStoreOutage,
    Outside,
    Partition,
    RegionCrash,
    Sides,
    StoreOutage,
)
from flk.sim.scenarios.hypotheses import Always, Eventually, Hypothesis, Never, Sometimes
from flk.sim.scenarios.layout import Audit, AuditLog, Layout, Migration, Policies, Tiers, Upkeep
from flk.sim.scenarios.policy import Objectives, Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import Link, Network, Path, places
from flk.sim.scenarios.validation import validation_errors
from flk.sim.scenarios.workload import Turn, Workload
from flk.spec.constants import CONSTANTS

REGIONS = ("eu", "us", "ap")
END = 120.0

spans = st.floats(0.001, 10, allow_subnormal=False).map(Seconds)
shares = st.floats(0, 1)
directions = st.sampled_from(Direction)


@composite
def sides(draw: DrawFn) -> Sides:
    """Two disjoint sets of places."""
    everywhere = draw(st.permutations(places(REGIONS)))
    first = draw(st.integers(1, len(everywhere) - 1))
    last = draw(st.integers(first + 1, len(everywhere)))
    return tuple(everywhere[:first]), tuple(everywhere[first:last])


@composite
def faults(draw: DrawFn, identity: str, *, skew: bool = True) -> Fault:
    """Any fault within the run; with `skew`, clocks may be off too."""
    start = draw(st.floats(0, END * 0.6))
    time = {"id": identity, "start": Seconds(start), "duration": Seconds(draw(st.floats(0.1, END * 0.3)))}
    region = draw(st.sampled_from(REGIONS))
    kinds: list[SearchStrategy[Fault]] = [
        st.builds(Partition, sides=sides(), direction=directions, **_just(time)),
        st.builds(Latency, sides=sides(), direction=directions, extra=spans, **_just(time)),
        st.builds(Loss, sides=sides(), direction=directions, share=shares, **_just(time)),
        st.builds(RegionCrash, region=st.just(region), disk=st.sampled_from(Disk), **_just(time)),
        st.builds(StoreOutage, region=st.just(region), **_just(time)),
        st.builds(ObjectStoreOutage, **_just(time)),
    ]
    if skew:
        kinds.append(
            st.builds(ClockSkew, region=st.just(region), offset=st.floats(-100, 100).map(Seconds), **_just(time))
        )
    return draw(st.one_of(kinds))


@composite
def schedules(draw: DrawFn, *, skew: bool = True) -> tuple[Fault, ...]:
    """Up to five faults, each with its own id."""
    number = draw(st.integers(0, 5))
    return tuple(draw(faults(f"f{index}", skew=skew)) for index in range(number))


_BY_NAME: dict[str, SearchStrategy[Any]] = {
    "start": st.floats(0, END * 0.6).map(Seconds),
    "duration": st.floats(0.1, END * 0.3).map(Seconds),
    "sides": sides(),
    "direction": directions,
    "region": st.sampled_from(REGIONS),
    "node": st.none() | st.integers(1, 3),
    "disk": st.sampled_from(Disk),
    "log": st.sampled_from(LogLoss),
    "extra": spans,
    "by": spans,
    "offset": st.floats(-30, 30).map(Seconds),
    "share": shares,
    "factor": st.floats(0.1, 20),
    "rate": st.floats(0.1, 1e6),
    "flips": st.integers(1, 9),
    "shard": st.integers(0, 3),
    "all_replicas": st.booleans(),
    "damage": st.sampled_from(Damage),
    "names": st.integers(0, 4),
    "status": st.integers(200, 599).filter(lambda status: status not in STATES_ENTRY | CLAIMS_NOTHING),
    "retry_after": st.none() | spans,
    "passes_on": st.booleans(),
    "for_good": st.booleans(),
    "shown_to": st.sampled_from(REGIONS),
    "rewritten": st.integers(0, 4),
    "service": st.sampled_from(Outside),
    "version": st.tuples(st.integers(1, 9999), st.integers(0, 9999), st.integers(0, 9999)).map(
        lambda numbers: ".".join(map(str, numbers))
    ),
    "numbers": st.builds(Numbers, **dict.fromkeys(Numbers.__struct_fields__, st.none() | st.floats(0, 1))),
}
KINDS: tuple[type[FaultBase], ...] = get_args(Fault)


def any_fault(identity: str) -> SearchStrategy[Fault]:
    """Any fault of any kind that a scenario can have, as a value."""
    return st.one_of([_of_kind(kind, identity) for kind in KINDS])


def _of_kind(kind: type[Any], identity: str) -> SearchStrategy[Any]:
    names = [name for name in kind.__struct_fields__ if name != "id"]
    return st.fixed_dictionaries({name: _BY_NAME[name] for name in names}).map(lambda f: kind(id=identity, **f))


@composite
def layouts(draw: DrawFn) -> Layout:
    """Any layout of stores."""
    tiers = st.builds(Tiers, spans, st.floats(20, 30).map(Seconds), st.floats(30, 90).map(Seconds), spans)
    migration = st.builds(Migration, spans, st.floats(0.1, 1e5), spans, st.booleans(), st.booleans())
    audit = st.builds(Audit, st.integers(1, 9), spans, shares, spans, st.integers(1, 9))
    sizes = st.integers(1, 5)
    upkeep = st.builds(Upkeep, spans, spans, spans, spans, st.sampled_from(Mode))
    log = st.builds(
        AuditLog, spans, spans, st.integers(0, 3), spans, st.none() | spans, sizes, st.none() | spans, sizes
    )
    parts = (
        st.none() | tiers,
        st.none() | migration,
        st.none() | audit,
        st.none() | upkeep,
        st.none() | log,
        st.none() | st.builds(Policies, spans),
    )
    made = draw(st.builds(Layout, sizes, sizes, spans, *parts, sizes, st.builds(Path, delay=spans)))
    if made.migration is not None and made.migration.leaves:
        made = msgspec.structs.replace(made, shards=max(made.shards, 2))
    if made.upkeep is not None:
        return msgspec.structs.replace(made, tiers=None, migration=None, audit_log=None, nodes=1)
    return made if made.audit_log is None else msgspec.structs.replace(made, tiers=None, migration=None)


def hypotheses() -> SearchStrategy[Hypothesis]:
    """Any expectation of a run."""
    marks = st.sampled_from(["failover", "duplicate", "converged", "status 429", "alert FLKReplicationLag"])
    most = st.none() | st.floats(0, 1e6)
    return st.one_of(
        st.builds(Sometimes, mark=marks, times=st.integers(1, 9)),
        st.builds(Never, mark=marks),
        st.builds(Eventually, mark=marks, within=spans),
        st.builds(Always, measure=st.sampled_from(["latency_p95", "errors", "goodput"]), most=most, least=most),
    )


@composite
def scenarios(draw: DrawFn) -> Scenario:
    """Any scenario that can be meant."""
    policy = Policy(
        ship_interval=draw(spans),
        replay_interval=draw(spans),
        fsync=draw(spans),
        timeout=draw(spans),
        segment_bytes=draw(st.integers(1, 2**30)),
        pressure=draw(st.none() | st.just(CONSTANTS.pressure)),
        breaker=draw(st.none() | st.just(CONSTANTS.breaker)),
    )
    pairs = st.permutations(places(REGIONS)).map(lambda names: (names[0], names[1]))
    bandwidths = st.none() | st.floats(1, 1e9)
    link = st.builds(
        Link,
        between=pairs,
        direction=directions,
        delay=spans,
        jitter=spans,
        loss=shares,
        duplication=shares,
        bandwidth=bandwidths,
    )
    turns = st.lists(st.floats(0, END), unique=True, max_size=4).map(sorted)
    workload = Workload(
        records=draw(st.text(max_size=10)),
        rate=draw(st.floats(0.1, 5)),
        agents=dict.fromkeys(draw(st.lists(st.sampled_from(REGIONS), min_size=1, unique=True)), 1),
        until=draw(st.none() | st.just(Seconds(60))),
        curve=tuple(Turn(Seconds(at), factor) for factor, at in enumerate(draw(turns), 1)),
        duplicates=draw(shares),
        skew=draw(st.floats(0, 3)),
        tenants=draw(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.floats(0.1, 9), min_size=1)),
    )
    number = draw(st.integers(0, 5))
    return draw(
        st.builds(
            Scenario,
            name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True),
            description=st.text(max_size=20),
            duration=st.just(Seconds(END)),
            regions=st.just(REGIONS),
            workload=st.just(workload),
            seed=st.integers(-(2**40), 2**40),
            network=st.builds(
                Network, st.builds(Path, spans, spans, shares, shares), st.lists(link, max_size=2).map(tuple)
            ),
            policy=st.just(policy),
            slo=st.builds(Objectives, spans, spans, spans, spans, shares, st.none() | shares, spans),
            faults=st.tuples(*(any_fault(f"f{index}") for index in range(number))),
            layout=layouts(),
            hypotheses=st.lists(hypotheses(), max_size=3).map(tuple),
            steady=st.booleans(),
        ).filter(lambda scenario: not any(validation_errors(scenario)))
    )


def _just(values: dict[str, object]) -> dict[str, SearchStrategy[object]]:
    return {name: st.just(value) for name, value in values.items()}
