"""What the kernels work on: the columns of a region's request arrays, their state, and the bins in which latencies are counted."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

ARRIVED, SENT, SERVICE, ANSWER, NAME = range(5)
"""The columns of request arrays: the moments when a request reached its node and was sent, the exponential numbers of its service
and of its answer's jitter, and its name as a number."""
COLUMNS = 5

DONE_NAME, DONE_SENT, DONE_LOGGED, DONE_CLAIMED, DONE_OVER = range(5)
"""The columns of what is known of a request in the end."""

BINS, OCTAVE_BITS, LEAST = 4096, 7, 2.0**-21
"""Latencies are counted in 128 bins to the octave, from half a microsecond to some two thousand seconds."""
LEAST_BITS = int(np.float64(LEAST).view(np.int64))
"""The least as it is stored."""

STATE = np.dtype(
    [
        ("first", "i8"),  # the first request that is not logged
        ("batch", "i8"),  # behind the last request that is being synchronised; `first` if none is
        ("known", "i8"),  # requests in the columns
        ("held", "i8"),  # whether the disk begins no synchronisation
        ("pace", "f8"),  # units of work that the disk does in a second
        ("since", "f8"),  # when `left` was what is left of the synchronisation
        ("left", "f8"),
        ("disk_free", "f8"),  # from when on the disk may begin another one
        ("store_free", "f8"),
        ("last_claim", "f8"),
        ("fsync", "f8"),
        ("service", "f8"),
        ("draws", "i8"),  # numbers used of the synchronisations drawn ahead
        ("logged", "i8"),  # requests logged so far
        ("answered", "i8"),
        ("unordered", "i8"),  # violations, by invariant
        ("undurable", "i8"),
        ("unclaimed", "i8"),
        ("slowest", "f8"),  # the longest latency of an answer
        ("pending", "f8"),  # when the first request was sent that was not answered by the end; infinite if none was
        ("total", "f8"),  # of all latencies
        ("full", "f8"),  # when a request first met a full node; infinite if none did
        ("segment", "i8"),  # frames in the open segment
        ("segment_logged", "f8"),  # when its first frame was durable
        ("segment_claimed", "f8"),  # when its first claim was answered
        ("turn", "i8"),  # where in the table of the answers' wire the last answer was
    ]
)

WAITING, STARVED, BEGUN = 0, 1, 2
"""How `advance` ends: at its moment, or short of numbers for synchronisations."""


ACCURACY = 2.0**-8
"""How far the middle of a bin is from any latency in it, at most, as a share of that latency: half of 1/128."""


def bin_middle(place: int) -> float:
    """The latency in the middle of a bin, in seconds."""
    bits = np.array([LEAST_BITS + (place << (52 - OCTAVE_BITS)), LEAST_BITS + ((place + 1) << (52 - OCTAVE_BITS))])
    return float(bits.view(np.float64).mean())
