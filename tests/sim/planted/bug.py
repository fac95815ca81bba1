"""What a planted bug is."""

from typing import NamedTuple

from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import Programs


class Bug(NamedTuple):
    """Programs that differ from the model's in the one place that the story tells.

    `breaks` is the requirement that rules it out; `caught_by` are the invariants that may show it.
    """

    programs: Programs
    story: str
    breaks: str
    caught_by: frozenset[Invariant]


def bug(programs: Programs, story: str, breaks: str, *caught_by: Invariant) -> Bug:
    """A bug."""
    return Bug(programs, story, breaks, frozenset(caught_by))
