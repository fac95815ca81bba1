"""From a run that violates an invariant to a small one that violates it too: fewer faults, weaker and shorter ones, a smaller run.

Removing a part changes no other: faults have absolute times, and every random draw is keyed by what it decides.
"""

from collections.abc import Callable, Iterator
from math import isfinite
from typing import NamedTuple

import msgspec

from flk.sim.experiments.minimise import PRECISION, ddmin, lessen
from flk.sim.experiments.rows import violated
from flk.sim.experiments.run_inputs import RunInputs, Task, execute
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Direction, Disk, Fault, LinkFaultBase, RegionCrash, ShardCrash
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.spec.errors import UnusableInput

LIMIT = 2000
"""The most replays of one shrinking."""


MOMENT = 0.1
"""Differences of times below this, in seconds, do not matter."""


class ShrinkOutcome(NamedTuple):
    """The small scenario, the invariant that it violates as the large one did, the digest of its run, and the replays it took."""

    scenario: Scenario
    seed: int
    invariant: str
    digest: str
    replays: int


def shrink(
    inputs: RunInputs,
    scenario: Scenario,
    seed: int,
    *,
    limit: int = LIMIT,
    on_replay: Callable[[int, Scenario], None] = lambda *_: None,
) -> ShrinkOutcome:
    """Shrink a run. `on_replay` gets the number of replays and the smallest scenario so far.

    Raises UnusableInput if the run violates nothing.
    """
    run = execute(inputs, Task(scenario, seed))
    broken = violated(run)
    if not broken:
        raise UnusableInput(f"{Task(scenario, seed).label} violates no invariant, so there is nothing to shrink")
    digests = {scenario.hash: run.digest}

    def fails(candidate: Scenario) -> bool:
        found = execute(inputs, Task(candidate, seed))
        digests[candidate.hash] = found.digest
        on_replay(len(digests), search.least)
        return broken[0] in violated(found)

    search = Search(scenario, fails, limit - 1)
    least = search.least_of_all()
    return ShrinkOutcome(least, seed, broken[0], digests[least.hash], search.replays + 1)


class Search:
    """The search for a smallest scenario of which `fails` is true, as it is of the first. It makes at most `limit` replays."""

    def __init__(self, scenario: Scenario, fails: Callable[[Scenario], bool], limit: int = LIMIT) -> None:
        self.least = scenario
        self.replays = 0
        self._fails = fails
        self._limit = limit
        self._known: dict[str, bool] = {scenario.hash: True}

    def least_of_all(self) -> Scenario:
        """Remove faults and acts, then weaken what is left, until nothing changes any more."""
        while True:
            before = self.least
            self._fewer_faults()
            self._fewer_acts()
            for fault in before.faults:
                self._simpler(fault.id)
                self._weaker(fault.id)
                self._shorter(fault.id)
            self._less_of_a_run()
            if self.least == before:
                return self.least

    def _try(self, candidate: Scenario) -> bool:
        """Whether a valid candidate fails too; if so, it is the least from now on."""
        name = candidate.hash
        if name not in self._known:
            if self.replays >= self._limit or any(validation_errors(candidate)):
                return False
            self.replays += 1
            self._known[name] = self._fails(candidate)
        if self._known[name]:
            self.least = candidate
        return self._known[name]

    def _fewer_faults(self) -> None:
        scenario = self.least
        kept = ddmin(scenario.faults, lambda part: self._try(scenario.with_faults(part)))
        self.least = scenario.with_faults(kept)

    def _fewer_acts(self) -> None:
        scenario = self.least
        if scenario.script:  # without any script the run would be another
            kept = ddmin(
                scenario.script,
                lambda part: bool(part) and self._try(msgspec.structs.replace(scenario, script=part)),
            )
            self.least = msgspec.structs.replace(scenario, script=kept)

    def _simpler(self, identity: str) -> None:
        """Faults of fewer places, of one direction, of a replica instead of all, of a disk that is kept."""
        progress = True
        while progress:
            fault = self._fault(identity)
            progress = fault is not None and any(self._try(self._with(other)) for other in simpler(fault))

    def _weaker(self, identity: str) -> None:
        fault = self._fault(identity)
        if fault is not None and fault.severity:
            harmless, value = float(fault.harmless), getattr(fault, fault.severity)
            kind = type(value)
            self._lessen(
                value, harmless, lambda number: self._with(_changed(fault, fault.severity, kind(number))), 0.01
            )

    def _shorter(self, identity: str) -> None:
        fault = self._fault(identity)
        if fault is not None:
            self._lessen(
                fault.duration, 0.0, lambda number: self._with(_changed(fault, "duration", Seconds(number))), MOMENT
            )

    def _less_of_a_run(self) -> None:
        """Fewer records, a shorter run, and defaults for what the layout, the workload and the network set."""
        scenario = self.least
        until = scenario.workload.until or scenario.duration
        if not scenario.script:
            self._lessen(until, 0.0, lambda end: _within(self.least, "workload", until=Seconds(end)), MOMENT)
        self._lessen(
            scenario.duration,
            0.0,
            lambda end: msgspec.structs.replace(_cut(self.least, end), duration=Seconds(end)),
            MOMENT,
        )
        for candidate in plainer(self.least):
            self._try(candidate(self.least))

    def _lessen(self, value: float, harmless: float, scenario_with: Callable[[float], Scenario], grain: float) -> None:
        """Bring a number of the scenario nearer to harmless, if that makes a difference."""
        before = self.least
        found = lessen(value, harmless, lambda number: self._try(scenario_with(number)), grain)
        gain = abs(found - value) / abs(value - harmless) if isfinite(harmless) else abs(found / value - 1)
        if gain <= PRECISION:
            self.least = before

    def _fault(self, identity: str) -> Fault | None:
        return next((fault for fault in self.least.faults if fault.id == identity), None)

    def _with(self, fault: Fault) -> Scenario:
        """The least scenario with a fault in place of the one of its id."""
        faults = tuple(fault if other.id == fault.id else other for other in self.least.faults)
        return self.least.with_faults(faults)


