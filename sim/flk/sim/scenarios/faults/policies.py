"""What befalls policies: an operator changes what the logs of a region state, or a region does not have the key in time."""

from typing import Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import Meta

from flk.model.policies.document import DEFAULT, Policy
from flk.sim.scenarios.faults.base import MachineFault, RegionFault, Share


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a policy says otherwise than the default one (POL-8); what is left out is as there."""

    tol_D: float | None = None
    tol_budget: float | None = None
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    base: float | None = None
    D0: float | None = None
    sticky_D_hat_max: float | None = None
    sticky_coherence_min: float | None = None
    non_sticky_D_hat_min: float | None = None


class PolicyChange(MachineFault, frozen=True, tag="policy_change"):
    """The operator of a region has its nodes register a policy and promote it, or stage it for a `share` of the tenants below 1. At
    the end he takes it back, unless it is `for_good`. He asks again while nobody has answered, and where a log is begun anew.
    """

    severity: ClassVar[str] = "share"

    version: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,3}\.[0-9]{1,4}\.[0-9]{1,4}$")] = "1.1.0"
    numbers: Numbers = Numbers()
    share: Share = 1.0
    for_good: bool = False

    @property
    def otherwise(self) -> dict[str, float]:
        """What the policy says otherwise than the default one."""
        given = ((name, getattr(self.numbers, name)) for name in self.numbers.__struct_fields__)
        return {name: float(value) for name, value in given if value is not None}

    @property
    def policy(self) -> Policy:
        """The policy, which nobody has signed yet."""
        return msgspec.structs.replace(DEFAULT, version=self.version, name="", **self.otherwise)

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        whom = "everybody" if self.share == 1 else f"{self.share:.0%} of the tenants"
        return f"{self.where} judges {whom} by policy {self.version}"


class PolicyKeyLate(RegionFault, frozen=True, tag="policy_key_late"):
    """A region does not have the key that signs policies: it judges nothing of what a log states one for, and waits (POL-5)."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.region} does not have the key for policies"


PolicyFault: TypeAlias = PolicyChange | PolicyKeyLate
