"""`flk serve` in a process of its own: statuses and bodies, readiness, metrics, damage, and what it says of unusable input."""

import json
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from tests.support.impl import failing_disk
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.processes import listens
from tests.support.model.world import FORGED, HONEST, KEY, MALFORMED, OTHER_TENANT, STORY, World, pcs, submission

from flk.impl.server.process import ServerProcess, serve_command, server_process
from flk.model.compiled.examiner import SWITCH
from flk.model.flow.answers import SUBMIT_PATH
from flk.model.flow.submission import Submission
from flk.model.log.frames import OVERHEAD, scan
from flk.model.record.canonical import Profile
from flk.model.record.record import encode
from flk.model.record.signing import sign
from flk.spec import __version__
from flk.spec.constants import CONSTANTS
from flk.spec.metrics import METRICS, TABLE


@contextmanager
def started(directory: Path, *options: str) -> Iterator[tuple[ServerProcess, Client]]:
    """A server on a new or old data directory, and a client of it."""
    with server_process(directory / "data", keys_of(directory), options) as server, closing(Client(server)) as client:
        yield server, client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server that several tests share."""
    with started(tmp_path_factory.mktemp("server")) as (_, client):
        yield client


@pytest.mark.slow
def test_the_server_answers_a_story_as_the_model_does(tmp_path: Path) -> None:
    """Status by status and body by body, but for the moment."""
    world = World("eu")
    with started(tmp_path) as (_, client):
        for sent in STORY:
            expected, got = world.ingest("eu", sent), client.submit(sent)
            assert (got.status, got.headers["content-type"]) == (expected.status, "application/json")
            assert got.json() | {"timestamp": ""} == json.loads(expected.body) | {"timestamp": ""}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/", 404, None),
        ("POST", SUBMIT_PATH + "/", 404, None),
        ("GET", SUBMIT_PATH, 405, "POST"),
        ("POST", "/ready", 405, "GET, HEAD"),
        ("DELETE", "/health", 405, "GET, HEAD"),
        ("PUT", "/metrics", 405, "GET, HEAD"),
    ],
)
def test_unknown_paths_and_methods_are_told_apart(
    client: Client, method: str, path: str, status: int, allow: str | None
) -> None:
    """404, or 405 with the methods that there are (ORD-8)."""
    reply = client.request(method, path)
    assert (reply.status, reply.headers.get("allow"), reply.json()["requirement"]) == (status, allow, "ORD-8")


def test_a_body_may_have_the_greatest_size_and_no_more(client: Client) -> None:
    """Announced or in chunks; the connection, or a new one, goes on (ORD-5)."""
    limit = CONSTANTS.node.max_body_bytes
    whole = HONEST.body.ljust(limit)
    assert client.request("POST", SUBMIT_PATH, whole).status == 200
    assert client.request("POST", SUBMIT_PATH, iter([whole[:1000], whole[1000:]])).status == 200
    for too_large in (whole + b" ", iter([whole, b" " * 70_000])):
        reply = client.request("POST", SUBMIT_PATH, too_large)
        assert (reply.status, reply.json()["requirement"]) == (413, "ORD-5")


@pytest.mark.slow
def test_a_body_over_the_limit_is_refused_when_it_is_announced(tmp_path: Path) -> None:
    """The answer comes before a byte of the body is sent (ORD-5)."""
    with started(tmp_path) as (server, _):
        where = urlsplit(server.url)
        with socket.create_connection((where.hostname, where.port)) as connection:
            size = CONSTANTS.node.max_body_bytes + 1
            connection.sendall(f"POST {SUBMIT_PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n".encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("tenant", ["a/b", "", "t" * 65, "caf\u00e9", "default, default"])
def test_a_tenant_that_cannot_be_logged_is_refused(client: Client, tenant: str) -> None:
    """And is not taken for the default (ORD-9)."""
    reply = client.submit(Submission(tenant, HONEST.body))
    assert (reply.status, reply.json()["requirement"], reply.json()["field"]) == (400, "ORD-9", "X-Tenant-Id")


def test_health_and_readiness(client: Client) -> None:
    """200 for both, and for HEAD nothing but the head (OBS-3)."""
    assert client.request("GET", "/health").status == client.request("GET", "/ready").status == 200
    assert client.request("HEAD", "/ready").body == b""


def test_the_metrics_are_those_of_the_table(client: Client) -> None:
    """Names and types, nothing more and nothing less: those of nodes, and of the process (OBS-1, OBS-6)."""
    lines = client.request("GET", "/metrics").body.decode().splitlines()
    types = [line.split()[2:] for line in lines if line.startswith("# TYPE ")]
    of_nodes = {name: str(metric.type) for name, metric in METRICS.items()}
    assert dict(types) == of_nodes | {metric.name: str(metric.type) for metric in TABLE.process}
    assert f'flk_build_info{{python="{platform.python_version()}",version="{__version__}"}} 1.0' in lines
    assert all(sample(client, metric.name) > 0 for metric in TABLE.process)


@pytest.mark.slow
def test_the_metrics_count_what_happens(tmp_path: Path) -> None:
    """Each submission of the story once, under what became of it."""
    with started(tmp_path) as (_, client):
        statuses = [client.submit(sent).status for sent in STORY]
        assert sample(client, "flk_ingest_total") == len(STORY)
        assert sample(client, "flk_outcomes_total") == 4
        assert sample(client, 'flk_outcomes_total{outcome="escalated"}') == 1
        assert sample(client, "flk_dedup_hits_total") == 1
        assert sample(client, "flk_equivocations_total") == statuses.count(409) == 1
        assert sample(client, "flk_signature_errors_total") == statuses.count(401)
        assert sample(client, 'flk_refusals_total{requirement="REC-1",status="400"}') == 1
        assert sample(client, "flk_submit_seconds_count") == len(STORY)
        assert sample(client, "flk_wal_batch_frames_sum") == len(STORY)
        assert sample(client, "flk_in_flight") == 0
        assert sample(client, "flk_ready") == 1


@pytest.mark.slow
def test_a_stopped_server_has_answered_sealed_and_written(tmp_path: Path) -> None:
    """SIGTERM in the middle of a conversation: exit code 0, the log sealed, and the next start has nothing to replay."""
    with started(tmp_path) as (server, client):
        before = [client.submit(sent) for sent in STORY]
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
    (segment,) = (tmp_path / "data").glob("*/*.wal")
    assert scan(segment.read_bytes()).sealed
    with started(tmp_path) as (server, client):
        assert server.said[0].startswith("recovered 0 frames in 0 segments")
        repeated = [client.submit(sent) for sent in STORY]
        assert [(reply.status, reply.body) for reply in repeated] == [(reply.status, reply.body) for reply in before]


@pytest.mark.slow
@pytest.mark.parametrize(("way", "said"), [("c", "compiled C"), ("python", "Python (FLK_EXAMINE is python)")])
def test_a_server_says_by_which_way_it_examines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, said: str
) -> None:
    """And answers alike: 200, 401 and 400 are those of the reference."""
    monkeypatch.setenv(SWITCH, way)
    with started(tmp_path) as (server, client):
        assert f"records are examined by {said}" in server.said
        assert [client.submit(sent).status for sent in (HONEST, FORGED, MALFORMED)] == [200, 401, 400]


@pytest.mark.slow
def test_a_damaged_log_is_reported_with_its_offset_and_the_rest_is_kept(tmp_path: Path) -> None:
    """One byte of one frame changed, and a torn tail: the server says where and what, and serves every other record (WAL-4)."""
    sent = [submission(pcs(epoch=epoch)) for epoch in range(5)]
    with started(tmp_path) as (server, client):
        before = [client.submit(item).body for item in sent]
        server.process.kill()
        server.process.wait()
    (segment,) = (tmp_path / "data").glob("*/*.wal")
    content = bytearray(segment.read_bytes().rstrip(b"\0"))
    offset = content.index(sent[2].body)
    content[offset] ^= 1
    segment.write_bytes(content + b"torn")
    for file in (tmp_path / "data").glob("entries.sqlite*"):
        file.unlink()
    with started(tmp_path) as (server, client):
        said = "\n".join(server.said)
        assert "eu.000001/000000000001: cut off 4 bytes" in said
        assert f"are corrupt, from offset {offset - OVERHEAD - 8} to" in said
        assert f"is kept as {segment.with_suffix('.damaged')}" in said
        assert segment.with_suffix(".damaged").read_bytes() == content + b"torn"
        again = [client.submit(item).body for item in sent]
        assert [one == other for one, other in zip(before, again, strict=True)] == [True, True, False, True, True]


@pytest.mark.slow
def test_of_a_flip_in_the_last_frame_no_more_is_said_than_is_known(tmp_path: Path) -> None:
    """It looks like a write that was cut short, and was acknowledged: it counts as damage, and nobody says that nothing is lost."""
    with started(tmp_path) as (server, client):
        assert client.submit(HONEST).status == 200
        server.process.kill()
        server.process.wait()
    (segment,) = (tmp_path / "data").glob("*/*.wal")
    content = bytearray(segment.read_bytes())
    content[content.index(HONEST.body)] ^= 1
    segment.write_bytes(content)
    with started(tmp_path) as (server, client):
        (said,) = (line for line in server.said if "cut off" in line)
        assert "may have been acknowledged" in said
        assert "flk_wal_damage_total 1.0" in client.request("GET", "/metrics").body.decode()


@pytest.mark.slow
def test_a_node_with_a_gap_is_not_ready_and_says_why_until_its_loss_is_accepted(tmp_path: Path) -> None:
    """The last segment is gone, and the store with it: nothing is served, the metric and the reason say so; then the operator names
    it, and the node goes on (WAL-9).
    """
    name = "eu.000001/000000000001"
    with started(tmp_path) as (server, client):
        assert client.submit(HONEST).status == 200
        server.process.kill()
        server.process.wait()
    (tmp_path / "data" / f"{name}.wal").unlink()
    for file in (tmp_path / "data").glob("entries.sqlite*"):
        file.unlink()
    with started(tmp_path) as (server, client):
        assert any("not ready" in line and f"--accept-loss {name}" in line for line in server.said)
        ready = client.request("GET", "/ready")
        assert ready.status == 503
        assert f"{name} is missing, with" in ready.body.decode()
        health = client.request("GET", "/health")
        assert (health.status, f"{name} is missing, with" in health.body.decode()) == (200, True)
        assert client.submit(HONEST).status == 503
        assert sample(client, "flk_wal_damage_total") == 1
    with started(tmp_path, "--accept-loss", name) as (server, client):
        assert any("its loss is accepted" in line for line in server.said)
        assert client.request("GET", "/ready").status == 200
        assert client.submit(HONEST).status == 200
    with started(tmp_path) as (server, client):
        assert not any("accepted" in line for line in server.said)
        assert client.submit(HONEST).status == 200


@pytest.mark.slow
def test_a_lost_store_is_rebuilt_from_the_log(tmp_path: Path) -> None:
    """Answers, timestamps included, are what they were."""
    with started(tmp_path) as (_, client):
        before = [client.submit(sent).body for sent in STORY]
    for file in (tmp_path / "data").glob("entries.sqlite*"):
        file.unlink()
    with started(tmp_path) as (_, client):
        assert [client.submit(sent).body for sent in STORY] == before


def test_requests_of_many_clients_at_once_get_one_outcome(tmp_path: Path) -> None:
    """Sixteen clients, each first to send every record: all are told the same of each (DUP-1)."""
    sent = [submission(pcs(epoch=epoch)) for epoch in range(30)]
    answers: list[list[bytes]] = []

    def client_of(server: ServerProcess) -> None:
        with closing(Client(server)) as client:
            answers.append([client.submit(item).body for item in sent])

    with started(tmp_path) as (server, _):
        threads = [Thread(target=client_of, args=(server,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 16
    assert all(each == answers[0] for each in answers)


def flk(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    command = [sys.executable, "-m", "flk.impl.command", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.slow
def test_what_cannot_be_used_ends_with_2_and_one_message(tmp_path: Path) -> None:
    """A taken port, another's directory, a key file with a mistake, a store that is none: each with what to do."""
    keys, data = keys_of(tmp_path), tmp_path / "data"
    other = tmp_path / "other"
    bad = tmp_path / "bad.toml"
    bad.write_text("[[key]]\n")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "entries.sqlite").write_text("this is no database" * 99)
    with started(tmp_path) as _, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for arguments, said in (
            (("--data", other, "--keys", keys, "--port", port), "choose another --host or --port"),
            (("--data", other, "--keys", keys, "--host", "192.0.2.1"), "choose another --host or --port"),
            (("--data", data, "--keys", keys, "--port", 0), "another process uses this directory"),
            (("--data", other, "--keys", bad), f"{bad}:1: "),
            (("--data", tmp_path / "broken", "--keys", keys, "--port", 0), "name a directory of its own"),
        ):
            ended = flk("serve", *arguments)
            assert (ended.returncode, ended.stdout) == (2, "")
            assert ended.stderr.count("\n") == 1
            assert said in ended.stderr


