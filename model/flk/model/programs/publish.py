"""What a region publishes of its store, and reads of what others have published (DIV-1, DIV-2)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from itertools import groupby
from typing import TypeVar

from flk.model.effects import (
    INBOX,
    DeleteObject,
    Export,
    GetBeginning,
    ListObjects,
    Marked,
    Program,
    PutObject,
    Segments,
)
from flk.model.entries.compared import (
    PLACE_BYTES,
    RANGES,
    BadObject,
    Digest,
    Extent,
    RangeSum,
    digest_name,
    digest_of,
    extent_name,
    extent_of,
    leaf,
    place,
    position,
    range_of,
    ranges_name,
    ranges_of,
    read_digest,
    read_extent,
    read_ranges,
    rounds_of,
    written,
)
from flk.model.entries.entry import Claim
from flk.model.log.frames import log_of
from flk.model.log.hlc import Timestamp, at, text, wall_seconds
from flk.model.programs.evidence import begun
from flk.model.programs.repair import read
from flk.model.programs.replay import REPLAYED
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.divergence
T = TypeVar("T")
MOST = LIMITS.max_object_bytes + 1  # read of an object: one byte more than it may have


class Published:
    """What regions have published, each object read once; and what of it was `refused`.

    What `region` itself published and cannot be believed any more is removed: the next pass publishes it again.
    """

    def __init__(self, region: str) -> None:
        self.region = region
        self.refused: list[str] = []
        self._digests: dict[tuple[str, Timestamp], Digest | None] = {}
        self._sums: dict[tuple[str, Timestamp], tuple[RangeSum, ...] | None] = {}

    def digest(self, region: str, round_: Timestamp) -> Program[Digest | None]:
        """A region's digest of a round; None if there is none, or none to be believed."""
        if (region, round_) not in self._digests:
            name = digest_name(region, round_)
            read = partial(read_digest, name, region=region, round_=round_)
            self._digests[region, round_] = yield from self._read(region, name, read)
        return self._digests[region, round_]

    def sums(self, digest: Digest) -> Program[tuple[RangeSum, ...] | None]:
        """What a region says of each range."""
        about = (digest.region, digest.round)
        if about not in self._sums:
            name = ranges_name(*about)
            self._sums[about] = yield from self._read(digest.region, name, partial(read_ranges, name, digest=digest))
        return self._sums[about]

    def extent(self, region: str, round_: Timestamp, number: int) -> Program[Extent | None]:
        """The entries of a range that a region has published."""
        name = extent_name(region, round_, number)
        read = partial(read_extent, name, region=region, round_=round_, number=number)
        return (yield from self._read(region, name, read))

    def _read(self, region: str, name: str, read: Callable[[bytes], T]) -> Program[T | None]:
        content = yield from GetBeginning(name, MOST)
        if content is None:
            return None
        try:
            return read(content)
        except BadObject as bad:
            self.refused.append(str(bad))
            if region == self.region:
                yield from DeleteObject(name)
            return None


def common_round(region: str, peers: Sequence[str], latest: Timestamp) -> Program[Timestamp]:
    """The round to publish: the last one, `latest` at most, that a peer has published after the last of the region's own; or else
    `latest`.
    """
    own = yield from _published(region)
    known = set[Timestamp]()
    for peer in peers:
        known |= yield from _published(peer)
    return max((each for each in known if max(own, default=0) < each <= latest), default=latest)


def _published(region: str) -> Program[set[Timestamp]]:
    """The rounds of which there is a digest."""
    listed = yield from ListObjects(rounds_of(region))
    rounds = (_round_of(region, name) for name in listed)
    return {each for each, name in zip(rounds, listed, strict=True) if each and name == digest_name(region, each)}


def own_rounds(
    region: str, round_: Timestamp, peers: Sequence[str], published: Published, *, shared: bool
) -> Program[list[Digest]]:
    """What the region has published of its latest rounds, the latest first, this one included. What is older is removed."""
    listed = yield from ListObjects(rounds_of(region))
    names = {name: _round_of(region, name) for name in listed}
    earlier = sorted({each for each in names.values() if each is not None and each != round_}, reverse=True)
    kept = [round_, *earlier][: LIMITS.kept_rounds]
    for name, each in names.items():
        if each is not None and each not in kept:
            yield from DeleteObject(name)
    if not {digest_name(region, round_), ranges_name(region, round_)} <= names.keys():
        yield from _publish(region, round_, peers, shared=shared)
    rounds = []
    for each in kept:
        digest = yield from published.digest(region, each)
        if digest is not None:
            rounds.append(digest)
    return rounds


