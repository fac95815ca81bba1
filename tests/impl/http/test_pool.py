"""The pool: how many connections there may be, who gives way, and the descriptors they leave to others."""

import resource
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.impl.wire import HTTP, Client, Echo, Wire, post

from flk.impl.http.descriptors import raise_limit
from flk.impl.http.listener import Listener
from flk.spec.errors import UnusableInput

CONNECTIONS, OF_ONE = 8, 3


class From(Wire):
    """The far end of a connection from a certain address."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self.address, 4711) if name == "peername" else default


def few(*, at_once: bool = True) -> tuple[Listener, Echo]:
    """A server for few connections."""
    echo = Echo(at_once=at_once)
    return Listener(echo, msgspec.structs.replace(HTTP, max_peer_connections=OF_ONE), CONNECTIONS), echo


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([b"", b"GET / HT", post(b"a")])), max_size=40))
def test_there_are_never_too_many_connections_and_the_greediest_address_pays(steps: list[tuple[int, bytes]]) -> None:
    """Whoever comes: bounds hold, he is let in, and nobody with fewer connections than another loses one to a third."""
    listener, echo = few()
    clients: list[Client] = []
    for address, sent in steps:
        before = Counter({peer.address: len(peer.members) for peer in listener.pool.peers.values()})
        newcomer = Client(listener, echo, From(f"192.0.2.{address}"))
        clients.append(newcomer)
        newcomer.send(sent)
        after = Counter({peer.address: len(peer.members) for peer in listener.pool.peers.values()})
        assert after.total() == len(listener.pool.members) <= CONNECTIONS
        assert max(after.values()) <= OF_ONE
        assert newcomer.connection in listener.pool.members
        for loser in before - after:
            assert before[loser] == max(before.values()) or loser == f"192.0.2.{address}"
    assert sum(not client.wire.closed for client in clients) == len(listener.pool.members)


def test_the_idle_give_way_before_the_unfinished_and_the_longest_waiting_first() -> None:
    """One that was refused and lingers goes before both; an unfinished request is told 408 (HTTP-5)."""
    listener, echo = few()
    unfinished, idle, lingering = (Client(listener, echo) for _ in range(3))
    unfinished.send(b"GET / HT")
    lingering.send(b"no HTTP\r\n\r\n")
    order = []
    for _ in range(3):
        listener.pool.set_clock(listener.pool.now + 1)
        newcomer = Client(listener, echo)
        newcomer.send(b"GET")
        order.append([client.wire.closed for client in (lingering, idle, unfinished)])
    assert order == [[True, False, False], [True, True, False], [True, True, True]]
    assert unfinished.wire.written.startswith(b"HTTP/1.1 408 ")


def test_who_waits_for_the_node_is_never_turned_out() -> None:
    """If all that there are wait for an answer, the new one gets 503 and says when to come back (HTTP-5)."""
    listener, echo = few(at_once=False)
    waiting = [Client(listener, echo) for _ in range(OF_ONE)]
    for client in waiting:
        client.send(post(b"a"))
    newcomer = Client(listener, echo)
    assert newcomer.wire.written.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in newcomer.wire.written
    assert newcomer.wire.closed
    newcomer.connection.connection_lost(None)
    while echo.waiting:
        echo.answer_next()
    assert all(client.bodies() == [b"POST|/p|-|a"] for client in waiting)
    assert not Client(listener, echo).wire.closed


@pytest.mark.parametrize(
    ("soft", "hard", "connections"),
    [(256, 256, 192), (256, 1024, 960), (1024, 100_000, 4096), (100_000, 100_000, 4096), (256, -1, 4096), (72, 72, 8)],
)
def test_connections_leave_descriptors_to_the_rest(
    soft: int, hard: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as there may be, the limit raised as far as it goes, less those that log and store need (HTTP-5)."""
    now = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: now[0])
    monkeypatch.setattr(resource, "setrlimit", lambda which, new: now.append(new))
    assert raise_limit(HTTP) == connections
    left = now[-1][0]
    assert left == resource.RLIM_INFINITY or left - connections >= HTTP.reserved_descriptors
    assert len(now) == 1 or now[-1][0] > soft


def test_too_few_descriptors_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is opened."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (64, 64))
    with pytest.raises(UnusableInput, match="ulimit -n 4160"):
        raise_limit(HTTP)
