"""The invariants of tiers: checked at every change of a tier, and at every claim that is judged as new."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial

from flk.model.entries.entry import Claim, Entry, Key, join, precedence
from flk.model.entries.tiers import Tier
from flk.model.log.hlc import Timestamp, text, wall_seconds
from flk.model.refusal import OutOfReach
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import ORIGIN, Region
from flk.sim.scenarios.faults import Disk
from flk.sim.scenarios.layout import Tiers
from flk.sim.world.events import (
    ClaimDeferred,
    Claimed,
    ClaimSearched,
    Crashed,
    Merged,
    Rotted,
    TierAsked,
    TierDropped,
    TierPlaced,
)
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

RETRY_AFTER = CONSTANTS.node.unavailable_retry_after_seconds
# The order of the tiers, stated again: the model's own table is among what is judged.
FURTHER = {Tier.HOT: Tier.WARM, Tier.WARM: Tier.COLD}
NEARER = {Tier.WARM: Tier.HOT, Tier.COLD: Tier.WARM}


class TierRules:
    """Checks that tiers forget nothing, and that none is left out."""

    def __init__(
        self, regions: Mapping[str, Region], layout: Tiers | None, checks: Checks, now: Callable[[], float], calm: float
    ) -> None:
        self._regions = regions
        self._layout = layout or Tiers()
        self._checks = checks
        self._now = now
        self._calm = calm
        self._placed: dict[tuple[str, Tier, Key], float] = {}
        self._asked: defaultdict[tuple[str, Key], set[Tier]] = defaultdict(set)
        self._deferred: defaultdict[tuple[str, Key], set[Timestamp]] = defaultdict(set)
        self._rotten: set[tuple[str, Timestamp]] = set()

    def observe(self, observer: Observer) -> None:
        """Check every claim, every merge, and whatever leaves a tier."""
        observer.handle(TierPlaced, self._check_placed)
        observer.handle(TierDropped, self._check_dropped)
        observer.handle(ClaimSearched, self._check_searched)
        observer.handle(TierAsked, self._note_asked)
        observer.handle(ClaimDeferred, self._defer)
        observer.handle(Claimed, self._check_claimed)
        observer.handle(Merged, self._check_merged)
        observer.handle(Rotted, self._note_rot)
        observer.handle(Crashed, self._crash)

    def _check_placed(self, event: TierPlaced) -> None:
        """What a tier has is overwritten by nothing later, and by nothing else of the same moment."""
        before, entry = event.before, event.entry
        self._placed[event.region, event.tier, event.key] = self._now()
        self._checks.require(
            Invariant.TIER_EARLIER,
            before is None or before == entry or precedence(entry) < precedence(before),
            event.region,
            "Copy",
            lambda: f"{_shown(event.key)} in the {event.tier} tier gave way to a later entry, {text(entry.timestamp)}",
        )

    def _check_searched(self, event: ClaimSearched) -> None:
        """A claim is turned away only if no tier at hand has its key; what was found further off is nearer now."""
        region, key, tier = event.region, event.claim.key, event.tier
        tiers = self._regions[region].entries.tiers
        if tiers is None:
            return
        if isinstance(event.result, OutOfReach):
            near = [each for each in (Tier.HOT, Tier.WARM) if key in tiers.held[each]]
            self._checks.require(
                Invariant.TIER_NEAR,
                not near,
                region,
                "Store",
                lambda: f"{_shown(key)} was turned away for the cold tier, and the {near[0]} tier has it",
            )
        elif isinstance(event.result, Entry) and tier in NEARER:
            place = self._regions[region]
            came = key in tiers.held[NEARER[tier]] or place.has_outlived(event.result)
            left = key not in tiers.held[tier]  # it was moved on before it could be copied
            away = place.outages or place.cold_outages or not place.shards.by_name[place.shards.owner(key)].answers
            self._checks.require(
                Invariant.TIER_NEAR,
                bool(came or left or away),
                region,
                "Store",
                lambda: f"{_shown(key)} was found in the {tier} tier, and is not nearer for that",
            )

    def _check_dropped(self, event: TierDropped) -> None:
        """Within the window a tier lets go of what the next slower one holds, and the last of them of nothing."""
        region, tier, key, entry = event.region, event.tier, event.key, event.entry
        tiers = self._regions[region].entries.tiers
        if tiers is None or self._regions[region].has_outlived(entry):
            return
        below = FURTHER.get(tier)
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

    def finish(self) -> None:
        """Nothing stays in a tier beyond its term there, when the mover had the time to take it on."""
        terms = {Tier.HOT: self._layout.hot_term, Tier.WARM: self._layout.warm_term, Tier.COLD: self._layout.window}
        patience = 3 * self._layout.move_interval + 30 * (self._layout.cold + self._layout.warm) + RETRY_AFTER
        for name, region in self._regions.items():
            tiers = region.entries.tiers
            if tiers is None or region.first.node is None or not region.first.node.level:
                continue
            for tier in Tier:
                for key, entry in tiers.held[tier].items():
                    due = wall_seconds(entry.timestamp) - ORIGIN + terms[tier]
                    since = max(due, self._calm, self._placed.get((name, tier, key), 0.0))
                    self._checks.require(
                        Invariant.TIER_TERM,
                        self._now() - since <= patience,
                        name,
                        "end",
                        partial(_stays, key, tier),
                    )

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
            tiers = self._regions[region].entries.tiers
            self._checks.require(
                Invariant.TIER_ASKED,
                tiers is None or claim.key in tiers.held[Tier.HOT],
                region,
                event,
                lambda: f"{_shown(claim.key)} is new, and not in the hot tier",
            )


def _stays(key: Key, tier: Tier) -> str:
    return f"{_shown(key)} is in the {tier} tier, and its term there is long over"


def _shown(key: Key) -> str:
    return f"{key.tenant}/{key.pcs_id[:12]}"
