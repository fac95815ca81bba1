"""The NumPy engine: whole layers as arrays, and what was seen as sorted runs. It needs neither Numba nor a compiler."""

import numpy as np

from flk.formal.explicit.engines.packed import Expansion, PackedSearch, breadth_first
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.runs import Run, merged, places, unique
from flk.formal.explicit.engines.states import States, least
from flk.formal.explicit.engines.vector import Vectorised
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.search import Options

ROWS = 1 << 14
"""States stepped at once, so that what is computed of them stays in the processor's cache."""


def search(ground: Ground, options: Options) -> PackedSearch:
    """Visit every reachable state, layer by layer."""
    program = Program.of(ground, symmetry=options.symmetry)
    return breadth_first(program, Kernel(program), options)


class Kernel(Vectorised):
    """Steps in NumPy, and sorted runs."""

    def begin(self, options: Options) -> "Runs":  # noqa: ARG002 (there is but one thread)
        """An empty memory."""
        return Runs(self)


class Runs:
    """The states seen, in runs that are sorted by a key and merged when they come to be of similar length."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._runs: list[Run] = []

    def insert(self, states: States) -> States:
        """Canonical forms of some states, of those that are new."""
        return self._new(self._kernel.canonical(states))

    def expand(self, states: States) -> Expansion:
        """All successors that are new; they no longer are."""
        parts, faults, transitions = [states[:0]], [], 0
        stuck = np.ones(len(states), np.bool_)
        happened = np.zeros(len(self._kernel.program.instances), np.bool_)
        for first in range(0, len(states), ROWS):
            part = states[first : first + ROWS]
            steps = self._kernel.steps(part)
            transitions += len(steps.source)
            stuck[first + steps.source] = False
            happened[steps.instance] = True
            faults += [least(part[steps.faults])] if steps.faults.any() else []
            parts.append(unique(self._kernel.canonical(steps.after)).states)
        return Expansion(self._new(np.concatenate(parts)), transitions, min(faults, default=None), stuck, happened)

    def _new(self, states: States) -> States:
        new = unique(states)
        for run in self._runs:
            fresh = places(new.states, run) < 0
            new = Run(new.keys[fresh], new.states[fresh])
        self._runs.append(new)
        while len(self._runs) > 1 and len(self._runs[-2].keys) < 2 * len(self._runs[-1].keys):
            self._runs[-2:] = [merged(self._runs[-2], self._runs[-1])]
        return new.states
