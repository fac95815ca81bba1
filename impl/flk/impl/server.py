"""The service over HTTP, on Granian's RSGI: routes, status codes, bodies (ORD-*, OBS-3).

What a request means is decided by the programs; here it is only read, started and answered.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Protocol

import msgspec
import structlog
from granian.rsgi import Scope

from flk.impl.metrics import Metrics
from flk.impl.runtime import Runtime
from flk.model.admission import admit
from flk.model.programs.ingest import ingest
from flk.model.refusal import Refused
from flk.model.signing import Keyring
from flk.model.submission import Problem, Response, Submission, refuse
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.node
SUBMIT = "/v1/pcs/submit"
JSON = ("content-type", "application/json")
TEXT = ("content-type", "text/plain; charset=utf-8")
PROMETHEUS = ("content-type", "text/plain; version=0.0.4; charset=utf-8")
_JSON_ALONE = [JSON]


class Exchange(Protocol):
    """The part of RSGI's HTTP protocol that is used here: read the body, whole or in chunks, and respond."""

    async def __call__(self) -> bytes:
        """The whole body."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks of the body."""
        ...

    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
        """Respond with text."""
        ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Respond with bytes."""
        ...


Handler = Callable[[Scope, Exchange], Awaitable[None]]

log = structlog.get_logger()


class Service:
    """An RSGI application. One worker owns the log, so there is one of these to a process."""

    def __init__(self, runtime: Runtime, region: str, keyring: Keyring) -> None:
        self._runtime = runtime
        self._node = runtime.node
        self._metrics: Metrics = runtime.node.metrics
        self._region = region
        self._keyring = keyring
        self._routes: dict[str, dict[str, Handler]] = {
            SUBMIT: {"POST": self._submit},
            "/health": {"GET": self._health, "HEAD": self._health},
            "/ready": {"GET": self._ready, "HEAD": self._ready},
            "/metrics": {"GET": self._exposition, "HEAD": self._exposition},
        }
        self._metrics.watch(lambda: self._node.in_flight, lambda: not self._node.why_not_ready())

    async def __rsgi__(self, scope: Scope, protocol: Exchange) -> None:
        """Answer one request."""
        methods = self._routes.get(scope.path)
        if methods is None:
            _refuse(protocol, HTTPStatus.NOT_FOUND, "ORD-8", f"there is no such path; records go to {SUBMIT}")
        elif (handler := methods.get(scope.method)) is None:
            allowed = ", ".join(methods)
            detail = f"this path takes {allowed}"
            _refuse(protocol, HTTPStatus.METHOD_NOT_ALLOWED, "ORD-8", detail, ("allow", allowed))
        else:
            await handler(scope, protocol)

    async def _submit(self, scope: Scope, protocol: Exchange) -> None:
        try:
            body = await self._body(scope, protocol)
        except Refused as refusal:
            self._answer(protocol, refuse(refusal))
            return
        began = time.perf_counter()
        tenant = scope.headers.get("x-tenant-id", LIMITS.default_tenant)
        try:
            response = await self._runtime.start(ingest(Submission(tenant, body), self._region, self._keyring))
        except Exception:  # the node goes on; what was logged is kept, and looked at with this
            log.exception("submission.failed", tenant=tenant)
            _refuse(protocol, HTTPStatus.INTERNAL_SERVER_ERROR, "ORD-1", "the node failed to judge this record")
            return
        self._answer(protocol, response)
        self._metrics.submit_seconds.observe(time.perf_counter() - began)

    async def _body(self, scope: Scope, protocol: Exchange) -> bytes:
        """The request's body. Raises the refusal of ORD-5 or ORD-6 before more is read than it must."""
        declared = scope.headers.get("content-length")
        admit(int(declared or 0), self._node.in_flight, behind=self._node.behind)
        if declared is not None:
            return await protocol()
        body = b""
        async for chunk in protocol:
            body += chunk
            admit(len(body), self._node.in_flight, behind=self._node.behind)
        return body

    def _answer(self, protocol: Exchange, response: Response) -> None:
        headers = _JSON_ALONE
        if response.status >= HTTPStatus.BAD_REQUEST and response.status != HTTPStatus.CONFLICT:
            self._metrics.refused(response.status, msgspec.json.decode(response.body, type=Problem).requirement)
        if response.retry_after is not None:
            headers = [JSON, ("retry-after", f"{response.retry_after:.0f}")]
        protocol.response_bytes(response.status, headers, response.body)

    async def _health(self, scope: Scope, protocol: Exchange) -> None:
        del scope
        protocol.response_str(HTTPStatus.OK, [TEXT], "ok\n")

    async def _ready(self, scope: Scope, protocol: Exchange) -> None:
        del scope
        if reason := self._node.why_not_ready():
            _refuse(protocol, HTTPStatus.SERVICE_UNAVAILABLE, "OBS-3", reason)
        else:
            protocol.response_str(HTTPStatus.OK, [TEXT], "ready\n")

    async def _exposition(self, scope: Scope, protocol: Exchange) -> None:
        del scope
        protocol.response_bytes(HTTPStatus.OK, [PROMETHEUS], self._metrics.exposition())


def _refuse(protocol: Exchange, status: HTTPStatus, requirement: str, detail: str, *headers: tuple[str, str]) -> None:
    protocol.response_bytes(status, [JSON, *headers], msgspec.json.encode(Problem(detail, requirement, None)))
