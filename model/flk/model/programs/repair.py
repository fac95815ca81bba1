"""Mending a log after a crash or a bad disk (WAL-3, WAL-4), and finding what of it is gone (WAL-8, WAL-9)."""

from collections.abc import Collection, Sequence

import msgspec

from flk.model.effects import (
    GetObject,
    Inspect,
    ListObjects,
    Program,
    ReadSegment,
    Restore,
    Salvage,
    Truncate,
)
from flk.model.log.frames import (
    CorruptSegment,
    Damage,
    Frame,
    Scan,
    is_as_long_as_a_frame,
    salt_of,
    scan,
    sealed_digest,
    sealed_frames,
    sequence_of,
)
from flk.model.log.hlc import Timestamp
from flk.model.log.manifest import Gap, Inventory, believed, gaps, noted_salt, said_in, was_sealed
from flk.model.refusal import Refused, Unavailable
from flk.spec.constants import CONSTANTS

PREFIX = CONSTANTS.replication.object_prefix


class Incomplete(Unavailable):
    """Segments of the node's own log lack frames, and neither an object nor the operator makes up for it (WAL-9): 503."""

    def __init__(self, missing: Sequence[Gap]) -> None:
        first, *more = missing
        others = f" (and {len(more)} more)" if more else ""
        super().__init__(
            "WAL-9",
            f"{first.name} {first.what}{others}; fix: put it back, or give up what it held: --accept-loss {first.name}",
            retry_after=CONSTANTS.node.unavailable_retry_after_seconds,
        )
        self.gaps = tuple(missing)


class Repair(msgspec.Struct, frozen=True):
    """What was wrong with a segment: bytes at its end that hold no valid frame, corrupt ranges inside it.

    Such a tail is what a write cut short leaves, or a frame that rotted. `doubtful`: it is as long as the frame it begins with,
    or the segment was sealed.
    So many frames were `disbelieved`: they stand behind damage, with timestamps that the segment cannot hold (WAL-8).
    """

    name: str
    torn: int
    damage: tuple[Damage, ...]
    doubtful: bool = False
    disbelieved: int = 0


class Reading(msgspec.Struct, frozen=True):
    """What a segment says, which of its frames are believed, and whether the manifest knows it as sealed, if it is not sound."""

    found: Scan
    frames: tuple[Frame, ...]
    was_sealed: bool = False

    @property
    def clock(self) -> Timestamp:
        """The latest timestamp that is believed, that of the head included."""
        if not self.found.damage:
            return self.found.clock
        return max((frame.timestamp for frame in self.frames), default=self.found.begun)


def is_sound(found: Scan) -> bool:
    """Whether a segment needs no repair.

    >>> is_sound(scan(b"a write cut short"))
    False
    """
    return found.head is not None and not found.torn and not found.damage


def read(log: str, name: str) -> Program[Reading]:
    """Read a segment. Of one that is damaged the manifest knows the salt, and what stands next to it in the log says which of its
    frames are believed (WAL-8).
    """
    content = yield from ReadSegment(name)
    found = scan(content)
    if is_sound(found):
        return Reading(found, found.frames)
    inventory = yield from Inspect(log)
    found = scan(content, noted_salt(inventory, name))
    return Reading(found, _as_noted(believed(found, name, inventory), name, inventory), was_sealed(inventory, name))


def _as_noted(frames: tuple[Frame, ...], name: str, inventory: Inventory) -> tuple[Frame, ...]:
    """Frames of a segment whose policy frame may be lost: what it stated the manifest knows (POL-9)."""
    if all(note.sequence != sequence_of(name) for note in inventory.notes):
        return frames
    stated = said_in(inventory.notes, sequence_of(name))
    return tuple(frame._replace(stated=stated) for frame in frames)


def make_whole(log: str, applied: str, inventory: Inventory) -> Program[tuple[Inventory, tuple[Gap, ...]]]:
    """Fill the gaps of a log whose store has applied all up to the segment `applied` (WAL-9) with what the object store has, and
    say which there were. Of one that is not `restored` the operator accepts the loss, and `repair` gives it up. `inventory`: what
    the log has now.

    Raises Incomplete if he does not.
    """
    found = gaps(inventory, applied)
    if not found:
        return inventory, ()
    filled: list[Gap] = []
    for gap in found:
        filled.append(gap._replace(restored=(yield from _restore(log, gap.name, inventory))))  # noqa: PERF401  (a comprehension cannot yield)
    if missing := [gap for gap in filled if not gap.restored and gap.name not in inventory.accepted]:
        raise Incomplete(missing)
    return (yield from Inspect(log)), tuple(filled)


def repair(log: str, names: Collection[str], lost: Collection[str] = ()) -> Program[tuple[Repair, ...]]:
    """Mend segments of a log that are not sound, and say in their order what was wrong with each. Of segments that are `lost`
    what is left is salvaged.

    The last comes first: what is salvaged is appended to the log, and nothing may come behind a torn tail. So a log is read, and
    then repaired: the clock that begins new segments goes on from all of it.
    """
    repairs = []
    for name in sorted({*names, *lost}, reverse=True):
        if name in lost:
            yield from Salvage(log, name, (yield from _left(log, name)))
            continue
        content = yield from ReadSegment(name)
        reading = yield from read(log, name)
        found = reading.found
        yield from _mend(log, name, reading)
        if found.torn or found.damage:  # a segment may also have no head yet
            tail = content[found.end : found.end + found.torn]
            doubtful = reading.was_sealed or is_as_long_as_a_frame(tail, found.salt)
            disbelieved = len(found.frames) - len(reading.frames)
            repairs.append(Repair(name, found.torn, found.damage, doubtful, disbelieved))
    return tuple(reversed(repairs))


def _mend(log: str, name: str, reading: Reading) -> Program[None]:
    """A torn tail is cut off; where more is wrong, what is valid is salvaged. What was sealed ends in no torn write: its end
    rotted, and an object may hold it as it was.
    """
    if reading.found.damage or reading.found.head is None or reading.was_sealed:
        yield from Salvage(log, name, reading.frames)
    else:
        yield from Truncate(name, reading.found.end)


def _left(log: str, name: str) -> Program[tuple[Frame, ...]]:
    """The frames that are left of a segment: none if it is missing, or if another stands in its place."""
    there = (yield from Inspect(log)).there
    found = next((glance for glance in there if glance.name == name), None)
    if found is None or (found.head is not None and found.head.name != name):
        return ()
    return (yield from read(log, name)).frames


def _restore(log: str, name: str, inventory: Inventory) -> Program[bool]:
    """Put a segment back as it was shipped, if an object holds it as it was sealed; whether one did."""
    digests = {note.digest for note in inventory.notes if note.digest and note.sequence == sequence_of(name)}
    try:
        if PREFIX + name not in (yield from ListObjects(PREFIX + name, after="")):
            return False
        content = yield from GetObject(PREFIX + name)
        if content is None:
            return False
        sealed_frames(name, content)
    except (Refused, CorruptSegment):
        return False
    if digests and sealed_digest(content, salt_of(content)) not in digests:
        return False
    yield from Restore(log, name, content)
    return True
