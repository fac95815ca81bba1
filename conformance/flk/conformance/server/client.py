"""Requests to one base URL, each answered within a deadline, and all of a check within its time."""

import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from flk.conformance.server.connection import Connection
from flk.conformance.server.replies import NoAnswer, Reply
from flk.spec.errors import UnusableInput


class Client:
    """Requests to one base URL, whose path comes before every path. `headers` go with each request.

    Raises UnusableInput if it is not an http or https URL, and for a header that is none.
    """

    def __init__(self, url: str, timeout: float, headers: Iterable[tuple[str, str]] = ()) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UnusableInput(f"{url}: {error}; write http://HOST:PORT") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise UnusableInput(f"{url}: not the base URL of a server; write http://HOST:PORT")
        self.url = url
        self.headers = tuple(headers)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname, port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        self._until = float("inf")

    def allow(self, seconds: float) -> None:
        """Give all that is asked from now on so many seconds together: a server that is slow each time is slow."""
        self._until = time.monotonic() + seconds
        self._allowed = seconds

    _allowed = float("inf")

    def connect(self) -> Connection:
        """A connection, for several requests. Raises NoAnswer."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise NoAnswer(f"the check was given up after {self._allowed:g} s: the server answers too slowly")
        return Connection(self._host, self._port, min(self._timeout, left), self._tls)

    def send(
        self,
        connection: Connection,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] = b"",
        headers: Iterable[tuple[str, str]] = (),
        trailers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Write a request to an open connection."""
        connection.send(method, self._prefix + path, body, [*headers, *self.headers], trailers)

    def request(
        self, method: str, path: str, body: bytes | Iterator[bytes] = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> Reply:
        """One request over a connection of its own. A body in pieces is sent chunked. Raises NoAnswer."""
        try:
            with self.connect() as connection:
                self.send(connection, method, path, body, headers)
                reply = connection.receive(method)
                connection.expect_nothing()
                return reply
        except NoAnswer as silence:
            raise type(silence)(f"{method} {path}: {silence}") from None


def header(text: str) -> tuple[str, str]:
    """A header field as it is given on a command line. Raises UnusableInput.

    >>> header("X-Api-Key: 7")
    ('X-Api-Key', '7')
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not all(" " <= character <= "\xff" for character in text):
        raise UnusableInput(f"--header {text!r}: not a header field; write 'Name: value'")
    if name.strip().lower() in OURS:
        raise UnusableInput(f"--header {text!r}: the kit writes {name.strip()} itself; leave it out")
    return name.strip(), value.strip()


OURS: Sequence[str] = ("host", "content-length", "transfer-encoding", "x-tenant-id", "connection")
