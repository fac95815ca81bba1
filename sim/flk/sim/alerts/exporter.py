"""What each region's node exports, and the scraper beside it that asks at intervals.

Exported is what the alerts of the table read, under the names and labels of the table, as the server has it: a counter begins at 0
with its node, and one with labels when it first counts. The scraper adds `job`, `region` and `instance`, writes `up`, and marks the
series of a node that does not answer as stale.
"""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple, TypeAlias

import msgspec

from flk.model.entries.entry import Entry, Key
from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.submission import Problem
from flk.model.log.hlc import Timestamp, at, is_ahead, wall_seconds
from flk.model.programs.divergence import Agreement
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.model.refusal import Unauthenticated
from flk.sim.alerts.series import STALE, Database, Series, labels
from flk.sim.kernel.engine import Simulator
from flk.sim.nodes.region import Place
from flk.sim.scenarios.topology import region_of_node
from flk.sim.world.events import (
    Admitted,
    Claimed,
    ClockObserved,
    Compared,
    Crashed,
    LogFailed,
    Logged,
    LogRefused,
    PassEnded,
    Recovered,
    Replied,
    Stage,
    StoreUsed,
    Uploaded,
    WatermarkSet,
)
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS
from flk.spec.metrics import METRICS

EVERY = CONSTANTS.alerting.scrape_seconds
SETTLE = CONSTANTS.divergence.settle_seconds
JOB = "flk"
Values: TypeAlias = tuple[str, ...]
Sample: TypeAlias = tuple[str, Values, float]
"""The name of a series, the values of the table's labels (and of `le`), and the number."""

_OUTCOMES = ("accepted", "escalated", "rejected")
_OPERATIONS = ("claim", "merge")
_BARE = (
    "flk_ingest_total",
    "flk_dedup_hits_total",
    "flk_equivocations_total",
    "flk_signature_errors_total",
    "flk_audit_forks_total",
)
_OF_DISKS = ("flk_wal_errors_total", "flk_wal_damage_total", "flk_store_damage_total", "flk_cold_damage_total")


class Buckets:
    """A histogram of the table."""

    def __init__(self, metric: str) -> None:
        self._name = metric
        self._bounds = METRICS[metric].buckets
        self._texts = [*map(repr, map(float, self._bounds)), "+Inf"]
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value in the first bucket that holds it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def samples(self, values: Values = ()) -> Iterator[Sample]:
        """Cumulative counts by bound, their total, and the sum of what was counted."""
        total = 0
        for text, total in zip(self._texts, accumulate(self._counts), strict=True):
            yield f"{self._name}_bucket", (*values, text), total
        yield f"{self._name}_count", values, total
        yield f"{self._name}_sum", values, self._sum


class Apart(NamedTuple):
    """How far two regions differ, in percent: in their numbers of entries, and in the entries themselves."""

    number: float
    content: float


def apart(one: Mapping[Key, Entry], other: Mapping[Key, Entry], until: Timestamp) -> Apart:
    """How far two stores differ in what was logged by a moment. What came later may be on its way, and is no divergence (DIV-3)."""
    ours, theirs = ({key: e for key, e in entries.items() if e.timestamp <= until} for entries in (one, other))
    keys = {*ours, *theirs}
    if not keys:
        return Apart(0.0, 0.0)
    mean = (len(ours) + len(theirs)) / 2
    differing = sum(ours.get(key) != theirs.get(key) for key in keys)
    return Apart(100 * abs(len(ours) - len(theirs)) / mean, 100 * differing / len(keys))


