"""Effects of taking requests in (ORD-*)."""

from flk.model.effects.effect import Effect


class Admit(Effect[None], frozen=True):
    """Room for one more request of `size` bytes? Raises TooLarge, Overloaded, or Unavailable while the node is behind its log."""

    tenant: str
    size: int


class CaughtUp(Effect[None], frozen=True):
    """The store has all that is in the log: no claim is deferred, and the node may admit and claim again (ORD-4)."""
