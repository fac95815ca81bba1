"""The journal of a run: what each check found of each mutant, so that a run that was cut short goes on where it ended."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

import msgspec

from flk.formal.mutation.check import Check, Finding
from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.target import Target
from flk.spec.errors import writing

_Key: TypeAlias = tuple[str, str, str, str]


class Row(msgspec.Struct, frozen=True):
    """One line of the journal. `digest` is of all that the finding depends on; `target` is empty where all have it in common."""

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
        self._findings: dict[_Key, Finding] = {}
        if path is None:
            return
        with writing(path, "the journal"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("w" if anew else "a").close()
            for row in _rows(path):
                self._findings[row.target, row.mutant, row.check, row.digest] = row.finding

    def find(self, target: Target, mutant: Mutant, check: Check) -> Finding | None:
        """What the check found of the mutant, if it is on record and still counts."""
        return self._findings.get(_key(target, mutant, check))

    def add(self, target: Target, mutant: Mutant, check: Check, finding: Finding) -> None:
        """Put a finding on record at once."""
        key = _key(target, mutant, check)
        self._findings[key] = finding
        if self._path is not None:
            with writing(self._path, "the journal"), self._path.open("ab") as file:
                file.write(msgspec.json.encode(Row(*key, finding)) + b"\n")


def _key(target: Target, mutant: Mutant, check: Check) -> _Key:
    common = mutant == target.original and check.name in target.common
    name, source = ("", "") if common else (target.name, mutant.source)
    depends = (target.digest, source, check.name, check.configuration)
    return name, mutant.id, check.name, blake2b("\0".join(depends).encode(), digest_size=8).hexdigest()


def _rows(path: Path) -> Iterator[Row]:
    for line in path.read_bytes().splitlines():
        try:
            yield msgspec.json.decode(line, type=Row)
        except msgspec.MsgspecError:
            continue  # cut off when a run ended
