"""Each requirement has cases that fail for its own reason: a mistake in another part of an SDK does not fail them."""

import json
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from math import inf

import pytest

from flk.conformance.drafts.draft import fields
from flk.conformance.drafts.mutations import mutations
from flk.conformance.operations import OPERATIONS
from flk.conformance.reports.report import CaseStatus
from flk.conformance.sdk.compare import judge
from flk.conformance.sdk.protocol import Run
from flk.conformance.sdk.subject import answer
from flk.model.record import canonical, signals
from flk.model.record.canonical import FIXED, round9
from flk.spec.vectors import Case, Origin, load

NUMBERS = {"C14N-2", "C14N-3", "C14N-7"}


def failing(*operations: str) -> list[Case]:
    """The cases of these operations that the model, with whatever was planted in it, does not pass; golden ones apart."""
    groups = [group for group in load() if group.operation in operations and group.origin is Origin.MODEL]
    return [
        case
        for group in groups
        for case in group.cases
        if judge(case.expect, answer(Run(0, group.operation, case.input), OPERATIONS))[0] is not CaseStatus.PASSED
    ]


def half_up(x: float) -> str:
    """Nine digits, half up on the shortest text."""
    return f"{Decimal(repr(x)).quantize(Decimal('1e-9'), ROUND_HALF_UP):zf}" if abs(x) < 1e15 else f"{x:.9f}"


def shortest(x: float) -> str:
    """As Python writes it."""
    return repr(float(f"{x:.9f}"))


@pytest.mark.parametrize("written", [half_up, shortest])
def test_a_wrong_number_format_fails_nothing_but_numbers(
    written: Callable[[float], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, texts, signatures, windows, tenants and order are told by records whose reals all formats write alike."""
    monkeypatch.setitem(canonical._REAL, FIXED, written)
    monkeypatch.setattr(canonical, "inf", -inf)  # no real is small enough for the way that writes all four at once
    wrong = [case for case in failing("canonical", "sign", "authenticate", "node") if "non-finite" not in case.flags]
    assert wrong
    others = {case.id for case in wrong if not set(case.requirements) & NUMBERS}
    assert others <= ABOUT_REALS


ABOUT_REALS = {
    "authenticate/foreign/shortest-reals",
    "authenticate/accepted/both-profiles",
    "authenticate/refused/older-profile",
    "node/outcome/zero-slope",
    "node/outcome/minus-zero",
    "node/accepted/older-form",
    "node/refused/older-form",
}
"""Cases of other requirements whose point is a real that formats write differently."""


def exact(D_hat: float, coh_star: float, r: float) -> float:
    """The budget in exact arithmetic."""
    D, c, ratio = (Decimal(str(round9(x))) for x in (D_hat, coh_star, r))
    cost = Decimal("0.1") + Decimal("0.3") * (1 - ratio) + Decimal("0.5") * max(Decimal(0), D - Decimal("2.2"))
    return float(min(Decimal(1), cost + Decimal("0.2") * c).quantize(Decimal("1e-9")))


def reversed_sum(D_hat: float, coh_star: float, r: float) -> float:
    """The budget's terms, last first."""
    D, c, ratio = (round9(x) for x in (D_hat, coh_star, r))
    return min(1.0, 0.2 * c + 0.5 * max(0.0, D - 2.2) + 0.3 * (1 - ratio) + 0.1)


@pytest.mark.parametrize("summed", [exact, reversed_sum])
def test_another_sum_of_the_budget_fails_only_where_its_order_is_asked(
    summed: Callable[[float, float, float], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ties are asked under SIG-7 alone."""
    monkeypatch.setattr(signals, "budget", summed)
    assert {name for case in failing("budget") for name in case.requirements} == {"SIG-7"}


def test_every_requirement_that_has_cases_has_one_of_its_own() -> None:
    """Some case bears on it and on nothing else, or only together with what it is a part of."""
    cases = [case for group in load() for case in group.cases]
    alone = {case.requirements[0] for case in cases if len(case.requirements) == 1}
    assert {name for case in cases for name in case.requirements} - alone == SHARED


SHARED = {"HLC-5", "HLC-6", "REC-10", "ORD-2", "WAL-6"}
"""Requirements that are never asked alone."""


@pytest.mark.parametrize("field", ["epoch", "scales"])
def test_whoever_takes_a_bad_value_for_a_good_one_finds_nothing_else_wrong(field: str) -> None:
    """An epoch of 1.0 or true comes with the id of epoch 1, and a scale of 2.0 with the count of 2: one rule is broken."""
    for mutation in mutations():
        if mutation.name in {"epoch/integral-fraction", "epoch/true", "scales/fraction"} and mutation.field == field:
            record = json.loads(mutation.spoil(fields()))
            assert record["pcs_id"] == fields()["pcs_id"]
            assert set(record["N_j"]) == {"2", "4", "8", "16"}
