"""What strangers try over real sockets: the node lives, serves the others, and spends no more than it must."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog
import uvloop
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.rig import Rig
from tests.support.model.world import EXAMINE, HONEST, pcs, submission

from flk.impl.bench import hostile
from flk.impl.bench.attempts import ATTEMPTS
from flk.impl.http.listener import Listener
from flk.impl.http.messages import Answer, Request
from flk.impl.server.admission import Admission
from flk.impl.server.process import ServerProcess, server_process
from flk.impl.server.routes import Service
from flk.impl.server.scrapes import Scrapes
from flk.model.flow.answers import SUBMIT_PATH
from flk.model.flow.submission import Submission
from flk.spec.constants import CONSTANTS
from flk.spec.verdict import Verdict

HEAD = f"POST {SUBMIT_PATH} HTTP/1.1\r\nhost: a\r\n".encode()


@contextmanager
def started(directory: Path, *limits: str) -> Iterator[tuple[ServerProcess, Client]]:
    """A server with bounds of its own, and a client of it."""
    options = [word for limit in limits for word in ("--limit", limit)]
    with server_process(directory / "data", keys_of(directory), options) as server, closing(Client(server)) as client:
        yield server, client


def said_to(server: ServerProcess, sent: bytes, *, half_closed: bool = False) -> bytes:
    """All that a server says to a client that sends this and then, perhaps, that it has said all."""
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), 20) as connection:
        connection.sendall(sent)
        if half_closed:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.slow
def test_a_node_survives_every_attempt_and_answers_meanwhile() -> None:
    """In short: each attempt is refused as it should be, every probe is answered, an honest record is accepted after each, and
    memory and log grow within their bounds. `flk bench hostile` tries all of it in full.
    """
    rows = {row.name: row for row in hostile.measure(scale=0.04)}
    assert list(rows) == [attempt.name for attempt in ATTEMPTS]
    for name, row in rows.items():
        assert row.verdict is Verdict.HOLDS, row
        assert row.memory < hostile.MEMORY_BAR, row
        if "garbage" not in name:
            assert row.logged < 100_000, row
    for name, status in (
        ("body in chunks of one byte", "413"),
        ("chunk extension without end", "413"),
        ("trailers without end", "431"),
        ("one header without end", "431"),
    ):
        assert rows[name].answers == {status: 1}
    assert rows["316 idle, nofile 256"].answers["closed"] >= 316 - 192
    for name in ("garbage for 10 s", "garbage in batches, unread"):
        assert rows[name].logged < 1.2 * CONSTANTS.garbage.peer_burst_bytes


@pytest.mark.slow
def test_a_client_that_offers_another_protocol_is_served(tmp_path: Path) -> None:
    """As Java's and curl's default clients do; then the tenant of a trailer, two hosts, HTTP/2.0, a coding, half a connection."""
    body, upgrade = (
        HONEST.body,
        b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
    )
    ends = b"connection: close\r\n"
    with started(tmp_path) as (server, _):
        offered = (
            HEAD + upgrade.replace(b"Upgrade,", b"close, Upgrade,") + b"content-length: %d\r\n\r\n" % len(body) + body
        )
        assert said_to(server, offered).startswith(b"HTTP/1.1 200 ")
        chunk = b"%x\r\n%b\r\n0\r\n" % (len(body), body)
        coded = HEAD + ends + b"transfer-encoding: chunked\r\n\r\n" + chunk
        assert said_to(server, coded + b"x-tenant-id: other\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert said_to(server, coded.replace(b"chunked", b"gzip, chunked", 1) + b"\r\n").startswith(b"HTTP/1.1 501 ")
        assert said_to(server, b"GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert said_to(server, b"GET /health HTTP/2.0\r\nhost: a\r\n\r\n").startswith(b"HTTP/1.1 505 ")
        plain = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
        assert said_to(server, plain * 3, half_closed=True).count(b"HTTP/1.1 200 ") == 3


@pytest.mark.slow
def test_a_flood_of_garbage_fills_the_log_at_a_bounded_rate(tmp_path: Path) -> None:
    """Beyond the burst 429 with `Retry-After`, whatever tenant it names; records that prove authentic before do not count."""
    with started(tmp_path, "peer_burst_bytes=50000", "peer_bytes_per_second=100") as (_, client):
        for epoch in range(100):
            assert client.submit(submission(pcs(epoch=epoch))).status == 200
        before = sample(client, "flk_wal_bytes_total")
        replies = [client.submit(Submission(f"t{number}", b"x" * 1000)) for number in range(100)]
        assert {reply.status for reply in replies} == {400, 429}
        refused = [reply for reply in replies if reply.status == 429]
        assert len(refused) > 50
        assert all(
            int(reply.headers["retry-after"]) >= 1 and reply.json()["requirement"] == "HTTP-9" for reply in refused
        )
        assert sample(client, "flk_wal_bytes_total") - before < 60_000
        assert sample(client, 'flk_refusals_total{requirement="HTTP-9",status="429"}') == len(refused)


@pytest.mark.slow
def test_a_disk_that_is_nearly_full_takes_nothing(tmp_path: Path) -> None:
    """503 with `Retry-After`, and not a byte logged; the node says that it is not ready."""
    with started(tmp_path, f"min_free_bytes={10**18}", f"scarce_free_bytes={10**18}") as (_, client):
        reply = client.submit(HONEST)
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert sample(client, "flk_wal_bytes_total") == 0
        assert client.request("GET", "/health").status == 200
        assert (client.request("GET", "/ready").status, sample(client, "flk_ready")) == (503, 0)


@pytest.mark.slow
def test_bounds_can_be_set_and_are_kept(tmp_path: Path) -> None:
    """Each named as `flk limits` lists it."""
    with started(tmp_path, "max_head_bytes=300", "request_seconds=1", "max_peer_connections=2") as (server, client):
        assert client.request("GET", "/health").status == 200
        assert client.request("GET", "/health", headers={"a": "b" * 300}).status == 431
        assert said_to(server, b"GET /health HTTP/1.1\r\n").startswith(b"HTTP/1.1 408 ")


def served(service: Service, questions: bytes, answers: int) -> bytes:
    """What a service says to these questions over a real socket."""

    async def story() -> bytes:
        listener, bound = Listener(service), socket.socket()
        bound.bind(("127.0.0.1", 0))
        await listener.listen(bound)
        reader, writer = await asyncio.open_connection(*bound.getsockname())
        writer.write(questions)
        said = b""
        while said.count(b"HTTP/1.1 ") < answers:
            said += await asyncio.wait_for(reader.read(65536), 20)
        writer.close()
        await listener.close()
        return said

    return uvloop.run(story())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service of a node that has recovered."""
    rig = Rig(tmp_path)
    rig.recover()
    scrapes = Scrapes(rig.node.metrics)
    yield Service(rig.runtime, "eu", EXAMINE, Admission(CONSTANTS.garbage, lambda: 10**12), scrapes)
    rig.close()