@pytest.mark.slow
def test_a_failed_log_ends_the_server_and_acknowledges_nothing_more(tmp_path: Path) -> None:
    """The submission that met the failure gets 503, the process ends by itself, with 1, and the next one serves what was
    acknowledged (OBS-8).
    """
    sign = tmp_path / "the disk fails"
    serve = serve_command(tmp_path / "data", keys_of(tmp_path))[3:]
    with listens(failing_disk.command(sign, 0.5, serve)) as server:
        with closing(Client(server)) as client:
            before = client.submit(HONEST)
            sign.touch()
            assert client.submit(OTHER_TENANT).status == 503
        _, said = server.process.communicate(timeout=20)
    assert server.process.returncode == 1
    assert "the log cannot be written: bad disk; fix: replace the disk" in said
    with started(tmp_path) as (_, client):
        assert client.submit(HONEST).body == before.body


@pytest.mark.slow
def test_older_signatures_count_only_when_asked_for(tmp_path: Path) -> None:
    """`--accept-shortest` admits the older canonical form (C14N-6)."""
    record = pcs(epoch=7)
    older = Submission("default", encode(pcs(epoch=7, sig=sign(KEY, record, Profile.SHORTEST))))
    for options, status in (((), 401), (("--accept-shortest",), 200)):
        with started(tmp_path, *options) as (_, client):
            assert client.submit(older).status == status


