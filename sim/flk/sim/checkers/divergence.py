"""What a node says of how far its region differs from another, judged from the two stores (CRR-8)."""

from collections.abc import Callable, Mapping
from math import isclose

from flk.model.entries.entry import Entry, Key
from flk.model.programs.divergence import Agreement, Divergence
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import Region
from flk.sim.world.events import Claimed, Compared, Crashed, Forgotten, Merged, RulingSwitched
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.replication


class DivergenceRules:
    """Checks each comparison that came to an answer while neither store changed: it can come out one way only, but for the draw of
    the sample.
    """

    def __init__(self, regions: Mapping[str, Region], checks: Checks, now: Callable[[], float]) -> None:
        self._regions = regions
        self._checks = checks
        self._now = now
        self._changed = dict.fromkeys(regions, 0.0)

    def observe(self, observer: Observer) -> None:
        """Follow every change of a store, and every comparison."""
        observer.handle(Claimed, self._claimed)
        observer.handle(Merged, self._merged)
        observer.handle(Forgotten, lambda event: self._note(event.region))
        observer.handle(RulingSwitched, lambda event: self._note(event.region))
        observer.handle(Crashed, lambda event: self._note(event.fault.region))
        observer.handle(Compared, self._compared)

    def _claimed(self, event: Claimed) -> None:
        if event.stored != event.before:
            self._note(event.region)

    def _merged(self, event: Merged) -> None:
        if event.after is not event.before:
            self._note(event.region)

    def _note(self, region: str) -> None:
        self._changed[region] = self._now()

    def _compared(self, event: Compared) -> None:
        sides = event.region, event.peer
        if any(self._changed.get(region, 0.0) >= event.began for region in sides):
            return
        found = event.divergence
        if found.agreement is not Agreement.UNDECIDED:
            said = wrong(found, *(self._regions[region].entries.entries for region in sides))
            self._checks.require(
                Invariant.DIVERGENCE,
                not said,
                event.region,
                f"compare {event.peer}",
                lambda: f"the comparison says {said}",
            )


def wrong(found: Divergence, one: Mapping[Key, Entry], other: Mapping[Key, Entry]) -> str:
    """What a comparison of two stores says wrongly, empty if it is right.

    >>> wrong(Divergence(Agreement.AGREE, count_percent=1.0), {}, {})
    'counts differ by 1 %, and it is 0 %'
    """
    count = _percent(abs(len(one) - len(other)), (len(one) + len(other)) / 2)
    differing = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    seen = set(found.mismatched)
    if not isclose(found.count_percent, count):
        return f"counts differ by {found.count_percent:g} %, and it is {count:g} %"
    if not seen <= differing or len(seen) < len(found.mismatched):
        return f"{len(seen - differing)} keys differ that do not, of {len(found.mismatched)}"
    if max(len(one), len(other)) <= LIMITS.divergence_sample:  # the sample is all there is
        sample = _percent(len(differing), len(one.keys() | other.keys()))
        if seen != differing or not isclose(found.sample_percent, sample):
            return f"{len(seen)} keys differ, {found.sample_percent:g} %, and {len(differing)} do, {sample:g} %"
    elif bool(seen) != (found.sample_percent > 0) or found.sample_percent > _percent(
        len(seen), LIMITS.divergence_sample
    ):
        return f"{found.sample_percent:g} % of the sample differs, with {len(seen)} keys that differ"
    over = (
        found.count_percent > LIMITS.divergence_count_percent or found.sample_percent > LIMITS.divergence_sample_percent
    )
    return "" if (found.agreement is Agreement.DIVERGE) == over else f"{found.agreement}, against its own figures"


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0
