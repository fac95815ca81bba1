"""What the original does in each run that mutants are tried in: its digest, whether it holds, and the lines that it reaches."""

from collections.abc import Iterable, Sequence

import msgspec

from flk.formal.mutation.mutant import Mutant
from flk.sim.mutation.reach import statement_lines


class Part(msgspec.Struct, frozen=True):
    """A run of the original: its seed, its digest, whether the protocols accept its trace, and the lines it reaches, by module."""

    seed: str
    digest: str
    accepted: bool
    lines: dict[str, frozenset[int]]


class Baseline(msgspec.Struct, frozen=True):
    """The runs of the original. `always` are the lines that setting up reaches, which every run depends on."""

    parts: tuple[Part, ...]
    always: dict[str, frozenset[int]]

    def concerning(self, mutant: Mutant) -> tuple[Part, ...]:
        """The runs that reach the mutated statement: all, where importing or setting up does."""
        lines = statement_lines(mutant.original, mutant.line)
        if lines is None or not self.always.get(mutant.module, frozenset()).isdisjoint(lines):
            return self.parts
        return tuple(
            part
            for part in self.parts
            if mutant.module not in part.lines or not part.lines[mutant.module].isdisjoint(lines)
        )

    @property
    def digests(self) -> dict[str, str]:
        """By seed."""
        return {part.seed: part.digest for part in self.parts}


def evenly(parts: Sequence[Part], number: int) -> Iterable[Part]:
    """At most so many, from the first to the last."""
    return parts[:: max(1, -(-len(parts) // number))]
