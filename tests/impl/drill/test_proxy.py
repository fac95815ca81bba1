"""The proxies of a drill by themselves: what passes, what is held back, and what is lost."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from random import Random
from threading import Thread
from time import monotonic

import pytest

from flk.impl.drill.proxy import Proxies, Way

PAIR = ("eu", "objects")
OPEN, CUT = Way(), Way(cut=True)
SILENCE = 0.3  # seconds without a byte that count as silence


@pytest.fixture
def port() -> Iterator[int]:
    """A server that sends back whatever it is sent."""

    def echo(connection: socket.socket) -> None:
        with connection:
            while chunk := connection.recv(1 << 16):
                connection.sendall(chunk)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            Thread(target=echo, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxies(port: int) -> Iterator[Proxies]:
    """One proxy before the server."""
    with closing(Proxies({PAIR: lambda: port}, Random(1))) as made:
        yield made


@contextmanager
def connected(proxies: Proxies) -> Iterator[socket.socket]:
    """A connection through the proxy."""
    with socket.create_connection(("127.0.0.1", proxies.port(PAIR)), timeout=20) as connection:
        yield connection


def echoed(connection: socket.socket, sent: bytes) -> bytes:
    """What comes back."""
    connection.sendall(sent)
    return received(connection, len(sent))


def received(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or as many as come before the end."""
    found = b""
    while len(found) < size and (chunk := connection.recv(1 << 16)):
        found += chunk
    return found


def is_silent(connection: socket.socket) -> bool:
    """Whether nothing comes for a while."""
    connection.settimeout(SILENCE)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(20)
    return False


def test_what_is_sent_comes_over_unchanged_on_many_connections_at_once(proxies: Proxies) -> None:
    """Many times what is read at once, both ways at the same time."""
    content = Random(2).randbytes(300_000)
    found: dict[int, bytes] = {}

    def exchange(number: int) -> None:
        with connected(proxies) as connection:
            sender = Thread(target=connection.sendall, args=(content[number:],))
            sender.start()
            found[number] = received(connection, len(content) - number)
            sender.join()

    threads = [Thread(target=exchange, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[number] == content[number:] for number in range(60))


@pytest.mark.parametrize(("there", "back"), [(CUT, CUT), (CUT, OPEN), (OPEN, CUT)])
def test_a_cut_holds_back_what_is_sent_and_it_goes_on_afterwards(proxies: Proxies, there: Way, back: Way) -> None:
    """On old connections and new ones, whichever direction is cut."""
    with connected(proxies) as before, connected(proxies) as unused:
        assert echoed(before, b"one") == b"one"
        proxies.set(PAIR, there, back)
        for connection in (before, unused):
            connection.sendall(b"two")
            assert is_silent(connection)
        with connected(proxies) as meanwhile:
            meanwhile.sendall(b"three")
            assert is_silent(meanwhile)
            proxies.set(PAIR, OPEN, OPEN)
            assert received(meanwhile, 5) == b"three"
        assert received(before, 3) == received(unused, 3) == b"two"


def test_of_a_way_that_is_cut_in_one_direction_the_other_still_carries(proxies: Proxies, port: int) -> None:
    """What was sent before the cut is answered by a server that the answer's way back is open for."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = server.getsockname()[1]
        with closing(Proxies({PAIR: lambda: target}, Random(1))) as made, connected(made) as connection:
            connection.sendall(b"request")
            farther, _ = server.accept()
            with farther:
                heard.append(farther.recv(100))
                made.set(PAIR, CUT, OPEN)
                connection.sendall(b"more")
                assert is_silent(farther)
                farther.sendall(b"answer")
                assert received(connection, 6) == b"answer"
                made.set(PAIR, OPEN, CUT)
                assert farther.recv(100) == b"more"
                farther.sendall(b"late")
                assert is_silent(connection)
    assert heard == [b"request"]


def test_a_delay_is_met_on_each_way(proxies: Proxies) -> None:
    """The way there and the way back add up."""
    proxies.set(PAIR, Way(delay=0.15), Way(delay=0.1))
    with connected(proxies) as connection:
        began = monotonic()
        assert echoed(connection, b"slow") == b"slow"
        assert monotonic() - began >= 0.25  # a lower bound, whatever else the machine does


def test_after_a_lost_message_nothing_passes_that_way_on_its_connection(proxies: Proxies) -> None:
    """As TCP has it: what follows a hole is not read. Another connection is another stream."""
    with connected(proxies) as connection:
        assert echoed(connection, b"one") == b"one"
        proxies.set(PAIR, Way(loss=1.0), OPEN)
        connection.sendall(b"two")
        assert is_silent(connection)
        proxies.set(PAIR, OPEN, OPEN)
        connection.sendall(b"three")
        assert is_silent(connection)
        with connected(proxies) as another:
            assert echoed(another, b"four") == b"four"


def test_connections_that_are_refused_end(proxies: Proxies) -> None:
    """Those that are open and those to come."""
    with connected(proxies) as connection:
        assert echoed(connection, b"one") == b"one"
        proxies.set(PAIR, OPEN, OPEN, refuse=True)
        with _ends():
            assert connection.recv(1) == b""
        with connected(proxies) as another, _ends():
            another.sendall(b"two")
            assert another.recv(1) == b""


def test_without_a_server_a_connection_ends() -> None:
    """As if nobody listened."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    with closing(Proxies({PAIR: lambda: free}, Random(1))) as made, connected(made) as connection, _ends():
        connection.sendall(b"anybody?")
        assert connection.recv(1) == b""


@contextmanager
def _ends() -> Iterator[None]:
    """The other end closed the connection, or broke it off."""
    with suppress(ConnectionError):
        yield
