"""Which known wrong forms explain the cases that failed, those that explain most first."""

from collections.abc import Iterable
from functools import cache

import msgspec
from msgspec import Raw

from flk.conformance.diagnosis.form import WrongForm
from flk.conformance.diagnosis.forms import WRONG_FORMS
from flk.conformance.operations import OPERATIONS, form
from flk.conformance.operations.equality import equal
from flk.conformance.operations.forms import Form
from flk.conformance.reports.report import CaseResult, CaseStatus, Diagnosis
from flk.spec.vectors import Case, Expect, load


def diagnose(results: Iterable[CaseResult]) -> tuple[Diagnosis, ...]:
    """Of the forms the one that explains most of what failed, then the one that explains most of the rest, and so on.

    A form explains a case if it gives the very answer that came. Of two that explain as many, the one is named that agrees with
    more of what was answered rightly. A form that would have given more wrong answers to what was answered rightly than it explains
    is none: who takes one forgery and refuses forty others does not accept everything.
    """
    everything = tuple(results)
    wrong = [result for result in everything if result.status is CaseStatus.FAILED and result.received]
    failed, left = len(wrong), [result for result in wrong if _can_be_read(result.received)]
    passed = [result for result in everything if result.status is CaseStatus.PASSED]
    found = []
    while left:
        groups = {result.group for result in left}
        tried = [(one, _explained(one, left)) for one in WRONG_FORMS if groups & one.answers.keys()]
        plausible = _plausible(tried, passed)
        if plausible is None:
            break
        best, cases = plausible
        names = tuple(case.name for case in cases)
        found.append(Diagnosis(best.name, best.requirement, len(cases), failed, _sentence(best, cases, failed), names))
        left = [result for result in left if result.name not in names]
    return tuple(found)


def _plausible(
    tried: list[tuple[WrongForm, list[CaseResult]]], passed: list[CaseResult]
) -> tuple[WrongForm, list[CaseResult]] | None:
    """The form that explains most, of those that explain more than they contradict; None if there is none."""
    for most in sorted({len(cases) for _, cases in tried if cases}, reverse=True):
        rivals = [(_contradictions(one, passed), one, cases) for one, cases in tried if len(cases) == most]
        against, best, cases = min(rivals, key=lambda rival: rival[0])
        if against < most:
            return best, cases
    return None


def attributed(results: Iterable[CaseResult], diagnoses: Iterable[Diagnosis]) -> tuple[CaseResult, ...]:
    """The results, of which those that a form explains bear on the requirement that forbids the form, and on no other.

    Whoever has a wrong tree and cuts the right chunks breaks MRK-1 in every root and proof, and neither MRK-2, MRK-3 nor MRK-4.
    That needs no known form for roots of data: a case of `merkle_root` has the same chunks, and got the same wrong answer.
    """
    told = tuple(results)
    broken = _of_the_tree(told) | {name: one.requirement for one in diagnoses for name in one.cases}
    return tuple(
        msgspec.structs.replace(result, requirements=(broken[result.name],)) if result.name in broken else result
        for result in told
    )


def _of_the_tree(results: Iterable[CaseResult]) -> dict[str, str]:
    """The roots of data that are wrong as the tree over the same chunks is."""
    wrong = {result.name: result.received for result in results if result.status is CaseStatus.FAILED}
    return {
        name: "MRK-1"
        for name, received in wrong.items()
        if name.startswith("data_root/")
        and wrong.get(f"merkle_root/chunks/{name.removeprefix('data_root/')}") == received
    }


def _contradictions(one: WrongForm, passed: Iterable[CaseResult]) -> int:
    """How many vectors were answered rightly to which the form gives a wrong answer."""
    asked = (_vectors()[result.name] for result in passed if result.group in one.answers and result.name in _vectors())
    return sum(
        _gives(one, case.id.partition("/")[0].removesuffix(".golden"), case.input, case.expect) is False
        for case in asked
    )


@cache
def _vectors() -> dict[str, Case]:
    return {case.id: case for group in load() for case in group.cases}


def _can_be_read(answer: str) -> bool:
    try:
        msgspec.json.decode(answer)
    except (ValueError, RecursionError):
        return False
    return True


def _explained(one: WrongForm, results: Iterable[CaseResult]) -> list[CaseResult]:
    return [result for result in results if _explains(one, result)]


def _explains(one: WrongForm, result: CaseResult) -> bool:
    return _gives(one, result.group, Raw(result.input.encode()), msgspec.json.decode(result.received)) is True


def _gives(one: WrongForm, operation: str, question: Raw, told: object) -> bool | None:
    """Whether the form gives this answer: a value, or an error that names this requirement. None if it gives no answer."""
    answer = one.answers.get(operation)
    if answer is None:
        return None
    try:
        read = msgspec.json.decode(question, type=form(OPERATIONS[operation]))
        assert isinstance(read, Form)
        given = msgspec.json.decode(msgspec.json.encode(answer(read)))
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError):  # it has no answer to this question
        return None
    if isinstance(told, Expect):
        told = msgspec.json.decode(told.value) if isinstance(told.value, Raw) else {"error": told.error}
    if isinstance(given, dict) and isinstance(told, dict) and "error" in given.keys() & told.keys():
        return bool(given["error"] == told["error"])
    return None if given is None else equal(given, told)


def _sentence(one: WrongForm, cases: list[CaseResult], failed: int) -> str:
    operations = ", ".join(sorted({case.group for case in cases}))
    many = f"all {failed}" if len(cases) == failed else f"{len(cases)} of {failed}"
    return f"{many} wrong answers ({operations}) are those of {one.says}: {one.requirement}: {one.rule}"
