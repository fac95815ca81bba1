"""Effects on what a node knows of its region's audit log (TLOG-*). It can be made again from the log at any time."""

from flk.model.effects.effect import Effect
from flk.model.transparency.steps import State


class Integrated(Effect[State], frozen=True):
    """What the audit log is behind the last step that the node has taken in. It may have gone on since."""


class FindLeaves(Effect[tuple[tuple[int, ...], ...]], frozen=True):
    """The numbers of the leaves that are called so, among those taken in: by all names of a leaf, or by its record's alone."""

    names: tuple[tuple[bytes, ...], ...]


class TakeIn(Effect[None], frozen=True):
    """A step behind the last that was taken in: all tiles of the log as it is behind it are durable. `names` are those of its
    leaves, the first of which has the number `begin`. Repeating it changes nothing.
    """

    state: State
    begin: int
    names: tuple[tuple[bytes, ...], ...]
