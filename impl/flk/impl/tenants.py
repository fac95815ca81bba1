"""Tenants files: which tenants are active, how much each may send, and what is expected of it (TEN-*).

    [[tenant]]
    id = "acme"
    active = true                        # optional; false: its records are refused as if it had no key
    records_per_second = 50              # optional, as is each of what follows: in the long run
    burst = 100                          # at once; without it, those of two seconds
    records_per_day = 1000000
    expected_dedup_ratio = 0.05          # the share of its submissions that repeat a record, for FLKDedupAnomalyLow
    labels = { team = "risk" }           # for dashboards and alerts

    [[tenant]]
    id = "*"                             # every tenant that has no entry of its own
    records_per_second = 100

Keys stand in the key file, and what decides an outcome stands here never: a replay of the log comes to the same outcomes whatever
the tenants file says then (JDG-5).
"""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from flk.impl.entry_files import Form, WrongField, add_entry, read_entries
from flk.model.flow.quota import Tenant
from flk.spec.constants import CONSTANTS

OTHERS = "*"
"""The id of the entry for tenants that have none."""
_NAME = CONSTANTS.node.tenant_pattern
_ID = rf"^\*$|{_NAME}"
_LIMITS = CONSTANTS.tenants

Name = Annotated[str, Meta(pattern="^[a-z_][a-z0-9_]*$", max_length=_LIMITS.max_label_characters)]
Value = Annotated[str, Meta(max_length=_LIMITS.max_label_characters)]


class TenantEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[tenant]]` of a tenants file, as it stands there."""

    id: Annotated[str, Meta(pattern=_ID)]
    active: bool = True
    records_per_second: Annotated[float, Meta(gt=0, le=_LIMITS.max_records_per_second)] | None = None
    burst: Annotated[int, Meta(ge=1, le=_LIMITS.max_burst)] | None = None
    records_per_day: Annotated[int, Meta(ge=1, le=_LIMITS.max_records_per_day)] | None = None
    expected_dedup_ratio: Annotated[float, Meta(ge=0, le=1)] | None = None
    labels: Annotated[dict[Name, Value], Meta(max_length=_LIMITS.max_labels)] = {}

    @property
    def bounds(self) -> Tenant:
        """What is asked before a record of the tenant is logged."""
        return Tenant(self.active, self.records_per_second, self.burst, self.records_per_day)


class TenantsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole tenants file."""

    tenant: Annotated[tuple[TenantEntry, ...], Meta(min_length=1, max_length=_LIMITS.max_tenants)]


def read_tenants(path: Path) -> tuple[TenantEntry, ...]:
    """The entries of a tenants file, each of them usable. Raises UnusableInput with file, line and fix."""
    return read_entries(path, _FORM)


def new_tenant(
    tenant: str, records_per_second: float | None = None, burst: int | None = None, records_per_day: int | None = None
) -> str:
    """A `[[tenant]]`, ready for a tenants file."""
    quotas = {"records_per_second": records_per_second, "burst": burst, "records_per_day": records_per_day}
    given = (f"{name} = {value}" for name, value in quotas.items() if value is not None)
    return "\n".join(("[[tenant]]", f'id = "{tenant}"', *given)) + "\n"


def add_tenant(path: Path, made: str) -> None:
    """Add what `new_tenant` made to a tenants file, or begin one. Raises UnusableInput as `add_entry` does."""
    add_entry(path, made, _FORM)


def _check(entry: TenantEntry, before: tuple[TenantEntry, ...]) -> None:
    if any(entry.id == other.id for other in before):
        raise WrongField("id", "has an entry above; keep one of them")
    if entry.burst is not None and entry.records_per_second is None:
        raise WrongField("burst", "has no effect without records_per_second; give that, too, or leave it out")
    if entry.id == OTHERS:
        for field in ("expected_dedup_ratio", "labels"):
            if getattr(entry, field):
                raise WrongField(field, "is for a tenant with an entry of its own, since only those have metrics")


_FORM = Form(
    "tenants file",
    "tenant",
    "flk tenants new",
    lambda text: msgspec.toml.decode(text, type=TenantsFile).tenant,
    lambda entry: f"tenant {entry.id!r}",
    _check,
)
