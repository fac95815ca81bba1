"""What the timestamps of replies show of the server's clock."""

from flk.conformance.server.check import check
from flk.conformance.server.exchange import KeptAlive
from flk.conformance.server.replies import Failed
from flk.conformance.server.target import Server, expect_outcome

RECORDS = 40


@check("HLC-1", "ORD-7")
def timestamps_advance(server: Server) -> None:
    """Of records one after the other, over two connections in turn, each gets a greater timestamp than the one before."""
    last = ""
    with KeptAlive(server) as one, KeptAlive(server) as other:
        for number in range(RECORDS):
            record = server.signed(server.record())
            reply = (one, other)[number % 2].submit(record)
            expect_outcome(reply, record)
            timestamp = reply.text("timestamp")
            if timestamp <= last:
                how = "stands still" if timestamp == last else "runs backward"
                raise Failed(f"the clock {how}: {timestamp} after {last}, for a record sent after the other's answer")
            last = timestamp
