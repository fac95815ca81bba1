"""The disk of the memory runtime: names of segments, their limit, what is closed to further frames, and what may go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.model.effects import INBOX, OUTBOX
from flk.model.log.frames import Frame, scan
from flk.model.log.hlc import Timestamp
from flk.model.memory.parts import Disk, Objects

STEPS = st.lists(st.sampled_from(["inbox", "outbox", "seal inbox", "seal outbox", "close inbox"]), max_size=40)


@given(STEPS, st.integers(1, 12), st.booleans())
def test_names_are_in_order_and_only_those_asked_for(steps: list[str], after: int, sealed: bool) -> None:
    """The names of a log are those of its segments, in text order, after a given one, and all of them or the sealed ones."""
    disk = Disk("eu")
    for number, step in enumerate(steps, 1):
        what, log = step.split() if " " in step else ("append", step)
        if what == "append":
            disk.append(log, Frame(Timestamp(number), b"x"), Timestamp(number))
        else:
            getattr(disk, what)(log)
    for log in (INBOX, OUTBOX):
        mark = f"{disk.log(log)}/{after:012d}"
        own = sorted(name for name in disk.segments if name.startswith(disk.log(log) + "/"))
        whole = {name for name in own if scan(bytes(disk.segments[name])).sealed}
        assert disk.names(log) == tuple(own)
        assert disk.names(log, mark, sealed=sealed) == tuple(
            name for name in own if name > mark and (name in whole or not sealed)
        )


@given(st.integers(1, 2000), st.integers(1, 40))
def test_a_segment_that_has_its_bytes_takes_no_more_frames(limit: int, frames: int) -> None:
    """No segment but the last is below the limit, and none was at the limit before its last frame (WAL-2)."""
    disk = Disk("eu", max_segment_bytes=limit)
    for number in range(1, frames + 1):
        disk.append(INBOX, Frame(Timestamp(number), bytes(100)), Timestamp(number))
        assert disk.is_full(INBOX) == (len(disk.segments[disk.names(INBOX)[-1]]) >= limit)
    sizes = [len(disk.segments[name]) for name in disk.names(INBOX)]
    assert all(size >= limit for size in sizes[:-1])
    found = [scan(bytes(disk.segments[name])) for name in disk.names(INBOX)]
    assert [frame.timestamp for part in found for frame in part.frames] == list(range(1, frames + 1))
    assert all(size - 125 < limit or len(part.frames) == 1 for size, part in zip(sizes, found, strict=True))
    disk.seal(INBOX)
    assert not disk.is_full(INBOX)


def test_a_segment_whose_synchronisation_failed_gets_no_more_frames() -> None:
    """What comes after a failed synchronisation goes into a new segment; the old one can still be sealed (WAL-7)."""
    disk = Disk("eu")
    disk.append(INBOX, Frame(Timestamp(1), b"x"), Timestamp(1))
    disk.close(INBOX)
    disk.append(INBOX, Frame(Timestamp(2), b"y"), Timestamp(2))
    disk.append(INBOX, Frame(Timestamp(3), b"z"), Timestamp(3))
    disk.seal(INBOX)
    found = [scan(bytes(disk.segments[name])) for name in disk.names(INBOX, sealed=True)]
    assert [[frame.timestamp for frame in part.frames] for part in found] == [[1], [2, 3]]


def test_the_last_segment_of_a_log_is_never_removed() -> None:
    """Nor what comes after it; whatever a snapshot covers, the log goes on behind that one (RET-4)."""
    disk = Disk("eu")
    with pytest.raises(ValueError, match="is the last segment of its log"):  # which has none
        disk.release(INBOX, "eu.000001/000000000001")
    for number in range(1, 4):
        disk.append(INBOX, Frame(Timestamp(number), b"x"), Timestamp(number))
        disk.seal(INBOX)
    first, second, last = disk.names(INBOX)
    for name in (last, last[:-1] + "9"):
        with pytest.raises(ValueError, match="is the last segment of its log, which stays"):
            disk.release(INBOX, name)
    assert disk.release(INBOX, second) == (first, second)
    assert disk.names(INBOX) == (last,)


def test_a_damaged_segment_is_kept_aside_and_its_frames_are_appended_again() -> None:
    """In its place is an empty one, sealed; the frames stand behind what the log had (WAL-4)."""
    disk = Disk("eu")
    for number in (1, 2):
        disk.append(INBOX, Frame(Timestamp(number), b"x"), Timestamp(number))
        disk.seal(INBOX)
    damaged = disk.names(INBOX)[0]
    frames = scan(bytes(disk.segments[damaged])).frames
    disk.segments[damaged][-5] ^= 1
    spoilt = bytes(disk.segments[damaged])
    disk.salvage(INBOX, damaged, tuple(frames), Timestamp(3))
    found = [scan(bytes(disk.segments[name])) for name in disk.names(INBOX)]
    assert [[frame.timestamp for frame in part.frames] for part in found] == [[], [2], [1]]
    assert found[0].sealed
    assert disk.damaged == {damaged: spoilt}


def test_an_object_is_created_once() -> None:
    """Who comes second is told, and changes nothing (CRR-9)."""
    objects = Objects()
    assert objects.put("a", b"first")
    assert not objects.put("a", b"second")
    assert objects.objects == {"a": b"first"}
