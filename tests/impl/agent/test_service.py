"""One connection to a service: answers, silence, and what a server says of when to come back."""

import threading
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from select import select

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.impl.agent_peer import Answer, Seen, serving

from flk.impl.agent.service import Connection, Service
from flk.impl.http.patience import retry_after
from flk.model.flow.submission import Response, Submission
from flk.spec.errors import UnusableInput

HELLO = Submission("acme", b'{"hello":1}')
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def connect(url: str) -> Connection:
    """A connection with a short patience."""
    return Service(url).connection(timeout=5.0)


@given(st.integers(0, 10**9))
def test_retry_after_in_seconds_is_those_seconds(seconds: int) -> None:
    """RFC 9110 section 10.2.3, the first form."""
    assert retry_after(str(seconds), NOW.timestamp()) == seconds


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(
        lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
    )
)
def test_retry_after_with_a_date_is_the_time_until_then(moment: datetime) -> None:
    """The second form; a moment that has passed asks for no pause."""
    expected = max(0.0, (moment - NOW).total_seconds())
    assert retry_after(format_datetime(moment, usegmt=True), NOW.timestamp()) == expected
    assert (
        retry_after(moment.strftime("%a %b %d %H:%M:%S %Y"), NOW.timestamp()) == expected
    )  # the obsolete asctime form


def test_a_date_without_a_zone_is_in_universal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the agent runs (RFC 9110 section 5.6.7)."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "UTC+5")
        time.tzset()
        assert retry_after("Thu Jan  1 00:00:07 2026", NOW.timestamp()) == 7.0
    time.tzset()


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1.5", "Thu, 99 Jan 2026 00:00:00 GMT"])
def test_retry_after_that_says_nothing_asks_for_nothing(value: str | None) -> None:
    """The agent then falls back on its own backoff."""
    assert retry_after(value, NOW.timestamp()) is None


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://host", "http://", "http://host:x", "http://host/?q=1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Before anything is computed or queued."""
    with pytest.raises(UnusableInput, match="--to"):
        Service(url)


def test_a_post_carries_tenant_and_body_and_brings_the_answer_back() -> None:
    """Status, body and Retry-After, over one connection that stays open, below whatever path the service has."""
    busy = Answer(503, (("Retry-After", "7"),), b"later")
    with serving(lambda _, before: busy if before == 0 else Answer(200, (), b"stored")) as peer:
        connection = connect(peer.url + "/base/")
        answers = [connection.post(HELLO), connection.post(HELLO)]
        connection.close()
    assert answers == [Response(503, b"later", 7.0), Response(200, b"stored", None)]
    assert peer.seen == [Seen("/base/v1/pcs/submit", "acme", HELLO.body)] * 2
    assert peer.connections == 1


def test_a_connection_that_breaks_gives_no_answer_and_opens_again() -> None:
    """A fresh connection that is dropped is silence; the next post comes through."""
    with serving(lambda _, before: None if before == 0 else Answer(200, body=b"{}")) as peer:
        connection = connect(peer.url)
        assert connection.post(HELLO) is None
        assert connection.post(HELLO) is not None
        connection.close()


def test_a_connection_that_had_been_closed_while_idle_costs_no_failure() -> None:
    """The server closed it after the first answer; the second post goes over a new one at once."""
    last = Answer(200, body=b"{}", hangs_up=True)
    with serving(lambda _, before: last if before == 0 else Answer(200, body=b"{}")) as peer:
        connection = connect(peer.url)
        assert connection.post(HELLO) == Response(200, b"{}")
        select([connection._http.sock], [], [], 30)  # until the server's end of it is closed
        assert connection.post(HELLO) == Response(200, b"{}")
        connection.close()
    assert peer.connections == 2


def test_an_answer_that_comes_too_late_is_never_taken_for_that_to_another_post() -> None:
    """After a timeout the next post goes over a new connection, and gets its own answer."""
    release = threading.Event()

    def script(post: Seen, _before: int) -> Answer:
        if post.body == HELLO.body:
            release.wait()
        return Answer(200, body=post.body)

    with serving(script) as peer:
        connection = Service(peer.url).connection(timeout=0.2)
        assert connection.post(HELLO) is None
        release.set()
        assert connection.post(Submission("acme", b"other")) == Response(200, b"other")
        connection.close()


def test_nobody_there_is_silence() -> None:
    """A refused connection is None, like a lost one."""
    with serving(lambda *_: Answer(200, body=b"{}")) as peer:
        url = peer.url
    assert connect(url).post(HELLO) is None


def test_an_ended_connection_posts_nothing_more() -> None:
    """What an interrupt relies on."""
    with serving(lambda *_: Answer(200, body=b"{}")) as peer:
        connection = connect(peer.url)
        connection.end()
        assert connection.post(HELLO) is None
    assert peer.seen == []


def test_an_answer_without_end_is_not_waited_for() -> None:
    """No more of it is read than an answer of the service may have; the next post opens a new connection."""
    long = Answer(200, body=b"x" * (1 << 20))
    with serving(lambda _, before: long if before == 0 else Answer(200, body=b"{}")) as peer:
        connection = connect(peer.url)
        cut = connection.post(HELLO)
        assert cut is not None
        assert len(cut.body) < 1 << 17
        assert connection.post(HELLO) == Response(200, b"{}")
        connection.close()
