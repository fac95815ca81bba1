"""A node within TLS, in a process of its own: whom it hears, what it shows, and certificates that change."""

import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.operated import operated
from tests.support.impl.processes import listens
from tests.support.model.world import FORGED, HONEST, STORY, World

from flk.impl.agent.outbox import Outbox
from flk.impl.bench.authority import LOOPBACK, Authority
from flk.impl.command.impl.delivering import Service
from flk.impl.http.trust import Trust
from flk.impl.server.process import ServerProcess, serve_command, server_process
from flk.impl.server.tls_files import TlsFiles
from flk.spec.errors import UnusableInput

OURS = Authority("ours")
THEIRS = Authority("theirs")
LOST = (ssl.SSLError, ConnectionError, http.client.HTTPException)


def options(files: TlsFiles) -> list[str]:
    """What a node is started with."""
    given = ["--tls-certificate", str(files.certificate), "--tls-key", str(files.key)]
    return given if files.client_ca is None else [*given, "--tls-client-ca", str(files.client_ca)]


@contextmanager
def started(directory: Path, files: TlsFiles) -> Iterator[ServerProcess]:
    """A node within TLS."""
    with server_process(directory / "data", keys_of(directory), options(files)) as server:
        yield server


@pytest.mark.slow
def test_a_node_within_tls_answers_a_story_as_the_model_does(tmp_path: Path) -> None:
    """Status by status and body by body; and outside of TLS it says nothing (TLS-1)."""
    world = World("eu")
    with started(tmp_path, OURS.server(tmp_path)) as server, closing(Client(server, OURS.client(tmp_path))) as client:
        assert server.url.startswith("https://")
        for sent in STORY:
            expected, got = world.ingest("eu", sent), client.submit(sent)
            assert got.status == expected.status
            assert got.json() | {"timestamp": ""} == json.loads(expected.body) | {"timestamp": ""}
        with closing(Client(server)) as plain, pytest.raises(LOST):
            plain.request("GET", "/health")
        with closing(Client(server, THEIRS.client(tmp_path))) as doubtful, pytest.raises(ssl.SSLCertVerificationError):
            doubtful.request("GET", "/health")
        assert sample(client, "flk_tls_handshake_errors_total") == 2
        assert 29 < sample(client, "flk_tls_certificate_expires_seconds") / 86_400 <= 30


@pytest.mark.slow
def test_operators_are_answered_within_tls_and_clients_without_a_certificate_are_not(tmp_path: Path) -> None:
    """The operators' address is as the other: nothing outside of TLS, its certificate watched, its handshakes counted; and where
    clients show certificates a token alone opens nothing (TLS-1, TLS-2, API-6).
    """
    files = OURS.server(tmp_path, mutual=True)
    ours = OURS.client(tmp_path, OURS.issue(tmp_path, "operator"))
    with operated(tmp_path, options(files), ours) as node:
        assert node.admin_url.startswith("https://")
        assert node.ask("/admin/shards").status == 200
        assert node.ask("/metrics", "nobody").status == 401
        again = {
            each["what"]: each["wrong"] for each in json.loads(node.ask("/admin/reload", method="POST").body)["files"]
        }
        assert [name for name in again if "admin" in name]
        assert not any(again.values())
        address = node.server._replace(url=node.admin_url)
        for stranger in (None, OURS.client(tmp_path), THEIRS.client(tmp_path)):
            with closing(Client(address, stranger)) as client, pytest.raises((*LOST, ssl.SSLCertVerificationError)):
                client.request("GET", "/metrics", None, node.bearer("operator"))
        said = node.ask("/metrics").body.decode()
        assert "flk_tls_handshake_errors_total 3.0" in said
        assert 'flk_tls_certificate_expires_seconds{listener="admin"}' in said


def test_only_clients_with_a_certificate_of_the_authority_are_heard(tmp_path: Path) -> None:
    """Not without one, nor with one of another authority, nor with one that has expired (TLS-2)."""
    refused = {
        "none": None,
        "foreign": THEIRS.issue(tmp_path, "foreign"),
        "expired": OURS.issue(tmp_path, "expired", days=-0.001),
    }
    with started(tmp_path, OURS.server(tmp_path, mutual=True)) as server:
        for pair in refused.values():
            with closing(Client(server, OURS.client(tmp_path, pair))) as client, pytest.raises(LOST):
                client.submit(HONEST)
        known = OURS.client(tmp_path, OURS.issue(tmp_path, "agent"))
        with closing(Client(server, known)) as client:
            assert sample(client, "flk_ingest_total") == 0
            assert sample(client, "flk_tls_handshake_errors_total") == len(refused)
            assert client.submit(HONEST).status == 200


def test_a_certificate_signs_for_no_tenant(tmp_path: Path) -> None:
    """A client with a good one and a forged record is told 401 (TLS-2, ORD-3)."""
    with started(tmp_path, OURS.server(tmp_path, mutual=True)) as server:
        context = OURS.client(tmp_path, OURS.issue(tmp_path, FORGED.tenant))
        with closing(Client(server, context)) as client:
            assert client.submit(FORGED).status == 401


