"""Back-pressure (ORD-6): a limit of submissions in flight that follows the queue before the store.

Additive increase, multiplicative decrease: the limit creeps up while the queue stays within its target, and is cut when it does
not, so that what is admitted waits a bounded time. Source: Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for
Congestion Avoidance", 1989.
"""

import msgspec

from flk.spec.constants import CONSTANTS, Pressure

POLICY = CONSTANTS.pressure


class Limit(msgspec.Struct, frozen=True):
    """How many submissions may be in flight, and the longest queue before the store since the last adaptation."""

    value: float
    longest: int = 0

    @property
    def admits(self) -> int:
        """The limit as a whole number of submissions."""
        return int(self.value)


def seen(limit: Limit, queue: int) -> Limit:
    """The limit after a look at the queue: so many requests wait for the store."""
    return limit if queue <= limit.longest else Limit(limit.value, queue)


def adapted(limit: Limit, most: int, policy: Pressure = POLICY) -> Limit:
    """The limit for the next interval: more by `increase` if the queue kept within its target, else less by the factor `decrease`.

    It never exceeds `most`, the limit without back-pressure, nor falls below the floor, unless `most` itself is lower.
    """
    kept = limit.longest <= policy.target_queue
    value = limit.value + policy.increase if kept else limit.value * policy.decrease
    return Limit(min(float(most), max(float(policy.floor), value)))
