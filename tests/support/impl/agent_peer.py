"""A service on loopback that answers what it was told to, for tests of the agent's deliveries."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import NamedTuple

from tests.support.model.replies import reply

from flk.model.flow.submission import Submission


class Answer(NamedTuple):
    """A status and headers to answer with, a body if it is not what a node says of the record, and whether to close the connection
    after it without a word.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    hangs_up: bool = False


class Seen(NamedTuple):
    """One post, as the service saw it."""

    path: str
    tenant: str
    body: bytes


Script = Callable[[Seen, int], Answer | None]
"""From a post, and how often its body came before, to the answer; None breaks the connection off instead."""


class Peer:
    """What a scripted service has seen, and where it is."""

    def __init__(self, script: Script) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self._script = script
        self._lock = Lock()
        self.url = ""

    def answer(self, post: Seen) -> Answer | None:
        with self._lock:
            before = self.seen.count(post)
            self.seen.append(post)
        return self._script(post, before)


@contextmanager
def serving(script: Script) -> Iterator[Peer]:
    """The service, until the block ends."""
    peer = Peer(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            peer.connections += 1

        def do_POST(self) -> None:  # the name that http.server looks for
            body = self.rfile.read(size := int(self.headers["Content-Length"]))
            if len(body) < size:  # whoever posted was killed between head and body: no request has come
                self.close_connection = True
                return
            answer = peer.answer(Seen(self.path, self.headers["X-Tenant-Id"], body))
            if answer is None:
                self.close_connection = True
                return
            content = answer.body
            if content is None:
                content = reply(Submission(self.headers["X-Tenant-Id"], body), answer.status).body
            self.send_response(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(content)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = answer.hangs_up

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    peer.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