def test_a_probe_that_cannot_be_answered_is_a_500_and_a_line_in_the_log(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/ready and /metrics of a node whose directory has vanished; /health and the next questions are answered (OBS-4)."""

    def vanished() -> str:
        raise FileNotFoundError(2, "no such directory")

    monkeypatch.setattr(service._node.disk, "why_not_growing", vanished)
    paths = ("ready", "metrics", "health", "ready")
    questions = b"".join(f"GET /{path} HTTP/1.1\r\nhost: a\r\n\r\n".encode() for path in paths)
    with structlog.testing.capture_logs() as logged:
        said = served(service, questions, len(paths))
    assert [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]] == [500, 500, 200, 500]
    assert [line["event"] for line in logged] == ["request.failed", "metrics.failed", "request.failed"]


def test_who_asks_for_metrics_at_once_shares_one_rendering(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made after all of them asked, so that it shows what happened before (HTTP-7)."""
    rendered: list[int] = []
    asked: list[Answer] = []

    def render() -> bytes:
        rendered.append(len(asked))
        return b"%d" % len(rendered)

    async def story() -> None:
        monkeypatch.setattr(service._metrics, "exposition", render)
        for _ in range(100):
            service.handle(Request(path=b"/metrics", method=b"GET"), asked.append)
        assert not asked
        while len(asked) < 100:
            await asyncio.sleep(0)

    asyncio.run(story())
    assert rendered == [0]
    assert {answer.body for answer in asked} == {b"1"}
