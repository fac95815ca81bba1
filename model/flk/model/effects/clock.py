"""Effects on the clock of a node (HLC-*)."""

from flk.model.effects.effect import Effect
from flk.model.log.hlc import Timestamp


class Resume(Effect[None], frozen=True):
    """The node's own clock had come this far before it stopped: go on after it, whatever wall time says (HLC-4)."""

    timestamp: Timestamp


class Inherit(Effect[None], frozen=True):
    """Earlier disks of the region gave these timestamps: go on after them, whatever wall time says (HLC-4); unless an operator has
    said that wall time is right, then only after those that are not too far ahead of it (HLC-6).
    """

    timestamps: tuple[Timestamp, ...]


class Observe(Effect[None], frozen=True):
    """Let the node's clock know timestamps from elsewhere, each by itself: one too far ahead hides no other (HLC-2, HLC-3)."""

    timestamps: tuple[Timestamp, ...]


class Foresee(Effect[Timestamp], frozen=True):
    """The timestamp that a frame of the log would get now. It is not given: the next frame gets it, or a later one. Raises Untimely
    if none would be given (HLC-5).
    """