class Exports:
    """The counts of one node, from its start to its end."""

    def __init__(self, start: int, now: float, region: str, peers: Iterable[str]) -> None:
        self.start = start
        self._began = now
        self.counts: Counter[tuple[str, Values]] = Counter()
        for name in (*_BARE, *_OF_DISKS):
            self.counts[name, ()] = 0
        for outcome in _OUTCOMES:
            self.counts["flk_outcomes_total", (outcome,)] = 0
        self.submit = Buckets("flk_submit_seconds")
        self.store = {operation: Buckets("flk_store_seconds") for operation in _OPERATIONS}
        self.divergence: dict[str, Apart] = {}
        self.level = False  # whether it has been level with its log, and so knows what it has shipped
        self.level_at = dict.fromkeys(peers, now)
        self.waits: dict[str, bool] = dict.fromkeys(peers, False)
        for peer in self.level_at:
            self.counts["flk_clock_ahead_total", (peer,)] = 0
        self._region = region

    def samples(self, now: float, unshipped: float, *, ready: bool, timely: bool, deferred: int) -> Iterator[Sample]:
        """Everything exported now; `unshipped` is the age of the oldest record that is not shipped, `deferred` are the claims that
        wait for a tier.
        """
        for (name, values), count in self.counts.items():
            yield name, values, count
        yield from self.submit.samples()
        for operation, buckets in self.store.items():
            yield from buckets.samples((operation,))
        yield "process_start_time_seconds", (), self._began
        yield "flk_ready", (), ready
        yield "flk_clock_trusted", (), timely
        yield "flk_tier_deferred", (), deferred
        yield "flk_snapshot_age_seconds", (), 0.0  # nodes of the simulator write none by themselves
        yield "flk_retention_age_seconds", (), 0.0  # nor do they remove anything
        yield "flk_store_rows_rotten", (), 0.0  # rows of a simulated store do not rot
        yield "flk_crr_lag_seconds", ("ship", self._region), unshipped if self.level else 0.0
        for peer, since in self.level_at.items():
            yield "flk_crr_lag_seconds", ("replay", peer), now - since if self.waits[peer] else 0.0
        for peer, found in self.divergence.items():
            yield "flk_divergence_percent", (peer, "count"), found.number
            yield "flk_divergence_percent", (peer, "sample"), found.content


