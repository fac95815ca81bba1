"""Many packed states in one array: a row for each, of signed 64-bit words that are never negative."""

from collections.abc import Sequence
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from flk.formal.explicit.layout import Layout
from flk.formal.explicit.schema import State

States: TypeAlias = NDArray[np.int64]
"""Of shape (states, words)."""


class Unpacked(Sequence[State]):
    """A layer as a sequence of tuples, each unpacked when it is asked for."""

    def __init__(self, layout: Layout, states: States) -> None:
        self._layout = layout
        self._states = states

    def __len__(self) -> int:
        return len(self._states)

    @overload
    def __getitem__(self, at: int) -> State: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[State]: ...
    def __getitem__(self, at: int | slice) -> State | Sequence[State]:
        if isinstance(at, slice):
            return Unpacked(self._layout, self._states[at])
        return self._layout.unpack(self._states[at].tolist())


def packed(layout: Layout, states: Sequence[State]) -> States:
    """The array of some states."""
    return np.array([layout.pack(state) for state in states], np.int64).reshape(len(states), layout.words)


def codes(layout: Layout, states: States) -> NDArray[np.int64]:
    """A row for each cell, a column for each state."""
    rows = [states[:, field.word] >> field.shift & ((1 << field.bits) - 1) for field in layout.fields]
    return np.array(rows, np.int64).reshape(len(layout.fields), len(states))


def ascending(states: States) -> States:
    """The states in order."""
    if states.shape[1] == 1:
        return np.sort(states, axis=0)
    return states[np.lexsort(states.T[::-1])]


def least(states: States) -> tuple[int, ...]:
    """The words of the least of some states. Raises ValueError if there is none."""
    for word in range(states.shape[1]):
        states = states[states[:, word] == states[:, word].min()]
    return tuple(states[0].tolist())


def fingerprints(states: States) -> NDArray[np.uint64]:
    """As `explicit.layout.fingerprint`, for many at once."""
    mixed = np.zeros(len(states), np.uint64)
    for word in states.view(np.uint64).T:
        mixed = _mix((mixed ^ word) + np.uint64(0x9E3779B97F4A7C15))
    return mixed


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