def test_a_certificate_is_renewed_without_a_restart(tmp_path: Path) -> None:
    """New connections get the new one and old ones go on; a mistake leaves what was, and is logged with its fix (TLS-4)."""
    files = OURS.server(tmp_path)
    command = [*serve_command(tmp_path / "data", keys_of(tmp_path)), *options(files)]
    with listens(command) as server:
        before, old = shown(server), files.certificate.read_bytes()
        with closing(Client(server, OURS.client(tmp_path))) as client:
            assert client.request("GET", "/health").status == 200
            files.certificate.write_bytes(THEIRS.issue(tmp_path, "other").certificate.read_bytes())
            server.process.send_signal(signal.SIGHUP)
            logged = json.loads(next(line for line in server.process.stderr or () if "not_reloaded" in line))
            assert logged["event"] == "tls.public.not_reloaded"
            assert "is not the key of" in logged["reason"]
            assert shown(server) == before
            OURS.issue(tmp_path)
            assert files.certificate.read_bytes() != old
            server.process.send_signal(signal.SIGHUP)
            while shown(server) == before:
                pass
            assert client.request("GET", "/health").status == 200


def shown(server: ServerProcess) -> str:
    """The certificate that a new connection gets."""
    where = urlsplit(server.url)
    return ssl.get_server_certificate((where.hostname or "", where.port or 0), timeout=20)


@pytest.mark.slow
def test_a_node_does_not_start_with_a_certificate_that_clients_would_refuse(tmp_path: Path) -> None:
    """Nor does `--check` pass: one line with file and fix, exit code 2 (TLS-4). Half of the files is told, too."""
    late = OURS.issue(tmp_path, "late", days=-1)
    command = serve_command(tmp_path / "data", keys_of(tmp_path))
    whole = ["--tls-certificate", str(late.certificate), "--tls-key", str(late.key)]
    for more, said in (
        (whole, "CN=late expired on"),
        ([*whole[:2], "--check"], "--tls-key: TLS needs a certificate and its key"),
    ):
        ended = subprocess.run([*command, *more], capture_output=True, text=True, check=False, timeout=60)
        assert (ended.returncode, ended.stdout, said in ended.stderr) == (2, "", True), ended
        assert ended.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_node_within_tls_answers_what_it_has_begun_before_it_stops(tmp_path: Path) -> None:
    """On SIGTERM: a request that was sent is answered, then TLS is closed in order (HTTP-8)."""
    with started(tmp_path, OURS.server(tmp_path)) as server:
        where = urlsplit(server.url)
        with (
            socket.create_connection((where.hostname, where.port), 20) as below,
            OURS.client(tmp_path).wrap_socket(below, server_hostname=LOOPBACK) as connection,
        ):
            head = f"POST /v1/pcs/submit HTTP/1.1\r\nhost: a\r\ncontent-length: {len(HONEST.body)}\r\n\r\n".encode()
            connection.sendall(head + HONEST.body)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            server.process.terminate()
            assert connection.recv(65536) == b""
        assert server.process.wait(timeout=30) == 0


@pytest.mark.slow
def test_an_agent_delivers_within_tls_and_shows_its_certificate(tmp_path: Path) -> None:
    """`flk agent` with an authority's file and its own pair; without them nothing is delivered, and all is kept (OUT-4)."""
    mine, ca = OURS.issue(tmp_path, "agent"), OURS.root(tmp_path)
    agent = [sys.executable, "-m", "flk.impl.command", "agent"]
    box = ["--outbox", str(tmp_path / "box"), "--json"]
    with started(tmp_path, OURS.server(tmp_path, mutual=True)) as server:
        keys = keys_of(tmp_path)
        points = tmp_path / "points.csv"
        points.write_text("x,y\n" + "".join(f"{n % 7},{n % 5}\n" for n in range(64)))
        send = [*agent, "send", str(points), "--to", server.url, "--keys", str(keys), *box, "--tls-ca", str(ca)]
        pair = ["--tls-certificate", str(mine.certificate), "--tls-key", str(mine.key)]
        sent = subprocess.run([*send, *pair], capture_output=True, text=True, check=False, timeout=60)
        assert (sent.returncode, sum(json.loads(sent.stdout)["acknowledged"].values())) == (0, 1), sent
    with Outbox(tmp_path / "box") as outbox:
        assert not [*outbox.pending]


@pytest.mark.parametrize(
    ("url", "trust", "said"),
    [
        ("https://a", Trust(ca=Path("absent.pem")), "absent.pem: no authorities in PEM"),
        ("https://a", Trust(key=Path("absent.pem")), "--tls-certificate"),
        ("https://a", Trust(certificate=Path("absent.pem"), key=Path("absent.pem")), "no certificate with its key"),
        ("http://a", Trust(ca=Path("absent.pem")), "write https://"),
    ],
)
def test_what_an_agent_trusts_is_looked_at_before_it_computes(
    url: str, trust: Trust, said: str, tmp_path: Path
) -> None:
    """Files that are none, half of a pair, or files for an address without TLS are told with their fix."""
    with pytest.raises(UnusableInput, match=said):
        Service(url, trust, 1).client(tmp_path)
