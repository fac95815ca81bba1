"""The manifest of a log (WAL-9): what its segments were when they were begun and when they were sealed, kept beside them, so that
what is gone is missed. Pure functions over what it says and what is there.

    line = eight hexadecimal digits, the CRC32C of the rest; a space; a note as a JSON object; a newline

A note is written before the first frame of a segment is (with one of the segment before it, if that is full and not sealed yet)
and again when the segment is sealed. Of the open segment a mark of the same form says how far it is durable: it is written after
each commit and not synchronised, so it is never ahead of the log.

Before segments are removed, the manifest is written anew: a note that says up to where, and those of the segments that stay
(RET-4).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec
from google_crc32c import value

from flk.model.log.frames import (
    UNSTATED,
    Frame,
    Head,
    Scan,
    Stated,
    head_of,
    log_of,
    salt_of,
    scan,
    seal_of,
    sealed_digest,
    segment_name,
    sequence_of,
)
from flk.model.log.hlc import COUNTER_BITS, ZERO, Timestamp
from flk.spec.constants import CONSTANTS

_SLACK = int(CONSTANTS.clock.max_ahead_seconds * 1000) << COUNTER_BITS


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A segment: its salt (hexadecimal); once sealed also its bytes, frames (0: not counted), digest (hexadecimal) and latest
    timestamp (0: not known).

    In the mark, and in a note without a digest, `size` is how many bytes of an open segment are durable at least; the mark has the
    latest timestamp, too. One that says
    `removed` speaks of this segment and all before it, which were removed on purpose, and of the latest timestamp in them (RET-4).
    With `stated` the log states something else of policies from this segment on, `since` that timestamp (POL-9).
    """

    sequence: int
    salt: str = ""
    size: int = 0
    frames: int = 0
    digest: str = ""
    clock: Timestamp = ZERO
    removed: bool = False
    stated: str | None = None
    since: Timestamp = ZERO


class Manifest(NamedTuple):
    """The notes of a manifest in their order, and how many of its lines are no notes (WAL-9)."""

    notes: tuple[Note, ...]
    spoilt: int


class Glance(NamedTuple):
    """What a look at both ends of a segment shows: bytes up to the last that is not a zero laid ahead, head, timestamp of the head,
    salt, and the digest that its seal holds (hexadecimal, empty without a seal). `frames` counts those of an open segment.
    """

    name: str
    size: int
    head: Head | None
    begun: Timestamp
    salt: str
    digest: str
    frames: int = 0


class Inventory(NamedTuple):
    """What a log has and should have: its full name, its segments, notes, mark, whose loss is accepted, and wall time now."""

    log: str
    there: tuple[Glance, ...]
    notes: tuple[Note, ...]
    mark: Note | None
    accepted: frozenset[str]
    wall: Timestamp
    spoilt: int = 0


class Gap(NamedTuple):
    """A segment of which frames are gone without a trace in the log itself, and what is known of it; `restored` from an object."""

    name: str
    what: str
    restored: bool = False


def line(note: Note) -> bytes:
    """A note as a manifest holds it.

    >>> read(line(Note(7, salt="00ff"))).notes
    (Note(sequence=7, salt='00ff', size=0, frames=0, digest='', clock=0, removed=False, stated=None, since=0),)
    """
    text = msgspec.json.encode(note)
    return b"%08x %s\n" % (value(text), text)


def read(content: bytes) -> Manifest:
    r"""The notes in a manifest. What follows the last newline is an append cut short, and no line.

    >>> found = read(b"not a note\n" + line(Note(1)) + line(Note(2))[:-1])
    >>> found.notes == (Note(1),), found.spoilt
    (True, 1)
    """
    found = [_note(each) for each in content.split(b"\n")[:-1]]
    return Manifest(tuple(note for note in found if note is not None), found.count(None))


def glance(name: str, content: bytes, salt: bytes) -> Glance:
    """A look at a segment of which all bytes are at hand, and which has this salt."""
    ends = glance_at_ends(name, content, content, len(content), salt)
    if ends.digest:
        return ends
    found = scan(content, salt)
    return ends._replace(size=found.end + found.torn, frames=len(found.frames))


def glance_at_ends(name: str, first: bytes, last: bytes, size: int, salt: bytes) -> Glance:
    """A look at the first and last bytes of a segment of `size` bytes. One that is a copy of another has a salt of its own."""
    head, begun = head_of(first)
    digest = sealed_digest(last, salt_of(first)) or sealed_digest(last, salt)
    return Glance(name, size, head, begun, salt.hex(), digest)


