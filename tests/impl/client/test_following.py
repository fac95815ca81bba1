"""Requests say which span they are part of: of client, of agent, and of nobody who has none."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from tests.support.impl.agent_peer import Answer, Seen, serving
from tests.support.impl.command import flk
from tests.support.model.world import KEY, pcs

from flk.client import AsyncClient, Client, UnusableInput
from flk.impl.http.following import current, of_environment
from flk.impl.server.process import key_file

ROOT_SPAN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TAKEN = Answer(200)


@contextmanager
def within(number: int) -> Iterator[str]:
    """A span that is current, and how it is named."""
    context = SpanContext(number, number, is_remote=False, trace_flags=TraceFlags(1))
    with trace.use_span(NonRecordingSpan(context)):
        yield f"00-{number:032x}-{number:016x}-01"


@contextmanager
def service() -> Iterator[tuple[str, list[Seen]]]:
    """A service, and what it saw."""
    seen: list[Seen] = []

    def note(post: Seen, _: int) -> Answer:
        seen.append(post)
        return TAKEN

    with serving(note, batches=True) as peer:
        yield peer.url, seen


def test_a_client_says_in_which_span_its_caller_is(tmp_path: Path) -> None:
    """Of each submission its own, in one that waits, and in threads; outside of any, the one that was given, or none (OBS-11)."""
    with service() as (url, seen):
        with Client(url, keys=KEY, outbox=tmp_path / "a", batches=False) as client, within(7) as span:
            client.submit(pcs(epoch=1))
            client.send([pcs(epoch=2)])
        with Client(url, keys=KEY, outbox=tmp_path / "b", traceparent=ROOT_SPAN) as client:
            client.submit(pcs(epoch=3))
        with Client(url, keys=KEY, outbox=tmp_path / "c") as client:
            client.submit(pcs(epoch=4))
    assert [post.traceparent for post in seen] == [span, span, ROOT_SPAN, ""]


def test_a_request_of_several_spans_is_part_of_none(tmp_path: Path) -> None:
    """Records of one share a request that is part of it."""

    async def story(url: str) -> None:
        async with AsyncClient(url, keys=KEY, outbox=tmp_path / "box", connections=1) as client:

            async def submit(number: int) -> None:
                with within(number % 2 + 1):
                    await client.submit(pcs(epoch=number))

            await asyncio.gather(*map(submit, range(20)))
            with within(9):
                await client.send(pcs(epoch=100 + number) for number in range(20))

    with service() as (url, seen):
        asyncio.run(story(url))
    mixed, alike = seen[:20], seen[20:]
    assert "" in {post.traceparent for post in mixed}
    assert {post.traceparent for post in alike} == {f"00-{9:032x}-{9:016x}-01"}


@pytest.mark.parametrize(
    "wrong",
    ["", "none", ROOT_SPAN.upper(), ROOT_SPAN + "\r\nX: y", ROOT_SPAN.replace("00-4", "ff-4"), "00-" + "0" * 32],
)
def test_what_is_no_span_is_refused_or_left_out(wrong: str, tmp_path: Path) -> None:
    """Refused of a caller, who can mend it; left out of an environment, which others made."""
    with pytest.raises(UnusableInput, match="W3C Trace Context"):
        Client("http://127.0.0.1:1", keys=KEY, outbox=tmp_path, traceparent=wrong)
    assert of_environment({"TRACEPARENT": wrong}) == ""


@pytest.mark.slow
def test_the_agent_is_part_of_what_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As CI systems say in TRACEPARENT."""
    keys, box, track = (
        str(path) for path in (key_file(tmp_path, "testsecret"), tmp_path / "box", tmp_path / "track.csv")
    )
    (tmp_path / "track.csv").write_text("x,y\n" + "".join(f"{number},{number * number % 7}\n" for number in range(64)))
    monkeypatch.setenv("TRACEPARENT", ROOT_SPAN)
    with service() as (url, seen):
        flk("agent", "send", track, "--window", "64", "--to", url, "--keys", keys, "--outbox", box)
    assert [post.traceparent for post in seen] == [ROOT_SPAN]


def test_who_does_not_use_opentelemetry_does_not_load_it() -> None:
    """A client asks whether its caller has loaded it, and loads nothing."""
    ask = "from flk.impl.http.following import current; print(repr(current()), *sys.modules)"
    command = f"import sys, flk.client; flk.client.Client; {ask}"
    loaded = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True).stdout
    assert loaded.startswith("'' ")
    assert not re.search(r"\bopentelemetry\b", loaded)
    assert current() == ""
