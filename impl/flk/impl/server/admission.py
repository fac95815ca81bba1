"""Admission by peer address and by the space left on the log's disk, before anything is logged (HTTP-9, HTTP-10)."""

import asyncio
from collections.abc import Callable
from time import monotonic

import structlog

from flk.model.flow.garbage import Bucket, share_of
from flk.model.refusal import Unavailable
from flk.spec.constants import Garbage

LOOK_SECONDS = 1.0  # between two looks at the disk

log = structlog.get_logger()


class Admission:
    """The buckets of all peer addresses. `free` says how many bytes the log's disk has left, and may take its time."""

    def __init__(self, policy: Garbage, free: Callable[[], int], now: Callable[[], float] = monotonic) -> None:
        self._policy = policy
        self._now = now
        self._ask = free
        self._free = free()
        self._looked_at = now()
        self._looking = False
        self._buckets: dict[str, Bucket] = {}

    def take(self, peer: str, size: int) -> None:
        """Take the bytes that a submission needs in the log from its peer's bucket. Raises Overloaded or Unavailable."""
        now = self._look_if_due()
        share = share_of(self._free, self._policy)
        bucket = self._buckets.get(peer)
        if bucket is None:
            bucket = self._buckets[peer] = Bucket(self._policy, now, share)
        bucket.take(size + self._policy.frame_bytes, now, share)

    def look(self, peer: str, size: int) -> None:
        """Raises as `take` would, and takes nothing."""
        self.take(peer, size)
        self.give_back(peer, size)

    def give_back(self, peer: str, size: int) -> None:
        """A submission of this peer proved authentic."""
        if (bucket := self._buckets.get(peer)) is not None:
            bucket.give_back(size + self._policy.frame_bytes)

    def why_not_open(self) -> str:
        """Why nobody's submissions are admitted, empty if some are."""
        self._look_if_due()
        try:
            share_of(self._free, self._policy)
        except Unavailable as refusal:
            return refusal.detail
        return ""

    def _look_if_due(self) -> float:
        now = self._now()
        if now - self._looked_at > LOOK_SECONDS:
            self._look_at_disk(now)
        return now

    def _look_at_disk(self, now: float) -> None:
        """Ask in a thread, for a file system that hangs would stop the loop; and forget the peers that owe nothing."""
        if self._looking:
            return
        self._looking = True
        self._looked_at = now
        share = max(self._policy.min_share, min(1.0, self._free / self._policy.scarce_free_bytes))
        full = [peer for peer, bucket in self._buckets.items() if bucket.is_full(now, share)]
        for peer in full:
            del self._buckets[peer]
        asyncio.get_running_loop().run_in_executor(None, self._ask).add_done_callback(self._looked)

    def _looked(self, found: "asyncio.Future[int]") -> None:
        self._looking = False
        if found.cancelled():
            return
        if (error := found.exception()) is None:
            self._free = found.result()
        else:
            log.error("disk.failed", exc_info=error)
            self._free = 0
