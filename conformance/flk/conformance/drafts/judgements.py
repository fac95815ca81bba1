"""Drafts of `judge` (JDG-*), those under policies in `rulings`."""

from collections.abc import Iterator

from flk.conformance.drafts.draft import Draft
from flk.conformance.drafts.records import LIMITS, valid_record
from flk.conformance.drafts.rulings import judged_by_policies


def judge() -> Iterator[Draft]:
    """Both edges of both tolerances, every regime, and which reason comes first."""
    yield from _slope_edges()
    yield from _regimes()
    yield from _budget_edges()
    yield _judged(
        "first/slope-before-regime", "one reason, the first", "JDG-2", D_hat=2.0, regime="non_sticky", budget=1.0
    )
    yield _judged("first/regime-before-budget", "one reason, the first", "JDG-3", regime="non_sticky", budget=1.0)
    yield _judged(
        "zero/slope",
        "a slope of zero is a value, not an absence",
        "JDG-2",
        D_hat=0.0,
        N_j={"2": 5, "4": 5, "8": 5, "16": 5},
        budget=0.4,
    )
    yield _judged("zero/budget", "the least budget", "JDG-4", coh_star=0.0, r=1.0, regime="mixed", budget=0.1)
    steep = {"D_hat": 2.0, "regime": "non_sticky"}
    for r in (0.0, 0.5, 1.0):
        yield _judged(
            f"states/budget-though-rejected-{r}", "the budget is stated whatever the reason", "JDG-6", r=r, **steep
        )
    yield _judged("states/ok", "nothing deviates, and the reason says so", "JDG-6")
    yield _judged(
        "states/ok-at-an-edge", "what is within its tolerance is no deviation", "JDG-6", D_hat=1.1, budget=0.401
    )
    for name, value in {
        "epoch": 7,
        "seed": 0,
        "attempt": 9,
        "sent_at": "1999-01-01T00:00:00Z",
        "shard_id": "x",
        "version": "9",
        "v_star": [0.5],
    }.items():
        yield _judged(f"alike/{name}", "the outcome does not depend on it", "JDG-5", **{name: value})
    for slug, scales, counts in _TABLES:
        counted = {str(scale): count for scale, count in zip(scales, counts, strict=True)}
        yield _judged(
            f"counts/{slug}", "the slope comes from the record's own counts", "JDG-2", scales=scales, N_j=counted
        )
    yield from judged_by_policies()


_TABLES = (
    ("golden-1", [2, 4, 8, 16], [5, 10, 13, 15]),
    ("golden-2", [2, 4, 8, 16], [4, 8, 17, 20]),
    ("odd-slopes", [2, 4, 8], [3, 5, 9]),
    ("five-scales", [2, 4, 8, 16, 32], [3, 5, 9, 17, 31]),
    ("falling", [2, 4, 8, 16], [40, 20, 10, 5]),
    ("one-pair", [2, 4], [3, 7]),
    ("no-power-of-two", [3, 5, 7], [9, 25, 49]),
    ("largest-count", [1, 1024], [1, LIMITS.max_count]),
    ("one-off", [2, 4, 8, 16], [5, 10, 20, 9000]),
)


def _slope_edges() -> Iterator[Draft]:
    """A slope of 1, and claims at 0.15 from it; the earlier system took one edge and not the other."""
    for claim in (
        0.85,
        0.849999999,
        0.850000001,
        1.15,
        1.150000001,
        1.149999999,
        0.8499999996,
        0.8499999994,
        1.1500000004,
        1.1500000006,
    ):
        yield _judged(
            f"slope/{claim}",
            "differences count in billionths, the edge is within",
            "JDG-1",
            "tolerance-edge",
            D_hat=claim,
        )
    for claim in (0.0, 0.5, 1.2, 3.5):
        regime = "sticky" if claim <= 1.5 else "non_sticky"
        yield _judged(f"slope/{claim}", "a wrong slope is rejected", "JDG-2", D_hat=claim, regime=regime)


def _regimes() -> Iterator[Draft]:
    for regime in LIMITS.regimes:
        yield _judged(f"regime/sticky-as-{regime}", "the regime of the claimed signals", "JDG-3", regime=regime)
        yield _judged(
            f"regime/mixed-as-{regime}",
            "the regime of the claimed signals",
            "JDG-3",
            regime=regime,
            coh_star=0.3,
            budget=0.31,
        )
        steep = {"N_j": {"2": 1, "4": 8, "8": 64, "16": 512}, "D_hat": 3.0, "budget": 0.8}
        yield _judged(
            f"regime/non_sticky-as-{regime}", "the regime of the claimed signals", "JDG-3", regime=regime, **steep
        )
    near = {"N_j": {"2": 2, "4": 6, "8": 16, "16": 46}, "coh_star": 0.7, "budget": 0.39}
    for claim in (1.5, 1.500000001, 1.5000000004):
        yield _judged(
            f"regime/claimed-{claim}",
            "of the claimed slope, not of the recomputed one",
            "JDG-3",
            "bound",
            D_hat=claim,
            **near,
        )


def _budget_edges() -> Iterator[Draft]:
    """A budget of 0.4, and claims at 0.01 from it."""
    for claim in (
        0.39,
        0.389999999,
        0.390000001,
        0.41,
        0.410000001,
        0.409999999,
        0.3899999996,
        0.3899999994,
        0.4100000004,
        0.4100000006,
    ):
        yield _judged(
            f"budget/{claim}",
            "differences count in billionths, the edge is within",
            "JDG-1",
            "tolerance-edge",
            budget=claim,
        )
    for claim in (0.0, 0.411, 1.0):
        yield _judged(f"budget/{claim}", "a wrong budget is escalated", "JDG-4", budget=claim)


def _judged(slug: str, comment: str, requirement: str, *flags: str, **changes: object) -> Draft:
    return Draft(slug, comment, valid_record(**changes), (requirement,), flags)
