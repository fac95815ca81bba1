"""`flk bench recovery`: frames a second of a node that rebuilds its store from its log, and what an orderly stop leaves to do."""

from functools import partial
from itertools import islice
from pathlib import Path

from flk.impl.bench.interleave import Contest, Figure, run
from flk.impl.bench.records import TENANT, distinct, submission
from flk.impl.server.node import RealNode
from flk.impl.server.runtime import Runtime
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.compiled import library
from flk.model.compiled.examiner import Examiner
from flk.model.effects import INBOX
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.programs.examine import Examine, examine
from flk.model.programs.recover import Recovery, recover
from flk.model.record.signing import HmacKey, Keyring
from flk.spec.constants import CONSTANTS

REGION = "eu"
BAR = 50_000.0
"""Frames a second, on one core."""

SEGMENT_BYTES = CONSTANTS.wal.max_segment_bytes
TOGETHER = 256
"""Frames of one append."""


def measure(directory: Path, frames: int, seconds: float) -> tuple[Figure, ...]:
    """With a log of that many records in an empty directory, for about that many seconds.

    Seconds are those of the processor, the store's included; `seconds` bounds the rounds, and each is run once at least. Raises
    UnusableInput where nothing can be compiled.
    """
    key = HmacKey(b"of the benchmark")
    keyring = Keyring({TENANT: [key]})
    compiled, reference = Examiner(library.library(), keyring), partial(examine, keyring)
    disk = FileDisk(directory, REGION, max_segment_bytes=SEGMENT_BYTES)
    try:
        _fill(disk, frames, key)
        rebuild = partial(_rebuilt, disk, directory / "entries.sqlite")
        kept = SqliteStore(directory / "kept.sqlite")
        _recovered(disk, kept, compiled)
        return run(
            (
                Contest(
                    "a lost store is rebuilt", frames, partial(rebuild, compiled), partial(rebuild, reference), BAR
                ),
                Contest(
                    "start after an orderly stop",
                    1,
                    partial(_recovered, disk, kept, compiled),
                    partial(rebuild, compiled),
                ),
            ),
            seconds,
        )
    finally:
        disk.close()


def _fill(disk: FileDisk, frames: int, key: HmacKey) -> None:
    logged = (
        Frame(Timestamp(number), submission(record, key).payload()) for number, record in enumerate(distinct(), 1)
    )
    remaining = islice(logged, frames)
    while batch := list(islice(remaining, TOGETHER)):
        disk.append_many(INBOX, batch, batch[-1].timestamp)
        if disk.is_full(INBOX):
            disk.seal(INBOX)
    disk.seal(INBOX)


def _rebuilt(disk: FileDisk, path: Path, examined: Examine) -> None:
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()
    store = SqliteStore(path)
    try:
        _recovered(disk, store, examined)
    finally:
        store.close()


def _recovered(disk: FileDisk, store: SqliteStore, examined: Examine) -> Recovery:
    return Runtime(RealNode(disk, store), partial(recover, REGION, examined)).recover()
