"""Comparing a region's store with its peers' through the object store that they share (DIV-1, DIV-2).

Nobody is asked: who sees that a range differs publishes its entries of it, the peer sees the same and does likewise, and at its
next look each knows the keys that differ. All of it may be repeated, and stopped anywhere.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeAlias

import msgspec

from flk.model.effects import INBOX, Noted, Program
from flk.model.entries.compared import Digest, Extent, RangeSum, place, position
from flk.model.entries.entry import Entry, Key
from flk.model.log.hlc import Timestamp, at, wall_seconds
from flk.model.programs.publish import Published, common_round, own_rounds, publish_extents
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.divergence


class Sides(NamedTuple):
    """What the region and a peer were found to store under a key in which they differ (None: nothing)."""

    mine: Entry | None
    theirs: Entry | None


class Comparison(msgspec.Struct, frozen=True):
    """How a region and a peer differ in a round. `count_percent` is known where nothing was on its way; `share` is that of the
    entries in ranges that differ, of which `entries` were looked at one by one.
    """

    peer: str
    round: Timestamp
    count_percent: float | None
    ranges: int
    share: float
    entries: int
    differing: Mapping[Key, Sides]


class Compared(msgspec.Struct, frozen=True):
    """What a pass found: the round that it published, a comparison with each peer that could be compared, and which objects were
    refused.
    """

    round: Timestamp
    comparisons: tuple[Comparison, ...]
    refused: tuple[str, ...] = ()


def compare(region: str, peers: Sequence[str], interval: float, *, shared: bool = False) -> Program[Compared]:
    """Publish what the store has up to a moment that is a multiple of `interval` in seconds, as the peers do, and compare it with
    what they have published (DIV-1).

    The moment is a little past, for most of what was logged until then to be replayed everywhere: nothing else depends on it. One
    for which a peer has published already is preferred: where a pass takes longer than the interval, each would leave out others.
    If the store is `shared`, what the region's other nodes have not shipped is not known. Raises Unavailable.
    """
    now = wall_seconds((yield from Noted(INBOX)).wall) - min(LIMITS.settle_seconds, interval)
    round_ = yield from common_round(region, peers, at(max(0.0, now // interval * interval)))
    published = Published(region)
    rounds = yield from own_rounds(region, round_, peers, published, shared=shared)
    latest = []
    for peer in peers:
        latest.append((yield from _latest_pair(peer, rounds, published)))  # noqa: PERF401  (a comprehension cannot yield)
    yield from publish_extents(region, [pair for pair in latest if pair is not None])
    comparisons = []
    for peer in peers:
        found = yield from _compared(peer, rounds, published)
        if found is not None:
            comparisons.append(found)
    return Compared(round_, tuple(comparisons), tuple(dict.fromkeys(published.refused)))


def _latest_pair(
    peer: str, rounds: Sequence[Digest], published: Published
) -> Program[tuple[Timestamp, list[int]] | None]:
    """The latest round of which both have published a digest, and the ranges to look into."""
    for mine in rounds:
        theirs = yield from published.digest(peer, mine.round)
        if theirs is not None:
            both = yield from _both(mine, theirs, published)
            return (mine.round, []) if both is None else (mine.round, _chosen(*both, mine.round))
    return None


_Both: TypeAlias = tuple[tuple[RangeSum, ...], tuple[RangeSum, ...]]


def _both(mine: Digest, theirs: Digest, published: Published) -> Program[_Both | None]:
    """What both say of each range; None if that is the same, or not known."""
    if mine.root == theirs.root:
        return None
    one = yield from published.sums(mine)
    other = yield from published.sums(theirs)
    return None if one is None or other is None else (one, other)


def _chosen(mine: Sequence[RangeSum], theirs: Sequence[RangeSum], round_: Timestamp) -> list[int]:
    """As many of the ranges that differ as are looked into in a round, in each round others."""
    differing = [number for number, one in enumerate(mine) if one != theirs[number]]
    differing.sort(key=lambda number: sha256(f"{round_}/{number}".encode()).digest())
    return differing[: LIMITS.round_ranges]


def _compared(peer: str, rounds: Sequence[Digest], published: Published) -> Program[Comparison | None]:
    """The comparison of the latest round in which it is known what differs; None if there is none."""
    for mine in rounds:
        theirs = yield from published.digest(peer, mine.round)
        if theirs is None:
            continue
        if mine.root == theirs.root:
            return Comparison(peer, mine.round, _count_percent(mine, theirs), 0, 0.0, 0, {})
        both = yield from _both(mine, theirs, published)
        if both is None:
            continue
        extents = []
        for number in _chosen(*both, mine.round):
            one = yield from published.extent(mine.region, mine.round, number)
            other = yield from published.extent(peer, mine.round, number)
            if one is not None and other is not None:
                extents.append((one, other))
        if extents:
            return _comparison(mine, theirs, both, extents)
    return None


def _comparison(mine: Digest, theirs: Digest, both: _Both, extents: Sequence[tuple[Extent, Extent]]) -> Comparison:
    most = [max(one.entries, other.entries) for one, other in zip(*both, strict=True)]
    differ = [entries for entries, one, other in zip(most, *both, strict=True) if one != other]
    differing: dict[Key, Sides] = {}
    entries = 0
    for one, other in extents:
        until = min(one.until, other.until)
        ours, others = (_until(extent, until) for extent in (one, other))
        entries += len({*ours, *others})
        for key in {*ours, *others}:
            if ours.get(key) != others.get(key):
                differing[key] = Sides(ours.get(key), others.get(key))
    percent = _count_percent(mine, theirs)
    return Comparison(theirs.region, mine.round, percent, len(differ), sum(differ) / sum(most), entries, differing)


def _count_percent(mine: Digest, theirs: Digest) -> float | None:
    """By how much the counts differ; None if the difference may be on its way."""
    if not (mine.level and theirs.level):
        return None
    mean = (mine.count + theirs.count) / 2
    return 100 * abs(mine.count - theirs.count) / mean if mean else 0.0


def _until(extent: Extent, until: int) -> dict[Key, Entry]:
    """The entries of a range whose positions are no later."""
    claims = extent.claims()
    if extent.until <= until:
        return claims
    return {k: e for k, e in claims.items() if position(place(k), extent.round, extent.number) <= until}
