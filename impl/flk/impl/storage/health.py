"""Whether a shard answers. One that took long to fail is left alone for as long, so that nobody waits for it again and again."""

import time
from collections.abc import Callable
from typing import TypeVar

from flk.impl.storage.rows import Damaged
from flk.impl.storage.shared import Moved, SharedStore
from flk.model.refusal import Unavailable, unavailable

R = TypeVar("R")


class Shard:
    """A store of a ring, and since when it is away. `away` says why it is, empty while it answers."""

    def __init__(self, name: str, store: SharedStore, now: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.store = store
        self.away = ""
        self._now = now
        self._not_before = 0.0

    def ask(self, work: Callable[[SharedStore], R]) -> R:
        """What the work results in. Raises Unavailable that names the shard if it does not answer, or has just failed to for long;
        Moved; Damaged if what it answered is not what was written, and then it is not away.
        """
        began = self._now()
        if began < self._not_before:
            raise unavailable(self.away)
        try:
            result = work(self.store)
        except Moved:
            raise
        except Damaged as damage:
            raise Damaged(f"shard {self.name}: {damage.detail}") from None
        except Unavailable as refusal:
            failed = self._now()
            self._not_before = failed + (failed - began)
            self.away = f"shard {self.name}: {refusal.detail}"
            raise unavailable(self.away) from None
        self.away = ""
        return result
