"""A server of PostgreSQL: a connection on which nobody waits for ever, and whether what it acknowledges is on its disk."""

import select
import time
from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg import errors
from psycopg.waiting import Ready, Wait

from flk.impl.storage.address import Address
from flk.impl.storage.shared import ANSWER_SECONDS, CONNECT_SECONDS
from flk.spec.errors import UnusableInput

R = TypeVar("R")
Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
_WEAK = {"synchronous_commit": ("off",), "fsync": ("off",), "full_page_writes": ("off",)}


class _Bounded(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for no answer longer than it may, even of a server that is stopped."""

    def wait(self, gen: Generator[Any, Any, R], interval: float = ANSWER_SECONDS) -> R:  # type: ignore[override]
        """Run a generator of psycopg's to its end. Raises OperationalError when the server has been silent for too long."""
        del interval
        until = time.monotonic() + ANSWER_SECONDS
        poll = select.poll()
        fd = self.pgconn.socket
        try:
            state = next(gen)
            while True:
                poll.register(fd, _EVENTS[state])
                found = poll.poll(max(0.0, until - time.monotonic()) * 1000)
                if not found:
                    raise errors.OperationalError(f"no answer within {ANSWER_SECONDS} s")
                state = gen.send(_ready(found[0][1], state))
        except StopIteration as stop:
            result: R = stop.value
            return result


_EVENTS = {Wait.R: select.POLLIN, Wait.W: select.POLLOUT, Wait.RW: select.POLLIN | select.POLLOUT}


def _ready(events: int, state: Wait) -> Ready:
    """What psycopg is told of a descriptor: of one that has failed, whatever it waits for, so that it finds the failure."""
    if events & ~(select.POLLIN | select.POLLOUT):
        return Ready(int(state))
    return Ready((Ready.R if events & select.POLLIN else 0) | (Ready.W if events & select.POLLOUT else 0))


def connect(address: Address) -> Connection:
    """A connection to the one of an address's servers that takes writes. Raises psycopg.Error."""
    connection = _Bounded.connect(
        address.url,
        target_session_attrs="read-write" if address.hosts > 1 else None,  # else as the URL says
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        client_encoding="utf8",
        application_name="flk",
        tcp_user_timeout=ANSWER_SECONDS * 1000,
    )
    try:
        connection.execute(f"set statement_timeout = {ANSWER_SECONDS * 1000}")
    except BaseException:
        connection.close()
        raise
    return connection


def require_strength(connection: Connection, name: object) -> None:
    """Return if what the server acknowledges is on its disk, and it takes any text. Raises UnusableInput, with the name of what
    is kept there.
    """
    for setting, weak in _WEAK.items():
        ((value,),) = connection.execute("select current_setting(%s)", (setting,)).fetchall()
        if value in weak:
            raise UnusableInput(
                f"{name}: {setting} is {value}, so PostgreSQL may lose what it acknowledged; fix: alter system"
                f" set {setting} = on, then select pg_reload_conf()"
            )
    ((encoding,),) = connection.execute("select current_setting('server_encoding')").fetchall()
    if encoding != "UTF8":
        raise UnusableInput(
            f"{name}: the database's encoding is {encoding}; make one with `createdb -E UTF8 -T template0`"
        )
