"""Effects that read what a node stores, piece by piece, for a snapshot of it (SNAP-*)."""

from flk.model.effects.effect import Effect
from flk.model.entries.entry import Claim, Key, Supersession
from flk.model.log.hlc import Timestamp


class Clock(Effect[Timestamp], frozen=True):
    """How far the node's clock has come: no timestamp that it has given is later."""


class Export(Effect[tuple[Claim, ...]], frozen=True):
    """At most `limit` entries whose keys come after `after` (None: from the first on) in an order of the store's own, which never
    changes.

    Pieces that are asked for one after another have every entry that was stored when the first was, or one that it has given way
    to. Of what is stored meanwhile they have some.
    """

    after: Key | None
    limit: int


class Supersessions(Effect[tuple[Supersession, ...]], frozen=True):
    """At most `limit` of the local winners that gave way, in their order, leaving out the first `after` (CRR-3)."""

    after: int
    limit: int
