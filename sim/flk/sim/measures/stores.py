"""What stores of several shards or tiers amounted to: where claims found their entries, how fast, who was refused, what moved."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tiers import FASTER, Tier
from flk.model.flow.submission import Response, Submission
from flk.model.log.hlc import Timestamp
from flk.model.refusal import OutOfReach, Refused
from flk.sim.kernel.engine import Simulator
from flk.sim.measures.series import Quantiles, Steps, quantiles, steps
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Stop
from flk.sim.world.events import Watcher

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
    `owed` is how many claims waited for a tier over time. `demoted`, `promoted` and `expired` count copies.
    """

    shards: Mapping[str, ShardAnswers]
    searches: Mapping[str, Quantiles]
    refused_near: int
    owed: Steps
    demoted: int
    promoted: int
    expired: int


class _Named(msgspec.Struct):
    pcs_id: str = ""


class StoreRecorder(Watcher):
    """Writes down what the measures of stores need."""

    def __init__(self, regions: Mapping[str, Region], simulator: Simulator) -> None:
        self._regions = regions
        self._simulator = simulator
        self._answered: Counter[tuple[str, str]] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter()
        self._silent: Counter[tuple[str, str]] = Counter()
        self._seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._refused_near: Counter[str] = Counter()
        self._owed: defaultdict[str, set[tuple[Key, Timestamp]]] = defaultdict(set)
        self._owed_steps: defaultdict[str, list[tuple[float, int]]] = defaultdict(lambda: [(0.0, 0)])
        self._demoted: Counter[str] = Counter()
        self._promoted: Counter[str] = Counter()
        self._expired: Counter[str] = Counter()

    def measures(self) -> dict[str, StoreMeasures]:
        """What each region's store amounted to."""
        return {name: self._of(region) for name, region in self._regions.items()}

    def replied(self, region: str, request: Submission, logged: Timestamp | None, response: Response) -> None:
        """Count an answer for the shard of its key, if the body names one."""
        del logged
        try:
            key = Key(request.tenant, msgspec.json.decode(request.body, type=_Named).pcs_id)
        except msgspec.DecodeError:
            return
        shard = region, self._regions[region].shards.owner(key)
        self._answered[shard] += 1
        self._errors[shard] += response.status >= 500

    def silent(self, region: str, shard: str) -> None:
        """A shard did not answer."""
        self._silent[region, shard] += 1

    def searched(self, region: str, claim: Claim, tier: Tier | None, began: float, result: object) -> None:
        """A claim has its entry, or a refusal."""
        if isinstance(result, OutOfReach):
            where: str = AWAY
            self._refused_near[region] += self._is_near(region, claim.key)
        elif isinstance(result, Refused):
            where = FAILED
        else:
            where = tier or NEW
        self._seconds[region, where].append(self._simulator.now - began)

    def turned_away(self, region: str, claim: Claim) -> None:
        """One more is owed."""
        self._owed[region].add((claim.key, claim.entry.timestamp))
        self._note_owed(region)

    def merged(self, region: str, claim: Claim, before: Entry | None, after: Entry, records: Sequence[object]) -> None:
        """What was owed is settled."""
        del before, after, records
        owed = claim.key, claim.entry.timestamp
        if claim.entry.region == region and owed in self._owed[region]:
            self._owed[region].remove(owed)
            self._note_owed(region)

    def crashed(self, fault: Stop) -> None:
        """A node that is down owes nothing that it knows of."""
        if self._owed.pop(fault.region, None):
            self._note_owed(fault.region)

    def placed(self, region: str, tier: Tier, key: Key, entry: Entry) -> None:
        """A copy one tier up is a promotion, if a slower tier has the same."""
        tiers = self._regions[region].entries.tiers
        slower = [below for below, above in FASTER.items() if above is tier]
        if tiers is not None and any(tiers.held[below].get(key) == entry for below in slower):
            self._promoted[region] += 1

    def dropped(self, region: str, tier: Tier, key: Key, entry: Entry) -> None:
        """What leaves a tier moved down, or expired if its window is over."""
        del tier, key
        counter = self._expired if self._regions[region].has_outlived(entry) else self._demoted
        counter[region] += 1

    def _note_owed(self, region: str) -> None:
        self._owed_steps[region].append((self._simulator.now, len(self._owed[region])))

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
            owed=steps(self._owed_steps[name]),
            demoted=self._demoted[name],
            promoted=self._promoted[name],
            expired=self._expired[name],
        )
