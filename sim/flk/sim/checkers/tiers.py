"""The invariants of tiers: checked at every change of a tier, and at every claim that is judged as new."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.entries.tiers import SLOWER, Tier
from flk.model.log.hlc import Timestamp, text
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk, Stop
from flk.sim.world.events import Rotten, Watcher


class TierRules(Watcher):
    """Checks that tiers forget nothing, and that none is left out."""

    def __init__(self, regions: Mapping[str, Region], checks: Checks) -> None:
        self._regions = regions
        self._checks = checks
        self._asked: defaultdict[tuple[str, Key], set[Tier]] = defaultdict(set)
        self._owed: defaultdict[tuple[str, Key], set[Timestamp]] = defaultdict(set)
        self._rotten: set[tuple[str, Timestamp]] = set()

    def dropped(self, region: str, tier: Tier, key: Key, entry: Entry) -> None:
        """Within the window a tier lets go of what the next slower one holds, and the last of them of nothing."""
        tiers = self._regions[region].entries.tiers
        if tiers is None or self._regions[region].has_outlived(entry):
            return
        below = SLOWER.get(tier)
        there = None if below is None else tiers.held[below].get(key)
        if not self._checks.holds(Invariant.TIER_MOVE, there is not None and join(there, entry) == there):
            sentence = (
                f"{_shown(key)} was deleted from the {tier} tier, and {below or 'no slower tier'} does not hold it"
            )
            self._checks.violated(Invariant.TIER_MOVE, region, "Delete", sentence)
        if not self._checks.holds(Invariant.TIER_KEPT, key in tiers.first):
            sentence = f"{_shown(key)} of {text(entry.timestamp)} is in no tier any more, and its window still runs"
            self._checks.violated(Invariant.TIER_KEPT, region, "Delete", sentence)

    def looked(self, region: str, tier: Tier, keys: Sequence[Key]) -> None:
        """A tier was asked."""
        for key in keys:
            self._asked[region, key].add(tier)

    def turned_away(self, region: str, claim: Claim) -> None:
        """A claim is owed: none of its key may overtake it."""
        if (region, claim.entry.timestamp) not in self._rotten:
            self._owed[region, claim.key].add(claim.entry.timestamp)

    def claimed(
        self, region: str, claim: Claim, before: Entry | None, stored: Entry, records: Sequence[object]
    ) -> None:
        """A claim overtakes none that is owed, and is new only if no tier has its key."""
        del records
        timestamp = claim.entry.timestamp
        waiting = self._owed[region, claim.key]
        waiting.discard(timestamp)
        if not self._checks.holds(Invariant.LOG_ORDER, not waiting or timestamp < min(waiting)):
            sentence = (
                f"the claim of frame {text(timestamp)} overtook that of frame {text(min(waiting))}, which is owed"
            )
            self._checks.violated(Invariant.LOG_ORDER, region, "Store", sentence)
        self._check_new(region, "Store", claim, before, stored)

    def merged(self, region: str, claim: Claim, before: Entry | None, after: Entry, records: Sequence[object]) -> None:
        """What is owed is applied by a merge, and a merge too is new only if no tier has its key."""
        del records
        if claim.entry.region == region:
            self._owed[region, claim.key].discard(claim.entry.timestamp)
        self._check_new(region, "Merge", claim, before, after)

    def rotted(self, region: str, lost: Sequence[Rotten]) -> None:
        """Recovery knows nothing of what cannot be read any more, so that may be overtaken (WAL-4)."""
        for claim, _ in lost:
            self._rotten.add((region, claim.entry.timestamp))
            self._owed[region, claim.key].discard(claim.entry.timestamp)

    def crashed(self, fault: Stop) -> None:
        """A node that starts again owes what its log says. Of a new disk's tiers none was asked yet."""
        self._owed = defaultdict(set, {at: owed for at, owed in self._owed.items() if at[0] != fault.region})
        if fault.disk is Disk.LOST:
            self._asked = defaultdict(set, {at: tiers for at, tiers in self._asked.items() if at[0] != fault.region})

    def _check_new(self, region: str, event: str, claim: Claim, before: Entry | None, stored: Entry) -> None:
        asked = self._asked.pop((region, claim.key), set())
        if stored != claim.entry or stored == before:
            return
        if before is not None:  # then it must have given way
            if not self._checks.holds(Invariant.TIER_ASKED, join(before, stored) == stored):
                sentence = f"{_shown(claim.key)} was judged as new, and a tier has it as of {text(before.timestamp)}"
                self._checks.violated(Invariant.TIER_ASKED, region, event, sentence)
        elif not self._checks.holds(Invariant.TIER_ASKED, asked == set(Tier)):
            left = ", ".join(tier for tier in Tier if tier not in asked)
            self._checks.violated(
                Invariant.TIER_ASKED, region, event, f"{_shown(claim.key)} was judged as new without asking {left}"
            )


def _shown(key: Key) -> str:
    return f"{key.tenant}/{key.pcs_id[:12]}"