def gaps(inventory: Inventory, applied: str) -> tuple[Gap, ...]:
    """What of a log is gone (WAL-9), if its store has applied all up to the segment `applied`: segments that are missing, that are
    others, or that end before their seal began or before they were durable. What was removed on purpose is no gap (RET-4).
    """
    there = {sequence_of(glance.name): glance for glance in inventory.there}
    known = {*there, *(note.sequence for note in inventory.notes)}
    if log_of(applied) == inventory.log:
        known.add(sequence_of(applied))
    noted = _by_sequence(inventory.notes)
    found = []
    for sequence in range(removed(inventory.notes) + 1, max(known, default=0) + 1):
        notes = noted[sequence]
        glance = there.get(sequence)
        what = _missing(notes, inventory.mark, sequence) if glance is None else _wrong(glance, notes, inventory.mark)
        if what:
            found.append(Gap(segment_name(inventory.log, sequence), what))
    return tuple(found)


def altered(inventory: Inventory) -> tuple[str, ...]:
    """Segments whose ends do not look as they were noted: to be read again, although they were applied."""
    noted = _by_sequence(inventory.notes)
    return tuple(
        glance.name
        for glance in inventory.there
        if (sealed := [note for note in noted[sequence_of(glance.name)] if note.digest])
        and not any(_is(glance, note) for note in sealed)
    )


def forgotten(inventory: Inventory) -> tuple[str, ...]:
    """Segments that must have been noted before their first frame was written, and are not: so the manifest lost lines."""
    noted = _by_sequence(inventory.notes)
    return tuple(
        glance.name
        for glance in inventory.there
        if glance.salt and (glance.digest or glance.frames) and not noted[sequence_of(glance.name)]
    )


def removed(notes: Iterable[Note]) -> int:
    """The last segment of a log that was removed on purpose, and all before it with it; 0 if none was (RET-4)."""
    return max((note.sequence for note in notes if note.removed), default=0)


def compacted(notes: Sequence[Note], last: int) -> tuple[Note, ...]:
    """What a manifest says once the segments up to `last` are removed on purpose (RET-4). What was removed stays so.

    >>> compacted((Note(1, digest="00", clock=Timestamp(5)), Note(2), Note(3)), 2)[0].clock
    5
    """
    last = max(last, removed(notes))
    clock = max((note.clock for note in notes if note.sequence <= last), default=ZERO)
    said = said_in(notes, last)
    kept = said.text.decode() if said.text else None
    gone = Note(last, clock=clock, removed=True, stated=kept, since=said.since)
    return gone, *(note for note in notes if note.sequence > last)


def said_in(notes: Iterable[Note], sequence: int) -> Stated:
    """What a log states of policies in a segment, as far as its manifest knows (POL-9)."""
    said = [note for note in notes if note.stated is not None and note.sequence <= sequence]
    return _said(max(said, key=lambda note: note.sequence, default=None))


def said_at(notes: Iterable[Note], timestamp: Timestamp) -> Stated:
    """What a log states of policies for a frame that it gives a timestamp. Segments of what was salvaged state what was before."""
    said = [note for note in notes if note.stated and note.since < timestamp]
    return _said(max(said, key=lambda note: note.since, default=None))


def saying(notes: Sequence[Note], note: Note, stated: Stated) -> Note:
    """The note of a segment that begins, with what it states where that is something else than in the segment before it."""
    if said_in(notes, note.sequence) == stated:
        return note
    return msgspec.structs.replace(note, stated=stated.text.decode(), since=stated.since)


def _said(note: Note | None) -> Stated:
    return Stated(note.since, note.stated.encode()) if note is not None and note.stated else UNSTATED


def forgotten_beginning(inventory: Inventory) -> int:
    """The last of the segments that a log lacks before the first that it has, if its manifest knows of none of them; else 0.

    A manifest that lost what it said of a removal leaves this behind, and so does one that lost what it said of segments that are
    gone: whether anything is lost, a snapshot tells.
    """
    if not inventory.there:
        return 0
    before = sequence_of(inventory.there[0].name) - 1
    known = removed(inventory.notes)
    return 0 if before <= known or any(known < note.sequence <= before for note in inventory.notes) else before


def aged(inventory: Inventory, last: int, latest: Timestamp) -> int:
    """The last segment, no later than `last`, of which the manifest says that no timestamp in it is after `latest`; 0 if none is.

    Timestamps rise along a log, so no timestamp before it is later, either.
    """
    old = (note.sequence for note in inventory.notes if note.digest and note.clock and note.clock <= latest)
    return max((sequence for sequence in old if sequence <= last), default=0)


def withdrawn(notes: Iterable[Note], sequence: int, size: int) -> tuple[Note, ...]:
    """What to note of a segment that is open, before it is cut to `size` bytes, so that they are not missed: nothing where no more
    was noted.

    >>> withdrawn((Note(1, size=90), Note(2)), 1, 70)
    (Note(sequence=1, salt='', size=70, frames=0, digest='', clock=0, removed=False, stated=None, since=0),)
    """
    latest = [note for note in notes if note.sequence == sequence][-1:]
    return tuple(Note(sequence, salt=note.salt, size=size) for note in latest if not note.digest and note.size > size)


