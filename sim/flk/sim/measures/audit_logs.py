"""Audit logs, measured: how soon an outcome is in a published checkpoint, in an anchored one, and told to the SIEM."""

import json
from collections.abc import Mapping
from math import nan
from typing import NamedTuple, TypeAlias

from flk.model.transparency.steps import read_step
from flk.sim.kernel.engine import Simulator
from flk.sim.measures.series import Reading
from flk.sim.nodes.region import Region
from flk.sim.oracle.audit_logs import checkpoint
from flk.sim.scenarios.policy import Objectives
from flk.sim.scenarios.scenario import Scenario
from flk.sim.world.events import Anchored, Claimed, LogObject, Merged, SiemTook
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

AUDIT = CONSTANTS.transparency.object_prefix
Outcome: TypeAlias = tuple[str, str, int]
"""Tenant, id and timestamp."""


class AuditLogMeasures(NamedTuple):
    """The audit log of one region: how many leaves it has, and seconds from when an outcome was stored until it was published,
    anchored and told, of the last to be. Of what is late and has not come yet, the seconds until the end of the run; NaN without
    an outcome, None where nobody is asked to.
    """

    leaves: int
    published: float
    anchored: float | None
    told: float | None


class _Log:
    """When outcomes of a region were stored, which leaves they are, and how many leaves came how far, when."""

    def __init__(self) -> None:
        self.stored: dict[Outcome, float] = {}
        self.leaves: list[Outcome | None] = []
        self.published: list[float] = []
        self.anchored: list[float] = []
        self.told: list[float] = []


class AuditLogRecorder:
    """Writes down when outcomes were stored, and how far their leaves came."""

    def __init__(self, scenario: Scenario, regions: Mapping[str, Region], simulator: Simulator) -> None:
        self._layout = scenario.layout.audit_log
        self._regions = regions
        self._simulator = simulator
        self._logs = {region: _Log() for region in scenario.regions}

    def observe(self, observer: Observer) -> None:
        """Write down from now on."""
        observer.handle(Claimed, self._claimed)
        observer.handle(Merged, self._merged)
        observer.handle(LogObject, self._object)
        observer.handle(Anchored, lambda event: self._came(self._logs[event.region].anchored, event.size))
        observer.handle(SiemTook, self._took)

    def _claimed(self, event: Claimed) -> None:
        self._note(event.region, (*event.claim.key, event.stored.timestamp), event.stored.region)

    def _merged(self, event: Merged) -> None:
        self._note(event.region, (*event.claim.key, event.after.timestamp), event.after.region)

    def _note(self, region: str, outcome: Outcome, origin: str) -> None:
        if origin == region:
            self._logs[region].stored.setdefault(outcome, self._simulator.now)

    def _object(self, event: LogObject) -> None:
        region, _, name = event.name.removeprefix(AUDIT).partition("/")
        if name.startswith("batch/") and event.content is not None:
            self._logs[region].leaves += map(_outcome, read_step(event.name, event.content).leaves)
        elif name == "checkpoint" and event.content is not None and (found := checkpoint(event.content)) is not None:
            self._came(self._logs[region].published, found.size)

    def _took(self, event: SiemTook) -> None:
        self._came(self._logs[event.region].told, event.first + len(event.leaves))

    def _came(self, moments: list[float], size: int) -> None:
        """So many leaves have come so far now."""
        moments += [self._simulator.now] * (size - len(moments))

    def measures(self, slo: Objectives) -> Mapping[str, AuditLogMeasures]:
        """By region; the objectives say when one that has not come yet is late."""
        return {region: self._of(region, log, slo) for region, log in self._logs.items()}

    def _of(self, region: str, log: _Log, slo: Objectives) -> AuditLogMeasures:
        layout = self._layout
        assert layout is not None, "the layout has audit logs"
        told = None if layout.stream_interval is None else self._lag(region, log, log.told, slo.siem_lag)
        anchored = None if layout.anchor_interval is None else self._lag(region, log, log.anchored, slo.anchor_lag)
        published = self._lag(region, log, log.published, slo.audit_log_lag)
        return AuditLogMeasures(len(log.leaves), published, anchored, told)

    def _lag(self, region: str, log: _Log, moments: list[float], target: float) -> float:
        """The longest that an outcome took, of those that are there or are late."""
        came = {outcome: at for outcome, at in zip(log.leaves, moments, strict=False) if outcome is not None}
        held = self._regions[region].entries.entries
        here = {(*key, entry.timestamp) for key, entry in held.items() if entry.region == region}
        end = self._simulator.now
        took = [at - log.stored[outcome] for outcome, at in came.items() if outcome in log.stored]
        late = [end - at for outcome, at in log.stored.items() if outcome in here and outcome not in came]
        return max([*took, *(each for each in late if each > target)], default=nan)


def worst(logs: Mapping[str, AuditLogMeasures], field: str) -> Reading | None:
    """The worst region's lag of a kind; None where nobody is asked for it."""
    found = [getattr(log, field) for log in logs.values()]
    known = [lag for lag in found if lag is not None and lag == lag]  # noqa: PLR0124 - not NaN
    if not logs or all(lag is None for lag in found):
        return None
    return Reading(max(known, default=nan))


def _outcome(leaf: bytes) -> Outcome | None:
    told = json.loads(leaf)
    return (told["tenant"], told["pcs_id"], int(told["timestamp"], 16)) if told["kind"] == "outcome" else None
