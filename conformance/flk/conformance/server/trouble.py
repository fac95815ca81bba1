"""What a server answers that has too much to do, or no store: the operator's commands bring it about."""

import re
from email.utils import parsedate_to_datetime

from flk.conformance.drafts.mutations import Fields
from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed, Reply
from flk.conformance.server.target import Server, expect_outcome, expect_same, expect_status

RECORDS = 5


@check("ORD-6", "DUP-5", "OUT-4")
def overload_says_when(server: Server) -> None:
    """An overloaded server answers 429 with Retry-After, remembers nothing of it, and has all that it stored before."""
    kept, stored = _stored(server)
    records = [server.signed(server.record()) for _ in range(RECORDS)]
    with server.overloaded():
        for record in records:
            _expect_wait(server.submit(record), 429, "a record while the server is overloaded")
    for record in records:
        reply = server.submit(record)
        expect_outcome(reply, record)
        expect_same(reply, server.submit(record), "a record that was refused with 429 and taken later")
    expect_same(stored, server.submit(kept), "a record that was stored before the overload")


@check("ORD-4", "DUP-5", "OBS-3")
def unavailable_store_says_when(server: Server) -> None:
    """Without its store a server answers 503 with Retry-After, is not ready and yet alive, and forgets nothing."""
    kept, stored = _stored(server)
    records = [server.signed(server.record()) for _ in range(RECORDS)]
    with server.unavailable():
        for record in records:
            _expect_wait(server.submit(record), 503, "a record while the store is away")
        _expect_wait(server.submit(kept), 503, "a stored record while the store is away")
        expect_status(server.client.request("GET", "/ready"), 503, "GET /ready while the store is away")
        expect_status(server.client.request("GET", "/health"), 200, "GET /health while the store is away")
    for record in records:
        reply = server.submit(record)
        expect_outcome(reply, record)
        expect_same(reply, server.submit(record), "a record that was refused with 503 and taken later")
    expect_same(stored, server.submit(kept), "a record that was stored before the store went away")


def _stored(server: Server) -> tuple[Fields, Reply]:
    """A record, and the reply that it was stored with."""
    record = server.signed(server.record())
    reply = server.submit(record)
    expect_outcome(reply, record)
    return record, reply


def _expect_wait(reply: Reply, status: int, why: str) -> None:
    """Raises Failed unless the reply has the status and says when to come again (RFC 9110, section 10.2.3)."""
    expect_status(reply, status, why)
    value = reply.headers.get("retry-after")
    if value is None or not (re.fullmatch(r"[0-9]+", value) or _is_date(value)):
        raise Failed(f"{why}: a {status} needs Retry-After, seconds or a date, got {value!r}")


def _is_date(value: str) -> bool:
    try:
        parsedate_to_datetime(value)
    except ValueError:
        return False
    return True
