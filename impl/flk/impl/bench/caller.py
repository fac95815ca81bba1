"""One request after another over one connection, at little cost, so that on a small machine the server gets the processor."""

import socket
from urllib.parse import urlsplit

from flk.impl.bench.load import answer_of, encode_request
from flk.model.flow.submission import Submission

_READ = 65_536


class Caller:
    """A client of one server, which connects when it first sends, and anew after the connection was lost."""

    def __init__(self, url: str, timeout: float | None = None) -> None:
        self._host = urlsplit(url).netloc
        self._timeout = timeout
        self._socket: socket.socket | None = None

    def send(self, sent: Submission) -> tuple[int | None, bytes]:
        """Status and body of the answer; None if the server is gone."""
        try:
            if self._socket is None:
                name, _, port = self._host.rpartition(":")
                self._socket = socket.create_connection((name, int(port)), self._timeout)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(encode_request(sent, self._host))
            return self._answer(self._socket)
        except OSError:
            self.close()
            return None, b""

    def _answer(self, connection: socket.socket) -> tuple[int, bytes]:
        received = b""
        while (answer := answer_of(received)) is None:
            received += self._more(connection)
        return answer

    @staticmethod
    def _more(connection: socket.socket) -> bytes:
        if more := connection.recv(_READ):
            return more
        raise ConnectionError("the server closed the connection")

    def close(self) -> None:
        """Release the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
