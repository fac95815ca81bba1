"""What a run comes to: each mutant's status, counts by room and kind, claims that nothing breaks, and entries that are stale."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import median

import msgspec

from flk.formal.mutation.check import Finding, Outcome
from flk.formal.mutation.ladder import Climb
from flk.formal.mutation.ledger import Entry, Ledger
from flk.formal.mutation.target import Target
from flk.spec.verdict import Verdict


class Status(StrEnum):
    """Of a mutant. EQUIVALENT: it lives, and the ledger says why; OPEN: not all checks were tried."""

    KILLED = "killed"
    EQUIVALENT = "equivalent"
    LIVING = "living"
    OPEN = "open"


class Row(msgspec.Struct, frozen=True):
    """One mutant: where it is, what was changed, and what became of it. `alike`: a check looked for a difference and saw none."""

    id: str
    target: str
    room: str
    kind: str
    module: str
    function: str
    line: int
    operator: str
    before: str
    after: str
    diff: str
    status: Status
    killer: str
    said: str
    alike: bool
    reason: str
    findings: dict[str, Finding]


class Count(msgspec.Struct, frozen=True):
    """How many mutants there are of a kind, and what became of them."""

    room: str
    kind: str
    mutants: int
    killed: int
    equivalent: int
    living: int
    open: int

    @property
    def ratio(self) -> float:
        """The part that is killed of those that are not equivalent, from 0 to 1; 1 where there are none."""
        counted = self.killed + self.living
        return self.killed / counted if counted else 1.0


class Claim(msgspec.Struct, frozen=True):
    """A property of a target, and how many mutants violate it."""

    target: str
    name: str
    mutants: int


class Report(msgspec.Struct, frozen=True):
    """Everything that a run has shown.

    `stale` says of each ledger entry that no longer fits why it does not. `claims` count for each property the mutants that violate
    it: of those that were tried, so that a sample says little.
    """

    rows: tuple[Row, ...]
    counts: tuple[Count, ...]
    claims: tuple[Claim, ...]
    stale: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a mutant lives that the ledger does not explain, or an entry is stale; UNDECIDED if some were not tried."""
        statuses = {row.status for row in self.rows}
        if Status.LIVING in statuses or self.stale:
            return Verdict.VIOLATED
        return Verdict.UNDECIDED if Status.OPEN in statuses else Verdict.HOLDS

    @property
    def vacuous(self) -> tuple[Claim, ...]:
        """The properties that no mutant violates."""
        return tuple(claim for claim in self.claims if not claim.mutants)

    @property
    def efforts(self) -> dict[str, float]:
        """For each check that counts seeds, the median number that it took to see a mutant."""
        taken: dict[str, list[int]] = {}
        for row in self.rows:
            for name, found in row.findings.items():
                if found.outcome is Outcome.KILLED and found.effort is not None:
                    taken.setdefault(name, []).append(found.effort)
        return {name: median(efforts) for name, efforts in taken.items()}


def report(climbs: Sequence[Climb], ledger: Ledger, whole: Iterable[Target] = ()) -> Report:
    """Bring climbs and ledger together. `whole`: the targets all of whose mutants were made, whose entries may be stale."""
    rows = tuple(_row(climb, ledger.get(climb.mutant)) for climb in climbs)
    stale = (*_outlived(rows, ledger), *_forgotten(rows, ledger, {target.original.module for target in whole}))
    return Report(rows, tuple(_counts(rows)), tuple(_claims(climbs)), stale)


def _row(climb: Climb, entry: Entry | None) -> Row:
    target, mutant, killer = climb.target, climb.mutant, climb.killer
    living = Status.EQUIVALENT if entry else Status.LIVING if climb.over else Status.OPEN
    said = climb.findings[killer].said if killer else "; ".join(_said(climb.findings))
    return Row(
        id=mutant.id,
        target=target.name,
        room=target.room,
        kind=target.kind,
        module=mutant.module,
        function=mutant.function,
        line=mutant.line,
        operator=mutant.operator,
        before=mutant.before,
        after=mutant.after,
        diff=mutant.diff(),
        status=Status.KILLED if killer else living,
        killer=killer,
        said=said,
        alike=climb.alike,
        reason=entry.reason if entry else "",
        findings=climb.findings,
    )


def _said(findings: dict[str, Finding]) -> Iterable[str]:
    return (f"{name}: {found.said}" for name, found in findings.items() if found.said)


def _outlived(rows: Iterable[Row], ledger: Ledger) -> Iterable[str]:
    """Entries of mutants that are killed now, or that a machine no longer finds to be the same."""
    for row in rows:
        entry = ledger.entries.get(row.id)
        if entry is None:
            continue
        if row.status is Status.KILLED:
            yield f"{row.id} ({row.module}:{row.function}) is killed by {row.killer} now: remove its entry"
        elif entry.checked.by_machine and row.findings and not row.alike:
            yield f"{row.id} ({row.module}:{row.function}) differs from the original: its entry says checked by {entry.checked}"


def _forgotten(rows: Iterable[Row], ledger: Ledger, modules: set[str]) -> Iterable[str]:
    """Entries of mutants that are no longer made."""
    made = {row.id for row in rows}
    for entry in ledger.entries.values():
        if entry.module in modules and entry.id not in made:
            yield f"{entry.id} ({entry.module}:{entry.function}) is no mutant any more: remove its entry"


def _counts(rows: Iterable[Row]) -> Iterable[Count]:
    groups: dict[tuple[str, str], Counter[Status]] = {}
    for row in rows:
        groups.setdefault((row.room, row.kind), Counter())[row.status] += 1
    for (room, kind), each in groups.items():
        numbers = (each[status] for status in (Status.KILLED, Status.EQUIVALENT, Status.LIVING, Status.OPEN))
        yield Count(room, kind, each.total(), *numbers)


def _claims(climbs: Iterable[Climb]) -> Iterable[Claim]:
    known: dict[str, Counter[str]] = {}
    for climb in climbs:
        counter = known.setdefault(climb.target.name, Counter(dict.fromkeys(climb.target.claims, 0)))
        counter.update({hit for found in climb.findings.values() for hit in found.hits} & set(climb.target.claims))
    return (Claim(target, name, number) for target, counter in known.items() for name, number in counter.items())
