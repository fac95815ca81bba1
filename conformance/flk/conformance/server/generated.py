"""Generated records: the server against the model, a disagreement shrunk to its smallest record.

Hypothesis makes the records and shrinks them. All other checks do without it; where it is not installed this one does not apply.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from flk.conformance.drafts.mutations import Fields
from flk.conformance.drafts.signals import is_safe
from flk.conformance.server.check import check
from flk.conformance.server.target import NotApplicable, Server, expect_outcome
from flk.model.record.canonical import nano
from flk.model.record.rules import DEFAULT
from flk.model.record.signals import budget, d_hat, regime
from flk.spec.constants import CONSTANTS

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

LIMITS = CONSTANTS.record
SIGNALS = CONSTANTS.signals
BOUNDS = (SIGNALS.sticky_D_max, SIGNALS.non_sticky_D_min)
NANO = CONSTANTS.canonical.nano
EXAMPLES = 200


@check("JDG-1", "JDG-2", "JDG-3", "JDG-4", "JDG-5", "SIG-1", "SIG-4", "SIG-6", "C14N-2", "ORD-7")
def judges_like_the_model(server: Server) -> None:
    """Any valid, signed record gets the outcome that the model computes."""
    if find_spec("hypothesis") is None:
        raise NotApplicable("needs hypothesis: pip install hypothesis")
    from hypothesis import HealthCheck, Verbosity, given, seed, settings

    @seed(server.seed)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(_judged_fields())
    def agree(fields: Fields) -> None:
        record = server.record(**fields)
        expect_outcome(server.submit(server.signed(record)), record)

    agree()


def _judged_fields() -> "SearchStrategy[Fields]":
    """Counts, and claims on, beside and far from what follows from them."""
    from hypothesis import assume
    from hypothesis import strategies as st

    def near(value: float, tolerance: int, most: float) -> "SearchStrategy[float]":
        """Billionths around a value, both edges of its tolerance among them."""
        edges = st.sampled_from([sign * (tolerance + beside) for sign in (1, -1) for beside in (0, 1, -1)])
        offsets = st.just(0) | edges | st.integers(-3 * tolerance, 3 * tolerance)
        return offsets.map(lambda offset: min(max(nano(value) + offset, 0), nano(most)) / NANO)

    def share(most: float) -> "SearchStrategy[float]":
        return st.integers(0, nano(most)).map(lambda billionths: billionths / NANO)

    @st.composite
    def fields(draw: "DrawFn") -> Fields:
        scales = draw(st.lists(st.integers(1, 64), min_size=2, max_size=5, unique=True))
        steepness = draw(st.integers(0, 35)) / 10
        counts = [round(scale**steepness) + draw(st.integers(0, 3)) for scale in scales]
        slope = d_hat(scales, counts)
        assume(is_safe(slope))
        D_hat = draw(near(slope, DEFAULT.tolerance_D_hat, LIMITS.D_hat_max) | st.sampled_from(BOUNDS))
        coh_star, r = draw(share(LIMITS.coh_star_max) | st.just(SIGNALS.sticky_coh_min)), draw(share(1.0))
        honest = regime(D_hat, coh_star)
        cost = budget(D_hat, coh_star, r)
        assume(is_safe(cost))
        return {
            "scales": scales,
            "N_j": {str(scale): count for scale, count in zip(scales, counts, strict=True)},
            "D_hat": D_hat,
            "coh_star": coh_star,
            "r": r,
            "regime": draw(st.just(honest) | st.sampled_from(LIMITS.regimes)),
            "budget": draw(near(cost, DEFAULT.tolerance_budget, 1.0)),
        }

    return fields()
