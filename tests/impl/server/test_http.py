"""HTTP on the event loop: the same answers however the bytes arrive, in order, within limits, and an orderly end."""

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flk.impl.server import http
from flk.impl.server.http import Answer, Listener, Request, _Connection

LIMIT = 100_000
Respond = Callable[[Answer], None]


class Echo:
    """Answers with what it was asked, at once or when told to; takes bodies of up to LIMIT bytes."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.waiting: list[tuple[Request, Respond]] = []
        self.checked: list[int] = []

    def check(self, size: int) -> Answer | None:
        self.checked.append(size)
        return Answer(413, b"too large") if size > LIMIT else None

    def handle(self, request: Request, respond: Respond) -> None:
        self.waiting.append((request, respond))
        if self.at_once:
            self.answer_next()

    def answer_next(self) -> None:
        request, respond = self.waiting.pop(0)
        tenant = request.headers.get(b"x-tenant-id", b"-")
        respond(Answer(200, b"|".join((request.method, request.path, tenant, request.body))))


class Wire(asyncio.Transport):
    """A transport that keeps what is written and what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.ended = False
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Client(NamedTuple):
    """A connection, its far end, and its server."""

    connection: _Connection
    wire: Wire
    listener: Listener
    echo: Echo

    def send(self, data: bytes) -> bytes:
        """What is written in return, without the dates."""
        before = len(self.wire.written)
        self.connection.data_received(data)
        return self.wire.written[before:].replace(self.listener.date, b"")

    def bodies(self) -> list[bytes]:
        """The bodies answered so far."""
        return [part.partition(b"\r\n\r\n")[2] for part in self.wire.written.split(b"HTTP/1.1 200 OK\r\n")[1:]]


def connect(*, at_once: bool = True) -> Client:
    """A client of a server of its own."""
    echo = Echo(at_once=at_once)
    listener, wire = Listener(echo), Wire()
    connection = _Connection(listener)
    connection.connection_made(wire)
    return Client(connection, wire, listener, echo)


def post(body: bytes = b"", path: bytes = b"/p", head: bytes = b"", version: bytes = b"1.1") -> bytes:
    """A request with a body of known length."""
    return b"POST %b HTTP/%b\r\nhost: a\r\ncontent-length: %d\r\n%b\r\n%b" % (path, version, len(body), head, body)


def chunked(body: bytes) -> bytes:
    """A request with the same body in one chunk."""
    return b"POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


bodies = st.binary(min_size=1, max_size=60)
requests = st.builds(post, bodies, head=st.sampled_from([b"", b"x-tenant-id: t\r\n"])) | bodies.map(chunked)


