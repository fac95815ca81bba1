"""What a recovery says of the log, judged from the bytes of the log and from what was sealed (WAL-3, WAL-4, WAL-5, WAL-9)."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from flk.model.effects import INBOX
from flk.model.programs.recover import APPLIED, Recovery
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import Place
from flk.sim.oracle import frames
from flk.sim.scenarios.faults import BitRot, Fault
from flk.sim.world.events import Crashed, Logged, Recovered, RecoveryBegan, Removed, Rotted, SegmentSealed
from flk.sim.world.observer import Observer

Wrong: TypeAlias = dict[str, tuple[int, tuple[tuple[int, int], ...]]]
"""Torn bytes and corrupt ranges, by offset and length, of each segment that has any."""


class Due(NamedTuple):
    """What a recovery has to report: what is torn or corrupt; sealed segments that are gone or lack frames at their end, and those
    that are changed at all; how many frames are nowhere in the log that were logged behind the last seal; whether bits have rotted
    there, so that nothing is known of these; the last segment that was applied; and when it began.
    """

    wrong: Wrong
    gone: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    missed: frozenset[int] = frozenset()
    unsure: bool = False
    applied: str = ""
    since: float = 0.0


class RecoveryRules:
    """Reads the log when a recovery begins, and checks its report when it ends, unless the log changes or may rot meanwhile."""

    def __init__(
        self, places: Mapping[str, Place], faults: Sequence[Fault], checks: Checks, now: Callable[[], float]
    ) -> None:
        self._places = places
        self._rots = [fault for fault in faults if isinstance(fault, BitRot)]
        self._checks = checks
        self._now = now
        self._due: dict[str, Due] = {}
        self._sealed: dict[str, tuple[int, int]] = {}  # of each segment, how many bytes it had, and their hash
        self._open = defaultdict[str, set[int]](set)  # what was logged since the last seal
        self._unsure = set[str]()  # nodes of which bits rotted since

    def observe(self, observer: Observer) -> None:
        """Follow each recovery, what is logged and sealed, and what happens to a disk beside."""
        observer.handle(Logged, lambda event: self._open[event.node].add(event.frame.timestamp))
        observer.handle(SegmentSealed, self._note_sealed)
        observer.handle(Removed, self._removed)
        observer.handle(RecoveryBegan, self._began)
        observer.handle(Rotted, self._rotted)
        observer.handle(Crashed, self._crashed)
        observer.handle(Recovered, self._recovered)

    def _note_sealed(self, event: SegmentSealed) -> None:
        self._sealed[event.name] = len(event.content), hash(event.content)
        disk = self._places[event.node].disk
        sealed = {frame.timestamp for frame in frames.read(event.content, disk.salt(event.name)).data}
        if not sealed:  # it stands for one that was salvaged, of which what is left was logged again
            there = (frames.read(bytes(disk.segments[name]), disk.salt(name)) for name in disk.names(INBOX))
            self._open[event.node] &= {frame.timestamp for found in there for frame in found.data}
        elif event.name == disk.names(INBOX)[-1]:  # nothing is open any more
            self._unsure.discard(event.node)
        self._open[event.node] -= sealed

    def _removed(self, event: Removed) -> None:
        """What a log lost on purpose is no loss to tell of (RET-4)."""
        if event.node:
            self._sealed.pop(event.name, None)

    def _began(self, event: RecoveryBegan) -> None:
        place = self._places[event.node]
        applied = place.entries.marks.get(APPLIED, "")
        disk = place.disk
        there = {name: bytes(disk.segments[name]) for name in disk.names(INBOX)}
        sealed = [name for name in self._sealed if name.startswith(disk.log(INBOX) + "/")]
        changed = frozenset(name for name in sealed if hash(there.get(name)) != self._sealed[name][1])
        read = {name: frames.read(there[name], disk.salt(name)) for name in there if name >= applied or name in changed}
        wrong = {name: (found.torn, found.damage) for name, found in read.items() if found.torn or found.damage}
        gone = frozenset(name for name in changed if self._is_gone(name, there.get(name)))
        present = {frame.timestamp for found in read.values() for frame in found.data}
        missed = frozenset(self._open[event.node] - present)
        self._due[event.node] = Due(wrong, gone, changed, missed, event.node in self._unsure, applied, self._now())

    def _is_gone(self, name: str, content: bytes | None) -> bool:
        """Whether a segment that was sealed and is changed is missing, is another, or ends before its seal began."""
        if content is None:
            return True
        size, _ = self._sealed[name]
        found = frames.read(content)
        return len(content) < size or found.name not in {"", name} or found.end + found.torn < size - frames.SEAL_BYTES

    def _rotted(self, event: Rotted) -> None:
        self._due.pop(event.node, None)
        if any(self._places[event.node].is_struck(rot) and rot.start <= self._now() <= rot.end for rot in self._rots):
            self._open[event.node].clear()  # what bits that rotted took shows in the bytes of the log
            self._unsure.add(event.node)

    def _crashed(self, event: Crashed) -> None:
        for node in event.nodes:
            self._due.pop(node, None)
        for node in event.lost_disks:
            self._open[node].clear()
            self._unsure.discard(node)

    def _recovered(self, event: Recovered) -> None:
        due = self._due.pop(event.node, None)
        if due is None:
            return
        self._open[event.node] -= due.missed
        rots = (rot for rot in self._rots if self._places[event.node].is_struck(rot))
        if not any(rot.start <= self._now() and rot.end >= due.since for rot in rots):
            said = wrong(event.recovery, due)
            self._checks.require(Invariant.REPAIRED, not said, event.node, "recover", lambda: said)


def wrong(recovery: Recovery, due: Due) -> str:
    """What is wrong with a report, empty if nothing is. Of segments that are gone, and of frames that are missed, it has to speak
    in some way; of any other what is torn and corrupt, if it was not applied (what was is read only where its ends are not as
    noted); and of none that is not changed.

    >>> wrong(Recovery(segments=1, frames=3, claims=3, repairs=()), Due({"eu.000001/000000000001": (7, ())}))
    'nothing is said of eu.000001/000000000001, with 7 torn bytes and 0 corrupt ranges'
    """
    gaps = {gap.name for gap in recovery.gaps}
    told = {
        repair.name: (repair.torn, tuple((d.offset, d.length) for d in repair.damage)) for repair in recovery.repairs
    }
    if silent := due.gone - gaps - told.keys():
        return f"nothing is said of {min(silent)}, of which frames are gone"
    if due.missed and not gaps and not told:
        return f"nothing is said of {len(due.missed)} frames behind the last seal that are gone"
    for name, (torn, damage) in due.wrong.items():
        if name in gaps or name in due.gone:
            continue
        if name not in told:
            if name <= due.applied:
                continue
            return f"nothing is said of {name}, with {torn} torn bytes and {len(damage)} corrupt ranges"
        if told[name] != (torn, damage):
            return f"{name} is said to have {told[name]}, and has {(torn, damage)}"
    excused = gaps if due.missed or due.unsure else due.changed
    if more := (told.keys() - due.wrong.keys() - due.gone) | (gaps - excused):
        return f"{min(more)} is said to be wrong, and is not"
    return ""
