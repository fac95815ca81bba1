"""What happened, as JSON lines, and the digest by which two runs are compared."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, BinaryIO, TypeAlias

import msgspec

from flk.model.effects import (
    Acknowledge,
    Aged,
    Attempt,
    Bury,
    Copy,
    CountEntries,
    Delete,
    Effect,
    Fetch,
    GetBeginning,
    GetObject,
    ListObjects,
    Look,
    Mark,
    Marked,
    MarkProcessed,
    PutObject,
    ReadSegment,
    ReplaceObject,
    Restore,
    Salvage,
    SampleKeys,
    Truncate,
)
from flk.model.entries.entry import Entry
from flk.model.entries.tasks import Lease, Task
from flk.model.flow.submission import Response
from flk.model.log.hlc import Timestamp, text
from flk.model.log.manifest import Inventory
from flk.model.protocol_events.observation import ObservedEffect, began, ended, observed, started, told_latest
from flk.model.protocol_events.summary import SaltOf, no_salt
from flk.model.refusal import Refused

ProgramObserver: TypeAlias = Callable[[ObservedEffect], None]
"""Gets what the programs of the regions' nodes did, in the terms in which protocols are validated."""

DIGEST_BYTES = 16
_BATCH = 1024
_encode = msgspec.json.Encoder().encode_lines


class Line(msgspec.Struct, gc=False):
    """Something that happened: when in seconds, where, in which program, what, and what came of it."""

    t: float
    node: str
    program: str
    effect: str
    result: str


class Trace:
    """Takes one line for each event and folds it into a rolling BLAKE2b digest.

    Written to a file, the lines are exactly the bytes of the digest: `b2sum -l 128 FILE` prints it. An `observer` gets besides what
    the programs of the regions' nodes did.
    """

    def __init__(self, file: BinaryIO | None = None, observer: ProgramObserver | None = None) -> None:
        self._hash = blake2b(digest_size=DIGEST_BYTES)
        self._file = file
        self._lines: list[Line] = []
        self.observed = observer is not None
        self._observer = observer
        self._disks: dict[str, str] = {}
        self._salts: dict[str, SaltOf] = {}

    def started(self, node: str, disk: str, salt_of: SaltOf = no_salt) -> None:
        """A region's node begins on a disk, whose segments have these salts."""
        self._disks[node] = disk
        self._salts[node] = salt_of
        if self._observer is not None:
            self._observer(started(disk))

    def ended(self, node: str, program: str, number: int, result: object) -> None:
        """A program, by name and by its number on the node, returned a result, or was ended by an exception."""
        if self._observer is not None and node in self._disks:
            self._observer(ended(self._disks[node], program, number, result))

    def effect(
        self,
        now: float,
        node: str,
        program: str,
        effect: Effect[object],
        result: object,
        number: int = 0,
        *,
        observed_too: bool = True,
    ) -> None:
        """An effect of a program, of that number on the node, was performed."""
        kind = type(effect)
        about = _ABOUT.get(kind)
        what = f"{kind.__name__} {about(effect)}" if about else kind.__name__
        summary = "" if result is None else _SUMMARIES.get(type(result), _summary)(result)
        lines = self._lines
        lines.append(Line(now, node, program, what, summary))
        if len(lines) >= _BATCH:
            self._flush()
        if self._observer is not None and observed_too and node in self._disks:
            self._observer(observed(self._disks[node], program, number, effect, result, self._salts[node]))

    def told_latest(self, node: str, latest: Timestamp | Refused) -> None:
        """The store of its region told a node the latest timestamp, or did not answer."""
        if self._observer is not None:
            self._observer(told_latest(self._disks[node], latest))

    def began(self, node: str, segment: str, since: Timestamp) -> None:
        """A node opened a segment, for the frames from a timestamp on."""
        if self._observer is not None:
            self._observer(began(self._disks[node], segment, since))

    def event(self, now: float, node: str, program: str, what: str, result: str = "") -> None:
        """Anything else that happened."""
        self._lines.append(Line(now, node, program, what, result))
        if len(self._lines) >= _BATCH:
            self._flush()

    def digest(self) -> str:
        """The digest of everything so far, in hexadecimal."""
        self._flush()
        return self._hash.hexdigest()

    def _flush(self) -> None:
        block = _encode(self._lines)
        self._lines.clear()
        self._hash.update(block)
        if self._file is not None:
            self._file.write(block)


def _summary(result: object) -> str:
    """Of a kind of result that is not in the table."""
    return f"{int(result.status)} {result.requirement}" if isinstance(result, Refused) else str(result)


def _name(effect: Any) -> str:
    return str(effect.name)


def _region(effect: Any) -> str:
    return str(effect.region)


def _task(task: Task) -> str:
    whose, what = task.place
    return f"{task.kind} {whose}/{what[:12]}"


_ABOUT: dict[type[Effect[object]], Callable[[Any], str]] = {
    Mark: lambda effect: f"{effect.name}={effect.value}",
    Marked: _name,
    PutObject: _name,
    ReplaceObject: _name,
    GetObject: _name,
    GetBeginning: _name,
    ReadSegment: _name,
    Truncate: _name,
    Salvage: _name,
    Restore: _name,
    ListObjects: lambda effect: str(effect.prefix),
    CountEntries: _region,
    SampleKeys: _region,
    Fetch: _region,
    **dict.fromkeys((Look, Delete, Aged), lambda effect: str(effect.tier)),
    Copy: lambda effect: f"{effect.source} to {effect.to}",
    Attempt: lambda effect: f"{effect.number} {_task(effect.task)}",
    **dict.fromkeys((MarkProcessed, Bury, Acknowledge), lambda effect: _task(effect.task)),
}
_SUMMARIES: dict[type, Callable[[Any], str]] = {
    int: str,
    Entry: lambda entry: f"{text(entry.timestamp)} {entry.region}",
    Response: lambda response: str(response.status),
    bytes: lambda content: f"{len(content)} bytes",
    Lease: lambda lease: _task(lease.task),
    tuple: lambda items: f"{len(items)} items",
    Inventory: lambda inventory: f"{len(inventory.there)} segments, {len(inventory.notes)} notes",
}
