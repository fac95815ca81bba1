"""Comparing an answer with the one expected."""

import msgspec
from msgspec import UNSET, Raw

from flk.conformance.operations.equality import equal
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
    try:
        if _agree(expect, answer):
            return CaseStatus.PASSED, ""
    except (msgspec.DecodeError, UnicodeDecodeError) as unreadable:
        return CaseStatus.FAILED, f"expected {_said(expect)}, got an answer that cannot be read: {unreadable}"
    return CaseStatus.FAILED, f"expected {_said(expect)}, got {_said(answer)}"


def told(said: Expect | Value | Error) -> str:
    """An expected or received answer, whole, as JSON; an error as an object."""
    if isinstance(said, Value) or said.error is UNSET:
        return _text(said.value) if isinstance(said.value, Raw) else ""
    named = {} if said.field is UNSET else {"field": said.field}
    return msgspec.json.encode({"error": said.error, **named}).decode()


def _agree(expect: Expect, answer: Value | Error) -> bool:
    """A value must be the value, an error the requirement, and the field where the case names one (null included)."""
    if isinstance(answer, Value):
        return expect.value is not UNSET and equal(_json(expect.value), _json(answer.value))
    if expect.field is not UNSET and (None if answer.field is UNSET else answer.field) != expect.field:
        return False
    return answer.error == expect.error


def _json(raw: Raw) -> object:
    value: object = msgspec.json.decode(raw)
    return value


def _text(raw: Raw) -> str:
    """What came, even if it is no UTF-8."""
    return bytes(raw).decode(errors="backslashreplace")


def _said(said: Expect | Value | Error) -> str:
    if isinstance(said, Error) or said.value is UNSET:
        at = "" if said.field is UNSET else f" at {said.field}"
        return f"error {said.error}{at}"
    text = _text(said.value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ... ({len(text)} characters)"
