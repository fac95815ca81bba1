"""A service on loopback that answers what it was told to, for tests of the agent's deliveries."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import NamedTuple

from tests.support.model.replies import reply

from flk.model.flow.answers import BATCH_PATH, SUBMIT_PATH
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
    token: str = ""
    traceparent: str = ""


Script = Callable[[Seen, int], Answer | None]
"""From a post, and how often its body came before, to the answer; None breaks the connection off instead."""


class Peer:
    """What a scripted service has seen, and where it is."""

    def __init__(self, script: Script) -> None:
        self.seen: list[Seen] = []
        self.batches: list[int] = []
        self.refused_batches = 0
        self.given: list[tuple[Seen, Answer | None]] = []
        """What each post came to: in a batch that was cut off as a whole, nothing."""
        self.connections = 0
        self._script = script
        self._lock = Lock()
        self.url = ""

    def answer(self, post: Seen) -> Answer | None:
        with self._lock:
            before = self.seen.count(post)
            self.seen.append(post)
        return self._script(post, before)

    def respond(self, post: Seen, *, batches: bool) -> Answer | None:
        """The answer to a request, and what it came to."""
        if post.path != BATCH_PATH:
            answer = self.answer(post)
            self.given.append((post, answer))
            return answer
        if not batches:
            self.refused_batches += 1
            return Answer(404, body=b"")
        lines = post.body.removesuffix(b"\n").split(b"\n")
        return self.batch([post._replace(path=SUBMIT_PATH, body=each) for each in lines])

    def batch(self, posts: list[Seen]) -> Answer | None:
        """A batch's answer: a line for each of its submissions; None, or what a line cannot say, goes for all."""
        self.batches.append(len(posts))
        answers = [self.answer(post) for post in posts]
        if whole := [answer for answer in answers if answer is None or answer.hangs_up]:
            answers = [whole[0]] * len(posts)
        self.given += zip(posts, answers, strict=True)
        if whole:
            return whole[0]
        replies = [(a, content(a, post)) for a, post in zip(answers, posts, strict=True) if a is not None]
        return Answer(200, body=b"".join(line(answer, body) for answer, body in replies))


def content(answer: Answer, post: Seen) -> bytes:
    """The body of an answer."""
    return reply(Submission(post.tenant, post.body), answer.status).body if answer.body is None else answer.body


def line(answer: Answer, body: bytes) -> bytes:
    """What a line of a batch's answer says."""
    asked = "".join(f',"retry_after":{value}' for name, value in answer.headers if name == "Retry-After")
    return b'{"status":%d,"body":%b%b}\n' % (answer.status, body, asked.encode())


@contextmanager
def serving(script: Script, *, batches: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """The service, until the block ends; with `batches` it takes them, with `tls` it speaks https."""
    peer = Peer(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            peer.connections += 1

        def do_GET(self) -> None:  # the name that http.server looks for
            self._give(Seen(self.path, "", b"", self.headers["Authorization"] or "", self.headers["traceparent"] or ""))

        def do_POST(self) -> None:  # the name that http.server looks for
            body = self.rfile.read(size := int(self.headers["Content-Length"]))
            if len(body) < size:  # whoever posted was killed between head and body: no request has come
                self.close_connection = True
                return
            traced = self.headers["traceparent"] or ""
            self._give(Seen(self.path, self.headers["X-Tenant-Id"], body, traceparent=traced))

        def _give(self, post: Seen) -> None:
            answer = peer.respond(post, batches=batches)
            if answer is None:
                self.close_connection = True
                return
            said = content(answer, post)
            self.send_response(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(said)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)
            self.close_connection = answer.hangs_up

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    peer.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
