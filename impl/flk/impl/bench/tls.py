"""`flk bench tls`: what TLS costs a live server, with and without certificates of clients, beside the same server without it."""

import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from flk.impl.bench.authority import LOOPBACK, Authority
from flk.impl.bench.load import encode_request
from flk.impl.bench.turns import ROUNDS, SECRET, Figure, Subject, honest, processor_seconds, take_turns
from flk.impl.server.process import key_file, server_process
from flk.impl.server.tls_files import TlsFiles

FASTEST = 40_000  # requests a second that are prepared for, at most
HANDSHAKES = 500


class Report(msgspec.Struct, frozen=True):
    """Figures without TLS, within it, and with certificates of clients. Handshakes a second, one after the other, and seconds of
    the server's processor for each.
    """

    figures: tuple[Figure, ...]
    handshakes: float
    handshake_processor: float


def measure(seconds: float, on_progress: Callable[[str], None] = lambda _: None) -> Report:
    """After about that many seconds under load."""
    authority = Authority()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as servers:
        home = Path(directory)
        keys = key_file(home, SECRET)
        slot = seconds / ROUNDS / 3
        on_progress("signing records")
        requests = [encode_request(each, LOOPBACK) for each in honest(int(slot * ROUNDS * FASTEST))]
        files = authority.server(home, mutual=True)
        anybody = TlsFiles(files.certificate, files.key)
        client = authority.client(home, authority.issue(home, "client"))

        def subject(name: str, given: TlsFiles | None) -> Subject:
            options = [] if given is None else _options(given)
            server = servers.enter_context(server_process(home / name, keys, options))
            port = urlsplit(server.url).port or 0
            return Subject(name, port, server.process.pid, requests, tls=client if given else None)

        subjects = (subject("without TLS", None), subject("within TLS", anybody), subject("with clients' own", files))
        figures = take_turns(subjects, slot, on_progress)
        on_progress("handshakes")
        return Report(figures, *_handshakes(subjects[1], authority.client(home)))


def _handshakes(subject: Subject, context: ssl.SSLContext) -> tuple[float, float]:
    """A second, and seconds of processor for each."""
    began, before = time.perf_counter(), processor_seconds(subject.pid)
    for _ in range(HANDSHAKES):
        with (
            socket.create_connection((LOOPBACK, subject.port)) as below,
            context.wrap_socket(below, server_hostname=LOOPBACK) as connection,
        ):
            connection.sendall(b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            connection.recv(4096)
    used = processor_seconds(subject.pid) - before
    return HANDSHAKES / (time.perf_counter() - began), used / HANDSHAKES


def _options(files: TlsFiles) -> list[str]:
    given = ["--tls-certificate", str(files.certificate), "--tls-key", str(files.key)]
    return given if files.client_ca is None else [*given, "--tls-client-ca", str(files.client_ca)]
