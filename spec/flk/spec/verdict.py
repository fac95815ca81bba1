"""The one three-valued verdict of the lab, and the one mapping from verdicts to exit codes."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What a check, a run, an exploration or a set of proofs came to.

    UNDECIDED is never a pass: a run that ended too early, a search that was cut short or a solver that gave up has shown nothing.

    >>> Verdict.HOLDS.exit_code, Verdict.VIOLATED.exit_code, Verdict.UNDECIDED.exit_code
    (0, 1, 2)
    """

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"

    @property
    def exit_code(self) -> int:
        """What every `flk` command exits with: 0 holds, 1 violated, 2 undecided (as for input that cannot be used)."""
        return _EXIT_CODES[self]

    @property
    def sign(self) -> str:
        """One character, for terminals and pages."""
        return _SIGNS[self]

    @property
    def style(self) -> str:
        """How `rich` writes it."""
        return _STYLES[self]


_EXIT_CODES = {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.UNDECIDED: 2}
_SIGNS = {Verdict.HOLDS: "✓", Verdict.VIOLATED: "✗", Verdict.UNDECIDED: "?"}
_STYLES = {Verdict.HOLDS: "green", Verdict.VIOLATED: "bold red", Verdict.UNDECIDED: "yellow"}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """VIOLATED if any is, else UNDECIDED if any is, else HOLDS.

    >>> worst([Verdict.HOLDS, Verdict.UNDECIDED])
    <Verdict.UNDECIDED: 'undecided'>
    """
    return max(verdicts, key=_SEVERITY.index, default=Verdict.HOLDS)


_SEVERITY = (Verdict.HOLDS, Verdict.UNDECIDED, Verdict.VIOLATED)
