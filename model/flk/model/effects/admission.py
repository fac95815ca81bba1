"""Effects of taking requests in (ORD-*, TEN-*)."""

from flk.model.effects.effect import Effect


class Admit(Effect[None], frozen=True):
    """Room for one more request of `size` bytes? Raises TooLarge, Overloaded, or Unavailable while the node is behind its log."""

    tenant: str
    size: int


class CaughtUp(Effect[None], frozen=True):
    """The store has all that is in the log: no claim is deferred, and the node may admit and claim again (ORD-4)."""


class Allow(Effect[None], frozen=True):
    """May an authentic record of this tenant be logged now? Raises Overloaded if its quota is used up (TEN-1), or Unauthenticated
    if it is not active (TEN-4).
    """

    tenant: str


class Charge(Effect[None], frozen=True):
    """A submission of this tenant was logged and is authentic: it counts against the tenant's quotas (TEN-2)."""

    tenant: str