def _round_of(region: str, name: str) -> Timestamp | None:
    """The round that the name of an object tells, None if that is none."""
    told = name.removeprefix(rounds_of(region)).partition("/")[0]
    try:
        found = Timestamp(int(told, 16))
    except ValueError:
        return None
    return found if text(found) == told else None


def _publish(region: str, round_: Timestamp, peers: Sequence[str], *, shared: bool) -> Program[None]:
    """Publish the digest of the store, and before it what it is the root of.

    An attempt that was stopped, or another node of the region, may have left other ranges: then those are replaced.
    """
    level = not shared and (yield from _is_level(round_, peers))
    sums = yield from _sums(round_)
    yield from DeleteObject(digest_name(region, round_))
    yield from DeleteObject(ranges_name(region, round_))
    yield from PutObject(ranges_name(region, round_), written(ranges_of(region, round_, sums)))
    yield from PutObject(digest_name(region, round_), written(digest_of(region, round_, sums, level=level)))


def _is_level(round_: Timestamp, peers: Sequence[str]) -> Program[bool]:
    """Whether nothing that was logged until the round is on its way from or to this node, as far as it can know."""
    until = at(wall_seconds(round_) + 1)
    waiting = yield from Segments(INBOX, after=(yield from Marked(SHIPPED)))
    for name in waiting:
        frames = (yield from read(INBOX, name)).frames
        if frames:
            if min(frame.timestamp for frame in frames) < until:
                return False
            break
    for peer in peers:
        newest = yield from Marked(REPLAYED + peer)
        listed = yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + newest)
        for _, names in groupby((name.removeprefix(PREFIX) for name in listed), key=log_of):
            if (yield from begun(next(names))) < until:
                return False
    return True


def _sums(round_: Timestamp) -> Program[list[RangeSum]]:
    """Count and digest what the store has up to a round, in each range.

    Of a store of more entries than digests fit into memory only those are kept whose keys stand before some place; the next pass
    over it goes on there.
    """
    digests = [sha256() for _ in range(RANGES)]
    counts = [0] * RANGES
    begin: bytes | None = b""
    while begin is not None:
        leaves, begin = yield from _leaves(round_, begin)
        for each in leaves:
            number = range_of(each)
            digests[number].update(each)
            counts[number] += 1
    return [RangeSum(count, digest.digest()) for count, digest in zip(counts, digests, strict=True)]


def _leaves(round_: Timestamp, begin: bytes) -> Program[tuple[list[bytes], bytes | None]]:
    """The digests of entries up to a round, in order, from a place on and as many as fit into memory; and from which place on there
    are more (None: there are none).
    """
    leaves: list[bytes] = []
    end: bytes | None = None
    after = None
    while claims := (yield from Export(after, LIMITS.read_entries)):
        after = claims[-1].key
        for key, entry in claims:
            if entry.timestamp <= round_:
                where = place(key)
                if where[:PLACE_BYTES] >= begin and (end is None or where[:PLACE_BYTES] < end):
                    leaves.append(leaf(where, entry))
        if len(leaves) > LIMITS.max_leaves:
            leaves.sort()
            end = leaves[len(leaves) // 2][:PLACE_BYTES]
            leaves = [each for each in leaves if each[:PLACE_BYTES] < end]
    leaves.sort()
    return leaves, end


def publish_extents(region: str, pairs: Iterable[tuple[Timestamp, list[int]]]) -> Program[None]:
    """Publish the entries of ranges, those that are not there yet, in one pass over the store for each round."""
    wanted: defaultdict[Timestamp, set[int]] = defaultdict(set)
    for round_, numbers in pairs:
        wanted[round_].update(numbers)
    for round_, chosen in wanted.items():
        there = yield from ListObjects(f"{rounds_of(region)}{text(round_)}/")
        missing = {number for number in chosen if extent_name(region, round_, number) not in there}
        if not missing:
            continue
        found = yield from _entries(round_, missing)
        for number in sorted(missing):
            extent = extent_of(region, round_, number, found[number])
            yield from PutObject(extent_name(region, round_, number), written(extent))


def _entries(round_: Timestamp, numbers: set[int]) -> Program[dict[int, list[tuple[int, Claim]]]]:
    """The entries of the ranges up to a round with their positions: of each, the first ones and no more than are published."""
    found: dict[int, list[tuple[int, Claim]]] = {number: [] for number in numbers}
    after = None
    while claims := (yield from Export(after, LIMITS.read_entries)):
        after = claims[-1].key
        for claim in claims:
            where = place(claim.key)
            number = range_of(where)
            if number in found and claim.entry.timestamp <= round_:
                found[number].append((position(where, round_, number), claim))
        for rows in found.values():
            if len(rows) > 2 * LIMITS.range_entries:
                rows.sort(key=lambda each: (each[0], each[1].key))
                del rows[LIMITS.range_entries + 1 :]
    return found
