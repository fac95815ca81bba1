"""Pages of other origins, as far as HTTP goes (HTTP-11); `tests/impl/server/test_pages.py` asks a browser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.impl.wire import HTTP, LIMIT, Client, Echo, Wire, post

from flk.impl.http.listener import Listener
from flk.impl.http.origins import fields_for
from flk.spec.errors import UnusableInput

ORIGINS = ("*", "https://lab.example", "http://localhost:3000", "http://[::1]:8080", "chrome-extension://abcdef")
ASKED = (
    post(b"a"),
    post(b"a" * (LIMIT + 1)),
    post(b"a", head=b"origin: https://other.example\r\n"),
    b"OPTIONS /p HTTP/1.1\r\nhost: a\r\norigin: https://other.example\r\n\r\n",
    b"HEAD /p HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /p HTTP/1.1\r\n\r\n",
    b"GET /p HTTP/7.0\r\n\r\n",
    b"no request\r\n\r\n",
    b"GET /p HTTP/1.1\r\nhost: a\r\na: " + b"b" * HTTP.max_head_bytes,
)


def talking(fields: bytes) -> tuple[Client, Wire]:
    """A client of a server whose answers all have these fields, and what is written to it."""
    echo, wire = Echo(), Wire()
    return Client(Listener(echo, fields=fields), echo, wire), wire


@given(asked=st.lists(st.sampled_from(ASKED), min_size=1, max_size=4), origin=st.sampled_from(ORIGINS))
def test_every_answer_names_the_origin_or_none_does(asked: list[bytes], origin: str) -> None:
    """Whatever is asked, and by whom: answers, refusals, and what is said to bytes that are no request."""
    fields = fields_for(origin)
    for common in (fields, b""):
        client, wire = talking(common)
        client.send(b"".join(asked))
        client.connection.expire()
        answers = wire.written.count(b"\r\ndate: ")
        assert answers >= 1
        assert wire.written.count(fields) == (answers if common else 0)
        assert wire.written.count(b"access-control-") == 2 * wire.written.count(fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lab.example",
        "https://lab.example/",
        "https://lab.example/page",
        "https://Lab.example",
        "https://lab.example:443",
        "http://lab.example:80",
        "https://a, https://b",
        "https://a https://b",
        "https://*.lab.example",
        "https://a\r\nset-cookie: b=c",
        "null",
    ],
)
def test_what_no_browser_writes_is_no_origin(text: str) -> None:
    """It would let no page in, or break the answers; `null` would let in every page that hides where it is from."""
    with pytest.raises(UnusableInput, match="is no origin: it is written as browsers do"):
        fields_for(text)
