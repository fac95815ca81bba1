"""How far the regions agree: which keys they store differently, since when, and whether they come together in time."""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from flk.model.entries.entry import Claim, Entry, Key, precedence
from flk.model.log.frames import Frame, region_of
from flk.model.programs.ship import PREFIX
from flk.sim.checkers.backlog import Backlog
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.kernel.engine import Simulator
from flk.sim.scenarios.faults import Fault
from flk.sim.world.events import (
    Claimed,
    Crashed,
    Forgotten,
    Merged,
    Restarted,
    Rotted,
    RulingSwitched,
    Uploaded,
)
from flk.sim.world.observer import Observer


class Change(NamedTuple):
    """At a moment, how many keys not every region stored alike."""

    at: float
    differing: int


class Agreement:
    """Follows every key through every region, one step for each change of a store. `spells` are the times, from when to when, in
    which the regions did not store a key alike.

    `rotten` are the claims whose frames rotted before they were shipped, or before an object that was lost was shipped again. They
    cannot reach another region (WAL-4 saves what can still be read), so a region that stores one is not asked to agree with the
    others on it.
    """

    def __init__(
        self,
        regions: Sequence[str],
        faults: Sequence[Fault],
        bound: float,
        backlog: Backlog,
        simulator: Simulator,
        checks: Checks,
        *,
        snapshots: bool = False,
    ) -> None:
        self._snapshots = snapshots
        self.changes: list[Change] = [Change(0.0, 0)]
        self.caught_up: list[tuple[float, str]] = []
        self.spells: list[tuple[float, float]] = []
        self.rows: dict[Key, list[Entry | None]] = {}
        self.rotten: dict[Claim, Frame] = {}
        self._once_shipped: set[Claim] = set()
        self._index = {region: place for place, region in enumerate(regions)}
        self._differing: dict[Key, float] = {}
        self._missing: dict[str, set[Key]] = {}
        self._faults = faults
        self._bound = bound
        self._backlog = backlog
        self._simulator = simulator
        self._checks = checks

    def may_keep(self, region: str, claim: Claim) -> bool:
        """Whether a region may store a claim that reaches no other: its own, or one that it read before the object was lost. Where
        nodes write snapshots, it may have it from one, into which it came from the store of the region that logged it.
        """
        own = claim.entry.region == region
        return claim in self.rotten and (own or claim in self._once_shipped or self._snapshots)

    @property
    def differing(self) -> int:
        """How many keys not every region stores alike now."""
        return len(self._differing)

    def observe(self, observer: Observer) -> None:
        """Follow every change of a store."""
        observer.handle(Claimed, self._follow_claim)
        observer.handle(Merged, self._follow_merge)
        observer.handle(Rotted, self._note_rot)
        observer.handle(Uploaded, self._note_saved)
        observer.handle(Forgotten, lambda event: self._set(event.region, event.key, None))
        observer.handle(RulingSwitched, lambda event: self._set(event.region, event.key, event.entry))
        observer.handle(Crashed, self._crash)
        observer.handle(Restarted, self._restart)

    def _follow_claim(self, event: Claimed) -> None:
        """A claim put a new entry into a store, or an earlier one in place of that of a clock ahead (DUP-1)."""
        if event.stored != event.before:
            self._set(event.region, event.claim.key, event.stored)

    def _follow_merge(self, event: Merged) -> None:
        """A merge put another entry into a store."""
        if event.after is not event.before:
            self._set(event.region, event.claim.key, event.after)

    def _note_rot(self, event: Rotted) -> None:
        """Of these claims only the region itself can know."""
        self.rotten |= event.lost
        keys = {claim.key for claim, _ in event.lost} & self.rows.keys()
        for key in sorted(keys):
            self._compare(key)
        for name, missing in list(self._missing.items()):
            missing -= {key for key in keys if self.rows[key][self._index[name]] == self._best(key)}
            self._note_caught_up(name)

    def _note_saved(self, event: Uploaded) -> None:
        """What was on its way to the object store when it rotted is saved; what was lost there and had rotted meanwhile is not."""
        region = region_of(event.name.removeprefix(PREFIX))
        if event.lost is not None:
            self._note_lost(region, event)
        if self.rotten:
            frames = event.found.frames  # another region may log the same record at the same moment
            saved = {claim for claim, frame in self.rotten.items() if claim.entry.region == region and frame in frames}
            self.rotten = {claim: frame for claim, frame in self.rotten.items() if claim not in saved}
            for key in sorted({claim.key for claim in saved}):
                self._compare(key)

    def _note_lost(self, region: str, event: Uploaded) -> None:
        frames = {frame.timestamp: frame for frame in event.missing}
        entries = [(key, entry) for key, row in self.rows.items() for entry in row if entry is not None]
        gone = [(key, entry) for key, entry in entries if entry.region == region and entry.timestamp in frames]
        lost = {Claim(key, entry): frames[entry.timestamp] for key, entry in gone}
        self.rotten |= lost
        self._once_shipped |= lost.keys()
        for key, _ in gone:
            self._compare(key)

    def _crash(self, event: Crashed) -> None:
        """A region that lost its store differs in every key that others have."""
        if event.lost_store:
            for key in list(self.rows):
                self._set(event.fault.region, key, None)

    def _restart(self, event: Restarted) -> None:
        """From now on the region catches up with whatever another region stores that it does not."""
        region = event.region
        place = self._index[region]
        self._missing[region] = {key for key in self._differing if self.rows[key][place] != self._best(key)}
        self._note_caught_up(region)

    def finish(self) -> None:
        """Judge what still differs at the end of the run."""
        for key, since in self._differing.items():
            self.spells.append((since, inf))
            if self._simulator.now > self._deadline(since):
                self._require_in_time(key, since, "still differs", ok=False)
            else:
                self._checks.undecided(Invariant.CONVERGENCE)

    def _set(self, region: str, key: Key, entry: Entry | None) -> None:
        row = self.rows.setdefault(key, [None] * len(self._index))
        row[self._index[region]] = entry
        self._compare(key)
        missing = self._missing.get(region)
        if missing and entry is not None and entry == self._best(key):
            missing.discard(key)
            self._note_caught_up(region)

    def _compare(self, key: Key) -> None:
        """Whether the regions agree on a key now, so far as they can know of it."""
        row = self._readable(key) if self.rotten else self.rows.get(key, [])
        if not row or row.count(row[0]) == len(row):
            self._agreed(key)
        elif key not in self._differing:
            self._differing[key] = self._simulator.now
            self.changes.append(Change(self._simulator.now, len(self._differing)))

    def _readable(self, key: Key) -> list[Entry | None]:
        """What the regions store under a key, without those that store a rotten claim."""
        row = self.rows.get(key, [])
        if not self.rotten:
            return row
        return [entry for entry in row if entry is None or Claim(key, entry) not in self.rotten]

    def _best(self, key: Key) -> Entry | None:
        return min((entry for entry in self._readable(key) if entry is not None), key=precedence, default=None)

    def _agreed(self, key: Key) -> None:
        since = self._differing.pop(key, None)
        if since is None:
            return
        now = self._simulator.now
        self.spells.append((since, now))
        self.changes.append(Change(now, len(self._differing)))
        self._require_in_time(key, since, "differed until now", ok=now <= self._deadline(since))

    def _deadline(self, since: float) -> float:
        """The bound counts from when the difference arose, or from the end of the last fault that held meanwhile, and of the
        backlog that faults left.
        """
        now = self._simulator.now
        ends = (fault.end for fault in self._faults if fault.start <= now and fault.end >= since)
        return max(since, *ends, self._backlog.until) + self._bound

    def _require_in_time(self, key: Key, since: float, how: str, *, ok: bool) -> None:
        self._checks.require(
            Invariant.CONVERGENCE,
            ok,
            ", ".join(self._index),
            "merge",
            lambda: (
                f"{key.tenant}/{key.pcs_id[:12]} {how}, {self._simulator.now - since:.1f} s after the regions parted"
            ),
        )

    def _note_caught_up(self, region: str) -> None:
        if not self._missing[region]:
            del self._missing[region]
            self.caught_up.append((self._simulator.now, region))
