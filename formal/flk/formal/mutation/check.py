"""A check: what may tell a mutant from the original, and what it says."""

from enum import StrEnum
from typing import Protocol

import msgspec

from flk.formal.mutation.mutant import Mutant


class Outcome(StrEnum):
    """What one check says of one mutant: SURVIVED is a pass, SKIPPED that the check has nothing to say of it, or could not."""

    KILLED = "killed"
    SURVIVED = "survived"
    SKIPPED = "skipped"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a check found of a mutant.

    `said` is one sentence: what killed it and how many seeds or states that took, what was looked at in vain, or why it was
    skipped. `hits` are the names of the properties, invariants or tests that the mutant violates, all that the check saw. `effort`
    is how many seeds it took to the first sighting, where the check counts them. `alike`: the check found no difference at all
    between the mutant and the original, such as the same states and steps, or the same digests under many seeds: it may be
    equivalent. `seconds` are of the processor, children included; a check gives those that it took before, if any.
    """

    outcome: Outcome
    said: str = ""
    hits: tuple[str, ...] = ()
    effort: int | None = None
    alike: bool = False
    seconds: float = 0.0


def killed(said: str, hits: tuple[str, ...] = (), effort: int | None = None) -> Finding:
    """The check tells the mutant from the original."""
    return Finding(Outcome.KILLED, said, hits, effort)


def survived(said: str = "", *, alike: bool = False) -> Finding:
    """The check passes."""
    return Finding(Outcome.SURVIVED, said, alike=alike)


def skipped(said: str) -> Finding:
    """The check says nothing of this mutant."""
    return Finding(Outcome.SKIPPED, said)


class Check(Protocol):
    """Something that the lab has to find faults with.

    It is called in a process of its own, forked for the mutant, in which it may import and change what it likes. The original must
    survive it. Where a mutant makes the check raise, die, or take far longer than the original takes, that kills the mutant; so a
    check only has to put into words what it expects to see. `configuration` is all that its answer depends on besides the code:
    seeds, sizes, budgets. Verdicts under another configuration are not reused.
    """

    @property
    def name(self) -> str:
        """In kebab case: `exploration`, `unit-properties`, `hunting`."""

    @property
    def configuration(self) -> str:
        """Seeds, sizes, budgets."""

    def __call__(self, mutant: Mutant) -> Finding:
        """Try the mutant."""
