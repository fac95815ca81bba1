"""How much a peer address may have logged that proves to be nobody's (HTTP-9, HTTP-10): a token bucket for each.

Before a submission is logged nothing shows who sent it but the address (WAL-1 comes before the signature). So its bytes are taken
from the address's bucket, and given back when it proves authentic: honest senders are bound only by what they have in flight.
"""

from math import floor

from flk.model.refusal import Overloaded, unavailable
from flk.spec.constants import CONSTANTS, Garbage

POLICY = CONSTANTS.garbage


class Bucket:
    """The bytes that one peer address may still have logged.

    >>> bucket = Bucket(POLICY, now=0.0)
    >>> bucket.take(1000, now=0.0, share=1.0)
    >>> bucket.is_full(now=0.0, share=1.0), bucket.is_full(now=60.0, share=1.0)
    (False, True)
    """

    __slots__ = ("_at", "_left", "_policy")

    def __init__(self, policy: Garbage, now: float, share: float = 1.0) -> None:
        self._policy = policy
        self._left = policy.peer_burst_bytes * share
        self._at = now

    def take(self, size: int, now: float, share: float) -> None:
        """Take the bytes of a submission. `share` of rate and burst are in force.

        Raises Overloaded, with the seconds until they are there, if they are not; then none are taken. A full bucket gives any
        size, and fills again from below zero.
        """
        self._fill(now, share)
        missing = min(float(size), self._policy.peer_burst_bytes * share) - self._left
        if missing > 0:
            seconds = floor(missing / (self._policy.peer_bytes_per_second * share)) + 1
            detail = "this address has sent more than it may of what no key has signed"
            raise Overloaded("HTTP-9", detail, retry_after=seconds)
        self._left -= size

    def give_back(self, size: int) -> None:
        """The submission proved authentic."""
        self._left += size

    def is_full(self, now: float, share: float) -> bool:
        """Whether it may be forgotten: a new one would say the same."""
        self._fill(now, share)
        return self._left >= self._policy.peer_burst_bytes * share

    def _fill(self, now: float, share: float) -> None:
        most = self._policy.peer_burst_bytes * share
        self._left = min(most, self._left + max(0.0, now - self._at) * self._policy.peer_bytes_per_second * share)
        self._at = now


def share_of(free: int, policy: Garbage = POLICY) -> float:
    """The share of rate and burst in force with so many bytes free on the log's disk.

    Raises Unavailable if there are so few that nothing is admitted.

    >>> share_of(POLICY.scarce_free_bytes), share_of(POLICY.scarce_free_bytes // 2)
    (1.0, 0.5)
    """
    if free < policy.min_free_bytes:
        raise unavailable("the disk of the log is nearly full")
    return min(1.0, max(policy.min_share, free / policy.scarce_free_bytes))
