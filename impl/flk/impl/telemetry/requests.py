"""Spans of requests: of those whose caller says so, and of a share of the others (OBS-9)."""

import time
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPStatus
from random import random

import msgspec
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flk.impl.http.messages import Answer, Handler, Request, Respond, path_of
from flk.impl.telemetry.waiting import Rate
from flk.model.flow.answers import BATCH_PATH, OUTCOMES_PATH, STATES_ENTRY, SUBMIT_PATH
from flk.model.flow.submission import Problem

_PROPAGATOR = TraceContextTextMapPropagator()
_OUTCOME = f"{OUTCOMES_PATH}/{{pcs_id}}"
_ROUTES = {(b"POST", SUBMIT_PATH.encode()): SUBMIT_PATH, (b"POST", BATCH_PATH.encode()): BATCH_PATH}
_OUTCOMES = f"{OUTCOMES_PATH}/".encode()


class RequestSpan:
    """The span of one request, and those of its steps `log`, `examine` and `store`, as long as they took for all who were together.

    Records that are logged together are examined one after the other and stored together: so long takes what a request waits for.
    """

    def __init__(self, tracer: Tracer, span: Span, route: str, tenant: str) -> None:
        self._tracer = tracer
        self._span = span
        self._inside = trace.set_span_in_context(span, Context())
        self._route = route
        self._tenant = tenant
        self._logged = 0
        self._records = self._together = 0

    def current(self) -> AbstractContextManager[object]:
        """What is logged in this block belongs to it."""
        return trace.use_span(self._span, record_exception=False, set_status_on_exception=False)

    def timed(self, step: str, began: int, ended: int, records: int, together: int) -> None:
        """A step of some of its records, made for so many together."""
        if step == "Append":
            self._step("log", began, ended, records, together)
            self._logged, self._records, self._together = ended, records, together
        elif step == "Store":
            self._examined(began)
            self._step("store", began, ended, records, together)

    def end(self, answer: Answer) -> None:
        """The answer is given. What it is about is told only of a record that a key of its tenant signed."""
        self._examined(time.time_ns())
        self._span.set_attribute("http.response.status_code", answer.status)
        if answer.status not in STATES_ENTRY:
            self._span.set_attribute("flk.requirement", _requirement(answer.body))
        elif self._route == SUBMIT_PATH:
            self._span.set_attribute("flk.tenant", self._tenant)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._span.set_attribute("error.type", str(answer.status))
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()

    def _examined(self, until: int) -> None:
        if self._logged:
            self._step("examine", self._logged, until, self._records, self._together)
            self._logged = 0

    def _step(self, name: str, began: int, ended: int, records: int, together: int) -> None:
        attributes = {"flk.records": records, "flk.together": together}
        self._tracer.start_span(name, self._inside, attributes=attributes, start_time=began).end(max(began, ended))


class Requests:
    """A handler of requests, with spans of some of them. A `share` of those that nobody follows, and all of a caller who does, as
    long as they are no more than `rate` allows.
    """

    def __init__(self, handler: Handler, tracer: Tracer, share: float, rate: Rate, scheme: str) -> None:
        self._handler = handler
        self._tracer = tracer
        self._share = share
        self._rate = rate
        self._scheme = scheme
        self.refuse = handler.refuse

    def check(self, request: Request, size: int) -> Answer | None:
        """As the handler does; a request that it refuses has a span, too."""
        answer = self._handler.check(request, size)
        if answer is not None and (span := self._begun(request)) is not None:
            span.end(answer)
        return answer

    def handle(self, request: Request, respond: Respond) -> None:
        """As the handler does."""
        span = self._begun(request)
        if span is None:
            self._handler.handle(request, respond)
            return
        request.within = span
        try:
            self._handler.handle(request, partial(_answered, span, respond))
        except Exception:
            span.end(Answer(HTTPStatus.INTERNAL_SERVER_ERROR))
            raise

    def _begun(self, request: Request) -> RequestSpan | None:
        """A span, if the request is to have one."""
        path = path_of(request.path)
        route = _ROUTES.get((request.method, path)) or (_OUTCOME if path.startswith(_OUTCOMES) else None)
        if route is None:
            return None
        parent = parent_of(request.headers.get(b"traceparent"))
        followed = random() < self._share if parent is None else parent.trace_flags.sampled
        if not (followed and self._rate.allows()):
            return None
        method = request.method.decode("latin-1")
        attributes = {
            "http.request.method": method,
            "http.route": route,
            "url.path": route,  # what stands in the place of a parameter is the caller's own text
            "url.scheme": self._scheme,
        }
        context = Context() if parent is None else trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())
        span = self._tracer.start_span(f"{method} {route}", context, SpanKind.SERVER, attributes)
        return RequestSpan(self._tracer, span, route, request.headers.get(b"x-tenant-id", b"").decode("latin-1"))


def parent_of(header: bytes | None) -> SpanContext | None:
    """The span of a caller, by W3C Trace Context; None if there is no such header, or if it is malformed.

    >>> parent_of(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").trace_flags.sampled
    True
    >>> parent_of(b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")
    """
    if header is None:
        return None
    found = _PROPAGATOR.extract({"traceparent": header.decode("latin-1")}, Context())
    parent = trace.get_current_span(found).get_span_context()
    return parent if parent.is_valid else None


def _answered(span: RequestSpan, respond: Respond, answer: Answer) -> None:
    span.end(answer)
    respond(answer)


def _requirement(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=Problem).requirement
    except msgspec.DecodeError:
        return ""
