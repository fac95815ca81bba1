"""`flk data check`: every checksum of a data directory, its manifest against its log, and its log against its store (SNAP-8).

The node may run. Frames that the store has not written yet are told apart by its own watermark: only what is up to there must be in
it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from flk.impl.data.cold import ColdKeys, cold_keys
from flk.impl.data.logged import NO_END, Logged
from flk.impl.data.reading import STORE, LogFiles, identity, logs, pages_of, removed_now, rows_of, store_of
from flk.impl.storage.cold_index import NAME
from flk.impl.storage.directory import Identity, is_member
from flk.impl.storage.pages import Comparison, are_known, sums_of, why_not
from flk.impl.storage.rows import (
    ENTRY_COLUMNS,
    MARK_COLUMNS,
    SUPERSEDED_COLUMNS,
    TOTALS,
    Damaged,
    EntryRow,
    MarkRow,
    SupersededRow,
    Totals,
    entries_of,
    is_damage,
    require_checksum,
    totals_of,
)
from flk.impl.storage.soundness import require_head, require_tables
from flk.impl.storage.trouble import usable
from flk.model.entries.entry import Claim, Entry, Key, precedence
from flk.model.log.frames import CorruptSegment, Frame, log_of, scan, sequence_of
from flk.model.log.hlc import ZERO, Timestamp, at, text, wall_seconds
from flk.model.log.manifest import (
    Inventory,
    Manifest,
    altered,
    compacted,
    forgotten,
    gaps,
    glance,
    noted_salt,
    removed,
    was_sealed,
)
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.recover import APPLIED
from flk.model.programs.repair import is_sound
from flk.model.programs.replay import REPLAYED
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

Row = TypeVar("Row", EntryRow, MarkRow, SupersededRow)

AT_ONCE = 1000  # frames examined and looked up together
MAX_ROWS = 20  # rows of the store that are told one by one

REBUILD = "stop the node, move entries.sqlite away and start it: it is rebuilt from snapshot and log"
RESTART = "start the node, which mends its log and puts back from its objects what it can"
OTHER_KEYS = (
    "give the keys and options that the node had, and if they are right, keep the directory and rebuild the store"
)


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it should be: where, what, and what to do."""

    where: str
    what: str
    fix: str


class Checked(msgspec.Struct, frozen=True):
    """What was read, how much of it waits to be applied, what was not compared and why, and what was found."""

    segments: int
    frames: int
    entries: int
    claims: int
    waiting: int
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]


class _Segment(NamedTuple):
    name: str
    frames: tuple[Frame, ...]


class _Store(NamedTuple):
    connection: sqlite3.Connection
    marks: dict[str, str]


def check(
    data: Path, examine: Examine | None = None, wall: float = 0.0, progress: Callable[[str], None] = lambda _: None
) -> Checked:
    """Check a data directory, without changing anything in it. `wall`: wall time in seconds.

    With `examine`, every frame that claims something is looked for in the store, and every entry of the region is compared with
    what its frame claims. Raises UnusableInput if the directory cannot be read.
    """
    run = _Check(identity(data), examine, wall, progress)
    if is_member(data):
        run.note("its store is the region's, which this does not read: the log was compared with its manifest alone")
        run.logs(logs(data))
        return run.checked()
    try:
        with pages_of(data) as pages, store_of(data) as connection, cold_keys(data) as cold:
            run.store(data / STORE, connection, pages)
            run.cold(cold)
            run.logs(logs(data))
            run.entries_are_logged()
    except sqlite3.Error as error:
        if not is_damage(error):
            raise UnusableInput(f"{data / STORE}: {error}; fix: let this user read it, or try again") from None
        run.found(STORE, f"the file is damaged: {error}", REBUILD)
        run.store_is_gone()
        run.logs(logs(data))
    return run.checked()


