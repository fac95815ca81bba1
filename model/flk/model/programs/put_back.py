"""Putting rotten rows of a shared store back from logs and snapshots (DUP-8).

Which of several claims was stored no log tells, but the row does: what is left of it shows which of them it held. So a node needs
to have no more than that one claim, and nothing is put in its place that was not there.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from flk.model.effects import INBOX, GetObject, ListObjects, Program, PutBack, Rejoin, Rotten, Segments
from flk.model.entries.entry import Claim, Key
from flk.model.entries.snapshot import BadSnapshot, unpacked
from flk.model.log.frames import CorruptSegment, sealed_frames
from flk.model.programs.evidence import latest_head
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.repair import read
from flk.model.programs.ship import PREFIX
from flk.model.refusal import Unavailable


class Mended(msgspec.Struct, frozen=True):
    """What one pass found: the keys whose row had rotted, those of them that are sound again, and those that were looked for in
    all that this node can read, in vain. Of the rest something could not be read.
    """

    rotten: tuple[Key, ...] = ()
    sound: tuple[Key, ...] = ()
    in_vain: tuple[Key, ...] = ()


def put_back(region: str, peers: Sequence[str], examine: Examine, leave: Collection[Key] = ()) -> Program[Mended]:
    """Put the region's rotten rows back: from the node's own log, from what its region and the peers have shipped, and from their
    latest snapshots. Rows in `leave` are not looked for: they were before, in vain.

    A pass that was stopped anywhere is finished by the next, of whichever node. Raises Unavailable if the store does not answer.
    """
    rotten = yield from Rotten()
    if not rotten:
        return Mended()
    search = _Search(rotten, examine)
    yield from search.offer(())  # another node may have put some back, and have died before it struck them
    search.wanted.difference_update(leave)
    yield from search.own_log(region)
    for each in (region, *peers):
        yield from search.shipped(each)
    for each in (region, *peers):
        yield from search.snapshot(each)
    sound = tuple(key for key in rotten if key in search.sound)
    in_vain = tuple(key for key in rotten if key in search.wanted and search.is_whole)
    return Mended(rotten, sound, in_vain)


class _Search:
    """The keys that are `wanted` still, those that are `sound` again, and whether all could be read so far."""

    def __init__(self, wanted: Iterable[Key], examine: Examine) -> None:
        self.wanted = set(wanted)
        self.sound: set[Key] = set()
        self.is_whole = True
        self._examine = examine

    def offer(self, claims: Iterable[Claim]) -> Program[None]:
        """Put back what is among the claims."""
        found = yield from PutBack(tuple(claims))
        if found:
            yield from Rejoin(found)
        self.sound.update(found)
        self.wanted.difference_update(found)

    def own_log(self, region: str) -> Program[None]:
        """Look in the node's own log."""
        names = (yield from Segments(INBOX, after="")) if self.wanted else ()
        for name in names:
            reading = yield from read(INBOX, name)
            yield from self._among(claims_of(reading.frames, region, self._examine))
            if not self.wanted:
                return

    def shipped(self, region: str) -> Program[None]:
        """Look in the segments that a region has shipped, as far as they can be read."""

        def claims(name: str, content: bytes) -> tuple[Claim, ...]:
            return claims_of(sealed_frames(name.removeprefix(PREFIX), content), region, self._examine)

        try:
            names = (yield from ListObjects(f"{PREFIX}{region}.")) if self.wanted else ()
        except Unavailable:
            self.is_whole = False
            return
        yield from self._in_objects(names, claims)

    def snapshot(self, region: str) -> Program[None]:
        """Look in the latest snapshot of a region, as far as that can be read: it stands for logs that were removed."""
        try:
            found = (yield from latest_head(region)) if self.wanted else None
        except Unavailable:
            self.is_whole = False
            return
        if found is not None:
            pieces = {piece.name: piece for piece in found[1].pieces}
            yield from self._in_objects(pieces, lambda name, content: unpacked(pieces[name], content))

    def _in_objects(self, names: Iterable[str], claims: Callable[[str, bytes], tuple[Claim, ...]]) -> Program[None]:
        for name in names:
            try:
                there = claims(name, (yield from GetObject(name)) or b"")
            except (Unavailable, CorruptSegment, BadSnapshot):
                self.is_whole = False
                continue
            yield from self._among(there)
            if not self.wanted:
                return

    def _among(self, claims: Iterable[Claim]) -> Program[None]:
        if wanted := [claim for claim in claims if claim.key in self.wanted]:
            yield from self.offer(wanted)
