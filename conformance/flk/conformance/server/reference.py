"""The model behind HTTP: a server that answers as it must, made of the memory runtime and the standard library.

It keeps nothing, serves one thread at a time and is slow. An SDK can be tried on it, and the checks are tried on it in the tests,
which override one step each, as an implementer might have written it.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Lock, Thread
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeVar

from flk.model.effects import Effect
from flk.model.entries.entry import Key
from flk.model.flow.answers import ACKNOWLEDGED, BATCH_PATH, OUTCOMES_PATH, SUBMIT_PATH
from flk.model.flow.batch import MEDIA_TYPE, lines_of, records_of, require_size
from flk.model.flow.submission import Response, Submission, refuse
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import Timestamp
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.examine import Here, examine
from flk.model.programs.ingest import ingest
from flk.model.programs.recall import recall
from flk.model.programs.recover import recover
from flk.model.record.signing import Key as VerifyingKey
from flk.model.record.signing import Keyring, LiveKey
from flk.model.refusal import Malformed, Refused, TooLarge, Unavailable
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS
from flk.spec.metrics import METRICS

R = TypeVar("R")
NOW = 1737288000.0  # wall time, always


@contextmanager
def reference_server(
    keys: Mapping[str, VerifyingKey], tokens: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """A server that does what the specification says, on a port of its own on loopback; its base URL. It keeps nothing.

    `keys` are the tenants' keys, `tokens` those that read their outcomes. Use it to try an SDK or an agent, and to see what the
    checks ask.

    >>> keys = {"default": HmacKey(b"secret")}
    >>> with reference_server(keys) as url:
    ...     check_server(url, keys, checks=["accepted"])
    <Report on http://127.0.0.1:...: holds; 1 passed>
    """
    with serving(ReferenceNode(Keyring({tenant: [LiveKey(key)] for tenant, key in keys.items()}), tokens)) as url:
        yield url


class Told(NamedTuple):
    """An answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})


class Audited(Protocol):
    """The audit log of a node."""

    def stored(self, submission: Submission) -> None:
        """A submission was acknowledged."""
        ...

    def answer(self, name: str, authorization: str) -> Told:
        """What is told under a path of the log."""
        ...


class ReferenceNode:
    """A node: `submit` is the program, under a lock since the memory runtime knows one thread."""

    limit = CONSTANTS.node.max_body_bytes
    allow = True
    upgrades = False
    body = b""
    """The body that is being answered."""
    administered = False
    """Whether operators are answered elsewhere, and the metrics told there alone (API-6)."""
    trouble: Refused | None = None
    """What every submission is refused with."""
    stated = UNSTATED
    """What its log states of policies."""
    audit: "Audited | None" = None
    """Its audit log, if it has one."""

    def __init__(self, keyring: Keyring, tokens: Mapping[str, str] = MappingProxyType({})) -> None:
        self.keyring = keyring
        self.tokens = dict(tokens)
        self.lock = Lock()
        self.counts = dict.fromkeys(METRICS, 0)
        self.disk, self.entries = Disk("eu"), Entries()
        self.start()

    def start(self) -> None:
        """Begin with what the disk and the store hold."""
        self.runtime = MemoryNode(self.disk, self.entries, Objects(), now=lambda: NOW)
        run(recover("eu", partial(examine, self.keyring)), self.runtime.perform)

    def restart(self) -> None:
        """Stop at once, and start."""
        with self.lock:
            self.start()

    def submit(self, submission: Submission) -> Response:
        """The reply to a submission."""
        with self.lock:
            self.body = submission.body
            return run(ingest(submission, "eu", Here(partial(examine, self.keyring), self.stated_at)), self.perform)

    def stated_at(self, timestamp: Timestamp) -> Stated:
        """What its log states of policies."""
        del timestamp
        return self.stated

    def perform(self, effect: Effect[R]) -> R:
        """One effect."""
        return self.runtime.perform(effect)

    def respond(self, submission: Submission) -> Response:
        """The reply, counted. Raises Refused while there is trouble."""
        if self.trouble is not None:
            raise self.trouble
        response = self.submit(submission)
        if self.audit is not None and response.status in ACKNOWLEDGED:
            self.audit.stored(submission)
        now = f'"{self.runtime.clock:016x}"'.encode()  # the timestamp of a first write
        self.counts["flk_dedup_hits_total"] += response.status in ACKNOWLEDGED and now not in response.body
        self.counts["flk_equivocations_total"] += response.status == 409
        self.counts["flk_signature_errors_total"] += response.status == 401
        return response

    def batch(self, tenant: str, media_type: str, body: bytes) -> Response:
        """The reply to a batch (BAT-1). Raises Refused for one that is refused as a whole, its media type apart (BAT-2)."""
        if media_type != MEDIA_TYPE:
            return Response(415, OTHER_MEDIA)
        Submission(tenant, b"").payload()
        require_size(len(body))
        return Response(200, lines_of([self.one(Submission(tenant, record)) for record in records_of(body)]))

    def one(self, submission: Submission) -> Response:
        """The reply to a submission, or why it is refused."""
        try:
            if len(submission.body) > self.limit:
                raise TooLarge("ORD-5", "too large")
            return self.respond(submission)
        except Refused as refusal:
            return refuse(refusal)

    def recall(self, tenant: str, pcs_id: str) -> Response:
        """What is told of a record to who has the tenant's token."""
        with self.lock:
            return run(recall(Key(tenant, pcs_id)), self.perform)

    def reader(self, authorization: str) -> str | None:
        """Whose token a request has; None if it is nobody's."""
        return next((tenant for tenant, token in self.tokens.items() if authorization == f"Bearer {token}"), None)

    def route(self, path: str) -> str:
        """The path that is served for a path."""
        return "" if self.administered and path == "/metrics" else path

    def is_ready(self) -> bool:
        """Whether the store answers."""
        return not isinstance(self.trouble, Unavailable)

    def names(self, headers: Message, connection: object) -> list[str]:
        """What the tenant headers of a request say that came over a connection."""
        del connection
        return headers.get_all("X-Tenant-Id", [])

    def tenant(self, names: list[str]) -> str:
        """The tenant that the header names. Raises Malformed."""
        if len(names) > 1:
            raise Malformed("ORD-9", "X-Tenant-Id is given twice", field="X-Tenant-Id")
        return names[0] if names else CONSTANTS.node.default_tenant

    def metrics(self) -> str:
        """The metrics as Prometheus reads them."""
        types = [f"# TYPE {name} {metric.type}\n" for name, metric in METRICS.items()]
        return "".join(types + [f"{name} {count}\n" for name, count in self.counts.items()])


