"""The ledger: mutants that live although nothing is wrong with the checks, each with the reason.

TOML, one table for each:

    [[mutant]]
    id = "3f1a90c2d4"
    module = "flk.formal.library.protocols.replication"
    function = "upload"
    operator = "drop-guard"
    before = "~shipped[r, g]"
    after = ""
    checked = "states"
    reason = "What is uploaded again is there already: the step changes nothing."
"""

import tomllib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from flk.formal.mutation.mutant import Mutant
from flk.spec.errors import UnusableInput


class Checked(StrEnum):
    """How it was checked that a mutant is equivalent.

    STATES: the same reachable states and steps, at several sizes. DIGESTS: the same digests of runs, under many seeds. Both are
    looked at anew whenever the mutant is tried. PROOF: a proof that the reason names. REASONING: by the reason alone.
    """

    STATES = "states"
    DIGESTS = "digests"
    PROOF = "proof"
    REASONING = "reasoning"

    @property
    def by_machine(self) -> bool:
        """Whether each run looks at it anew."""
        return self in {Checked.STATES, Checked.DIGESTS}


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a mutant may live."""

    id: str
    module: str
    function: str
    operator: str
    before: str
    after: str
    checked: Checked
    reason: str


class Ledger(msgspec.Struct, frozen=True):
    """Entries by the ids of their mutants."""

    entries: dict[str, Entry] = {}

    def get(self, mutant: Mutant) -> Entry | None:
        """The entry of a mutant, if there is one."""
        return self.entries.get(mutant.id)


def read(files: Iterable[Path]) -> Ledger:
    """The ledger in these files. Raises UnusableInput, with the file and the fix, for what is not an entry with a reason."""
    entries: dict[str, Entry] = {}
    for file in files:
        for entry in _entries(file):
            if not entry.reason.strip():
                raise UnusableInput(
                    f"{file}: the mutant {entry.id} has no reason; say in a sentence why nothing can tell it from the original, "
                    "or write a check that can"
                )
            if entry.id in entries:
                raise UnusableInput(f"{file}: the mutant {entry.id} has two entries; keep one")
            entries[entry.id] = entry
    return Ledger(entries)


def _entries(file: Path) -> Sequence[Entry]:
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
        return msgspec.convert(tables.get("mutant", []), tuple[Entry, ...])
    except OSError as error:
        raise UnusableInput(f"{file}: cannot be read: {error.strerror}; name a ledger that exists") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UnusableInput(f"{file}: {error}; write [[mutant]] tables as `flk mutate --draft` does") from None


def draft(mutants: Iterable[tuple[Mutant, bool]], machine: Checked = Checked.STATES) -> str:
    """Entries for living mutants, with empty reasons for a person to fill; the truth beside each: no check saw a difference."""
    return "\n".join(_drafted(mutant, machine if alike else Checked.REASONING) for mutant, alike in mutants)


def _drafted(mutant: Mutant, checked: Checked) -> str:
    fields = {
        "id": mutant.id,
        "module": mutant.module,
        "function": mutant.function,
        "operator": mutant.operator,
        "before": mutant.before,
        "after": mutant.after,
        "checked": str(checked),
        "reason": "",
    }
    lines = [f"{name} = {msgspec.json.encode(text).decode()}" for name, text in fields.items()]
    return "\n".join(["[[mutant]]", *lines, ""])
