"""Clients within TLS over real sockets: what comes of garbage, silence and haste, and that HTTP's bounds hold inside."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
import uvloop
from tests.support.impl.wire import HTTP, Echo, post

from flk.impl.bench.authority import LOOPBACK, Authority
from flk.impl.http.handshakes import Tls
from flk.impl.http.listener import Listener
from flk.impl.server.certificates import LiveCertificates
from flk.impl.server.tls_files import TlsFiles
from flk.spec.constants import Http

T = TypeVar("T")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Place:
    """An authority, the files of a server, and the servers of a test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = Authority()
        self.files: TlsFiles = self.authority.server(directory)

    def serve(self, story: Callable[["Serving"], Awaitable[T]], limits: Http = HTTP) -> T:
        """What comes of a story on a server of its own."""

        async def whole() -> T:
            serving = Serving(self, limits)
            await serving.listener.listen(serving.bound)
            try:
                return await asyncio.wait_for(story(serving), 60)
            finally:
                for writer in serving.clients:
                    writer.transport.abort()
                await serving.listener.close()
                await until(lambda: not serving.listener.pool.members)
                await asyncio.sleep(0.01)

        return uvloop.run(whole())


class Serving:
    """A listener within TLS, and clients of it."""

    def __init__(self, place: Place, limits: Http) -> None:
        self.place = place
        self.failed = 0
        self.clients: list[asyncio.StreamWriter] = []
        self.bound = socket.create_server((LOOPBACK, 0))
        self.port = self.bound.getsockname()[1]
        self.echo = Echo()
        certificates = LiveCertificates(place.files)
        self.listener = Listener(self.echo, limits, tls=Tls(certificates.context, self._fail))

    def _fail(self) -> None:
        self.failed += 1

    @property
    def handshakes(self) -> int:
        """How many are under way."""
        assert self.listener._handshakes is not None
        return len(self.listener._handshakes._under_way.members)

    async def plain(self, address: str = LOOPBACK) -> Streams:
        """A connection whose client has not begun a handshake."""
        return self._kept(await asyncio.open_connection(LOOPBACK, self.port, local_addr=(address, 0)))

    async def secure(self, context: ssl.SSLContext | None = None, address: str = LOOPBACK) -> Streams:
        """A connection of a client that trusts the server's authority."""
        context = context or self.place.authority.client(self.place.directory)
        return self._kept(
            await asyncio.open_connection(
                LOOPBACK, self.port, ssl=context, local_addr=(address, 0), server_hostname=LOOPBACK
            )
        )

    def _kept(self, streams: Streams) -> Streams:
        self.clients.append(streams[1])
        return streams


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place of its own."""
    return Place(tmp_path)


async def until(condition: Callable[[], bool]) -> None:
    """Return once it holds."""
    while not condition():
        await asyncio.sleep(0.005)


async def answered(streams: Streams, sent: bytes) -> bytes:
    """The head and body of the answer to a request."""
    reader, writer = streams
    writer.write(sent)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


def ends(clients: list[Streams]) -> int:
    """How many of the connections the server has ended."""
    return sum(reader.at_eof() for reader, _ in clients)


async def ended(streams: Streams) -> bytes:
    """All that still comes, until the server ends the connection."""
    try:
        return await streams[0].read()
    except (ConnectionError, ssl.SSLError):
        return b""


def test_requests_within_tls_are_read_and_answered_as_without(place: Place) -> None:
    """Written ahead, byte by byte, larger than a read and larger than a record; with 1.3, or with 1.2 at least (TLS-1)."""

    async def story(serving: Serving) -> None:
        reader, writer = await serving.secure()
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() is None
        large = post(b"x" * 90_000)
        for byte in post(b"a"):
            writer.write(bytes([byte]))
        writer.write(large * 3)
        bodies = [(await answered((reader, writer), b"")).rpartition(b"|")[2] for _ in range(4)]
        assert bodies == [b"a", *[b"x" * 90_000] * 3]
        older = place.authority.client(place.directory)
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        older.set_alpn_protocols(["h2", "http/1.1"])
        streams = await serving.secure(older)
        assert streams[1].get_extra_info("ssl_object").version() == "TLSv1.2"
        assert streams[1].get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        assert (await answered(streams, post(b"b"))).endswith(b"|b")
        assert serving.failed == 0

    place.serve(story)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_versions_before_1_2_are_refused(place: Place) -> None:
    """Whatever the client would settle for (TLS-1); and nothing is renegotiated."""

    async def story(serving: Serving) -> None:
        oldest = place.authority.client(place.directory)
        oldest.minimum_version = ssl.TLSVersion.TLSv1
        oldest.maximum_version = ssl.TLSVersion.TLSv1_1
        oldest.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.raises(OSError):  # noqa: PT011  (of TLS, or of the connection, which ends with it)
            await serving.secure(oldest)
        await until(lambda: serving.failed == 1)

    place.serve(story)
    assert LiveCertificates(place.files).context().options & ssl.OP_NO_RENEGOTIATION


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + b"\0" * 70_000,
        b"\x80\x2e\x01\x00\x02" + b"\0" * 64,
        b"\0" * 5,
    ],
    ids=["plain HTTP", "a record too long", "SSL 2", "zeros"],
)
def test_garbage_instead_of_a_handshake_ends_the_connection(place: Place, garbage: bytes) -> None:
    """At once, with nothing kept, and nothing of HTTP is said (TLS-3)."""

    async def story(serving: Serving) -> None:
        reader, writer = await serving.plain()
        writer.write(garbage)
        said = await ended((reader, writer))
        assert not said.startswith(b"HTTP")
        await until(lambda: serving.failed == 1)
        assert (serving.handshakes, len(serving.listener.pool.members), serving.listener.pool.peers) == (0, 0, {})
        assert (await answered(await serving.secure(), post(b"a"))).endswith(b"|a")

    place.serve(story)


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "a part"])
def test_a_handshake_that_does_not_end_has_its_time(place: Place, said: bytes) -> None:
    """A client that says nothing, or half of it, is one of the connections until then, and is ended (TLS-3)."""

    async def story(serving: Serving) -> None:
        streams = await serving.plain()
        streams[1].write(said)
        await until(lambda: serving.handshakes == 1)
        assert len(serving.listener.pool.members) == 1
        serving.listener.sweep(serving.listener.pool.now + HTTP.handshake_seconds + 1)
        assert await ended(streams) == b""
        await until(lambda: serving.failed == 1)
        assert (serving.handshakes, len(serving.listener.pool.members)) == (0, 0)

    place.serve(story)


def test_of_too_many_handshakes_those_of_the_greediest_address_end(place: Place) -> None:
    """No more than need be; a client of another address completes its own, and who is connected stays (TLS-3, HTTP-5)."""

    async def story(serving: Serving) -> None:
        connected = await serving.secure()
        silent = []
        for number in range(6):
            silent.append(await serving.plain())
            await until(lambda number=number: serving.handshakes + serving.failed == number + 1)  # type: ignore[misc]
        assert (serving.handshakes, serving.failed) == (4, 2)
        await until(lambda: ends(silent) == 2)
        other = await serving.secure(address="127.0.0.2")
        assert (await answered(other, post(b"a"))).endswith(b"|a")
        assert (await answered(connected, post(b"b"))).endswith(b"|b")
        assert len(serving.listener.pool.members) == 5

    place.serve(story, msgspec.structs.replace(HTTP, max_handshakes=4))


def test_handshakes_are_connections(place: Place) -> None:
    """There are never more of both together than there may be connections; idle ones give way first (HTTP-5)."""

    async def story(serving: Serving) -> None:
        idle = await serving.secure()
        silent = [await serving.plain() for _ in range(5)]
        assert await ended(idle) == b""
        await until(lambda: serving.failed == 1 and ends(silent) == 1)
        assert len(serving.listener.pool.members) == 4
        assert (await answered(await serving.secure(address="127.0.0.2"), post(b"a"))).endswith(b"|a")
        assert len(serving.listener.pool.members) == 4

    place.serve(story, msgspec.structs.replace(HTTP, max_connections=4, max_peer_connections=4))


def test_a_request_that_crawls_within_tls_is_told_408(place: Place) -> None:
    """Its bytes count, not the records they come in (HTTP-8)."""

    async def story(serving: Serving) -> None:
        streams = await serving.secure()
        for byte in post(b"abc")[:-1]:
            streams[1].write(bytes([byte]))
            await asyncio.sleep(0)
        await until(lambda: any(member.deadline < 1e9 for member in serving.listener.pool.members))
        await asyncio.sleep(0.05)
        serving.listener.sweep(serving.listener.pool.now + HTTP.request_seconds + 1)
        assert (await ended(streams)).startswith(b"HTTP/1.1 408 ")

    place.serve(story)


def test_idle_clients_and_those_that_leave_are_forgotten(place: Place) -> None:
    """With a word of TLS or without one (HTTP-8)."""

    async def story(serving: Serving) -> None:
        idle, polite, rude, half = [await serving.secure() for _ in range(4)]
        await until(lambda: len(serving.listener.pool.members) == 4)
        polite[1].close()
        rude[1].transport.abort()
        with socket.socket(fileno=os.dup(half[1].get_extra_info("socket").fileno())) as below:
            below.shutdown(socket.SHUT_WR)
        await until(lambda: len(serving.listener.pool.members) == 1)
        serving.listener.sweep(serving.listener.pool.now + HTTP.idle_seconds + 1)
        assert await ended(idle) == b""
        await until(lambda: not serving.listener.pool.members)

    place.serve(story)


def test_a_refusal_within_tls_is_read_before_the_end(place: Place) -> None:
    """A client that goes on sending still gets the answer, and the server closes in order (HTTP-4)."""

    async def story(serving: Serving) -> None:
        streams = await serving.secure()
        streams[1].write(b"POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 200_000)
        said = await ended(streams)
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close\r\n" in said
        streams[1].close()
        await until(lambda: not serving.listener.pool.members)

    place.serve(story)


def test_who_does_not_read_within_tls_gets_no_more_and_holds_no_more_than_there_is_room_for(place: Place) -> None:
    """Answers pile up to their room, and not a request beyond is handled (HTTP-6, HTTP-7)."""

    async def story(serving: Serving) -> None:
        reader, writer = await serving.secure()
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # the client's, which asyncio keeps to itself
        writer.write(post(b"x" * 90_000) * 200)
        await until(lambda: serving.listener.pool.held > 0 or not serving.listener.pool.members)
        await asyncio.sleep(0.1)
        assert serving.listener.pool.held <= 1_000_000
        assert len(serving.echo.waiting) == 0
        writer.transport.abort()
        await until(lambda: not serving.listener.pool.members)
        assert serving.listener.pool.held == 0

    place.serve(story, msgspec.structs.replace(HTTP, max_peer_held_bytes=1_000_000))


def test_a_server_that_stops_answers_what_was_asked_within_tls(place: Place) -> None:
    """And ends handshakes and idle connections (HTTP-8)."""

    async def story(serving: Serving) -> bytes:
        serving.echo.at_once = False
        busy, _silent, _idle = await serving.secure(), await serving.plain(), await serving.secure()
        busy[1].write(post(b"a"))
        await until(lambda: len(serving.echo.waiting) == 1 and serving.handshakes == 1)
        closing = asyncio.create_task(serving.listener.close())
        await until(lambda: serving.handshakes == 0)
        serving.echo.answer_next()
        said = await ended(busy)
        await closing
        return said

    assert place.serve(story).endswith(b"|a")
