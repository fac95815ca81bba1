"""One HTTP request at a time, with nothing but the standard library, and the reply exactly as it came."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from flk.spec.errors import UnusableInput

SHOWN = 300
CHUNK = 65536


class NoAnswer(Exception):
    """The server gave no HTTP answer: it could not be reached, hung up, or took too long. This says nothing about what it did."""


class Failed(Exception):
    """The server answered, and not as it must. Says what was expected and what came."""


class Reply(NamedTuple):
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The JSON object in the body. Raises Failed if there is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Failed(f"expected a JSON object, got {self}")
        return value

    def __str__(self) -> str:
        """Status and the beginning of the body."""
        text = self.body.decode(errors="replace")
        return f"{self.status} {text if len(text) <= SHOWN else text[:SHOWN] + ' ...'}"


class Client:
    """Requests to one base URL. Raises UnusableInput if it is not an http or https URL."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise UnusableInput(f"{url}: not the base URL of a server; write http://HOST:PORT")
        self.url = url
        self._connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout

    def request(
        self, method: str, path: str, body: bytes | Iterator[bytes] = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> Reply:
        """One request over a connection of its own. A body in pieces is sent chunked. Raises NoAnswer."""
        connection = self._connect(self._host, self._port, timeout=self._timeout)
        try:
            connection.putrequest(method, self._prefix + path)
            for name, value in headers:
                connection.putheader(name, value)
            if isinstance(body, bytes):
                connection.putheader("Content-Length", str(len(body)))
            else:
                connection.putheader("Transfer-Encoding", "chunked")
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it read everything
                connection.endheaders(body, encode_chunked=not isinstance(body, bytes))
            response = connection.getresponse()
            return Reply(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        except (OSError, HTTPException) as error:
            raise NoAnswer(f"{method} {path}: {type(error).__name__}: {error}") from None
        finally:
            connection.close()
