"""Keys on the move from an old shard to a new one (MIG-*): the phase of the move, and what either side holds.

This is the durable part, which nodes and migrator share. Every write names the phase in which it was decided, and is refused in any
other: so a claim that spans two phases writes in the first only (MIG-2).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from flk.model.entries.entry import Claim, Entry, Key, Supersession, join
from flk.model.refusal import unavailable


class Phase(StrEnum):
    """How far the move is, as the protocol `migration` names it."""

    PLANNED = "planned"
    DUAL = "dual"
    VERIFIED = "verified"
    CUT_OVER = "cut_over"
    CLEANED = "cleaned"
    ROLLED_BACK = "rolled_back"


class Side(StrEnum):
    """The shard that has the keys at first, and the one that gets them."""

    OLD = "old"
    NEW = "new"


class Page(NamedTuple):
    """Some keys of a side in the order in which they came to it, where the next page begins, and where the last one ends now."""

    keys: tuple[Key, ...]
    next: int
    end: int


def ruler(phase: Phase) -> Side:
    """The side that decides claims (MIG-2)."""
    return Side.NEW if phase in {Phase.CUT_OVER, Phase.CLEANED} else Side.OLD


def follower(phase: Phase) -> Side | None:
    """The side that is overwritten before an answer, None outside of the migration (MIG-1, MIG-4)."""
    match phase:
        case Phase.DUAL | Phase.VERIFIED:
            return Side.NEW
        case Phase.CUT_OVER:
            return Side.OLD
        case _:
            return None


class Split(NamedTuple):
    """Claims whose keys stay where they are, and those whose keys move."""

    stay: tuple[Claim, ...]
    move: tuple[Claim, ...]


class MigratingKeys:
    """The keys that move, on both sides, and the phase on record. `moves` tells whether a key is one of them.

    `gave_way` is what gave way on the old side, and `kept` what was kept of that, by its place, for when that side has `parted`.
    """

    def __init__(self, moves: Callable[[Key], bool]) -> None:
        self.moves = moves
        self.phase = Phase.PLANNED
        self.held: dict[Side, dict[Key, Entry]] = {side: {} for side in Side}
        self.gave_way: list[Supersession] = []
        self.kept: dict[int, tuple[Supersession, ...]] = {}
        self.parted = False
        self._order: dict[Side, list[Key]] = {side: [] for side in Side}

    @property
    def ruling(self) -> dict[Key, Entry]:
        """What the side that decides has."""
        return self.held[ruler(self.phase)]

    @property
    def following(self) -> dict[Key, Entry] | None:
        """What the side that is overwritten has; None if none is."""
        side = follower(self.phase)
        return None if side is None else self.held[side]

    def advance(self, since: Phase, to: Phase) -> Phase:
        """Put a phase on record if the one there is `since`; which there is now."""
        if self.phase is since:
            self.phase = to
        return self.phase

    def require(self, phase: Phase) -> None:
        """Return if this is still the phase. Raises Unavailable: who decided in another may not write."""
        if self.phase is not phase:
            raise unavailable(f"the migration went on from {phase} to {self.phase} meanwhile")

    def insert_or_get(self, side: Side, claim: Claim, phase: Phase) -> Entry:
        """The entry that a side holds from now on: the claim's own if it had none, or a later one (DUP-1). Raises Unavailable."""
        self.require(phase)
        stored = self.held[side].get(claim.key)
        self._put(side, claim.key, claim.entry if stored is None else join(stored, claim.entry))
        return self.held[side][claim.key]

    def replace(self, side: Side, key: Key, expected: Entry | None, entry: Entry, phase: Phase) -> bool:
        """Overwrite what a side holds, if that is what is expected (None: nothing); whether it was. Raises Unavailable."""
        self.require(phase)
        if self.held[side].get(key) != expected:
            return False
        self._put(side, key, entry)
        return True

    def forget(self, side: Side, key: Key, phase: Phase) -> None:
        """Delete a key from a side. Raises Unavailable."""
        self.require(phase)
        self.held[side].pop(key, None)

    def page(self, side: Side, start: int, size: int) -> Page:
        """At most `size` keys from a place on. What comes to a side later, comes on a later page."""
        order = self._order[side]
        keys = order[start : start + size]
        return Page(tuple(key for key in keys if key in self.held[side]), start + len(keys), len(order))

    def given_way(self, start: int, size: int) -> tuple[Supersession, ...]:
        """Some of what gave way on the old side. Raises Unavailable while that holds a key."""
        if left := len(self.held[Side.OLD]):
            raise unavailable(f"the shard that leaves has {left} entries yet")
        return tuple(self.gave_way[start : start + size])

    def _put(self, side: Side, key: Key, entry: Entry) -> None:
        if key not in self.held[side]:
            self._order[side].append(key)
        self.held[side][key] = entry


def split(claims: tuple[Claim, ...], moving: MigratingKeys | None) -> Split:
    """The claims that a migration (None: there is none) does not concern, and those that it does."""
    if moving is None:
        return Split(claims, ())
    stay = tuple(claim for claim in claims if not moving.moves(claim.key))
    return Split(stay, tuple(claim for claim in claims if moving.moves(claim.key)))
