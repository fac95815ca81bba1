"""How much a node lets in (ORD-6)."""

from collections.abc import Callable
from typing import TypeAlias

from flk.model.flow.pressure import Limit, adapted, seen
from flk.model.memory.memory import MemoryNode
from flk.sim.scenarios.policy import Policy

Every: TypeAlias = Callable[[float, float, Callable[[int], None]], None]


class Gate:
    """Sets the node's limit of submissions in flight: the policy's, and with `pressure` what the queue before the store allows.

    `queue` says how many requests wait for the store. It is looked at whenever somebody asks to be let in, and at the end of every
    interval.
    """

    def __init__(self, memory: MemoryNode, policy: Policy, every: Every, queue: Callable[[], int]) -> None:
        self._memory = memory
        self._most = memory.limit = policy.max_in_flight
        self._pressure = policy.pressure
        self._queue = queue
        self._limit = Limit(float(self._most))
        if self._pressure is not None:
            every(self._pressure.interval_seconds, self._pressure.interval_seconds, self._adapt)

    def look(self) -> None:
        """Somebody asks to be let in."""
        if self._pressure is not None:
            self._limit = seen(self._limit, self._queue())

    def _adapt(self, _: int) -> None:
        assert self._pressure is not None
        self.look()
        self._limit = adapted(self._limit, self._most, self._pressure)
        self._memory.limit = self._limit.admits
