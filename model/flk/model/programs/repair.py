"""Mending a log after a crash or a bad disk (WAL-3, WAL-4)."""

from collections.abc import Sequence

import msgspec

from flk.model.effects import Program, ReadSegment, Salvage, Truncate
from flk.model.log.frames import Damage, Scan, scan


class Repair(msgspec.Struct, frozen=True):
    """What was wrong with a segment: bytes of a write cut short at its end, corrupt ranges inside it."""

    name: str
    torn: int
    damage: tuple[Damage, ...]


def is_sound(found: Scan) -> bool:
    """Whether a segment needs no repair.

    >>> is_sound(scan(b"a write cut short"))
    False
    """
    return found.head is not None and not found.torn and not found.damage


def repair(log: str, names: Sequence[str]) -> Program[tuple[Repair, ...]]:
    """Mend segments of a log that are not sound, named in their order, and say in that order what was wrong with each.

    The last comes first: what is salvaged is appended to the log, and nothing may come behind a torn tail. So a log is read, and
    then repaired: the clock that begins new segments goes on from all of it.
    """
    repairs = []
    for name in reversed(names):
        found = yield from _repair_one(log, name)
        if found.torn or found.damage:  # a segment may also have no head yet
            repairs.append(Repair(name, found.torn, found.damage))
    return tuple(reversed(repairs))


def _repair_one(log: str, name: str) -> Program[Scan]:
    """What the segment said. A torn tail is cut off; where more is wrong, what is valid is salvaged."""
    found = scan((yield from ReadSegment(name)))
    if found.damage or found.head is None:
        yield from Salvage(log, name, found.frames)
    elif found.torn:
        yield from Truncate(name, found.end)
    return found
