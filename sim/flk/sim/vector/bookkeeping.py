"""The segments of every log, from the seal to the last region, and what must hold of them at each step."""

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from flk.sim.checkers.invariants import Invariant
from flk.sim.scenarios.scenario import Scenario
from flk.sim.vector.request_arrays import Segment
from flk.spec.verdict import Verdict


class Shipped:
    """A sealed segment: when it was in the object store, and when each other region had merged it."""

    __slots__ = ("applied", "content", "number", "region", "uploaded")

    def __init__(self, region: str, number: int, content: Segment) -> None:
        self.region = region
        self.number = number
        self.content = content
        self.uploaded: float | None = None
        self.applied: dict[str, float] = {}


class Checked(NamedTuple):
    """An invariant: what it says, how often it was checked and broken, and how often the run ended too early to tell."""

    name: str
    statement: str
    checks: int
    violations: int
    open_: int = 0

    @property
    def verdict(self) -> Verdict:
        """Whether it held whenever it was checked."""
        if self.violations:
            return Verdict.VIOLATED
        return Verdict.UNDECIDED if self.open_ else Verdict.HOLDS


class Tally:
    """Counts the checks of one invariant."""

    def __init__(self) -> None:
        self.checks = 0
        self.violations = 0

    def check(self, truth: bool) -> None:  # noqa: FBT001 - the thing that is checked
        """Count a check."""
        self.checks += 1
        self.violations += not truth


class Bookkeeping:
    """Follows the segments of all logs."""

    def __init__(self, regions: tuple[str, ...]) -> None:
        self.logs: dict[str, list[Shipped]] = {region: [] for region in regions}
        self._segments: dict[str, Shipped] = {}
        self._sealed, self._shipped, self._applied = Tally(), Tally(), Tally()

    def frames(self, name: str) -> int:
        """How many frames a segment stands for; 0 for none."""
        return self._segments[name].content.frames if name else 0

    def seal(self, region: str, name: str, content: Segment, now: float, last_claim: float) -> None:
        """A segment is sealed."""
        self._sealed.check(content.frames > 0 and last_claim <= now)
        segments = self.logs[region]
        segments.append(Shipped(region, len(segments) + 1, content))
        self._segments[name] = segments[-1]

    def upload(self, name: str, now: float) -> None:
        """A segment is in the object store."""
        segment = self._segments[name]
        before = self._before(segment)
        self._shipped.check(before is None or before.uploaded is not None)
        if segment.uploaded is None:
            segment.uploaded = now

    def apply(self, name: str, region: str, now: float) -> None:
        """A segment was merged into a region."""
        segment = self._segments[name]
        before = self._before(segment)
        follows = before is None or region in before.applied
        self._applied.check(follows and segment.uploaded is not None and segment.uploaded <= now)
        segment.applied.setdefault(region, now)

    def convergence(self, scenario: Scenario, opened: Mapping[str, float]) -> Checked:
        """Whether each segment's claims were in every store in time, by the rule of the message tier (CRR-2): the bound counts from
        the first claim, or from the end of the last fault that held meanwhile. `opened` is when the first claim of each region's
        open segment was; what is still on its way at the end is undecided until its time is over.
        """
        end = float(scenario.duration)
        others = len(scenario.regions) - 1
        spells = [
            (one.content.claimed, max(one.applied.values()) if len(one.applied) == others else inf)
            for log in self.logs.values()
            for one in log
        ]
        spells = [*spells, *((since, inf) for since in opened.values())] if others else []
        late = waiting = 0
        for since, until in spells:
            now = min(until, end)
            ends = (fault.end for fault in scenario.faults if fault.start <= now and fault.end >= since)
            over = now > max(since, *ends, 0.0) + scenario.slo.convergence
            late += over
            waiting += until > end and not over
        return Checked(
            str(Invariant.CONVERGENCE), Invariant.CONVERGENCE.statement, len(spells) - waiting, late, waiting
        )

    def checked(self) -> tuple[Checked, ...]:
        """What came of the checks."""
        rows = (
            ("sealed-when-settled", "every frame of a segment is claimed before it is sealed (WAL-6)", self._sealed),
            ("shipped-in-order", "segments are shipped in sequence, without a gap (CRR-5)", self._shipped),
            (
                "applied-after-shipped",
                "segments are merged in sequence, after they were shipped (CRR-4)",
                self._applied,
            ),
        )
        return tuple(Checked(name, text, tally.checks, tally.violations) for name, text, tally in rows)

    def _before(self, segment: Shipped) -> Shipped | None:
        return self.logs[segment.region][segment.number - 2] if segment.number > 1 else None
