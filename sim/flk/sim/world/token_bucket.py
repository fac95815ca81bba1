"""A limit to the requests that the object store serves."""

from math import inf

from flk.sim.scenarios.faults import ObjectStoreThrottle


class TokenBucket:
    """Lets through `rate` requests a second, and of those that come together at most what it lets through in one (one at least).

    Source: Turner, "New Directions in Communications", 1986.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._size = max(1.0, rate)
        self._tokens = self._size
        self._since = now

    def fill(self, now: float) -> bool:
        """Put in what has come due; whether there is a token."""
        if self._rate < inf:
            self._tokens = min(self._size, self._tokens + (now - self._since) * self._rate)
            self._since = now
        return self._tokens >= 1.0

    def take(self) -> None:
        """Take a token, of which there must be one."""
        self._tokens -= 1.0


class Throttles:
    """The throttles that hold now. A request is served if all of them let it through; one that is refused uses up nothing."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}

    def begin(self, fault: ObjectStoreThrottle, now: float) -> None:
        """Let a throttle take hold, with a full bucket."""
        self._buckets[fault.id] = TokenBucket(fault.rate, now)

    def end(self, fault: ObjectStoreThrottle) -> None:
        """Let a throttle go."""
        del self._buckets[fault.id]

    def serve(self, now: float) -> bool:
        """Whether a request that comes now is served."""
        buckets = self._buckets.values()
        filled = [bucket.fill(now) for bucket in buckets]  # each, and not only up to the first that is empty
        served = all(filled)
        if served:
            for bucket in buckets:
                bucket.take()
        return served
