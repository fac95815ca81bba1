"""A collector that holds what it is sent against OTLP/HTTP, and misbehaves when it is told to."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import Counter

Misbehave = Callable[["Handler"], None]


class Collected:
    """What came, and what was wrong with it. `misbehave` answers instead, as long as it is set."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.spans: list[Span] = []
        self.lines: list[LogRecord] = []
        self.resources: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.misbehave: Misbehave | None = None
        self.released = Event()
        self.lock = Lock()

    def wait(self, enough: Callable[[], Any], seconds: float = 20.0) -> None:
        """Until there is enough."""
        until = time.monotonic() + seconds
        while not enough():
            assert time.monotonic() < until, "the collector did not get what it should"
            time.sleep(0.02)

    def named(self, name: str) -> list[Span]:
        """The spans of that name."""
        with self.lock:
            return [span for span in self.spans if span.name == name]

    def take(self, path: str, body: bytes) -> None:
        """A request, held against the protocol."""
        with self.lock:
            self.requests.append(body)
            if path == "/v1/traces":
                for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    self.resources.append(attributes(of_resource.resource.attributes))
                    for of_scope in of_resource.scope_spans:
                        self.spans += of_scope.spans
                        self.wrong += filter(None, map(_wrong_span, of_scope.spans))
            elif path == "/v1/logs":
                for of_logs in ExportLogsServiceRequest.FromString(body).resource_logs:
                    self.resources.append(attributes(of_logs.resource.attributes))
                    for lines in of_logs.scope_logs:
                        self.lines += lines.log_records
                        self.wrong += filter(None, map(_wrong_line, lines.log_records))
            else:
                self.wrong.append(f"there is no {path}")


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    collected: Collected

    def do_POST(self) -> None:
        """Take it, or misbehave."""
        body = self.rfile.read(int(self.headers["content-length"]))
        collected = self.collected
        with collected.lock:
            collected.headers.append({name.lower(): value for name, value in self.headers.items()})
            if self.headers["content-type"] != "application/x-protobuf":
                collected.wrong.append(f"content-type: {self.headers['content-type']}")
        if collected.misbehave is not None:
            collected.misbehave(self)
            return
        collected.take(self.path, body)
        self.answer(200)

    def answer(self, status: int, body: bytes = b"", **fields: str) -> None:
        """Answer with that."""
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Not on stderr."""


def partly(rejected: int, because: str) -> Misbehave:
    """Takes all but so many."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = rejected
    answer.partial_success.error_message = because
    return lambda handler: handler.answer(200, answer.SerializeToString())


def with_status(status: int, **fields: str) -> Misbehave:
    """Answers with that status."""
    return lambda handler: handler.answer(status, b"", **fields)


def with_garbage(handler: Handler) -> None:
    """What a web server says that is none."""
    handler.answer(200, b"<!DOCTYPE html><html><body>Welcome</body></html>")


def closes(handler: Handler) -> None:
    """Hangs up."""
    handler.close_connection = True


def hangs(handler: Handler) -> None:
    """Says nothing, until it is released."""
    handler.collected.released.wait(60)
    handler.close_connection = True


def without_end(handler: Handler) -> None:
    """Answers for ever, or as long as anybody reads."""
    handler.send_response(200)
    handler.send_header("content-length", str(1 << 40))
    handler.end_headers()
    handler.close_connection = True
    try:
        while not handler.collected.released.is_set():
            handler.wfile.write(bytes(65536))
    except OSError:
        pass


@contextmanager
def collector() -> Iterator[Collected]:
    """A collector on loopback. Nothing that came was wrong, at the end."""
    collected = Collected()
    handler = type("Bound", (Handler,), {"collected": collected})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    collected.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield collected
    finally:
        collected.released.set()
        server.shutdown()
        server.server_close()
    assert collected.wrong == []


def counted(counter: Counter) -> float:
    """What it has counted."""
    return next(sample.value for sample in next(iter(counter.collect())).samples if sample.name.endswith("_total"))


def attributes(pairs: Any) -> dict[str, Any]:
    """As a dictionary."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def _wrong_span(span: Span) -> str:
    if len(span.trace_id) != 16 or not any(span.trace_id) or len(span.span_id) != 8 or not any(span.span_id):
        return f"{span.name}: ids {span.trace_id.hex()}, {span.span_id.hex()}"
    if not span.name or span.kind == Span.SPAN_KIND_UNSPECIFIED:
        return f"a span without a name or kind: {span}"
    if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
        return f"{span.name}: from {span.start_time_unix_nano} to {span.end_time_unix_nano}"
    return ""


def _wrong_line(line: LogRecord) -> str:
    if not (line.observed_time_unix_nano and line.severity_number and line.body.string_value):
        return f"a log record without moment, severity or text: {line}"
    return "" if len(line.trace_id) in {0, 16} and len(line.span_id) in {0, 8} else "a log record with odd ids"
