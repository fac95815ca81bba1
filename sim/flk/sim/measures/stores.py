"""What stores of several shards or tiers amounted to: where claims found their entries, how fast, who was refused, what moved."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from flk.model.entries.entry import Key
from flk.model.entries.tiers import FASTER, Tier
from flk.model.log.hlc import Timestamp
from flk.model.refusal import OutOfReach, Refused
from flk.sim.kernel.engine import Simulator
from flk.sim.measures.series import Quantiles, Steps, quantiles, steps
from flk.sim.nodes.region import Region
from flk.sim.world.events import (
    ClaimDeferred,
    ClaimSearched,
    Crashed,
    Merged,
    Replied,
    ShardSilent,
    TierDropped,
    TierPlaced,
)
from flk.sim.world.observer import Observer

NEW, AWAY, FAILED = "new", "away", "failed"


class ShardAnswers(NamedTuple):
    """Submissions that were answered, by the shard of their key: all, and those with 5xx; and requests the shard was silent to."""

    answered: int
    errors: int
    silent: int


class StoreMeasures(NamedTuple):
    """The store of one region.

    `searches` are the seconds that claims took in the store, by where their entry was: `hot`, `warm`, `cold`, or in no tier, `new`;
    those that were refused because a tier was `away`, or `failed` for another reason. `refused_near` counts the claims of keys in
    the hot or warm tier among those refused for a tier that is away: none, if the outage of the cold tier concerns cold keys only.
    `deferred` is how many claims waited for a tier over time. `demoted`, `promoted` and `expired` count copies.
    """

    shards: Mapping[str, ShardAnswers]
    searches: Mapping[str, Quantiles]
    refused_near: int
    deferred: Steps
    demoted: int
    promoted: int
    expired: int


class _Named(msgspec.Struct):
    pcs_id: str = ""


class StoreRecorder:
    """Writes down what the measures of stores need."""

    def __init__(self, regions: Mapping[str, Region], simulator: Simulator) -> None:
        self._regions = regions
        self._simulator = simulator
        self._answered: Counter[tuple[str, str]] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter()
        self._silent: Counter[tuple[str, str]] = Counter()
        self._seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._refused_near: Counter[str] = Counter()
        self._deferred: defaultdict[str, set[tuple[Key, Timestamp]]] = defaultdict(set)
        self._deferred_steps: defaultdict[str, list[tuple[float, int]]] = defaultdict(lambda: [(0.0, 0)])
        self._demoted: Counter[str] = Counter()
        self._promoted: Counter[str] = Counter()
        self._expired: Counter[str] = Counter()

    def measures(self) -> dict[str, StoreMeasures]:
        """What each region's store amounted to."""
        return {name: self._of(region) for name, region in self._regions.items()}

    def observe(self, observer: Observer) -> None:
        """Write down what happens from now on."""
        observer.handle(Replied, self._replied)
        observer.handle(ShardSilent, self._silent_shard)
        observer.handle(ClaimSearched, self._searched)
        observer.handle(ClaimDeferred, self._defer)
        observer.handle(Merged, self._merged)
        observer.handle(Crashed, self._crash)
        observer.handle(TierPlaced, self._placed)
        observer.handle(TierDropped, self._dropped)

    def _replied(self, event: Replied) -> None:
        """Count an answer for the shard of its key, if the body names one."""
        request = event.request
        try:
            key = Key(request.tenant, msgspec.json.decode(request.body, type=_Named).pcs_id)
        except msgspec.DecodeError:
            return
        shard = event.region, self._regions[event.region].shards.owner(key)
        self._answered[shard] += 1
        self._errors[shard] += event.response.status >= 500

    def _silent_shard(self, event: ShardSilent) -> None:
        self._silent[event.region, event.shard] += 1

    def _searched(self, event: ClaimSearched) -> None:
        """A claim has its entry, or a refusal."""
        region = event.region
        if isinstance(event.result, OutOfReach):
            where: str = AWAY
            self._refused_near[region] += self._is_near(region, event.claim.key)
        elif isinstance(event.result, Refused):
            where = FAILED
        else:
            where = event.tier or NEW
        self._seconds[region, where].append(self._simulator.now - event.began)

    def _defer(self, event: ClaimDeferred) -> None:
        self._deferred[event.region].add((event.claim.key, event.claim.entry.timestamp))
        self._note_deferred(event.region)

    def _merged(self, event: Merged) -> None:
        """What was deferred is applied."""
        region, claim = event.region, event.claim
        deferred = claim.key, claim.entry.timestamp
        if claim.entry.region == region and deferred in self._deferred[region]:
            self._deferred[region].remove(deferred)
            self._note_deferred(region)

    def _crash(self, event: Crashed) -> None:
        """A node that is down has deferred nothing that it knows of."""
        if self._deferred.pop(event.fault.region, None):
            self._note_deferred(event.fault.region)

    def _placed(self, event: TierPlaced) -> None:
        """A copy one tier up is a promotion, if a slower tier has the same."""
        tiers = self._regions[event.region].entries.tiers
        slower = [below for below, above in FASTER.items() if above is event.tier]
        if tiers is not None and any(tiers.held[below].get(event.key) == event.entry for below in slower):
            self._promoted[event.region] += 1

    def _dropped(self, event: TierDropped) -> None:
        """What leaves a tier moved down, or expired if its window is over."""
        outlived = self._regions[event.region].has_outlived(event.entry)
        (self._expired if outlived else self._demoted)[event.region] += 1

    def _note_deferred(self, region: str) -> None:
        self._deferred_steps[region].append((self._simulator.now, len(self._deferred[region])))

    def _is_near(self, region: str, key: Key) -> bool:
        tiers = self._regions[region].entries.tiers
        return tiers is not None and (key in tiers.held[Tier.HOT] or key in tiers.held[Tier.WARM])

    def _of(self, region: Region) -> StoreMeasures:
        name = region.name
        return StoreMeasures(
            shards={
                shard: ShardAnswers(self._answered[name, shard], self._errors[name, shard], self._silent[name, shard])
                for shard in region.shards.by_name
            },
            searches={
                where: quantiles(np.array(self._seconds[name, where]))
                for where in (*Tier, NEW, AWAY, FAILED)
                if (name, where) in self._seconds
            },
            refused_near=self._refused_near[name],
            deferred=steps(self._deferred_steps[name]),
            demoted=self._demoted[name],
            promoted=self._promoted[name],
            expired=self._expired[name],
        )
