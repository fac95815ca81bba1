"""Comparing an answer with the one expected."""

import msgspec
from msgspec import UNSET, Raw

from flk.conformance.reports.report import CaseStatus
from flk.conformance.sdk.protocol import Crash, Error, Skip, Value
from flk.spec.vectors import Expect

SHOWN = 400
"""Characters of a value that a report shows."""


def judge(expect: Expect, answer: Value | Error | Skip | Crash) -> tuple[CaseStatus, str]:
    """How the case ended, and what was expected and answered if it did not pass."""
    if isinstance(answer, Skip):
        return CaseStatus.SKIPPED, answer.skip
    if isinstance(answer, Crash):
        return CaseStatus.CRASHED, answer.crash
    if _agree(expect, answer):
        return CaseStatus.PASSED, ""
    return CaseStatus.FAILED, f"expected {_said(expect)}, got {_said(answer)}"


def _agree(expect: Expect, answer: Value | Error) -> bool:
    """A value must be the value, an error the requirement, and the field where the case names one (null included)."""
    if isinstance(answer, Value):
        return expect.value is not UNSET and equal(_json(expect.value), _json(answer.value))
    if expect.field is not UNSET and (None if answer.field is UNSET else answer.field) != expect.field:
        return False
    return answer.error == expect.error


def equal(a: object, b: object) -> bool:
    """Whether two JSON values are one: numbers by value whatever their text, objects whatever their order."""
    match a, b:
        case (bool(), _) | (_, bool()):
            return a is b
        case ((int() | float()), (int() | float())):
            return a == b
        case list(), list():
            return len(a) == len(b) and all(map(equal, a, b))
        case dict(), dict():
            return a.keys() == b.keys() and all(equal(value, b[key]) for key, value in a.items())
    return a == b


def _json(raw: Raw) -> object:
    value: object = msgspec.json.decode(raw)
    return value


def _said(said: Expect | Value | Error) -> str:
    if isinstance(said, Error) or said.value is UNSET:
        at = "" if said.field is UNSET else f" at {said.field}"
        return f"error {said.error}{at}"
    text = bytes(said.value).decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ... ({len(text)} characters)"
