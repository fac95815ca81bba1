"""What the connections of a server share: the clock, a buffer to read into, and bounds on how many and how much (HTTP-5, HTTP-6).

Where there are too many connections, one gives way: of the peer address that has the most, the one that waits longest for its
client. So a stranger who hoards connections takes them from himself, and the next client is served.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from ipaddress import IPv6Address
from math import inf
from operator import attrgetter
from time import monotonic
from typing import Protocol

from flk.impl.http.messages import Handler, date_line
from flk.spec.constants import Http

READ_BYTES = 8192  # taken from a connection at once, so that one turn of the loop is short and little waits unparsed
_STANDING = attrgetter("standing")
_PREFIX_BITS = 64  # of an IPv6 address: whoever has one address has all that share it


IDLE, UNFINISHED = 1e9, 2e9
"""What to add to a deadline for the standing of a connection that has this to lose (deadlines are far below, in seconds)."""


class Member(Protocol):
    """A connection, as the pool sees it. The one of the lowest standing gives way first; infinite: it waits for the server."""

    deadline: float
    standing: float

    def is_busy(self) -> bool:
        """Whether an answer is due."""
        ...

    def expire(self) -> None:
        """End because the deadline has passed."""
        ...

    def finish(self) -> None:
        """Hear no more, and end once what was asked is answered."""
        ...

    def abort(self) -> None:
        """End at once."""
        ...

    def give_way(self) -> None:
        """End at once, its descriptor freed."""
        ...


class Peer:
    """The connections of one peer address, how many bytes of bodies they hold, how many were read in this turn of the event loop,
    and who waits for a later one.
    """

    __slots__ = ("address", "held", "members", "read", "waiting")

    def __init__(self, address: str) -> None:
        self.address = address
        self.members: set[Member] = set()
        self.held = 0
        self.read = 0
        self.waiting: deque[Callable[[], None]] = deque()


class Pool:
    """The members, by peer address. `connections` is the most there may be; `fields` has every answer."""

    def __init__(self, handler: Handler, limits: Http, connections: int, fields: bytes = b"") -> None:
        self.handler = handler
        self.limits = limits
        self.members: set[Member] = set()
        self.peers: dict[str, Peer] = {}
        self.held = 0
        self.stopping = False
        self.buffer = memoryview(bytearray(READ_BYTES))
        self._in_turn: set[Peer] = set()  # who was read in this turn, or waits for the next
        self._connections = connections
        self._fields = fields
        self.set_clock(monotonic())

    def set_clock(self, now: float) -> None:
        """The time, monotonic, that members reckon by until the next call."""
        self.now, self.common = now, date_line() + self._fields

    def later(self, work: Callable[[], None]) -> None:
        """Call this in the next turn of the event loop, when others have had theirs."""
        asyncio.get_running_loop().call_soon(work)

    def read(self, peer: Peer, size: int) -> bool:
        """Count that many bytes as read from a peer in this turn of the event loop; whether that is its share of one (HTTP-7)."""
        if not self._in_turn:
            self.later(self._begin_turn)
        self._in_turn.add(peer)
        peer.read += size
        return peer.read >= self.limits.peer_bytes_per_turn

    def enter(self, member: Member, address: str) -> Peer | None:
        """Take a connection in, if need be in place of another. None if all that there are wait for the server, not for clients."""
        peer = self.peers.get(address) or Peer(address)
        if len(peer.members) >= self.limits.max_peer_connections:
            crowded: Peer | None = peer
        elif len(self.members) >= self._connections:
            crowded = max(self.peers.values(), key=_size, default=None)
        else:
            crowded = None
        if crowded is not None and not self._make_room(crowded):
            return None
        self.peers[address] = peer
        peer.members.add(member)
        self.members.add(member)
        return peer

    def leave(self, member: Member, peer: Peer) -> None:
        """A connection has ended."""
        peer.members.discard(member)
        self.members.discard(member)
        self._forget_if_gone(peer)

    def hold(self, peer: Peer, size: int) -> bool:
        """Count that many more bytes as held; whether the peer, and all together, may."""
        if peer.held + size > self.limits.max_peer_held_bytes or self.held + size > self.limits.max_held_bytes:
            return False
        peer.held += size
        self.held += size
        return True

    def release(self, peer: Peer, size: int) -> None:
        """Count that many bytes as held no more."""
        peer.held -= size
        self.held -= size
        self._forget_if_gone(peer)

    def _begin_turn(self) -> None:
        """Let those read on who waited longest: as many of each peer as its share allows if each brings all that it may."""
        peers, self._in_turn = self._in_turn, set()
        for peer in peers:
            peer.read = 0
            for _ in range(min(len(peer.waiting), self.limits.peer_bytes_per_turn // READ_BYTES or 1)):
                peer.waiting.popleft()()
            if peer.waiting:
                self._in_turn.add(peer)
        if self._in_turn:
            self.later(self._begin_turn)

    def _make_room(self, peer: Peer) -> bool:
        """Let the member of a peer go that stands lowest, if one can."""
        member = min(peer.members, key=_STANDING)
        if member.standing == inf:
            return False
        member.give_way()
        self.leave(member, peer)
        return True

    def _forget_if_gone(self, peer: Peer) -> None:
        if not peer.members and not peer.held and self.peers.get(peer.address) is peer:
            del self.peers[peer.address]


def peer_address(peername: object) -> str:
    """By what a peer is told apart: its address, of IPv6 the network it is in. Empty where there is none.

    >>> peer_address(("192.0.2.7", 4711)), peer_address(("2001:db8::7", 4711, 0, 0)), peer_address("")
    ('192.0.2.7', '2001:db8::/64', '')
    """
    if not isinstance(peername, tuple):
        return ""
    address = str(peername[0])
    if ":" not in address:
        return address
    whole = IPv6Address(address.partition("%")[0])
    if (mapped := whole.ipv4_mapped) is not None:
        return str(mapped)
    network = int(whole) >> (128 - _PREFIX_BITS) << (128 - _PREFIX_BITS)
    return f"{IPv6Address(network)}/{_PREFIX_BITS}"


def _size(peer: Peer) -> int:
    return len(peer.members)
