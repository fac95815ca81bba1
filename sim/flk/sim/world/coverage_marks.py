"""Marks: what of note a run came to, each with the moments when it did.

A part notes a mark by one line, `world.marks.note("breaker-open")`, and `MARKS` says in one line what the mark means. Hypotheses
name marks, and so does who looks for runs that came to something new. Besides the marks of the table there are `status N`, an
attempt that was answered with that status (0: not at all), `alert NAME`, for as long as an alert fires, `converged`, for as
long as all regions store the same entries, and `healed`, of which only `eventually` can speak: whatever the regions stored
differently when the fault ended, they store alike. A mark that holds at a moment only is an interval without length.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import TypeAlias

from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.migration import Phase
from flk.model.entries.tasks import Task
from flk.model.entries.tiers import Tier
from flk.model.programs.recover import Recovery
from flk.model.refusal import Refused
from flk.sim.kernel.engine import Simulator
from flk.sim.scenarios.faults import Stop
from flk.sim.scenarios.vocabulary import COVERAGE_MARKS
from flk.sim.world.events import TaskChange, Watcher

Interval: TypeAlias = tuple[float, float]
MarkIntervals: TypeAlias = Mapping[str, Sequence[Interval]]
"""By mark, when it held, earliest first. An interval that the end of the run cut off ends at infinity."""


class CoverageMarks(Watcher):
    """Keeps the moments of each mark, in the order in which they come."""

    def __init__(self, simulator: Simulator) -> None:
        self.moments: dict[str, list[float]] = {mark: [] for mark in COVERAGE_MARKS}
        self._simulator = simulator

    def note(self, mark: str) -> None:
        """The mark came up now. Raises KeyError for one that is not in the table."""
        self.moments[mark].append(self._simulator.now)

    def claimed(
        self, region: str, claim: Claim, before: Entry | None, stored: Entry, records: Sequence[object]
    ) -> None:
        """A claim met what another had stored, or took its place."""
        del region, stored
        if records:
            self.note("supersession")
        if before is not None and before.timestamp != claim.entry.timestamp:
            self.note("duplicate" if before.digest == claim.entry.digest else "equivocation")

    def merged(self, region: str, claim: Claim, before: Entry | None, after: Entry, records: Sequence[object]) -> None:
        """An entry gave way in a merge."""
        del region, claim, before, after
        if records:
            self.note("supersession")

    def crashed(self, fault: Stop) -> None:
        """A region is down."""
        del fault
        self.note("region-lost")

    def fell_behind(self, region: str) -> None:
        """A store does not answer."""
        del region
        self.note("fell-behind")

    def recovered(self, region: str, recovery: Recovery) -> None:
        """A node is level with its log, and may have had to cut off its end."""
        del region
        self.note("recovered")
        if any(repair.torn and not repair.damage for repair in recovery.repairs):
            self.note("torn-tail")

    def silent(self, region: str, shard: str) -> None:
        """A shard does not answer."""
        del region, shard
        self.note("shard-silent")

    def turned_away(self, region: str, claim: Claim) -> None:
        """A claim is owed."""
        del region, claim
        self.note("turned-away")

    def searched(self, region: str, claim: Claim, tier: Tier | None, began: float, result: object) -> None:
        """A claim was looked for from tier to tier."""
        del region, claim, began
        if tier is Tier.COLD and not isinstance(result, Refused):
            self.note("found-cold")

    def dropped(self, region: str, tier: Tier, key: Key, entry: Entry) -> None:
        """A tier holds an entry no more."""
        del region, tier, key, entry
        self.note("tier-left")

    def migrated(self, region: str, phase: Phase) -> None:
        """A migration went on."""
        del region
        if phase in {Phase.CUT_OVER, Phase.ROLLED_BACK}:
            self.note("cut-over" if phase is Phase.CUT_OVER else "rolled-back")

    def task_changed(self, region: str, change: TaskChange, task: Task) -> None:
        """An audit task went on."""
        del region, task
        if change is TaskChange.BURIED:
            self.note("task-buried")

    def moved(self, agent: str, region: str, to: str) -> None:
        """An agent moved."""
        del agent, region, to
        self.note("failover")


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
