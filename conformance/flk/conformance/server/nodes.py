"""Several nodes of one region: whichever is asked, they answer as one (HLC-7, DUP-10)."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import NamedTuple

from flk.conformance.drafts.mutations import Fields
from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed, Reply
from flk.conformance.server.target import NotApplicable, Server, expect_outcome, expect_same, expect_status, pcs
from flk.model.entries.entry import content_digest
from flk.model.flow.answers import STATES_ENTRY

RECORDS = 30
CLIENTS = 16
RIVALS = 4
ROUNDS = 12

Rank = tuple[str, str]
"""What decides between two entries of a region under one id: timestamp, and digest where two nodes gave the same (CRR-1)."""


class Told(NamedTuple):
    """One submission to one of the nodes: the content that it brought, when it began and was over, and the answer."""

    digest: str
    began: float
    over: float
    reply: Reply

    @property
    def rank(self) -> Rank:
        """That of the entry which the answer states."""
        return self.reply.text("timestamp"), self.reply.text("digest")


@check("DUP-2", "DUP-3", "DUP-10")
def nodes_answer_alike(server: Server) -> None:
    """What one node of a region acknowledged, every other answers in the same way, and gives 409 to another content."""
    count = _nodes(server)
    for turn in range(RECORDS):
        record = server.signed(server.record())
        first = server.submit(record, node=turn % count)
        expect_outcome(first, record)
        other = server.signed({**record, "coh_star": 0.9})
        for node in range(count):
            expect_same(first, server.submit(record, node=node), f"one record, sent to {server.nodes[node].url} again")
            refused = server.submit(other, node=node)
            expect_status(refused, 409, f"another content under an id that {server.nodes[turn % count].url} stored")
            if refused.text("digest") != first.text("digest"):
                raise Failed(f"{server.nodes[node].url} names another winner: first {first}, then {refused}")


@check("HLC-7")
def nodes_have_one_order(server: Server) -> None:
    """Of records sent to the nodes of a region in turn, each gets a later timestamp than the one before."""
    count = _nodes(server)
    last = ""
    for turn in range(RECORDS):
        record = server.signed(server.record())
        reply = server.submit(record, node=turn % count)
        expect_outcome(reply, record)
        timestamp = reply.text("timestamp")
        if timestamp <= last:
            before, now = (server.nodes[place % count].url for place in (turn - 1, turn))
            raise Failed(f"{now} gave {timestamp} to what was sent after {before} had answered with {last}")
        last = timestamp


@check("DUP-1", "DUP-10")
def nodes_come_to_one_entry(server: Server) -> None:
    """Of contents sent under one id to several nodes at once one prevails, and no answer is ever for one that came later."""
    count = _nodes(server)
    for _ in range(server.size(ROUNDS)):
        record = server.record()
        rivals = [server.signed({**record, "coh_star": 0.7 + place / 100}) for place in range(RIVALS)]
        history = _race(server, rivals, count)
        final = judge_region(history, server.submit(rivals[0]))
        for node in range(count):
            for rival in rivals:
                reply = server.submit(rival, node=node)
                if (reply.status not in STATES_ENTRY) or (reply.text("timestamp"), reply.text("digest")) != final:
                    raise Failed(f"after a race {server.nodes[node].url} names another entry than {final}: {reply}")


def _nodes(server: Server) -> int:
    if len(server.nodes) < 2:
        raise NotApplicable("needs another node of the same region: --node URL, or nodes= in Python")
    return len(server.nodes)


def _race(server: Server, rivals: Sequence[Fields], count: int) -> list[Told]:
    """Submit all contents at once, each to every node, and again when the answer is there."""
    start = Barrier(CLIENTS)

    def submit(number: int) -> list[Told]:
        told = []
        record = rivals[number % RIVALS]
        start.wait()
        for turn in range(2):
            began = time.monotonic()
            reply = server.submit(record, node=(number // RIVALS + turn) % count)
            told.append(Told(content_digest(pcs(record)), began, time.monotonic(), reply))
        return told

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [told for each in pool.map(submit, range(CLIENTS)) for told in each]


def judge_region(history: Sequence[Told], after: Reply) -> Rank:
    """The rank of the entry that stands after a race, by an answer that was given then. Raises Failed if no region behaves so."""
    for told in history:
        expect_status(told.reply, sorted(STATES_ENTRY), "in a race of nodes")
        named = told.reply.text("digest")
        if (told.reply.status == 409) == (named == told.digest):
            raise Failed(f"the entry is {named}; the sender of {told.digest} got {told.reply}")
    final = (after.text("timestamp"), after.text("digest"))
    first_answer = min(told.over for told in history)
    for digest in {final[1], *(told.rank[1] for told in history)}:
        sent = [told.began for told in history if told.digest == digest]
        if not sent or min(sent) > first_answer:
            raise Failed(f"{digest} is named, which nobody had sent before the first answer")
    ordered = sorted(history, key=lambda told: told.over)
    for later in history:
        before = [told for told in ordered if told.over < later.began]
        if before and min(told.rank for told in before) < later.rank:
            raise Failed(f"an answer names a later entry than one before it: {later.reply}")
        if later.rank < final:
            raise Failed(f"an answer named an earlier entry than the one that stands, {final}: {later.reply}")
    return final
