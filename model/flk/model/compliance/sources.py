"""What evidence is made of: the outcome of tests, judged claims, simulated runs, scrapes of metrics, and an audit log (EVD-1).

Whatever was not given is None or empty, and never stands for anything.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `begin` up to but without `end`, in seconds since 1970."""

    begin: float
    end: float

    def __contains__(self, seconds: float) -> bool:
        return self.begin <= seconds < self.end


class TestOutcome(StrEnum):
    """What became of a test. With several parameters the worst counts."""

    __test__ = False  # pytest looks for classes that are called so

    FAILED = "failed"
    SKIPPED = "skipped"
    PASSED = "passed"


class Tests(msgspec.Struct, frozen=True):
    """Tests that were run, by the name that evidence has (`PATH::NAME`), with their outcome; and when each run began, in seconds
    since 1970.
    """

    began: tuple[float, ...]
    outcomes: Mapping[str, TestOutcome]


class JudgedClaim(msgspec.Struct, frozen=True):
    """A claim as `flk claims --json` has it: what it comes to here, and what the list of claims states."""

    name: str
    here: str
    holds: str


class ReachedObjective(msgspec.Struct, frozen=True):
    """An objective of a run: met, missed or undecided."""

    name: str
    unit: str
    target: float
    verdict: str
    measured: float | None = None


class CheckedInvariant(msgspec.Struct, frozen=True):
    """An invariant of a run, and how often it was checked and violated."""

    invariant: str
    checks: int
    violations: int
    verdict: str


class Run(msgspec.Struct, frozen=True):
    """A simulated run as `flk run --json` has it."""

    scenario: str
    scenario_hash: str
    seed: int
    digest: str
    verdict: str
    objectives: tuple[ReachedObjective, ...]
    invariants: tuple[CheckedInvariant, ...]


class Sample(msgspec.Struct, frozen=True):
    """A number of a metric, under its labels."""

    name: str
    labels: Mapping[str, str]
    value: float


class LogSeen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An audit log, read whole against its signed checkpoint. `trouble` is what is wrong with it: then nothing else counts.

    Of each kind, `counts` says how many leaves of the period there are, and `cited` the numbers of the first and the last. `since`
    is the size of the earlier checkpoint that it grew from, if one was given. `erased` leaves are known by their hash only.
    """

    origin: str
    size: int = 0
    root: str = ""
    since: int | None = None
    counts: Mapping[str, int] = {}
    cited: Mapping[str, tuple[int, ...]] = {}
    erased: int = 0
    trouble: str = ""


class Sources(msgspec.Struct, frozen=True):
    """Everything that was looked at."""

    tests: Tests | None = None
    claims: Mapping[str, JudgedClaim] | None = None
    runs: tuple[Run, ...] = ()
    samples: tuple[Sample, ...] | None = None
    log: LogSeen | None = None
