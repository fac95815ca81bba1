"""The invariants of tiers: checked at every change of a tier, and at every claim that is judged as new."""

from collections import defaultdict
from collections.abc import Mapping

from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.entries.tiers import SLOWER, Tier
from flk.model.log.hlc import Timestamp, text
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk
from flk.sim.world.events import ClaimDeferred, Claimed, Crashed, Merged, Rotted, TierAsked, TierDropped
from flk.sim.world.observer import Observer


class TierRules:
    """Checks that tiers forget nothing, and that none is left out."""

    def __init__(self, regions: Mapping[str, Region], checks: Checks) -> None:
        self._regions = regions
        self._checks = checks
        self._asked: defaultdict[tuple[str, Key], set[Tier]] = defaultdict(set)
        self._deferred: defaultdict[tuple[str, Key], set[Timestamp]] = defaultdict(set)
        self._rotten: set[tuple[str, Timestamp]] = set()

    def observe(self, observer: Observer) -> None:
        """Check every claim, every merge, and whatever leaves a tier."""
        observer.handle(TierDropped, self._check_dropped)
        observer.handle(TierAsked, self._note_asked)
        observer.handle(ClaimDeferred, self._defer)
        observer.handle(Claimed, self._check_claimed)
        observer.handle(Merged, self._check_merged)
        observer.handle(Rotted, self._note_rot)
        observer.handle(Crashed, self._crash)

    def _check_dropped(self, event: TierDropped) -> None:
        """Within the window a tier lets go of what the next slower one holds, and the last of them of nothing."""
        region, tier, key, entry = event.region, event.tier, event.key, event.entry
        tiers = self._regions[region].entries.tiers
        if tiers is None or self._regions[region].has_outlived(entry):
            return
        below = SLOWER.get(tier)
        there = None if below is None else tiers.held[below].get(key)
        self._checks.require(
            Invariant.TIER_MOVE,
            there is not None and join(there, entry) == there,
            region,
            "Delete",
            lambda: f"{_shown(key)} was deleted from the {tier} tier, and {below or 'no slower tier'} does not hold it",
        )
        self._checks.require(
            Invariant.TIER_KEPT,
            key in tiers.first,
            region,
            "Delete",
            lambda: f"{_shown(key)} of {text(entry.timestamp)} is in no tier any more, and its window still runs",
        )

    def _note_asked(self, event: TierAsked) -> None:
        for key in event.keys:
            self._asked[event.region, key].add(event.tier)

    def _defer(self, event: ClaimDeferred) -> None:
        """No claim of the same key may overtake one that is deferred."""
        region, claim = event.region, event.claim
        if (region, claim.entry.timestamp) not in self._rotten:
            self._deferred[region, claim.key].add(claim.entry.timestamp)

    def _check_claimed(self, event: Claimed) -> None:
        """A claim overtakes none that is deferred, and is new only if no tier has its key."""
        region, claim = event.region, event.claim
        timestamp = claim.entry.timestamp
        waiting = self._deferred[region, claim.key]
        waiting.discard(timestamp)
        self._checks.require(
            Invariant.LOG_ORDER,
            not waiting or timestamp < min(waiting),
            region,
            "Store",
            lambda: (
                f"the claim of frame {text(timestamp)} overtook that of frame {text(min(waiting))}, which is deferred"
            ),
        )
        self._check_new(region, "Store", claim, event.before, event.stored)

    def _check_merged(self, event: Merged) -> None:
        """What is deferred is applied by a merge, and a merge too is new only if no tier has its key."""
        region, claim = event.region, event.claim
        if claim.entry.region == region:
            self._deferred[region, claim.key].discard(claim.entry.timestamp)
        self._check_new(region, "Merge", claim, event.before, event.after)

    def _note_rot(self, event: Rotted) -> None:
        """Recovery knows nothing of what cannot be read any more, so that may be overtaken (WAL-4)."""
        for claim, _ in event.lost:
            self._rotten.add((event.region, claim.entry.timestamp))
            self._deferred[event.region, claim.key].discard(claim.entry.timestamp)

    def _crash(self, event: Crashed) -> None:
        """A node that starts again learns from its log what it has to apply. Of a new disk's tiers none was asked yet."""
        region = event.fault.region
        self._deferred = defaultdict(set, {at: times for at, times in self._deferred.items() if at[0] != region})
        if event.fault.disk is Disk.LOST:
            self._asked = defaultdict(set, {at: tiers for at, tiers in self._asked.items() if at[0] != region})

    def _check_new(self, region: str, event: str, claim: Claim, before: Entry | None, stored: Entry) -> None:
        asked = self._asked.pop((region, claim.key), set())
        if stored != claim.entry or stored == before:
            return
        if before is not None:  # then it must have given way
            self._checks.require(
                Invariant.TIER_ASKED,
                join(before, stored) == stored,
                region,
                event,
                lambda: f"{_shown(claim.key)} was judged as new, and a tier has it as of {text(before.timestamp)}",
            )
        else:
            self._checks.require(
                Invariant.TIER_ASKED,
                asked == set(Tier),
                region,
                event,
                lambda: (
                    f"{_shown(claim.key)} was judged as new without asking "
                    f"{', '.join(tier for tier in Tier if tier not in asked)}"
                ),
            )


def _shown(key: Key) -> str:
    return f"{key.tenant}/{key.pcs_id[:12]}"
