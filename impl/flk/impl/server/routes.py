"""The service over HTTP: routes, status codes, bodies (ORD-*, OBS-3).

What a submission means is decided by the programs; here it is only read, begun and answered.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic, perf_counter

import msgspec
import structlog

from flk.impl.http.messages import Answer, Headers, Request, Respond
from flk.impl.server.admission import Admission
from flk.impl.server.runtime import Runtime
from flk.model.flow.admission import admit
from flk.model.flow.answers import STATES_ENTRY, SUBMIT_PATH
from flk.model.flow.submission import Problem, Response, Submission, refuse
from flk.model.programs.examine import Examine
from flk.model.programs.ingest import ingest
from flk.model.refusal import Refused
from flk.spec.constants import CONSTANTS

SUBMIT = SUBMIT_PATH.encode()
TEXT = b"text/plain; charset=utf-8"
PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
_DEFAULT_TENANT = CONSTANTS.node.default_tenant.encode()

log = structlog.get_logger()


class Service:
    """Handles the requests of one node. /metrics is rendered once in `metrics_gap` seconds at most, for all who ask meanwhile."""

    def __init__(
        self,
        runtime: Runtime,
        region: str,
        examine: Examine,
        admission: Admission,
        metrics_gap: float = CONSTANTS.http.metrics_gap_seconds,
    ) -> None:
        self._runtime = runtime
        self._node = runtime.node
        self._metrics = runtime.node.metrics
        self._region = region
        self._examine = examine
        self._admission = admission
        self._metrics_gap = metrics_gap
        self._rendered_at = float("-inf")
        self._scraping: list[Respond] = []
        self._routes: dict[bytes, dict[bytes, Callable[[Request, Respond], None]]] = {
            SUBMIT: {b"POST": self._submit},
            b"/health": _reading(lambda: Answer(HTTPStatus.OK, b"ok\n", TEXT)),
            b"/ready": _reading(self._ready),
            b"/metrics": {b"GET": self._scrape, b"HEAD": self._scrape},
        }
        self._metrics.watch(lambda: self._node.in_flight, lambda: not self._why_not_ready())

    def check(self, size: int, peer: str) -> Answer | None:
        """Refuse a body that will not be admitted, before it is read (ORD-5, ORD-6; a large one by HTTP-9, too)."""
        try:
            admit(size, self._node.in_flight, behind=self._node.behind)
            self._admission.look(peer, size, perf_counter())
        except Refused as refusal:
            return self._answer(refuse(refusal))
        return None

    def refuse(self, status: HTTPStatus, requirement: str, detail: str, retry_after: int | None = None) -> Answer:
        """The answer to a request that HTTP refuses, counted."""
        self._metrics.refused(status, requirement)
        return _problem(status, requirement, detail, _retry_after(retry_after))

    def handle(self, request: Request, respond: Respond) -> None:
        """Answer a request."""
        methods = self._routes.get(request.path)
        if methods is None:
            detail = f"there is no such path; records go to {SUBMIT.decode()}"
            respond(_problem(HTTPStatus.NOT_FOUND, "ORD-8", detail))
        elif (handler := methods.get(request.method)) is None:
            allowed = b", ".join(methods)
            detail = f"this path takes {allowed.decode()}"
            respond(_problem(HTTPStatus.METHOD_NOT_ALLOWED, "ORD-8", detail, {b"allow": allowed}))
        else:
            handler(request, respond)

    def _submit(self, request: Request, respond: Respond) -> None:
        began = perf_counter()
        tenant = request.headers.get(b"x-tenant-id", _DEFAULT_TENANT).decode("latin-1")
        peer, size = request.peer, len(request.body)

        def done(response: Response) -> None:
            if response.status in STATES_ENTRY:
                self._admission.give_back(peer, size)
            respond(self._answer(response))
            self._metrics.submit_seconds.observe(perf_counter() - began)

        def failed(error: Exception) -> None:
            """The node goes on; what was logged is kept, to be looked at with this."""
            log.error("submission.failed", exc_info=error)
            respond(_problem(HTTPStatus.INTERNAL_SERVER_ERROR, "ORD-1", "the node failed to judge this record"))

        try:
            self._admission.take(peer, size, began)
        except Refused as refusal:
            respond(self._answer(refuse(refusal)))
        else:
            submission = Submission(tenant, request.body)
            self._runtime.begin(ingest(submission, self._region, self._examine), done, failed)

    def _answer(self, response: Response) -> Answer:
        if response.status in STATES_ENTRY:
            return Answer(response.status, response.body)
        self._metrics.refused(response.status, msgspec.json.decode(response.body, type=Problem).requirement)
        return Answer(response.status, response.body, headers=_retry_after(response.retry_after))

    def _scrape(self, request: Request, respond: Respond) -> None:
        """Rendering takes milliseconds; so those who ask at the same time share one, made after all of them asked."""
        del request
        self._scraping.append(respond)
        if len(self._scraping) == 1:
            wait = max(0.0, self._rendered_at + self._metrics_gap - monotonic())
            asyncio.get_running_loop().call_later(wait, self._render)

    def _render(self) -> None:
        scraping, self._scraping = self._scraping, []
        try:
            answer = Answer(HTTPStatus.OK, self._metrics.exposition(), PROMETHEUS)
        except Exception:
            log.exception("metrics.failed")
            answer = _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "OBS-4", "the metrics cannot be read")
        self._rendered_at = monotonic()
        for respond in scraping:
            respond(answer)

    def _why_not_ready(self) -> str:
        return self._node.why_not_ready() or self._admission.why_not_open()

    def _ready(self) -> Answer:
        if reason := self._why_not_ready():
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "OBS-3", reason)
        return Answer(HTTPStatus.OK, b"ready\n", TEXT)


def _reading(make: Callable[[], Answer]) -> dict[bytes, Callable[[Request, Respond], None]]:
    """The methods of a path that is only read."""

    def handler(request: Request, respond: Respond) -> None:
        del request
        respond(make())

    return {b"GET": handler, b"HEAD": handler}


def _retry_after(seconds: float | None) -> Headers:
    return {} if seconds is None else {b"retry-after": b"%d" % seconds}


def _problem(status: HTTPStatus, requirement: str, detail: str, headers: Headers | None = None) -> Answer:
    return Answer(status, msgspec.json.encode(Problem(detail, requirement, None)), headers=headers or {})
