"""What a recovery says of the log that it read, judged from the bytes of the log (WAL-3, WAL-4, WAL-5)."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from flk.model.effects import INBOX
from flk.model.programs.recover import APPLIED, Recovery
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import Region
from flk.sim.oracle import frames
from flk.sim.scenarios.faults import BitRot, Fault
from flk.sim.world.events import Crashed, Recovered, RecoveryBegan, Rotted
from flk.sim.world.observer import Observer

Wrong: TypeAlias = dict[str, tuple[int, tuple[tuple[int, int], ...]]]
"""Torn bytes and corrupt ranges, by offset and length, of each segment that has any."""


class RecoveryRules:
    """Reads the log when a recovery begins, and checks its report when it ends, unless the log changes or may rot meanwhile."""

    def __init__(
        self, regions: Mapping[str, Region], faults: Sequence[Fault], checks: Checks, now: Callable[[], float]
    ) -> None:
        self._regions = regions
        self._rots = [fault for fault in faults if isinstance(fault, BitRot)]
        self._checks = checks
        self._now = now
        self._due: dict[str, tuple[float, Wrong]] = {}

    def observe(self, observer: Observer) -> None:
        """Follow each recovery, and what happens to a disk beside."""
        observer.handle(RecoveryBegan, self._began)
        observer.handle(Rotted, lambda event: self._forget(event.region))
        observer.handle(Crashed, lambda event: self._forget(event.fault.region))
        observer.handle(Recovered, self._recovered)

    def _began(self, event: RecoveryBegan) -> None:
        region = self._regions[event.region]
        applied = region.entries.marks.get(APPLIED, "")
        read = {
            name: frames.read(bytes(region.disk.segments[name])) for name in region.disk.names(INBOX) if name >= applied
        }
        due = {name: (found.torn, found.damage) for name, found in read.items() if found.torn or found.damage}
        self._due[event.region] = self._now(), due

    def _forget(self, region: str) -> None:
        self._due.pop(region, None)

    def _recovered(self, event: Recovered) -> None:
        begun = self._due.pop(event.region, None)
        if begun is None:
            return
        since, due = begun
        if not any(rot.region == event.region and rot.start <= self._now() and rot.end >= since for rot in self._rots):
            said = wrong(event.recovery, due)
            self._checks.require(Invariant.REPAIRED, not said, event.region, "recover", lambda: said)


def wrong(recovery: Recovery, due: Wrong) -> str:
    """What is wrong with a report, empty if nothing is.

    >>> wrong(Recovery(segments=1, frames=3, claims=3, repairs=()), {"eu.000001/000000000001": (7, ())})
    'nothing is said of eu.000001/000000000001, with 7 torn bytes and 0 corrupt ranges'
    """
    told = {
        repair.name: (repair.torn, tuple((d.offset, d.length) for d in repair.damage)) for repair in recovery.repairs
    }
    for name, (torn, damage) in due.items():
        if name not in told:
            return f"nothing is said of {name}, with {torn} torn bytes and {len(damage)} corrupt ranges"
        if told[name] != (torn, damage):
            return f"{name} is said to have {told[name]}, and has {(torn, damage)}"
    if more := told.keys() - due.keys():
        return f"{min(more)} is said to be wrong, and is not"
    return ""
