"""Events: leaves of an audit log as a SIEM takes them (SIEM-1)."""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec

from flk.model.log.hlc import wall_seconds

SOURCE = "flk-lab"
_PARSE = msgspec.json.Decoder(dict[str, Any])


class Severity(StrEnum):
    """How much an event wants of whoever reads it."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_SEVERITIES = {"supersession": Severity.WARNING, "equivocation": Severity.ERROR, "begun": Severity.WARNING}


class Event(msgspec.Struct, frozen=True):
    """The leaf of a log that has so many before it."""

    log: str
    sequence: int
    leaf: bytes

    @property
    def content(self) -> Mapping[str, Any]:
        """What the leaf says; one that is no JSON object is told as text."""
        try:
            return _PARSE.decode(self.leaf)
        except msgspec.DecodeError:
            return {"kind": "unknown", "leaf": self.leaf.decode(errors="backslashreplace")}

    @property
    def identity(self) -> str:
        """By which a receiver knows it again, however often it comes: the log and the place in it.

        >>> Event("example.com/log", 7, b"{}").identity
        '0b4dddb0c21fc0a0-7'
        """
        return f"{sha256(self.log.encode()).hexdigest()[:16]}-{self.sequence}"


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event as every receiver is told it. `time` are seconds of wall time; None if the leaf says none."""

    log: str
    sequence: int
    id: str
    kind: str
    severity: Severity
    source: str
    event: Mapping[str, Any]
    time: float | None = None


def told(event: Event) -> Told:
    """What is said of an event, whoever is told."""
    content = event.content
    kind = content.get("kind")
    return Told(
        log=event.log,
        sequence=event.sequence,
        id=event.identity,
        kind=kind if isinstance(kind, str) else "unknown",
        severity=_severity(content),
        source=SOURCE,
        event=content,
        time=_time(content),
    )


def _severity(content: Mapping[str, Any]) -> Severity:
    if content.get("kind") == "outcome" and (content.get("accepted") is not True or content.get("escalated") is True):
        return Severity.WARNING
    return _SEVERITIES.get(str(content.get("kind")), Severity.INFO)


def _time(content: Mapping[str, Any]) -> float | None:
    """Of a timestamp as logs have them: sixteen hexadecimal digits (ORD-7)."""
    stamp = content.get("timestamp")
    if not isinstance(stamp, str) or len(stamp) != 16:
        return None
    try:
        return wall_seconds(int(stamp, 16))
    except ValueError:
        return None
