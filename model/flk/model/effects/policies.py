"""Effects on what a log states of policies (POL-9)."""

from flk.model.effects.effect import Effect
from flk.model.log.frames import Stated


class StatedPolicies(Effect[Stated], frozen=True):
    """What a log states for what is appended now."""

    log: str


class StatePolicies(Effect[None], frozen=True):
    """Begin a new segment of a log, which states `text` since a new tick of the node's clock: durable, and in force for all that is
    appended from now on. Raises Conflict if it states something else than `before` by now.
    """

    log: str
    before: bytes
    text: bytes