class _Check:
    """One check under way."""

    def __init__(self, whose: Identity, examine: Examine | None, wall: float, progress: Callable[[str], None]) -> None:
        self._whose = whose
        self._examine = examine
        self._wall = at(wall)
        self._progress = progress
        self._findings: list[Finding] = []
        self._notes: list[str] = []
        self._store: _Store | None = None
        self._cold: ColdKeys | None = None
        self._logged = Logged()
        self._strangers = 0
        self._removed: Timestamp = ZERO
        self._segments = self._frames = self._entries = self._claims = self._waiting = 0

    def found(self, where: str, what: str, fix: str) -> None:
        """Note a finding."""
        self._findings.append(Finding(where, what, fix))

    def note(self, what: str) -> None:
        """Say what was not compared."""
        self._notes.append(what)

    def checked(self) -> Checked:
        """What came of it."""
        if self._examine is None:
            self._notes.append("frames were not compared with the store: give the node's keys with --keys")
        return Checked(
            self._segments,
            self._frames,
            self._entries,
            self._claims,
            self._waiting,
            tuple(self._notes),
            tuple(self._findings),
        )

    # The store.

    def store(self, path: Path, connection: sqlite3.Connection, pages: Comparison) -> None:
        """Every page, every row, and the totals."""
        self._progress("store")
        try:
            require_head(path)
            require_tables(connection)
        except Damaged as damaged:
            self.found(STORE, damaged.detail, REBUILD)
            return
        self._pages(path, pages)
        for (said,) in connection.execute("pragma integrity_check(20)"):
            if said != "ok":
                self.found(STORE, " ".join(str(said).split()), REBUILD)
        marks = self._marks(connection)
        totals = self._rows(connection)
        if totals != totals_of(marks.get(TOTALS, "")):
            self.found(STORE, f"{totals} was found, and {totals_of(marks.get(TOTALS, ''))} was written", REBUILD)
        self._entries = totals.entries
        self._store = _Store(connection, marks)

    def _pages(self, path: Path, pages: Comparison) -> None:
        """The pages as they were written, also where no row is (DUP-8)."""
        sums = sums_of(path).name
        if why := why_not():
            self.note(f"pages of the store were not compared: {why}")
        elif not sums_of(path).exists():
            self.note(f"pages of the store were not compared: there is no {sums}, which a start of the node makes")
        elif not are_known(path):
            changed = f"the store was changed by another program than its node since {sums} was written"
            self.note(f"pages of the store were not compared: {changed}; the next start verifies it as a whole")
        else:
            wrong = pages.differing()
            for page in wrong[:MAX_ROWS]:
                self.found(STORE, f"page {page} is not what was written", REBUILD)
            if (more := len(wrong) - MAX_ROWS) > 0:
                self.found(STORE, f"{more} more pages are not what was written", REBUILD)

    def cold(self, cold: ColdKeys | None) -> None:
        """The index of the cold tier, whose entries the store need not have."""
        self._cold = cold
        if cold is None:
            return
        self._notes.append("the objects of the cold tier were not read: the node verifies each that it asks for")
        try:
            cold.require_whole()
        except Damaged as damaged:
            self.found(NAME, damaged.detail, "start the node, which makes the index anew from the objects")

    def store_is_gone(self) -> None:
        """What it says does not count."""
        self._store = None

    def _marks(self, connection: sqlite3.Connection) -> dict[str, str]:
        rows = connection.execute(f"select {MARK_COLUMNS} from marks")  # noqa: S608  (nothing from outside)
        return {row[0]: row[1] for row in self._sound(rows, lambda row: f"mark {row[0]}")}

    def _rows(self, connection: sqlite3.Connection) -> Totals:
        entries = connection.execute(f"select {ENTRY_COLUMNS} from entries")  # noqa: S608  (likewise)
        number = checksums = 0
        for row in self._sound(entries, lambda row: f"entry {row[0]}/{row[1]}"):
            number, checksums = number + 1, checksums + row[-1]
        superseded = connection.execute(f"select {SUPERSEDED_COLUMNS} from superseded")  # noqa: S608  (likewise)
        return Totals(number, checksums, sum(1 for _ in self._sound(superseded, lambda row: f"superseded {row[0]}")))

    def _sound(self, rows: Iterable[Row], name: Callable[[Row], str]) -> Iterator[Row]:
        """The rows; those whose checksum is wrong are told, the first few by name."""
        wrong = 0
        for row in rows:
            try:
                require_checksum(row)
            except Damaged:
                wrong += 1
                if wrong <= MAX_ROWS:
                    self.found(STORE, f"{name(row)} is not what was written", REBUILD)
            yield row
        if wrong > MAX_ROWS:
            self.found(STORE, f"{wrong - MAX_ROWS} more rows are not what was written", REBUILD)

    # The logs.

    def logs(self, found: Iterable[LogFiles]) -> None:
        """Every segment of every log, its manifest, and its frames in the store."""
        own = f"{self._whose.region}.{self._whose.identity:06d}"
        is_there = False
        for log in found:
            inbox = log.name == own
            is_there |= inbox
            for segment in self._log(log, inbox=inbox):
                self._segments += 1
                self._progress(segment.name)
                if inbox:
                    self._own(segment)
        if self._applied and log_of(self._applied) != own:
            self._notes.append(f"the store was made of {log_of(self._applied)}, and this disk's log is {own}")
        if not is_there:  # what the store says of it tells of a log that is gone as a whole
            self._manifest(Inventory(own, (), (), None, frozenset(), self._wall), self._applied)

    def _log(self, log: LogFiles, *, inbox: bool) -> Iterator[_Segment]:
        manifest = log.noted
        if manifest.spoilt:
            self.found(f"{log.name}/manifest", f"{manifest.spoilt} lines of it are damaged", RESTART)
        glances = []
        for path in log.segments:
            name = log.segment(path)
            if not path.exists() and sequence_of(name) <= removed_now(path.parent):
                manifest = manifest._replace(notes=compacted(manifest.notes, sequence_of(name)))
                self._is_removed(manifest)
                continue  # its node removed it meanwhile
            with usable(path):
                content = path.read_bytes()
            inventory = Inventory(log.name, (), manifest.notes, log.marked, frozenset(), self._wall)
            salt = noted_salt(inventory, name)
            read = scan(content, salt or None)
            glances.append(glance(name, content, read.salt))
            is_open = path == log.segments[-1] and not was_sealed(inventory, name)
            for damage in read.damage:
                self.found(name, f"{damage.length} bytes are corrupt, from offset {damage.offset} on", RESTART)
            if read.torn and not is_open:
                self.found(name, f"it ends in {read.torn} bytes that hold no valid frame", RESTART)
            elif not is_sound(read) and not read.damage:
                self._notes.append(f"{name} ends in a write that is under way, or was cut short: a start cuts it off")
            yield _Segment(name, read.frames)
        if last := removed(manifest.notes):
            self._notes.append(
                f"{log.name} was removed up to its segment {last}, which snapshots cover: nothing there was compared"
            )
            self._is_removed(manifest)
        inventory = Inventory(log.name, tuple(glances), manifest.notes, log.marked, frozenset(), self._wall)
        self._manifest(inventory, self._applied if inbox else "")

    def _is_removed(self, manifest: Manifest) -> None:
        self._removed = max(self._removed, *(note.clock for note in manifest.notes if note.removed))

    def _manifest(self, inventory: Inventory, applied: str) -> None:
        missing = gaps(inventory, applied)
        for gap in missing:
            self.found(gap.name, gap.what, f"put the file back, or {RESTART}")
        for name in altered(inventory):
            if name not in {gap.name for gap in missing} | {finding.where for finding in self._findings}:
                self.found(name, "it is not as it was sealed", RESTART)
        for name in forgotten(inventory):
            self.found(name, "the manifest does not know it", RESTART)

    # The log and the store.

    @property
    def _applied(self) -> str:
        return self._store.marks.get(APPLIED, "") if self._store else ""

    def _own(self, segment: _Segment) -> None:
        self._frames += len(segment.frames)
        due = log_of(self._applied) == log_of(segment.name) and segment.name <= self._applied
        frames = iter(segment.frames)
        while some := tuple(islice(frames, AT_ONCE)):
            claims: tuple[Claim, ...] = ()
            if self._store is not None and self._examine is not None:
                claims = self._claimed(segment.name, some, self._examine)
                self._look_up(segment.name, claims, self._store, due=due)
            if self._store is not None and not self._had_others:
                self._logged.add(some, claims)
                if self._logged.is_full:
                    self._compare(self._store, self._logged.end)

    def _claimed(self, name: str, frames: tuple[Frame, ...], examine: Examine) -> tuple[Claim, ...]:
        """What frames claim; nothing from the first on that states a policy which nobody vouches for (POL-5)."""
        try:
            return claims_of(frames, self._whose.region, examine)
        except CorruptSegment as unvouched:
            self.found(name, str(unvouched), OTHER_KEYS)
            self._examine = None
            return ()

    def _look_up(self, name: str, claims: tuple[Claim, ...], store: _Store, *, due: bool) -> None:
        rows = rows_of(store.connection, [claim.key.pcs_id for claim in claims])
        stored = dict(_entries_of(rows))
        self._claims += len(claims)
        if self._cold is not None:  # an entry that it has, or whose window has ended, has left the store
            cold = self._cold.of([claim.key for claim in claims])
            ended = at(wall_seconds(self._wall) - CONSTANTS.dedup.ttl_seconds)
            claims = tuple(claim for claim in claims if claim.key not in cold and claim.entry.timestamp > ended)
        for key, entry in claims:
            found = stored.get(key)
            if found is not None and precedence(found) <= precedence(entry):
                continue
            if not due:
                self._waiting += 1
                continue
            what = "is not in the store" if found is None else "is earlier than what the store has"
            self.found(name, f"{key.tenant}/{key.pcs_id}, logged at {text(entry.timestamp)}, {what}", REBUILD)

    @property
    def _had_others(self) -> bool:
        """Whether the region has had other logs, from which its entries may come."""
        return self._whose.identity > 1 or bool(self._store and self._store.marks.get(REPLAYED + self._whose.region))

    def entries_are_logged(self) -> None:
        """Every entry of this region is what its frame claims, as far as the log reaches."""
        if self._store is None or not self._frames:
            return
        if self._had_others:
            self._notes.append("entries were not looked for in the log: the region has had other logs")
            return
        self._compare(self._store, NO_END)
        if self._strangers > MAX_ROWS:
            self.found(STORE, f"{self._strangers - MAX_ROWS} more entries are not what the log says", OTHER_KEYS)

    def _compare(self, store: _Store, end: int) -> None:
        """Compare the entries that were logged before `end` with the frames at hand, which are all since the last comparison."""
        self._progress("entries")
        examined = self._examine is not None
        for key, stamp, has_frame in self._logged.strangers(
            store.connection, self._whose.region, since=self._removed + 1, end=end, examined=examined
        ):
            self._strangers += 1
            if self._strangers > MAX_ROWS:
                continue
            entry = f"entry {key.tenant}/{key.pcs_id}"
            if has_frame:
                what = f"{entry} is not what the frame claims that was logged at {text(stamp)}"
                self.found(STORE, what, OTHER_KEYS)
            else:
                what = f"{entry} was logged at {text(stamp)}, and no segment has that frame"
                self.found(STORE, what, f"put the segment that held it back, or {OTHER_KEYS}")


def _entries_of(rows: Iterable[EntryRow]) -> Iterator[tuple[Key, Entry]]:
    """What rows say; those that are not what was written have been told."""
    for row in rows:
        with suppress(Damaged):
            yield from entries_of((row,))
