"""The runs that the prover shows, read back from their tables."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from flk.formal.theorem import Check, Proof


class Fact(NamedTuple):
    """`name(arguments)`, with a value if it is a function."""

    name: str
    arguments: tuple[str, ...]
    value: str = ""


def steps(check: Check) -> list[Fact]:
    """The actions of a run, in order."""
    assert check.shown is not None
    return [next(facts(action)) for number, action, _ in check.shown.rows if number not in ("", "0")]


def given(check: Check) -> set[Fact]:
    """What the run takes for granted."""
    assert check.shown is not None
    return set(facts(check.shown.rows[0][2]))


def facts(text: str) -> Iterator[Fact]:
    """All that a cell lists."""
    for name, arguments, value in re.findall(r"([a-z_ ]+)(?:\(([^)]*)\))?(?:=(\w+))?", text):
        if name.strip():
            yield Fact(name.strip(), tuple(filter(None, arguments.split(", "))), value)


def harm(proof: Proof, mutant: str) -> Check:
    """The run that convicts a mutant."""
    return next(trial.checks[-1] for trial in proof.mutants if trial.mutant == mutant)
