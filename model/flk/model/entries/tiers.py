"""The tiers of a store: hot, warm and cold places for entries as they age (TIR-*).

A key may be in several tiers at once: on its way down, and after a promotion. What the first of them holds is the entry; slower
ones have the same, or a later one that gave way since.
"""

from collections import ChainMap
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.log.hlc import wall_seconds
from flk.spec.constants import CONSTANTS


class Tier(StrEnum):
    """The tiers in the order in which they are asked."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"


class Term(StrEnum):
    """What ends with age: the stay in the hot tier, the stay in the warm one, and the dedup window."""

    HOT = "hot"
    WARM = "warm"
    WINDOW = "window"


class Terms(NamedTuple):
    """How long each lasts, in seconds from an entry's timestamp."""

    hot: float = CONSTANTS.tiers.hot_seconds
    warm: float = CONSTANTS.tiers.warm_seconds
    window: float = CONSTANTS.dedup.ttl_seconds

    def of(self, term: Term) -> float:
        """The seconds of one term."""
        return {Term.HOT: self.hot, Term.WARM: self.warm, Term.WINDOW: self.window}[term]


LONG = Terms()
SLOWER = {Tier.HOT: Tier.WARM, Tier.WARM: Tier.COLD}
FASTER = {slower: tier for tier, slower in SLOWER.items()}


class Tiers:
    """What each tier holds. Every change goes through `put` and `drop`."""

    def __init__(self, terms: Terms = LONG) -> None:
        self.terms = terms
        self.held: dict[Tier, dict[Key, Entry]] = {tier: {} for tier in Tier}
        self.first = ChainMap(*self.held.values())

    def put(self, tier: Tier, key: Key, entry: Entry) -> None:
        """Let a tier hold an entry."""
        self.held[tier][key] = entry

    def drop(self, tier: Tier, key: Key) -> None:
        """Let a tier hold a key no more."""
        del self.held[tier][key]

    def place(self, key: Key, entry: Entry) -> None:
        """Put an entry where the key is, or into the hot tier if it is in none (TIR-4)."""
        self.put(next((tier for tier in Tier if key in self.held[tier]), Tier.HOT), key, entry)

    def copy(self, source: Tier, to: Tier, claims: Iterable[Claim], now: float) -> tuple[Key, ...]:
        """Join into a tier what `source` still holds as given, if its window still runs at wall time `now`; which keys."""
        copied = []
        for key, entry in claims:
            if self.held[source].get(key) != entry or self._is_past(entry, Term.WINDOW, now):
                continue
            there = self.held[to].get(key)
            self.put(to, key, entry if there is None else join(there, entry))
            copied.append(key)
        return tuple(copied)

    def delete(self, tier: Tier, claims: Iterable[Claim]) -> tuple[Key, ...]:
        """Drop from a tier what it still holds as given; which keys."""
        gone = tuple(key for key, entry in claims if self.held[tier].get(key) == entry)
        for key in gone:
            self.drop(tier, key)
        return gone

    def aged(self, tier: Tier, term: Term, limit: int, now: float) -> tuple[Claim, ...]:
        """At most `limit` entries of a tier whose term has ended by wall time `now`."""
        found: list[Claim] = []
        for key, entry in self.held[tier].items():
            if len(found) == limit:
                break
            if self._is_past(entry, term, now):
                found.append(Claim(key, entry))
        return tuple(found)

    def _is_past(self, entry: Entry, term: Term, now: float) -> bool:
        return now - wall_seconds(entry.timestamp) >= self.terms.of(term)
