"""The C engine: a protocol printed as C, compiled once, and searched by several threads."""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from flk.formal.explicit.engines.cprinter import print_c, print_values
from flk.formal.explicit.engines.packed import Expansion, Observation, PackedSearch, Steps, Words, breadth_first
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.states import States
from flk.formal.explicit.engines.vector import Vectorised
from flk.formal.explicit.expression import Expression
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.search import Options
from flk.spec import toolchain
from flk.spec.errors import UnusableInput

FLAGS = ("-std=gnu11", "-fwrapv", "-fPIC", "-shared", "-pthread")
LONG = 300_000
"""Characters of source above which the compiler optimises less: GCC would take minutes, which it seldom wins back."""


def search(ground: Ground, options: Options) -> PackedSearch:
    """Visit every reachable state, layer by layer. Raises UnusableInput if there is no C compiler."""
    program = Program.of(ground, symmetry=options.symmetry)
    return breadth_first(program, Kernel(program, options.threads), options)


def compiled(source: str) -> Path:
    """The shared library made from a file of C, kept from one run to the next. Raises UnusableInput if that fails."""
    found = toolchain.compiler()
    if found is None:
        raise UnusableInput("engine c: no C compiler is found; install gcc or clang, or choose numba or numpy")
    return toolchain.shared_library(source, found, ("-O1" if len(source) > LONG else "-O3", *FLAGS))


@cache
def _library(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.search_begin.restype = ctypes.c_void_p
    library.search_insert.restype = ctypes.c_int64
    library.steps.restype = ctypes.c_size_t
    return library


def values(program: Program, expressions: Sequence[Expression], states: States) -> States:
    """The values of some expressions, a row for each state: what the compiler makes of the printed forms."""
    library = ctypes.CDLL(str(compiled(print_values(program, expressions))))
    states = np.ascontiguousarray(states)
    result = np.empty((len(states), len(expressions)), np.int64)
    library.values(_at(states), ctypes.c_size_t(len(states)), _at(result))
    return result


class Kernel:
    """A program compiled with the C compiler."""

    def __init__(self, program: Program, threads: int = 2) -> None:
        self.program = program
        self.threads = threads
        self.library = _library(compiled(print_c(program)))
        self._plain = Vectorised(program)

    def begin(self, options: Options) -> "Table":
        """An empty memory."""
        return Table(self, options.threads)

    def initial(self, candidates: States) -> States:
        """Those of the candidates that satisfy the assumptions; this once, NumPy is fast enough."""
        return self._plain.initial(candidates)

    def look(self, states: States, goals: Sequence[int]) -> tuple[int, list[Observation]]:
        """The sum of the states' fingerprints modulo 2^64, and an observation for each of some goals."""
        states, words, every = np.ascontiguousarray(states), self.program.words, len(self.program.goals)
        wanted = np.zeros(every + 1, np.uint8)
        wanted[list(goals)] = 1
        total = np.zeros(1, np.uint64)
        found = np.zeros((every + 1, 2 + 2 * words), np.int64)
        if not self.library.look(_at(states), _size(states), _at(wanted), self.threads, _at(total), _at(found)):
            raise MemoryError
        rows = found[list(goals)].tolist()
        return int(total[0]), [
            Observation(tuple(row[2 : 2 + words]) if row[0] else None, tuple(row[2 + words :]) if row[1] else None)
            for row in rows
        ]

    def steps(self, states: States) -> Steps:
        """All steps, before symmetry."""
        rows = max(1, (1 << 21) // (len(self.program.instances) + 1))
        parts = [self._steps(states[first : first + rows], first) for first in range(0, len(states), rows)]
        parts = parts or [self._steps(states, 0)]
        return Steps(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _steps(self, states: States, first: int) -> Steps:
        most = len(states) * len(self.program.instances) + 1
        states = np.ascontiguousarray(states)
        source, instance = np.empty(most, np.int64), np.empty(most, np.uint16)
        after, faults = np.empty((most, self.program.words), np.int64), np.zeros(len(states) + 1, np.uint8)
        count = self.library.steps(_at(states), _size(states), _at(source), _at(instance), _at(after), _at(faults))
        return Steps(
            source[:count] + first,
            instance[:count].astype(np.int64),
            after[:count].copy(),
            faults[: len(states)].astype(np.bool_),
        )

    def deadlocks(self, states: States) -> Observation:
        """Of states in which no instance can happen: the least where that is a deadlock, and where asking is a fault."""
        return self._plain.deadlocks(states)

    def predecessor(self, states: States, goal: Words) -> Words | None:
        """The least of the states that a step leads from to the goal, up to symmetry."""
        states, least = np.ascontiguousarray(states), np.zeros(self.program.words, np.int64)
        found = self.library.predecessor(_at(states), _size(states), _at(np.array(goal, np.int64)), _at(least))
        return tuple(least.tolist()) if found else None

    def canonical(self, states: States) -> States:
        """The least images of some states."""
        images = states.copy()
        self.library.canonical_all(_at(images), _size(images))
        return images


class Table:
    """The states seen, in a table that belongs to C."""

    def __init__(self, kernel: Kernel, threads: int) -> None:
        self._library, self._words = kernel.library, kernel.program.words
        self._instances = len(kernel.program.instances)
        begun = self._library.search_begin(threads)
        if begun is None:
            raise MemoryError
        self._search = ctypes.c_void_p(begun)
        finalize(self, self._library.search_end, self._search)

    def insert(self, states: States) -> States:
        """Canonical forms of some states, of those that are new."""
        return self._insert(states, stepping=False).fresh

    def expand(self, states: States) -> Expansion:
        """All successors that are new; they no longer are."""
        return self._insert(states, stepping=True)

    def _insert(self, states: States, *, stepping: bool) -> Expansion:
        states, outcome = np.ascontiguousarray(states), np.zeros(2 + self._words, np.int64)
        stuck, happened = np.zeros(len(states) + 1, np.uint8), np.zeros(self._instances + 1, np.uint8)
        count = self._library.search_insert(
            self._search, _at(states), _size(states), int(stepping), _at(outcome), _at(stuck), _at(happened)
        )
        if count < 0:
            raise MemoryError
        fresh = np.empty((count, self._words), np.int64)
        self._library.search_take(self._search, _at(fresh))
        transitions, faulty, *fault = outcome.tolist()
        return Expansion(
            fresh,
            transitions,
            tuple(fault) if faulty else None,
            stuck[: len(states)].astype(np.bool_),
            happened[: self._instances].astype(np.bool_),
        )


def _at(array: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _size(states: States) -> ctypes.c_size_t:
    return ctypes.c_size_t(len(states))
