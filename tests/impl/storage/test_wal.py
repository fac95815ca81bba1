"""The log on files: the memory disk's twin, whole after any crash, honest about damage, and never shared."""

import errno
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flk.impl.storage.segment_file import LogFailed
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX, OUTBOX
from flk.model.log.frames import MAGIC, OVERHEAD, SALT_BYTES, Frame, scan, seal, sealed_frames
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.log.manifest import Note, line, noted_clock
from flk.model.memory.parts import Disk
from flk.model.refusal import Unavailable
from flk.spec.errors import UnusableInput

GROWTH = 4096
SEAL_BYTES = len(seal(b"", bytes(SALT_BYTES)))
APPEND, SEAL, SALVAGE, TRUNCATE = "append", "seal", "salvage", "truncate"
logs = st.sampled_from([INBOX, OUTBOX])
payloads = st.lists(st.binary(max_size=40), max_size=4)
operations = st.lists(
    st.tuples(st.sampled_from([APPEND, APPEND, SEAL, SALVAGE, TRUNCATE]), logs, payloads, st.integers(0, 99)),
    max_size=15,
)


def frame(number: int, payload: bytes = b"") -> Frame:
    """A numbered frame."""
    return Frame(Timestamp(number), payload or b"frame %d" % number)


def new_disk(directory: Path, **options: object) -> FileDisk:
    """A disk of region eu that lays little ahead."""
    return FileDisk(directory, "eu", **{"growth": GROWTH, **options})  # type: ignore[arg-type]  # the tests' own


def contents(disk: FileDisk) -> list[Frame]:
    """The inbox, read as recovery reads it."""
    return [found for name in disk.names(INBOX) for found in scan(disk.read(name)).frames]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(operations)
@example([(APPEND, INBOX, [b"a"], 0), (SALVAGE, INBOX, [b"b"], 0), (SEAL, INBOX, [], 0), (TRUNCATE, INBOX, [], 0)])
def test_files_hold_what_the_memory_disk_holds(script: Sequence[tuple[str, str, list[bytes], int]]) -> None:
    """Whatever is appended, sealed, salvaged and cut: the same segments, byte for byte, but for the zeros laid ahead."""
    with tempfile.TemporaryDirectory() as directory:
        memory = Disk("eu")
        disk = new_disk(Path(directory), salt=memory.salt)
        for clock, (operation, log, values, choice) in enumerate(script, start=1):
            names = memory.names(log)
            frames = [frame(clock, value) for value in values]
            if operation == APPEND and frames:
                disk.append_many(log, frames, Timestamp(clock))
                for each in frames:
                    memory.append(log, each, Timestamp(clock))
            elif operation == SEAL:
                disk.seal(log)
                memory.seal(log)
            elif names and operation == SALVAGE and names[choice % len(names)] in memory.names(log, sealed=True):
                disk.salvage(log, names[choice % len(names)], tuple(frames), Timestamp(clock))
                memory.salvage(log, names[choice % len(names)], tuple(frames), Timestamp(clock))
            elif names and operation == TRUNCATE and names[-1] in memory.names(log, sealed=True):
                size = scan(bytes(memory.segments[names[-1]])).end - SEAL_BYTES
                disk.truncate(names[-1], size)
                memory.truncate(names[-1], size)
                disk.seal(log)
                memory.seal(log)
        for log in (INBOX, OUTBOX):
            assert disk.names(log) == memory.names(log)
            assert disk.names(log, sealed=True) == memory.names(log, sealed=True)
            for name in disk.names(log):
                assert disk.read(name).rstrip(b"\0") == bytes(memory.segments[name]).rstrip(b"\0")
        disk.close()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.binary(max_size=200), min_size=1, max_size=5), min_size=1, max_size=6), st.integers(64, 600)
)
def test_frames_come_back_in_order_across_segments_and_restarts(batches: list[list[bytes]], limit: int) -> None:
    """Any batches, segments of any size, a new process after each batch: the log reads as it was written, and seals whole."""
    with tempfile.TemporaryDirectory() as directory:
        written: list[Frame] = []
        for batch in batches:
            disk = new_disk(Path(directory), max_segment_bytes=limit)
            for payload in batch:
                written.append(frame(len(written), payload))
                disk.append(INBOX, written[-1], written[-1].timestamp)
            disk.close()
        disk = new_disk(Path(directory))
        assert contents(disk) == written
        disk.seal(INBOX)
        assert disk.names(INBOX, sealed=True) == disk.names(INBOX)
        assert [found for name in disk.names(INBOX) for found in sealed_frames(name, disk.read(name))] == written
        disk.close()