class Exporter:
    """Counts for every node, and scrapes them into a database."""

    def __init__(self, places: Mapping[str, Place], simulator: Simulator) -> None:
        self.database = Database()
        self._places = places
        self._simulator = simulator
        self._exports: dict[str, Exports] = {}
        self._unshipped: dict[str, deque[Timestamp]] = {}
        self._last_of: dict[str, Timestamp] = {}
        self._known: dict[tuple[str, str, Values], Series] = {}
        self._scraped: dict[str, dict[tuple[str, Values], Series]] = {}

    def observe(self, observer: Observer) -> None:
        """Count from now on."""
        observer.handle(Admitted, self._admitted)
        observer.handle(Replied, self._replied)
        observer.handle(StoreUsed, self._store_used)
        observer.handle(Claimed, self._claimed)
        observer.handle(LogFailed, self._log_failed)
        observer.handle(Recovered, self._recovered)
        observer.handle(Compared, self._compared)
        observer.handle(ClockObserved, self._clock_observed)
        observer.handle(Logged, self._logged)
        observer.handle(Uploaded, self._uploaded)
        observer.handle(WatermarkSet, self._watermark_set)
        observer.handle(Crashed, self._crash)
        observer.handle(PassEnded, self._pass_ended)
        observer.handle(LogRefused, self._log_refused)

    # The scraper.

    def moments(self, duration: float) -> Iterator[float]:
        """When to scrape: half an interval after each evaluation of the alerts."""
        moment = EVERY / 2
        while moment <= duration:
            yield moment
            moment += EVERY

    def scrape(self) -> None:
        """Ask every node for what it exports now."""
        now = self._simulator.now
        for name, place in self._places.items():
            before, found = self._scraped.get(name, {}), dict[tuple[str, Values], Series]()
            if place.node is not None:
                unshipped, node = self._age(place), place.node
                timely = not node.memory.why_not_timely()
                tiered = node.memory.tiered
                deferred = len(tiered.deferred) if tiered else 0
                samples = self._of(name).samples(now, unshipped, ready=node.ready, timely=timely, deferred=deferred)
                for metric, values, number in samples:
                    found[metric, values] = series = self._series(name, metric, values)
                    series.append(now, number)
            for key, series in before.items():
                if key not in found:
                    series.append(now, STALE)
            self._scraped[name] = found
            self._series(name, "up", ()).append(now, place.node is not None)

    def _series(self, node: str, name: str, values: Values) -> Series:
        key = node, name, values
        if key not in self._known:
            metric = METRICS.get(name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum"))
            names = (*(metric.labels if metric else ()), "le")
            target = (("job", JOB), ("region", region_of_node(node)), ("instance", node))
            self._known[key] = self.database.series(labels(name, (*zip(names, values, strict=False), *target)))
        return self._known[key]

    def _of(self, node: str) -> Exports:
        """The counts of the node that runs in a place now, or ran there last."""
        start = self._places[node].starts
        exports = self._exports.get(node)
        if exports is None or exports.start != start:
            region = self._places[node].region
            peers = [peer for peer in region.peers if peer != region.name]
            exports = self._exports[node] = Exports(start, self._simulator.now, region.name, peers)
        return exports

    def _age(self, place: Place) -> float:
        waiting = self._unshipped.get(place.name)
        return max(0.0, place.wall() - wall_seconds(waiting[0])) if waiting else 0.0

    # What is counted.

    def _admitted(self, event: Admitted) -> None:
        self._of(event.node).counts["flk_ingest_total", ()] += 1

    def _replied(self, event: Replied) -> None:
        """A submission was answered: with an outcome, or refused."""
        exports, response = self._of(event.node), event.response
        exports.submit.observe(self._simulator.now - event.began)
        if response.status not in STATES_ENTRY:
            requirement = msgspec.json.decode(response.body, type=Problem).requirement
            exports.counts["flk_refusals_total", (str(int(response.status)), requirement)] += 1
            exports.counts["flk_signature_errors_total", ()] += response.status == Unauthenticated.status

    def _store_used(self, event: StoreUsed) -> None:
        self._of(event.node).store[event.operation].observe(self._simulator.now - event.began)

    def _claimed(self, event: Claimed) -> None:
        """A claim was a first write, a duplicate, or equivocation (DUP-1, DUP-2, DUP-3)."""
        counts, stored, claimed = self._of(event.node).counts, event.stored, event.claim.entry
        if stored is claimed:
            outcome = stored.outcome
            kind = "accepted" if not outcome.escalated else "escalated" if outcome.accepted else "rejected"
            counts["flk_outcomes_total", (kind,)] += 1
        elif stored.digest == claimed.digest:
            counts["flk_dedup_hits_total", ()] += 1
        else:
            counts["flk_equivocations_total", ()] += 1

    def _log_failed(self, event: LogFailed) -> None:
        self._of(event.node).counts["flk_wal_errors_total", ()] += 1

    def _recovered(self, event: Recovered) -> None:
        """A node is level with its log, which may have been damaged."""
        exports = self._of(event.node)
        exports.level = True
        found = sum(len(repair.damage) for repair in event.recovery.repairs) + len(event.recovery.gaps)
        exports.counts["flk_wal_damage_total", ()] += found

    def _compared(self, event: Compared) -> None:
        """Two regions were compared; a comparison that came to nothing leaves the last one. With a cold tier, none is."""
        region = self._places[event.node].region
        if event.divergence.agreement is not Agreement.UNDECIDED and region.entries.tiers is None:
            stores = (region.entries.entries, region.peers[event.peer].entries.entries)
            self._of(event.node).divergence[event.peer] = apart(*stores, at(self._places[event.node].wall() - SETTLE))

    def _clock_observed(self, event: ClockObserved) -> None:
        """Timestamps of another region may run ahead (HLC-3). A node counts those that a replay shows it."""
        if not event.source:
            return
        now = self._places[event.node].wall()
        ahead = sum(is_ahead(timestamp, now) for timestamp in event.timestamps)
        self._of(event.node).counts["flk_clock_ahead_total", (event.source,)] += ahead

    def _log_refused(self, event: LogRefused) -> None:
        self._of(event.node).counts["flk_audit_forks_total", ()] += 1

    # What waits for replication.

    def _logged(self, event: Logged) -> None:
        """A frame waits to be shipped."""
        self._unshipped.setdefault(event.node, deque()).append(event.frame.timestamp)

    def _uploaded(self, event: Uploaded) -> None:
        """The last frame of a segment that is about to be marked as shipped."""
        if event.found.frames:
            self._last_of[event.name.removeprefix(PREFIX)] = max(frame.timestamp for frame in event.found.frames)

    def _watermark_set(self, event: WatermarkSet) -> None:
        """What is shipped waits no longer."""
        if event.name == SHIPPED:
            last, waiting = self._last_of.pop(event.value, 0), self._unshipped.get(event.node)
            while waiting and waiting[0] <= last:
                waiting.popleft()

    def _crash(self, event: Crashed) -> None:
        """With its disk a region loses what waited."""
        for node in event.lost_disks:
            self._unshipped.pop(node, None)

    def _pass_ended(self, event: PassEnded) -> None:
        """After a complete replay nothing waits that was there when it began; after another, something may."""
        if event.stage is Stage.REPLAY:
            exports = self._of(event.node)
            if event.complete:
                exports.level_at[event.source] = event.began
            exports.waits[event.source] = not event.complete
