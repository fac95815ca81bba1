"""The write-once register: what concurrent submissions under one id may be answered.

With one key and first-write-wins, a history is linearisable exactly if all replies name one winner, the winner was submitted
before the first reply came, and each reply states the truth about its sender's content. One sweep decides it.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import NamedTuple

from flk.conformance.drafts.mutations import Fields
from flk.conformance.server.check import check
from flk.conformance.server.client import Failed, Reply
from flk.conformance.server.target import Server, expect_same, pcs
from flk.model.entries.entry import content_digest
from flk.model.flow.answers import STATES_ENTRY

CLIENTS = 16
ROUNDS = 6


class Write(NamedTuple):
    """One submission: the digest it brought, when it began and when its reply had come, and the reply."""

    digest: str
    began: float
    ended: float
    reply: Reply


@check("DUP-1", "DUP-2", "DUP-3")
def one_winner(server: Server) -> None:
    """Of concurrent submissions of several contents under one id exactly one wins, and every reply names it."""
    for contents in (2, 4, CLIENTS) * (ROUNDS // 3):
        record = server.record()
        rivals = [server.signed({**record, "coh_star": 0.7 + place / 100}) for place in range(contents)]
        history = _race(server, [rivals[client % contents] for client in range(CLIENTS)])
        winner = judge_history(history)
        again = next(rival for rival in rivals if content_digest(pcs(rival)) == winner.digest)
        expect_same(winner.reply, server.submit(again), "the winner, asked again after the race")


@check("DUP-1", "DUP-2")
def one_reply(server: Server) -> None:
    """Concurrent submissions of one content all get one reply, byte for byte."""
    for _ in range(ROUNDS):
        record = server.signed(server.record())
        first, *others = [write.reply for write in _race(server, [record] * CLIENTS)]
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
    """A write of the winning content that was answered so. Raises Failed if no write-once register behaves like this."""
    for write in history:
        if write.reply.status not in STATES_ENTRY:
            raise Failed(f"in a race: expected one of {sorted(STATES_ENTRY)}, got {write.reply}")
    named = {write.reply.json().get("digest") for write in history}
    if len(named) != 1:
        raise Failed(f"{len(named)} different winners are named by {len(history)} replies: {sorted(map(str, named))}")
    winner = named.pop()
    winners = [write for write in history if write.digest == winner]
    if not winners or min(write.began for write in winners) > min(write.ended for write in history):
        raise Failed(f"the winner {winner} was not submitted before the first reply")
    for write in history:
        if (write.reply.status == 409) == (write.digest == winner):
            raise Failed(f"the winner is {winner}; the sender of {write.digest} got {write.reply}")
    replies = {(write.reply.status, write.reply.body) for write in winners}
    if len(replies) != 1:
        raise Failed(f"senders of the winner got different replies: {sorted(replies)}")
    return winners[0]
