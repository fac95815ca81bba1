"""The Numba engine: a protocol printed as Python, compiled to machine code without a C compiler, and kept for the next run."""

import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_loader
from tempfile import NamedTemporaryFile
from types import ModuleType

import numpy as np

from flk.formal.explicit.engines.numbaprinter import print_module, print_values
from flk.formal.explicit.engines.packed import Expansion, PackedSearch, Steps, breadth_first
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.states import States
from flk.formal.explicit.engines.vector import Vectorised
from flk.formal.explicit.expression import Expression
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.search import Options
from flk.spec.errors import UnusableInput
from flk.spec.toolchain import directory, key

BATCH = 256
"""As in `search.numba`."""

ROOM = 1 << 20
"""New states given back at once at most."""


def search(ground: Ground, options: Options) -> PackedSearch:
    """Visit every reachable state, layer by layer. Raises UnusableInput if Numba is not installed."""
    program = Program.of(ground, symmetry=options.symmetry)
    return breadth_first(program, Kernel(program), options)


def available() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None


def compiled(text: str) -> ModuleType:
    """The module of a text, in whose place Numba also keeps the machine code. Raises UnusableInput if Numba is not installed."""
    if not available():
        raise UnusableInput("engine numba: Numba is not installed; pip install numba, or choose numpy")
    return _imported(text)


@cache
def _imported(text: str) -> ModuleType:
    path = directory() / f"explorer_{key([text])}.py"
    if not path.exists():
        with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as made:
            made.write(text)
        os.replace(made.name, path)  # noqa: PTH105 (as it says: others may write the same)
    loader = SourceFileLoader(path.stem, str(path))
    spec = spec_from_loader(path.stem, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[path.stem] = module  # Numba looks there when it loads what it kept
    loader.exec_module(module)
    return module


def values(program: Program, expressions: Sequence[Expression], states: States) -> States:
    """The values of some expressions, a row for each state: what Numba makes of the printed forms."""
    result = np.empty((len(states), len(expressions)), np.int64)
    compiled(print_values(program, expressions)).values(_flat(states), _flat(result))
    return result


class Kernel(Vectorised):
    """A program compiled by Numba; what is done once a state, rather than once a step, is left to NumPy."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.module = compiled(print_module(program))

    def begin(self, options: Options) -> "Table":  # noqa: ARG002 (there is but one thread)
        """An empty memory."""
        return Table(self)

    def steps(self, states: States) -> Steps:
        """All steps, before symmetry."""
        rows = max(1, (1 << 21) // (len(self.program.instances) + 1))
        parts = [self._steps(states[first : first + rows], first) for first in range(0, len(states), rows)]
        parts = parts or [self._steps(states, 0)]
        return Steps(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _steps(self, states: States, first: int) -> Steps:
        most = len(states) * len(self.program.instances) + 1
        source, instance = np.empty(most, np.int64), np.empty(most, np.uint16)
        after, faults = np.empty((most, self.program.words), np.int64), np.zeros(len(states), np.bool_)
        count = self.module.all_steps(_flat(states), source, instance, _flat(after), faults)
        return Steps(source[:count] + first, instance[:count].astype(np.int64), after[:count].copy(), faults)

    def canonical(self, states: States) -> States:
        """The least images of some states."""
        images = states.copy(order="C")
        if self.program.symmetry.sorts:
            self.module.all_canonical(_flat(images))
        return images


class Table:
    """The states seen, in a table that grows when five eighths of it are taken."""

    def __init__(self, kernel: Kernel) -> None:
        self._module, self._words = kernel.module, kernel.program.words
        self._instances = len(kernel.program.instances)
        self._reserve = BATCH + 2 * len(kernel.program.instances) + 2
        self._bits = max(16, (4 * self._reserve).bit_length())
        self._slots = np.zeros(self._words << self._bits, np.int64)
        self._used = 0

    def insert(self, states: States) -> States:
        """Canonical forms of some states, of those that are new."""
        return self._advance(states, stepping=False).fresh

    def expand(self, states: States) -> Expansion:
        """All successors that are new; they no longer are."""
        return self._advance(states, stepping=True)

    def _advance(self, states: States, *, stepping: bool) -> Expansion:
        totals, least = np.zeros(3, np.int64), np.zeros(self._words, np.int64)
        stuck, happened = np.zeros(len(states), np.bool_), np.zeros(self._instances + 1, np.bool_)
        parts, at = [], 0
        while at < len(states):
            if self._room < self._reserve:
                self._grow()
            room = min(ROOM, self._room)
            fresh = np.empty(room * self._words, np.int64)
            shift = 64 - self._bits
            at = self._module.advance(
                _flat(states), at, self._slots, shift, room, stepping, fresh, totals, least, stuck, happened
            )
            parts.append(fresh[: totals[0] * self._words].reshape(-1, self._words).copy())
            self._used += int(totals[0])
        fault = tuple(least.tolist()) if totals[2] else None
        return Expansion(np.concatenate([states[:0], *parts]), int(totals[1]), fault, stuck, happened[:-1])

    @property
    def _room(self) -> int:
        """How many states may be inserted before the table grows."""
        return (1 << self._bits) // 8 * 5 - self._used

    def _grow(self) -> None:
        """Small tables grow fourfold, large ones, for the sake of memory, twofold."""
        self._bits += 2 if self._bits < 22 else 1
        larger = np.zeros(self._words << self._bits, np.int64)
        self._module.grow(self._slots, larger, 64 - self._bits)
        self._slots = larger


def _flat(states: States) -> States:
    """The words of all states in a row, which the states share if they are so stored."""
    return np.ascontiguousarray(states).reshape(-1)
