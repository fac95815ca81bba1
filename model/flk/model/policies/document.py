"""A policy: its fields, its canonical bytes and its digest (POL-1, POL-3)."""

import json
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from json.encoder import encode_basestring as quoted  # escapes as RFC 8785 section 3.2.2.2 asks
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from flk.model.entries.entry import Outcome
from flk.model.entries.judgement import judge
from flk.model.entries.scrutiny import OFF, Scrutiny
from flk.model.record.canonical import fixed9, nano
from flk.model.record.record import Pcs
from flk.model.record.rules import DEFAULT as DEFAULT_RULES
from flk.model.record.rules import Rules
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.policy
TOL_COH = round(CONSTANTS.record.coh_star_max - 1, CONSTANTS.canonical.digits)
"""How far `coh_star` may exceed 1. Every policy says so, and none changes it: a record beyond it is none (REC-5)."""


class VrfMode(StrEnum):
    """What comes of the proofs that records have of their seeds (VRF-6)."""

    OFF = "off"
    SHADOW = "shadow"
    ENFORCED = "enforced"


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy: tolerances of the slope, of the coherence and of the budget, the budget's weights, and where regimes begin (POL-1).
    Built directly it is unchecked; `flk.model.policies.reading` yields only valid ones.

    >>> policy = Policy("1.10.0", 0.15, 0.05, 0.005, 0.3, 0.5, 0.2, 0.1, D0=2.2,
    ...     sticky_D_hat_max=1.5, sticky_coherence_min=0.7, non_sticky_D_hat_min=2.6)
    >>> policy.number > (1, 9, 1), policy.tol_budget
    (True, 0.005)
    """

    version: str
    tol_D: float
    tol_coh: float
    tol_budget: float
    alpha: float
    beta: float
    gamma: float
    base: float
    D0: float
    sticky_D_hat_max: float
    sticky_coherence_min: float
    non_sticky_D_hat_min: float
    name: str = ""
    description: str = ""
    created_at: str = ""
    flags: dict[str, bool] = {}
    vrf_mode: VrfMode | UnsetType = UNSET
    scrutiny: Scrutiny | UnsetType = UNSET
    signed_by: str = ""
    signature: str = ""

    @property
    def rules(self) -> Rules:
        """What judgements under it go by."""
        return Rules(
            tolerance_D_hat=nano(self.tol_D),
            tolerance_budget=nano(self.tol_budget),
            sticky_coh_min=self.sticky_coherence_min,
            sticky_D_max=self.sticky_D_hat_max,
            non_sticky_D_min=self.non_sticky_D_hat_min,
            base=self.base,
            alpha=self.alpha,
            beta=self.beta,
            gamma=self.gamma,
            D0=self.D0,
        )

    def judge(self, record: Pcs) -> Outcome:
        """The outcome of a valid, authentic record under it (POL-8, POL-12)."""
        return judge(record, self.rules, self.scrutiny or OFF)

    @property
    def vrf(self) -> VrfMode:
        """What comes of proofs: nothing, where the policy is silent (VRF-6)."""
        return self.vrf_mode or VrfMode.OFF

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers, by which versions are compared (POL-6)."""
        return tuple(map(int, self.version.split(".")))


PARAMETERS = (
    "tol_D",
    "tol_coh",
    "tol_budget",
    "alpha",
    "beta",
    "gamma",
    "base",
    "D0",
    "sticky_D_hat_max",
    "sticky_coherence_min",
    "non_sticky_D_hat_min",
)
"""The fields that hold a number."""
UNSIGNED = {"signed_by", "signature"}
"""The fields that say who vouches for the others."""

DEFAULT = Policy(
    version=LIMITS.default_version,
    tol_D=CONSTANTS.judgement.tolerance_D_hat,
    tol_coh=TOL_COH,
    tol_budget=CONSTANTS.judgement.tolerance_budget,
    alpha=DEFAULT_RULES.alpha,
    beta=DEFAULT_RULES.beta,
    gamma=DEFAULT_RULES.gamma,
    base=DEFAULT_RULES.base,
    D0=DEFAULT_RULES.D0,
    sticky_D_hat_max=DEFAULT_RULES.sticky_D_max,
    sticky_coherence_min=DEFAULT_RULES.sticky_coh_min,
    non_sticky_D_hat_min=DEFAULT_RULES.non_sticky_D_min,
    name="default",
)
"""What is in force where no log says otherwise. Nobody signs it: it is the specification's."""


def canonical_policy(policy: Policy) -> bytes:
    """The bytes that are hashed and signed: all fields but those that say who signed, keys in code-point order, no spaces, UTF-8;
    numbers with nine fractional digits, as in records (POL-3, C14N-2). Where nothing is asked besides, `scrutiny` is left out,
    and so is a `vrf_mode` that is off: the policies before them keep their digests.

    >>> canonical_policy(DEFAULT)[:32]
    b'{"D0":2.200000000,"alpha":0.3000'
    """
    stated = {name: getattr(policy, name) for name in Policy.__struct_fields__ if name not in UNSIGNED}
    return _object(
        {name: value for name, value in stated.items() if value is not UNSET and value is not VrfMode.OFF}
    ).encode()


_Value: TypeAlias = float | str | dict[str, bool] | tuple[float, ...] | Scrutiny


def _object(stated: Mapping[str, _Value]) -> str:
    return "{" + ",".join(f'"{name}":{_text(stated[name])}' for name in sorted(stated)) + "}"


def _text(value: _Value) -> str:
    match value:
        case str():
            return quoted(value)
        case bool() | dict():
            return json.dumps(value, sort_keys=True, separators=(",", ":"))
        case tuple():
            return "[" + ",".join(map(fixed9, value)) + "]"
        case Scrutiny():
            return _object(value.on)
        case _:
            return fixed9(value)


def policy_digest(policy: Policy) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal: what names a policy's content, whoever signed it (POL-3)."""
    return sha256(canonical_policy(policy)).hexdigest()


_EARLIER = sorted({"version", *PARAMETERS} - {"tol_budget"})
_SMALL = 1e-6


def earlier_digest(policy: Policy) -> str:
    """The digest by which the earlier system named a policy: of eleven fields, numbers as Go writes them (POL-4).

    It leaves out the tolerance of the budget, which that system had written into its code.

    >>> earlier_digest(DEFAULT) == LIMITS.earlier_digest
    True
    """
    told = {name: getattr(policy, name) for name in _EARLIER}
    text = ",".join(f'"{name}":{_earlier(value)}' for name, value in told.items())
    return sha256(f"{{{text}}}".encode()).hexdigest()


def _earlier(value: float | str) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if 0 < value < _SMALL:
        return repr(float(value)).replace("e-0", "e-")
    return fixed9(value).rstrip("0").rstrip(".")
