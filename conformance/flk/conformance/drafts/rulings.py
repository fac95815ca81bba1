"""Drafts of `judge` under policies: both sides of each number by a billionth, and what is asked besides (POL-8, SAN-*)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from flk.conformance.drafts.draft import Draft, fields
from flk.conformance.drafts.policies import POLICIES
from flk.conformance.operations.records import JudgedRecord
from flk.model.entries.scrutiny import OFF, Scrutiny, anomaly
from flk.model.policies.document import DEFAULT, Policy, VrfMode
from flk.model.record.canonical import round9
from flk.model.record.record import Pcs
from flk.model.record.signals import budget, regime

BILLIONTH = 1e-9
LOOSE: dict[str, Any] = {"tol_D": 1.0, "tol_budget": 1.0}
"""Tolerances that let all else be seen."""


def ruling(**changes: Any) -> Policy:
    """The default policy with changes, under the next number."""
    return msgspec.structs.replace(DEFAULT, **{"version": "1.1.0", "name": "", **changes})


def claimed(policy: Policy, **changes: Any) -> Pcs:
    """A record that claims the regime and the budget that the policy finds, but for what is claimed otherwise."""
    record = msgspec.convert(fields(**changes), Pcs)
    found = {
        "regime": regime(record.D_hat, record.coh_star, policy.rules),
        "budget": round9(budget(record.D_hat, record.coh_star, record.r, policy.rules)),
    }
    return msgspec.structs.replace(record, **{name: each for name, each in found.items() if name not in changes})


def judged_by_policies() -> Iterator[Draft]:
    """Each number of a policy, what is asked besides, and which of several reasons is the one."""
    yield from _tolerances()
    yield from _regimes()
    yield from _weights()
    yield from _alike()
    yield from _counts()
    yield from _slopes()
    yield from _scores()
    yield from _firsts()


def _beside(x: float) -> tuple[float, float, float]:
    return round9(x - BILLIONTH), x, round9(x + BILLIONTH)


def _tolerances() -> Iterator[Draft]:
    for tolerance in (0.0, BILLIONTH, 0.1, 0.25, 1.0):
        policy = ruling(tol_D=tolerance)
        for claim in sorted({*_beside(1 - tolerance), *_beside(1 + tolerance)}):
            if claim >= 0:
                comment = "the tolerance is the policy's, its edge within"
                record = claimed(policy, D_hat=claim)
                yield _judged(f"tol_D/{tolerance}/{claim}", comment, "POL-8", record, policy, "tolerance-edge")
    for tolerance in (0.0, BILLIONTH, 0.05, 1.0):
        policy = ruling(tol_budget=tolerance)
        for claim in sorted({*_beside(round9(0.4 - tolerance)), *_beside(round9(0.4 + tolerance)), 0.0, 1.0}):
            if 0 <= claim <= 1:
                comment = "the tolerance is the policy's, its edge within"
                record = claimed(policy, budget=claim)
                yield _judged(f"tol_budget/{tolerance}/{claim}", comment, "POL-8", record, policy, "tolerance-edge")


def _regimes() -> Iterator[Draft]:
    bounds: tuple[tuple[str, dict[str, float], dict[str, float]], ...] = (
        ("sticky_coherence_min", {"sticky_coherence_min": 0.8}, {"coh_star": 0.8}),
        ("sticky_D_hat_max", {"sticky_D_hat_max": 1.2}, {"D_hat": 1.2}),
        ("non_sticky_D_hat_min", {"non_sticky_D_hat_min": 1.6}, {"D_hat": 1.6}),
        ("no-mixed", {"sticky_D_hat_max": 1.599999999, "non_sticky_D_hat_min": 1.6}, {"D_hat": 1.6}),
        ("never-sticky", {"sticky_coherence_min": 1.05}, {"coh_star": 1.049999999}),
        ("all-sticky", {"sticky_D_hat_max": 3.499999999, "non_sticky_D_hat_min": 3.5}, {"D_hat": 1.9}),
    )
    for slug, changes, at in bounds:
        policy = ruling(**LOOSE, **changes)
        ((name, bound),) = at.items()
        for value in _beside(bound):
            for claim in ("sticky", "mixed", "non_sticky"):
                record = claimed(policy, **{name: value, "regime": claim})
                comment = "the bounds are the policy's, and belong to the outer regimes"
                yield _judged(f"{slug}/{value}-as-{claim}", comment, "POL-8", record, policy, "bound")


def _weights() -> Iterator[Draft]:
    counts = {"2": 1, "4": 4, "8": 16, "16": 64}
    steep: dict[str, Any] = {"D_hat": 2.4, "coh_star": 0.6, "r": 0.25, "N_j": counts}
    weights: tuple[tuple[str, dict[str, float]], ...] = (
        ("base", {"base": 0.2}),
        ("base-one", {"base": 1.0}),
        ("alpha", {"alpha": 0.1}),
        ("beta", {"beta": 0.25, "D0": 1.5}),
        ("gamma", {"gamma": 0.1}),
        ("D0", {"D0": 1.5}),
        ("D0-zero", {"D0": 0.0}),
        ("D0-most", {"D0": 3.0}),
        ("nothing-counts", {"base": 0.0, "alpha": 0.0, "beta": 0.0, "gamma": 0.0}),
        ("all-of-r", {"base": 0.0, "alpha": 1.0, "beta": 0.0, "gamma": 0.0}),
        ("all-of-coherence", {"base": 0.0, "alpha": 0.0, "beta": 0.0, "gamma": 1.0}),
        ("nine-decimals", {"base": 0.123456789, "alpha": 0.314159265, "gamma": 0.111111111, "D0": 1.618033989}),
    )
    for slug, changes in weights:
        policy = ruling(tol_D=1.0, tol_budget=0.0, **changes)
        comment = "the weights are the policy's, and so is the budget that is stated"
        found = claimed(policy, **steep)
        yield _judged(f"{slug}/as-found", comment, "POL-8", found, policy)
        default = claimed(ruling(), **steep).budget
        yield _judged(f"{slug}/as-by-default", comment, "POL-8", claimed(policy, **steep, budget=default), policy)
        wrong = claimed(policy, **steep, regime="sticky", budget=1.0)
        yield _judged(f"{slug}/states-it-all-the-same", comment, "POL-8", wrong, policy)


def _alike() -> Iterator[Draft]:
    record = claimed(ruling(), D_hat=1.1)
    same: dict[str, dict[str, Any]] = {
        "nothing": {},
        "version": {"version": "9.0.0"},
        "words": {"name": "n", "description": "d", "created_at": "2026-01-01T00:00:00Z"},
        "flags": {"flags": {"disable_wal": False, "skip_signature": False}},
        "signature": {"signed_by": "ops", "signature": "A" * 86 + "=="},
        "vrf-shadow": {"vrf_mode": VrfMode.SHADOW},
        "vrf-enforced": {"vrf_mode": VrfMode.ENFORCED},
    }
    for slug, changes in same.items():
        yield _judged(f"alike/{slug}", "the outcome does not depend on it", "JDG-5", record, ruling(**changes))


def _counts() -> Iterator[Draft]:
    tables: dict[str, dict[int, int]] = {
        "rising": {2: 5, 4: 10, 8: 20},
        "equal": {2: 5, 4: 5, 8: 5},
        "one-falls": {2: 5, 4: 10, 8: 9, 16: 40},
        "by-one": {2: 10, 4: 10, 8: 9},
        "by-a-quotient-of-four": {2: 10, 8: 9},
        "by-the-greatest-quotient": {1: 10, 1024: 9},
        "over-a-grid-between": {3: 10, 4: 4, 6: 9},
        "quotient-of-three": {2: 10, 6: 9},
        "quotient-of-six": {2: 10, 12: 9},
        "quotient-of-three-halves": {2: 4, 3: 3},
        "grids-of-six-and-four": {4: 10, 6: 9},
        "downwards": {16: 40, 8: 20, 4: 10, 2: 5},
        "downwards-and-falling": {8: 9, 4: 10, 2: 5},
        "texts-in-another-order": {2: 9, 16: 10, 4: 10, 8: 10},
        "all-fall": {2: 8, 4: 4, 8: 2, 16: 1},
    }
    policy = ruling(**LOOSE, scrutiny=Scrutiny(counts=True))
    for slug, table in tables.items():
        comment = "a count falls only where the finer grid divides each cell by a power of two"
        yield _judged(f"counts/asked/{slug}", comment, "SAN-2", _counted(policy, table), policy)
    others = {"nothing": None, "scores": Scrutiny(escalate_from=1.0), "slopes": Scrutiny(slope=(0.0, 3.5))}
    for slug, other in others.items():
        policy = ruling(**LOOSE) if other is None else ruling(**LOOSE, scrutiny=other)
        record = _counted(policy, tables["one-falls"])
        yield _judged(f"counts/asked-for-{slug}", "what is off is not asked", "POL-12", record, policy)


def _counted(policy: Policy, table: dict[int, int], **changes: Any) -> Pcs:
    """A record with these counts, and a slope as near to theirs as a record may claim."""
    counted: dict[str, Any] = {"scales": [*table], "N_j": {str(scale): count for scale, count in table.items()}}
    record = claimed(policy, **counted, **changes)
    slope = min(max(policy.judge(record).recomputed_D_hat, 0.0), 3.5)
    return claimed(policy, **{"D_hat": slope, **counted, **changes})


def _slopes() -> Iterator[Draft]:
    for low, high in ((0.5, 1.2), (1.0, 1.0), (0.0, 3.5), (1.1, 3.5), (0.0, 0.9)):
        policy = ruling(**LOOSE, scrutiny=Scrutiny(slope=(low, high)))
        for claim in sorted({1.0, *_beside(low), *_beside(high)}):
            if 0 <= claim <= 2:
                record = claimed(policy, D_hat=claim)
                comment = "of the claimed slope, both bounds within"
                yield _judged(f"slope/asked/{low}-to-{high}/{claim}", comment, "SAN-3", record, policy, "bound")
    policy = ruling(**LOOSE, scrutiny=Scrutiny(slope=(1.0, 1.0)))
    for claim in (1.0000000004, 0.9999999996, 1.0000000006):
        record = claimed(policy, D_hat=claim)
        yield _judged(f"slope/rounded/{claim}", "compared in billionths", "SAN-3", record, policy, "bound")


_ODD: dict[str, dict[str, Any]] = {
    "flat": {"D_hat": 0.25},
    "level": {"D_hat": 0.0},
    "steep": {"D_hat": 3.1},
    "steepest": {"D_hat": 3.5},
    "spread": {"D_hat": 3.0, "coh_star": 0.95},
    "dense": {"r": 0.05},
    "densest": {"r": 0.0},
    "sparse": {"r": 0.97},
    "sparsest": {"r": 1.0},
    "all": {"D_hat": 3.5, "coh_star": 1.05, "r": 0.0},
    "thirds": {"D_hat": 3.123456789, "coh_star": 0.987654321, "r": 0.033333333},
    "a-billionth": {"D_hat": 0.499999999, "r": 0.099999999},
    "not-odd": {},
    "not-quite": {"D_hat": 2.8, "coh_star": 0.8, "r": 0.95},
}
"""Signals by how they are odd."""


def _scores() -> Iterator[Draft]:
    for slug, signals in _ODD.items():
        score = anomaly(signals.get("D_hat", 1.0), signals.get("coh_star", 0.75), signals.get("r", 0.5)) / 10**9
        for name in ("escalate_from", "reject_from"):
            for threshold in _beside(score) if score else (BILLIONTH,):
                if not 0 < threshold <= 1:
                    continue
                policy = ruling(**LOOSE, scrutiny=msgspec.structs.replace(OFF, **{name: threshold}))
                record = _counted(
                    policy, {2: 1, 4: 8, 8: 64} if signals.get("D_hat", 1) > 2 else {2: 5, 4: 10}, **signals
                )
                comment = "in billionths, every quotient rounded down; who reaches the score is concerned"
                yield _judged(f"{name}/{slug}/{threshold:.9f}", comment, "SAN-4", record, policy, "tolerance-edge")


def _firsts() -> Iterator[Draft]:
    every = Scrutiny(counts=True, slope=(1.2, 2.0), escalate_from=BILLIONTH, reject_from=BILLIONTH)
    mild = Scrutiny(counts=True, slope=(1.2, 2.0), escalate_from=BILLIONTH, reject_from=1.0)
    odd: dict[str, Any] = {"r": 0.05, "regime": "non_sticky", "budget": 1.0}
    falling, rising = {2: 10, 4: 20, 8: 19}, {2: 5, 4: 10, 8: 20}
    cases: dict[str, tuple[Scrutiny, float, dict[int, int], dict[str, Any]]] = {
        "wrong-slope-before-all": (every, 0.1, falling, odd | {"D_hat": 3.0}),
        "counts-before-a-score": (every, 1.0, falling, odd),
        "score-that-rejects-before-a-regime": (every, 1.0, rising, odd),
        "regime-before-a-budget": (mild, 1.0, rising, odd),
        "budget-before-an-unusual-slope": (mild, 0.1, rising, {"r": 0.05, "budget": 1.0}),
        "unusual-slope-before-a-score": (mild, 0.1, rising, {"r": 0.05}),
        "score-that-escalates-last": (Scrutiny(escalate_from=BILLIONTH), 0.1, rising, {"r": 0.05}),
        "nothing-odd": (mild, 0.1, {2: 5, 4: 13, 8: 34}, {}),
    }
    for slug, (scrutiny, tolerance, table, changes) in cases.items():
        policy = ruling(tol_D=tolerance, tol_budget=0.01, scrutiny=scrutiny)
        record = _counted(policy, table, **changes)
        yield _judged(f"first-of-all/{slug}", "what rejects comes before what escalates", "SAN-5", record, policy)


def _judged(slug: str, comment: str, requirement: str, record: Pcs, policy: Policy, *flags: str) -> Draft:
    return Draft(f"policy/{slug}", comment, JudgedRecord(record, policy), (requirement,), (POLICIES, *flags))
