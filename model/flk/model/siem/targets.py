"""Receivers of events, each by its published interface: what they are sent, and what an answer says of each event (SIEM-2, SIEM-3).

Splunk       HTTP Event Collector: JSON objects one behind the other
Datadog      logs intake v2: a JSON array
Elastic      `_bulk` with `create` and an id: an event that is there already is a conflict, and so is taken
Sumo Logic   HTTP source: a JSON object to a line
OTLP         OTLP/HTTP 1.x logs, as JSON
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from flk.model.flow.submission import Response
from flk.model.siem.events import SOURCE, Event, Severity, Told, told

TAKES_ITS_TIME = frozenset({408, 425, 429})
NOT_THESE = frozenset({400, 413, 415, 422})
"""Statuses that are about what was sent: some event in it, or their number."""
_OK = range(200, 300)
_CONFLICT = 409
_SEVERITY_NUMBERS = {Severity.INFO: 9, Severity.WARNING: 13, Severity.ERROR: 17}  # OpenTelemetry log data model


class Kind(StrEnum):
    """Whose interface a receiver has."""

    SPLUNK = "splunk"
    DATADOG = "datadog"
    ELASTIC = "elastic"
    SUMO = "sumo"
    OTLP = "otlp"


class Target(msgspec.Struct, frozen=True):
    """A receiver: its interface, and in which index or under which name events are to be found there."""

    kind: Kind
    index: str = SOURCE


class Request(NamedTuple):
    """A POST: what its path has behind the endpoint's, what it says besides, and its body."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Refusal(NamedTuple):
    """Events of which a receiver will not take so `many`, however often they come, and its reason. It may not say which of them."""

    events: tuple[Event, ...]
    reason: str
    many: int


class Verdict(NamedTuple):
    """What became of events that were sent: which are to be sent `again`, which are `refused`; all others are taken. If they are
    to be sent in `smaller` requests, so that the receiver says which of them it does not take, nothing is known of any.
    """

    again: tuple[Event, ...] = ()
    refused: tuple[Refusal, ...] = ()
    smaller: bool = False
    reason: str = ""


def request(target: Target, events: Sequence[Event], secret: str) -> Request:
    """The request that tells a receiver of these events; `secret` is what it knows its senders by."""
    return _REQUESTS[target.kind](target, [told(event) for event in events], secret)


def verdict(target: Target, events: Sequence[Event], response: Response | None) -> Verdict:
    """What an answer says of the events that were sent; no answer, nothing (SIEM-3).

    Whatever the receiver may get over is repeated, a wrong secret and a wrong address included: somebody will mend these.
    """
    if response is None:
        return Verdict(again=tuple(events), reason="no answer")
    said = f"{response.status}: {response.body[:200].decode(errors='backslashreplace')}"
    if response.status in _OK:
        try:
            return _SAID[target.kind](events, response.body)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return Verdict(again=tuple(events), reason=f"no answer of a receiver of this kind, {said}")
    if response.status not in NOT_THESE:
        return Verdict(again=tuple(events), reason=said)
    if len(events) > 1:
        return Verdict(smaller=True, reason=said)
    return Verdict(refused=(Refusal(tuple(events), said, 1),))


def _splunk(target: Target, events: Sequence[Told], secret: str) -> Request:
    lines = [
        msgspec.json.encode(
            {"source": each.log, "sourcetype": SOURCE, "index": target.index, "event": each}
            | ({} if each.time is None else {"time": each.time})
        )
        for each in events
    ]
    return Request("", {"Authorization": f"Splunk {secret}", "Content-Type": "application/json"}, b"\n".join(lines))


class _SplunkSaid(msgspec.Struct):
    text: str
    code: int


def _said_splunk(events: Sequence[Event], body: bytes) -> Verdict:
    said = msgspec.json.decode(body, type=_SplunkSaid)
    return Verdict(again=tuple(events), reason=f"{said.code}: {said.text}") if said.code else Verdict()


def _datadog(target: Target, events: Sequence[Told], secret: str) -> Request:
    logs = [
        {
            "ddsource": SOURCE,
            "service": target.index,
            "ddtags": f"log:{each.log}",
            "status": each.severity,
            "message": msgspec.json.encode(each).decode(),
        }
        for each in events
    ]
    return Request("", {"DD-API-KEY": secret, "Content-Type": "application/json"}, msgspec.json.encode(logs))


