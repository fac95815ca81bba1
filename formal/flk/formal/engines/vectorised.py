"""The NumPy engine: whole layers as arrays, and what was seen as sorted runs. It needs neither Numba nor a compiler."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from flk.formal.engines.packed import Expansion, PackedSearch, breadth_first
from flk.formal.engines.program import Program
from flk.formal.engines.states import States, fingerprints, least
from flk.formal.engines.vector import Vectorised
from flk.formal.finite.ground import Ground
from flk.formal.finite.search import Options

Keys: TypeAlias = NDArray[np.int64]

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
        self._runs: list[tuple[NDArray[np.int64], States]] = []

    def insert(self, states: States) -> States:
        """Canonical forms of some states, of those that are new."""
        return self._new(self._kernel.canonical(states))

    def expand(self, states: States) -> Expansion:
        """All successors that are new; they no longer are."""
        parts, faults, transitions = [states[:0]], [], 0
        for first in range(0, len(states), ROWS):
            part = states[first : first + ROWS]
            steps = self._kernel.steps(part)
            transitions += len(steps.source)
            faults += [least(part[steps.faults])] if steps.faults.any() else []
            parts.append(_unique(self._kernel.canonical(steps.after))[1])
        return Expansion(self._new(np.concatenate(parts)), transitions, min(faults, default=None))

    def _new(self, states: States) -> States:
        keys, states = _unique(states)
        for run, kept in self._runs:
            fresh = ~_within(keys, states, run, kept)
            keys, states = keys[fresh], states[fresh]
        self._runs.append((keys, states))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(self._runs[-1][0]):
            self._runs[-2:] = [_merged(self._runs[-2], self._runs[-1])]
        return states


def _keys(states: States) -> Keys:
    """What runs are sorted by: the states themselves if they are single words, else their fingerprints, which may coincide."""
    return states[:, 0] if states.shape[1] == 1 else fingerprints(states).view(np.int64)


def _unique(states: States) -> tuple[Keys, States]:
    """Keys and states in order of the keys, each state once."""
    keys = _keys(states)
    if states.shape[1] == 1:
        keys = np.unique(keys)
        return keys, keys.reshape(-1, 1)
    order = np.argsort(keys)
    keys, states = keys[order], states[order]
    same_key = keys[1:] == keys[:-1]
    same = same_key & (states[1:] == states[:-1]).all(axis=1)
    if (same_key & ~same).any():
        order = np.lexsort((*states.T, keys))
        keys, states = keys[order], states[order]
        same = (states[1:] == states[:-1]).all(axis=1)
    kept = np.concatenate([np.ones(min(len(keys), 1), np.bool_), ~same])
    return keys[kept], states[kept]


def _within(keys: Keys, states: States, run: Keys, kept: States) -> NDArray[np.bool_]:
    """Which of the states a run has. Among equal keys one looks on until the state is found or the key changes."""
    place = np.searchsorted(run, keys)
    found = np.zeros(len(keys), np.bool_)
    looking = np.arange(len(keys))
    while len(looking):
        looking = looking[place[looking] < len(run)]
        looking = looking[run[place[looking]] == keys[looking]]
        here = (kept[place[looking]] == states[looking]).all(axis=1)
        found[looking[here]] = True
        looking = looking[~here]
        place[looking] += 1
    return found


def _merged(left: tuple[Keys, States], right: tuple[Keys, States]) -> tuple[Keys, States]:
    keys = np.concatenate([left[0], right[0]])
    if left[1].shape[1] == 1:
        keys.sort(kind="stable")
        return keys, keys.reshape(-1, 1)
    order = np.argsort(keys, kind="stable")
    return keys[order], np.concatenate([left[1], right[1]])[order]
