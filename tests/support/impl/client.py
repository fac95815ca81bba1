"""A client of a real server, and the keys that the server needs to know the tests' submissions."""

import http.client
import json
import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from flk.impl.server.process import ServerProcess, key_file
from flk.model.flow.answers import SUBMIT_PATH
from flk.model.flow.submission import Submission


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        decoded: dict[str, object] = json.loads(self.body)
        return decoded


class Client:
    """A connection to a server, within TLS where that speaks it."""

    def __init__(self, server: ServerProcess, tls: ssl.SSLContext | None = None) -> None:
        where = urlsplit(server.url).netloc
        self._connection = (
            http.client.HTTPConnection(where, timeout=20)
            if tls is None
            else http.client.HTTPSConnection(where, timeout=20, context=tls)
        )

    def request(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Reply:
        self._connection.request(method, path, body, headers or {})  # type: ignore[arg-type]  # bytes or pieces
        with self._connection.getresponse() as response:
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def submit(self, sent: Submission) -> Reply:
        return self.request("POST", SUBMIT_PATH, sent.body, {"X-Tenant-Id": sent.tenant})

    def close(self) -> None:
        self._connection.close()


def keys_of(directory: Path) -> Path:
    """The keyring of the tests' world, as a file."""
    path = key_file(directory, "testsecret")
    path.write_text(path.read_text() + path.read_text().replace('"default"', '"other"'))
    return path


def sample(client: Client, name: str) -> float:
    """The sum of the samples that begin with the name."""
    lines = client.request("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
