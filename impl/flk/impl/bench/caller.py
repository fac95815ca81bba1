"""One request after another over one connection, at little cost, so that on a small machine the server gets the processor."""

import re
import socket
from urllib.parse import urlsplit

from flk.impl.bench.load import encode_request
from flk.model.flow.submission import Submission

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
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
        while (end := received.find(_HEAD_END)) < 0:
            received += self._more(connection)
        length = _LENGTH.search(received, 0, end + 2)
        if length is None:
            raise ConnectionError("an answer without its length")
        whole = end + len(_HEAD_END) + int(length[1])
        while len(received) < whole:
            received += self._more(connection)
        return int(received[9:12]), received[end + len(_HEAD_END) :]

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
