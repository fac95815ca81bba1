"""The report on a framework: each control pass, fail or no evidence, from what was looked at in this run (EVD-1)."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from flk.model.compliance.findings import Finding, Status, find
from flk.model.compliance.sources import LogSeen, Period, Sources
from flk.spec import __version__
from flk.spec.controls import Control, Framework, Table
from flk.spec.verdict import Verdict, worst


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that evidence was read from: what it is for, its name in a pack, where it was read, and the SHA-256 of its bytes."""

    kind: str
    name: str
    origin: str
    sha256: str


class Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A control, with what each of its queries comes to. `beyond` is what none of them can see, `outside` why there are none."""

    id: str
    title: str
    status: Status
    findings: tuple[Finding, ...]
    beyond: str = ""
    outside: str = ""


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All controls of a framework over a period. `made` is when, in seconds since 1970; `table` the digest of the controls."""

    framework: Framework
    title: str
    period: Period
    made: float
    version: str
    table: str
    sources: tuple[SourceFile, ...]
    log: LogSeen | None
    controls: tuple[Judged, ...]

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a control fails, else UNDECIDED if one that has queries has no evidence, else HOLDS."""
        return worst(control.status.verdict for control in self.controls if control.findings)

    @property
    def tally(self) -> dict[Status, int]:
        """How many controls there are of each status."""
        counted = Counter(control.status for control in self.controls)
        return {status: counted[status] for status in Status}

    @property
    def cited(self) -> tuple[int, ...]:
        """The numbers of all leaves that a finding cites, in order."""
        return tuple(sorted({number for one in self.controls for each in one.findings for number in each.leaves}))


def report(
    table: Table, period: Period, sources: Sources, files: Sequence[SourceFile] = (), made: float = 0.0
) -> Report:
    """What the sources say of each control. The same sources give the same report."""
    controls = tuple(_judged(control, sources, period) for control in table.controls)
    return Report(
        table.framework,
        table.title,
        period,
        made,
        __version__,
        table.digest,
        tuple(files),
        sources.log,
        controls,
    )


def written(made: Report) -> bytes:
    """The report as JSON: the same report has the same bytes."""
    return msgspec.json.format(msgspec.json.encode(made, order="deterministic"), indent=1) + b"\n"


def _judged(control: Control, sources: Sources, period: Period) -> Judged:
    findings = tuple(find(query, sources, period) for query in control.queries)
    statuses = {finding.status for finding in findings} or {Status.NO_EVIDENCE}
    status = next(each for each in (Status.FAIL, Status.NO_EVIDENCE, Status.PASS) if each in statuses)
    return Judged(control.id, control.title, status, findings, control.beyond, control.outside)
