"""A circuit breaker: whoever asks something that may not answer stops asking for a while after it has failed too often.

Closed, it lets everything through and counts failures in a row; at the limit it opens. Open, it lets nothing through until its
time is over. Then it is half-open: one request goes through, whose success closes the breaker and whose failure opens it again.
Source: Nygard, "Release It!", 2nd edition, 2018, chapter 5.
"""

from enum import StrEnum

import msgspec

from flk.spec.constants import CONSTANTS, Breaker

POLICY = CONSTANTS.breaker


class State(StrEnum):
    """What a breaker does with a request."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Circuit(msgspec.Struct, frozen=True):
    """A breaker at a moment: the failures in a row while closed, and the moment in seconds from which an open one lets one through.

    `generation` counts the changes of state. A request carries the generation it was let through in, and counts in that one only:
    what was sent before the breaker opened says nothing of the time after.
    """

    state: State = State.CLOSED
    failures: int = 0
    until: float = 0.0
    generation: int = 0


CLOSED = Circuit()


def before_request(circuit: Circuit, now: float) -> tuple[Circuit, bool]:
    """Whether a request may be sent at a moment, and the breaker after the question."""
    if circuit.state is State.OPEN and now >= circuit.until:
        return Circuit(State.HALF_OPEN, generation=circuit.generation + 1), True
    return circuit, circuit.state is State.CLOSED


def after_request(
    circuit: Circuit, generation: int, now: float, policy: Breaker = POLICY, *, answered: bool
) -> Circuit:
    """The breaker after a request of that generation was answered, or failed."""
    if generation != circuit.generation:
        return circuit
    if answered:
        return Circuit(generation=generation + (circuit.state is State.HALF_OPEN))
    failures = circuit.failures + 1
    if circuit.state is State.HALF_OPEN or failures >= policy.failures:
        return Circuit(State.OPEN, until=now + policy.open_seconds, generation=generation + 1)
    return Circuit(failures=failures, generation=generation)
