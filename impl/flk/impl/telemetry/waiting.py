"""What waits to be exported: bounded, so that a collector which is away costs neither memory nor time (OBS-10)."""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from time import monotonic
from typing import Generic, Protocol, TypeVar

from prometheus_client import Counter

T = TypeVar("T")


class Counts(Protocol):
    """What counts what becomes of spans ("traces") and log records ("logs")."""

    def exported(self, signal: str) -> Counter:
        """Those that a collector took."""
        ...

    def not_exported(self, signal: str, reason: str) -> Counter:
        """Those that none got."""
        ...


class Waiting(Generic[T]):
    """Spans, or log records: one kind of what waits. `encode` makes the body of a request of some; `rejected` reads the answer to
    it, how many were not taken and why, None if it is no answer. Any thread may put; one takes.
    """

    def __init__(
        self,
        signal: str,
        encode: Callable[[Sequence[T]], bytes],
        rejected: Callable[[bytes], tuple[int, str] | None],
        metrics: Counts,
        most: int,
    ) -> None:
        self.signal = signal
        self.encode = encode
        self.rejected = rejected
        self.exported = metrics.exported(signal)
        self.refused, self.lost, self._full = (metrics.not_exported(signal, why) for why in ("refused", "lost", "full"))
        self._most = most
        self._items: deque[T] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Let it wait, or count it as dropped: whoever puts goes on at once in either case."""
        if len(self._items) < self._most:
            self._items.append(item)
        else:
            self._full.inc()

    def beginning(self, most: int) -> list[T]:
        """The first that wait, as many as go into a request; they wait until `settle`."""
        return list(islice(self._items, min(most, len(self._items))))

    def settle(self, count: int) -> None:
        """So many of the first wait no more."""
        for _ in range(count):
            self._items.popleft()


class Rate:
    """So many a second, and no more than that at once: the generic cell rate algorithm, ITU-T I.371."""

    def __init__(self, per_second: float, dropped: Counter, now: Callable[[], float] = monotonic) -> None:
        self._interval = 1.0 / per_second
        self._dropped = dropped
        self._now = now
        self._due = 0.0

    def allows(self) -> bool:
        """Whether there may be one more now; counted as dropped if not."""
        now = self._now()
        due = max(self._due, now)
        if due - now > max(0.0, 1.0 - self._interval):
            self._dropped.inc()
            return False
        self._due = due + self._interval
        return True
