"""The object store of a drill: a process that speaks S3, and what is done to its objects behind the nodes' backs."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.util import find_spec

import obstore
from obstore.store import S3Store

from flk.impl.drill.plan import Spoil, SpoilObjects
from flk.model.log.frames import region_of
from flk.model.programs.ship import PREFIX
from flk.spec.errors import UnusableInput

BUCKET = "drill"
STARTS = 60.0  # seconds in which the server has to answer


class ObjectStore:
    """A server of the S3 protocol on loopback, which keeps objects in memory, and a client of it that no fault concerns.

    Raises UnusableInput if the server is not installed, or does not start.
    """

    def __init__(self) -> None:
        if any(find_spec(name) is None for name in ("moto", "flask", "flask_cors")):
            raise UnusableInput("the object store of a drill is moto's server: pip install 'moto[s3,server]'")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process = subprocess.Popen(  # noqa: S603 - the command is our own
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # the terminal's Ctrl-C is the drill's to handle
        )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        self._client = S3Store(
            BUCKET,
            endpoint=f"http://127.0.0.1:{self.port}",
            access_key_id="drill",
            secret_access_key="drill",  # noqa: S106 - of a server that lives for one drill, on loopback
            region="us-east-1",
            client_options={"allow_http": True},
        )

    def environment(self, port: int) -> dict[str, str]:
        """What a node's process needs to know to find the store behind a port of loopback."""
        return os.environ | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "drill",
            "AWS_SECRET_ACCESS_KEY": "drill",
            "AWS_REGION": "us-east-1",
        }

    def objects(self, region: str = "") -> dict[str, bytes]:
        """Every segment that is there, or those of a region, by name."""
        names = [item["path"] for some in obstore.list(self._client, PREFIX) for item in some]
        chosen = [name for name in names if not region or region_of(name.removeprefix(PREFIX)) == region]
        found = ((name, self.get(name)) for name in chosen)
        return {name: content for name, content in found if content is not None}

    def names(self, region: str) -> list[str]:
        """The names of a region's objects, in order."""
        names = (item["path"] for some in obstore.list(self._client, PREFIX) for item in some)
        return sorted(name for name in names if region_of(name.removeprefix(PREFIX)) == region)

    def get(self, name: str) -> bytes | None:
        """What an object holds, None if there is none."""
        try:
            return bytes(obstore.get(self._client, name).bytes())
        except FileNotFoundError:
            return None

    def put(self, name: str, content: bytes) -> None:
        """Put an object, whatever is there."""
        obstore.put(self._client, name, content, use_multipart=False)

    def delete(self, name: str) -> None:
        """Remove an object."""
        obstore.delete(self._client, name)

    def close(self) -> None:
        """End the server; its objects are gone."""
        self.process.kill()
        self.process.wait()

    def _wait(self) -> None:
        until = time.monotonic() + STARTS
        while not self._makes_bucket():
            if self.process.poll() is not None or time.monotonic() > until:
                raise UnusableInput(
                    "moto's server did not start; see what `python -m moto.server` says, or pip install 'moto[s3,server]'"
                )
            time.sleep(0.05)

    def _makes_bucket(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("PUT", f"/{BUCKET}")
            return connection.getresponse().status == HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()


class Spoiling:
    """One fault of single objects while it holds. `draw` gives the chance of a name, 0 to 1: below the share it is spoilt once.

    `seen` is told the content of every object before it is spoilt.
    """

    def __init__(
        self,
        action: SpoilObjects,
        store: ObjectStore,
        draw: Callable[[str], float],
        seen: Callable[[Mapping[str, bytes]], None],
    ) -> None:
        self.action = action
        self._store = store
        self._draw = draw
        self._seen = seen
        self._copies: dict[str, bytes] = {}
        self._spoilt: dict[str, bytes] = {}

    @property
    def number(self) -> int:
        """How many objects were spoilt so far."""
        return len(self._copies)

    def look(self) -> None:
        """Spoil what is there by now and was not spoilt before."""
        for name in self._store.names(self.action.region):
            if name not in self._copies and self._draw(f"{self.action.draws}/{name}") < self.action.share:
                content = self._store.get(name)
                if content is not None:
                    self._seen({name: content})
                    self._copies[name] = content
                    self._spoil(name, content)

    def end(self) -> None:
        """Put right what the fault did and nobody else has put right, unless that is for good."""
        if self.action.for_good:
            return
        for name, content in self._copies.items():
            if self._store.get(name) == self._spoilt.get(name):
                self._store.put(name, content)

    def _spoil(self, name: str, content: bytes) -> None:
        if self.action.spoil is Spoil.LOST:
            self._store.delete(name)
            return
        self._spoilt[name] = self._otherwise(name, content)
        self._store.put(name, self._spoilt[name])

    def _otherwise(self, name: str, content: bytes) -> bytes:
        place = int(self._draw(f"{self.action.draws}/{name}/place") * len(content))
        if self.action.spoil is Spoil.CUT:
            return content[:place]
        if self.action.spoil is Spoil.FOREIGN:
            others = (each for other, each in sorted(self._store.objects().items()) if other != name)
            if (foreign := next(others, None)) is not None:
                return foreign
        changed = bytearray(content)
        changed[place] ^= 1 << int(self._draw(f"{self.action.draws}/{name}/bit") * 8)
        return bytes(changed)
