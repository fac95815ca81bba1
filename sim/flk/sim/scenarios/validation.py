"""What cannot be meant by a scenario, although every field has the right type."""

import itertools
import re
from collections.abc import Iterator

import msgspec

from flk.sim.scenarios.document import ValidationError
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.fault_validation import fault_errors
from flk.sim.scenarios.hypothesis_validation import hypothesis_errors
from flk.sim.scenarios.names import all_unknown, bad_label, unknown
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import Replay, Submit
from flk.sim.scenarios.topology import CLIENTS, places
from flk.sim.scenarios.vocabulary import DESIGNS
from flk.spec.constants import CONSTANTS
from flk.spec.hints import nearest

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_RESERVED = frozenset(places(()))
_MAY_BE_ZERO = frozenset(
    {"fsync", "agent_fsync", "service", "merge", "object_service", "hot", "warm", "cold", "work", "start"}
)


def validation_errors(scenario: Scenario) -> Iterator[ValidationError]:
    """What cannot be meant, although every field has the right type."""
    yield from _of_regions(scenario)
    yield from _of_durations(scenario)
    yield from _of_network(scenario)
    yield from _of_workload(scenario)
    yield from _of_tenants(scenario)
    yield from _of_curve(scenario)
    yield from fault_errors(scenario)
    yield from _of_layout(scenario)
    yield from _of_script(scenario)
    yield from hypothesis_errors(scenario)


def _of_regions(scenario: Scenario) -> Iterator[ValidationError]:
    yield from bad_label("name", scenario.name)
    if not scenario.regions:
        yield ValidationError("regions", "there must be at least one region")
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
    tables |= {f"layout.{part}": getattr(scenario.layout, part) for part in ("tiers", "migration", "audit")}
    for name, table in tables.items():
        if isinstance(table, msgspec.Struct):
            found = msgspec.structs.asdict(table)
            values |= {f"{name}.{key}": value for key, value in found.items() if isinstance(value, Seconds)}
    for field, value in values.items():
        if value < 0 or (not value and field.rpartition(".")[2] not in _MAY_BE_ZERO):
            yield ValidationError(field, f"{value} s is no time; it must be greater than 0")


def _of_network(scenario: Scenario) -> Iterator[ValidationError]:
    for index, link in enumerate(scenario.network.links):
        yield from all_unknown(f"network.links[{index}].between", link.between, places(scenario.regions), "place")
    for index, path in enumerate((scenario.network.default, *scenario.network.links), -1):
        if path.delay < 0 or path.jitter < 0:
            field = f"network.links[{index}].delay" if index >= 0 else "network.default"
            yield ValidationError(field, "a message cannot arrive before it is sent; delay and jitter are at least 0")


def _of_workload(scenario: Scenario) -> Iterator[ValidationError]:
    workload = scenario.workload
    for region in workload.agents:
        yield from unknown("workload.agents", region, scenario.regions, "region")
    if not sum(workload.agents.values()):
        yield ValidationError("workload.agents", "nobody sends anything; give at least one region an agent")
    if workload.until is not None and not 0 < workload.until <= scenario.duration:
        yield ValidationError(
            "workload.until", f"must be after 0 and not after the end of the run, {scenario.duration} s"
        )


def _of_tenants(scenario: Scenario) -> Iterator[ValidationError]:
    workload = scenario.workload
    if not workload.tenants:
        yield ValidationError(
            "workload.tenants", "there must be at least one tenant; leave the key out for the default one"
        )
    for tenant in workload.tenants:
        if not re.fullmatch(CONSTANTS.node.tenant_pattern, tenant):
            yield ValidationError(
                "workload.tenants", f"{tenant!r} cannot name a tenant; use letters, digits, dots, hyphens, underscores"
            )


def _of_curve(scenario: Scenario) -> Iterator[ValidationError]:
    turns = scenario.workload.curve
    for index, (one, other) in enumerate(itertools.pairwise(turns), 1):
        if other.at <= one.at:
            yield ValidationError(
                f"workload.curve[{index}].at", f"{other.at} s is not after the turn before; sort the turns by time"
            )
    if turns and not any(turn.factor for turn in turns):
        yield ValidationError("workload.curve", "the rate is 0 all the time; give one turn a factor greater than 0")


def _of_layout(scenario: Scenario) -> Iterator[ValidationError]:
    tiers, migration = scenario.layout.tiers, scenario.layout.migration
    if tiers and not tiers.hot_term <= tiers.warm_term <= tiers.window:
        yield ValidationError("layout.tiers", "an entry goes from hot to warm to cold: hot_term <= warm_term <= window")
    if tiers and tiers.window <= scenario.duration and len(scenario.regions) > 1:
        yield ValidationError(
            "layout.tiers.window",
            f"regions forget at moments of their own, and would differ; let it outlast the run, {scenario.duration} s",
        )
    if migration and tiers:
        yield ValidationError("layout.migration", "a store with tiers is not migrated here; leave one of the two out")
    if migration and migration.start >= scenario.duration:
        yield ValidationError(
            "layout.migration.start", f"the run ends at {scenario.duration} s, before this; start it earlier"
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
                f"{field}.region", f"nobody is near {act.region} to submit; give it an agent in workload.agents"
            )
        if isinstance(act, Replay):
            yield from unknown(f"{field}.peer", act.peer, scenario.regions, "region")
        if not 0 <= act.at < scenario.duration:
            yield ValidationError(
                f"{field}.at", f"{act.at} s is not in the run; it begins at 0 and ends at {scenario.duration} s"
            )
