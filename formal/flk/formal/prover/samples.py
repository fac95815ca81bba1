"""States to try guesses on: the first that exploring reaches, and those of random runs, as rows of truths of literals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.states import States, packed
from flk.formal.explicit.engines.vector import Function, columns, function
from flk.formal.explicit.engines.vectorised import Kernel, search
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema, State
from flk.formal.explicit.search import Options
from flk.formal.prover.clauses import Language

FIRST, RUNS, LENGTH = 1500, 100, 30
"""How many states are taken of an exploration at each size, and how many random runs of how many steps are made there."""

Rows = NDArray[np.bool_]
"""A row for each state and each choice of elements, a column for each atom."""


@dataclass(frozen=True)
class Sampler:
    """Reads the atoms of a language in the states of one size."""

    language: Language
    program: Program

    @classmethod
    def of(cls, language: Language, sizes: Mapping[str, int]) -> "Sampler":
        """At chosen sizes."""
        return cls(language, Program.of(Ground(Schema.of(language.protocol, sizes)), symmetry=False))

    def reachable(self, seed: int = 0) -> Rows:
        """The rows of reachable states: the first of a breadth-first search, and those of random runs."""
        found = search(self.program.ground, Options(max_states=FIRST))
        layers = [found.ordered(depth)[:FIRST] for depth in range(len(found.layers))]
        return self.rows(np.concatenate([*layers, *self._runs(layers[0], np.random.default_rng(seed))]))

    def of_states(self, states: Sequence[State]) -> Rows:
        """The rows of some states."""
        return self.rows(packed(self.program.layout, states))

    def rows(self, states: States) -> Rows:
        """The rows of some packed states, each once."""
        words, blocks = columns(states), []
        for read in self._readers:
            truths = (np.asarray(value, np.bool_) for value in read(*words))
            blocks.append(once(np.array([np.broadcast_to(t, len(states)) for t in truths]).T))
        return once(np.concatenate(blocks))

    @cached_property
    def _readers(self) -> list[Function]:
        """For each choice of elements, what reads the atoms."""
        ground, locals_ = self.program.ground, [x for group in self.language.locals.values() for x in group]
        names = [local.name for local in locals_]
        choices = product(*(ground.schema.values(local.sort) for local in locals_))
        envs = (dict(zip(names, values, strict=True)) for values in choices)
        return [
            function(self.program, [ground.translate(atom, env).value for atom in self.language.atoms]) for env in envs
        ]

    def _runs(self, begin: States, random: np.random.Generator) -> list[States]:
        """The states after each step of many random runs at once."""
        kernel, taken = Kernel(self.program), []
        states = begin[random.integers(len(begin), size=RUNS)]
        for _ in range(LENGTH):
            steps = kernel.steps(states)
            if not len(steps.source):
                break
            chosen = random.permutation(len(steps.source))
            _, first = np.unique(steps.source[chosen], return_index=True)
            states = steps.after[chosen[first]]
            taken.append(states)
        return taken


def once(rows: Rows) -> Rows:
    """The distinct rows."""
    packed_rows = np.ascontiguousarray(np.packbits(rows, axis=1))
    view = packed_rows.view(np.dtype((np.void, packed_rows.shape[1]))).ravel()
    _, first = np.unique(view, return_index=True)
    kept: Rows = rows[first]
    return kept
