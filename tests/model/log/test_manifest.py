"""The manifest of a log: what is gone is named, what is there is not, and frames behind damage are believed only where they fit."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flk.model.effects import INBOX
from flk.model.log.frames import Frame, data, scan, seal
from flk.model.log.hlc import LAST, ZERO, Timestamp, at
from flk.model.log.manifest import (
    Note,
    altered,
    believed,
    compacted,
    forgotten,
    forgotten_beginning,
    gaps,
    glance,
    line,
    noted_salt,
    read,
    said_at,
    was_sealed,
    withdrawn,
)
from flk.model.memory.parts import Disk

NOW = at(1_767_225_600.0)
_SEAL = len(seal(b"", bytes(8)))
notes = st.builds(
    Note,
    sequence=st.integers(1, 10**12 - 1),
    salt=st.binary(min_size=8, max_size=8).map(bytes.hex),
    size=st.integers(0, 2**40),
    frames=st.integers(0, 2**30),
    digest=st.binary(max_size=32).map(bytes.hex),
)


def disk_of(frames: list[int], *, opened: bool = True) -> Disk:
    """A disk with a segment of so many frames for each number, the last of them open or not."""
    disk, clock = Disk("eu"), NOW
    for number, size in enumerate(frames, start=1):
        for _ in range(size):
            clock = Timestamp(clock + 1)
            disk.append(INBOX, Frame(clock, b"logged at %d" % clock), clock)
        if number < len(frames) or not opened:
            disk.seal(INBOX)
    return disk


@given(st.lists(notes, max_size=5), st.data())
def test_a_manifest_says_what_was_noted_and_tells_of_every_spoilt_line(
    some: list[Note], chooser: st.DataObject
) -> None:
    """Whole; with any byte changed, one line is missed and the others stand; cut anywhere, the lines before the cut stand."""
    content = b"".join(map(line, some))
    assert read(content) == (tuple(some), 0)
    if content:
        place = chooser.draw(st.integers(0, len(content) - 1))
        changed = bytearray(content)
        changed[place] ^= 1 << chooser.draw(st.integers(0, 7))
        found = read(bytes(changed))
        assert set(found.notes) <= set(some)
        assert len(found.notes) >= len(some) - 2  # a newline that is changed takes two lines
        assert found.spoilt or changed[-1:] != b"\n"
        assert read(content[:place]).notes == tuple(some[: content[:place].count(b"\n")])


sizes = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@given(sizes, st.booleans())
def test_a_whole_log_has_no_gap(frames: list[int], opened: bool) -> None:
    """Nor has one with a torn tail, or with damage that leaves its length: that is for those to tell who read it."""
    disk = disk_of(frames, opened=opened)
    inventory = disk.inspect(INBOX, NOW)
    last = disk.names(INBOX)[-1]
    assert not gaps(inventory, last)
    assert not altered(inventory)
    assert not forgotten(inventory)
    if opened:
        disk.segments[last] += b"a write cut short"
        assert gaps(disk.inspect(INBOX, NOW), last) == ()
    disk.segments[disk.names(INBOX)[0]][60] ^= 1
    assert gaps(disk.inspect(INBOX, NOW), last) == ()


@given(sizes, st.booleans(), st.data())
def test_every_gap_is_named(
    frames: list[int],
    opened: bool,
    chooser: st.DataObject,
) -> None:
    """Any segment, the last one too, is missing, is another, or ends anywhere before its seal or where it was durable (WAL-9)."""
    disk = disk_of(frames, opened=opened)
    names = disk.names(INBOX)
    name = chooser.draw(st.sampled_from(names))
    match chooser.draw(st.sampled_from(["lost", "copied", "cut", "cut and zeros"])):
        case "lost":
            disk.lose(name)
        case "copied":
            other = chooser.draw(st.sampled_from([*set(names) - {name}, None]))
            twin = Disk("us")
            twin.append(INBOX, Frame(NOW, b"another log"), NOW)
            twin.seal(INBOX)
            disk.segments[name][:] = disk.segments[other] if other else twin.segments[twin.names(INBOX)[0]]
        case cut:
            whole = scan(bytes(disk.segments[name]))
            last = whole.end - (_SEAL if whole.sealed else 1)
            size = chooser.draw(st.integers(len(disk.segments[name]) // 2, last) | st.just(last))
            disk.segments[name][size:] = bytes(99) if cut == "cut and zeros" else b""
    (gap,) = gaps(disk.inspect(INBOX, NOW), "")
    assert (gap.name, gap.restored) == (name, False)


@given(sizes, st.data())
def test_of_a_segment_that_is_missing_it_is_told_what_it_had(frames: list[int], chooser: st.DataObject) -> None:
    """Of a sealed one how many frames in how many bytes: so much is to be found elsewhere, and no less (WAL-9)."""
    disk = disk_of(frames, opened=False)
    names = disk.names(INBOX)
    place = chooser.draw(st.integers(0, len(names) - 1))
    size = len(disk.segments[names[place]])
    disk.lose(names[place])
    (gap,) = gaps(disk.inspect(INBOX, NOW), "")
    assert gap.what == f"is missing, with {frames[place]} frames in {size} bytes"


@given(frames=sizes, lost=st.integers(1, _SEAL - 1), zeroed=st.booleans())
def test_a_seal_that_is_lost_in_part_is_no_gap(frames: list[int], lost: int, *, zeroed: bool) -> None:
    """No frame is gone with it: who reads the segment tells that its end is damaged, and salvages it (WAL-4)."""
    disk = disk_of(frames, opened=False)
    for name in disk.names(INBOX):
        content = disk.segments[name]
        assume(content[-lost - 1])  # zeros before the cut could belong to what is laid ahead
        content[-lost:] = bytes(lost) if zeroed else b""
        inventory = disk.inspect(INBOX, NOW)
        assert gaps(inventory, name) == ()
        assert name in altered(inventory)


@given(sizes, st.data())
def test_damage_to_both_ends_of_a_sealed_segment_is_no_gap(frames: list[int], chooser: st.DataObject) -> None:
    """Its opening or its seal rots: it is as long as it was, and who reads it tells what is wrong (WAL-4)."""
    disk = disk_of(frames, opened=False)
    name = chooser.draw(st.sampled_from(disk.names(INBOX)))
    place = chooser.draw(st.integers(0, 19) | st.integers(-30, -1))
    disk.segments[name][place] ^= 1 << chooser.draw(st.integers(0, 7))
    assert gaps(disk.inspect(INBOX, NOW), name) == ()


@given(sizes, st.integers(0, 19), st.data())
def test_another_segment_in_the_place_of_one_is_a_gap_whatever_is_left_of_its_opening(
    frames: list[int], flipped: int, chooser: st.DataObject
) -> None:
    """It is as long, and its seal says that it is another: what was sealed there is gone, and is looked for elsewhere (WAL-9)."""
    disk, twin = disk_of(frames, opened=False), Disk("us")
    place = chooser.draw(st.integers(0, len(frames) - 1))
    for number in range(frames[place]):
        clock = Timestamp(NOW + 1 + sum(frames[:place]) + number)
        twin.append(INBOX, Frame(clock, b"LOGGED at %d" % clock), clock)
    twin.seal(INBOX)
    name = disk.names(INBOX)[place]
    sealed = len(disk.segments[name])
    salt = disk.inspect(INBOX, NOW).notes[place].salt
    other = twin.segments[twin.names(INBOX)[0]]
    assume(len(other) == sealed)
    disk.segments[name][:] = other
    disk.segments[name][flipped] ^= 1 << chooser.draw(st.integers(0, 7))
    seen = glance(name, bytes(disk.segments[name]), bytes.fromhex(salt))
    assume(seen.digest)  # a salt that is spoilt spoils what the seal says
    assert [gap.name for gap in gaps(disk.inspect(INBOX, NOW), "")] == [name]


@given(sizes, st.booleans())
def test_the_manifest_knows_what_was_sealed(frames: list[int], opened: bool) -> None:
    """All but the open segment, and nothing that never was (WAL-9)."""
    disk = disk_of(frames, opened=opened)
    inventory, names = disk.inspect(INBOX, NOW), disk.names(INBOX)
    assert [was_sealed(inventory, name) for name in names] == [True] * (len(names) - 1) + [not opened]
    assert not was_sealed(inventory, f"{disk.log(INBOX)}/{len(names) + 1:012d}")


@given(st.integers(2, 6), st.data())
def test_a_beginning_that_nobody_removed_and_nobody_knows_is_forgotten(count: int, chooser: st.DataObject) -> None:
    """Segments up to some are removed on purpose, and the next ones are gone with their notes (WAL-9, RET-4)."""
    disk = disk_of([1] * count)
    whole = disk.inspect(INBOX, NOW)
    removed = chooser.draw(st.integers(0, count - 1))
    first = chooser.draw(st.integers(removed + 1, count))
    known = chooser.draw(st.integers(first, count) | st.integers(removed + 1, count))
    notes = compacted(whole.notes, removed) if removed else whole.notes
    left = tuple(note for note in notes if note.removed or note.sequence >= known)
    there = tuple(glance for glance in whole.there if int(glance.name[-12:]) >= first)
    inventory = whole._replace(there=there, notes=left)
    missing = range(removed + 1, first)
    forgot = bool(missing) and not any(note.sequence in missing for note in left)
    assert forgotten_beginning(inventory) == (first - 1 if forgot else 0)
    assert forgotten_beginning(inventory._replace(there=())) == 0


def test_what_is_cut_off_an_open_segment_is_not_missed() -> None:
    """Of one that is open, and of which more is noted than is left of it (WAL-3); the latest note counts."""
    open_one, sealed_one = Note(1, salt="5a", size=90, frames=3), Note(1, salt="5a", size=90, digest="d")
    assert withdrawn((open_one, Note(2)), 1, 70) == (Note(1, salt="5a", size=70),)
    assert withdrawn((open_one, open_one), 1, 90) == ()
    assert withdrawn((Note(1, size=60), Note(2)), 1, 70) == ()
    assert withdrawn((open_one, sealed_one), 1, 70) == ()
    assert withdrawn((open_one, Note(1, size=60)), 1, 70) == ()
    assert withdrawn((), 1, 70) == ()


def test_the_store_knows_of_segments_that_log_and_manifest_lost() -> None:
    """Both are as they were a while ago, as from a backup: what the store has applied tells (WAL-9)."""
    disk = disk_of([2, 2])
    found = gaps(disk.inspect(INBOX, NOW), f"{disk.log(INBOX)}/000000000004")
    assert [gap.name[-2:] for gap in found] == ["03", "04"]
    assert gaps(disk.inspect(INBOX, NOW), "eu.000009/000000000004") == ()


def test_a_frame_goes_by_what_was_stated_before_it() -> None:
    """A change is stated since the last timestamp that was given: the frame that has that was judged before (POL-9)."""
    notes = [Note(1), Note(2, stated="one", since=Timestamp(20)), Note(3, stated="two", since=Timestamp(30))]
    assert [said_at(notes, Timestamp(time)).text for time in (20, 21, 30, 31)] == [b"", b"one", b"one", b"two"]


def test_a_manifest_that_lost_a_segment_is_told() -> None:
    """Its note is written before its first frame: a segment with frames and no note shows that lines are gone."""
    disk = disk_of([2, 2])
    inventory = disk.inspect(INBOX, NOW)
    kept = tuple(note for note in inventory.notes if note.sequence != 2)
    assert forgotten(inventory._replace(notes=kept)) == (disk.names(INBOX)[1],)
    assert forgotten(inventory._replace(notes=())) == disk.names(INBOX)
    assert noted_salt(inventory._replace(notes=kept), disk.names(INBOX)[1]) is None
    assert noted_salt(inventory, disk.names(INBOX)[1]) == disk.salt(disk.names(INBOX)[1])


@given(st.integers(0, LAST), st.sampled_from([1, 2]), st.booleans(), st.booleans())
def test_a_frame_behind_damage_is_believed_only_within_what_its_segment_can_hold(
    stamp: int,
    segment: int,
    near: bool,
    noted: bool,
) -> None:
    """Not before the log's beginning; not after what was noted of it, else after the next segment's beginning, or in the last one
    far ahead of wall time (WAL-8).
    """
    disk = disk_of([2, 2])
    minute = 60_000 << 16
    stamp = NOW + stamp % (4 * minute) - 2 * minute if near else stamp
    name = disk.names(INBOX)[segment - 1]
    content = bytes(disk.segments[name])
    forged = Frame(Timestamp(stamp), b"forged")
    found = scan(content[:-3] + b"???" + data(forged, disk.salt(name)), disk.salt(name))
    inventory = disk.inspect(INBOX, NOW)
    if not noted:
        inventory = inventory._replace(notes=())
    begun = [seen.begun for seen in inventory.there]
    assert begun == [NOW + 1, NOW + 3]
    assert found.damage
    fits = begun[0] - minute <= stamp <= (NOW + 4 + minute if segment == 2 else NOW + 2 if noted else begun[1])
    assert (forged in believed(found, name, inventory)) is fits


@pytest.mark.parametrize("source", ["wall", "mark", "frames"])
def test_in_the_last_segment_whatever_is_latest_bounds_a_frame_behind_damage(source: str) -> None:
    """Wall time, what was noted, or what is believed: no frame is further ahead than a minute (WAL-8)."""
    minute, hour = 60_000 << 16, 3_600_000 << 16
    disk = disk_of([2])
    (name,) = disk.names(INBOX)
    late = Timestamp(NOW + hour)
    content = bytes(disk.segments[name])[:-3]
    if source == "frames":
        content = bytes(disk.segments[name]) + data(Frame(late, b"late"), disk.salt(name))
    inventory = disk.inspect(INBOX, late if source == "wall" else NOW)._replace(
        notes=(), mark=Note(1, clock=late if source == "mark" else Timestamp(NOW + 1))
    )
    for stamp, fits in ((late + minute, True), (late + minute + 1, False)):
        forged = Frame(Timestamp(stamp), b"behind")
        found = scan(content + b"???" + data(forged, disk.salt(name)), disk.salt(name))
        assert found.damage
        assert (forged in believed(found, name, inventory)) is fits


@given(st.integers(1, 4))
def test_a_segment_that_lost_its_opening_is_believed_though_wall_time_fell_back(frames: int) -> None:
    """It was sealed under a clock far ahead of wall time, and the manifest knows that: all its frames are saved (WAL-4, WAL-8)."""
    disk = disk_of([1, frames], opened=False)
    name = disk.names(INBOX)[1]
    disk.segments[name][30] ^= 1
    found = scan(bytes(disk.segments[name]), disk.salt(name))
    assert found.chained == 0
    assert believed(found, name, disk.inspect(INBOX, ZERO)) == found.frames
    assert len(found.frames) == frames


@given(st.integers(1, 4))
def test_what_stands_in_a_row_from_the_opening_is_believed_however_far_its_clock_is_ahead(frames: int) -> None:
    """A node must believe its own log (HLC-4): only what a search has found is measured."""
    disk = disk_of([frames])
    (name,) = disk.names(INBOX)
    found = scan(bytes(disk.segments[name]))
    assert believed(found, name, disk.inspect(INBOX, ZERO)) == found.frames


def test_a_look_at_a_segment_knows_whose_it_is_and_how_it_ends() -> None:
    """Sealed or open, and up to the last byte that is not a zero laid ahead."""
    disk = disk_of([2, 1])
    first, second = disk.names(INBOX)
    sealed = glance(first, bytes(disk.segments[first]), disk.salt(first))
    opened = glance(second, bytes(disk.segments[second]) + bytes(100), disk.salt(second))
    assert (sealed.size, bool(sealed.digest), sealed.head and sealed.head.name) == (
        len(disk.segments[first]),
        True,
        first,
    )
    assert (opened.size, opened.digest, opened.frames) == (len(disk.segments[second]), "", 1)
    beheaded = bytes(30) + bytes(disk.segments[first][30:])
    assert glance(first, beheaded, disk.salt(first)).digest == sealed.digest
    assert glance(second, bytes(disk.segments[first]), disk.salt(second)).digest == sealed.digest