def simpler(fault: Fault) -> Iterator[Fault]:
    """The same fault in simpler forms."""
    if isinstance(fault, RegionCrash) and fault.disk is Disk.LOST:
        yield msgspec.structs.replace(fault, disk=Disk.KEPT)
    if isinstance(fault, ShardCrash) and fault.all_replicas:
        yield msgspec.structs.replace(fault, all_replicas=False)
    if isinstance(fault, LinkFaultBase):
        first, second = fault.sides
        for place in first if len(first) > 1 else ():
            yield _changed(fault, "sides", (tuple(p for p in first if p != place), second))
        for place in second if len(second) > 1 else ():
            yield _changed(fault, "sides", (first, tuple(p for p in second if p != place)))
        if fault.direction is Direction.BOTH:
            yield _changed(fault, "direction", Direction.FORWARD)
            yield _changed(fault, "direction", Direction.BACKWARD)


Change = Callable[[Scenario], Scenario]


def plainer(scenario: Scenario) -> Iterator[Change]:
    """Ways to make a scenario plainer: fewer regions and agents, and what is optional left out."""
    for region in scenario.regions if len(scenario.regions) > 1 else ():
        yield lambda least, region=region: _without(least, region)  # type: ignore[misc]  # mypy: defaults of a lambda
    for table, fields in _OPTIONAL.items():
        for field in fields:
            yield lambda least, table=table, field=field: _by_default(least, table, field)  # type: ignore[misc]
    yield lambda least: msgspec.structs.replace(least, network=msgspec.structs.replace(least.network, links=()))


_OPTIONAL = {
    "layout": ("tiers", "migration", "audit", "shards", "replicas", "nodes"),
    "policy": ("pressure", "breaker", "max_in_flight", "segment_bytes"),
    "workload": ("duplicates", "skew", "tenants", "curve"),
}


def _by_default(scenario: Scenario, table: str, field: str) -> Scenario:
    struct = getattr(scenario, table)
    info = next(info for info in msgspec.structs.fields(struct) if info.name == field)
    default = info.default_factory() if callable(info.default_factory) else info.default
    return _within(scenario, table, **{field: default})


def _without(scenario: Scenario, region: str) -> Scenario:
    """The scenario without a region; invalid where something else names the region."""
    regions = tuple(other for other in scenario.regions if other != region)
    agents = {home: number for home, number in scenario.workload.agents.items() if home != region}
    fewer = msgspec.structs.replace(scenario, regions=regions)
    return _within(fewer, "workload", agents=agents)


def _within(scenario: Scenario, table: str, **changes: object) -> Scenario:
    changed = msgspec.structs.replace(getattr(scenario, table), **changes)
    return msgspec.structs.replace(scenario, **{table: changed})


def _cut(scenario: Scenario, end: float) -> Scenario:
    """The scenario with nothing to come after the end."""
    until = scenario.workload.until
    return _within(scenario, "workload", until=None if until is None or until >= end else until)


def _changed(fault: Fault, field: str, value: object) -> Fault:
    return msgspec.structs.replace(fault, **{field: value})
