"""`flk bench explore --validate`: every backend against the interpreter in random states of every protocol, and the prover against
the explorer on random protocols.
"""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings

from flk.formal.explicit.engines import emitted, jitted, vectorised
from flk.formal.explicit.engines.packed import Kernel
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.validation import Validation
from flk.formal.explicit.engines.validation import validate as compare
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.fuzzing.agreement import differences
from flk.formal.fuzzing.protocols import protocols
from flk.formal.language import Protocol
from flk.formal.language.text import text_of_action
from flk.formal.library.catalogue import PROTOCOLS
from flk.spec.toolchain import compiler

STATES = 100
"""Compared at once."""

PER = 5_000
"""Comparisons for each random protocol, which takes a tenth of a second."""

WHOLE = 20
"""One random protocol in so many is proved with all that belongs to a proof, which takes seconds."""


def validate(comparisons: int, first: int, on_progress: Callable[[str], None] = lambda _: None) -> Validation:
    """At least that many comparisons, spread over the protocols at their default sizes; fewer only if one differs.

    Besides, one random protocol for each PER comparisons: what is proved of it is violated at no size, and bounded search and
    exploration find the same equally far.
    """
    if problem := _of_random_protocols(comparisons // PER + 1, first, on_progress):
        return Validation(0, problem)
    done = 0
    for number, (name, protocol) in enumerate(PROTOCOLS.items()):
        program = Program.of(Ground(Schema.of(protocol)), symmetry=False)
        on_progress(f"{name}: compiling")
        kernels = _kernels(program)
        goal = comparisons * (number + 1) / len(PROTOCOLS)
        while done < goal:
            first += 1
            result = compare(program, kernels, STATES, first)
            done += result.comparisons
            if result.mismatch:
                return Validation(done, f"{name}: {result.mismatch}")
            on_progress(f"{name}: {done:,} of {comparisons:,} comparisons")
    return Validation(done)


def _of_random_protocols(number: int, chosen: int, on_progress: Callable[[str], None]) -> str:
    """The first of so many protocols over which prover, bounded search and explorer differ, and how."""
    tried = 0
    problems: list[str] = []

    @seed(chosen)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(protocols(progress=True))
    def compare_all(protocol: Protocol) -> None:
        nonlocal tried
        tried += 1
        on_progress(f"random protocols: {tried:,} of {number:,}")
        if not problems:
            actions = "; ".join(text_of_action(action) for action in protocol.actions.values())
            found = differences(protocol, chosen, whole=tried % WHOLE == 0)
            problems.extend(f"a random protocol, {one}: {actions}" for one in found)

    compare_all()
    return problems[0] if problems else ""


def _kernels(program: Program) -> dict[str, Kernel]:
    """Those that can be had here."""
    kernels: dict[str, Kernel] = {"numpy": vectorised.Kernel(program)}
    if jitted.available():
        kernels["numba"] = jitted.Kernel(program)
    if compiler():
        kernels["c"] = emitted.Kernel(program)
    return kernels
