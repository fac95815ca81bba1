"""Mending one segment of a log after a crash or a bad disk (WAL-3, WAL-4)."""

from flk.model.effects import Program, ReadSegment, Salvage, Truncate
from flk.model.log.frames import Scan, scan


def repair(log: str, name: str) -> Program[Scan]:
    """What the segment said. A torn tail is cut off; where more is wrong, what is valid is salvaged."""
    found = scan((yield from ReadSegment(name)))
    if found.damage or found.head is None:
        yield from Salvage(log, name, found.frames)
    elif found.torn:
        yield from Truncate(name, found.end)
    return found