@settings(max_examples=150, deadline=None)
@given(st.lists(requests, min_size=1, max_size=6), st.data(), st.booleans())
def test_answers_do_not_depend_on_how_the_bytes_arrive(sent: list[bytes], data: st.DataObject, at_once: bool) -> None:
    """Any requests, pipelined, cut into any pieces, answered at once or late: the same answers in the order of the requests."""
    whole = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    alone = []
    for each in sent:
        client = connect()
        client.send(each)
        alone += client.bodies()
    client = connect(at_once=at_once)
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        client.send(whole[start:end])
    while client.echo.waiting:
        client.echo.answer_next()
    assert client.bodies() == alone
    assert len(alone) == len(sent)
    assert not client.wire.closed


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=5))
@example([b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"])
@example([b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"])
@example([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_bytes_that_are_no_request_end_the_connection_and_nothing_else(pieces: list[bytes]) -> None:
    """At most one 400, after which nothing is heard; two ways to tell a body's length count as none."""
    client = connect()
    for piece in pieces:
        client.send(piece)
    assert client.wire.written.count(b"HTTP/1.1 400 ") <= 1
    if b"HTTP/1.1 400 " in client.wire.written:
        assert client.wire.ended
        assert client.send(post(b"a")) == b""


def test_headers_come_in_lower_case_and_repeated_ones_together() -> None:
    """So that a second X-Tenant-Id cannot hide behind the first (ORD-9)."""
    client = connect()
    client.send(post(b"a", head=b"X-Tenant-ID: one\r\nx-tenant-id:  two \r\n"))
    assert client.bodies() == [b"POST|/p|one, two|a"]


@pytest.mark.parametrize(
    ("target", "path"), [(b"/a?b=c", b"/a"), (b"http://host/a?b", b"/a"), (b"http://host", b"/"), (b"*", b"*")]
)
def test_the_path_is_that_of_the_target_without_its_query(target: bytes, path: bytes) -> None:
    """In origin form, in absolute form, or neither (RFC 9112, section 3.2)."""
    client = connect()
    client.send(post(b"a", path=target) if target != b"*" else b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n")
    assert client.bodies()[0].split(b"|")[1] == path


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    """The answer comes with the head; what follows is not heard, and the connection ends when the client had time to read it."""
    client = connect()
    answer = client.send(b"POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 100001\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close\r\n" in answer
    assert client.send(b"x" * 100_001 + post(b"a")) == b""
    assert client.wire.ended
    assert client.connection.deadline < client.listener.now + http.IDLE_SECONDS


def test_a_chunked_body_is_refused_when_it_passes_the_limit() -> None:
    """Not before, and not after all of it has come."""
    client = connect()
    assert client.send(b"POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n") == b""
    assert client.send(b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000)) == b""
    assert client.send(b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000)).startswith(b"HTTP/1.1 413 ")
    assert client.wire.ended


def test_a_small_refused_body_is_read_and_dropped() -> None:
    """So that a node with enough in flight does not also have to make new connections."""
    client = connect()
    client.echo.check = lambda size: Answer(429) if size < 10 else None  # type: ignore[method-assign]  # the test's
    assert client.send(post(b"small") + post(b"large enough")).startswith(b"HTTP/1.1 429 ")
    assert client.bodies() == [b"POST|/p|-|large enough"]
    assert not client.wire.ended


def test_an_endless_head_is_refused() -> None:
    """431, and the connection ends."""
    client = connect()
    client.send(b"GET / HTTP/1.1\r\n")
    answer = b"".join(client.send(b"x-%d: %b\r\n" % (number, b"y" * 1000)) for number in range(17))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert client.wire.ended


def test_who_asks_before_sending_is_told_to_go_on() -> None:
    """`Expect: 100-continue`, unless the body is refused (RFC 9110, section 10.1.1)."""
    client = connect()
    head = b"POST /p HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: "
    assert client.send(head + b"1\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"a")
    assert client.bodies() == [b"POST|/p|-|a"]
    assert client.send(head + b"100001\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_an_answer_to_head_has_no_body() -> None:
    """But the length that GET would have (RFC 9110, section 9.3.2)."""
    client = connect()
    answer = client.send(b"HEAD /p HTTP/1.1\r\nhost: a\r\n\r\n")
    assert answer.endswith(b"content-length: 10\r\n\r\n")


@pytest.mark.parametrize(("version", "head"), [(b"1.0", b""), (b"1.1", b"connection: close\r\n")])
def test_a_client_that_wants_no_more_gets_its_answer_and_the_end(version: bytes, head: bytes) -> None:
    """What it sends behind that is not heard."""
    client = connect()
    answer = client.send(post(b"a", head=head, version=version) + post(b"b"))
    assert b"connection: close\r\n" in answer
    assert client.bodies() == [b"POST|/p|-|a"]
    assert client.wire.closed


def test_a_client_that_sends_ever_more_without_an_answer_is_left_unread() -> None:
    """Until its requests have been answered; thousands of them overflow nothing."""
    client = connect(at_once=False)
    client.send(post(b"a") * 3000)
    assert not client.wire.reading
    client.echo.at_once = True
    client.echo.answer_next()
    assert len(client.bodies()) == 3000
    assert client.wire.reading


def test_a_client_that_does_not_read_is_not_read_either() -> None:
    """The loop says when its buffer is full, and when it is empty again."""
    client = connect()
    client.connection.pause_writing()
    assert not client.wire.reading
    client.connection.resume_writing()
    assert client.wire.reading


def test_an_answer_after_the_client_has_gone_is_dropped() -> None:
    """A client that hangs up does not stop its submission."""
    client = connect(at_once=False)
    client.send(post(b"a") + post(b"b"))
    client.wire.close()
    client.connection.connection_lost(None)
    client.echo.answer_next()
    assert client.wire.written == b""
    assert not client.echo.waiting


def bound() -> socket.socket:
    """A socket on a free port of loopback."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made


def test_a_server_that_stops_answers_what_is_in_flight_and_ends_the_rest() -> None:
    """Idle connections end at once, busy ones after their answer, and new ones are not taken."""

    async def story() -> None:
        echo = Echo(at_once=False)
        listener, there = Listener(echo), bound()
        await listener.listen(there)
        address = there.getsockname()
        idle, idle_writer = await asyncio.open_connection(*address)
        reader, writer = await asyncio.open_connection(*address)
        writer.write(post(b"a"))
        while not echo.waiting:
            await asyncio.sleep(0)
        closing = asyncio.create_task(listener.close())
        assert await idle.read() == b""
        echo.answer_next()
        answer = await reader.read()
        assert b"connection: close\r\n" in answer
        assert answer.endswith(b"POST|/p|-|a")
        await closing
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection(*address)
        for each in (writer, idle_writer):
            each.close()
            await each.wait_closed()

    asyncio.run(story())


def test_a_connection_that_says_nothing_for_too_long_is_ended() -> None:
    """Between requests, in the middle of one, and after a refusal; but not while it waits for its answer."""
    silent, slow, waiting, refused = connect(), connect(), connect(at_once=False), connect()
    slow.send(b"POST /p HTTP/1.1\r\nhost:")
    waiting.send(post(b"a"))
    refused.send(b"this is no HTTP\r\n\r\n")
    spans = {silent: http.IDLE_SECONDS, slow: http.REQUEST_SECONDS, refused: http.LINGER_SECONDS}
    for client, span in spans.items():
        began = client.listener.now
        client.listener.sweep(began + span - 0.1)
        assert not client.wire.closed
        client.listener.sweep(began + span + 0.1)
        assert client.wire.closed
    waiting.listener.sweep(waiting.listener.now + 1e6)
    assert not waiting.wire.closed


def test_there_are_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is ended at once."""
    client = connect()
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 1)
    another, wire = _Connection(client.listener), Wire()
    another.connection_made(wire)
    assert wire.closed
    assert client.listener.connections == {client.connection}
