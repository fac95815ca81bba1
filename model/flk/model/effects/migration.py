"""Effects of a migration (MIG-*). Those that name a phase raise Unavailable if the one on record is another; any does so while the
shard concerned does not answer.
"""

from flk.model.effects.effect import Effect
from flk.model.entries.entry import Claim, Entry, Key, Supersession
from flk.model.entries.migration import Page, Phase, Side


class ReadPhase(Effect[Phase], frozen=True):
    """The phase on record. It may be another at the next moment."""


class Advance(Effect[Phase], frozen=True):
    """Put the phase `to` on record if `since` is there, in one atomic step; which phase is there then (MIG-6)."""

    since: Phase
    to: Phase


class LookAt(Effect[Entry | None], frozen=True):
    """What a side holds under a key."""

    side: Side
    key: Key


class InsertOrGet(Effect[Entry], frozen=True):
    """Insert-or-get at one side, in one atomic step (DUP-1). A `merged` claim is one of a log that is replayed."""

    side: Side
    claim: Claim
    phase: Phase
    merged: bool = False


class Replace(Effect[bool], frozen=True):
    """Overwrite what a side holds under a key, if that is still what was seen there, in one atomic step; whether it was."""

    side: Side
    key: Key
    seen: Entry | None
    entry: Entry
    phase: Phase


class ListKeys(Effect[Page], frozen=True):
    """A page of a side's keys. Each key that the side had when the first page was listed, and has still, is on one of the pages."""

    side: Side
    start: int
    size: int


class Forget(Effect[None], frozen=True):
    """Delete a key from a side (MIG-5)."""

    side: Side
    key: Key
    phase: Phase


class GaveWay(Effect[tuple[Supersession, ...]], frozen=True):
    """At most `size` of what gave way in the shard that leaves, in its order, leaving out the first `start`.

    Raises Unavailable while the shard has an entry, or a row that rotted: more may give way there, so it cannot be kept yet.
    """

    start: int
    size: int


class Keep(Effect[None], frozen=True):
    """Keep these of what gave way in the shard that leaves, the first of them behind `start` others, where the ring has them when
    the shard is gone. Until then it has them from the shard, so these are not told. What is kept at a place is the same each time.
    """

    start: int
    rows: tuple[Supersession, ...]


class Part(Effect[None], frozen=True):
    """Let the shard go that leaves, and tell in its place of the first `kept` that were kept of it, in one atomic step (MIG-9)."""

    kept: int
