"""What must survive a restart."""

from flk.conformance.server.check import check
from flk.conformance.server.target import Server, expect_outcome, expect_same, expect_status

RECORDS = 25


@check("WAL-1", "WAL-5", "DUP-7")
def acknowledged_survives_restart(server: Server) -> None:
    """After a restart every acknowledged record is answered as before, byte for byte, and its id is still taken."""
    records = [server.signed(server.record(regime=regime)) for regime in ("sticky", "mixed") for _ in range(RECORDS)]
    before = [server.submit(record) for record in records]
    for record, reply in zip(records, before, strict=True):
        expect_outcome(reply, record)
    server.restart()
    for record, reply in zip(records, before, strict=True):
        expect_same(reply, server.submit(record), "an acknowledged record after a restart")
        other = server.signed({**record, "r": 0.6, "budget": 0.37})
        expect_status(server.submit(other), 409, "another content under an id acknowledged before the restart")
