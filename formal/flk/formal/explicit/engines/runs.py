"""Sets of states as sorted arrays."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flk.formal.explicit.engines.states import States, fingerprints


class Run(NamedTuple):
    """States, each once, in the order of their keys: the states themselves if they are single words, else their fingerprints.

    Fingerprints may coincide; nothing here relies on their being distinct.
    """

    keys: NDArray[np.int64]
    states: States


def keys_of(states: States) -> NDArray[np.int64]:
    """What runs are ordered by."""
    return states[:, 0] if states.shape[1] == 1 else fingerprints(states).view(np.int64)


def unique(states: States) -> Run:
    """The set of some states."""
    keys = keys_of(states)
    if states.shape[1] == 1:
        keys = np.sort(keys)
        keys = keys[_first(keys[1:] == keys[:-1], len(keys))]
        return Run(keys, keys.reshape(-1, 1))
    order = np.argsort(keys)
    keys, states = keys[order], states[order]
    same_key = keys[1:] == keys[:-1]
    same = _same(states[1:], states[:-1])
    if (same_key & ~same).any():
        order = np.lexsort((*states.T, keys))
        keys, states = keys[order], states[order]
        same = _same(states[1:], states[:-1])
    kept = _first(same, len(keys))
    return Run(keys[kept], states[kept])


def places(states: States, run: Run) -> NDArray[np.int64]:
    """Where in a run each of some states is, -1 for absent. Among equal keys one looks on until the state is found."""
    keys = keys_of(states)
    place = np.searchsorted(run.keys, keys)
    found = np.full(len(place), -1, np.int64)
    looking = np.arange(len(place))
    while len(looking):
        looking = looking[place[looking] < len(run.keys)]
        looking = looking[run.keys[place[looking]] == keys[looking]]
        here = _same(run.states[place[looking]], states[looking])
        found[looking[here]] = place[looking[here]]
        looking = looking[~here]
        place[looking] += 1
    return found


def merged(left: Run, right: Run) -> Run:
    """The union of two disjoint runs."""
    keys = np.concatenate([left.keys, right.keys])
    if left.states.shape[1] == 1:
        keys.sort(kind="stable")
        return Run(keys, keys.reshape(-1, 1))
    order = np.argsort(keys, kind="stable")
    return Run(keys[order], np.concatenate([left.states, right.states])[order])


def _same(left: States, right: States) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (left == right).all(axis=1)
    return same


def _first(repeated: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """All but those that repeat the one before."""
    return np.concatenate([np.ones(min(count, 1), np.bool_), ~repeated])
