"""The outbox on a real disk: what was queued is there again, whatever happened to the process or to the end of the file."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from flk.impl.agent import outbox as module
from flk.impl.agent.outbox import REGION, Outbox
from flk.impl.storage.segment_file import LogFailed
from flk.impl.storage.wal import FileDisk
from flk.model.effects import OUTBOX
from flk.model.flow.outbox import Queued
from flk.model.flow.submission import Submission
from flk.model.log.frames import MAGIC, scan
from flk.model.programs.outbox import discard, queue
from flk.model.runtime import run
from flk.spec.errors import UnusableInput

ITEMS = tuple(Submission("acme", b"%d" % number) for number in range(5))


def fill(outbox: Outbox, items: tuple[Submission, ...] = ITEMS) -> list[Queued]:
    """Queue the items."""
    return [run(queue(item), outbox.perform) for item in items]


def segment(directory: Path) -> Path:
    """The outbox's only segment."""
    (path,) = directory.glob("*/*.wal")
    return path


def test_what_was_queued_is_pending_again(tmp_path: Path) -> None:
    """In order, with the identities it had; a new outbox holds nothing."""
    with Outbox(tmp_path) as outbox:
        assert outbox.pending == ()
        queued = fill(outbox)
    with Outbox(tmp_path) as outbox:
        assert outbox.pending == tuple(queued)


def test_an_outbox_that_is_in_use_is_refused(tmp_path: Path) -> None:
    """Two agents on one log would write over each other."""
    with Outbox(tmp_path), pytest.raises(UnusableInput, match="another process"):
        Outbox(tmp_path)


def test_a_clock_that_went_back_gives_no_identity_twice(tmp_path: Path) -> None:
    """The log's last timestamp counts, whatever wall time says after a restart."""
    with Outbox(tmp_path, now=lambda: 2e9) as outbox:
        before = fill(outbox)
    with Outbox(tmp_path, now=lambda: 1e9) as outbox:
        after = fill(outbox)
    assert min(item.id for item in after) > max(item.id for item in before)
    with Outbox(tmp_path) as outbox:
        assert outbox.pending == (*before, *after)


@pytest.mark.slow
def test_a_torn_tail_costs_the_torn_frame_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the log at every byte: it opens, holds the frames that are whole, and takes new ones."""
    monkeypatch.setattr(module, "FileDisk", partial(FileDisk, growth=4096, synchronise=lambda _: None))
    outbox = Outbox(tmp_path / "whole")
    queued = fill(outbox, ITEMS[:2])
    whole = segment(tmp_path / "whole").read_bytes().rstrip(b"\0")  # not closed: a crash leaves no seal
    for size in range(len(MAGIC), len(whole) + 1):
        directory = tmp_path / str(size)
        FileDisk(directory, REGION).close()
        path = directory / segment(tmp_path / "whole").relative_to(tmp_path / "whole")
        path.parent.mkdir()
        path.write_bytes(whole[:size])
        survivors = len(scan(whole[:size]).frames)
        with Outbox(directory) as cut:
            assert cut.pending == tuple(queued[:survivors])
            again = fill(cut, ITEMS[:1])
        with Outbox(directory) as cut:
            assert cut.pending == (*queued[:survivors], *again)
    outbox.close()


def test_many_threads_append_in_the_order_of_their_timestamps(tmp_path: Path) -> None:
    """Every append is in the log once, and the log is in clock order."""
    with Outbox(tmp_path) as outbox, ThreadPoolExecutor(8) as pool:
        items = list(
            pool.map(lambda number: run(queue(Submission("acme", b"%d" % number)), outbox.perform), range(300))
        )
    frames = scan(segment(tmp_path).read_bytes()).frames
    assert [frame.timestamp for frame in frames] == sorted(item.id for item in items)
    assert {frame.timestamp: frame.payload[1:] for frame in frames} == {
        item.id: item.submission.payload() for item in items
    }


def test_after_a_failed_write_nothing_is_taken_for_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The append that fails, and every later one, raises, even if the disk seems well again."""
    failing = False

    def synchronise(fd: int) -> None:
        if failing:
            raise OSError(5, "Input/output error")
        os.fdatasync(fd)

    monkeypatch.setattr(module, "FileDisk", partial(FileDisk, synchronise=synchronise))
    with Outbox(tmp_path) as outbox:
        queued = fill(outbox)
        failing = True
        with pytest.raises(LogFailed):
            fill(outbox)
        failing = False
        with pytest.raises(LogFailed):
            fill(outbox)
    with Outbox(tmp_path) as outbox:
        assert outbox.pending[: len(queued)] == tuple(queued)


def test_one_synchronisation_serves_all_who_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one append is being written, eight more arrive; they are written together."""
    outbox = Outbox(tmp_path)
    batches: list[int] = []
    written = outbox._disk.append_many

    with ThreadPoolExecutor(9) as pool:

        def append_many(log: str, frames: list[object], clock: object) -> None:
            if not batches:
                batches.append(len(frames))
                waiting = [pool.submit(fill, outbox, ITEMS[:1]) for _ in range(8)]
                while len(outbox._waiting) < len(waiting):
                    os.sched_yield()
            else:
                batches.append(len(frames))
            written(log, frames, clock)  # type: ignore[arg-type]  # passed through as it came

        monkeypatch.setattr(outbox._disk, "append_many", append_many)
        fill(outbox, ITEMS[:1])
    outbox.close()
    assert batches == [1, 8]
    assert OUTBOX in segment(tmp_path).parent.name


def test_an_outbox_stays_small_however_much_goes_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight threads queue and settle; at any time the log has little more than what waits, and at the end that waits (RET-8)."""
    monkeypatch.setattr(module, "is_due", lambda size, kept: size >= 2 * kept + 20_000)
    body, rounds = b"%02000d", 12

    def through(thread: int) -> list[Queued]:
        waiting = [run(queue(Submission("acme", body % thread)), outbox.perform)]
        for number in range(rounds):
            waiting.append(run(queue(Submission("acme", body % number)), outbox.perform))
            run(discard(waiting.pop(0).id), outbox.perform)
        return waiting

    with Outbox(tmp_path) as outbox, ThreadPoolExecutor(8) as pool:
        left = [item for waiting in pool.map(through, range(8)) for item in waiting]
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.wal")) < 120_000 < 8 * rounds * len(body % 0)
    with Outbox(tmp_path) as outbox:
        assert sorted(outbox.pending, key=lambda item: item.id) == sorted(left, key=lambda item: item.id)


def test_an_outbox_that_has_grown_is_made_small_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever wrote it; what is pending is told as before, and the disk has room for more (RET-8)."""
    with Outbox(tmp_path) as outbox:
        queued = fill(outbox)
        for item in queued[1:]:
            run(discard(item.id), outbox.perform)
    monkeypatch.setattr(module, "is_due", lambda size, kept: size >= 2 * kept + 20)
    before = segment(tmp_path)
    for _ in range(2):
        with Outbox(tmp_path) as outbox:
            assert outbox.pending == tuple(queued[:1])
    assert not before.exists()
