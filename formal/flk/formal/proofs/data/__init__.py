"""Theorems about data that Z3 decides: rounding, the budget, regimes. The others are proved in Coq (`flk.formal.proofs.coq`)."""

from collections.abc import Callable

from flk.formal.proofs.data import budget, regimes, rounding_stability
from flk.formal.prover.theorem import Theorem

THEOREMS: dict[str, Callable[[], Theorem]] = {
    rounding_stability.NAME: rounding_stability.theorem,
    budget.NAME: budget.theorem,
    regimes.NAME: regimes.theorem,
}
"""What builds each theorem."""
