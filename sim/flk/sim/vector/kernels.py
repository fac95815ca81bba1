"""What happens to requests between two control events, compiled.

A lane holds the requests of one region in columns, in the order in which they reach its node. `advance` takes them through the
group commit of the log and the line before the store; both are recursions over the lane, each request after the one before:

    a synchronisation begins when the last is over and a frame waits, and covers what has arrived by then
    claimed = max(logged, claimed before) + service                (Lindley 1952)
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

ARRIVED, SENT, SERVICE, ANSWER, NAME = range(5)
"""The columns of a lane: the moments when a request reached its node and was sent, the exponential numbers of its service and of
its answer's jitter, and its name as a number."""
COLUMNS = 5

DONE_NAME, DONE_SENT, DONE_LOGGED, DONE_CLAIMED, DONE_OVER = range(5)
"""The columns of what is known of a request in the end."""

BINS, OCTAVE_BITS, LEAST = 4096, 7, 2.0**-21
"""Latencies are counted in 128 bins to the octave, from half a microsecond to some two thousand seconds."""
_LEAST_BITS = int(np.float64(LEAST).view(np.int64))

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


@njit(cache=True, nogil=True)
def interpolate(moments: NDArray[np.float64], known: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    """What `numpy.interp` gives for moments that rise, in their place."""
    place, slope = -1, 0.0
    for i in range(moments.shape[0]):
        moment = moments[i]
        if place < 0 or known[place + 1] <= moment:
            while place + 2 < known.shape[0] and known[place + 1] <= moment:
                place += 1
            slope = (values[place + 1] - values[place]) / (known[place + 1] - known[place])
        moments[i] = slope * (moment - known[place]) + values[place]


@njit(cache=True, nogil=True)
def deal(
    at: NDArray[np.float64],
    agent: NDArray[np.float64],
    request: NDArray[np.float64],
    service: NDArray[np.float64],
    answer: NDArray[np.float64],
    kept: NDArray[np.bool_],
    name: float,
    homes: NDArray[np.int64],
    turns: NDArray[np.float64],
    delays: NDArray[np.float64],
    jitters: NDArray[np.float64],
    rows: NDArray[np.float64],
    sizes: NDArray[np.int64],
) -> None:
    """Deal the arrivals of a stream to the lanes of the regions that they are sent to.

    `agent` are numbers in [0, 1); the wires to the nodes have `delays` from `turns` on, a row for each lane, and `jitters`.
    `rows` (lanes × columns × room) takes the requests behind the `sizes` that are there; `name` is that of the first arrival.
    """
    place = np.zeros(turns.shape[0], dtype=np.int64)
    for i in range(at.shape[0]):
        if not kept[i]:
            continue
        lane = homes[int(agent[i] * homes.shape[0])]
        sent = at[i]
        while turns[lane, place[lane] + 1] <= sent:
            place[lane] += 1
        row = sizes[lane]
        rows[lane, 0, row] = sent + (delays[lane, place[lane]] + jitters[lane] * request[i])
        rows[lane, 1, row] = sent
        rows[lane, 2, row] = service[i]
        rows[lane, 3, row] = answer[i]
        rows[lane, 4, row] = name + i
        sizes[lane] = row + 1


@njit(cache=True, nogil=True)
def gather(order: NDArray[np.int64], source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    """The columns of `source` in another order."""
    for column in range(source.shape[0]):
        for i in range(order.shape[0]):
            target[column, i] = source[column, order[i]]


@njit(cache=True, nogil=True)
def latency_bin(seconds: float) -> int:
    """The bin of a latency: its exponent and the first bits of its mantissa, read off the number as it is stored."""
    steps = int((np.float64(max(seconds, LEAST)).view(np.int64) - _LEAST_BITS) >> (52 - OCTAVE_BITS))
    return steps if steps < BINS else BINS - 1


def bin_middle(place: int) -> float:
    """The latency in the middle of a bin, in seconds."""
    bits = np.array([_LEAST_BITS + (place << (52 - OCTAVE_BITS)), _LEAST_BITS + ((place + 1) << (52 - OCTAVE_BITS))])
    return float(bits.view(np.float64).mean())


@njit(cache=True, nogil=True)
def begin(lane: np.record, until: float, arrived: NDArray[np.float64], synchronisations: NDArray[np.float64]) -> int:
    """Begin the next synchronisation, if one begins by `until`. Returns BEGUN, WAITING or STARVED."""
    if lane.held or lane.first == lane.known:
        return WAITING
    start = max(lane.disk_free, arrived[lane.first])
    if start > until:
        return WAITING
    if lane.draws == synchronisations.shape[0]:
        return STARVED
    behind = lane.first + 1
    while behind < lane.known and arrived[behind] <= start:
        behind += 1
    lane.batch = behind
    lane.since = start
    lane.left = lane.fsync * (1 + synchronisations[lane.draws]) / 2
    lane.draws += 1
    return BEGUN


@njit(cache=True, nogil=True)
def settle(
    lane: np.record,
    over: float,
    end: float,
    rows: NDArray[np.float64],
    turns: NDArray[np.float64],
    delays: NDArray[np.float64],
    jitter: float,
    claims: NDArray[np.float64],
    latencies: NDArray[np.int64],
    answers: NDArray[np.int64],
    claimed: NDArray[np.int64],
    done: NDArray[np.float64],
) -> None:
    """A synchronisation is over: its requests are durable, claimed one after another, and answered. Arguments as of `advance`."""
    free, last, turn, slot, limit = (
        lane.store_free,
        lane.last_claim,
        lane.turn,
        lane.logged % claims.shape[0],
        claims.shape[0],
    )
    slowest, total, answered = lane.slowest, lane.total, 0
    undurable = unordered = unclaimed = 0
    if not lane.segment:
        lane.segment_logged = over
        lane.segment_claimed = max(over, free) + lane.service * rows[SERVICE, lane.first]
    for i in range(lane.first, lane.batch):
        came, sent = rows[ARRIVED, i], rows[SENT, i]
        claim = max(over, free) + lane.service * rows[SERVICE, i]
        while turns[turn + 1] <= claim:
            turn += 1
        back = claim + (delays[turn] + jitter * rows[ANSWER, i])
        if claims[slot] > came:
            lane.full = min(lane.full, came)
        claims[slot] = claim
        slot = slot + 1 if slot + 1 < limit else 0
        undurable += over < came
        unordered += claim < last
        unclaimed += (claim < over) + (back < claim)
        free = last = claim
        if claim <= end:
            claimed[int(claim)] += 1
        seconds = back - sent
        if back <= end:
            answered += 1
            total += seconds
            slowest = max(slowest, seconds)
            latencies[latency_bin(seconds)] += 1
            answers[int(back)] += 1
        else:
            lane.pending = min(lane.pending, sent)
        if done.shape[1]:
            done[DONE_NAME, i] = rows[NAME, i]
            done[DONE_SENT, i] = sent
            done[DONE_LOGGED, i] = over
            done[DONE_CLAIMED, i] = claim
            done[DONE_OVER, i] = back
    lane.store_free, lane.last_claim, lane.turn = free, last, turn
    lane.slowest, lane.total = slowest, total
    lane.answered += answered
    lane.undurable += undurable
    lane.unordered += unordered
    lane.unclaimed += unclaimed
    lane.segment += lane.batch - lane.first
    lane.logged += lane.batch - lane.first
    lane.disk_free = over
    lane.first = lane.batch


@njit(cache=True, nogil=True)
def advance(
    lane: np.record,
    until: float,
    end: float,
    rows: NDArray[np.float64],
    synchronisations: NDArray[np.float64],
    turns: NDArray[np.float64],
    delays: NDArray[np.float64],
    jitter: float,
    claims: NDArray[np.float64],
    latencies: NDArray[np.int64],
    answers: NDArray[np.int64],
    claimed: NDArray[np.int64],
    done: NDArray[np.float64],
) -> int:
    """Let happen to a lane what happens by `until`.

    `rows` are its columns, `synchronisations` exponential numbers, `turns`, `delays` and `jitter` the wire of the answers, and
    `claims` when the latest requests were claimed, as many as the node takes at once. Of what is answered by the `end` of the run
    the latency is counted, and for each second how many were claimed and answered. `done` has a row for each request, or no room.
    Returns WAITING or STARVED.
    """
    while True:
        if lane.batch == lane.first:
            begun = begin(lane, until, rows[ARRIVED], synchronisations)
            if begun != BEGUN:
                return begun
        if lane.pace == 0.0:
            return WAITING
        over = lane.since + lane.left / lane.pace
        if over > until:
            return WAITING
        settle(lane, over, end, rows, turns, delays, jitter, claims, latencies, answers, claimed, done)
