"""Receivers of events, written from what their vendors publish: what they accept, what they keep, and how they answer.

None of it is the code under test. A receiver misbehaves as it is told: a `Mood` for each request, and then it behaves.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from flk.model.flow.submission import Response
from flk.model.siem.targets import Kind

SECRET = "s3cret"
LIMIT_BYTES = 5_000
"""What a request may have at most in these tests."""


class Mood(StrEnum):
    """How a receiver takes one request."""

    SOUND = "sound"
    SILENT = "silent"  # it keeps the events, and no answer comes
    GONE = "gone"  # it keeps nothing, and no answer comes
    BUSY = "busy"  # 429
    BROKEN = "broken"  # 503
    LOCKED = "locked"  # 403
    GARBLED = "garbled"  # it keeps the events, and the answer is a proxy's
    PARTLY = "partly"  # it keeps the first half only, and says so as far as it can


class Collector:
    """A receiver of a kind. It refuses for good what has a word in it, and requests that are longer than its limit."""

    def __init__(self, kind: Kind, moods: Iterable[Mood] = (), poison: str = "poison") -> None:
        self.kind = kind
        self.kept: list[tuple[str, int]] = []
        self.requests: list[int] = []
        self._moods = iter(moods)
        self._poison = poison
        self._ids: set[str] = set()

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> Response | None:
        """The answer to a request; None if none comes."""
        said = {name.lower(): value for name, value in headers.items()}
        mood = next(self._moods, Mood.SOUND)
        match mood:
            case Mood.GONE:
                return None
            case Mood.BUSY:
                return Response(429, b"{}", 7)
            case Mood.BROKEN:
                return Response(503, b'{"text":"Server is busy","code":9}')
            case Mood.LOCKED:
                return Response(403, b"{}")
        if len(body) > LIMIT_BYTES:
            return Response(413, b"{}")
        answer = _TAKERS[self.kind](self, path, said, body, mood)
        return {Mood.SILENT: None, Mood.GARBLED: Response(200, b"<html>captive portal</html>")}.get(mood, answer)

    def keep(self, told: Mapping[str, Any]) -> None:
        """Keep an event."""
        self.kept.append((told["log"], told["sequence"]))

    def is_poisoned(self, told: Mapping[str, Any]) -> bool:
        """Whether it never takes this event."""
        return self._poison in json.dumps(told)

    def _keep_all(self, told: Sequence[Mapping[str, Any]]) -> bool:
        """Keep these events, unless it never takes one of them."""
        takes = not any(map(self.is_poisoned, told))
        for each in told if takes else ():
            self.keep(each)
        return takes

    def splunk(self, path: str, headers: Mapping[str, str], body: bytes, mood: Mood) -> Response:
        """HTTP Event Collector: JSON objects in a row. One that is wrong refuses all."""
        del mood
        if path or headers["authorization"] != f"Splunk {SECRET}":
            return Response(403, b'{"text":"Invalid token","code":4}')
        told = list(_objects_in(body.decode()))
        for number, each in enumerate(told):
            assert set(each) <= {"time", "host", "source", "sourcetype", "index", "event", "fields"}
            assert isinstance(each.get("time", 0.0), float | int)
            if self.is_poisoned(each["event"]):
                wrong = {"text": "Invalid data format", "code": 6, "invalid-event-number": number}
                return Response(400, json.dumps(wrong).encode())
        for each in told:
            self.keep(each["event"])
        return Response(200, b'{"text":"Success","code":0}')

    def datadog(self, path: str, headers: Mapping[str, str], body: bytes, mood: Mood) -> Response:
        """Logs intake: an array, each with a message. 202."""
        del mood
        if path or headers["dd-api-key"] != SECRET or headers["content-type"] != "application/json":
            return Response(403, b"{}")
        told = json.loads(body)
        assert 1 <= len(told) <= 1000
        messages = [json.loads(each["message"]) for each in told]
        return Response(202, b"{}") if self._keep_all(messages) else Response(400, b'{"errors":["unparsable"]}')

    def elastic(self, path: str, headers: Mapping[str, str], body: bytes, mood: Mood) -> Response:
        """`_bulk`: an action and a document in turns, each line with a line feed; a status for each."""
        if path != "/_bulk" or headers["authorization"] != f"ApiKey {SECRET}":
            return Response(401, b"{}")
        assert headers["content-type"] == "application/x-ndjson"
        assert body.endswith(b"\n")
        lines = [json.loads(line) for line in body.splitlines()]
        items = []
        for number, (action, document) in enumerate(zip(lines[::2], lines[1::2], strict=True)):
            identity = action["create"]["_id"]
            if mood is Mood.PARTLY and number >= len(lines) // 4:
                status = 429
            elif self.is_poisoned(document):
                status = 400
            elif identity in self._ids:
                status = 409
            else:
                status = 201
                self._ids.add(identity)
                self.keep(document)
            error = {"error": {"type": "mapper_parsing_exception"}} if status == 400 else {}
            items.append({"create": {"_index": action["create"]["_index"], "_id": identity, "status": status} | error})
        failed = any(item["create"]["status"] > 299 for item in items)
        return Response(200, json.dumps({"took": 1, "errors": failed, "items": items}).encode())

    def sumo(self, path: str, headers: Mapping[str, str], body: bytes, mood: Mood) -> Response:
        """HTTP source: a line is an event. It does not look at any."""
        del mood
        assert not path
        assert headers["x-sumo-category"]
        told = [json.loads(line) for line in body.splitlines()]
        return Response(200 if self._keep_all(told) else 400, b"")

    def otlp(self, path: str, headers: Mapping[str, str], body: bytes, mood: Mood) -> Response:
        """OTLP/HTTP in JSON: 64-bit numbers are strings; a partial success says how many were rejected."""
        del mood
        if path != "/v1/logs" or headers["authorization"] != f"Bearer {SECRET}":
            return Response(401, b"{}")
        assert headers["content-type"] == "application/json"
        rejected = 0
        for resource in json.loads(body)["resourceLogs"]:
            for record in (record for scope in resource["scopeLogs"] for record in scope["logRecords"]):
                assert 1 <= record["severityNumber"] <= 24
                assert record.get("timeUnixNano", "0").isdecimal()
                values = {each["key"]: each["value"] for each in record["attributes"]}
                if self.is_poisoned(record):
                    rejected += 1
                    continue
                self.kept.append(
                    (values["flk.audit.log"]["stringValue"], int(values["flk.audit.sequence"]["intValue"]))
                )
        partial = {"rejectedLogRecords": str(rejected), "errorMessage": "poison"} if rejected else {}
        return Response(200, json.dumps({"partialSuccess": partial}).encode())


_TAKERS: dict[Kind, Callable[[Collector, str, Mapping[str, str], bytes, Mood], Response]] = {
    Kind.SPLUNK: Collector.splunk,
    Kind.DATADOG: Collector.datadog,
    Kind.ELASTIC: Collector.elastic,
    Kind.SUMO: Collector.sumo,
    Kind.OTLP: Collector.otlp,
}


def _objects_in(text: str) -> Iterator[dict[str, Any]]:
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        found, at = decoder.raw_decode(text, at)
        yield found
        while at < len(text) and text[at].isspace():
            at += 1


def audit_leaves(size: int, poisoned: Sequence[int] = ()) -> list[bytes]:
    """Leaves as a node writes them, about: outcomes, and now and then something else."""
    kinds = ("outcome", "outcome", "outcome", "equivocation", "supersession", "keys")
    return [
        json.dumps(
            {
                "kind": kinds[number % len(kinds)],
                "accepted": number % 5 > 0,
                "timestamp": f"{0x019B76DAD9560000 + number:016x}",
                "pcs_id": "poison" if number in poisoned else f"{number:064x}",
            }
        ).encode()
        for number in range(size)
    ]
