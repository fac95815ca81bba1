"""Admission by peer address and by the space left on the log's disk, before anything is logged (HTTP-9, HTTP-10)."""

import asyncio
from collections.abc import Callable
from time import perf_counter

import structlog

from flk.model.flow.garbage import given_back, share_of, taken
from flk.model.refusal import Unavailable
from flk.spec.constants import Garbage

LOOK_SECONDS = 1.0  # between two looks at the disk
LARGE_BYTES = 65536  # a body of which it is worth asking, before it is read, whether it will be admitted

log = structlog.get_logger()


class Admission:
    """When each peer address's bucket is full again. `free` says how many bytes the log's disk has left, and may take its time."""

    def __init__(self, policy: Garbage, free: Callable[[], int]) -> None:
        self._policy = policy
        self._ask = free
        self._free = free()
        self._share = 1.0
        self._looked_at = float("-inf")
        self._looking = False
        self._full_at: dict[str, float] = {}
        self._refusal: Unavailable | None = None
        self._reckon()

    def look(self, peer: str, size: int, now: float) -> None:
        """Raises as `take` would, and takes nothing; of a small body it says nothing."""
        if size > LARGE_BYTES:
            self._require_room(now)
            taken(self._full_at.get(peer, now), size, now, self._share, self._policy)

    def take(self, peer: str, size: int, now: float, submissions: int = 1) -> None:
        """Take the bytes that submissions need in the log from their peer's bucket, for all or for none; their bodies have `size`
        bytes together. Raises Overloaded or Unavailable.
        """
        self._require_room(now)
        needed = size + submissions * self._policy.frame_bytes
        self._full_at[peer] = taken(self._full_at.get(peer, now), needed, now, self._share, self._policy)

    def give_back(self, peer: str, size: int, submissions: int = 1) -> None:
        """Submissions of this peer proved authentic; their bodies have `size` bytes together."""
        full_at = self._full_at.get(peer)
        if full_at is not None:
            needed = size + submissions * self._policy.frame_bytes
            self._full_at[peer] = given_back(full_at, needed, self._share, self._policy)

    def why_not_open(self) -> str:
        """Why nobody's submissions are admitted, empty if some are."""
        try:
            self._require_room(perf_counter())
        except Unavailable as refusal:
            return refusal.detail
        return ""

    def _require_room(self, now: float) -> None:
        if now - self._looked_at > LOOK_SECONDS and not self._looking:
            self._look_at_disk(now)
        if self._refusal is not None:
            raise self._refusal

    def _look_at_disk(self, now: float) -> None:
        """Ask in a thread, for a file system that hangs would stop the loop; and forget the peers whose buckets are full."""
        self._looking, self._looked_at = True, now
        self._full_at = {peer: full_at for peer, full_at in self._full_at.items() if full_at > now}
        asyncio.get_running_loop().run_in_executor(None, self._ask).add_done_callback(self._looked)

    def _looked(self, found: "asyncio.Future[int]") -> None:
        self._looking = False
        if found.cancelled():
            return
        if (error := found.exception()) is not None:
            log.error("disk.failed", exc_info=error)
        self._free = 0 if error is not None else found.result()
        self._reckon()

    def _reckon(self) -> None:
        """What the space left implies."""
        try:
            self._share, self._refusal = share_of(self._free, self._policy), None
        except Unavailable as refusal:
            self._refusal = refusal
