"""Readers that are behind what was removed (RET-5): they begin with a snapshot that covers it, and then read the tail."""

from collections.abc import Sequence

import msgspec

from flk.model.effects import INBOX, Inspect, Program, Release
from flk.model.log.frames import log_of, segment_name, sequence_of
from flk.model.log.manifest import Gap, Inventory, forgotten_beginning, removed
from flk.model.programs.examine import Examine
from flk.model.programs.repair import make_whole
from flk.model.programs.replay import Replayed, replay
from flk.model.programs.start import Loaded, load
from flk.model.refusal import unavailable


def read_on(region: str, peer: str, examine: Examine, *, own: bool = False) -> Program[Replayed]:
    """Replay what a peer has shipped, as `replay` does; where segments are missing that a whole snapshot of the peer covers, begin
    with that, and go on.

    Nothing is skipped in silence: a gap that no snapshot covers stays one. Raises as `replay` does.
    """
    found = yield from replay(peer, examine, own=own)
    tried: set[str] = set()
    while missing := [gap for gap in found.gaps if gap not in tried]:
        tried |= set(missing)
        loaded = yield from load(region, (peer,), past=missing)
        found = _with(found, loaded)
        if not loaded.name:
            break
        found = _and_then(found, (yield from replay(peer, examine, own=own)))
    return found


def own_log(
    region: str, snapshots: Sequence[str], done: str, loaded: Loaded
) -> Program[tuple[Inventory, tuple[Gap, ...], Loaded]]:
    """The node's own log, made whole (WAL-9), for a store that has applied all of it up to the segment `done` and was `loaded`; and
    what it began with in the end.

    If the manifest lost its note of what was removed, a whole snapshot that covers it stands for the note, which is written anew
    (RET-4). Raises Incomplete if the log has a gap, Unavailable if the store lacks what was removed and no snapshot has it.
    """
    inventory = yield from Inspect(INBOX)
    before = forgotten_beginning(inventory)
    if before and snapshots:
        first = segment_name(inventory.log, before + 1)
        loaded = yield from _first_of(loaded, region, first)
        if _reached(inventory.log, loaded.applied) >= before:
            yield from Release(INBOX, segment_name(inventory.log, before))
            inventory = yield from Inspect(INBOX)
    last = removed(inventory.notes)
    if max(_reached(inventory.log, done), _reached(inventory.log, loaded.applied)) < last:
        if snapshots:
            loaded = yield from _first_of(loaded, region, segment_name(inventory.log, last + 1))
        if _reached(inventory.log, loaded.applied) < last:
            raise unavailable(
                f"the log was removed up to {segment_name(inventory.log, last)}, the store lacks it, and no whole snapshot of"
                f" {region} is at hand that covers it ({'; '.join(loaded.refused) or 'none is there'}); fix: give the node the"
                " object store that it ships to (--objects), with its snapshots"
            )
    inventory, gaps = yield from make_whole(INBOX, max(done, loaded.applied), inventory)
    return inventory, gaps, loaded


def _first_of(loaded: Loaded, region: str, segment: str) -> Program[Loaded]:
    """What a store began with, if that covers all before a segment of the region; or else begin with what does."""
    if _reached(log_of(segment), loaded.applied) >= sequence_of(segment) - 1:
        return loaded
    found = yield from load(region, (region,), past=(segment,))
    refused = (*loaded.refused, *found.refused)
    return msgspec.structs.replace(found if found.name else loaded, refused=refused)


def _reached(log: str, segment: str) -> int:
    """The sequence of a segment, if it is one of this log; else 0."""
    return sequence_of(segment) if segment and log_of(segment) == log else 0


def _with(found: Replayed, loaded: Loaded) -> Replayed:
    refused = (*found.refused, *loaded.refused)
    return msgspec.structs.replace(found, snapshot=loaded.name or found.snapshot, refused=refused)


def _and_then(one: Replayed, other: Replayed) -> Replayed:
    """What two passes replayed, of which the second went on where the first had to stop."""
    return msgspec.structs.replace(
        one,
        segments=(*one.segments, *other.segments),
        claims=one.claims + other.claims,
        superseded=one.superseded + other.superseded,
        gap=other.gap,
        more_gaps=other.more_gaps,
    )
