"""What a node answers from its first moment on: `/health`, `/ready`, `/metrics`, and that it takes no records yet (OBS-3)."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic

import msgspec
import structlog

from flk.impl.http.messages import Answer, Headers, Request, Respond
from flk.impl.http.origins import preflight
from flk.impl.server.metrics import Metrics
from flk.impl.server.progress import Progress
from flk.model.flow.answers import BATCH_PATH, SUBMIT_PATH
from flk.model.flow.submission import Problem
from flk.spec.constants import CONSTANTS

SUBMIT, BATCH = SUBMIT_PATH.encode(), BATCH_PATH.encode()
TEXT = b"text/plain; charset=utf-8"
PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"

log = structlog.get_logger()


class Probes:
    """Handles the requests of a node that is starting. /metrics is rendered once in `metrics_gap` seconds at most, for all who ask
    meanwhile. With `pages` it tells browsers that pages of other origins may ask.
    """

    def __init__(
        self,
        metrics: Metrics,
        progress: Progress,
        metrics_gap: float = CONSTANTS.http.metrics_gap_seconds,
        *,
        pages: bool = False,
    ) -> None:
        self._metrics = metrics
        self._progress = progress
        self._metrics_gap = metrics_gap
        self._pages = pages
        self._rendered_at = float("-inf")
        self._scraping: list[Respond] = []
        self._routes: dict[bytes, dict[bytes, Callable[[Request, Respond], None]]] = {
            SUBMIT: {b"POST": self.submit},
            BATCH: {b"POST": self.submit_batch},
            b"/health": _reading(self._health),
            b"/ready": _reading(self._ready),
            b"/metrics": {b"GET": self._scrape, b"HEAD": self._scrape},
        }
        self._metrics.watch(lambda: 0.0, lambda: 0.0, lambda: 0.0)

    def check(self, request: Request, size: int) -> Answer | None:
        """Refuse a body before it is read."""
        del request, size
        return self._not_yet()

    def refuse(self, status: HTTPStatus, requirement: str, detail: str, retry_after: int | None = None) -> Answer:
        """The answer to a request that HTTP refuses, counted."""
        self._metrics.refused(status, requirement)
        return problem(status, requirement, detail, retry_after_field(retry_after))

    def handle(self, request: Request, respond: Respond) -> None:
        """Answer a request."""
        methods = self._routes.get(request.path)
        if methods is None:
            detail = f"there is no such path; records go to {SUBMIT.decode()}"
            respond(problem(HTTPStatus.NOT_FOUND, "ORD-8", detail))
        elif (handler := methods.get(request.method)) is None:
            allowed = b", ".join(methods)
            if self._pages and request.method == b"OPTIONS":
                respond(Answer(HTTPStatus.OK, b"", TEXT, preflight(allowed)))
                return
            detail = f"this path takes {allowed.decode()}"
            respond(problem(HTTPStatus.METHOD_NOT_ALLOWED, "ORD-8", detail, {b"allow": allowed}))
        else:
            handler(request, respond)

    def submit(self, request: Request, respond: Respond) -> None:
        """Take no record before the log is replayed (WAL-5)."""
        del request
        respond(self._not_yet())

    def submit_batch(self, request: Request, respond: Respond) -> None:
        """Take none of many, likewise."""
        self.submit(request, respond)

    def why_not_ready(self) -> str:
        """Why the node takes no records now, empty if it does."""
        return str(self._progress)

    def beside(self) -> str:
        """What else is to be said of a node that is ready; empty if nothing."""
        return ""

    def _not_yet(self) -> Answer:
        return self.refuse(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "ORD-4",
            self.why_not_ready(),
            CONSTANTS.node.unavailable_retry_after_seconds,
        )

    def _health(self) -> Answer:
        return Answer(HTTPStatus.OK, _lines("ok", str(self._progress)), TEXT)

    def _ready(self) -> Answer:
        if reason := self.why_not_ready():
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "OBS-3", reason)
        return Answer(HTTPStatus.OK, _lines("ready", self.beside()), TEXT)

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
            answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "OBS-4", "the metrics cannot be read")
        self._rendered_at = monotonic()
        for respond in scraping:
            respond(answer)


def _reading(make: Callable[[], Answer]) -> dict[bytes, Callable[[Request, Respond], None]]:
    """The methods of a path that is only read."""

    def handler(request: Request, respond: Respond) -> None:
        del request
        respond(make())

    return {b"GET": handler, b"HEAD": handler}


def retry_after_field(seconds: float | None) -> Headers:
    """The header that asks a client to wait, if it is to."""
    return {} if seconds is None else {b"retry-after": b"%d" % seconds}


def problem(status: HTTPStatus, requirement: str, detail: str, headers: Headers | None = None) -> Answer:
    """An answer that names the requirement for which there is no other."""
    return Answer(status, msgspec.json.encode(Problem(detail, requirement, None)), headers=headers or {})


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines if line).encode()
