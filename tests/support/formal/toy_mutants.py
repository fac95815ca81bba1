"""Mutants that are numbers in disguise, and checks that know what becomes of each: for tests of the bookkeeping."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from flk.formal.mutation.check import Finding, killed, survived
from flk.formal.mutation.mutant import Mutant, numbered, unmutated
from flk.formal.mutation.target import Target

ORIGINAL = unmutated("toy", "toy.py", "answer = 42\n")


@dataclass(frozen=True)
class Judge:
    """A check that does of each mutant what its text says; `log` has a line for each call."""

    name: str
    words: Sequence[str]
    log: Path
    configuration: str = "once"

    def __call__(self, mutant: Mutant) -> Finding:
        with self.log.open("a") as file:
            file.write(f"{self.name} {mutant.after}\n")
        if mutant.after not in self.words:
            return survived("nothing seen", alike=mutant.after == "equivalent")
        match mutant.after:
            case "hang":
                while True:
                    pass
            case "wait":
                sleep(3600)
            case "die":
                os.abort()
            case "leave":
                os._exit(3)
            case "raise":
                raise ZeroDivisionError("by nothing")
            case "devour":
                bytearray(1 << 45)
        return killed(f"sees {mutant.after}", ("claim",), effort=7)

    @property
    def calls(self) -> list[str]:
        """What was tried, in order."""
        return self.log.read_text().splitlines() if self.log.exists() else []


def mutants(*words: str) -> list[Mutant]:
    """A mutant for each word."""
    made = [
        Mutant("toy", "toy.py", "f", "say", n, "42", w, f"answer = {w!r}\n", ORIGINAL.source)
        for n, w in enumerate(words)
    ]
    return list(numbered(made))


def target(words: Sequence[str], *checks: Judge, digest: str = "1") -> Target:
    """A target that has these mutants."""
    made = mutants(*words)
    return Target("toy", "tests", "toys", lambda: made, checks, ORIGINAL, digest, ("claim", "vacuous claim"))
