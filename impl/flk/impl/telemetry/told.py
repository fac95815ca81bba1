"""What a node tells a collector: its spans and its log lines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Span, Status, StatusCode, Tracer, use_span

from flk.impl.http.messages import Handler
from flk.impl.telemetry.collector import Collector
from flk.impl.telemetry.exporting import Exporter
from flk.impl.telemetry.lines import Lines
from flk.impl.telemetry.messages import of_lines, of_spans, rejected_lines, rejected_spans
from flk.impl.telemetry.requests import Requests
from flk.impl.telemetry.telling import PassSpan, Telemetry, Untold
from flk.impl.telemetry.waiting import Counts, Rate, Waiting
from flk.spec import __version__

NAME = "flk"


class Told(Untold):
    """Tells a collector. Raises UnusableInput for an address that is none, and a file that cannot be used."""

    def __init__(self, telemetry: Telemetry, region: str, scheme: str, metrics: Counts) -> None:
        bounds = telemetry.bounds
        collector = Collector(telemetry.base, bounds.timeout_seconds, bounds.max_answer_bytes)
        resource = _resource(region)
        spans = Waiting[ReadableSpan]("traces", of_spans, rejected_spans, metrics, bounds.queue_items)
        lines = Waiting("logs", of_lines, rejected_lines, metrics, bounds.queue_items)
        self._share = telemetry.share
        self._scheme = scheme
        self._rate = Rate(bounds.max_traces_per_second, metrics.not_exported("traces", "rate"))
        self._tracer = _tracer(resource, spans)
        self._lines = Lines(lines, resource, InstrumentationScope(NAME, __version__))
        self._exporter = Exporter(collector, (spans, lines), bounds)
        self._lines.attach()

    def requests(self, handler: Handler) -> Handler:
        """The handler, with spans of requests that a caller follows or that are among the sample."""
        return Requests(handler, self._tracer, self._share, self._rate, self._scheme)

    @contextmanager
    def passing(self, stage: str, source: str) -> Iterator[PassSpan]:
        """A pass, told from here to the end of the block; they are few, and all are told."""
        attributes = {"flk.stage": stage, "flk.source": source}
        span = self._tracer.start_span(f"pass {stage}", Context(), attributes=attributes)
        with use_span(span, end_on_exit=True, record_exception=False):
            yield _Pass(span)

    async def close(self, say: Callable[[str], None]) -> None:
        """Export what waits, as far as that can be done soon."""
        self._lines.detach()
        await self._exporter.close(say)


class _Pass(PassSpan):
    """The span of a pass."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def did(self, **figures: float) -> None:
        """What it did, as attributes."""
        self._span.set_attributes({f"flk.{name}": value for name, value in figures.items()})

    def failed(self, reason: str) -> None:
        """It did not complete, as the span's status."""
        self._span.set_status(Status(StatusCode.ERROR, reason))


class _Ended(SpanProcessor):
    """Lets spans wait for their export once they end."""

    def __init__(self, waiting: Waiting[ReadableSpan]) -> None:
        self._waiting = waiting

    def on_end(self, span: ReadableSpan) -> None:
        self._waiting.put(span)


def _resource(region: str) -> Resource:
    """What the node is, as the environment may say otherwise (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES)."""
    own = {
        "service.name": NAME,
        "service.version": __version__,
        "service.instance.id": str(uuid4()),
        "flk.region": region,
    }
    return Resource(own).merge(OTELResourceDetector().detect())


def _tracer(resource: Resource, waiting: Waiting[ReadableSpan]) -> Tracer:
    provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
    provider.add_span_processor(_Ended(waiting))
    return provider.get_tracer(NAME, __version__)
