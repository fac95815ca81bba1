"""Refusals for a quota are given late, and one by one (TEN-1): over each of its connections a tenant beyond it asks a few times a
second at most, and those who were refused together do not come again together.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from flk.spec.constants import CONSTANTS, Tenants


class Late:
    """Answers that are given after a while; others at once while so many wait, so that few connections wait for the node."""

    def __init__(self, policy: Tenants = CONSTANTS.tenants) -> None:
        self._policy = policy
        self._waiting = 0
        self._last = float("-inf")  # when the last of those that wait is given

    def give(self, answer: Callable[[], None]) -> None:
        """Let this answer be given: late, if there is room."""
        if self._waiting >= self._policy.max_late:
            answer()
            return
        loop = asyncio.get_running_loop()
        self._last = max(loop.time() + self._policy.late_seconds, self._last + self._policy.late_gap_seconds)
        self._waiting += 1
        loop.call_at(self._last, partial(self._give, answer))

    def _give(self, answer: Callable[[], None]) -> None:
        self._waiting -= 1
        answer()
