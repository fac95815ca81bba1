"""Starting a store that is new from a snapshot (SNAP-5, SNAP-6): what it covers is merged, and only what is behind it is read."""

from collections.abc import Sequence

import msgspec

from flk.model.effects import (
    INBOX,
    GetObject,
    Inherit,
    Inspect,
    ListObjects,
    Mark,
    Marked,
    Merge,
    Observe,
    Program,
)
from flk.model.entries.snapshot import BadSnapshot, Head, heads_of, read_head, unpacked
from flk.model.log.frames import log_of, region_of, sequence_of
from flk.model.programs.replay import REPLAYED
from flk.model.refusal import Unavailable


class Loaded(msgspec.Struct, frozen=True):
    """What a start took from a snapshot: its head (empty: from none), its entries, the last segment of the node's
    own log that it covers, and why those before it were refused.
    """

    name: str = ""
    entries: int = 0
    applied: str = ""
    refused: tuple[str, ...] = ()


def load(region: str, sources: Sequence[str], past: Sequence[str] = ()) -> Program[Loaded]:
    """Start a store that is new from the latest whole snapshot of the first region in `sources` that has one (SNAP-5).

    Entries are merged, so it matters neither what the store has, nor how often this is begun. Watermarks are set when all are, but
    for the one by which a start knows that the store is not new. A snapshot that is damaged is left for the one before it (SNAP-6);
    while the object store does not answer, for the whole log. Raises Unavailable if the store does not answer.

    With `past`, the store is one that is behind what was removed (RET-5): only a snapshot will do that covers all of a log before
    one of these segments.
    """
    refused: list[str] = []
    for source in sources:
        for name in reversed((yield from _listed(source, refused))):
            try:
                head = read_head(name, (yield from _got(name)))
                if past and not any(_is_before(segment, covered(head, region)) for segment in past):
                    continue  # one before it may, where several nodes write them
                yield from _merge(head)
            except BadSnapshot as bad:
                refused.append(str(bad))
            else:
                return Loaded(name, head.entries, (yield from _go_on_from(head, region)), tuple(refused))
    return Loaded(refused=tuple(refused))


def _listed(source: str, refused: list[str]) -> Program[tuple[str, ...]]:
    """The heads of a region's snapshots, the oldest first; none while the object store does not answer."""
    try:
        return (yield from ListObjects(heads_of(source)))
    except Unavailable as away:
        refused.append(f"{heads_of(source)}: {away}")
        return ()


def _merge(head: Head) -> Program[None]:
    """Put all entries of a snapshot into the store. Raises BadSnapshot if one of its pieces is not whole."""
    for piece in head.pieces:
        claims = unpacked(piece, (yield from _got(piece.name)))
        yield from Merge(claims)


def _is_before(segment: str, reach: dict[str, str]) -> bool:
    """Whether a snapshot that covers so much of each log covers all that comes before a segment."""
    last = reach.get(log_of(segment))
    return last is not None and sequence_of(last) + 1 >= sequence_of(segment)


def _got(name: str) -> Program[bytes]:
    try:
        content = yield from GetObject(name)
    except Unavailable as away:
        raise BadSnapshot(f"{name}: {away}") from None
    if content is None:
        raise BadSnapshot(f"SNAP-2: {name} is gone")
    return content


def _go_on_from(head: Head, region: str) -> Program[str]:
    """Set clock and watermarks as a snapshot implies, none of them back; the last segment that it covers of the node's own log."""
    yield from Inherit((head.clock,)) if head.region == region else Observe((head.clock,))
    own = (yield from Inspect(INBOX)).log
    reach = covered(head, region)
    for of in sorted({region_of(segment) for segment in reach.values()}):
        *earlier, newest = [segment for segment in reach.values() if region_of(segment) == of]
        there = yield from Marked(REPLAYED + of)
        if log_of(there) > log_of(newest):
            earlier.append(newest)
        elif newest > there:
            if there and log_of(there) != log_of(newest):
                earlier.append(there)  # that log may go on, although another has begun
            yield from Mark(REPLAYED + of, newest, forward=True)
        for segment in earlier:
            yield from Mark(REPLAYED + log_of(segment), segment, forward=True)
    for name, segment in head.marks:
        if not name.startswith(REPLAYED) and log_of(segment) == own:
            yield from Mark(name, segment, forward=True)
    return reach.get(own, "")


def covered(head: Head, region: str) -> dict[str, str]:
    """The last segment of each log that a snapshot covers, the first log first.

    What another region knows of this one does not count: a clock goes on from all that the logs of its region say (HLC-4).
    """
    segments = [head.applied, *(segment for name, segment in head.marks if name.startswith(REPLAYED))]
    last = {log_of(segment): segment for segment in sorted(filter(None, segments))}
    return {log: segment for log, segment in last.items() if head.region == region or region_of(segment) != region}
