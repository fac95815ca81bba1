"""A hostile server ends in a verdict that names what it does; no check hangs, and no answer fills the memory."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from threading import Event, Thread

import pytest
from tests.support.conformance.memory_server import SIGNERS, Node, serving

from flk.conformance.reports.report import CaseStatus
from flk.conformance.server import outcomes, refusals
from flk.conformance.server.client import Client, header
from flk.conformance.server.connection import MOST_BYTES
from flk.conformance.server.examine import MOST_SILENT, examine, tried
from flk.conformance.server.target import Server
from flk.model.flow.submission import Response, Submission
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

SECONDS = 1.0
"""That an answer may take: who stalls is waited for so long."""
OK = b"HTTP/1.1 200 OK\r\n"


def reset(connection: socket.socket) -> None:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stall(connection: socket.socket) -> None:
    """Say nothing until the client has gone."""
    connection.recv(1)


def sends(*pieces: bytes, stalls: bool = False) -> Callable[[socket.socket], None]:
    """Sends these bytes, and then stalls or hangs up."""

    def misbehave(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if stalls:
            stall(connection)

    return misbehave


def repeats(before: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Sends something, and then something without end."""

    def misbehave(connection: socket.socket) -> None:
        connection.sendall(before)
        for each in repeat(piece):
            connection.sendall(each)

    return misbehave


def drip(connection: socket.socket) -> None:
    """Send a header field, a byte at a time."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 60000:
        connection.sendall(bytes([byte]))
        Event().wait(0.01)


BEHAVIOUR: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "resets": (reset, "the server reset the connection after 0 bytes"),
    "hangs up": (sends(), "the server hung up without an answer"),
    "stalls": (stall, "no whole answer within 1 s: the server sent nothing"),
    "stalls in the head": (sends(OK, stalls=True), "no whole answer within 1 s: the server stalled after 17 bytes"),
    "stalls in the body": (
        sends(OK, b"Content-Length: 9\r\n\r\n{", stalls=True),
        "stalled after 39 bytes, of a body of 9",
    ),
    "drips": (drip, "no whole answer within 1 s: the server stalled after"),
    "announces too much": (sends(OK, b"Content-Length: 9\r\n\r\n{}"), "ended the answer after 2 of 9 bytes"),
    "announces too little": (sends(OK + b"Content-Length: 1\r\n\r\n{}"), "sent more bytes than it announced"),
    "breaks off a chunk": (
        sends(OK, b"Transfer-Encoding: chunked\r\n\r\n9\r\n{"),
        "hung up in the middle of the answer",
    ),
    "announces a chunk of no size": (sends(OK, b"Transfer-Encoding: chunked\r\n\r\nz\r\n"), "middle of the answer"),
    "sends no end of a body": (repeats(OK + b"\r\n", b"y" * 65536), f"an answer of more than {MOST_BYTES} bytes"),
    "announces no end of a body": (
        repeats(OK + b"Content-Length: 9999999999999\r\n\r\n", b"y" * 65536),
        f"an answer of more than {MOST_BYTES} bytes",
    ),
    "sends no end of headers": (
        repeats(OK, b"X-Y: z\r\n"),
        "what is no HTTP: HTTPException: got more than 100 headers",
    ),
    "sends a line without end": (repeats(b"", b"y" * 65536), "what is no HTTP: LineTooLong"),
    "always continues": (repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "no whole answer within 1 s"),
    "speaks something else": (sends(b"SSH-2.0-OpenSSH_9.2\r\n"), "what is no HTTP: BadStatusLine"),
    "states an impossible status": (sends(b"HTTP/1.1 9999 OK\r\n\r\n"), "what is no HTTP: BadStatusLine"),
}


@contextmanager
def misbehaving(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads the head of a request, and then does that, on each connection; the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    if b"POST" not in connection.recv(1 << 16):
                        continue
                    behave(connection)
                if behaviour_over.is_set():
                    return

        behaviour_over = Event()
        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            behaviour_over.set()
            with socket.create_connection(listener.getsockname()) as last, suppress(OSError):
                last.sendall(b"POST")
                last.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("name", BEHAVIOUR)
def test_what_a_hostile_server_does_is_named(name: str) -> None:
    """The run ends at the preflight, without an answer, and says why."""
    behave, says = BEHAVIOUR[name]
    with misbehaving(behave) as url:
        report = examine(Server(Client(url, SECONDS), SIGNERS, seed=1))
    (result,) = report.results
    assert (result.name, result.status, report.verdict) == ("preflight", CaseStatus.SILENT, Verdict.VIOLATED)
    assert says in result.detail


class StallsOnForgeries(Node):
    """Takes honest records and answers nothing to others."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        if response.status >= 400:
            raise ConnectionAbortedError
        return response


def test_a_server_that_falls_silent_is_given_up() -> None:
    """After a few checks in a row without an answer the others are not asked."""
    checks = [refusals.wrong_id, refusals.bad_signature, refusals.forged_then_honest, refusals.malformed]
    with serving(StallsOnForgeries()) as url:
        report = examine(Server(Client(url, 10), SIGNERS, seed=1), [outcomes.accepted, *checks])
    statuses = [result.status for result in report.results]
    assert statuses == [CaseStatus.PASSED, *[CaseStatus.SILENT] * MOST_SILENT, CaseStatus.NOT_EXERCISED]


def test_a_check_has_its_time() -> None:
    """A server that is slow at each answer does not hold a check for ever."""
    with serving(Node()) as url:
        server = Server(Client(url, 10), SIGNERS, seed=1)
        server.client.allow(0)
        with pytest.raises(Exception, match="given up after 0 s"):
            server.submit(server.record())
        assert tried(outcomes.accepted, server).status is CaseStatus.PASSED


def test_headers_and_a_prefix_go_with_each_request() -> None:
    """What a gateway before the service asks for."""
    seen: list[tuple[str, list[str]]] = []

    class Gateway(Node):
        def route(self, path: str) -> str:
            seen.append((path, []))
            return path.removeprefix("/flk/eu")

        def names(self, headers: object, connection: object) -> list[str]:
            seen[-1][1].append(headers["X-Api-Key"])  # type: ignore[index]  # of a message
            return super().names(headers, connection)  # type: ignore[arg-type]

    with serving(Gateway()) as url:
        client = Client(f"{url}/flk/eu/", 10, [header("X-Api-Key: 7")])
        assert examine(Server(client, SIGNERS, seed=1), [outcomes.duplicate]).verdict is Verdict.HOLDS
    assert {path for path, _ in seen} == {"/flk/eu/v1/pcs/submit"}
    assert all(keys == ["7"] for _, keys in seen)


@pytest.mark.parametrize("text", ["X-Api-Key", ": 7", "X: 7\r\nY: 8", "X-Tenant-Id: other", "Host: here", "X: \u20ac"])
def test_what_is_no_header_is_refused(text: str) -> None:
    """No name, no line of its own, or one that the kit writes itself."""
    with pytest.raises(UnusableInput, match="--header"):
        header(text)
