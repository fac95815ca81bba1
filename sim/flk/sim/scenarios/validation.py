"""Validation of a scenario whose fields all have the right types: ranges, names, and fields that exclude one another."""

import itertools
import re
from collections.abc import Iterator

import msgspec

from flk.sim.scenarios.document import ValidationError
from flk.sim.scenarios.duration import Seconds, human
from flk.sim.scenarios.fault_validation import fault_errors
from flk.sim.scenarios.hypothesis_validation import hypothesis_errors
from flk.sim.scenarios.layout import Migration
from flk.sim.scenarios.limits import LIMITS, limit_errors
from flk.sim.scenarios.names import all_unknown, bad_label, unknown
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import Replay, Submit
from flk.sim.scenarios.topology import CLIENTS, every_place, places
from flk.sim.scenarios.vocabulary import DESIGNS
from flk.spec.constants import CONSTANTS
from flk.spec.hints import nearest

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_RESERVED = frozenset(places(()))
_PARTS = ("tiers", "migration", "audit", "upkeep", "audit_log", "policies")
_MAY_BE_ZERO = frozenset(
    {"fsync", "agent_fsync", "service", "merge", "object_service", "hot", "warm", "cold", "work", "start"}
)


def validation_errors(scenario: Scenario) -> Iterator[ValidationError]:
    """Every error in a scenario, with its field. Nothing, if the scenario can be run."""
    yield from _of_regions(scenario)
    yield from _of_durations(scenario)
    yield from limit_errors(scenario)
    yield from _of_network(scenario)
    yield from _of_workload(scenario)
    yield from _of_tenants(scenario)
    yield from _of_curve(scenario)
    yield from fault_errors(scenario)
    yield from _of_layout(scenario)
    yield from _of_audit_logs(scenario)
    yield from _of_script(scenario)
    yield from hypothesis_errors(scenario)


def _of_regions(scenario: Scenario) -> Iterator[ValidationError]:
    yield from bad_label("name", scenario.name)
    if not scenario.regions:
        yield ValidationError("regions", "must name at least one region")
    for index, region in enumerate(scenario.regions):
        if not _NAME.fullmatch(region) or region in {*_RESERVED, CLIENTS}:
            yield ValidationError(
                "regions", f"{region!r} cannot name a region; use lowercase letters, digits and hyphens"
            )
        if region in scenario.regions[:index]:
            yield ValidationError("regions", f"{region!r} is listed twice; remove one")


def _of_durations(scenario: Scenario) -> Iterator[ValidationError]:
    values = {"duration": scenario.duration}
    tables = {"policy": scenario.policy, "slo": scenario.slo, "layout": scenario.layout}
    tables |= {f"layout.{part}": getattr(scenario.layout, part) for part in _PARTS}
    for name, table in tables.items():
        if isinstance(table, msgspec.Struct):
            found = msgspec.structs.asdict(table)
            values |= {f"{name}.{key}": value for key, value in found.items() if isinstance(value, Seconds)}
    for field, value in values.items():
        if value < 0 or (not value and field.rpartition(".")[2] not in _MAY_BE_ZERO):
            yield ValidationError(field, f"must be > 0 s, and is {value} s")


def _of_network(scenario: Scenario) -> Iterator[ValidationError]:
    for index, link in enumerate(scenario.network.links):
        yield from all_unknown(
            f"network.links[{index}].between",
            link.between,
            every_place(scenario.regions, scenario.layout.nodes),
            "place",
        )
    for index, path in enumerate((scenario.network.default, *scenario.network.links), -1):
        if path.delay < 0 or path.jitter < 0:
            field = f"network.links[{index}].delay" if index >= 0 else "network.default"
            yield ValidationError(field, "delay and jitter must be >= 0 s: a message cannot arrive before it is sent")


def _of_workload(scenario: Scenario) -> Iterator[ValidationError]:
    workload = scenario.workload
    for region in workload.agents:
        yield from unknown("workload.agents", region, scenario.regions, "region")
    if not sum(workload.agents.values()):
        yield ValidationError("workload.agents", "no region has an agent; give at least one region one")
    if workload.until is not None and not 0 < workload.until <= scenario.duration:
        yield ValidationError("workload.until", f"must be > 0 s and <= {scenario.duration} s, the end of the run")


