"""Generated cases: questions that Hypothesis draws, the model answers, and a subject is asked. The smallest that it answers wrongly
can be kept as a vector.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, NamedTuple
from warnings import catch_warnings

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky, HypothesisWarning
from msgspec import Raw

from flk.conformance.cases import CASES
from flk.conformance.cases.bearing import flags, requirement
from flk.conformance.operations.expected import expected
from flk.conformance.reports.report import CaseResult, CaseStatus
from flk.conformance.sdk.compare import judge, told
from flk.conformance.sdk.conversation import Conversation
from flk.conformance.sdk.protocol import Error, Run, Value
from flk.conformance.sdk.session import Answer, Launch
from flk.spec.profiles import Profile
from flk.spec.vectors import Case

Ask = Callable[[Run], Answer | None]
"""Puts a question to a subject; None where it cannot be asked any more."""


class Wrong(Exception):
    """A drawn question was answered otherwise than the model answers it."""

    def __init__(self, case: Case, result: CaseResult) -> None:
        super().__init__(case.id)
        self.case = case
        self.result = result


class Findings(NamedTuple):
    """What came of the generated cases: a result for each operation, the cases that were answered wrongly, and breaches."""

    results: tuple[CaseResult, ...]
    wrong: tuple[Case, ...]
    remarks: tuple[str, ...]


def interview(
    launch: Launch,
    operations: Iterable[str],
    *,
    cases: int,
    start: int,
    deadline: float,
    required: Profile | None = None,
) -> Findings:
    """Puts so many generated cases of each operation that it offers to the subject. `start` is the seed: it decides what is drawn.

    Raises UnusableInput if the subject cannot be talked to at all.
    """

    def converse() -> Findings:
        with Conversation(launch, deadline, required) as subject:
            found = []
            for operation in operations:
                skip = _skipping(subject, operation)
                if operation in CASES and not skip(_case(operation, {}, Raw(b"{}"))):
                    found.append(search(operation, subject.ask, cases=cases, start=start, skip=skip))
            wrong = tuple(one.case for one in found if isinstance(one, Wrong))
            results = tuple(one.result if isinstance(one, Wrong) else one for one in found)
            return Findings(results, wrong, tuple(subject.remarks))

    with ThreadPoolExecutor(1) as thread:  # a notebook has a loop of its own, which cannot wait for another
        return thread.submit(converse).result()


def _skipping(subject: Conversation, operation: str) -> Callable[[Case], bool]:
    return lambda case: subject.declining.excuse(operation, case) is not None


def search(
    operation: str, ask: Ask, *, cases: int, start: int = 0, skip: Callable[[Case], bool] = lambda _: False
) -> CaseResult | Wrong:
    """Draws so many cases of an operation: the smallest that was answered wrongly, or a result that says how many were asked.

    The same seed `start` draws the same cases. A case that `skip` names is not asked.
    """
    asked = 0
    last: list[Wrong] = []

    @seed(start)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    @given(CASES[operation])
    def agrees(question: dict[str, Any]) -> None:
        nonlocal asked
        case = _case(operation, question, Raw(msgspec.json.encode(question)))
        answer = None if skip(case) else ask(Run(asked, operation, case.input))
        if answer is None:
            return
        asked += 1
        case = msgspec.structs.replace(case, expect=expected(operation, case.input))
        status, detail = judge(case.expect, answer)
        if status is not CaseStatus.PASSED:
            last[:] = [_wrong(operation, question, case, answer, status, detail)]
            raise last[0]

    try:
        with catch_warnings(category=HypothesisWarning, action="ignore"):  # of questions that are long
            agrees()
    except Wrong as found:
        return found
    except Flaky:
        detail = f"answered once so and once otherwise; {last[0].result.detail}"
        return Wrong(last[0].case, msgspec.structs.replace(last[0].result, detail=detail))
    status = CaseStatus.PASSED if asked else CaseStatus.DECLINED
    return CaseResult(f"{operation}/generated", f"{asked} generated cases", (), status)


_TO_BE_TOLD = expected("fixed9", Raw(b'{"x":0,"bits":{}}'))


def _case(operation: str, question: dict[str, Any], text: Raw) -> Case:
    """A case whose answer is not known yet."""
    name = f"{operation}/generated/{sha256(bytes(text)).hexdigest()[:12]}"
    return Case(name, "drawn, and shrunk", (), flags(operation, question) if question else (), text, _TO_BE_TOLD)


def _wrong(
    operation: str, question: dict[str, Any], case: Case, answer: Answer, status: CaseStatus, detail: str
) -> Wrong:
    refused = answer.error if isinstance(answer, Error) else ""
    received = msgspec.json.decode(answer.value) if isinstance(answer, Value) else None
    broken = (requirement(operation, question, case.expect, refused, received),)
    both = (told(case.expect), told(answer)) if isinstance(answer, Value | Error) else ("", "")
    text = bytes(case.input).decode()
    result = CaseResult(case.id, case.comment, broken, status, detail, text, (), *both)
    return Wrong(msgspec.structs.replace(case, requirements=broken), result)