def test_a_file_cut_at_any_byte_keeps_exactly_the_frames_that_fit(tmp_path: Path) -> None:
    """Every offset of a real segment, sealed at its end: what is whole survives, the rest is reported as torn."""
    disk = new_disk(tmp_path, growth=0)
    ends = []
    for number in range(6):
        disk.append(INBOX, frame(number), Timestamp(number))
        ends.append(disk.path(disk.names(INBOX)[0]).stat().st_size)
    disk.seal(INBOX)
    (name,) = disk.names(INBOX)
    whole = disk.read(name)
    head = scan(whole[: ends[0]]).end - len(frame(0).payload) - OVERHEAD
    disk.close()
    for size in range(len(whole) + 1):
        (tmp_path / f"{name}.wal").write_bytes(whole[:size])
        again = new_disk(tmp_path)
        found = scan(again.read(name))
        assert found.frames == tuple(frame(number) for number, end in enumerate(ends) if end <= size)
        assert again.names(INBOX, sealed=True) == ((name,) if size == len(whole) else ())
        assert found.end == max((end for end in (len(MAGIC), head, *ends, len(whole)) if end <= size), default=0)
        assert found.torn == len(whole[found.end : size].rstrip(b"\0"))
        again.close()


def test_space_laid_ahead_is_zeros_and_goes_when_the_segment_is_sealed(tmp_path: Path) -> None:
    """So that the usual append adds no block to the file; a reader sees no damage in it."""
    disk = new_disk(tmp_path)
    disk.append(INBOX, frame(1), Timestamp(1))
    path = disk.path(disk.names(INBOX)[0])
    size = path.stat().st_size
    for number in range(2, 60):
        disk.append(INBOX, frame(number), Timestamp(number))
    assert path.stat().st_size == size > GROWTH
    assert (scan(path.read_bytes()).torn, scan(path.read_bytes()).damage) == (0, ())
    disk.seal(INBOX)
    assert path.stat().st_size == scan(path.read_bytes()).end < size
    disk.close()


def test_one_synchronisation_makes_a_whole_batch_durable(tmp_path: Path) -> None:
    """However many frames there are in it (WAL-7)."""
    calls: list[int] = []
    disk = new_disk(tmp_path, synchronise=calls.append)
    disk.append(INBOX, frame(0), Timestamp(0))
    calls.clear()
    disk.append_many(INBOX, [frame(number) for number in range(1, 50)], Timestamp(50))
    assert len(calls) == 1
    assert len(contents(disk)) == 50
    disk.close()


def test_a_full_segment_takes_no_more_frames(tmp_path: Path) -> None:
    """The next append opens another; both are sealed when the time comes (WAL-2)."""
    disk = new_disk(tmp_path, max_segment_bytes=200)
    while not disk.is_full(INBOX):
        disk.append(INBOX, frame(1), Timestamp(1))
    disk.append(INBOX, frame(2), Timestamp(2))
    first, second = disk.names(INBOX)
    assert scan(disk.read(second)).frames == (frame(2),)
    assert disk.names(INBOX, sealed=True) == ()
    disk.seal(INBOX)
    assert disk.names(INBOX, sealed=True) == (first, second)
    disk.close()


def failing(*errors: OSError | None) -> Callable[[int], None]:
    """A synchronisation that fails or succeeds, call by call, as told."""
    script = iter(errors)

    def synchronise(fd: int) -> None:
        if (error := next(script)) is not None:
            raise error
        os.fdatasync(fd)

    return synchronise


def test_a_failed_synchronisation_is_final(tmp_path: Path) -> None:
    """It is an error of its own kind, not a refusal to be tried again (WAL-7)."""
    disk = new_disk(tmp_path, synchronise=failing(None, None, OSError(errno.EIO, "bad disk")))
    disk.append(INBOX, frame(1), Timestamp(1))
    with pytest.raises(LogFailed, match="bad disk"):
        disk.append(INBOX, frame(2), Timestamp(2))
    disk.close()


def test_a_full_disk_refuses_the_frame_and_takes_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been written then, so nothing is lost and the log goes on when there is room."""

    def no_room(*_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    disk = new_disk(tmp_path, growth=0)
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", no_room)
        with pytest.raises(Unavailable, match="no space left"):
            disk.append(INBOX, frame(1), Timestamp(1))
    disk.append(INBOX, frame(2), Timestamp(2))
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", no_room)
        with pytest.raises(Unavailable, match="no space left"):
            disk.append(INBOX, frame(3), Timestamp(3))
    disk.append(INBOX, frame(4), Timestamp(4))
    assert contents(disk) == [frame(2), frame(4)]
    disk.close()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_in_the_middle_is_found_and_the_rest_is_salvaged(data: st.DataObject) -> None:
    """One changed byte of a frame in a segment: its offset is within the reported range, every other frame is in the log again,
    with its timestamp, and the damaged bytes are kept.
    """
    with tempfile.TemporaryDirectory() as directory:
        disk = new_disk(Path(directory))
        for number in range(8):
            disk.append(INBOX, frame(number), Timestamp(number))
        disk.seal(INBOX)
        (name,) = disk.names(INBOX)
        content = bytearray(disk.read(name))
        begin = content.index(frame(0).payload) - OVERHEAD
        offset = data.draw(st.integers(begin, len(content) - SEAL_BYTES - 1))
        content[offset] ^= data.draw(st.integers(1, 255))
        disk.path(name).write_bytes(content)
        found = scan(disk.read(name))
        assert any(damage.offset <= offset < damage.offset + damage.length for damage in found.damage)
        disk.salvage(INBOX, name, found.frames, Timestamp(9))
        assert contents(disk) == [frame(number) for number in range(8) if frame(number) in found.frames]
        assert len(found.frames) >= 7
        assert sealed_frames(name, disk.read(name)) == ()
        assert disk.path(name).with_suffix(".damaged").read_bytes() == bytes(content)
        disk.close()


def test_a_crash_during_salvage_shows_frames_twice_and_never_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The valid frames are in the log before the damaged file leaves it."""
    disk = new_disk(tmp_path)
    disk.append_many(INBOX, [frame(1), frame(2)], Timestamp(2))
    disk.seal(INBOX)
    (name,) = disk.names(INBOX)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        crashing.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            disk.salvage(INBOX, name, (frame(1), frame(2)), Timestamp(3))
    disk.close()
    disk = new_disk(tmp_path)
    assert contents(disk) == [frame(1), frame(2)] * 2
    disk.salvage(INBOX, name, (frame(1), frame(2)), Timestamp(4))
    assert contents(disk) == [frame(1), frame(2)] * 2
    assert disk.path(name).with_suffix(".damaged2").exists()
    disk.close()


