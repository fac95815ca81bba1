"""Batches on a real node: each record is answered as if it had come alone, and what is refused as a whole leaves nothing."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.effort import few
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.rig import Rig
from tests.support.model.world import (
    EQUIVOCATING,
    ESCALATED,
    EXAMINE,
    FORGED,
    HONEST,
    MALFORMED,
    World,
    pcs,
    submission,
)

from flk.impl.http.messages import Answer, Request
from flk.impl.server.admission import Admission
from flk.impl.server.process import ServerProcess, server_process
from flk.impl.server.routes import Service
from flk.model.effects import Admit
from flk.model.flow.answers import BATCH_PATH, SUBMIT_PATH
from flk.model.flow.submission import Submission
from flk.model.refusal import untimely
from flk.spec.constants import CONSTANTS, Garbage, Http

T = TypeVar("T")
NDJSON = b"application/x-ndjson"
RECORDS = [submission(pcs(epoch=epoch)).body for epoch in range(100, 106)]
LINES = st.sampled_from(
    [
        *(each.body for each in (HONEST, ESCALATED, EQUIVOCATING, FORGED, MALFORMED)),
        *RECORDS,
        HONEST.body + b"\r",
        b"",
        b"\r",
        b"[1]",
        b"\x00\xff",
    ]
)
OVERSIZED = HONEST.body.ljust(CONSTANTS.node.max_body_bytes + 1)


class Asked:
    """A node in this process, asked without a socket."""

    def __init__(self, rig: Rig, garbage: Garbage = CONSTANTS.garbage, limits: Http = CONSTANTS.http) -> None:
        admission = Admission(garbage, lambda: 1 << 40)
        self.rig = rig
        self.service = Service(rig.runtime, "eu", EXAMINE, admission, limits=limits)

    async def submit(self, body: bytes, tenant: bytes = b"default") -> Answer:
        return await self._ask(SUBMIT_PATH, body, {b"x-tenant-id": tenant})

    async def batch(
        self, lines: Sequence[bytes], tenant: bytes = b"default", media_type: bytes = NDJSON, path: str = BATCH_PATH
    ) -> Answer:
        return await self._ask(path, b"\n".join(lines), {b"x-tenant-id": tenant, b"content-type": media_type})

    async def _ask(self, path: str, body: bytes, headers: dict[bytes, bytes]) -> Answer:
        request = Request("192.0.2.7", b"POST", path.encode(), headers=headers, body=body)
        if (refusal := self.service.check(request, len(body))) is not None:
            return refusal
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.service.handle(request, answered.set_result)
        return await answered


def on_a_node(story: Callable[[Asked], Awaitable[T]], **options: Any) -> T:
    """What comes of a story on a node of its own."""
    with TemporaryDirectory() as directory:
        rig = Rig(Path(directory))
        try:
            return rig.serve(lambda rig: story(Asked(rig, **options)))
        finally:
            rig.close()


def stated(answer: Answer | dict[str, Any]) -> dict[str, Any]:
    """Status, body and pause of a single answer or of a line, but for the moment."""
    if isinstance(answer, Answer):
        pause = answer.headers.get(b"retry-after")
        line = {"status": answer.status, "body": json.loads(answer.body)}
        answer = line if pause is None else line | {"retry_after": int(pause)}
    body = answer["body"]
    return answer | {"body": body | {"timestamp": ""} if "timestamp" in body else body}


def lines_of(answer: Answer) -> list[dict[str, Any]]:
    """The lines of an answer to a batch."""
    assert (answer.status, answer.content_type) == (200, NDJSON), answer
    return [json.loads(line) for line in answer.body.splitlines()]


@pytest.mark.slow
@settings(max_examples=few(24), deadline=None)
@given(st.lists(LINES, min_size=1, max_size=12), st.sampled_from([b"default", b"other"]))
@example([HONEST.body, HONEST.body, EQUIVOCATING.body, b"", OVERSIZED, FORGED.body, ESCALATED.body], b"default")
def test_a_batch_of_any_records_is_answered_line_by_line_as_by_single_submissions(
    lines: list[bytes], tenant: bytes
) -> None:
    """On a real node, and as in the model: accepted, escalated, duplicate, equivocating, forged, malformed, empty and too large
    (BAT-1). Both nodes end with the same entries and the same log.
    """

    async def batched(node: Asked) -> tuple[list[dict[str, Any]], list[bytes], int]:
        answer = await node.batch([*lines, b""], tenant)
        return [stated(line) for line in lines_of(answer)], node.rig.logged(), len(node.rig.entries())

    async def one_by_one(node: Asked) -> tuple[list[dict[str, Any]], list[bytes], int]:
        answers = [stated(await node.submit(line, tenant)) for line in lines]
        return answers, node.rig.logged(), len(node.rig.entries())

    together = on_a_node(batched)
    assert together == on_a_node(one_by_one)
    world = World("eu")
    modelled = [world.ingest("eu", Submission(tenant.decode(), line)) for line in lines]
    assert [line["status"] for line in together[0]] == [answer.status for answer in modelled]


def test_a_batch_is_logged_in_the_order_of_its_lines() -> None:
    """And made durable together, other submissions notwithstanding: one id twice in it is a duplicate of its first line (BAT-1)."""
    lines = [*reversed(RECORDS), RECORDS[0]]

    async def story(node: Asked) -> tuple[list[bytes], int, list[dict[str, Any]]]:
        await node.submit(ESCALATED.body)
        before = node.rig.synchronised
        alone, together = await asyncio.gather(node.submit(HONEST.body), node.batch(lines))
        assert alone.status == 200
        return node.rig.logged(), node.rig.synchronised - before, lines_of(together)

    logged, synchronised, answers = on_a_node(story)
    assert [payload.partition(b"default")[2] for payload in logged] == [ESCALATED.body, HONEST.body, *lines]
    assert synchronised == 1
    assert answers[-1] == answers[len(RECORDS) - 1]


@pytest.mark.parametrize(
    ("lines", "options", "status", "requirement"),
    [
        (RECORDS, {"media_type": b"application/json"}, 415, "BAT-2"),
        (RECORDS, {"media_type": b""}, 415, "BAT-2"),
        ([], {}, 400, "BAT-2"),
        ([b""] * 8, {}, 413, "BAT-2"),
        ([b"x" * 10_001], {}, 413, "BAT-2"),
        (RECORDS, {"tenant": b"a/b"}, 400, "ORD-9"),
        (RECORDS, {"path": BATCH_PATH + "/"}, 404, "ORD-8"),
    ],
)
def test_a_batch_that_is_refused_as_a_whole_leaves_nothing_in_the_log(
    lines: list[bytes], options: dict[str, Any], status: int, requirement: str
) -> None:
    """One answer, as to a single submission (BAT-2); and the next batch is taken, whose media type may have parameters."""

    async def story(node: Asked) -> tuple[Answer, list[bytes]]:
        refused = await node.batch(lines, **options)
        logged = node.rig.logged()
        assert len(lines_of(await node.batch(RECORDS, media_type=b"Application/X-NDJSON; charset=utf-8"))) == 6
        return refused, logged

    limits = msgspec.structs.replace(CONSTANTS.http, max_batch_records=6, max_batch_bytes=10_000)
    refused, logged = on_a_node(story, limits=limits)
    assert (refused.status, json.loads(refused.body)["requirement"], logged) == (status, requirement, [])


def test_an_address_that_may_not_log_all_of_a_batch_logs_none_of_it() -> None:
    """Frames count, so that many short lines cost what they take; and what proved authentic is given back (BAT-2, HTTP-9)."""
    garbage = msgspec.structs.replace(CONSTANTS.garbage, peer_burst_bytes=10_000, peer_bytes_per_second=1)

    async def story(node: Asked) -> None:
        for _ in range(5):
            assert {line["status"] for line in lines_of(await node.batch(RECORDS))} == {200}
        assert {line["status"] for line in lines_of(await node.batch([b"x"] * 150))} == {400}
        before = len(node.rig.logged())
        refused = await node.batch([b"x"] * 5)
        assert (refused.status, b"retry-after" in refused.headers, b"HTTP-9" in refused.body) == (429, True, True)
        assert len(node.rig.logged()) == before

    on_a_node(story, garbage=garbage)


def test_records_of_a_batch_count_in_flight_one_by_one() -> None:
    """The lines over the limit say 429, the others are judged; a node that is full refuses a whole batch (BAT-2, ORD-6)."""

    async def story(node: Asked) -> None:
        node.rig.node.limit = lambda: 4
        answers = lines_of(await node.batch(RECORDS))
        assert [line["status"] for line in answers] == [200] * 4 + [429] * 2
        assert [line.get("retry_after") for line in answers] == [None] * 4 + [CONSTANTS.node.retry_after_seconds] * 2
        assert node.rig.node.in_flight == 0
        node.rig.node.limit = lambda: 0
        full = await node.batch(RECORDS)
        assert (full.status, b"ORD-6" in full.body, len(node.rig.logged())) == (429, True, 4)

    on_a_node(story)


def test_others_have_their_turn_between_the_records_of_a_batch() -> None:
    """A record behind a large batch is logged before the last of it; what waits to begin counts as room taken (HTTP-7)."""

    async def story(node: Asked) -> None:
        large = [b"%d" % number for number in range(1000)]
        node.rig.node.limit = lambda: 1100
        batch, behind, alone = await asyncio.gather(
            node.batch(large), node.batch(large[:200]), node.submit(HONEST.body)
        )
        assert {line["status"] for line in lines_of(batch)} == {400}
        assert (behind.status, alone.status) == (200, 200)
        logged = [payload.partition(b"default")[2] for payload in node.rig.logged()]
        assert [line for line in logged if line in set(large)][:1000] == large
        assert logged.index(HONEST.body) < 1000
        node.rig.node.limit = lambda: 1000
        batch, behind = await asyncio.gather(node.batch(large), node.batch(large[:200]))
        assert (batch.status, behind.status, b"ORD-6" in behind.body) == (200, 429, True)

    on_a_node(story)


def test_a_node_that_would_admit_no_record_refuses_the_batch() -> None:
    """As while it doubts its clock, which no look at room tells: one refusal, with the pause (BAT-2, HLC-5)."""

    def doubts(effect: Admit) -> None:
        del effect
        raise untimely("wall time is doubtful")

    async def story(node: Asked) -> None:
        node.rig.node.at_once[Admit] = doubts
        refused = await node.batch(RECORDS)
        assert (refused.status, b"HLC-5" in refused.body, b"retry-after" in refused.headers) == (503, True, True)

    on_a_node(story)


def test_while_the_store_is_away_each_line_says_so_and_the_log_keeps_all() -> None:
    """503 with the pause in each; then the node is behind, and refuses the next batch as a whole (BAT-2, ORD-4)."""

    async def story(node: Asked) -> None:
        node.rig.store.down = True
        answers = lines_of(await node.batch(RECORDS))
        assert {(line["status"], line["retry_after"]) for line in answers} == {(503, 1)}
        assert (await node.batch(RECORDS)).status == 503
        assert len(node.rig.logged()) == len(RECORDS)
        node.rig.store.down = False

    on_a_node(story)


@contextmanager
def started(directory: Path, *options: str) -> Iterator[tuple[ServerProcess, Client]]:
    """A server in a process of its own, and a client of it."""
    with server_process(directory / "data", keys_of(directory), options) as server, closing(Client(server)) as client:
        yield server, client


def posted(client: Client, lines: Sequence[bytes]) -> tuple[int, list[dict[str, Any]]]:
    """Status and lines of the answer of a server."""
    headers = {"Content-Type": NDJSON.decode(), "X-Tenant-Id": "default"}
    reply = client.request("POST", BATCH_PATH, b"\n".join(lines), headers)
    return reply.status, [json.loads(line) for line in reply.body.splitlines()]


@pytest.mark.slow
def test_a_batch_that_is_cut_off_leaves_nothing_in_the_log(tmp_path: Path) -> None:
    """In a line or between two, by its length or in chunks; and the node goes on (BAT-3)."""
    lines = b"\n".join(RECORDS)
    head = f"POST {BATCH_PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: {NDJSON.decode()}\r\n".encode()
    with started(tmp_path) as (server, client):
        where = urlsplit(server.url)
        for framing in (
            b"content-length: %d\r\n\r\n" % len(lines),
            b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(lines),
        ):
            for cut in (len(RECORDS[0]) + 1, len(RECORDS[0]) // 2):
                with socket.create_connection((where.hostname, where.port), 20) as connection:
                    connection.sendall(head + framing + lines[:cut])
                    connection.shutdown(socket.SHUT_WR)
                    assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert sample(client, "flk_ingest_total") == 0
        status, answers = posted(client, RECORDS)
        assert (status, {line["status"] for line in answers}) == (200, {200})
        assert sample(client, "flk_ingest_total") == sample(client, "flk_submit_seconds_count") == len(RECORDS)


@pytest.mark.slow
def test_a_batch_is_sent_again_after_the_node_died_in_the_middle(tmp_path: Path) -> None:
    """Killed while it has the batch: what the second answer says of each record is what any later answer says (BAT-3)."""
    many = [submission(pcs(epoch=epoch)).body for epoch in range(1000, 1400)]
    body = b"\n".join(many)
    head = f"POST {BATCH_PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: {NDJSON.decode()}\r\n".encode()
    with started(tmp_path) as (server, _):
        where = urlsplit(server.url)
        with socket.create_connection((where.hostname, where.port), 20) as connection:
            connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
            server.process.kill()
    with started(tmp_path) as (_, client):
        first = posted(client, many)
        assert (first[0], {line["status"] for line in first[1]}) == (200, {200})
        assert posted(client, many) == first
