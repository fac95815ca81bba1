"""Small worlds for hunting: a run of one takes some tens of milliseconds, and yet every program of the nodes runs in it.

A world is drawn from a seed: how many regions, how far apart, how busy, how they are set up. No message is lost in it but by a
fault, so that a correct node converges within the bound however unlucky it is.
"""

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import NamedTuple

import msgspec

from flk.sim.kernel.random_streams import RandomStream
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.layout import Audit, AuditLog, Layout, Migration, Policies, Tiers, Upkeep
from flk.sim.scenarios.policy import Objectives, Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import Network, Path
from flk.sim.scenarios.workload import Workload
from flk.spec.constants import CONSTANTS, Breaker, Failover, Outbox, Pressure

RECORDS = 60
"""Records that a world has at most."""
ARRIVALS, CONVERGENCE, DURATION = 16.0, 25.0, 48.0
"""Seconds: records come for so long, regions have so long to agree after the last fault, and the run lasts so long."""
QUICK = Seconds(0.02)
"""What a request takes at most, where passes have many on its way, and at the store."""
UNHURRIED = Seconds(0.04)
"""What a store that is migrated takes for a request at least."""
_REGIONS = ("eu", "us", "ap", "sa")


class Worlds(NamedTuple):
    """What drawn worlds are asked to have: so many nodes to a region; nodes that do their `upkeep`, write an `audit_log`, or judge
    by `policies` that change; and stores that a shard leaves (`removals`).
    """

    nodes: int = 1
    upkeep: bool = False
    audit_log: bool = False
    policies: bool = False
    removals: bool = False

    def drawn(self, seed: int, random_stream: RandomStream) -> Iterator[Scenario]:
        """The world of a seed, and others of the same seed, without end."""
        for number in count(1):
            again = "" if number == 1 else f" {number}"
            drawn = with_nodes(world(seed, random_stream.generator(f"world{again}")), self.nodes)
            if self.upkeep:
                drawn = with_upkeep(drawn, random_stream.generator(f"upkeep{again}"))
            if self.audit_log:
                drawn = with_audit_log(drawn, random_stream.generator(f"audit log{again}"))
            if self.policies:
                drawn = with_policies(drawn, random_stream.generator(f"policies{again}"))
            if self.removals:
                drawn = with_removal(drawn, random_stream.generator(f"removals{again}"))
            yield drawn


PLAIN = Worlds()
"""Worlds of which nothing is asked."""


def world(seed: int, random: Random) -> Scenario:
    """A world without faults; `random` is its generator."""
    regions = _REGIONS[: random.choices((1, 2, 3, 4), (1, 4, 4, 1))[0]]
    drawn = Scenario(
        name="swarm",
        description="A small world drawn from a seed.",
        duration=Seconds(DURATION),
        regions=regions,
        workload=_workload(random, regions),
        seed=seed,
        network=Network(
            default=Path(
                delay=_log(random, 0.001, 0.15),
                jitter=_log(random, 0.001, 0.1),
                duplication=_sometimes(random, 0.3, 0.3),
            )
        ),
        policy=_policy(random),
        slo=Objectives(convergence=Seconds(CONVERGENCE)),
        layout=_layout(random, alone=len(regions) == 1),
    )
    return drawn if drawn.layout.migration is None else _unhurried(drawn)


def with_removal(drawn: Scenario, random: Random) -> Scenario:
    """The world with stores that a shard leaves while records come, and is often taken back before it is gone (MIG-9).

    About half of the keys move, or a third, more than to a shard that joins; so they move faster, to be there in time.
    """
    plan = msgspec.structs.replace(_migration(random), rate=_log(random, 2, 50), leaves=True)
    plan = msgspec.structs.replace(plan, roll_back=random.random() < 0.5)
    layout = msgspec.structs.replace(drawn.layout, shards=random.choice((2, 2, 3)), tiers=None, migration=plan)
    return _unhurried(msgspec.structs.replace(drawn, layout=layout))


def with_nodes(drawn: Scenario, nodes: int) -> Scenario:
    """The world with so many nodes to a region. Several have no tiers, no migration and no audit queue behind them."""
    if nodes == 1:
        return drawn
    layout = msgspec.structs.replace(drawn.layout, nodes=nodes, tiers=None, migration=None, audit=None)
    return msgspec.structs.replace(drawn, layout=layout)


def with_upkeep(drawn: Scenario, random: Random) -> Scenario:
    """The world with nodes that write snapshots, remove what these cover, compare their stores and mend what one has lost.

    That takes some hundred requests one after the other, so they are quick: a row that is lost has to be back within the bound.
    """
    every = Seconds(round(random.uniform(1.5, 3), 2))
    upkeep = Upkeep(
        snapshot_interval=Seconds(round(random.uniform(2, 8), 2)),
        retain_interval=Seconds(round(random.uniform(2, 6), 2)),
        retain=_log(random, 0.5, 12),
        compare_interval=every,
    )
    layout = msgspec.structs.replace(drawn.layout, tiers=None, migration=None, upkeep=upkeep)
    return _hurried(msgspec.structs.replace(drawn, layout=layout))


def with_audit_log(drawn: Scenario, random: Random) -> Scenario:
    """The world with audit logs, which the first other region cosigns, if there is one, and each other monitors; with an authority,
    or two, and a SIEM. A pass takes some dozens of requests one after the other, so they are quick.
    """

    def interval() -> Seconds:
        return Seconds(round(random.uniform(0.5, 4), 2))

    log = AuditLog(
        integrate_interval=interval(),
        sign_interval=interval(),
        witnesses=min(len(drawn.regions) - 1, random.randint(1, 2)),
        look_interval=interval(),
        anchor_interval=interval(),
        authorities=random.randint(1, 2),
        stream_interval=interval(),
        stream_batch=random.randint(1, 20),
    )
    layout = msgspec.structs.replace(drawn.layout, tiers=None, migration=None, audit_log=log)
    return _hurried(msgspec.structs.replace(drawn, layout=layout))


