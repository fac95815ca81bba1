"""Hypothesis strategies for scenarios and faults."""

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.sim.duration import Seconds
from flk.sim.faults import (
    ClockSkew,
    Direction,
    Disk,
    Fault,
    Latency,
    Loss,
    ObjectStoreOutage,
    Partition,
    RegionCrash,
    Sides,
    StoreOutage,
)
from flk.sim.mistakes import mistakes
from flk.sim.policy import Objectives, Policy
from flk.sim.scenario import Scenario
from flk.sim.topology import Link, Network, Path, places
from flk.sim.workload import Workload

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


@composite
def scenarios(draw: DrawFn) -> Scenario:
    """Any scenario that can be meant."""
    policy = Policy(ship_interval=draw(spans), replay_interval=draw(spans), fsync=draw(spans), timeout=draw(spans))
    pairs = st.permutations(places(REGIONS)).map(lambda names: (names[0], names[1]))
    link = st.builds(
        Link, between=pairs, direction=directions, delay=spans, jitter=spans, loss=shares, duplication=shares
    )
    workload = Workload(
        records=draw(st.text(max_size=10)),
        rate=draw(st.floats(0.1, 5)),
        agents=dict.fromkeys(draw(st.lists(st.sampled_from(REGIONS), min_size=1, unique=True)), 1),
        until=draw(st.none() | st.just(Seconds(60))),
        duplicates=draw(shares),
    )
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
            faults=schedules(),
        ).filter(lambda scenario: not any(mistakes(scenario)))
    )


def _just(values: dict[str, object]) -> dict[str, SearchStrategy[object]]:
    return {name: st.just(value) for name, value in values.items()}
