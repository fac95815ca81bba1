"""The span that a client's request is part of, as it tells a server: `traceparent` of W3C Trace Context (OBS-11)."""

import re
import sys
from collections.abc import Mapping

from flk.spec.errors import UnusableInput

_FORM = re.compile("00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def current() -> str:
    """That of the span in which the caller is; empty if it is in none. Who never imported OpenTelemetry is in none.

    >>> current()
    ''
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return ""
    span = trace.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 3:02x}" if span.is_valid else ""


def of_environment(environment: Mapping[str, str]) -> str:
    """That of the process which started this one, as CI systems give it; empty if there is none, or if it is malformed.

    >>> of_environment({"TRACEPARENT": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    >>> of_environment({"TRACEPARENT": "none"})
    ''
    """
    given = environment.get("TRACEPARENT", "")
    return given if _FORM.fullmatch(given) else ""


def given(traceparent: str | None) -> str:
    """One that a caller names. Raises UnusableInput for what is none."""
    if traceparent is not None and not _FORM.fullmatch(traceparent):
        raise UnusableInput(f"traceparent {traceparent!r}: write it as W3C Trace Context does: 00-TRACE-SPAN-FLAGS")
    return traceparent or ""
