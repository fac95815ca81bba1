"""The node's service behind one of several HTTP layers: our own, Granian (RSGI) or uvicorn (ASGI on httptools and uvloop).

What handles requests is the same `Service` of the same node; only what reads and writes HTTP differs.

    python -m flk.impl.bench.layers own|granian|uvicorn DATA KEYS
"""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog
import uvloop

from flk.impl.http.descriptors import raise_limit
from flk.impl.http.listener import Listener
from flk.impl.http.messages import Answer, Request
from flk.impl.server.admission import Admission
from flk.impl.server.lifecycle import open_node
from flk.impl.server.live_keys import LiveKeys
from flk.impl.server.process import LISTENING
from flk.impl.server.routes import Service
from flk.impl.server.runtime import Runtime
from flk.impl.server.settings import Settings
from flk.impl.storage.trouble import free_bytes
from flk.model.programs.recover import recover
from flk.spec.constants import CONSTANTS

LOOPBACK = "127.0.0.1"
Serve = Callable[[Service, socket.socket], Awaitable[None]]


async def own(service: Service, bound: socket.socket) -> None:
    """Behind `flk.impl.http`."""
    connections = raise_limit(CONSTANTS.http)
    await Listener(service, CONSTANTS.http, connections).listen(bound)
    await asyncio.Event().wait()


async def granian(service: Service, bound: socket.socket) -> None:
    """Behind Granian, in this process and on this loop."""
    from granian.constants import HTTPModes, Interfaces
    from granian.server.embed import Server

    port = bound.getsockname()[1]
    bound.close()  # it makes a socket of its own
    await Server(
        partial(_rsgi, service),
        address=LOOPBACK,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        backlog=4096,
        log_enabled=False,
    ).serve()


async def uvicorn(service: Service, bound: socket.socket) -> None:
    """Behind uvicorn."""
    from uvicorn import Config, Server

    config = Config(
        partial(_asgi, service),
        interface="asgi3",
        http="httptools",
        lifespan="off",
        ws="none",
        log_level="critical",
        access_log=False,
        backlog=4096,
        server_header=False,
    )
    await Server(config).serve([bound])


class RsgiScope(Protocol):
    """What RSGI says of a request."""

    method: str
    path: str
    client: str
    headers: Any


class RsgiProtocol(Protocol):
    """How RSGI hands over a body, and takes an answer."""

    def __call__(self) -> Awaitable[bytes]:
        """The body."""
        ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer with these."""
        ...


async def _rsgi(service: Service, scope: RsgiScope, protocol: RsgiProtocol) -> None:
    fields = {name.encode(): value.encode("latin-1") for name, value in scope.headers.items()}
    peer = scope.client.rpartition(":")[0]
    answer = await _answered(service, peer, scope.method, scope.path, fields, await protocol())
    protocol.response_bytes(answer.status, [(n.decode(), v.decode()) for n, v in _fields(answer)], answer.body)


async def _asgi(
    service: Service,
    scope: Mapping[str, Any],
    receive: Callable[[], Awaitable[Mapping[str, Any]]],
    send: Callable[[Mapping[str, Any]], Awaitable[None]],
) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    answer = await _answered(service, scope["client"][0], scope["method"], scope["path"], dict(scope["headers"]), body)
    length = (b"content-length", b"%d" % len(answer.body))
    await send({"type": "http.response.start", "status": int(answer.status), "headers": [*_fields(answer), length]})
    await send({"type": "http.response.body", "body": answer.body})


async def _answered(
    service: Service, peer: str, method: str, path: str, fields: dict[bytes, bytes], body: bytes
) -> Answer:
    """The answer of the service, refusals by size and load included."""
    request = Request(peer, method.encode(), path.encode(), headers=fields, body=body)
    if body and (refusal := service.check(request, len(body))) is not None:
        return refusal
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    service.handle(request, lambda answer: None if answered.done() else answered.set_result(answer))
    return await answered


def _fields(answer: Answer) -> Iterable[tuple[bytes, bytes]]:
    return [(b"content-type", answer.content_type), *answer.headers.items()]


LAYERS: dict[str, Serve] = {"own": own, "granian": granian, "uvicorn": uvicorn}


async def _run(serve: Serve, data: Path, keys: Path) -> None:
    node = open_node(Settings(data=data, keys=keys))
    examined = LiveKeys(keys, Settings(data=data, keys=keys).profiles)
    runtime = Runtime(node, partial(recover, "eu", examined))
    runtime.recover()
    admission = Admission(CONSTANTS.garbage, partial(free_bytes, data))
    service = Service(runtime, "eu", examined, admission)
    batches = asyncio.create_task(runtime.serve())
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((LOOPBACK, 0))
    serving = asyncio.create_task(_told(serve, service, bound))
    await asyncio.wait({batches, serving}, return_when=asyncio.FIRST_COMPLETED)


async def _told(serve: Serve, service: Service, bound: socket.socket) -> None:
    port = bound.getsockname()[1]
    serving = asyncio.ensure_future(serve(service, bound))
    while not serving.done() and not await _answers(port):
        await asyncio.sleep(0.02)
    sys.stdout.write(f"{LISTENING}http://{LOOPBACK}:{port}\n")
    sys.stdout.flush()
    await serving


async def _answers(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.close()
        return True
    return False


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    uvloop.run(_run(LAYERS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])))
    os._exit(0)
