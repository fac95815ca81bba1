"""`flk bench explore --validate`: every backend against the interpreter, in random states of every protocol of the lab."""

from collections.abc import Callable

from flk.formal.explicit.engines import emitted, jitted, toolchain, vectorised
from flk.formal.explicit.engines.packed import Kernel
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.validation import Validation
from flk.formal.explicit.engines.validation import validate as compare
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.library.catalogue import PROTOCOLS

STATES = 100
"""Compared at once."""


def validate(comparisons: int, seed: int, on_progress: Callable[[str], None] = lambda _: None) -> Validation:
    """At least that many comparisons, spread over the protocols at their default sizes; fewer only if one differs."""
    done = 0
    for number, (name, protocol) in enumerate(PROTOCOLS.items()):
        program = Program.of(Ground(Schema.of(protocol)), symmetry=False)
        on_progress(f"{name}: compiling")
        kernels = _kernels(program)
        goal = comparisons * (number + 1) / len(PROTOCOLS)
        while done < goal:
            seed += 1
            result = compare(program, kernels, STATES, seed)
            done += result.comparisons
            if result.mismatch:
                return Validation(done, f"{name}: {result.mismatch}")
            on_progress(f"{name}: {done:,} of {comparisons:,} comparisons")
    return Validation(done)


def _kernels(program: Program) -> dict[str, Kernel]:
    """Those that can be had here."""
    kernels: dict[str, Kernel] = {"numpy": vectorised.Kernel(program)}
    if jitted.available():
        kernels["numba"] = jitted.Kernel(program)
    if toolchain.compiler():
        kernels["c"] = emitted.Kernel(program)
    return kernels
