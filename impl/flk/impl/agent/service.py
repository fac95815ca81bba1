"""One connection to the service: posts submissions and reads answers; None stands for no answer."""

import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from select import POLLIN, poll
from socket import SHUT_RDWR
from types import MappingProxyType
from urllib.parse import urlsplit

from flk.impl.http.patience import retry_after
from flk.impl.http.trust import Trust
from flk.model.flow.answers import SUBMIT_PATH
from flk.model.flow.submission import Response, Submission
from flk.spec.errors import UnusableInput

_MOST_BYTES = 1 << 16  # of an answer; those of the service are shorter


class Service:
    """Where the service is, and whom to trust to be it, if it speaks TLS. Raises UnusableInput unless `url` is that of an HTTP
    service and the files of `trust` hold what they should. What is posted is part of the span `followed`, if there is one.
    """

    def __init__(self, url: str, trust: Trust = Trust(), followed: str = "") -> None:  # noqa: B008  (it is frozen)
        try:
            parts = urlsplit(url)
            self.host, self.port = parts.hostname or "", parts.port
        except ValueError as error:
            raise UnusableInput(f"--to {url}: {error}") from None
        if parts.scheme not in {"http", "https"} or not self.host or parts.query or parts.fragment:
            raise UnusableInput(f"--to {url}: not the address of a service; it reads like http://127.0.0.1:8080")
        self._tls = trust.context() if parts.scheme == "https" else None
        if self._tls is None and trust != Trust():
            raise UnusableInput(f"--to {url}: files of TLS were named, and the address is without; write https://…")
        self.path = parts.path.rstrip("/") + SUBMIT_PATH
        self._traced = {"traceparent": followed} if followed else {}

    def connection(self, timeout: float) -> "Connection":
        """A connection of its own, for one thread at a time; `timeout` in seconds for each step of an exchange."""
        if self._tls is None:
            return Connection(HTTPConnection(self.host, self.port, timeout=timeout), self.path, self._traced)
        http = HTTPSConnection(self.host, self.port, timeout=timeout, context=self._tls)
        return Connection(http, self.path, self._traced)


class Connection:
    """A connection that stays open between posts, and opens again when it was lost. Each post has the fields `traced`, too."""

    def __init__(self, http: HTTPConnection, path: str, traced: Mapping[str, str] = MappingProxyType({})) -> None:
        self._http = http
        self._path = path
        self._traced = traced
        self._ended = False

    def post(self, submission: Submission) -> Response | None:
        """The service's answer, None if none came."""
        self._forget_if_closed()
        try:
            return None if self._ended else self._exchange(submission)
        except (OSError, HTTPException):
            self._http.close()
            return None

    def end(self) -> None:
        """Break the connection off for good, from whatever thread: a post under way gets no answer."""
        self._ended = True
        if (sock := self._http.sock) is not None:
            with suppress(OSError):
                sock.shutdown(SHUT_RDWR)

    def close(self) -> None:
        """Release the connection. No thread may post on it afterwards."""
        self._http.close()

    def _forget_if_closed(self) -> None:
        """An idle connection that has something to read was closed at the other end; posting on it would fail for no reason."""
        if (sock := self._http.sock) is not None:
            idle = poll()
            idle.register(sock, POLLIN)
            if idle.poll(0):
                self._http.close()

    def _exchange(self, submission: Submission) -> Response:
        headers = {"Content-Type": "application/json", "X-Tenant-Id": submission.tenant, **self._traced}
        self._http.request("POST", self._path, submission.body, headers)
        answer = self._http.getresponse()
        body = answer.read(_MOST_BYTES)
        if not answer.isclosed():  # there is more, which is none of the service's answers
            self._http.close()
        return Response(answer.status, body, retry_after(answer.getheader("Retry-After"), time.time()))
