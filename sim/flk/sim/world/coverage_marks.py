"""Coverage marks: what of note a run came to, each with the moments when it did.

A part notes a mark by one line, `world.observer.on(Marked("breaker-open"))`, and `COVERAGE_MARKS` says in one line what the mark
means. Hypotheses name marks, and so does who looks for runs that came to something new. Besides the marks of the table there are
`status N`, an attempt that was answered with that status (0: not at all), `alert NAME`, for as long as an alert fires, `converged`,
for as long as all regions store the same entries, and `healed`, of which only `eventually` can speak: whatever the regions stored
differently when the fault ended, they store alike. A mark that holds at a moment only is an interval without length.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import TypeAlias

from flk.model.entries.migration import Phase
from flk.model.entries.tiers import Tier
from flk.model.refusal import Refused
from flk.sim.kernel.engine import Simulator
from flk.sim.scenarios.vocabulary import COVERAGE_MARKS
from flk.sim.world.events import (
    AgentMoved,
    ClaimDeferred,
    Claimed,
    ClaimSearched,
    Crashed,
    FellBehind,
    Marked,
    Merged,
    PhaseChanged,
    Recovered,
    ShardSilent,
    TaskChange,
    TaskChanged,
    TierDropped,
)
from flk.sim.world.observer import Observer

Interval: TypeAlias = tuple[float, float]
MarkIntervals: TypeAlias = Mapping[str, Sequence[Interval]]
"""By mark, when it held, earliest first. An interval that the end of the run cut off ends at infinity."""


class CoverageMarks:
    """The moments of each mark, in seconds of the run and in the order in which they came."""

    def __init__(self, simulator: Simulator) -> None:
        self.moments: dict[str, list[float]] = {mark: [] for mark in COVERAGE_MARKS}
        self._simulator = simulator

    def observe(self, observer: Observer) -> None:
        """Note a mark whenever what it stands for happens."""
        observer.handle(Marked, lambda event: self.note(event.mark))
        observer.handle(Claimed, self._claimed)
        observer.handle(Merged, self._merged)
        observer.handle(Crashed, lambda event: self.note("region-lost" if event.fault.node is None else "node-lost"))
        observer.handle(FellBehind, lambda _: self.note("fell-behind"))
        observer.handle(Recovered, self._recovered)
        observer.handle(ShardSilent, lambda _: self.note("shard-silent"))
        observer.handle(ClaimDeferred, lambda _: self.note("turned-away"))
        observer.handle(ClaimSearched, self._searched)
        observer.handle(TierDropped, lambda _: self.note("tier-left"))
        observer.handle(PhaseChanged, self._phase_changed)
        observer.handle(TaskChanged, self._task_changed)
        observer.handle(AgentMoved, lambda _: self.note("failover"))

    def note(self, mark: str) -> None:
        """The run comes to a mark now. Raises KeyError for one that is not in the table."""
        self.moments[mark].append(self._simulator.now)

    def _claimed(self, event: Claimed) -> None:
        """A claim met what another had stored, or took its place."""
        before = event.before
        if event.records:
            self.note("supersession")
        if before is not None and before.timestamp != event.claim.entry.timestamp:
            self.note("duplicate" if before.digest == event.claim.entry.digest else "equivocation")

    def _merged(self, event: Merged) -> None:
        if event.records:
            self.note("supersession")

    def _recovered(self, event: Recovered) -> None:
        self.note("recovered")
        if any(repair.torn and not repair.damage for repair in event.recovery.repairs):
            self.note("torn-tail")

    def _searched(self, event: ClaimSearched) -> None:
        if event.tier is Tier.COLD and not isinstance(event.result, Refused):
            self.note("found-cold")

    def _phase_changed(self, event: PhaseChanged) -> None:
        if event.phase in {Phase.CUT_OVER, Phase.ROLLED_BACK}:
            self.note("cut-over" if event.phase is Phase.CUT_OVER else "rolled-back")

    def _task_changed(self, event: TaskChanged) -> None:
        if event.change is TaskChange.BURIED:
            self.note("task-buried")


def held(changes: Sequence[tuple[float, int]]) -> list[Interval]:
    """The intervals in which a number that changes at these moments was 0; the last may be open."""
    found: list[Interval] = []
    for (at, level), (until, _) in zip(changes, [*changes[1:], (inf, 0)], strict=True):
        if level:
            continue
        if found and found[-1][1] == at:
            found[-1] = found[-1][0], until
        elif until > at:
            found.append((at, until))
    return found
