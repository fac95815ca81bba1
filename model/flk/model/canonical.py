"""The bytes that are signed: one text for each value (C14N-*)."""

import math
from enum import StrEnum

import msgspec

from flk.spec.constants import CONSTANTS

DIGITS = CONSTANTS.canonical.digits
_text = (
    msgspec.json.Encoder().encode
)  # escapes as RFC 8785 section 3.2.2.2 asks; the tests compare it with the standard library


class Profile(StrEnum):
    """How reals are written. FIXED is the form of this specification, SHORTEST that of older signers (C14N-6)."""

    FIXED = "fixed9"
    SHORTEST = "shortest"


class Signed(msgspec.Struct, frozen=True):
    """The eight fields that a signature covers."""

    D_hat: float
    budget: float
    coh_star: float
    epoch: int
    merkle_root: str
    pcs_id: str
    r: float
    shard_id: str


def round9(x: float) -> float:
    """The double nearest to `x` rounded to nine decimals: half to even on the exact binary64 value, and never -0 (C14N-2, C14N-3).

    Raises ValueError for NaN and infinities (C14N-4).
    """
    return round(_finite(x), DIGITS) + 0.0


def fixed9(x: float) -> str:
    """`x` with exactly nine fractional digits of its correctly rounded value; `-0` is written `0.000000000` (C14N-2, C14N-3).

    Raises ValueError for NaN and infinities (C14N-4).
    """
    return f"{_finite(x):z.9f}"


def nano(x: float) -> int:
    """`round9(x)` in billionths, exact at any size. Tolerances compare these integers (JDG-1)."""
    return int(fixed9(x).replace(".", ""))


def canonical_bytes(record: Signed, profile: Profile = Profile.FIXED) -> bytes:
    """The eight signed fields as JSON: keys in code-point order, no spaces, UTF-8 (C14N-1).

    Raises ValueError for NaN and infinities, and for text that UTF-8 cannot carry (a lone surrogate).
    """
    real = fixed9 if profile is Profile.FIXED else _shortest
    return (
        f'{{"D_hat":{real(record.D_hat)},"budget":{real(record.budget)},"coh_star":{real(record.coh_star)}'
        f',"epoch":{record.epoch},"merkle_root":{_text(record.merkle_root).decode()}'
        f',"pcs_id":{_text(record.pcs_id).decode()},"r":{real(record.r)}'
        f',"shard_id":{_text(record.shard_id).decode()}}}'
    ).encode()


def _shortest(x: float) -> str:
    """The shortest decimal that reads back as `round9(x)`, in Python's notation: `1.0`, `1e-05` (C14N-6)."""
    return repr(round9(x))


def _finite(x: float) -> float:
    if math.isfinite(x):
        return x
    raise ValueError(f"C14N-4: {x} has no canonical form; signals are finite")
