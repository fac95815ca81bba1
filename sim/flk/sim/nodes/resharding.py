"""Which keys move when a store gets one shard more or less, and where they are on either side of the move."""

from flk.model.entries.entry import Key
from flk.model.entries.migration import Phase, Side
from flk.model.entries.ring import Ring, ring_text
from flk.sim.scenarios.faults import DualWriteFailure
from flk.sim.world.shards import Shards, shard_name

NEW_RULES = frozenset({Phase.CUT_OVER, Phase.CLEANED})
"""The phases in which the new side rules over the keys that moved."""


class ReshardingPlan:
    """Which keys the ring gives to one shard more, or to the others when its last one `leaves` (RNG-2), and where they are on
    either side of the move.
    """

    def __init__(self, shards: Shards, *, leaves: bool = False) -> None:
        self.failures: dict[str, float] = {}  # of second writes, by fault
        self.last = shard_name(shards.layout.shards - leaves)  # the shard that joins or leaves
        self._before = shards.ring
        self._shards = shards
        if leaves:
            self._after = Ring(shard_name(number) for number in range(shards.layout.shards - 1))
        else:
            self._after = Ring((*shards.ring.shards, self.last))
            shards.add(self.last)

    def moves(self, key: Key) -> bool:
        """Whether a key belongs to another shard from now on."""
        return self.shard(Side.OLD, key) != self.shard(Side.NEW, key)

    def shard(self, side: Side, key: Key) -> str:
        """Where a key is on a side of the move."""
        return (self._after if side is Side.NEW else self._before).owner(ring_text(key))

    def place(self, phase: Phase) -> None:
        """Let all who ask go where keys are in a phase."""
        self._shards.ring = self._after if phase in NEW_RULES else self._before

    def fail(self, fault: DualWriteFailure) -> None:
        """Second writes fail."""
        self.failures[fault.id] = fault.share

    def repair(self, fault: DualWriteFailure) -> None:
        """They fail no longer, for this reason."""
        del self.failures[fault.id]
