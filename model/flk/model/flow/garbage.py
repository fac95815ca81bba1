"""How much a peer address may have logged that proves to be nobody's (HTTP-9, HTTP-10): a token bucket for each.

Before a submission is logged nothing shows who sent it but the address (WAL-1 comes before the signature). So its bytes are taken
from the address's bucket, and given back when it proves authentic: honest senders are bound only by what they have in flight.

A bucket is one number, the moment at which it will be full again. Source: the generic cell rate algorithm, ITU-T I.371.
"""

from math import floor

from flk.model.refusal import Overloaded, unavailable
from flk.spec.constants import CONSTANTS, Garbage

POLICY = CONSTANTS.garbage


def taken(full_at: float, size: int, now: float, share: float = 1.0, policy: Garbage = POLICY) -> float:
    """When the bucket will be full again if a submission's bytes are taken. `share` of rate and burst are in force.

    A full bucket gives any size. Raises Overloaded, with the seconds until the bytes are there, if they are not.

    >>> taken(0.0, 65536, now=5.0)
    6.0
    """
    seconds = size / (policy.peer_bytes_per_second * share)
    owed = max(0.0, full_at - now)
    wait = owed - max(0.0, policy.peer_burst_bytes / policy.peer_bytes_per_second - seconds)
    if wait > 0:
        detail = "this address has sent more than it may of what no key has signed"
        raise Overloaded("HTTP-9", detail, retry_after=floor(wait) + 1)
    return now + owed + seconds


def given_back(full_at: float, size: int, share: float = 1.0, policy: Garbage = POLICY) -> float:
    """When the bucket will be full again if the submission proved authentic.

    >>> given_back(taken(0.0, 1000, now=5.0), 1000)
    5.0
    """
    return full_at - size / (policy.peer_bytes_per_second * share)


def share_of(free: int, policy: Garbage = POLICY) -> float:
    """The share of rate and burst in force with so many bytes free on the log's disk.

    Raises Unavailable if there are so few that nothing is admitted.

    >>> share_of(POLICY.scarce_free_bytes), share_of(POLICY.scarce_free_bytes // 2)
    (1.0, 0.5)
    """
    if free < policy.min_free_bytes:
        raise unavailable("the disk of the log is nearly full")
    return min(1.0, max(policy.min_share, free / policy.scarce_free_bytes))
