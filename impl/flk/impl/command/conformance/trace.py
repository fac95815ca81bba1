"""The trace that a server wrote while it was asked, followed through the protocol: one more check, of what it did within."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.conformance import CaseStatus, Report

NAME = "trace"
"""What the check is called, in reports and among known failures."""


class Traced:
    """Traces of a server, from before the checks on. One node's follows `ingest`, those of several nodes `replication`."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._before = [_size(path) for path in paths]
        self._protocol = "ingest" if len(paths) == 1 else "replication"

    def added_to(self, report: "Report") -> "Report":
        """The report with one more result; a note says how much was followed. A trace that did not grow shows nothing."""
        from flk.conformance import CaseResult
        from flk.formal.api.subject import find

        status, detail, note = self._followed()
        comment = f"What the server did, by its trace, is what the protocol {self._protocol} allows."
        result = CaseResult(NAME, comment, tuple(find(self._protocol).requirements), status, detail)
        return msgspec.structs.replace(report, results=(*report.results, result), notes=(*report.notes, *note))

    def _followed(self) -> "tuple[CaseStatus, str, tuple[str, ...]]":
        from flk.conformance import CaseStatus, Verdict
        from flk.formal.api.validating import validate
        from flk.impl.server.trace_reader import encoded, events_of, unseen

        for path, before in zip(self._paths, self._before, strict=True):
            if _size(path) <= before:
                return CaseStatus.NOT_EXERCISED, f"{path}: did not grow while the server was asked", ()
        source = ", ".join(map(str, self._paths))
        try:
            found = validate(self._protocol, encoded(events_of(self._paths, self._protocol)), source=source)
        except UnusableInput as unusable:
            return CaseStatus.NOT_EXERCISED, f"cannot be followed: {unusable}", ()
        notes = (str(found), *filter(None, map(unseen, self._paths)))
        match found.verdict:
            case Verdict.HOLDS:
                return CaseStatus.PASSED, "", notes
            case Verdict.VIOLATED:
                return CaseStatus.FAILED, str(found), notes[1:]
            case _:
                return CaseStatus.NOT_EXERCISED, str(found), notes[1:]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
