"""The service over HTTP: routes, status codes, bodies (ORD-*, OBS-3).

What a submission means is decided by the programs; here it is only read, begun and answered.
"""

from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter

import msgspec
import structlog

from flk.impl.server.http import Answer, Headers, Request
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

Respond = Callable[[Answer], None]

log = structlog.get_logger()


class Service:
    """Handles the requests of one node."""

    def __init__(self, runtime: Runtime, region: str, examine: Examine) -> None:
        self._runtime = runtime
        self._node = runtime.node
        self._metrics = runtime.node.metrics
        self._region = region
        self._examine = examine
        self._routes: dict[bytes, dict[bytes, Callable[[Request, Respond], None]]] = {
            SUBMIT: {b"POST": self._submit},
            b"/health": _reading(lambda: Answer(HTTPStatus.OK, b"ok\n", TEXT)),
            b"/ready": _reading(self._ready),
            b"/metrics": _reading(lambda: Answer(HTTPStatus.OK, self._metrics.exposition(), PROMETHEUS)),
        }
        self._metrics.watch(lambda: self._node.in_flight, lambda: not self._node.why_not_ready())

    def check(self, size: int) -> Answer | None:
        """Refuse a body that will not be admitted, before it is read (ORD-5, ORD-6)."""
        try:
            admit(size, self._node.in_flight, behind=self._node.behind)
        except Refused as refusal:
            return self._answer(refuse(refusal))
        return None

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

        def done(response: Response) -> None:
            respond(self._answer(response))
            self._metrics.submit_seconds.observe(perf_counter() - began)

        def failed(error: Exception) -> None:
            """The node goes on; what was logged is kept, to be looked at with this."""
            log.error("submission.failed", exc_info=error)
            respond(_problem(HTTPStatus.INTERNAL_SERVER_ERROR, "ORD-1", "the node failed to judge this record"))

        self._runtime.begin(ingest(Submission(tenant, request.body), self._region, self._examine), done, failed)

    def _answer(self, response: Response) -> Answer:
        if response.status in STATES_ENTRY:
            return Answer(response.status, response.body)
        self._metrics.refused(response.status, msgspec.json.decode(response.body, type=Problem).requirement)
        after = response.retry_after
        return Answer(response.status, response.body, headers={} if after is None else {b"retry-after": b"%d" % after})

    def _ready(self) -> Answer:
        if reason := self._node.why_not_ready():
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "OBS-3", reason)
        return Answer(HTTPStatus.OK, b"ready\n", TEXT)


def _reading(make: Callable[[], Answer]) -> dict[bytes, Callable[[Request, Respond], None]]:
    """The methods of a path that is only read."""

    def handler(request: Request, respond: Respond) -> None:
        del request
        respond(make())

    return {b"GET": handler, b"HEAD": handler}


def _problem(status: HTTPStatus, requirement: str, detail: str, headers: Headers | None = None) -> Answer:
    return Answer(status, msgspec.json.encode(Problem(detail, requirement, None)), headers=headers or {})
