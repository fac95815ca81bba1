"""What HTTP itself must say: limits, paths, methods, headers, health."""

import re
from collections.abc import Iterator
from contextlib import suppress

from flk.conformance.drafts.mutations import body_of
from flk.conformance.server.check import check
from flk.conformance.server.connection import CHUNK
from flk.conformance.server.replies import Failed, NoAnswer
from flk.conformance.server.target import Server, expect_outcome, expect_refusal, expect_status
from flk.model.flow.answers import SUBMIT_PATH
from flk.spec.constants import CONSTANTS
from flk.spec.metrics import METRICS

LIMIT = CONSTANTS.node.max_body_bytes
LIKE_A_REQUEST = b"GET /unknown HTTP/1.1\r\nHost: localhost\r\n\r\n"


@check("ORD-5")
def body_limit(server: Server) -> None:
    """A body of the greatest size is read, and one byte more gets 413, announced or chunked."""
    record = server.signed(server.record())
    body = body_of(record)
    expect_outcome(server.submit(body + b" " * (LIMIT - len(body))), record)
    larger = body_of(server.signed(server.record())).ljust(LIMIT + 1)
    expect_refusal(server.submit(larger), 413, "ORD-5", f"a body of {LIMIT + 1} bytes")
    chunked = server.client.request("POST", SUBMIT_PATH, _pieces(larger), server.headers())
    expect_refusal(chunked, 413, "ORD-5", f"a chunked body of {LIMIT + 1} bytes")


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), CHUNK):
        yield body[start : start + CHUNK]


@check("HTTP-2")
def upgrade_is_ignored(server: Server) -> None:
    """A record sent with an offer to speak HTTP/2, as some clients send each, is read and answered like any other."""
    record = server.signed(server.record())
    offer = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
    body = body_of(record)
    for sent in (body, iter([body[:100], body[100:]])):
        expect_outcome(server.client.request("POST", SUBMIT_PATH, sent, [*server.headers(), *offer]), record)


@check("ORD-8")
def unknown_path(server: Server) -> None:
    """An unknown path gets 404, whatever the method; so does the submit path with a slash behind it."""
    for method, path in (
        ("GET", "/"),
        ("GET", "/v1"),
        ("POST", "/v1/pcs"),
        ("POST", SUBMIT_PATH + "/"),
        ("POST", "/v1/pcs/unknown"),
    ):
        expect_status(server.client.request(method, path), 404, f"{method} {path}")


@check("HTTP-1")
def unwanted_bodies_are_read(server: Server) -> None:
    """The body of a request that is refused for its path or method is none of the next request's, however it looks."""
    for method, path in (("POST", "/v1/pcs/unknown"), ("PUT", SUBMIT_PATH), ("POST", "/health"), ("POST", "/metrics")):
        with server.client.connect() as connection:
            server.client.send(connection, method, path, LIKE_A_REQUEST, server.headers())
            connection.receive(method)
            if not connection.closing:
                record = server.signed(server.record())
                server.client.send(connection, "POST", SUBMIT_PATH, body_of(record), server.headers())
                expect_outcome(connection.receive("POST"), record)


@check("HTTP-1")
def lengths_are_told_once(server: Server) -> None:
    """A request that tells its length twice gets 400, and nothing behind it is read as a request."""
    record = body_of(server.signed(server.record()))
    for body in (record, LIKE_A_REQUEST):  # the one shows who reads it all the same, the other who reads what follows
        for sent in (body, iter([body])):
            with server.client.connect() as connection:
                headers = [*server.headers(), ("Content-Length", "0")]
                server.client.send(connection, "POST", SUBMIT_PATH, sent, headers)
                what = f"a {'body' if isinstance(sent, bytes) else 'chunked body'} with another Content-Length, of 0"
                expect_status(connection.receive("POST"), 400, what)
                with suppress(NoAnswer):
                    raise Failed(f"{what}: what follows is answered as a request: {connection.receive('POST')}")


@check("HTTP-3")
def trailers_are_no_headers(server: Server) -> None:
    """A tenant that is named behind the body is not the record's."""
    record = server.signed(server.record())
    with server.client.connect() as connection:
        trailers = [("X-Tenant-Id", "another")]
        server.client.send(connection, "POST", SUBMIT_PATH, iter([body_of(record)]), server.headers(), trailers)
        expect_outcome(connection.receive("POST"), record)


