"""The kernels in C, called through ctypes. While one runs, other threads of Python do too."""

import ctypes
from ctypes import c_double, c_int64, c_void_p
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flk.sim.vector import columns
from flk.sim.vector.columns import STATE, Floats, Integers
from flk.spec.toolchain import shared_library

FLAGS = ("-O3", "-std=gnu11", "-ffp-contract=off", "-fwrapv", "-fPIC", "-shared")
"""Every operation is rounded by itself, as in Python: no product is contracted with a sum."""

_CONSTANTS = (
    *("ARRIVED", "SENT", "SERVICE", "ANSWER", "NAME", "COLUMNS"),
    *("DONE_NAME", "DONE_SENT", "DONE_LOGGED", "DONE_CLAIMED", "DONE_OVER"),
    *("BINS", "OCTAVE_BITS", "LEAST_BITS", "WAITING", "STARVED", "BEGUN"),
)


class Native:
    """The functions of `kernels.Kernels`."""

    def __init__(self, compiler: str) -> None:
        """Raises UnusableInput if the compiler fails."""
        self._library = library = ctypes.CDLL(str(shared_library(source(), compiler, FLAGS)))
        at, size, number = c_void_p, c_int64, c_double
        library.exponentials.argtypes = (at, size)
        library.interpolate.argtypes = (at, size, at, at, size)
        library.deal.argtypes = (*[at] * 6, size, number, at, size, at, at, size, size, at, at, size, at)
        library.gather.argtypes = (at, size, at, size, at, size)
        library.advance.argtypes = (
            *(at, number, number, at, size, at, size, at, at, number),
            *(at, size, at, at, at, at, size),
        )
        for function in (library.exponentials, library.interpolate, library.deal, library.gather):
            function.restype = None
        library.advance.restype = c_int64

    def exponentials(self, drawn: Floats) -> None:
        """As `jitted.exponentials`."""
        self._library.exponentials(_at(drawn), drawn.size)

    def interpolate(self, moments: Floats, known: Floats, values: Floats) -> None:
        """As `jitted.interpolate`."""
        self._library.interpolate(_at(moments), moments.size, _at(known), _at(values), known.size)

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
        """As `jitted.deal`."""
        self._library.deal(
            *map(_at, (at, agent, request, service, answer, kept)),
            at.size,
            name,
            _at(homes),
            homes.size,
            _at(turns),
            _at(delays),
            *delays.shape,
            _at(jitters),
            _at(rows),
            rows.shape[2],
            _at(sizes),
        )

    def gather(self, order: Integers, source: Floats, target: Floats) -> None:
        """As `jitted.gather`."""
        self._library.gather(_at(order), order.size, _at(source), source.shape[1], _at(target), target.shape[1])

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
        """As `jitted.advance`."""
        found: int = self._library.advance(
            _at(states),
            until,
            end,
            _at(rows),
            rows.shape[1],
            _at(synchronisations),
            synchronisations.size,
            _at(turns),
            _at(delays),
            jitter,
            _at(claims),
            claims.size,
            _at(latencies),
            _at(answers),
            _at(claimed),
            _at(done),
            done.shape[1],
        )
        return found


def source() -> str:
    """The whole file of C: what `columns` says, and the functions."""
    kinds = {"i": "int64_t", "f": "double"}
    members = "".join(f"    {kinds[STATE[name].kind]} {name};\n" for name in STATE.names or ())
    constants = "".join(f"#define {name} INT64_C({getattr(columns, name)})\n" for name in _CONSTANTS)
    least = f"#define LEAST {columns.LEAST.hex()}\n"
    functions = files("flk.sim.vector").joinpath("kernels.c").read_text("utf-8")
    return f"#include <math.h>\n#include <stdint.h>\n\n{constants}{least}\ntypedef struct {{\n{members}}} State;\n\n{functions}"


def _at(array: "np.ndarray[Any, Any]") -> int:
    """Where an array is; its rows must follow one another."""
    assert array.flags.c_contiguous
    return array.ctypes.data
