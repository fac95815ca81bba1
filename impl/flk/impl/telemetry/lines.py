"""The node's log lines, as log records: each with its span, if it belongs to one (OBS-10)."""

import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from flk.impl.telemetry.waiting import Waiting

_SEVERITY = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
_OWN = frozenset({"event", "level", "timestamp", "exception"})


class Lines:
    """A processor of structlog: lets each line wait for its export as it passes, and writes into it which span it belongs to."""

    def __init__(self, waiting: Waiting[ReadableLogRecord], resource: Resource, scope: InstrumentationScope) -> None:
        self._waiting = waiting
        self._resource = resource
        self._scope = scope
        self._before: list[Any] = structlog.get_config()["processors"]

    def attach(self) -> None:
        """Let every line pass here from now on, before the last processor renders it."""
        *before, render = self._before
        structlog.configure(processors=[*before, self, render])

    def detach(self) -> None:
        """Let no line pass here any more."""
        structlog.configure(processors=self._before)

    def __call__(self, logger: object, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A line on its way."""
        del logger
        now = time.time_ns()
        attributes = {name: _plain(value) for name, value in line.items() if name not in _OWN}
        if exception := line.get("exception"):
            attributes["exception.stacktrace"] = str(exception)
        record = LogRecord(
            timestamp=now,
            observed_timestamp=now,
            severity_number=_SEVERITY.get(method, SeverityNumber.UNSPECIFIED),
            severity_text=method.upper(),
            body=str(line.get("event", "")),
            attributes=attributes,
        )
        self._waiting.put(ReadableLogRecord(record, self._resource, self._scope))
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
            line["span_id"] = trace.format_span_id(span.span_id)
        return line


def _plain(value: object) -> str | int | float | bool:
    """A value as an attribute has it: a number or text. Integers beyond 64 bits are text."""
    if isinstance(value, bool | float) or (isinstance(value, int) and -(1 << 63) <= value < 1 << 63):
        return value
    return str(value)
