"""A summary of an effect and its result, for logs and traces: keys, digests and timestamps, never payloads (OBS-2)."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeAlias

from flk.model.effects import Append, Effect, ReadSegment
from flk.model.entries.entry import Claim, Entry, Key, content_digest
from flk.model.entries.migration import Page
from flk.model.entries.tasks import Lease, Task
from flk.model.flow.submission import Response, from_payload
from flk.model.log.frames import Frame, scan
from flk.model.log.hlc import text
from flk.model.log.manifest import Inventory
from flk.model.record.record import decode
from flk.model.refusal import Refused

SaltOf: TypeAlias = Callable[[str], bytes]
"""The salt of a segment, which what is left of its own beginning may not show any more; empty if nobody knows it."""


def no_salt(name: str) -> bytes:
    """Nobody knows any."""
    del name
    return b""


@lru_cache(maxsize=4096)
def payload(logged: bytes) -> dict[str, object]:
    """What is said of a logged payload: its size, and what it says: its key and digest, or nothing if no record can be read."""
    try:
        submission = from_payload(logged)
        record = decode(submission.body)
    except Refused:
        says = None
    else:
        says = {"tenant": submission.tenant, "pcs_id": record.pcs_id, "digest": content_digest(record)}
    return {"bytes": len(logged), "says": says}


def _entry(entry: Entry) -> dict[str, str]:
    return {"digest": entry.digest, "timestamp": text(entry.timestamp), "region": entry.region}


def _task(task: Task) -> dict[str, object]:
    return {"task": task.kind, **task.key._asdict()}


_SUMMARIES: dict[type[object], Callable[[Any], object]] = {
    bytes: lambda value: {"bytes": len(value)},
    Frame: lambda frame: {"timestamp": text(frame.timestamp), "bytes": len(frame.payload)},
    Key: lambda key: key._asdict(),
    Claim: lambda claim: claim.key._asdict() | _entry(claim.entry),
    Entry: _entry,
    Task: _task,
    Lease: lambda lease: _task(lease.task) | {"processed": lease.processed},
    Page: lambda page: {"keys": len(page.keys), "next": page.next, "end": page.end},
    Response: lambda response: {"status": response.status},
    Inventory: lambda inventory: {
        "segments": len(inventory.there),
        "notes": len(inventory.notes),
        "accepted": sorted(inventory.accepted),
    },
    tuple: lambda values: [summarised(value) for value in values],
}


def summarised(value: object) -> object:
    """What is said of a value: bytes by their size, entries by what identifies them."""
    if isinstance(value, Refused):
        return {"refused": value.requirement, "status": int(value.status)}
    if isinstance(value, Exception):
        return {"error": type(value).__name__}
    describe = _SUMMARIES.get(type(value))
    return value if describe is None else describe(value)


def fields(effect: Effect[object]) -> dict[str, object]:
    """The fields of an effect by their names."""
    told = {name: _field(name, getattr(effect, name)) for name in effect.__struct_fields__}
    return told | {"payload": payload(effect.payload)} if isinstance(effect, Append) else told


def result(effect: Effect[object], value: object, salt_of: SaltOf) -> object:
    """The result of an effect, or the refusal it met."""
    if isinstance(effect, ReadSegment) and isinstance(value, bytes):
        return _segment(value, partial(salt_of, effect.name))
    return text(value) if isinstance(effect, Append) and not isinstance(value, Refused) else summarised(value)  # type: ignore[arg-type]  # an Append's result


def _segment(content: bytes, salt: Callable[[], bytes]) -> dict[str, object]:
    """A segment's size; where it is damaged or torn, also the timestamps of the frames that are valid in it, found for oneself."""
    found = scan(content)
    told: dict[str, object] = {"bytes": len(content)}
    if found.head is not None and not found.torn and not found.damage:
        return told
    frames = found.frames or scan(content, salt() or None).frames
    return told | {"frames": [text(frame.timestamp) for frame in frames]}


def _field(name: str, value: Any) -> object:
    return text(value) if name == "timestamp" else summarised(value)
