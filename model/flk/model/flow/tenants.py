"""What a node knows of its tenants, and what each of them has used (TEN-*). Every runtime asks here."""

from collections.abc import Mapping
from operator import itemgetter

from flk.model.flow.quota import Kind, Quota, Tenant, carried, charged, over_quota, wait
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
        self._full_at: dict[tuple[str, Kind], float] = {}
        self._set(named or {}, others)

    def replace(self, named: Mapping[str, Tenant], others: Tenant, now: float) -> None:
        """Go by this from now on. What a tenant has used stays used, as far as a quota of the same kind is left to it (TEN-5)."""
        before = {(tenant, kind): self._quota(tenant, kind) for tenant, kind in self._full_at}
        self._set(named, others)
        self._full_at = {
            bucket: carried(self._full_at[bucket], old, new, now)
            for bucket, old in before.items()
            if old is not None and (new := self._quota(*bucket)) is not None
        }

    def is_bounded(self, tenant: str) -> bool:
        """Whether anything is to be asked before a record of this tenant is logged."""
        return self._named.get(tenant, self._others).is_bounded

    def require_room(self, tenant: str, now: float) -> None:
        """Return if an authentic record of this tenant may be logged. Raises Overloaded (TEN-1), or Unauthenticated if the tenant
        is not active (TEN-4): in the words that one without a key is told.
        """
        if not self._named.get(tenant, self._others).active:
            raise unsigned()
        waits = [(wait(self._full_at.get((tenant, quota.kind), now), quota, now), quota) for quota in self._of(tenant)]
        seconds, quota = max(waits, key=itemgetter(0), default=(0.0, None))
        if quota is not None and seconds > 0:
            raise over_quota(quota, seconds)

    def charge(self, tenant: str, now: float) -> None:
        """A record of this tenant was logged and is authentic: take it from each of its buckets (TEN-2)."""
        for quota in self._of(tenant):
            bucket = tenant, quota.kind
            self._full_at[bucket] = charged(self._full_at.get(bucket, now), quota, now)

    def _set(self, named: Mapping[str, Tenant], others: Tenant) -> None:
        self._named = named
        self._others = others
        self._quotas = {tenant: bounds.quotas for tenant, bounds in named.items()}
        self._quotas_of_others = others.quotas

    def _of(self, tenant: str) -> tuple[Quota, ...]:
        return self._quotas.get(tenant, self._quotas_of_others)

    def _quota(self, tenant: str, kind: Kind) -> Quota | None:
        return next((quota for quota in self._of(tenant) if quota.kind is kind), None)
