"""What happens to requests between two control events, compiled.

The requests of one region are columns of an array, in the order in which they reach its node. `advance` takes them through the
group commit of the log and the line before the store; both are recursions over them, each request after the one before:

    a synchronisation begins when the last is over and a frame waits, and covers what has arrived by then
    claimed = max(logged, claimed before) + service                (Lindley 1952)

It is there twice, equal to the last bit: in C, and for Numba, which takes more memory than everything else together.
"""

from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flk.sim.vector.columns import Floats, Integers
from flk.spec.toolchain import compiler


class Kernels(Protocol):
    """The functions that are compiled; `jitted.py` says what each does. All arrays are contiguous."""

    def exponentials(self, drawn: Floats) -> None:
        """Make exponential numbers in place."""

    def interpolate(self, moments: Floats, known: Floats, values: Floats) -> None:
        """Interpolate in place."""

    def deal(
        self,
        at: Floats,
        agent: Floats,
        request: Floats,
        service: Floats,
        answer: Floats,
        kept: NDArray[np.bool_],
        name: float,
        homes: Integers,
        turns: Floats,
        delays: Floats,
        jitters: Floats,
        rows: Floats,
        sizes: Integers,
    ) -> None:
        """Deal arrivals to the regions."""

    def gather(self, order: Integers, source: Floats, target: Floats) -> None:
        """Put columns into another order."""

    def advance(
        self,
        states: NDArray[np.void],
        until: float,
        end: float,
        rows: Floats,
        synchronisations: Floats,
        turns: Floats,
        delays: Floats,
        jitter: float,
        claims: Floats,
        latencies: Integers,
        answers: Integers,
        claimed: Integers,
        done: Floats,
    ) -> int:
        """Advance the requests of a region to a moment."""


@cache
def chosen() -> Kernels:
    """Those in C if there is a compiler, else Numba's. Raises UnusableInput if the compiler fails."""
    found = compiler()
    if found is None:
        from flk.sim.vector import jitted

        return jitted
    from flk.sim.vector.native import Native

    return Native(found)
