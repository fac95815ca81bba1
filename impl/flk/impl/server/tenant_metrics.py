"""The metrics by tenant: of those that the tenants file names, and of no other, so that no stranger makes up series (TEN-6)."""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import Counter, Gauge

from flk.impl.tenants import TenantEntry
from flk.model.entries.entry import Claim, Entry
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.flow.quota import REQUIREMENT


class ByTenant:
    """Counts for the tenants that it was told to `show`; `counter` and `gauge` find a metric of the table by its name."""

    def __init__(self, counter: Callable[[str], Counter], gauge: Callable[[str], Gauge]) -> None:
        self._answers = counter("flk_tenant_answers_total")
        self._over_quota = counter("flk_tenant_over_quota_total")
        self._dedup_hits = counter("flk_tenant_dedup_hits_total")
        self._expected = gauge("flk_tenant_expected_dedup_ratio")
        self._quota = gauge("flk_tenant_quota_per_second")
        self._labels = gauge("flk_tenant_label_info")
        self._named: frozenset[str] = frozenset()
        self._children: dict[tuple[str, int], Counter] = {}

    def show(self, entries: Sequence[TenantEntry]) -> None:
        """Go by these entries from now on. What was counted for a tenant that is still there counts on."""
        self._forget(self._named - {entry.id for entry in entries})
        self._named = frozenset(entry.id for entry in entries)
        for gauge in (self._expected, self._quota, self._labels):
            gauge.clear()
        for entry in entries:
            self._begin(entry)

    def answered(self, tenant: str, status: int, requirement: str = "", times: int = 1) -> None:
        """So many submissions that named this tenant were answered; a refusal names the requirement on which it rests."""
        if tenant not in self._named:
            return
        self._answers_with(tenant, status).inc(times)
        if requirement == REQUIREMENT:
            self._over_quota.labels(tenant).inc(times)

    def claimed(self, claims: Iterable[Claim], stored: Iterable[Entry]) -> None:
        """Claims met the store: count those that found their own content there (DUP-2)."""
        if not self._named:
            return
        for claim, entry in zip(claims, stored, strict=True):
            tenant = claim.key.tenant
            if tenant in self._named and entry is not claim.entry and entry.digest == claim.entry.digest:
                self._dedup_hits.labels(tenant).inc()

    def _begin(self, entry: TenantEntry) -> None:
        """Each count is there from the beginning, at 0, so that its first rise is seen."""
        for status in ACKNOWLEDGED:
            self._answers_with(entry.id, status)
        self._over_quota.labels(entry.id)
        self._dedup_hits.labels(entry.id)
        if entry.expected_dedup_ratio is not None:
            self._expected.labels(entry.id).set(entry.expected_dedup_ratio)
        for quota in entry.bounds.quotas:
            self._quota.labels(entry.id, quota.kind).set(quota.rate)
        for label, value in entry.labels.items():
            self._labels.labels(entry.id, label, value).set(1)

    def _answers_with(self, tenant: str, status: int) -> Counter:
        child = self._children.get((tenant, status))
        if child is None:
            child = self._children[tenant, status] = self._answers.labels(tenant, str(status))
        return child

    def _forget(self, tenants: frozenset[str]) -> None:
        for tenant in tenants:
            self._over_quota.remove(tenant)
            self._dedup_hits.remove(tenant)
        for tenant, status in [key for key in self._children if key[0] in tenants]:
            self._answers.remove(tenant, str(status))
            del self._children[tenant, status]