def _of_tenants(scenario: Scenario) -> Iterator[ValidationError]:
    workload = scenario.workload
    if not workload.tenants:
        yield ValidationError(
            "workload.tenants", "must name at least one tenant; leave the key out for the default tenant"
        )
    for tenant in workload.tenants:
        if not re.fullmatch(CONSTANTS.node.tenant_pattern, tenant):
            yield ValidationError(
                "workload.tenants", f"{tenant!r} cannot name a tenant; use letters, digits, dots, hyphens, underscores"
            )


def _of_curve(scenario: Scenario) -> Iterator[ValidationError]:
    points = scenario.workload.curve
    for index, (one, other) in enumerate(itertools.pairwise(points), 1):
        if round(other.at - one.at, 9) < LIMITS.min_interval_seconds:
            yield ValidationError(
                f"workload.curve[{index}].at",
                f"must be later than the point before, {one.at} s, by {human(LIMITS.min_interval_seconds)}; sort them by time",
            )
    if points and not any(point.factor for point in points):
        yield ValidationError("workload.curve", "the rate is 0 throughout; give one point a factor > 0")


def _of_layout(scenario: Scenario) -> Iterator[ValidationError]:
    tiers, migration = scenario.layout.tiers, scenario.layout.migration
    if tiers and not tiers.hot_term <= tiers.warm_term <= tiers.window:
        yield ValidationError(
            "layout.tiers", "must be hot_term <= warm_term <= window: entries move from hot to warm to cold"
        )
    if tiers and tiers.window <= scenario.duration and len(scenario.regions) > 1:
        yield ValidationError(
            "layout.tiers.window",
            f"must be > {scenario.duration} s, the end of the run: regions expire entries at different moments",
        )
    if migration and tiers:
        yield ValidationError(
            "layout.migration", "a store with tiers cannot be migrated; leave out layout.tiers or layout.migration"
        )
    for part in ("tiers", "migration") if scenario.layout.upkeep else ():
        if getattr(scenario.layout, part) is not None:
            yield ValidationError(
                "layout.upkeep",
                f"a store with {part} writes no snapshots and is not compared; leave out layout.{part} or layout.upkeep",
            )
    for part in ("tiers", "migration", "audit") if scenario.layout.nodes > 1 else ():
        if getattr(scenario.layout, part) is not None:
            yield ValidationError(
                "layout.nodes",
                f"a store that nodes share has no {part} here; leave out layout.{part}, or let nodes be 1",
            )
    if scenario.script and scenario.layout.nodes > 1:
        yield ValidationError("layout.nodes", "a script says what regions do, not which node; let nodes be 1")
    if migration:
        yield from _of_migration(scenario, migration)


def _of_migration(scenario: Scenario, migration: Migration) -> Iterator[ValidationError]:
    if migration.leaves and scenario.layout.shards == 1:
        yield ValidationError("layout.migration.leaves", "the last shard stays; let layout.shards be 2 or more")
    if migration.start >= scenario.duration:
        yield ValidationError("layout.migration.start", f"must be < {scenario.duration} s, the end of the run")


def _of_audit_logs(scenario: Scenario) -> Iterator[ValidationError]:
    if scenario.layout.audit_log is None:
        return
    for part in ("tiers", "migration"):
        if getattr(scenario.layout, part) is not None:
            yield ValidationError(
                "layout.audit_log",
                f"of a store with {part} nobody can tell what it never had; leave out layout.{part} or layout.audit_log",
            )


def _of_script(scenario: Scenario) -> Iterator[ValidationError]:
    if scenario.design and scenario.design not in DESIGNS:
        yield ValidationError(
            "design", f"{scenario.design!r} is not a design; {nearest(scenario.design, list(DESIGNS))}"
        )
    for index, act in enumerate(scenario.script):
        field = f"script[{index}]"
        yield from unknown(f"{field}.region", act.region, scenario.regions, "region")
        if isinstance(act, Submit) and not scenario.workload.agents.get(act.region):
            yield ValidationError(
                f"{field}.region", f"region {act.region} has no agents; give it one in workload.agents"
            )
        if isinstance(act, Replay):
            yield from unknown(f"{field}.peer", act.peer, scenario.regions, "region")
        if not 0 <= act.at < scenario.duration:
            yield ValidationError(
                f"{field}.at", f"must be >= 0 s and < {scenario.duration} s, the end of the run, and is {act.at} s"
            )