@check("ORD-8")
def wrong_method(server: Server) -> None:
    """A known path with a method it does not offer gets 405 with Allow."""
    for method, path, allowed in (
        ("GET", SUBMIT_PATH, "POST"),
        ("PUT", SUBMIT_PATH, "POST"),
        ("DELETE", SUBMIT_PATH, "POST"),
        ("POST", "/health", "GET"),
        ("POST", "/ready", "GET"),
    ):
        reply = server.client.request(method, path)
        expect_status(reply, 405, f"{method} {path}")
        if allowed not in {word.strip() for word in reply.headers.get("allow", "").split(",")}:
            raise Failed(f"{method} {path}: a 405 needs Allow: {allowed}, got {reply.headers.get('allow')!r}")


@check("ORD-9")
def tenant_names(server: Server) -> None:
    """A tenant's name that cannot be logged gets 400, and is not taken for the default."""
    record = body_of(server.signed(server.record()))
    for name in ("a/b", "a b", "", "t" * 65, "caf\u00e9"):
        headers = [("Content-Type", "application/json"), ("X-Tenant-Id", name)]
        reply = server.client.request("POST", SUBMIT_PATH, record, headers)
        expect_refusal(reply, 400, "ORD-9", f"tenant {name!r}", field="X-Tenant-Id")


@check("ORD-9")
def two_tenants_at_once(server: Server) -> None:
    """The tenant header given twice gets 400, whichever of the two is right."""
    record = body_of(server.signed(server.record()))
    for second in (server.tenants[0], "another"):
        for headers in ([*server.headers(), ("X-Tenant-Id", second)], [("X-Tenant-Id", second), *server.headers()]):
            reply = server.client.request("POST", SUBMIT_PATH, record, headers)
            expect_refusal(reply, 400, "ORD-9", "the header given twice", field="X-Tenant-Id")


@check("OBS-3")
def health_and_readiness(server: Server) -> None:
    """A server that serves says 200 on /health and on /ready."""
    for path in ("/health", "/ready"):
        expect_status(server.client.request("GET", path), 200, f"GET {path}")


@check("OBS-1", "OBS-2")
def metrics(server: Server) -> None:
    """The metrics are those of the table, with their types and labels."""
    expect_outcome(server.submit(record := server.signed(server.record())), record)
    reply = server.metrics()
    expect_status(reply, 200, "GET /metrics")
    declared = [
        line.split() for line in reply.body.decode(errors="replace").splitlines() if line.startswith("# TYPE flk_")
    ]
    types = {words[2]: words[3] for words in declared if len(words) == 4}
    shown = METRICS.keys() | (types.keys() & METRICS.keys())  # one of a part that the server has may be there
    wanted = {name: str(METRICS[name].type) for name in shown}
    wrong = sorted(name for name in types.keys() | wanted.keys() if types.get(name) != wanted.get(name))
    if wrong:
        raise Failed(
            "; ".join(f"{name}: the table says {wanted.get(name)}, the server {types.get(name)}" for name in wrong)
        )
    for name, labels in _labelled(reply.body.decode(errors="replace")):
        if more := labels - {*METRICS[name].labels, "le", "quantile"}:
            raise Failed(f"{name} has labels that the table does not: {', '.join(sorted(more))}")


def _labelled(exposed: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of the table that samples are of, and the labels of each sample."""
    for sample in re.finditer(r"^(flk_[a-z_]+)\{(.*)\}", exposed, re.MULTILINE):
        name = sample[1] if sample[1] in METRICS else re.sub(r"_(bucket|sum|count|created)$", "", sample[1])
        if name in METRICS:
            yield name, set(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', sample[2]))


@check("OBS-1", "DUP-3")
def counters_move(server: Server) -> None:
    """Duplicates, equivocations and bad signatures are counted."""
    counters = ("flk_dedup_hits_total", "flk_equivocations_total", "flk_signature_errors_total")
    before = {name: _counter(server, name) for name in counters}
    record = server.record()
    for sent in (record, record, {**record, "r": 0.6, "budget": 0.37}):
        server.submit(server.signed(sent))
    server.submit(record)
    still = [name for name in counters if _counter(server, name) <= before[name]]
    if still:
        raise Failed(f"{', '.join(still)} did not move")


def _counter(server: Server, name: str) -> float:
    """The sum over all labels. Raises Failed where a sample has no number."""
    lines = server.metrics().body.decode(errors="replace").splitlines()
    samples = [line for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
    try:
        return sum(float(sample.split()[-1]) for sample in samples)
    except ValueError:
        raise Failed(f"a sample of {name} is no number: {samples}") from None
