"""What is read of a request: the answers of RFC 9112, what never becomes part of one, and bounds on every part."""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.impl.wire import HTTP, LIMIT, Client, chunked, connect, post

from flk.impl.http.messages import Answer

bodies = st.binary(min_size=1, max_size=60)
CHUNKED = b"POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


HOSTILE_HEADS = {
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nhost:\r\nhost: a\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nhost: user@a\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nhost: a:x\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nhost: [::1\r\n\r\n": 400,
    b"GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n": 400,
    b"GET / HTTP/2.0\r\nhost: a\r\n\r\n": 505,
    b"GET / HTTP/3.0\r\nhost: a\r\n\r\n": 505,
    b"GET / HTTP/0.9\r\nhost: a\r\n\r\n": 505,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 505,
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n": 501,
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n": 501,
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n": 400,
    b"POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na": 400,
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\na": 400,
    b"GET / HTTP/1.1\r\nhost : a\r\n\r\n": 400,
    b"GET / HTTP/1.1\nhost: a\n\n": 400,
    b"CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n": 405,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": 400,
}


@pytest.mark.parametrize(("head", "status"), HOSTILE_HEADS.items())
def test_what_another_reader_may_understand_otherwise_gets_its_answer(head: bytes, status: int) -> None:
    """One refusal, whether it comes at once or byte by byte, and not a byte behind it is taken for a request (HTTP-1)."""
    for pieces in ([head + post(b"smuggled")], [bytes([byte]) for byte in head]):
        client = connect()
        answers = b"".join(map(client.send, pieces))
        assert answers.startswith(b"HTTP/1.1 %d " % status)
        assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answers)) == 1
        assert b"connection: close\r\n" in answers
        assert not client.echo.waiting
        assert client.wire.ended


@pytest.mark.parametrize(
    "host", [b"", b"a", b"a:80", b"a:", b"192.0.2.7:1", b"[::1]:80", b"a%20b", b"x.y-z_~!$&'()*+,;="]
)
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(host: bytes) -> None:
    """All that RFC 3986 lets a host be; HTTP/1.0 needs none (HTTP-1)."""
    for head in (b"GET /p HTTP/1.1\r\nhost: %b\r\n\r\n" % host, b"GET /p HTTP/1.0\r\n\r\n"):
        client = connect()
        client.send(head)
        assert client.bodies() == [b"GET|/p|-|"]


UPGRADES = st.sampled_from([b"h2c", b"websocket", b"TLS/1.0, h2c"])


@settings(max_examples=60, deadline=None)
@given(bodies, UPGRADES, st.booleans(), st.booleans(), st.integers(0, 300))
def test_a_request_for_another_protocol_is_answered_in_this_one(
    body: bytes, protocol: bytes, as_chunks: bool, last: bool, cut: int
) -> None:
    """The body, the headers and what follows are read as if nobody had asked, wherever the bytes are cut (HTTP-2)."""
    close = b", close" if last else b""
    more = b"upgrade: %b\r\nconnection: Upgrade, HTTP2-Settings%b\r\nhttp2-settings: AAMAAABk\r\nx-tenant-id: t\r\n" % (
        protocol,
        close,
    )
    plain = chunked(body) if as_chunks else post(body)
    sent = plain.replace(b"host: a\r\n", b"host: a\r\n" + more, 1) + post(b"next")  # the body may say the same
    client = connect()
    client.send(sent[:cut])
    client.send(sent[cut:])
    assert client.bodies() == [b"POST|/p|t|" + body, b"POST|/p|-|next"][: 1 if last else 2]
    assert b" 101 " not in client.wire.written


def test_an_upgrade_without_a_body_or_in_the_middle_of_a_pipeline_changes_nothing() -> None:
    """Twice in a row, and with `Expect`, which is answered once (HTTP-2)."""
    client = connect()
    upgrade = b"connection: upgrade\r\nupgrade: h2c\r\n"
    bare = b"GET /a HTTP/1.1\r\nhost: a\r\n%b\r\n" % upgrade
    client.send(bare + post(b"b", head=upgrade) + bare + post(b"c"))
    assert client.bodies() == [b"GET|/a|-|", b"POST|/p|-|b", b"GET|/a|-|", b"POST|/p|-|c"]
    head = b"POST /p HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n%b\r\n" % upgrade
    assert client.send(head) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"d")
    assert client.bodies()[-1] == b"POST|/p|-|d"


