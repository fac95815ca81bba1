"""A collector may do what it likes: what waits is exported, or counted as what became of it, and nobody waits for it."""

import asyncio
from itertools import count

import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, TraceFlags
from tests.support.impl.collector import (
    Misbehave,
    closes,
    collector,
    counted,
    hangs,
    partly,
    with_garbage,
    with_status,
    without_end,
)

from flk.impl.server.metrics import Metrics
from flk.impl.telemetry.collector import Collector
from flk.impl.telemetry.exporting import Exporter
from flk.impl.telemetry.messages import of_spans, rejected_spans
from flk.impl.telemetry.waiting import Waiting
from flk.spec.constants import CONSTANTS

QUICK = msgspec.structs.replace(
    CONSTANTS.otlp,
    every_seconds=0.01,
    batch_items=4,
    queue_items=16,
    timeout_seconds=0.3,
    max_attempts=2,
    base_delay_seconds=0.01,
    max_delay_seconds=0.01,
    stop_seconds=0.5,
)
NUMBERS = count(1)


def span() -> ReadableSpan:
    """Some span."""
    number = next(NUMBERS)
    context = SpanContext(number, number, is_remote=False, trace_flags=TraceFlags(1))
    return ReadableSpan("some", context, start_time=1, end_time=2)


class Exported:
    """An exporter of spans, of which so many wait from the beginning, and what it counted."""

    def __init__(self, url: str, spans: int = 0) -> None:
        self.metrics = Metrics()
        self.waiting = Waiting("traces", of_spans, rejected_spans, self.metrics, QUICK.queue_items)
        self.put(spans)
        self.exporter = Exporter(Collector(url, QUICK.timeout_seconds, QUICK.max_answer_bytes), (self.waiting,), QUICK)
        self.said: list[str] = []

    def put(self, spans: int) -> None:
        for _ in range(spans):
            self.waiting.put(span())

    @property
    def counted(self) -> dict[str, float]:
        """By what became of them."""
        counters = {"exported": self.metrics.exported("traces")} | {
            reason: self.metrics.not_exported("traces", reason) for reason in ("full", "refused", "lost")
        }
        return {name: value for name, counter in counters.items() if (value := counted(counter))}

    def close(self) -> None:
        asyncio.run(self.exporter.close(self.said.append))


FAULTS: dict[str, tuple[Misbehave, dict[str, float]]] = {
    "takes a part": (partly(1, "one too old"), {"exported": 3, "refused": 1}),
    "says it rejected more than there were": (partly(99, ""), {"refused": 4}),
    "says it rejected fewer than none": (partly(-1, ""), {"exported": 4}),
    "is none": (with_garbage, {"refused": 4}),
    "will not have it": (with_status(400), {"refused": 4}),
    "is elsewhere": (with_status(307, location="http://127.0.0.1:1/"), {"refused": 4}),
    "has no time": (with_status(429, retry_after="0"), {"lost": 4}),
    "is away behind its proxy": (with_status(503), {"lost": 4}),
    "asks for odd pauses": (with_status(503, retry_after="soon"), {"lost": 4}),
    "hangs up": (closes, {"lost": 4}),
    "says nothing": (hangs, {"lost": 4}),
    "never ends its answer": (without_end, {"refused": 4}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_collector_does_to_a_batch_is_counted_and_the_next_goes_on(fault: str) -> None:
    """Each span is exported, refused or lost, once; and once the collector is well again, the following arrive (OBS-10)."""
    misbehave, expected = FAULTS[fault]
    with collector() as collected:
        collected.misbehave = misbehave
        exported = Exported(collected.url, 4)
        collected.wait(lambda: sum(exported.counted.values()) == 4)
        assert exported.counted == expected
        collected.misbehave = None
        exported.put(3)
        collected.wait(lambda: sum(exported.counted.values()) == 7)
        assert exported.counted.get("exported", 0) == expected.get("exported", 0) + 3
        exported.close()
        assert len(collected.spans) == 3
        assert exported.said == []


def test_it_waits_as_long_as_the_collector_asks() -> None:
    """A Retry-After is longer than the pauses of its own; while it lasts nothing more is sent, and closing does not wait for it."""
    with collector() as collected:
        collected.misbehave = with_status(503, retry_after="3600")
        exported = Exported(collected.url)
        exported.put(5)
        collected.wait(lambda: collected.headers)
        exported.put(5)
        exported.close()
        assert len(collected.headers) <= 2  # the first, and at the end one more
        assert exported.counted == {}
        assert exported.said == ["10 spans and log lines were not exported: 503"]


def test_what_waits_is_exported_at_the_end() -> None:
    """However much it is, and nothing twice."""
    with collector() as collected:
        exported = Exported(collected.url)
        exported.put(16)
        exported.close()
        assert exported.counted == {"exported": 16}
        assert len({bytes(found.span_id) for found in collected.spans}) == 16


def test_a_collector_that_hangs_fills_the_queue_and_no_more() -> None:
    """The first wait, the others are counted; whoever puts them goes on, and the end comes all the same."""
    with collector() as collected:
        collected.misbehave = hangs
        exported = Exported(collected.url)
        exported.put(100)
        exported.close()
        assert 0 < len(exported.waiting) <= QUICK.queue_items
        assert sum(exported.counted.values()) + len(exported.waiting) == 100
        assert exported.said[0].startswith(f"{len(exported.waiting)} spans and log lines were not exported: ")


def test_the_environment_says_what_the_collector_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers by the name that OpenTelemetry gives the variable; proxies of the environment are not used."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret,x-scope=a")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with collector() as collected:
        exported = Exported(collected.url)
        exported.put(1)
        exported.close()
        assert collected.headers[0]["authorization"] == "Bearer s3cret"
        assert collected.headers[0]["x-scope"] == "a"