def with_policies(drawn: Scenario, random: Random) -> Scenario:
    """The world with logs that state policies, which operators change."""
    policies = Policies(Seconds(round(random.uniform(0.2, 2), 2)))
    return msgspec.structs.replace(drawn, layout=msgspec.structs.replace(drawn.layout, policies=policies))


def _unhurried(drawn: Scenario) -> Scenario:
    """The world with a store that takes its time, so that phases change while requests are between two steps."""
    service = max(drawn.policy.service, UNHURRIED)
    return msgspec.structs.replace(drawn, policy=msgspec.structs.replace(drawn.policy, service=service))


def _hurried(drawn: Scenario) -> Scenario:
    """The world with requests that take little time."""
    policy, path = drawn.policy, drawn.network.default
    policy = msgspec.structs.replace(
        policy, service=min(policy.service, QUICK), object_service=min(policy.object_service, QUICK)
    )
    path = msgspec.structs.replace(path, delay=min(path.delay, QUICK), jitter=min(path.jitter, QUICK))
    network = msgspec.structs.replace(drawn.network, default=path)
    return msgspec.structs.replace(drawn, policy=policy, network=network)


def _workload(random: Random, regions: tuple[str, ...]) -> Workload:
    agents = {region: random.randint(0, 2) for region in regions}
    agents[random.choice(regions)] = 1  # somebody sends something
    default = CONSTANTS.node.default_tenant
    return Workload(
        records=f"synthetic:{RECORDS}",
        agents=agents,
        rate=round(random.uniform(0.5, 2.0), 2),
        until=Seconds(ARRIVALS),
        duplicates=_sometimes(random, 0.7, 0.6),
        duplicate_window=random.randint(1, 20),
        skew=_sometimes(random, 0.5, 2.0),
        tenants={default: 1.0, "other": 1.0} if random.random() < 0.2 else {default: 1.0},
    )


def _policy(random: Random) -> Policy:
    return Policy(
        ship_interval=_log(random, 0.7, 5),
        replay_interval=Seconds(round(random.uniform(2, 5), 2)),
        divergence_interval=Seconds(round(random.uniform(8, 30), 2)),
        segment_bytes=random.choice((1_000, 4_000, CONSTANTS.wal.max_segment_bytes)),
        fsync=_log(random, 0.001, 0.05),
        service=_log(random, 0.0005, 0.1),
        merge=_log(random, 0.0001, 0.005),
        object_service=_log(random, 0.005, 0.1),
        timeout=Seconds(round(random.uniform(2, 4), 2)),
        max_in_flight=random.choice((3, 6, CONSTANTS.node.max_in_flight)),
        pressure=Pressure(random.randint(0, 8), 1.0, 0.5, 1, 1.0) if random.random() < 0.3 else None,
        breaker=Breaker(random.randint(1, 4), round(random.uniform(0.5, 3), 2)) if random.random() < 0.3 else None,
        retry=Outbox(
            max_attempts=random.randint(2, 6),
            base_delay_seconds=round(random.uniform(0.2, 1), 2),
            max_delay_seconds=4.0,
            timeout_seconds=round(random.uniform(1, 3), 2),
        ),
        failover=Failover(
            probe_interval_seconds=_log(random, 1, 5),
            probe_timeout_seconds=1.0,
            probe_failures=random.randint(1, 3),
        ),
    )


def _layout(random: Random, *, alone: bool) -> Layout:
    """Shards, tiers, a migration, an audit queue: each in some worlds. Only a region that is alone may forget within the run."""
    hot, warm = round(random.uniform(1, 6), 2), round(random.uniform(6, 15), 2)
    tiers = Tiers(hot_term=Seconds(hot), warm_term=Seconds(warm), move_interval=Seconds(2))
    migration = _migration(random)
    audit = Audit(workers=random.randint(1, 3), work=_log(random, 0.05, 0.5), lease=Seconds(3), attempts=3)
    plain = Layout(
        shards=random.choice((1, 1, 2, 3)), replicas=random.choice((1, 1, 2)), takeover=_log(random, 0.1, 2.0)
    )
    moved = random.random()  # a store with tiers is not migrated
    audited = random.random() < 0.25
    failing = msgspec.structs.replace(audit, failure=_sometimes(random, 0.5, 0.8))
    if alone and random.random() < 0.7:
        tiers = msgspec.structs.replace(tiers, window=Seconds(round(random.uniform(warm + 1, 30), 2)))
    return msgspec.structs.replace(
        plain,
        tiers=tiers if moved < 0.3 else None,
        migration=migration if moved > 0.7 else None,
        audit=failing if audited else None,
    )


def _migration(random: Random) -> Migration:
    return Migration(
        start=Seconds(round(random.uniform(2, 8), 2)),
        rate=_log(random, 0.7, 20),
        settle=Seconds(round(random.uniform(0.5, 3), 2)),
        roll_back=random.random() < 0.3,
    )


def _log(random: Random, least: float, most: float) -> Seconds:
    """A number between two, each order of magnitude as likely as the next."""
    return Seconds(f"{least * (most / least) ** random.random():.3g}")


def _sometimes(random: Random, probability: float, most: float) -> float:
    """Nothing, or with some probability a number up to `most`."""
    return round(most * random.random(), 3) if random.random() < probability else 0.0