def test_a_directory_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    """The second is told so; it may have it when the first is done."""
    disk = new_disk(tmp_path)
    with pytest.raises(UnusableInput, match="another process uses this directory"):
        new_disk(tmp_path)
    disk.close()
    new_disk(tmp_path).close()


def test_a_directory_keeps_its_identity(tmp_path: Path) -> None:
    """A new one takes what it is given, an old one what it has; another region's is refused, and so is one that says nothing."""
    disk = new_disk(tmp_path, identity=3)
    assert disk.log(INBOX) == "eu.000003"
    disk.close()
    disk = new_disk(tmp_path)
    assert (disk.log(INBOX), disk.log(OUTBOX)) == ("eu.000003", "eu.000003-outbox")
    disk.close()
    with pytest.raises(UnusableInput, match="a disk of region 'eu', not of 'us'"):
        FileDisk(tmp_path, "us")
    (tmp_path / "identity").write_text("eu")
    with pytest.raises(UnusableInput, match="it reads like"):
        new_disk(tmp_path)


def test_there_is_room_while_the_file_system_says_so(tmp_path: Path) -> None:
    """A disk that could not grow by one step is not ready."""
    disk = new_disk(tmp_path)
    assert disk.why_not_growing() == ""
    disk.close()
    disk = new_disk(tmp_path, growth=1 << 60)
    assert "make room" in disk.why_not_growing()
    disk.close()


def test_a_torn_write_of_several_pages_may_lose_any_of_them(tmp_path: Path) -> None:
    """The first page of an unfinished batch missing, a later one written: what precedes is kept, what is valid behind is found."""
    disk = new_disk(tmp_path)
    disk.append(INBOX, frame(1), Timestamp(1))
    name = disk.names(INBOX)[0]
    end = scan(disk.read(name)).end
    disk.append_many(INBOX, [frame(2, b"x" * 900), frame(3, b"y" * 900)], Timestamp(3))
    with disk.path(name).open("r+b") as file:
        file.seek(end)
        file.write(bytes(500))
    found = scan(disk.read(name))
    assert found.frames == (frame(1), frame(3, b"y" * 900))
    assert found.damage[0].offset == end
    disk.close()


def test_the_mark_knows_the_clock_of_a_frame_that_is_damaged(tmp_path: Path) -> None:
    """It is beside the log, and no older than the last commit; a mark of an earlier version says nothing of clocks (HLC-4)."""
    disk = new_disk(tmp_path)
    disk.append(INBOX, frame(7), Timestamp(7))
    disk.append(INBOX, frame(9), Timestamp(9))
    name, *_ = disk.names(INBOX)
    path, end = disk.path(name), len(disk.read(name).rstrip(b"\0"))
    disk.close()
    with path.open("r+b") as file:
        file.seek(end - 1)
        file.write(b"?")
    disk = new_disk(tmp_path)
    assert [found.timestamp for found in contents(disk)] == [7]
    assert noted_clock(disk.inspect(INBOX, ZERO)) == 9
    disk.truncate(name, end - 20)
    assert noted_clock(disk.inspect(INBOX, ZERO)) == 9
    disk.close()
    (tmp_path / "eu.000001" / "mark").write_bytes(line(Note(1, size=end)))
    disk = new_disk(tmp_path)
    assert noted_clock(disk.inspect(INBOX, ZERO)) == 0
    disk.close()


def test_a_segment_that_opens_is_told_with_its_first_timestamp(tmp_path: Path) -> None:
    """Once for each, before anything in it is durable; of the inbox alone."""
    disk, told = new_disk(tmp_path, max_segment_bytes=200), []
    disk.began = lambda name, since: told.append((name, since))
    for number in range(4):
        disk.append_many(INBOX, [frame(10 * number + 1, bytes(60)), frame(10 * number + 2, bytes(60))], Timestamp(99))
        disk.append(OUTBOX, frame(number), Timestamp(99))
    assert told == [(name, 10 * at + 1) for at, name in enumerate(disk.names(INBOX))]
    disk.close()
