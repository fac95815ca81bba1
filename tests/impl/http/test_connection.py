"""A connection: answers in order however the bytes arrive, turns, what is held, and an orderly end."""

import asyncio
import re
import socket
from contextlib import ExitStack
from itertools import pairwise

import msgspec
import pytest
import structlog
import uvloop
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.impl.wire import HTTP, Client, Echo, Respond, Wire, chunked, connect, post

from flk.impl.http.listener import Listener
from flk.impl.http.messages import Answer, Request
from flk.impl.http.pool import READ_BYTES
from flk.impl.http.reader import BETWEEN

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
        client.run()
    assert client.bodies() == alone
    assert len(alone) == len(sent)
    assert not client.wire.closed


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=5))
@example([b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"])
@example([b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"])
@example([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_bytes_that_are_no_request_end_the_connection_and_nothing_else(pieces: list[bytes]) -> None:
    """At most one refusal, after which nothing is heard; two ways to tell a body's length count as none."""
    client = connect()
    for piece in pieces:
        client.send(piece)
    refusals = len(re.findall(rb"HTTP/1\.1 \d{3} ", client.wire.written)) - len(client.bodies())
    assert refusals <= 1
    if refusals:
        assert client.wire.ended
        assert client.send(post(b"a")) == b""


def test_unfinished_bodies_hold_no_more_than_there_is_room_for() -> None:
    """Of one peer and of all; a body that is refused, answered or cut off holds nothing, and small ones need no room (HTTP-6)."""
    limits = msgspec.structs.replace(HTTP, max_peer_held_bytes=170_000)
    echo = Echo()
    listener = Listener(echo, limits)
    head = b"POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n"
    clients = [Client(listener, echo) for _ in range(20)]
    answers = [client.send(head + b"x" * 60_000) for client in clients]
    assert answers[:2] == [b"", b""]
    assert all(answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: " in answer for answer in answers[2:])
    assert 100_000 < listener.pool.held <= 170_000
    assert Client(listener, echo).send(post(b"small")).endswith(b"|small")
    clients[0].send(b"x" * 40_000)
    assert len(clients[0].bodies()) == 1
    clients[1].connection.connection_lost(None)
    assert listener.pool.held == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30_000)), max_size=30))
def test_what_is_held_is_what_lies_in_unanswered_bodies(steps: list[tuple[int, int]]) -> None:
    """Whatever clients send, finish and leave off: the count stays within 0 and its bound, and ends at 0 (HTTP-6)."""
    limits = msgspec.structs.replace(HTTP, max_peer_held_bytes=60_000)
    echo = Echo(at_once=False)
    listener = Listener(echo, limits)
    clients = [Client(listener, echo) for _ in range(4)]
    for index, size in steps:
        client = clients[index]
        if client.connection._reader.part is BETWEEN:
            client.send(b"POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (size + 1))
        client.send(b"x" * size)
        assert 0 <= listener.pool.held <= 60_000
    for client in clients[:2]:
        client.wire.close()
        client.connection.connection_lost(None)
    while echo.waiting:
        echo.answer_next()
    for client in clients[2:]:
        client.connection.connection_lost(None)
    assert listener.pool.held == 0
    assert not listener.pool.members
    assert not listener.pool.peers


def test_a_client_that_has_said_all_still_gets_every_answer() -> None:
    """Half-closed after its requests: all are answered, late ones too, and the last one says close (HTTP-8)."""
    client = connect(at_once=False)
    client.send(post(b"a") + post(b"b"))
    assert client.connection.eof_received()
    while client.echo.waiting:
        client.echo.answer_next()
    assert client.bodies() == [b"POST|/p|-|a", b"POST|/p|-|b"]
    assert client.wire.written.count(b"connection: close") == 1
    assert client.wire.closed


def test_a_client_that_stops_in_the_middle_of_a_request_is_told() -> None:
    """400 for what was begun, after the answers to what was whole; one that says nothing gets nothing (HTTP-8)."""
    client = connect(at_once=False)
    client.send(post(b"a") + post(b"bcd")[:-1])
    assert client.connection.eof_received()
    client.echo.answer_next()
    assert client.bodies()[0].startswith(b"POST|/p|-|a")
    assert b"HTTP/1.1 400 " in client.wire.written
    assert client.wire.closed
    assert not connect().connection.eof_received()


def test_one_connection_gets_a_few_answers_in_a_turn() -> None:
    """The rest of what it has sent waits for the next turns, and no more of it is read than may wait (HTTP-7)."""
    client = connect()
    client.listener.pool.later = lambda work: None  # type: ignore[method-assign]  # the next turn never comes
    client.send(post(b"a") * 5000)
    assert len(client.bodies()) == HTTP.answers_per_turn
    assert not client.wire.reading
    assert len(client.connection._queue) * len(post(b"a")) <= READ_BYTES + HTTP.max_pipelined * len(post(b"a"))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_one_address_is_read_its_share_in_a_turn(readable: list[int]) -> None:
    """Of six connections that all send: beyond its share each waits, and all get on in the order in which they waited (HTTP-7)."""
    share = 2 * READ_BYTES
    echo = Echo()
    listener = Listener(echo, msgspec.structs.replace(HTTP, peer_bytes_per_turn=share))
    clients = [Client(listener, echo) for _ in range(6)]
    for client in clients:
        client.send(b"POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n")
    listener.pool.buffer[:] = b"x" * READ_BYTES
    read, waiting = 0, list[int]()
    for index in readable:
        if clients[index].wire.reading:
            clients[index].connection.buffer_updated(READ_BYTES)
            read += READ_BYTES
            if read >= share:
                waiting.append(index)
        assert [not client.wire.reading for client in clients] == [index in waiting for index in range(6)]
    while waiting:
        turns, echo.turns[:] = echo.turns[:], []
        assert len(turns) == 1
        turns[0]()
        del waiting[:2]
        assert [not client.wire.reading for client in clients] == [index in waiting for index in range(6)]


def test_who_waits_to_be_connected_waits_a_few_turns() -> None:
    """Of many who came while the server was busy, some are taken in each turn, in the order in which they came (HTTP-7)."""

    async def story() -> list[int]:
        listener, there = Listener(Echo(), msgspec.structs.replace(HTTP, max_entering=10)), bound()
        await listener.listen(there)
        with ExitStack() as clients:
            for _ in range(100):
                clients.enter_context(socket.create_connection(there.getsockname()))
            taken = []
            while len(listener.pool.members) < 100:
                await asyncio.sleep(0)
                taken.append(len(listener.pool.members))
        await listener.close()
        return [later - earlier for earlier, later in pairwise(taken)]

    taken = uvloop.run(story())
    assert max(taken) <= 10 + 1
    assert len(taken) <= 100 / 2


def test_a_client_that_does_not_read_its_answers_gets_no_more_of_them() -> None:
    """What is asked meanwhile waits, unread beyond a bound, until it reads again (HTTP-7)."""
    client = connect()
    client.connection.pause_writing()
    client.wire.reading = True
    client.send(post(b"a") * 1000)
    assert not client.bodies()
    assert not client.wire.reading
    client.connection.resume_writing()
    client.run()
    assert len(client.bodies()) == 1000


def test_an_interim_answer_keeps_the_order() -> None:
    """A client that asks before sending, behind a request that is still being handled, is told to go on after that (HTTP-1)."""
    client = connect(at_once=False)
    client.send(post(b"a") + b"POST /p HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n")
    assert client.wire.written == b""
    client.echo.answer_next()
    assert client.wire.written.endswith(b"POST|/p|-|aHTTP/1.1 100 Continue\r\n\r\n")


def test_a_handler_that_fails_is_a_500_and_the_rest_goes_on() -> None:
    """At once or in the check of a size; the connection and the others live, and it is logged (OBS-4)."""
    client = connect()
    handle, check = client.echo.handle, client.echo.check

    def failing(request: Request, respond: Respond) -> None:
        raise OSError("gone")

    client.echo.handle = failing  # type: ignore[method-assign]  # the test's
    with structlog.testing.capture_logs() as logged:
        assert client.send(post(b"a") + post(b"b")).count(b"HTTP/1.1 500 ") == 2
    assert [line["event"] for line in logged] == ["request.failed"] * 2
    client.echo.handle = handle  # type: ignore[method-assign]
    client.send(post(b"c"))
    assert client.bodies() == [b"POST|/p|-|c"]
    client.echo.check = lambda request, size: 1 // 0  # type: ignore[method-assign,assignment,return-value]
    with structlog.testing.capture_logs():
        assert client.send(post(b"d")).startswith(b"HTTP/1.1 500 ")
    client.echo.check = check  # type: ignore[method-assign]


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


def test_a_refusal_of_head_has_no_body_either() -> None:
    """A client that reads none would take it for the beginning of the next answer (RFC 9110, section 9.3.2)."""
    client = connect()
    client.echo.check = lambda request, size: Answer(503, b"not now")  # type: ignore[method-assign]  # the test's
    answer = client.send(b"HEAD /p HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\na")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b"content-length: 7\r\n\r\n")


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
    client.run()
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
    spans = {silent: HTTP.idle_seconds, slow: HTTP.request_seconds, refused: HTTP.linger_seconds}
    for client, span in spans.items():
        began = client.listener.pool.now
        client.listener.sweep(began + span - 0.1)
        assert not client.wire.closed
        client.listener.sweep(began + span + 0.1)
        assert client.wire.closed or client.wire.written.startswith(b"HTTP/1.1 408 ")
    waiting.listener.sweep(waiting.listener.pool.now + 1e6)
    assert not waiting.wire.closed


class Unread(Wire):
    """The far end of a client that reads nothing: what is written stays."""

    def get_write_buffer_size(self) -> int:
        return len(self.written)


def test_answers_that_nobody_reads_have_the_same_room() -> None:
    """Whose answers would hold more is cut off; what is read at last, or cut off, is held no more (HTTP-6)."""
    limits = msgspec.structs.replace(HTTP, max_peer_held_bytes=150_000)
    echo = Echo()
    listener = Listener(echo, limits)
    clients = [Client(listener, echo, Unread()) for _ in range(3)]
    for client in clients:
        client.send(post(b"x" * 60_000))
    for client in clients:
        client.connection.pause_writing()
    assert [client.wire.closed for client in clients] == [False, False, True]
    assert 120_000 < listener.pool.held <= 150_000
    clients[0].connection.resume_writing()
    for client in clients[1:]:
        client.connection.connection_lost(None)
    assert listener.pool.held == 0
