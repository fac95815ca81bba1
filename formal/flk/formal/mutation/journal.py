"""The journal of a run: what each check found of each mutant, so that a run that was cut short goes on where it ended."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec

from flk.formal.mutation.check import Check, Finding
from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.target import Target
from flk.spec.errors import writing


class Row(msgspec.Struct, frozen=True):
    """One line of the journal. `digest` is of all that the finding depends on."""

    target: str
    mutant: str
    check: str
    digest: str
    finding: Finding


class Journal:
    """Findings on file, as JSON lines; without a path, in memory only.

    A finding counts only while the code under test, the mutant and the check's configuration are those it was made with. The last
    line may be cut off, as it is when a machine stops. Raises UnusableInput if the file cannot be written.
    """

    def __init__(self, path: Path | None = None, *, anew: bool = False) -> None:
        self._path = path
        self._findings: dict[tuple[str, str, str, str], Finding] = {}
        if path is None:
            return
        with writing(path, "the journal"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("w" if anew else "a").close()
            for row in _rows(path):
                self._findings[row.target, row.mutant, row.check, row.digest] = row.finding

    def find(self, target: Target, mutant: Mutant, check: Check) -> Finding | None:
        """What the check found of the mutant, if it is on record and still counts."""
        return self._findings.get((target.name, mutant.id, check.name, _digest(target, mutant, check)))

    def add(self, target: Target, mutant: Mutant, check: Check, finding: Finding) -> None:
        """Put a finding on record at once."""
        row = Row(target.name, mutant.id, check.name, _digest(target, mutant, check), finding)
        self._findings[row.target, row.mutant, row.check, row.digest] = finding
        if self._path is not None:
            with writing(self._path, "the journal"), self._path.open("ab") as file:
                file.write(msgspec.json.encode(row) + b"\n")


def _digest(target: Target, mutant: Mutant, check: Check) -> str:
    depends = (target.digest, mutant.source, check.name, check.configuration)
    return blake2b("\0".join(depends).encode(), digest_size=8).hexdigest()


def _rows(path: Path) -> Iterator[Row]:
    for line in path.read_bytes().splitlines():
        try:
            yield msgspec.json.decode(line, type=Row)
        except msgspec.MsgspecError:
            continue  # cut off when a run ended
