"""Effects that read what a region stores, to compare it with another (CRR-8)."""

from flk.model.effects.effect import Effect
from flk.model.entries.entry import Entry, Key


class CountEntries(Effect[int], frozen=True):
    """How many entries a region stores."""

    region: str


class SampleKeys(Effect[tuple[Key, ...]], frozen=True):
    """At most `size` keys of a region, each equally likely."""

    region: str
    size: int


class Fetch(Effect[tuple[Entry | None, ...]], frozen=True):
    """What a region stores under each of the keys."""

    region: str
    keys: tuple[Key, ...]
