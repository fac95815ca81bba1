"""Effects of taking requests in (ORD-*)."""

from flk.model.effects.effect import Effect


class Admit(Effect[None], frozen=True):
    """Room for one more request of `size` bytes? Raises TooLarge, Overloaded, or Unavailable while the node is behind its log."""

    tenant: str
    size: int


class CaughtUp(Effect[None], frozen=True):
    """The store is level with the log: the node owes no claim, and may admit and claim again (ORD-4)."""