def noted_salt(inventory: Inventory, name: str) -> bytes | None:
    """The salt that the manifest knows of a segment, None if it does not know the segment."""
    notes = [note for note in inventory.notes if note.sequence == sequence_of(name)]
    return bytes.fromhex(notes[-1].salt) if notes else None


def noted_clock(inventory: Inventory) -> Timestamp:
    """The latest timestamp in the segments that the manifest knows as sealed, or that the mark knows of: frames that are damaged
    since do not tell theirs.
    """
    told = inventory.notes if inventory.mark is None else (*inventory.notes, inventory.mark)
    return max((note.clock for note in told), default=ZERO)


def was_sealed(inventory: Inventory, name: str) -> bool:
    """Whether the manifest knows a segment as sealed."""
    return any(note.digest for note in inventory.notes if note.sequence == sequence_of(name))


def clock_is_noted(inventory: Inventory, name: str) -> bool:
    """Whether the manifest knows the latest timestamp in a segment, so that nobody needs to read it for that."""
    return any(note.clock for note in inventory.notes if note.sequence == sequence_of(name))


def believed(found: Scan, name: str, inventory: Inventory) -> tuple[Frame, ...]:
    """The frames of a segment that may have been logged there (WAL-8).

    What stands in one row from the opening on is believed. A frame behind damage is, too, if its timestamp is not before the log's
    beginning and not after the latest that was noted when the segment was sealed; where none was, not after the clock with which
    the next segment began; in the last one, no further ahead of wall time, of what was noted, or of what is believed, than
    `max_ahead_seconds`.
    """
    if found.chained == len(found.frames):
        return found.frames
    chained = found.frames[: found.chained]
    begun = [glance.begun for glance in inventory.there if glance.begun]
    noted = max((note.clock for note in inventory.notes if note.sequence == sequence_of(name)), default=ZERO)
    later = [glance.begun for glance in inventory.there if glance.begun and glance.name > name]
    latest = max(inventory.wall, noted_clock(inventory), found.begun, *(frame.timestamp for frame in chained))
    least = min(begun, default=ZERO) - _SLACK
    most = noted or (later[0] if later else latest + _SLACK)
    return chained + tuple(frame for frame in found.frames[found.chained :] if least <= frame.timestamp <= most)


def _note(text: bytes) -> Note | None:
    checksum, _, rest = text.partition(b" ")
    try:
        return msgspec.json.decode(rest, type=Note) if checksum == b"%08x" % value(rest) else None
    except msgspec.DecodeError:
        return None


def _by_sequence(notes: Iterable[Note]) -> defaultdict[int, list[Note]]:
    found = defaultdict[int, list[Note]](list)
    for note in notes:
        found[note.sequence].append(note)
    return found


def _is(glance: Glance, note: Note) -> bool:
    return (glance.size, glance.digest) == (note.size, note.digest)


def _missing(notes: Iterable[Note], mark: Note | None, sequence: int) -> str:
    sealed = [note for note in notes if note.digest]
    if sealed:
        return f"is missing, {_story(sealed[-1])}"
    if size := _durable(notes, mark, sequence):
        return f"is missing, with {size} bytes at least"
    return "is missing"


def _wrong(glance: Glance, notes: Iterable[Note], mark: Note | None) -> str:
    """Why a segment that is there lacks frames, empty if nothing says so. What is merely damaged shows when it is read."""
    if glance.head is not None and glance.head.name != glance.name:
        return f"is a copy of {glance.head.name}"
    sealed = [note for note in notes if note.digest]
    if any(_is(glance, note) for note in sealed):
        return ""
    for note in reversed(sealed):
        if glance.size <= note.size - len(seal_of(bytes(sha256().digest_size), bytes.fromhex(note.salt))):
            return f"ends after {glance.size} bytes; it was sealed {_story(note)}"
        if glance.digest and glance.size == note.size:
            return f"is not the one that was sealed {_story(note)}"
        return ""
    if not glance.digest and glance.size < (size := _durable(notes, mark, sequence_of(glance.name))):
        return f"ends after {glance.size} bytes; {size} were durable"
    return ""


def _durable(notes: Iterable[Note], mark: Note | None, sequence: int) -> int:
    """How many bytes of an open segment are durable at least: of the last by the mark, of one before it by the latest note."""
    if mark is not None and mark.sequence == sequence:
        return mark.size
    return next((note.size for note in reversed(tuple(notes)) if not note.digest), 0)


def _story(note: Note) -> str:
    return f"with {note.frames} frames in {note.size} bytes" if note.frames else f"with {note.size} bytes"
