"""`flk bench validate`: events a second of the trace validator on full logs, beside decoding the same lines alone."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from flk.formal.library.protocols.ingest import protocol
from flk.formal.traces import Accepted, validate
from flk.formal.traces.lines import Event
from flk.formal.traces.relaxations import unlimited
from flk.model.protocol_events.observation import ProtocolEvent

LENGTHS = (10_000, 100_000, 1_000_000)
BAR = 100_000.0  # events a second, on one core, told in full or in part
IN_FLIGHT = 64  # requests at a time
REPEATED = 10  # every so manieth request is for the key of an earlier one
_EVENTS = 4  # that a request makes
FULL, PART = "in full", "in part"


class Figure(NamedTuple):
    """Events a second of the thread's own processor time: validated, and decoded only. `told` is `in full` or `in part`."""

    told: str
    events: int
    per_second: float
    decoded_per_second: float

    @property
    def ratio(self) -> float:
        """Of validation's time to decoding's."""
        return self.decoded_per_second / self.per_second

    @property
    def verdict(self) -> str:
        """Whether the bar was reached."""
        return "met" if self.per_second >= BAR else "missed"


def measure(lengths: tuple[int, ...] = LENGTHS, say: Callable[[str], None] = lambda _: None) -> tuple[Figure, ...]:
    """Two figures for each length, of logs of the protocol `ingest`: one in which nothing is left out, and one in which every
    `verify` is hidden and every claim and reply leaves its key to be found.
    """
    figures = []
    for told, make in ((FULL, events), (PART, partly)):
        for length in lengths:
            say(f"writing {length:,} events")
            lines = list(map(msgspec.json.encode, make(length // _EVENTS)))
            say(f"validating {length:,} events")
            hidden = () if told == FULL else ("verify",)
            seconds = _validated(lines, hidden)
            figures.append(Figure(told, len(lines), len(lines) / seconds, len(lines) / _decoded(lines)))
    return tuple(figures)


def partly(requests: int) -> Iterator[ProtocolEvent]:
    """The same log, told in part."""
    for told in events(requests):
        if told["action"] in {"claim", "reply"}:
            yield {**told, "arguments": {"q": told["arguments"]["q"]}}
        elif told["action"] == "append":
            yield told


def events(requests: int) -> Iterator[ProtocolEvent]:
    """The log of a node that serves many clients at once: what each request says, claims and is answered, told in full."""
    for batch in range(0, requests, IN_FLIGHT):
        numbers = range(batch, min(batch + IN_FLIGHT, requests))
        yield from map(_append, numbers)
        yield from map(_verify, numbers)
        yield from map(_claim, numbers)
        yield from map(_reply, numbers)


def _about(number: int) -> int:
    """The request that came first for the key of this one."""
    return number - REPEATED + 1 if number % REPEATED == REPEATED - 1 else number


def _append(number: int) -> ProtocolEvent:
    says = {"good": True, "signed": True, "says": "one"}
    return {
        "action": "append",
        "arguments": {"q": f"q{number}", "k": f"k{_about(number)}", "p": f"{number:012d}", **says},
        "state": {"stage": {f"q{number}": "logged"}},
    }


def _verify(number: int) -> ProtocolEvent:
    return {
        "action": "verify",
        "arguments": {"q": f"q{number}"},
        "state": {"stage": {f"q{number}": "verified"}},
    }


def _claim(number: int) -> ProtocolEvent:
    key = f"k{_about(number)}"
    return {
        "action": "claim",
        "arguments": {"q": f"q{number}", "k": key},
        "state": {"stored": {key: f"q{_about(number)}"}},
    }


def _reply(number: int) -> ProtocolEvent:
    return {
        "action": "reply",
        "arguments": {"q": f"q{number}", "k": f"k{_about(number)}"},
        "state": {"answer": {f"q{number}": "stored"}},
    }


def _validated(lines: list[bytes], hidden: tuple[str, ...] = ()) -> float:
    start = time.thread_time()
    verdict = validate(unlimited(protocol), lines, hidden=hidden)
    seconds = time.thread_time() - start
    assert isinstance(verdict, Accepted)
    return seconds


def _decoded(lines: list[bytes]) -> float:
    start = time.thread_time()
    deque(map(msgspec.json.Decoder(Event).decode, lines), maxlen=0)
    return time.thread_time() - start
