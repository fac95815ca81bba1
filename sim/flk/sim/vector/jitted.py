"""The kernels for where there is no C compiler: compiled by Numba, which is large. `kernels.c` has the same, to the last bit."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flk.sim.vector.columns import (
    ANSWER,
    ARRIVED,
    BEGUN,
    BINS,
    DONE_CLAIMED,
    DONE_LOGGED,
    DONE_NAME,
    DONE_OVER,
    DONE_SENT,
    LEAST,
    LEAST_BITS,
    NAME,
    OCTAVE_BITS,
    SENT,
    SERVICE,
    STARVED,
    WAITING,
    Floats,
    Integers,
)


@njit(cache=True, nogil=True)
def exponentials(drawn: Floats) -> None:
    """The exponential numbers that belong to numbers in [0, 1), in their place, as `random_streams.exponential` makes each."""
    for i in range(drawn.shape[0]):
        drawn[i] = -math.log1p(-drawn[i])


@njit(cache=True, nogil=True)
def interpolate(moments: Floats, known: Floats, values: Floats) -> None:
    """What `numpy.interp` gives for moments that rise, from `known[0]` on and before its end, in their place."""
    place, slope = 0, 0.0
    for i in range(moments.shape[0]):
        moment = moments[i]
        if i == 0 or known[place + 1] <= moment:
            while place + 2 < known.shape[0] and known[place + 1] <= moment:
                place += 1
            slope = (values[place + 1] - values[place]) / (known[place + 1] - known[place])
        moments[i] = slope * (moment - known[place]) + values[place]


@njit(cache=True, nogil=True)
def deal(
    at: Floats,
    agent: Floats,
    request: Floats,
    service: Floats,
    answer: Floats,
    kept: NDArray[np.bool_],
    name: float,
    homes: Integers,
    turns: Floats,
    delays: Floats,
    jitters: Floats,
    rows: Floats,
    sizes: Integers,
) -> None:
    """Deal the arrivals of a stream to the regions that they are sent to.

    `agent` are numbers in [0, 1); the wires to the nodes have `delays` from `turns` on, a row for each region, and `jitters`.
    `rows` (regions × columns × room) takes the requests behind the `sizes` that are there; `name` is that of the first arrival.
    """
    place = np.zeros(turns.shape[0], dtype=np.int64)
    for i in range(at.shape[0]):
        if not kept[i]:
            continue
        region = homes[int(agent[i] * homes.shape[0])]
        sent = at[i]
        while turns[region, place[region] + 1] <= sent:
            place[region] += 1
        row = sizes[region]
        rows[region, ARRIVED, row] = sent + (delays[region, place[region]] + jitters[region] * request[i])
        rows[region, SENT, row] = sent
        rows[region, SERVICE, row] = service[i]
        rows[region, ANSWER, row] = answer[i]
        rows[region, NAME, row] = name + i
        sizes[region] = row + 1


@njit(cache=True, nogil=True)
def gather(order: Integers, source: Floats, target: Floats) -> None:
    """The columns of `source` in another order."""
    for column in range(source.shape[0]):
        for i in range(order.shape[0]):
            target[column, i] = source[column, order[i]]


@njit(cache=True, nogil=True)
def latency_bin(seconds: float) -> int:
    """The bin of a latency: its exponent and the first bits of its mantissa, read off the number as it is stored."""
    steps = int((np.float64(max(seconds, LEAST)).view(np.int64) - LEAST_BITS) >> (52 - OCTAVE_BITS))
    return steps if steps < BINS else BINS - 1


@njit(cache=True, nogil=True)
def begin(state: np.record, until: float, arrived: Floats, synchronisations: Floats) -> int:
    """Begin the next synchronisation, if one begins by `until`. Returns BEGUN, WAITING or STARVED."""
    if state.held or state.first == state.known:
        return WAITING
    start = max(state.disk_free, arrived[state.first])
    if start > until:
        return WAITING
    if state.draws == synchronisations.shape[0]:
        return STARVED
    behind = state.first + 1
    while behind < state.known and arrived[behind] <= start:
        behind += 1
    state.batch = behind
    state.since = start
    state.left = state.fsync * (1 + synchronisations[state.draws]) / 2
    state.draws += 1
    return BEGUN


@njit(cache=True, nogil=True)
def settle(
    state: np.record,
    over: float,
    end: float,
    rows: Floats,
    turns: Floats,
    delays: Floats,
    jitter: float,
    claims: Floats,
    latencies: Integers,
    answers: Integers,
    claimed: Integers,
    done: Floats,
) -> None:
    """A synchronisation is over: its requests are durable, claimed one after another, and answered. Arguments as of `advance`."""
    free, last, turn, slot, limit = (
        state.store_free,
        state.last_claim,
        state.turn,
        state.logged % claims.shape[0],
        claims.shape[0],
    )
    slowest, total, answered = state.slowest, state.total, 0
    undurable = unordered = unclaimed = 0
    if not state.segment:
        state.segment_logged = over
        state.segment_claimed = max(over, free) + state.service * rows[SERVICE, state.first]
    for i in range(state.first, state.batch):
        came, sent = rows[ARRIVED, i], rows[SENT, i]
        claim = max(over, free) + state.service * rows[SERVICE, i]
        while turns[turn + 1] <= claim:
            turn += 1
        back = claim + (delays[turn] + jitter * rows[ANSWER, i])
        if claims[slot] > came:
            state.full = min(state.full, came)
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
            state.pending = min(state.pending, sent)
        if done.shape[1]:
            done[DONE_NAME, i] = rows[NAME, i]
            done[DONE_SENT, i] = sent
            done[DONE_LOGGED, i] = over
            done[DONE_CLAIMED, i] = claim
            done[DONE_OVER, i] = back
    state.store_free, state.last_claim, state.turn = free, last, turn
    state.slowest, state.total = slowest, total
    state.answered += answered
    state.undurable += undurable
    state.unordered += unordered
    state.unclaimed += unclaimed
    state.segment += state.batch - state.first
    state.logged += state.batch - state.first
    state.disk_free = over
    state.first = state.batch


@njit(cache=True, nogil=True)
def advance(
    states: NDArray[np.void],
    until: float,
    end: float,
    rows: Floats,
    synchronisations: Floats,
    turns: Floats,
    delays: Floats,
    jitter: float,
    claims: Floats,
    latencies: Integers,
    answers: Integers,
    claimed: Integers,
    done: Floats,
) -> int:
    """Advance the requests of one region until `until`.

    `states` holds its state, an array of one; `rows` are its columns, `synchronisations` exponential numbers, `turns`, `delays` and
    `jitter` the wire of the answers, and `claims` when the latest requests were claimed, as many as the node takes at once. Of what
    is answered by the `end` of the run the latency is counted, and for each second how many were claimed and answered. `done` has a
    row for each request, or no room.
    Returns WAITING or STARVED.
    """
    state = states[0]
    while True:
        if state.batch == state.first:
            begun = begin(state, until, rows[ARRIVED], synchronisations)
            if begun != BEGUN:
                return begun
        if state.pace == 0.0:
            return WAITING
        over = state.since + state.left / state.pace
        if over > until:
            return WAITING
        settle(state, over, end, rows, turns, delays, jitter, claims, latencies, answers, claimed, done)
