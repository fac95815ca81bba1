"""What a node knows of its tenants, and what each of them has used (TEN-*). Every runtime asks here."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flk.model.flow.quota import Quota, Tenant, carried, charged, over_quota, wait
from flk.model.record.signing import unsigned

UNBOUNDED = Tenant()


class Tenants:
    """The tenants that are `named`, and what is said of all others; `now` is a moment by a clock that nobody sets.

    Of each bucket that is not full it keeps when it will be: only of tenants that have a key, since only what is authentic is
    charged.

    >>> tenants = Tenants({"acme": Tenant(records_per_second=1, burst=1)})
    >>> tenants.require_room("acme", now=5.0)
    >>> tenants.charge("acme", now=5.0)
    >>> tenants.require_room("acme", now=5.5)
    Traceback (most recent call last):
    flk.model.refusal.Overloaded: the quota of this tenant is used up: 1 records a second, 1 at once
    >>> tenants.require_room("beta", now=5.5)
    """

    def __init__(self, named: Mapping[str, Tenant] | None = None, others: Tenant = UNBOUNDED) -> None:
        self._full_at: dict[str, list[float]] = {}  # in the order of the tenant's quotas
        self._set(named or {}, others)

    def replace(self, named: Mapping[str, Tenant], others: Tenant, now: float) -> None:
        """Go by this from now on. What a tenant has used stays used, as far as a quota of the same kind is left to it (TEN-5)."""
        before = {tenant: (self._of(tenant).quotas, full_at) for tenant, full_at in self._full_at.items()}
        self._set(named, others)
        self._full_at = {
            tenant: _carried(quotas, full_at, self._of(tenant).quotas, now)
            for tenant, (quotas, full_at) in before.items()
        }

    def is_bounded(self, tenant: str) -> bool:
        """Whether anything is to be asked before a record of this tenant is logged."""
        bounds = self._of(tenant)
        return not bounds.active or bool(bounds.quotas)

    def require_room(self, tenant: str, now: float) -> None:
        """Return if an authentic record of this tenant may be logged. Raises Overloaded (TEN-1), or Unauthenticated if the tenant
        is not active (TEN-4): in the words that one without a key is told.
        """
        bounds = self._of(tenant)
        if not bounds.active:
            raise unsigned()
        waits = [
            wait(each, quota, now) for quota, each in zip(bounds.quotas, self._full_at.get(tenant, ()), strict=False)
        ]
        if waits and (longest := max(waits)) > 0:
            raise over_quota(bounds.quotas[waits.index(longest)], longest)

    def charge(self, tenant: str, now: float) -> None:
        """A record of this tenant was logged and is authentic: take it from each of its buckets (TEN-2)."""
        quotas = self._of(tenant).quotas
        full_at = self._full_at.get(tenant) or [now] * len(quotas)
        self._full_at[tenant] = [charged(each, quota, now) for quota, each in zip(quotas, full_at, strict=True)]

    def _set(self, named: Mapping[str, Tenant], others: Tenant) -> None:
        self._named = {tenant: _bounds(said) for tenant, said in named.items()}
        self._others = _bounds(others)

    def _of(self, tenant: str) -> "_Bounds":
        return self._named.get(tenant, self._others)


class _Bounds(NamedTuple):
    """What is said of a tenant, as it is asked for with each record."""

    active: bool
    quotas: tuple[Quota, ...]


def _bounds(said: Tenant) -> _Bounds:
    return _Bounds(said.active, said.quotas)


def _carried(before: tuple[Quota, ...], full_at: Sequence[float], after: tuple[Quota, ...], now: float) -> list[float]:
    """When the buckets of other quotas will be full: as those of the same kind would be; one that is new is full."""
    known = {quota.kind: (quota, each) for quota, each in zip(before, full_at, strict=True)}
    return [
        carried(known[quota.kind][1], known[quota.kind][0], quota, now) if quota.kind in known else now
        for quota in after
    ]
