"""Putting back (CRR-10): what was shipped is looked for, compared with the log, and put there again if it is not whole."""

from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from math import ceil

import msgspec

from flk.model.effects import (
    INBOX,
    GetObject,
    ListObjects,
    Mark,
    Marked,
    Program,
    PutObject,
    ReplaceObject,
    Segments,
)
from flk.model.log.frames import CorruptSegment, log_of, scan, sealed_frames
from flk.model.programs.ship import PREFIX, SHIPPED, whole
from flk.spec.constants import CONSTANTS

CHECKED = "checked"
ASIDE = CONSTANTS.replication.damaged_prefix


class Found(StrEnum):
    """How a segment's object was found."""

    WHOLE = "whole"
    MISSING = "missing"  # and put back
    DAMAGED = "damaged"  # and replaced
    HIDDEN = "hidden"  # its name is taken, and cannot be read
    RIVAL = "rival"  # a whole segment of other content has its name
    CHANGED = "changed"  # by somebody else, while it was compared


class Restored(msgspec.Struct, frozen=True):
    """How one pass found the objects that it looked for, by the names of their segments; those not listed here are whole."""

    read: int
    found: tuple[tuple[str, Found], ...]

    def names(self, found: Found) -> tuple[str, ...]:
        """The segments whose objects were found so."""
        return tuple(name for name, how in self.found if how is found)

    @property
    def shortcoming(self) -> str:
        """What the pass found and could not mend; empty if there is nothing."""
        return next((_SHORTCOMINGS[how].format(PREFIX + name) for name, how in self.found if how in _SHORTCOMINGS), "")


_SHORTCOMINGS = {
    Found.RIVAL: "CRR-9: {} holds a whole segment of other content; two disks claim to be one log",
    Found.HIDDEN: "{} is taken, and cannot be read",
    Found.CHANGED: "{} was damaged, and was changed while it was to be replaced",
}


def restore(share: float) -> Program[Restored]:
    """Put back, from the node's own log, what it shipped and is missing or damaged.

    Every object is looked for in the listing. A `share` of the sealed segments, at least one, is read, on from where the last pass
    ended: one that rotted is salvaged (WAL-4), and its object, if it is shipped, must hold the same. Nothing that is whole is ever
    replaced (CRR-9), and what is replaced is kept under another name.
    """
    names = yield from Segments(INBOX, after="", sealed=True)
    last = yield from Marked(SHIPPED)
    shipped = {name for name in names if name <= last}
    listed: frozenset[str] = frozenset()
    if shipped:
        listed = frozenset((yield from ListObjects(f"{PREFIX}{log_of(names[0])}/")))
    absent = [name for name in names if name in shipped and PREFIX + name not in listed]
    chosen = _following((yield from Marked(CHECKED)), names, share)
    found = []
    for name in dict.fromkeys((*absent, *chosen)):
        content = yield from whole(name)
        if name in shipped:
            found.append((name, (yield from _compare(name, content, is_listed=name not in absent))))
        if name in chosen:
            yield from Mark(CHECKED, name)
    return Restored(len(found), tuple((name, how) for name, how in found if how is not Found.WHOLE))


def _following(done: str, names: Sequence[str], share: float) -> tuple[str, ...]:
    """The names whose turn it is after `done`; behind the last comes the first."""
    ahead = [name for name in names if name > done]
    return (*ahead, *names)[: min(len(names), max(1, ceil(share * len(names))))]


def _compare(name: str, content: bytes, *, is_listed: bool) -> Program[Found]:
    """How the object of a segment was found, which is whole now if that can be brought about."""
    there = (yield from GetObject(PREFIX + name)) if is_listed else None
    if there is None:
        if (yield from PutObject(PREFIX + name, content)):
            return Found.MISSING
        there = yield from GetObject(PREFIX + name)
    if there is None:
        return Found.HIDDEN
    if there == content:
        return Found.WHOLE
    if _is_whole(name, there):  # if the log's is what a salvage left, the other is its former self
        return Found.RIVAL if scan(content).frames else Found.WHOLE
    yield from PutObject(f"{ASIDE}{name}.{sha256(there).hexdigest()[:16]}", there)
    return Found.DAMAGED if (yield from ReplaceObject(PREFIX + name, there, content)) else Found.CHANGED


def _is_whole(name: str, content: bytes) -> bool:
    """Whether this is a segment as it was sealed, under its own name."""
    try:
        sealed_frames(name, content)
    except CorruptSegment:
        return False
    return True
