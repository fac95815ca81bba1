"""What must be kept: through the writes of others, and through a restart."""

from flk.conformance.server.check import check
from flk.conformance.server.exchange import stored_at_once
from flk.conformance.server.replies import Failed
from flk.conformance.server.target import Server, expect_outcome, expect_same, expect_status

RECORDS = 25
OTHERS = 1500
KINDS: tuple[dict[str, object], ...] = ({}, {"regime": "mixed"}, {"D_hat": 1.4})
"""Accepted, escalated, and not accepted: whatever the outcome, it was acknowledged."""


@check("WAL-1", "WAL-5", "DUP-7")
def acknowledged_survives_restart(server: Server) -> None:
    """After a restart every acknowledged record is answered as before, byte for byte, and its id is still taken."""
    records = [server.signed(server.record(**changes)) for changes in KINDS for _ in range(RECORDS)]
    before = [server.submit(record) for record in records]
    for record, reply in zip(records, before, strict=True):
        expect_outcome(reply, record)
    server.restart()
    for record, reply in zip(records, before, strict=True):
        expect_same(reply, server.submit(record), "an acknowledged record after a restart")
        again = server.signed({**record, "attempt": 2, "sent_at": "2026-02-03T04:05:06Z"})
        expect_same(reply, server.submit(again), "an acknowledged record, delivered again after a restart")
        other = server.signed({**record, "r": 0.6, "budget": 0.37})
        expect_status(server.submit(other), 409, "another content under an id acknowledged before the restart")


@check("HLC-4", "DUP-7")
def clock_survives_restart(server: Server) -> None:
    """After a restart a new record gets a greater timestamp than every one before it."""
    record = server.signed(server.record())
    before = server.submit(record)
    expect_outcome(before, record)
    server.restart()
    later = server.signed(server.record())
    after = server.submit(later)
    expect_outcome(after, later)
    if after.text("timestamp") <= before.text("timestamp"):
        raise Failed(f"the clock went back over a restart: first {before}, then {after}")


@check("DUP-7")
def entries_are_kept(server: Server) -> None:
    """An entry is found after thousands of others were stored: none is evicted to make room."""
    first = [server.signed(server.record()) for _ in range(RECORDS)]
    stored = [server.submit(record) for record in first]
    for record, reply in zip(first, stored, strict=True):
        expect_outcome(reply, record)
    others = [server.signed(server.record()) for _ in range(server.size(OTHERS))]
    for record, reply in zip(others, stored_at_once(server, others), strict=True):
        expect_outcome(reply, record)
    for record, reply in zip(first, stored, strict=True):
        expect_same(reply, server.submit(record), "a stored record after many others")