def _elastic(target: Target, events: Sequence[Told], secret: str) -> Request:
    lines = []
    for each in events:
        at = {} if each.time is None else {"@timestamp": int(each.time * 1000)}
        lines += [
            msgspec.json.encode({"create": {"_index": target.index, "_id": each.id}}),
            msgspec.json.encode(msgspec.to_builtins(each) | at),
        ]
    headers = {"Authorization": f"ApiKey {secret}", "Content-Type": "application/x-ndjson"}
    return Request("/_bulk", headers, b"".join(line + b"\n" for line in lines))


class _Item(msgspec.Struct):
    status: int
    error: Any = None


class _ElasticSaid(msgspec.Struct):
    errors: bool
    items: list[dict[str, _Item]]


def _said_elastic(events: Sequence[Event], body: bytes) -> Verdict:
    """The status of each event, in order: 409 is of one that is there."""
    said = msgspec.json.decode(body, type=_ElasticSaid)
    items = [item for entry in said.items for item in entry.values()]
    if len(items) != len(events):
        raise msgspec.ValidationError(f"{len(items)} items for {len(events)} events")
    again: list[Event] = []
    refused: list[Refusal] = []
    for event, item in zip(events, items, strict=True):
        if item.status in _OK or item.status == _CONFLICT:
            continue
        if item.status in NOT_THESE:
            refused.append(Refusal((event,), f"{item.status}: {msgspec.json.encode(item.error)[:200].decode()}", 1))
        else:
            again.append(event)
    statuses = {item.status for item in items}
    return Verdict(tuple(again), tuple(refused), reason=f"items of {sorted(statuses)}" if again else "")


def _sumo(target: Target, events: Sequence[Told], secret: str) -> Request:
    """The secret is in the endpoint's path."""
    del secret
    headers = {"Content-Type": "application/json", "X-Sumo-Category": target.index, "X-Sumo-Name": SOURCE}
    return Request("", headers, b"\n".join(msgspec.json.encode(each) for each in events))


def _otlp(target: Target, events: Sequence[Told], secret: str) -> Request:
    def attribute(key: str, **value: str) -> dict[str, object]:
        return {"key": key, "value": {f"{kind}Value": content for kind, content in value.items()}}

    records = [
        {
            **({} if each.time is None else {"timeUnixNano": str(int(each.time * 1000) * 1_000_000)}),
            "severityNumber": _SEVERITY_NUMBERS[each.severity],
            "severityText": each.severity.upper(),
            "eventName": f"flk.audit.{each.kind}",
            "body": {"stringValue": msgspec.json.encode(each.event).decode()},
            "attributes": [
                attribute("flk.audit.log", string=each.log),
                attribute("flk.audit.sequence", int=str(each.sequence)),
                attribute("flk.audit.id", string=each.id),
            ],
        }
        for each in events
    ]
    resource = {"attributes": [attribute("service.name", string=target.index)]}
    logs = [{"resource": resource, "scopeLogs": [{"scope": {"name": SOURCE}, "logRecords": records}]}]
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
    return Request("/v1/logs", headers, msgspec.json.encode({"resourceLogs": logs}))


class _Partial(msgspec.Struct, rename="camel"):
    rejected_log_records: int | str = 0
    error_message: str = ""


class _OtlpSaid(msgspec.Struct, rename="camel"):
    partial_success: _Partial = msgspec.field(default_factory=_Partial)


def _said_otlp(events: Sequence[Event], body: bytes) -> Verdict:
    """Of a partial success nothing is sent again, as OTLP demands; it tells how many were rejected, and not which."""
    said = msgspec.json.decode(body or b"{}", type=_OtlpSaid).partial_success
    rejected = int(said.rejected_log_records) if str(said.rejected_log_records).isdecimal() else 0
    return Verdict(refused=(Refusal(tuple(events), said.error_message, rejected),)) if rejected else Verdict()


def _said_nothing(events: Sequence[Event], body: bytes) -> Verdict:
    """That it takes them, by its status alone; a page of HTML is of somebody in between."""
    del events
    if body:
        msgspec.json.decode(body)
    return Verdict()


_REQUESTS: dict[Kind, Callable[[Target, Sequence[Told], str], Request]] = {
    Kind.SPLUNK: _splunk,
    Kind.DATADOG: _datadog,
    Kind.ELASTIC: _elastic,
    Kind.SUMO: _sumo,
    Kind.OTLP: _otlp,
}
_SAID: dict[Kind, Callable[[Sequence[Event], bytes], Verdict]] = {
    Kind.SPLUNK: _said_splunk,
    Kind.DATADOG: _said_nothing,
    Kind.ELASTIC: _said_elastic,
    Kind.SUMO: _said_nothing,
    Kind.OTLP: _said_otlp,
}
