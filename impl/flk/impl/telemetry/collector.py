"""A collector over OTLP/HTTP: a request with protobuf, and what its answer says (OTLP 1.x, section "OTLP/HTTP")."""

import asyncio
import os
import time

import httpx
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_CERTIFICATE,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE,
    OTEL_EXPORTER_OTLP_CLIENT_KEY,
    OTEL_EXPORTER_OTLP_HEADERS,
)
from opentelemetry.util.re import parse_env_headers

from flk.impl.http.patience import retry_after
from flk.impl.http.trust import trust_of
from flk.model.flow.submission import Response

AGAIN = frozenset({429, 502, 503, 504})
"""The answers after which a request is sent again."""


class Collector:
    """A collector. The environment says what it is shown and whom to trust, by the names that OpenTelemetry gives.

    Raises UnusableInput for a file that cannot be used.
    """

    def __init__(self, base: str, timeout: float, most_bytes: int) -> None:
        self._base = base
        self._timeout = timeout
        self._most_bytes = most_bytes
        own, key = os.environ.get(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE), os.environ.get(OTEL_EXPORTER_OTLP_CLIENT_KEY)
        trust = trust_of(os.environ.get(OTEL_EXPORTER_OTLP_CERTIFICATE), (own, key) if own and key else None)
        self._verify = trust.context()
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "Accept-Encoding": "identity",
            **parse_env_headers(os.environ.get(OTEL_EXPORTER_OTLP_HEADERS, ""), liberal=True),
        }

    def client(self) -> httpx.AsyncClient:
        """What `post` sends with, in the event loop that runs."""
        return httpx.AsyncClient(verify=self._verify, timeout=self._timeout, headers=self._headers, trust_env=False)

    async def post(self, client: httpx.AsyncClient, signal: str, content: bytes) -> Response | str:
        """The answer, of which not more is read than one may be long; or why none came, in all the time that it may take."""
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self._timeout),
                client.stream("POST", f"{self._base}/v1/{signal}", content=content) as answer,
            ):
                async for piece in answer.aiter_raw():
                    body += piece
                    if len(body) > self._most_bytes:
                        break
        except TimeoutError:
            return f"no answer in {self._timeout:g} s"
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            return str(error) or type(error).__name__
        return Response(answer.status_code, bytes(body), retry_after(answer.headers.get("Retry-After"), time.time()))
