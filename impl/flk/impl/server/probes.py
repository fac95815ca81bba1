"""What a node answers from its first moment on: `/health`, `/ready`, `/metrics`, and that it takes no records yet (OBS-3)."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from flk.impl.access import Access, Role, TokenEntry
from flk.impl.http.messages import Answer, Request, Respond
from flk.impl.http.origins import preflight
from flk.impl.http.router import Methods, Router, reading
from flk.impl.server.metrics import Metrics
from flk.impl.server.progress import Progress
from flk.impl.server.refusing import misdirected, permitted, problem, retry_after_field
from flk.impl.server.scrapes import Scrapes
from flk.model.flow.answers import BATCH_PATH, OUTCOMES_PATH, SUBMIT_PATH
from flk.spec.constants import CONSTANTS

TEXT = b"text/plain; charset=utf-8"


class Probes:
    """Handles the requests of a node that is starting. With `scrapes` it answers /metrics, with `access` questions for outcomes;
    with `pages` it tells browsers that pages of other origins may ask. It answers `further` paths, too.
    """

    def __init__(
        self,
        metrics: Metrics,
        progress: Progress,
        scrapes: Scrapes | None = None,
        access: Access | None = None,
        *,
        pages: bool = False,
        further: Mapping[str, Methods] | None = None,
    ) -> None:
        self._metrics = metrics
        self._progress = progress
        self._pages = pages
        paths: dict[str, Methods] = {
            SUBMIT_PATH: {b"POST": self.submit},
            BATCH_PATH: {b"POST": self.submit_batch},
            "/health": _reading(self.health),
            "/ready": _reading(self.ready),
        }
        if scrapes is not None:
            paths["/metrics"] = reading(scrapes.ask)
        if access is not None:
            paths[f"{OUTCOMES_PATH}/{{pcs_id}}"] = reading(permitted(access, self.refuse, self.outcome, Role.TENANT))
        self._router = Router({**paths, **(further or {})})
        self._metrics.watch(lambda: 0.0, lambda: 0.0, lambda: 0.0)

    def check(self, request: Request, size: int) -> Answer | None:
        """Refuse a body before it is read."""
        del request, size
        return self.not_yet()

    def refuse(self, status: HTTPStatus, requirement: str, detail: str, retry_after: int | None = None) -> Answer:
        """The answer to a request that HTTP refuses, counted."""
        self._metrics.refused(status, requirement)
        return problem(status, requirement, detail, retry_after_field(retry_after))

    def handle(self, request: Request, respond: Respond) -> None:
        """Answer a request."""
        methods = self._router.methods(request)
        endpoint = None if methods is None else methods.get(request.method)
        if endpoint is not None:
            endpoint(request, respond)
        elif methods is not None and self._pages and request.method == b"OPTIONS":
            respond(Answer(HTTPStatus.OK, b"", TEXT, preflight(b", ".join(methods))))
        else:
            respond(misdirected(methods, f"there is no such path; records go to {SUBMIT_PATH}"))

    def submit(self, request: Request, respond: Respond) -> None:
        """Take no record before the log is replayed (WAL-5)."""
        del request
        respond(self.not_yet())

    def submit_batch(self, request: Request, respond: Respond) -> None:
        """Take none of many, likewise."""
        self.submit(request, respond)

    def outcome(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        """Nor tell what is stored."""
        del request, entry
        respond(self.not_yet())

    def why_not_ready(self) -> str:
        """Why the node takes no records now, empty if it does."""
        return str(self._progress)

    def beside(self) -> str:
        """What else is to be said of a node that is ready; empty if nothing."""
        return ""

    def not_yet(self) -> Answer:
        """The answer to what takes a node that serves."""
        return self.refuse(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "ORD-4",
            self.why_not_ready(),
            CONSTANTS.node.unavailable_retry_after_seconds,
        )

    def health(self) -> Answer:
        """That the process answers, and how far a start has come."""
        return Answer(HTTPStatus.OK, _lines("ok", str(self._progress)), TEXT)

    def ready(self) -> Answer:
        """Whether the node takes records, or why not."""
        if reason := self.why_not_ready():
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "OBS-3", reason)
        return Answer(HTTPStatus.OK, _lines("ready", self.beside()), TEXT)


def _reading(make: Callable[[], Answer]) -> Methods:
    """The methods of a path that is only read, and answered at once."""

    def endpoint(request: Request, respond: Respond) -> None:
        del request
        respond(make())

    return reading(endpoint)


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines if line).encode()
