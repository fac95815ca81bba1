"""The vector tier at work: three regions, fifty faults, and as many requests as one likes."""

import sys
from collections.abc import Iterator
from pathlib import Path as File
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time
from typing import NamedTuple

from flk.model.record.signing import HmacKey, Keyring, LiveKey
from flk.sim.clients.synthetic import synthetic
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    Burst,
    ClockJump,
    ClockSkew,
    DiskStall,
    Fault,
    Latency,
    Loss,
    ObjectStoreOutage,
    ObjectStoreThrottle,
    Partition,
    SlowDisk,
    SlowStore,
)
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import Link, Network, Path
from flk.sim.scenarios.workload import Turn, Workload
from flk.sim.vector.compare import Difference, compare
from flk.sim.vector.run import VectorRun, run
from flk.spec.constants import CONSTANTS

REGIONS = ("eu", "us", "ap")
RATE = 30_000.0
"""Requests a second, over all regions."""
FAULTS = 50
QUIET = 2.0
"""Seconds before the first request, in which the nodes recover."""


def scenario(requests: int) -> Scenario:
    """Fifty faults, spread evenly over as long as so many requests take to come, give or take chance."""
    duration = QUIET + requests / RATE
    return Scenario(
        name="fifty-faults",
        description="Three regions, each close to what it can bear, and fifty faults one after another.",
        duration=Seconds(duration),
        regions=REGIONS,
        workload=Workload(
            records="",
            rate=RATE,
            agents=dict.fromkeys(REGIONS, 2),
            curve=(Turn(Seconds(0), 0.0), Turn(Seconds(QUIET), 0.0), Turn(Seconds(QUIET + 0.001), 1.0)),
        ),
        network=Network(
            default=Path(delay=Seconds(0.06), jitter=Seconds(0.006)),
            links=tuple(
                Link(between=(f"clients.{region}", region), delay=Seconds(delay), jitter=Seconds(0.002))
                for region, delay in zip(REGIONS, (0.009, 0.012, 0.015), strict=True)
            ),
        ),
        policy=Policy(
            ship_interval=Seconds(10),
            replay_interval=Seconds(10),
            divergence_interval=Seconds(60),
            segment_bytes=1 << 40,
            fsync=Seconds(0.002),
            agent_fsync=Seconds(0),
            service=Seconds(0.00006),
            merge=Seconds(0.000001),
            max_in_flight=200_000,
        ),
        faults=tuple(_faults(duration)),
    )


def _faults(duration: float) -> Iterator[Fault]:
    """Of every kind that this tier follows, each in another region than the one before."""
    gap = (duration - QUIET) / FAULTS
    span = Seconds(gap / 2)
    for number in range(FAULTS):
        name, start = f"f{number}", Seconds(QUIET + gap * (number + 0.25))
        region = REGIONS[number % len(REGIONS)]
        away = ((region,), ("objects",))
        kinds: tuple[Fault, ...] = (
            Burst(id=name, start=start, duration=span, factor=1.2),
            SlowDisk(id=name, start=start, duration=span, region=region, factor=3),
            Partition(id=name, start=start, duration=span, sides=away),
            SlowStore(id=name, start=start, duration=span, region=region, factor=1.3),
            Latency(
                id=name, start=start, duration=span, sides=((f"clients.{region}",), (region,)), extra=Seconds(0.03)
            ),
            ObjectStoreOutage(id=name, start=start, duration=span),
            DiskStall(id=name, start=start, duration=Seconds(min(1.0, span)), region=region),
            ClockJump(id=name, start=start, duration=span, region=region, offset=Seconds(span / 10)),
            Loss(id=name, start=start, duration=span, sides=away, share=0.3),
            ObjectStoreThrottle(id=name, start=start, duration=span, rate=1),
            Burst(id=name, start=start, duration=span, factor=0.8),
            Latency(id=name, start=start, duration=span, sides=away, extra=Seconds(0.5)),
            ClockSkew(id=name, start=start, duration=span, region=region, offset=Seconds(-20)),
        )
        yield kinds[number % len(kinds)]


class Figures(NamedTuple):
    """What a run took. `compiled` are the seconds before it for compiling, or for loading what was compiled; `bytes` is the most
    memory that the process held, all libraries included, and `libraries` what it held after the compiling.
    """

    run: VectorRun
    compiled: float
    seconds: float
    processor: float
    bytes: int
    libraries: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.run.logged / self.seconds


def bench(requests: int, seed: int = 1) -> Figures:
    """Run the scenario once with so many requests, after a short run that compiles."""
    began = perf_counter()
    run(scenario(30_000), seed)
    compiled, libraries = perf_counter() - began, _memory()
    began, worked = perf_counter(), process_time()
    found = run(scenario(requests), seed)
    seconds, processor = perf_counter() - began, process_time() - worked
    return Figures(found, compiled, seconds, processor, _memory(), libraries)


def _memory() -> int:
    """The most bytes that the process has held so far; where the system only tells what its parent held, if that is more, that."""
    status = File("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def agreement(requests: int = 100_000, seed: int = 1) -> Difference:
    """How far the two tiers lie apart on the scenario with so many requests. The message tier takes its time."""
    key = HmacKey(b"the key of a simulated run")
    keyring = Keyring({CONSTANTS.node.default_tenant: [LiveKey(key)]})
    return compare(scenario(requests), synthetic(int(1.1 * requests) + 1000, key), keyring, seed)
