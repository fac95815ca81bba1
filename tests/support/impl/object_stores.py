"""Object stores for tests: a directory, and a server that speaks S3, each of which can go away and come back."""

import http.client
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

BUCKET = "bucket"


class Place(Protocol):
    """Somewhere to keep objects. It is there from the start."""

    url: str

    def go(self) -> None:
        """Answer nobody any more."""

    def come_back(self) -> None:
        """Answer again. The server has forgotten every object by then: it keeps them in memory."""


class Directory:
    """A directory; while it is away, its name is not there."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.path = path
        self.url = path.as_uri()
        self._away = path.with_name(f"{path.name}-away")

    def go(self) -> None:
        self.path.rename(self._away)

    def come_back(self) -> None:
        self._away.rename(self.path)


class S3:
    """A server process on a port of its own; while it is away, nobody listens there."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"s3://{BUCKET}/some/prefix"
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self.come_back()

    def go(self) -> None:
        self._process.kill()
        self._process.wait()

    def come_back(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self._makes_bucket():
            assert self._process.poll() is None, "the S3 server has ended"

    def _makes_bucket(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request("PUT", f"/{BUCKET}")
            return connection.getresponse().status == http.HTTPStatus.OK
        except ConnectionRefusedError:
            return False
        finally:
            connection.close()


@contextmanager
def s3(environment: pytest.MonkeyPatch) -> Iterator[S3]:
    """A new server, which processes started meanwhile find by the usual variables."""
    server = S3()
    environment.setenv("AWS_ENDPOINT_URL", server.endpoint)
    environment.setenv("AWS_ACCESS_KEY_ID", "key")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    environment.setenv("AWS_REGION", "us-east-1")
    try:
        yield server
    finally:
        server.go()


@contextmanager
def place(kind: str, directory: Path, environment: pytest.MonkeyPatch) -> Iterator[Place]:
    """A new one, either `directory` or `s3`."""
    if kind == "s3":
        with s3(environment) as server:
            yield server
    else:
        made = Directory(directory / "objects")
        yield made
        shutil.rmtree(made.path, ignore_errors=True)