@pytest.mark.parametrize(
    "trailer", [b"x-tenant-id: evil", b"host: b", b"a: b\r\nX-Tenant-ID: c", b"expect: 100-continue"]
)
def test_a_trailer_never_becomes_a_header(trailer: bytes) -> None:
    """Not the tenant's name, nor anything by which the request or the next is read (HTTP-3)."""
    client = connect()
    head = b"POST /p HTTP/1.1\r\nhost: a\r\nx-tenant-id: t\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    client.send(head + trailer + b"\r\n\r\n" + post(b"next"))
    assert client.bodies() == [b"POST|/p|t|a", b"POST|/p|-|next"]


@pytest.mark.parametrize(
    "trailer",
    [b"Content-Length: 7", b"connection: close", b"connection: upgrade\r\nupgrade: h2c", b"transfer-encoding: gzip"],
)
def test_a_trailer_that_would_say_how_to_read_is_refused(trailer: bytes) -> None:
    """400, and neither the request nor what follows it is handled (HTTP-3)."""
    client = connect()
    answer = client.send(CHUNKED + b"1\r\na\r\n0\r\n" + trailer + b"\r\n\r\n" + post(b"next"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert not client.bodies()


def endless(client: Client, piece: bytes, most: int) -> bytes:
    """The refusal of a client that sends the same again and again, at most so many bytes of it."""
    for _ in range(most // len(piece)):
        if answer := client.send(piece):
            assert client.wire.ended
            return answer
    raise AssertionError(f"{most} bytes were taken")


ENDLESS = {
    "chunks of one byte": (CHUNKED, b"1\r\nx\r\n", 413),
    "many chunks": (CHUNKED, b"10\r\n0123456789abcdef\r\n", 413),
    "an extension": (CHUNKED + b"1;a=", b"b" * 1000, 413),
    "extensions": (CHUNKED, b"1;a=" + b"b" * 500 + b"\r\nx\r\n", 413),
    "zeros before a size": (CHUNKED, b"0" * 15, 413),
    "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n", 431),
    "one trailer": (CHUNKED + b"0\r\na: ", b"b" * 100, 431),
    "the name of a trailer": (CHUNKED + b"0\r\n", b"b" * 100, 431),
    "headers": (b"GET / HTTP/1.1\r\nhost: a\r\n", b"a: b\r\n", 431),
    "empty headers": (b"GET / HTTP/1.1\r\nhost: a\r\n", b"a:\r\n", 431),
    "one header": (b"GET / HTTP/1.1\r\nhost: a\r\na: ", b"b" * 100, 431),
    "the name of a header": (b"GET / HTTP/1.1\r\nhost: a\r\n", b"b" * 100, 431),
    "spaces before a value": (b"GET / HTTP/1.1\r\nhost: a\r\na:", b" " * 100, 431),
    "a target": (b"GET /", b"a" * 100, 431),
}


@pytest.mark.parametrize(("head", "piece", "status"), ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("together", [1, 60], ids=["one by one", "together"])
def test_whatever_a_client_repeats_without_end_is_refused_within_bounds(
    head: bytes, piece: bytes, status: int, together: int
) -> None:
    """Head, trailer, chunks and their framing each have a bound, whoever much comes at a time (HTTP-4)."""
    client = connect()
    assert client.send(head) == b""
    assert endless(client, piece * together, 400_000).startswith(b"HTTP/1.1 %d " % status)


@settings(max_examples=60, deadline=None)
@given(st.integers(-3, 3), st.integers(1, 60), st.lists(st.integers(1, 3000), max_size=4), st.booleans())
def test_the_bound_of_a_head_does_not_depend_on_how_it_arrives(
    beyond: int, fields: int, cuts: list[int], alone: bool
) -> None:
    """Up to the bound, target and fields counted with 32 bytes for each field, it is answered; beyond, 431 (HTTP-4)."""
    limit = 4096
    used = len(b"/p") + len(b"hosta") + 32 + fields * (len(b"a") + 32)
    value = b"b" * (limit + beyond - used)
    each, rest = divmod(len(value), fields)
    lines = [b"a: %b\r\n" % value[: each + (rest if number == 0 else 0)] for number in range(fields)]
    head = b"GET /p HTTP/1.1\r\nhost: a\r\n" + b"".join(lines) + b"\r\n"
    client = connect(limits=msgspec.structs.replace(HTTP, max_head_bytes=limit))
    before = b"" if alone else post(b"x" * 7000)
    sent = before + head
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(sent)], strict=True):
        client.send(sent[start:end])
    refused = b"HTTP/1.1 431 " in client.wire.written
    assert refused == (beyond > 0)
    assert len(client.bodies()) == (not alone) + (not refused)


def test_a_body_in_as_many_chunks_as_there_may_be_is_read_in_linear_time() -> None:
    """It arrives whole; one chunk more is refused (HTTP-4)."""
    client = connect()
    client.send(CHUNKED + b"1\r\nx\r\n" * (HTTP.max_chunks - 1) + b"0\r\n\r\n")
    assert client.bodies() == [b"POST|/p|-|" + b"x" * (HTTP.max_chunks - 1)]
    assert client.send(CHUNKED + b"1\r\nx\r\n" * HTTP.max_chunks + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, LIMIT), st.booleans()), max_size=5))
