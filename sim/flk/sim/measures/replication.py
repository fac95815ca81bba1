"""How far each region is behind each log: by records (`lag_max`), and by the passes that come without records, too (`sync_max`)."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

import numpy as np

from flk.model.entries.entry import Claim
from flk.model.log.frames import region_of
from flk.model.log.hlc import Timestamp
from flk.model.programs.ship import PREFIX
from flk.sim.kernel.engine import Simulator
from flk.sim.measures.series import Column, followed
from flk.sim.world.events import Claimed, Crashed, Logged, Merged, PassEnded, Rotted, Stage, Uploaded
from flk.sim.world.observer import Observer


class Behind(NamedTuple):
    """How old what a target lacks of a source's log is, at each moment of a grid, in seconds."""

    source: str
    target: str
    age: Column


class _Log:
    """The records of a region's log that were claimed, in log order: when each was durable, and when each target's store had it.

    `lost` has, for each store that a target lost, until when it held and what it had; `unreadable` the places of records that
    neither a log nor an object holds any more.
    """

    def __init__(self, targets: Sequence[str]) -> None:
        self.places: dict[Timestamp, int] = {}
        self.logged: list[float] = []
        self.applied: dict[str, list[float]] = {target: [] for target in targets}
        self.lost: dict[str, list[tuple[float, Column]]] = {target: [] for target in targets}
        self.unreadable: set[int] = set()


class Replication:
    """Follows every claim from the log into every store, and every pass over a log."""

    def __init__(self, regions: Sequence[str], simulator: Simulator) -> None:
        self._simulator = simulator
        self._logs = {region: _Log([other for other in regions if other != region]) for region in regions}
        self._durable: dict[tuple[str, Timestamp], float] = {}
        self._safe: set[tuple[str, Timestamp]] = set()
        self._shipped: dict[str, tuple[list[float], list[float]]] = {region: ([], []) for region in regions}
        self._known: dict[tuple[str, str], list[tuple[float, float]]] = {
            (a, b): [(0.0, 0.0)] for a in regions for b in regions if a != b
        }

    def observe(self, observer: Observer) -> None:
        """Follow what happens from now on."""
        observer.handle(Logged, self._logged)
        observer.handle(Claimed, lambda event: self._enlist(event.region, event.claim))
        observer.handle(Merged, self._merged)
        observer.handle(Uploaded, self._uploaded)
        observer.handle(Crashed, self._crashed)
        observer.handle(Rotted, self._rotted)
        observer.handle(PassEnded, self._passed)

    def lags(self, grid: Column) -> Iterator[Behind]:
        """The age of the oldest record that each target lacks. A region that lost its store is a target of its own log, too."""
        for source, log in self._logs.items():
            logged = np.array(log.logged)
            for target, times in log.applied.items():
                stores = [*log.lost[target], (inf, np.array(times))]
                begun = [0.0, *(end for end, _ in stores)]
                held = [(since, applied) for since, (_, applied) in zip(begun, stores, strict=False)]
                yield Behind(source, target, followed(logged, held, grid))

    def syncs(self, grid: Column) -> Iterator[Behind]:
        """The age of what each target is known to have."""
        for (source, target), known in self._known.items():
            at, until = np.array(known).T
            yield Behind(source, target, grid - until[np.searchsorted(at, grid, side="right") - 1])

    def _logged(self, event: Logged) -> None:
        """A frame is durable from now on."""
        self._durable.setdefault((event.region, event.frame.timestamp), self._simulator.now)

    def _enlist(self, region: str, claim: Claim) -> None:
        """From when a claim's frame was durable, the other regions lag behind until they have it."""
        log, frame = self._logs[region], claim.entry.timestamp
        if frame in log.places or (region, frame) not in self._durable:
            return
        log.places[frame] = len(log.logged)
        log.logged.append(self._durable[region, frame])
        for target, times in log.applied.items():
            times.append(self._simulator.now if target == region else inf)

    def _merged(self, event: Merged) -> None:
        """A claim of some log was applied by a merge."""
        region, entry = event.region, event.claim.entry
        if entry.region == region:
            self._enlist(region, event.claim)
        log = self._logs[entry.region]
        times, place = log.applied.get(region), log.places.get(entry.timestamp)
        if times is not None and place is not None and times[place] == inf:
            times[place] = self._simulator.now

    def _uploaded(self, event: Uploaded) -> None:
        """What is in the object store can be had whatever becomes of its region."""
        region = region_of(event.name.removeprefix(PREFIX))
        self._safe.update((region, frame.timestamp) for frame in event.found.frames)

    def _crashed(self, event: Crashed) -> None:
        """A store that is lost lacks every log, its own too. What was only in the log on the lost disk nobody can have."""
        region, now = event.fault.region, self._simulator.now
        if not event.lost_store:
            return
        own = self._logs[region]
        self._give_up(own, {place for frame, place in own.places.items() if (region, frame) not in self._safe})
        if region not in own.applied:
            own.applied[region], own.lost[region] = list(own.logged), []
        for source, log in self._logs.items():
            times = log.applied[region]
            log.lost[region].append((now, np.array(times)))
            times[:] = [min(at, now) if place in log.unreadable else inf for place, at in enumerate(times)]
            if source != region:
                self._known[source, region].append((now, 0.0))

    def _rotted(self, event: Rotted) -> None:
        """Nobody lags behind what is gone."""
        log = self._logs[event.region]
        found = (log.places.get(rotten.frame.timestamp) for rotten in event.lost)
        self._give_up(log, {place for place in found if place is not None})

    def _give_up(self, log: _Log, places: set[int]) -> None:
        log.unreadable |= places
        for times in log.applied.values():
            for place in places:
                times[place] = min(times[place], self._simulator.now)

    def _passed(self, event: PassEnded) -> None:
        """A pass that went to the end says what a region has of another, records or not."""
        if not event.complete:
            return
        over, began = self._shipped[event.source]
        if event.stage is Stage.SHIP:
            over.append(self._simulator.now)
            began.append(event.began)
        elif (
            event.stage is Stage.REPLAY and event.source != event.region
        ):  # its own log of an earlier disk is nothing that it follows
            place = bisect_right(over, event.began)
            known = began[place - 1] if place else 0.0
            self._known[event.source, event.region].append((self._simulator.now, known))
