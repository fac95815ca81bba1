"""Mending a log after a crash or a bad disk (WAL-3, WAL-4)."""

from collections.abc import Sequence

import msgspec

from flk.model.effects import Program, ReadSegment, Salvage, Truncate
from flk.model.log.frames import Damage, Scan, is_as_long_as_a_frame, scan


class Repair(msgspec.Struct, frozen=True):
    """What was wrong with a segment: bytes at its end that hold no valid frame, corrupt ranges inside it.

    Such a tail is what a write cut short leaves, or a frame that rotted. `doubtful`: it is as long as the frame it begins with.
    """

    name: str
    torn: int
    damage: tuple[Damage, ...]
    doubtful: bool = False


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
        content = yield from ReadSegment(name)
        found = scan(content)
        yield from _mend(log, name, found)
        if found.torn or found.damage:  # a segment may also have no head yet
            tail = content[found.end : found.end + found.torn]
            repairs.append(Repair(name, found.torn, found.damage, is_as_long_as_a_frame(tail)))
    return tuple(reversed(repairs))


def _mend(log: str, name: str, found: Scan) -> Program[None]:
    """A torn tail is cut off; where more is wrong, what is valid is salvaged."""
    if found.damage or found.head is None:
        yield from Salvage(log, name, found.frames)
    elif found.torn:
        yield from Truncate(name, found.end)
