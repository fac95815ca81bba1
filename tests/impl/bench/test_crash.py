"""Crashes of the real thing: a log cut anywhere recovers what fits, a server killed anywhere keeps what it acknowledged."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.world import EXAMINE, HONEST, OTHER_TENANT

from flk.impl.bench import crash as module
from flk.impl.bench.audit_books import Auditor
from flk.impl.bench.crash import CrashReport, crash, stream
from flk.impl.bench.crash_memory import Answer, Memory
from flk.impl.bench.records import distinct
from flk.impl.server.node import RealNode
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX
from flk.model.flow.submission import Submission
from flk.model.log.frames import scan
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import recover
from flk.model.runtime import run
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

MEMORY = Path("/dev/shm")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, where the system has one: of a log that is cut nothing is asked of the disk."""
    with TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else tmp_path) as directory:
        yield Path(directory)


@pytest.mark.slow
def test_a_log_cut_at_any_byte_recovers_exactly_the_frames_that_fit(memory: Path) -> None:
    """A real log cut at every offset: recovery applies the whole frames, reports the rest as torn, and seals the log."""
    story = (Submission("default", b"{}"), HONEST, Submission("t", b"x"), OTHER_TENANT)
    disk = FileDisk(memory / "whole", "eu", growth=0)
    ends = []
    with closing(RealNode(disk, SqliteStore(memory / "whole.sqlite"))) as node:
        run(recover("eu", EXAMINE), node.perform)
        for sent in story:
            run(ingest(sent, "eu", EXAMINE), node.perform)
            ends.append(disk.path(disk.names(INBOX)[0]).stat().st_size)
        (name,) = disk.names(INBOX)
        whole = disk.read(name)
    directory = memory / "cut"
    store = SqliteStore(memory / "cut.sqlite")
    for size in range(len(whole) + 1):
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(memory / "whole", directory)
        (directory / f"{name}.wal").write_bytes(whole[:size])
        (directory / "eu.000001" / "mark").unlink()  # nothing synchronises it: the power failure that cuts sets it back
        disk = FileDisk(directory, "eu", growth=0)
        node = RealNode(disk, store)
        store.mark("applied", "")
        recovery = run(recover("eu", EXAMINE), node.perform)
        fit = sum(end <= size for end in ends)
        applied = sum(sent in {HONEST, OTHER_TENANT} for sent in story[:fit])
        assert (recovery.frames, recovery.claims) == (fit, applied)
        assert bool(recovery.repairs) == bool(scan(whole[:size]).torn)
        assert [scan(disk.read(each)).sealed for each in disk.names(INBOX)] == [True]
        disk.close()
    store.close()


@pytest.mark.slow
def test_a_server_killed_under_load_loses_and_changes_nothing(tmp_path: Path) -> None:
    """Ten runs of one server, each ended by kill -9 during its work or its start; every answer given again is
    byte for byte the one acknowledged before. `flk bench crash` runs as many as you like.
    """
    seen: list[int] = []
    report = crash(tmp_path, 10, seed=2, progress=lambda report: seen.append(report.kills))
    assert report.verdict is Verdict.HOLDS
    assert report.fell == report.lost == report.changed == report.refused == 0
    assert 0 < report.during_start < 10
    assert report.acknowledged > 100
    assert report.compared > report.acknowledged
    assert seen == list(range(1, 11))


@pytest.mark.slow
@pytest.mark.thorough
def test_kills_go_on_where_they_were_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is begun again in its directory counts on, asks for what the first was told, and audits one log over both."""
    monkeypatch.setattr(module, "STARTUP_KILLS_EVERY", 10**9)
    monkeypatch.setattr(module, "MOST_PER_RUN", 60)
    first = crash(tmp_path, 1, 5, lambda _: None, Auditor(tmp_path), keep=True)
    second = crash(tmp_path, 2, 5, lambda _: None, Auditor(tmp_path), keep=True)
    assert (first.kills, second.kills) == (1, 2)
    assert second.acknowledged > first.acknowledged > 0
    assert second.verdict is Verdict.HOLDS
    assert first.audit is not None
    assert second.audit is not None
    assert second.audit.acknowledged > first.audit.acknowledged
    with pytest.raises(UnusableInput, match="--seed 5"):
        crash(tmp_path, 3, 6, lambda _: None, Auditor(tmp_path), keep=True)


@given(st.lists(st.integers(0, 4), max_size=5), st.binary(max_size=30))
def test_what_kills_keep_is_what_they_had(sizes: list[int], torn: bytes) -> None:
    """Round for round, however it was ended in the middle of one: what was not kept is drawn again."""
    submissions = [*islice(stream(), 24)]
    with TemporaryDirectory() as directory:
        memory = Memory(1, Path(directory))
        drawn = memory.drawn_from(submissions)
        for size in sizes:
            memory.add([Answer(sent, 200, sent.body) for sent in islice(drawn, size)])
            memory.keep(CrashReport(kills=1))
        again = memory
        if sizes:
            with (Path(directory) / "answers.jsonl").open("ab") as file:
                file.write(torn)
            again = Memory(1, Path(directory))
            assert again.known == memory.known + memory.last
        assert next(again.drawn_from(submissions)) == submissions[sum(sizes)]


@pytest.mark.slow
def test_the_measurement_notices_a_server_that_forgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its data removed after each kill, all that the last run acknowledged counts as lost."""
    monkeypatch.setattr(module, "STARTUP_KILLS_EVERY", 10**9)
    monkeypatch.setattr(module, "MOST_PER_RUN", 20)
    report = crash(tmp_path, 1, seed=0, progress=lambda _: shutil.rmtree(tmp_path / "data"))
    assert report.lost > 0
    assert report.lost + report.changed == report.compared == report.acknowledged
    assert report.verdict is Verdict.VIOLATED


@pytest.mark.slow
def test_the_submissions_of_the_measurement_are_distinct_but_for_the_rivals() -> None:
    """Ids do not repeat; a rival has the id before it and another content."""
    assert len({record.pcs_id for record in islice(distinct(), 1000)}) == 1000
    bodies = [sent.body for sent in islice(stream(), 60)]
    assert len(set(bodies)) == 60
    assert CrashReport(kills=1, fell=1).verdict is Verdict.VIOLATED
