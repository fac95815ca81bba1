"""The write-once register: what concurrent submissions under one id may be answered.

With one key and first-write-wins, a history is linearisable exactly if all replies name one winner, the winner was submitted
before the first reply came, and each reply states the truth about its sender's content. One sweep decides it. A write without a
reply may have taken effect at any time after it began, or never.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import NamedTuple

from flk.conformance.drafts.mutations import Fields
from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed, Reply
from flk.conformance.server.target import Server, expect_outcome, expect_same, expect_status, pcs
from flk.model.entries.entry import content_digest
from flk.model.flow.answers import STATES_ENTRY

CLIENTS = 16
ROUNDS = 6


class Write(NamedTuple):
    """One submission: the digest it brought, when it began and when its reply had come, and the reply, None if none came."""

    digest: str
    began: float
    ended: float
    reply: Reply | None


@check("DUP-1", "DUP-2", "DUP-3")
def one_winner(server: Server) -> None:
    """Of concurrent submissions of several contents under one id exactly one wins, and every reply names it."""
    for contents in (2, 4, CLIENTS) * (ROUNDS // 3):
        record = server.record()
        rivals = [server.signed({**record, "coh_star": 0.7 + place / 100}) for place in range(contents)]
        history = _race(server, [rivals[client % contents] for client in range(CLIENTS)])
        winner = judge_history(history)
        again = next(rival for rival in rivals if content_digest(pcs(rival)) == winner.digest)
        reply = server.submit(again)
        expect_outcome(reply, again)
        if winner.reply is not None:
            expect_same(winner.reply, reply, "the winner, asked again after the race")


@check("DUP-1", "DUP-2")
def one_reply(server: Server) -> None:
    """Concurrent submissions of one content all get one reply, byte for byte."""
    for _ in range(ROUNDS):
        record = server.signed(server.record())
        first, *others = [write.reply for write in _race(server, [record] * CLIENTS) if write.reply is not None]
        expect_outcome(first, record)
        for other in others:
            expect_same(first, other, "two senders of one content at once")


def _race(server: Server, records: Sequence[Fields]) -> list[Write]:
    """Submit all records at once."""
    start = Barrier(len(records))

    def write(record: Fields) -> Write:
        digest = content_digest(pcs(record))
        start.wait()
        began = time.monotonic()
        reply = server.submit(record)
        return Write(digest, began, time.monotonic(), reply)

    with ThreadPoolExecutor(len(records)) as pool:
        return list(pool.map(write, records))


def judge_history(history: Sequence[Write]) -> Write:
    """A write of the winning content, one that was answered if any was. At least one write must have been answered.

    Raises Failed if no write-once register behaves like this.
    """
    answered = [(write, write.reply) for write in history if write.reply is not None]
    for _, reply in answered:
        expect_status(reply, sorted(STATES_ENTRY), "in a race")
    named = {reply.text("digest") for _, reply in answered}
    if len(named) != 1:
        raise Failed(f"{len(named)} different winners are named by {len(answered)} replies: {sorted(named)}")
    winner = named.pop()
    winners = [write for write in history if write.digest == winner]
    if not winners or min(write.began for write in winners) > min(write.ended for write, _ in answered):
        raise Failed(f"the winner {winner} was not submitted before the first reply")
    for write, reply in answered:
        if (reply.status == 409) == (write.digest == winner):
            raise Failed(f"the winner is {winner}; the sender of {write.digest} got {reply}")
    replies = {(write.reply.status, write.reply.body) for write in winners if write.reply is not None}
    if len(replies) > 1:
        raise Failed(f"senders of the winner got different replies: {sorted(replies)}")
    return next((write for write in winners if write.reply is not None), winners[0])