@pytest.mark.slow
def test_a_node_can_require_that_all_which_is_judged_is_signed(tmp_path: Path) -> None:
    """Both profiles count unless `--require-judged` is given; a copy with another count never does (C14N-9)."""
    record = pcs(epoch=7)
    eight, whole = (encode(pcs(epoch=7, sig=sign(KEY, record, each))) for each in (Profile.FIXED, Profile.JUDGED))
    altered = whole.replace(b'"sticky"', b'"mixed"')
    assert altered != whole
    for options, status in (((), 200), (("--require-judged",), 401)):
        directory = tmp_path / f"{status}"
        directory.mkdir()
        with started(directory, *options) as (_, client):
            assert [client.submit(Submission("default", body)).status for body in (altered, eight, whole)] == [
                401,
                status,
                200,
            ]


@pytest.mark.slow
def test_the_command_makes_keys_that_it_accepts(tmp_path: Path) -> None:
    """`flk keys new`, then `flk keys check`, which warns of a file that others may read."""
    made = "".join(flk("keys", "new", "--id", name, "--algorithm", name).stdout for name in ("hmac-sha256", "ed25519"))
    path = tmp_path / "keys.toml"
    path.write_text(made)
    path.chmod(0o644)
    checked = flk("keys", "check", path)
    assert (checked.returncode, checked.stdout.count("always until for ever")) == (0, 2)
    assert "chmod 600" in checked.stderr
