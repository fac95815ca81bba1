"""How much of a tenant is logged: so many records a second, with a burst, and so many a day (TEN-1, TEN-2).

Only what proves authentic is charged, and that shows after it was logged. So a bucket may go into debt: by what was in flight when
it became empty, and no further. The debt is paid back before anything else is taken, so in the long run the rate is exact.

A bucket is one number, the moment at which it will be full again, by a clock that nobody sets. Source: the generic cell rate
algorithm, ITU-T I.371.
"""

from enum import StrEnum
from math import floor

import msgspec

from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.submission import Problem, Response
from flk.model.refusal import Overloaded
from flk.spec.constants import CONSTANTS

REQUIREMENT = "TEN-1"
DAY_SECONDS = 86400.0
ROUNDING = 1e-3  # of a record: moments are rounded, and a full bucket gives all that it holds


class Kind(StrEnum):
    """The two quotas that a tenant may have."""

    RATE = "rate"
    DAY = "day"


class Quota(msgspec.Struct, frozen=True):
    """A bucket of `burst` records that fills at `rate` records a second; `promise` says so in words."""

    kind: Kind
    rate: float
    burst: float
    promise: str = ""


class Tenant(msgspec.Struct, frozen=True):
    """What is said of a tenant: whether its records are taken at all (TEN-4), and its quotas. None: no bound.

    >>> [quota.promise for quota in Tenant(records_per_second=5, records_per_day=1000).quotas]
    ['5 records a second, 10 at once', '1000 records a day']
    """

    active: bool = True
    records_per_second: float | None = None
    burst: int | None = None
    records_per_day: int | None = None

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """The bucket of the rate and that of the day, as far as there are any."""
        quotas = []
        if (rate := self.records_per_second) is not None:
            burst = self.burst or max(1.0, floor(rate * CONSTANTS.tenants.burst_seconds))
            quotas.append(Quota(Kind.RATE, rate, burst, f"{rate:g} records a second, {burst:g} at once"))
        if (day := self.records_per_day) is not None:
            quotas.append(Quota(Kind.DAY, day / DAY_SECONDS, day, f"{day} records a day"))
        return tuple(quotas)


def charged(full_at: float, quota: Quota, now: float) -> float:
    """When the bucket will be full again once a record is taken from it, whether it has one or not.

    >>> charged(0.0, Quota(Kind.RATE, rate=10, burst=5), now=100.0)
    100.1
    """
    return max(full_at, now) + 1 / quota.rate


def wait(full_at: float, quota: Quota, now: float) -> float:
    """Seconds until the bucket has a record to give; 0 if it has one now.

    >>> quota = Quota(Kind.RATE, rate=2, burst=1)
    >>> round(wait(charged(0.0, quota, now=100.0), quota, now=100.0), 6)
    0.4995
    """
    return max(0.0, full_at - now - (quota.burst - 1 + ROUNDING) / quota.rate)


def carried(full_at: float, before: Quota, after: Quota, now: float) -> float:
    """When a bucket whose quota changes will be full again: it lacks as many records as before.

    >>> carried(110.0, Quota(Kind.RATE, rate=1, burst=20), Quota(Kind.RATE, rate=5, burst=50), now=100.0)
    102.0
    """
    return now + max(0.0, full_at - now) * before.rate / after.rate


def over_quota(quota: Quota, seconds: float) -> Overloaded:
    """What to raise while a bucket has nothing to give: it has again after so many seconds (TEN-1)."""
    detail = f"the quota of this tenant is used up: {quota.promise}"
    return Overloaded(REQUIREMENT, detail, retry_after=floor(seconds) + 1)


def proves_authentic(response: Response) -> bool:
    """Whether an answer is given only to what a key of the tenant has signed, so that it counts for no address (HTTP-9)."""
    return response.status in STATES_ENTRY or is_over_quota(response)


def is_over_quota(response: Response) -> bool:
    """Whether an answer refuses a record because the quota of its tenant is used up (TEN-1)."""
    if response.status != Overloaded.status:
        return False
    return msgspec.json.decode(response.body, type=Problem).requirement == REQUIREMENT
