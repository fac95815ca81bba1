"""The messages of OTLP: what goes to a collector, and what it answers."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan

MOST_REASON = 256  # characters of a collector's own text, in a line of the log


def of_spans(spans: Sequence[ReadableSpan]) -> bytes:
    """The body of a request."""
    return bytes(encode_spans(spans).SerializeToString())


def of_lines(lines: Sequence[ReadableLogRecord]) -> bytes:
    """The same of log records."""
    return bytes(encode_logs(lines).SerializeToString())


def rejected_spans(body: bytes) -> tuple[int, str] | None:
    """How many spans a collector did not take, and why; None if that is no answer of one."""
    answer = ExportTraceServiceResponse()
    if not _read(answer, body):
        return None
    return answer.partial_success.rejected_spans, answer.partial_success.error_message[:MOST_REASON]


def rejected_lines(body: bytes) -> tuple[int, str] | None:
    """The same of log records."""
    answer = ExportLogsServiceResponse()
    if not _read(answer, body):
        return None
    return answer.partial_success.rejected_log_records, answer.partial_success.error_message[:MOST_REASON]


def _read(answer: ExportTraceServiceResponse | ExportLogsServiceResponse, body: bytes) -> bool:
    try:
        answer.ParseFromString(body)
    except DecodeError:
        return False
    return True
