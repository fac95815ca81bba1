"""Effects on rows of a shared store that are not what was written (DUP-8). Repeating one changes nothing."""

from flk.model.effects.effect import Effect
from flk.model.entries.entry import Claim, Key


class Rotten(Effect[tuple[Key, ...]], frozen=True):
    """The keys of which any node of the region has found that their row rotted, until `Rejoin` has struck them."""


class PutBack(Effect[tuple[Key, ...]], frozen=True):
    """Put back what was written, where one of the claims is what the row held: what is left of that shows it.

    Results in those of the keys of `Rotten` whose row is sound now, whoever put it back.
    """

    claims: tuple[Claim, ...]


class Rejoin(Effect[None], frozen=True):
    """Join in what was claimed under these keys meanwhile, and set aside; then strike them."""

    keys: tuple[Key, ...]
