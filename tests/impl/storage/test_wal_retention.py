"""Segments on files that are removed on purpose (RET-3, RET-4)."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.impl.data.reading import logs
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX
from flk.model.log.frames import Frame, segment_name
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.log.manifest import compacted, gaps, line, read, removed
from flk.model.memory.parts import Disk
from flk.model.refusal import Unavailable


def new_disk(directory: Path, memory: Disk | None = None) -> FileDisk:
    """A disk of region eu that lays little ahead."""
    return FileDisk(directory, "eu", growth=4096, salt=(memory or Disk("eu")).salt)


def sealed(disk: FileDisk | Disk, segments: int, since: int = 0) -> None:
    """So many segments, of one frame each."""
    for number in range(since + 1, since + segments + 1):
        disk.append(INBOX, Frame(Timestamp(number), b"frame %d" % number), Timestamp(number))
        disk.seal(INBOX)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.booleans()), max_size=6))
def test_the_disks_agree_on_what_is_released(script: list[tuple[int, int, bool]]) -> None:
    """Whatever is appended, released and deleted, and however often the directory is opened: the same segments and notes as in
    memory, no gap, and numbers that go on (RET-3, RET-4).
    """
    with tempfile.TemporaryDirectory() as directory:
        memory, count = Disk("eu"), 0
        for more, last, delete in script:
            disk = new_disk(Path(directory), memory)
            for each in (memory, disk):
                sealed(each, more, count)
            count += more
            names = memory.names(INBOX)
            if names and segment_name("eu.000001", last) < names[-1]:
                left = [each.release(INBOX, segment_name("eu.000001", last)) for each in (memory, disk)]
                assert left[0] == left[1]
                for name in left[0] if delete else ():
                    memory.remove(name)
                    disk.remove(name)
            found = [(each.names(INBOX), each.inspect(INBOX, ZERO)) for each in (memory, disk)]
            assert found[0][0] == found[1][0]
            assert found[0][1].there == found[1][1].there
            assert removed(found[0][1].notes) == removed(found[1][1].notes)
            assert [gaps(inventory, "") for _, inventory in found] == [(), ()]
            disk.close()


def test_a_log_that_was_released_is_opened_without_what_went(tmp_path: Path) -> None:
    """The files are still there, as after a kill: nobody is shown them or reads them, and the next release finds them (RET-4)."""
    disk = new_disk(tmp_path)
    sealed(disk, 4)
    disk.release(INBOX, segment_name("eu.000001", 2))
    disk.close()
    disk = new_disk(tmp_path)
    first, second, *kept = (segment_name("eu.000001", number) for number in (1, 2, 3, 4))
    assert list(disk.names(INBOX)) == kept
    assert disk.noted(INBOX, ZERO).notes[0].clock == 2
    for name in (first, second):
        with pytest.raises(Unavailable):
            disk.read(name)
        with pytest.raises(Unavailable):
            disk.salvage(INBOX, name, (), ZERO)
    with pytest.raises(ValueError, match="not released"):
        disk.remove(kept[0])
    assert [log.segment(path) for log in logs(tmp_path) for path in log.segments] == kept
    assert disk.release(INBOX, first) == (first, second)
    disk.remove(first)
    disk.remove(first)
    assert disk.release(INBOX, second) == (second,)
    disk.close()


def test_the_last_segment_is_not_released(tmp_path: Path) -> None:
    """On files and in memory: the next one takes its number from it (RET-3)."""
    disk = new_disk(tmp_path)
    for each in (disk, Disk("eu")):
        sealed(each, 2)
        with pytest.raises(ValueError, match="stays"):
            each.release(INBOX, segment_name("eu.000001", 2))
        assert len(each.names(INBOX)) == 2
    disk.close()


def test_every_byte_of_a_note_of_what_was_removed_that_is_cut_or_flipped_makes_a_gap() -> None:
    """A note that is not as it was written says nothing: then the first segments are missing, and not removed (RET-4, WAL-9)."""
    disk = Disk("eu")
    sealed(disk, 3)
    disk.release(INBOX, segment_name("eu.000001", 2))
    inventory = disk.inspect(INBOX, ZERO)
    note, *others = inventory.notes
    assert note == compacted(inventory.notes, 1)[0]
    whole, rest = line(note), b"".join(map(line, others))
    assert not gaps(inventory._replace(notes=read(whole + rest).notes), "")
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        for damaged in (bytes(flipped), whole[:place]):
            assert gaps(inventory._replace(notes=read(damaged + rest).notes), "")
