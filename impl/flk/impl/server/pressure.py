"""How many submissions a node lets in (ORD-6): the model's limit, on real time."""

import time
from collections.abc import Callable

from flk.model.flow.pressure import Limit, adapted, seen
from flk.spec.constants import CONSTANTS, Pressure

MOST = CONSTANTS.node.max_in_flight


class Gate:
    """The limit of submissions in flight: the most a node takes, and with a policy as many as the queue before its store allows.

    `queue` says how many submissions wait for the store, and is asked for whenever somebody wants to be let in; `now` is a clock in
    seconds that only goes on.
    """

    def __init__(
        self, policy: Pressure | None, queue: Callable[[], int], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._queue = queue
        self._now = now
        self._limit = Limit(float(MOST))
        self._began = now()
        self._adapted = 0  # intervals after which the limit was adapted

    def admits(self) -> int:
        """How many submissions may be in flight now."""
        if self._policy is None:
            return MOST
        self._adapt(self._policy)
        self._limit = seen(self._limit, self._queue())
        return self._limit.admits

    def _adapt(self, policy: Pressure) -> None:
        """Adapt the limit once for each interval that is over. Nobody waits in those in which nobody came."""
        over = int((self._now() - self._began) / policy.interval_seconds)
        while self._adapted < over and self._limit != Limit(float(MOST)):
            self._limit = adapted(self._limit, MOST, policy)
            self._adapted += 1
        self._adapted = over
