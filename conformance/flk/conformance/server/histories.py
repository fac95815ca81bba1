"""Histories: thousands of concurrent submissions over connections that stay open, judged key by key.

Several clients contend for a few ids at a time, with several contents each, beside forgeries and malformed bodies. What was
answered is judged as the history of write-once registers (`register`), and every other answer against what the record deserves.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event
from time import monotonic, sleep
from typing import NamedTuple

from flk.conformance.drafts.mutations import Fields, body_of
from flk.conformance.server.check import check
from flk.conformance.server.exchange import KeptAlive
from flk.conformance.server.register import Write, judge_history
from flk.conformance.server.replies import Failed, NoAnswer, Reply
from flk.conformance.server.target import NotApplicable, Server, expect_outcome, expect_refusal, expect_same, pcs
from flk.model.entries.entry import content_digest

CLIENTS = 16
OPERATIONS = 3000
RIVALS = 3
WRITES = 12
"""Submissions under one id, on average."""
CONTENDED = 8
"""Ids that are contended for at a time."""
UNDECIDED = frozenset({429, 503})
"""Answers after which the record may be stored or not."""
PAUSE_SECONDS = 0.02
"""Before a client goes on whom nobody answers."""
SHOWN = 8


class Id(NamedTuple):
    """An id that is contended for: its tenant, the contents under it, signed, and the digest of each."""

    tenant: str
    rivals: tuple[Fields, ...]
    digests: tuple[str, ...]


class Operation(NamedTuple):
    """What one client sent, of which id, when, and what came. `rival` is its content, negative for a bad record."""

    id: int
    rival: int
    began: float
    ended: float
    reply: Reply | NoAnswer


@check("DUP-1", "DUP-2", "DUP-3", "ORD-3")
def histories_are_linearizable(server: Server) -> None:
    """Thousands of concurrent submissions over open connections have answers that write-once registers give in some order."""
    ids, history = _load(server, server.size(OPERATIONS), 0)
    for operation in history:
        if isinstance(operation.reply, NoAnswer):
            raise NoAnswer(f"a submission under load, though nobody restarted the server: {operation.reply}")
    _judge(server, ids, history)


@check("DUP-1", "WAL-1", "WAL-5", "DUP-7")
def histories_survive_crashes(server: Server) -> None:
    """The same with restarts under load: what was acknowledged before one is what is answered after it."""
    if not server.can_restart:
        raise NotApplicable("needs a command that restarts the server: --restart, or restart= in Python")
    ids, history = _load(server, server.size(OPERATIONS // 2), 6 if server.thorough else 2)
    _judge(server, ids, history)


def _load(server: Server, operations: int, restarts: int) -> tuple[Sequence[Id], list[Operation]]:
    """Let the clients submit, so many operations at least, and as long as it takes to restart the server so many times."""
    ids = [_new_id(server) for _ in range(operations // WRITES + CONTENDED)]
    each = operations // CLIENTS
    done: list[list[Operation]] = [[] for _ in range(CLIENTS)]
    stop = Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [
            pool.submit(_submit, server, ids, Random(f"{server.seed}/{number}"), done[number], each, stop)
            for number in range(CLIENTS)
        ]
        try:
            for number in range(restarts):
                while sum(map(len, done)) < operations * (number + 1) // (restarts + 1) and not clients[0].done():
                    sleep(PAUSE_SECONDS)
                server.restart()
        finally:
            stop.set()
        for client in clients:
            client.result()
    return ids, [operation for operations_of_one in done for operation in operations_of_one]


def _new_id(server: Server) -> Id:
    record = server.record()
    tenant = server.tenants[server.draw(min(2, len(server.tenants)))]
    rivals = tuple(server.signed({**record, "coh_star": 0.7 + place / 100}, tenant) for place in range(RIVALS))
    return Id(tenant, rivals, tuple(content_digest(pcs(rival)) for rival in rivals))


def _submit(
    server: Server, ids: Sequence[Id], random: Random, done: list[Operation], operations: int, stop: Event
) -> None:
    """One client's operations, over one connection as long as it lasts. It moves on through the ids, like the others."""
    with KeptAlive(server) as connection:
        while len(done) < operations or not stop.is_set():
            if len(done) >= operations:
                sleep(PAUSE_SECONDS)  # only as long as the restarts take
            place = min(len(done), operations) * (len(ids) - CONTENDED) // operations + random.randrange(CONTENDED)
            rival = random.choices((random.randrange(RIVALS), -1, -2), (10, 1, 1))[0]
            body = _body(ids[place], rival)
            began = monotonic()
            reply: Reply | NoAnswer
            try:
                reply = connection.submit(body, server.headers(ids[place].tenant))
            except NoAnswer as silence:
                reply = silence
            done.append(Operation(place, rival, began, monotonic(), reply))
            if _decided(reply) is None:
                sleep(PAUSE_SECONDS)


def _decided(reply: Reply | NoAnswer) -> Reply | None:
    """The reply, if it says what became of the record."""
    return None if isinstance(reply, NoAnswer) or reply.status in UNDECIDED else reply


def _body(of: Id, rival: int) -> bytes:
    """A content of the id; with another's signature, or malformed, if it is a bad one. A forgery has a content of its own."""
    if rival >= 0:
        return body_of(of.rivals[rival])
    return body_of(
        {**of.rivals[0], "coh_star": 0.9} if rival == -1 else {**of.rivals[0], "coh_star": 0.9, "attempt": 0}
    )


def _judge(server: Server, ids: Sequence[Id], history: Sequence[Operation]) -> None:
    """Raises Failed for the first id whose operations no register allows, and shows them."""
    by_id: dict[int, list[Operation]] = {}
    for operation in sorted(history, key=lambda one: one.began):
        by_id.setdefault(operation.id, []).append(operation)
    with KeptAlive(server) as connection:
        for place, operations in by_id.items():
            _judge_id(connection, ids[place], operations, server.headers(ids[place].tenant))


def _judge_id(
    connection: KeptAlive, one: Id, operations: Sequence[Operation], headers: Sequence[tuple[str, str]]
) -> None:
    writes = []
    for operation in operations:
        reply = _decided(operation.reply)
        if operation.rival >= 0:
            writes.append(Write(one.digests[operation.rival], operation.began, operation.ended, reply))
        elif reply is not None and operation.rival == -1:
            expect_refusal(reply, 401, "SIGN-6", "a forged record under load", field="sig")
        elif reply is not None:
            expect_refusal(reply, 400, "REC-8", "a malformed record under load", field="attempt")
    if not any(write.reply is not None for write in writes):
        return
    try:
        winner = judge_history(writes)
    except Failed as failure:
        story = [
            f"{'forged' if o.rival < 0 else o.rival} {o.began:.4f} to {o.ended:.4f}: {o.reply}" for o in operations
        ]
        raise Failed(
            f"{failure}; of {len(operations)} operations under the id: {'; '.join(story[:SHOWN])}", story
        ) from None
    again = one.rivals[one.digests.index(winner.digest)]
    now = connection.submit(again, headers)
    expect_outcome(now, again)
    if winner.reply is not None:  # like all others of this content
        expect_same(winner.reply, now, "the winner of a history, asked again after it")