AUDIT_PATH = CONSTANTS.transparency.path
ROUTES = {SUBMIT_PATH: "POST", BATCH_PATH: "POST", "/health": "GET", "/ready": "GET", "/metrics": "GET"}
NO_PATH = b'{"error":"no such path","requirement":"ORD-8","field":null}'
NO_TOKEN = b'{"error":"no token that counts","requirement":"API-1","field":null}'
TWO_LENGTHS = b'{"error":"the length is told twice","requirement":"HTTP-1","field":null}'
OTHER_MEDIA = b'{"error":"a batch has a record to a line","requirement":"BAT-2","field":null}'
NO_METHOD = b'{"error":"no such method","requirement":"ORD-8","field":null}'


class Handler(BaseHTTPRequestHandler):
    """The HTTP side of a node, which `serving` sets."""

    node: ReferenceNode
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        """One request."""
        if len(self.headers.get_all("Content-Length", []) + self.headers.get_all("Transfer-Encoding", [])) > 1:
            self.close_connection = True
            self.reply(400, TWO_LENGTHS, {"Connection": "close"})
            return
        body = self.read_body()
        if self.node.upgrades and "Upgrade" in self.headers:
            body = b""
        path = self.node.route(self.path)
        if path.startswith(f"{OUTCOMES_PATH}/") and self.command == "GET" and self.node.tokens:
            self.tell(path.rpartition("/")[2])
            return
        if path.startswith(f"{AUDIT_PATH}/") and self.node.audit is not None:
            told = self.node.audit.answer(path.removeprefix(f"{AUDIT_PATH}/"), self.headers.get("Authorization", ""))
            self.reply(told.status, told.body, told.headers)
            return
        offered = ROUTES.get(path)
        if offered is None:
            self.reply(404, NO_PATH)
        elif offered != self.command:
            self.reply(405, NO_METHOD, {"Allow": offered} if self.node.allow else {})
        elif offered == "POST":
            response = self.batched(body) if path == BATCH_PATH else self.submitted(body)
            wait = {} if response.retry_after is None else {"Retry-After": f"{response.retry_after:g}"}
            lines = {"Content-Type": MEDIA_TYPE} if path == BATCH_PATH and response.status == 200 else {}
            self.reply(response.status, response.body, wait | lines)
        else:
            status = 503 if path == "/ready" and not self.node.is_ready() else 200
            self.reply(status, self.node.metrics().encode() if path == "/metrics" else b"OK\n")

    def tell(self, pcs_id: str) -> None:
        """Answer a question for an outcome."""
        tenant = self.node.reader(self.headers.get("Authorization", ""))
        if tenant is None:
            self.reply(401, NO_TOKEN, {"WWW-Authenticate": "Bearer"})
        else:
            response = self.node.recall(tenant, pcs_id)
            self.reply(response.status, response.body)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def submitted(self, body: bytes) -> Response:
        """The reply to a submission, refusals by HTTP's own rules included."""
        try:
            names = self.node.names(self.headers, self.connection)
            return self.node.one(Submission(self.node.tenant(names), body))
        except Refused as refusal:
            return refuse(refusal)

    def batched(self, body: bytes) -> Response:
        """The reply to a batch."""
        try:
            tenant = self.node.tenant(self.node.names(self.headers, self.connection))
            return self.node.batch(tenant, self.headers.get("Content-Type", ""), body)
        except Refused as refusal:
            return refuse(refusal)

    def read_body(self) -> bytes:
        """The whole body, announced or chunked."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = b""
        while size := int(self.rfile.readline(), 16):
            pieces += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # a trailer, which says nothing
            pass
        return pieces

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        """Write the answer."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class HttpServer(ThreadingHTTPServer):
    """A thread for each request, and room for a race of clients to connect."""

    request_queue_size = 128
    daemon_threads = False

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._open: set[socket] = set()

    def process_request(self, request: "socket | tuple[bytes, socket]", client_address: object) -> None:
        """Note the connection, which may stay open."""
        assert isinstance(request, socket)
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: "socket | tuple[bytes, socket]") -> None:
        """End the connection."""
        assert isinstance(request, socket)
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that are open, whose threads would wait for another request."""
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """A handler that fails hangs up; the client sees it."""


def serving(node: ReferenceNode, handler: type[Handler] = Handler) -> AbstractContextManager[str]:
    """Serve the node on loopback; the base URL."""
    return listening(type("NodeHandler", (handler,), {"node": node}))


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer on a free port of loopback with a handler; the base URL."""
    server = HttpServer(handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()
