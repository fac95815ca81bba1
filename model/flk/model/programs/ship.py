"""Shipping (CRR-4, CRR-9, WAL-6): sealed segments go to the object store, in order, each once."""

from flk.model.effects import (
    INBOX,
    GetObject,
    Mark,
    Marked,
    Program,
    PutObject,
    ReadSegment,
    Salvage,
    Seal,
    Segments,
)
from flk.model.log.frames import CorruptSegment, scan, sealed_frames
from flk.model.programs.recover import mark_applied
from flk.model.programs.repair import read
from flk.model.refusal import unavailable
from flk.spec.constants import CONSTANTS

SHIPPED = "shipped"
PREFIX = CONSTANTS.replication.object_prefix


def ship() -> Program[tuple[str, ...]]:
    """Seal what is open and upload what is sealed; returns the names of the segments shipped.

    The watermark moves only after the upload is durable, so a crash repeats an upload and never skips one (CRR-4).
    Raises CorruptSegment if another content already has a segment's name (CRR-9), Unavailable if what has it cannot be read. A
    segment without frames is no rival to a whole one of its name: it was uploaded, then salvaged before the watermark moved, and
    its frames come again in a later segment.
    """
    yield from Seal(INBOX)
    yield from mark_applied()
    names = yield from Segments(INBOX, after=(yield from Marked(SHIPPED)), sealed=True)
    for name in names:
        yield from upload(name)
        yield from Mark(SHIPPED, name, forward=True)
    return names


def upload(name: str) -> Program[None]:
    """Put a sealed segment of the node into the object store, or find it there. Raises as `ship` does."""
    content = yield from whole(name)
    created = yield from PutObject(PREFIX + name, content)
    if not created:
        yield from require_own(name, content)


def require_own(name: str, content: bytes) -> Program[None]:
    """Return if the object that has a segment's name is the segment, or its former self.

    Raises CorruptSegment if it is another's (CRR-9), and Unavailable while it cannot be read.
    """
    there = yield from GetObject(PREFIX + name)
    if there is None:
        raise unavailable(f"{PREFIX + name} is taken, and cannot be read")
    if there == content:
        return
    if scan(content).frames:
        raise CorruptSegment(f"CRR-9: {PREFIX + name} exists with another content; two disks claim to be one log")
    sealed_frames(name, there)


def whole(name: str) -> Program[bytes]:
    """The segment's bytes. One that rotted since it was sealed is salvaged first (WAL-4); what that leaves may rot, too."""
    while True:
        content = yield from ReadSegment(name)
        found = scan(content)
        if found.sealed and not found.damage:
            return content
        yield from Salvage(INBOX, name, (yield from read(INBOX, name)).frames)
