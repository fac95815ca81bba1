"""The limits of what a scenario may ask for, so that every run ends: its length, how often what is done, how many there are."""

from collections.abc import Iterator, Mapping

import msgspec

from flk.sim.scenarios.document import ValidationError
from flk.sim.scenarios.duration import human
from flk.sim.scenarios.faults import BitRot, Burst, FaultBase, NameTaken, PolicyChange, ReplayAttack
from flk.sim.scenarios.scenario import Scenario
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.scenario


def limit_errors(scenario: Scenario) -> Iterator[ValidationError]:
    """Every field that asks for more than a run can give."""
    if scenario.duration > LIMITS.max_duration_seconds:
        yield ValidationError("duration", f"must be <= {human(LIMITS.max_duration_seconds)}; run a part of it")
    yield from _of_numbers(scenario)
    yield from _of_intervals(scenario)
    yield from _of_retries(scenario)


def arrival_errors(scenario: Scenario) -> Iterator[ValidationError]:
    """More records than can be followed one by one; the vector tier computes them as arrays."""
    expected = expected_arrivals(scenario)
    if expected > LIMITS.max_arrivals:
        yield ValidationError(
            "workload.rate",
            f"about {expected:.2g} arrivals are more than the {LIMITS.max_arrivals:.0e} that can be followed one by one; lower the"
            " rate or the factor of a burst, shorten the run, or take --tier vector",
        )


def _of_numbers(scenario: Scenario) -> Iterator[ValidationError]:
    layout = scenario.layout
    counts = {
        "regions": (len(scenario.regions), LIMITS.max_regions),
        "workload.agents": (sum(scenario.workload.agents.values()), LIMITS.max_agents),
        "workload.duplicate_window": (scenario.workload.duplicate_window, LIMITS.max_parts),
        "layout.shards": (layout.shards, LIMITS.max_parts),
        "layout.replicas": (layout.replicas, LIMITS.max_parts),
        "layout.audit.workers": (layout.audit.workers if layout.audit else 0, LIMITS.max_parts),
    }
    for index, fault in enumerate(scenario.faults):
        if isinstance(fault, BitRot | NameTaken):
            counts[f"faults[{index}].{fault.severity}"] = int(getattr(fault, fault.severity)), LIMITS.max_parts
    for field, (number, most) in counts.items():
        if number > most:
            yield ValidationError(field, f"must be at most {most:,}, and is {number:,}")


def _of_intervals(scenario: Scenario) -> Iterator[ValidationError]:
    """An interval that is too short, or all of them together if the run is too long for them."""
    found = dict(intervals(scenario))
    least = LIMITS.min_interval_seconds
    for field, (interval, _) in found.items():
        if not interval >= least:
            yield ValidationError(
                field, f"must be >= {human(least)}, and is {interval:g} s; write seconds, or a text such as 10s"
            )
    sound = {field: times * scenario.duration / each for field, (each, times) in found.items() if each >= least}
    if sound and sum(sound.values()) > LIMITS.max_rounds:
        worst = max(sound, key=sound.__getitem__)
        yield ValidationError(
            worst,
            f"the run would have {sum(sound.values()):.2g} rounds, more than {LIMITS.max_rounds:.0e};"
            " make this interval longer, or the run shorter",
        )


def intervals(scenario: Scenario) -> Iterator[tuple[str, tuple[float, int]]]:
    """Each interval with how many do something in it."""
    policy, layout = scenario.policy, scenario.layout
    regions = len(scenario.regions)
    pairs = regions * (regions - 1)
    yield "policy.ship_interval", (policy.ship_interval, regions)
    yield "policy.replay_interval", (policy.replay_interval, pairs)
    yield "policy.check_interval", (policy.check_interval, regions)
    yield "policy.divergence_interval", (policy.divergence_interval, pairs)
    yield (
        "policy.failover.probe_interval_seconds",
        (
            policy.failover.probe_interval_seconds,
            sum(scenario.workload.agents.values()),
        ),
    )
    if policy.pressure is not None:
        yield "policy.pressure.interval_seconds", (policy.pressure.interval_seconds, regions)
    if policy.breaker is not None:
        yield "policy.breaker.open_seconds", (policy.breaker.open_seconds, 0)
    if layout.tiers is not None:
        yield "layout.tiers.move_interval", (layout.tiers.move_interval, regions)
    if layout.policies is not None:
        changes = sum(isinstance(fault, PolicyChange) for fault in scenario.faults)
        yield "layout.policies.ask_interval", (layout.policies.ask_interval, changes * layout.nodes)
    if layout.audit_log is not None:
        yield "layout.audit_log.integrate_interval", (layout.audit_log.integrate_interval, regions * layout.nodes)
        yield "layout.audit_log.sign_interval", (layout.audit_log.sign_interval, regions * layout.nodes)
        yield "layout.audit_log.look_interval", (layout.audit_log.look_interval, pairs)
        for name in ("anchor_interval", "stream_interval"):
            interval = getattr(layout.audit_log, name)
            if interval is not None:
                yield f"layout.audit_log.{name}", (interval, regions)
    if layout.upkeep is not None:
        yield "layout.upkeep.snapshot_interval", (layout.upkeep.snapshot_interval, regions)
        yield "layout.upkeep.retain_interval", (layout.upkeep.retain_interval, regions)
        yield "layout.upkeep.compare_interval", (layout.upkeep.compare_interval, 2 * regions)


def _of_retries(scenario: Scenario) -> Iterator[ValidationError]:
    """Agents that would try again without a pause, or never."""
    least = LIMITS.min_interval_seconds
    waits: Mapping[str, object] = {
        f"policy.{table}.{field}": value
        for table, kind in (("retry", scenario.policy.retry), ("failover", scenario.policy.failover))
        for field, value in msgspec.structs.asdict(kind).items()
        if field != "probe_interval_seconds"
    }
    for field, value in waits.items():
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            yield ValidationError(field, f"must be >= 1, and is {value}")
        if isinstance(value, float) and not value >= least:
            yield ValidationError(field, f"must be >= {least} (seconds), and is {value:g}")


def expected_arrivals(scenario: Scenario) -> float:
    """About how many records come, and how many are sent again by attackers, at most."""
    workload = scenario.workload
    busiest = max((turn.factor for turn in workload.curve), default=1.0)
    until = scenario.duration if workload.until is None else min(scenario.duration, workload.until)
    load = 0.0 if workload.recorded or scenario.script else workload.rate * busiest * until
    for fault in scenario.faults:
        if isinstance(fault, Burst) and load:
            load += workload.rate * busiest * max(0.0, fault.factor - 1) * _held(fault, scenario)
        elif isinstance(fault, ReplayAttack):
            load += fault.rate * _held(fault, scenario)
    return load


def _held(fault: FaultBase, scenario: Scenario) -> float:
    return max(0.0, min(fault.duration, scenario.duration - fault.start))
