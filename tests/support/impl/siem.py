"""A receiver of events over HTTP, which keeps to what its vendor publishes and misbehaves as it is told."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from tests.support.model.siem import Collector, Mood

from flk.model.siem.targets import Kind


@contextmanager
def receiving(kind: Kind, moods: Iterable[Mood] = (), seconds: float = 0.0) -> Iterator[tuple[str, Collector]]:
    """Its endpoint, and what it has kept. It takes its time over each request. Where it says nothing it closes the connection."""
    collector, turn = Collector(kind, moods), Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(seconds)
            with turn:
                answer = collector.take(self.path.removeprefix("/in"), dict(self.headers), body)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            if answer.retry_after is not None:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *told: object) -> None:
            del told

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/in", collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
