"""Programs that a node runs by itself, with what its handlers have to know of them."""

from collections.abc import Callable
from typing import Any

from flk.model.effects import Program
from flk.sim.kernel.runtime import Activity


class Recovering(Activity):
    """A recovery of the log: while the node is behind its log, only this may rewrite it."""

    __slots__ = ()


class Replaying(Activity):
    """A replay of the log of a peer."""

    __slots__ = ("peer",)

    def __init__(self, name: str, program: Program[object], peer: str) -> None:
        super().__init__(name, program)
        self.peer = peer


class Migrating(Activity):
    """A claim or a merge on keys that move to another shard."""

    __slots__ = ("merging",)

    def __init__(self, name: str, program: Program[object], ended: Callable[[Any], None], *, merging: bool) -> None:
        super().__init__(name, program, ended)
        self.merging = merging
