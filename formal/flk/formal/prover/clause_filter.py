"""Which clauses hold in every state seen: the strongest of them, which imply the rest."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flk.formal.prover.clauses import Language
from flk.formal.prover.samples import Rows

Clause = tuple[int, ...]
"""Literals, in ascending order: see `Language`."""

Bits = NDArray[np.uint64]
WORD = 64

GLANCE = 4096
"""Rows that nearly every clause fails on, tried before all."""


class Filtered(NamedTuple):
    """The clauses that hold in every row though nothing shorter of them does, and how many were tried.

    Of clauses that differ by the names of elements only, one counts.
    """

    tried: int
    clauses: list[Clause]


def strongest(language: Language, rows: Rows) -> Filtered:
    """Try every clause of up to three literals that could be the strongest: first the short ones, then what they do not imply."""
    false, glance = _where_false(rows), _where_false(rows[:: max(1, len(rows) // GLANCE)])
    one: NDArray[np.bool_] = np.logical_not(np.any(false, axis=1))
    two = np.zeros((len(false), len(false)), np.bool_)
    kept: list[Clause] = [(n,) for n in np.flatnonzero(one).tolist()]
    tried = len(false)
    open_ = [n for n in range(len(false)) if not one[n]]
    for a in open_:
        others = np.array([b for b in open_ if b > a and b // 2 != a // 2], np.int64)
        tried += len(others)
        holds = ~(false[others] & false[a]).any(axis=1)
        two[a, others[holds]] = two[others[holds], a] = True
        kept += [(a, b) for b in others[holds].tolist()]
    for a, b, later in _triples(open_, two):
        tried += len(later)
        others = later[~(glance[later] & (glance[a] & glance[b])).any(axis=1)]
        both = false[a] & false[b]
        kept += [(a, b, c) for c in others.tolist() if not (false[c] & both).any()]
    return Filtered(tried // len(language.renamings), [clause for clause in kept if language.is_first(clause)])


def _triples(open_: list[int], two: NDArray[np.bool_]) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Two literals, and the later ones of which no pair holds."""
    literals = np.array(open_, np.int64)
    for a in open_:
        for b in open_:
            if b > a and b // 2 != a // 2 and not two[a, b]:
                later = literals[literals > (b | 1)]
                others = later[~two[a, later] & ~two[b, later]]
                if len(others):
                    yield a, b, others


def _where_false(rows: Rows) -> Bits:
    """For each literal, the rows in which it is false, one to a bit of a word."""
    both = np.stack([~rows, rows], axis=2).reshape(len(rows), -1).T
    whole = np.pad(both, ((0, 0), (0, -len(rows) % WORD)))
    return np.ascontiguousarray(np.packbits(whole, axis=1)).view(np.uint64)
