"""A circuit breaker before the object store: the model's, on real time, for threads that ask at once."""

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

import structlog

from flk.model.flow.breaker import CLOSED, Circuit, State, after_request, before_request
from flk.model.refusal import Unavailable, unavailable
from flk.spec.constants import Breaker

R = TypeVar("R")

log = structlog.get_logger()


class CircuitBreaker:
    """Asks `place` until it has not answered too often in a row, and then leaves it alone for a while. `now` is in seconds."""

    def __init__(self, policy: Breaker, place: str, now: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._place = place
        self._now = now
        self._lock = Lock()
        self._circuit = CLOSED

    @property
    def open(self) -> bool:
        """Whether nothing is let through."""
        return self._circuit.state is not State.CLOSED

    def __call__(self, request: Callable[[], R]) -> R:
        """What a request returns. Raises Unavailable without asking while the breaker is open, and whatever the request raises."""
        with self._lock:
            self._circuit, allowed = before_request(self._circuit, self._now())
            generation = self._circuit.generation
        if not allowed:
            raise unavailable(f"{self._place} has failed too often, and is left alone for a while")
        answered = False
        try:
            result = request()
            answered = True
        except Unavailable:
            raise
        except BaseException:
            answered = True  # what answers with an error does answer
            raise
        finally:
            self._settle(generation, answered=answered)
        return result

    def try_again(self) -> None:
        """Let the next request through, whatever failed before."""
        with self._lock:
            self._circuit = Circuit(generation=self._circuit.generation + 1)

    def _settle(self, generation: int, *, answered: bool) -> None:
        with self._lock:
            before = self._circuit
            self._circuit = after_request(before, generation, self._now(), self._policy, answered=answered)
            changed = self._circuit.state is not before.state
        if changed:
            log.warning("breaker.changed", place=self._place, state=str(self._circuit.state))
