"""Asking Z3: a new solver for every query, under a seed and with a bound on its effort, so that answers repeat."""

from collections.abc import Iterable

from z3 import BoolRef, CheckSatResult, Solver

EFFORT = 20_000_000
"""What a query may cost before the solver gives up, in its own unit: unlike seconds, it is the same on every machine.

Ours need a twentieth of it or less.
"""

EASY = 100_000
"""Enough for most proofs."""

QUICK = 1_000_000
"""Enough for nearly every answer; where it is not, a small counterexample is looked for before the solver is given more."""


def ask(formulas: Iterable[BoolRef], seed: int = 0, effort: int = EFFORT) -> tuple[Solver, CheckSatResult]:
    """Whether the formulas can hold together. A solver is never asked twice: its answers depend on what it was asked before."""
    solver = Solver()
    solver.set("random_seed", seed)
    solver.set("rlimit", effort)
    solver.add(*formulas)
    return solver, solver.check()