def test_bodies_up_to_the_limit_are_read_one_after_the_other(sizes: list[tuple[int, bool]]) -> None:
    """Announced and in chunks, however large the one before was (HTTP-4)."""
    client = connect()
    for size, as_chunks in sizes:
        client.send(chunked(b"x" * size) if as_chunks and size else post(b"x" * size))
    assert [len(body) for body in client.bodies()] == [len(b"POST|/p|-|") + size for size, _ in sizes]


def test_a_refused_body_in_chunks_is_not_drained_for_ever() -> None:
    """What is refused before it is read may go on for 64 KiB, and then the connection ends (HTTP-4)."""
    client = connect()
    client.echo.check = lambda request, size: Answer(429)  # type: ignore[method-assign]  # the test's
    client.send(CHUNKED)
    assert endless(client, b"1000\r\n" + b"x" * 4096 + b"\r\n", 2 * HTTP.max_drain_bytes).startswith(b"HTTP/1.1 429 ")


def test_headers_come_in_lower_case_and_repeated_ones_together() -> None:
    """So that a second X-Tenant-Id cannot hide behind the first (ORD-9)."""
    client = connect()
    client.send(post(b"a", head=b"X-Tenant-ID: one\r\nx-tenant-id:  two \r\n"))
    assert client.bodies() == [b"POST|/p|one, two|a"]


@pytest.mark.parametrize(
    ("target", "path"), [(b"/a?b=c", b"/a"), (b"http://host/a?b", b"/a"), (b"http://host", b"/"), (b"*", b"*")]
)
def test_the_path_is_that_of_the_target_without_its_query(target: bytes, path: bytes) -> None:
    """In origin form, in absolute form, or neither (RFC 9112, section 3.2)."""
    client = connect()
    client.send(post(b"a", path=target) if target != b"*" else b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n")
    assert client.bodies()[0].split(b"|")[1] == path


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    """The answer comes with the head; what follows is not heard, and the connection ends when the client had time to read it."""
    client = connect()
    answer = client.send(b"POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 100001\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close\r\n" in answer
    assert client.send(b"x" * 100_001 + post(b"a")) == b""
    assert client.wire.ended
    assert client.connection.deadline < client.listener.pool.now + HTTP.idle_seconds


def test_a_chunked_body_is_refused_when_it_passes_the_limit() -> None:
    """Not before, and not after all of it has come."""
    client = connect()
    assert client.send(b"POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n") == b""
    assert client.send(b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000)) == b""
    assert client.send(b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000)).startswith(b"HTTP/1.1 413 ")
    assert client.wire.ended


def test_a_small_refused_body_is_read_and_dropped() -> None:
    """So that a node with enough in flight does not also have to make new connections."""
    client = connect()
    client.echo.check = lambda request, size: Answer(429) if size < 10 else None  # type: ignore[method-assign]  # the test's
    assert client.send(post(b"small") + post(b"large enough")).startswith(b"HTTP/1.1 429 ")
    assert client.bodies() == [b"POST|/p|-|large enough"]
    assert not client.wire.ended


def test_an_endless_head_is_refused() -> None:
    """431, and the connection ends."""
    client = connect()
    client.send(b"GET / HTTP/1.1\r\n")
    answer = b"".join(client.send(b"x-%d: %b\r\n" % (number, b"y" * 1000)) for number in range(17))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert client.wire.ended
