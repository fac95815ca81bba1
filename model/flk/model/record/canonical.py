"""The bytes that are signed: one text for each value (C14N-*)."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring as quoted  # escapes as RFC 8785 section 3.2.2.2 asks
from math import inf, isfinite
from typing import Protocol, TypeGuard

import msgspec

from flk.spec.constants import CONSTANTS

DIGITS = CONSTANTS.canonical.digits
NANO = CONSTANTS.canonical.nano


class Profile(StrEnum):
    """What a signature covers, and how reals are written. FIXED covers the eight signed fields, JUDGED also what judgement and
    digest read besides (C14N-9), SHORTEST is the form of older signers (C14N-6).
    """

    FIXED = "fixed9"
    SHORTEST = "shortest"
    JUDGED = "judged"


FIXED, SHORTEST, JUDGED = Profile
ACCEPTED = (JUDGED, FIXED)
"""What verifiers accept unless they are told otherwise; first what agents sign, since each that is tried in vain costs a MAC."""


class Signed(msgspec.Struct, frozen=True, gc=False):
    """The eight fields that every signature covers."""

    D_hat: float
    budget: float
    coh_star: float
    epoch: int
    merkle_root: str
    pcs_id: str
    r: float
    shard_id: str


class Judged(Protocol):
    """What else judgement and digest read: a signature of profile JUDGED covers it, too."""

    @property
    def N_j(self) -> Mapping[str, int]:  # noqa: N802 - a field of the record
        """The cells counted at each scale."""
        ...

    @property
    def regime(self) -> str:
        """How the computation moves."""
        ...

    @property
    def scales(self) -> tuple[int, ...]:
        """The scales, as they were listed."""
        ...


class Drawn(Judged, Protocol):
    """What a record besides has whose seed a verifiable random function drew (VRF-4)."""

    @property
    def seed(self) -> int:
        """The seed of the directions behind `coh_star`."""
        ...

    @property
    def vrf_proof(self) -> str:
        """The proof that nobody chose it."""
        ...


EIGHT = Signed.__struct_fields__
BESIDE = ("N_j", "regime", "scales")
"""What a signature of profile JUDGED covers besides."""
BESIDE_DRAWN = (*BESIDE, "seed", "vrf_proof")
"""The same, of a record that has a proof."""


def round9(x: float) -> float:
    """The double nearest to `x` rounded to nine decimals: half to even on the exact binary64 value, and never -0 (C14N-2, C14N-3).

    Raises ValueError for NaN and infinities (C14N-4).
    """
    if -NEAR < x < NEAR:
        return nano(x) / NANO  # both are exact, so the quotient is the double nearest to the decimal
    if isfinite(x):
        return round(x, DIGITS) + 0.0
    raise _no_form(x)


def fixed9(x: float) -> str:
    """`x` with exactly nine fractional digits of its correctly rounded value; `-0` is written `0.000000000` (C14N-2, C14N-3).

    Raises ValueError for NaN and infinities (C14N-4).
    """
    if isfinite(x):
        return f"{x:z.9f}"
    raise _no_form(x)


def nano(x: float) -> int:
    """`round9(x)` in billionths, exact at any size. Tolerances compare these integers (JDG-1).

    The product of a small `x` and 10^9 is within 2^-20 of the true one, so unless it lies that close to half way between two
    integers, its nearest integer is the right one; the rest is left to the decimal text.
    """
    if -NEAR < x < NEAR:
        scaled = x * NANO
        nearest = round(scaled)
        if -CLEAR < scaled - nearest < CLEAR:
            return nearest
    return int(fixed9(x).replace(".", ""))


NEAR = 8.0
CLEAR = 0.5 - 2.0**-20


def canonical_bytes(record: Signed, profile: Profile = FIXED) -> bytes:
    """The bytes that are signed: the eight signed fields as JSON, keys in code-point order, no spaces, UTF-8 (C14N-1).

    Reals have nine fractional digits, unless `profile` is that of older signers; JUDGED has more fields, after the bytes of FIXED.
    Raises ValueError for NaN and infinities, for text that UTF-8 cannot carry (a lone surrogate), and if a field is missing that
    the profile covers.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> canonical_bytes(record)[:40]
    b'{"D_hat":0.000000000,"budget":0.20000000'
    """
    if profile is JUDGED:
        whole: object = record
        if not says_what_is_judged(whole):
            raise ValueError("C14N-9: profile judged covers N_j, regime and scales, too, which are missing")
        return judged_bytes(whole, canonical_bytes(record))
    D_hat, budget, coh_star, r = record.D_hat, record.budget, record.coh_star, record.r
    merkle_root, pcs_id, shard_id = quoted(record.merkle_root), quoted(record.pcs_id), quoted(record.shard_id)
    if profile is FIXED and D_hat > 0 and budget > 0 and coh_star > 0 and r > 0 and D_hat + budget + coh_star + r < inf:
        # Nothing here can be written -0, so one formatting does: the hot path of signing and verifying.
        text = _NINE_DIGITS % (D_hat, budget, coh_star, record.epoch, merkle_root, pcs_id, r, shard_id)
    else:
        real = _REAL[profile]
        text = _FORM % (real(D_hat), real(budget), real(coh_star), record.epoch, merkle_root, pcs_id, real(r), shard_id)
    return text.encode()


_FORM = '{"D_hat":%s,"budget":%s,"coh_star":%s,"epoch":%s,"merkle_root":%s,"pcs_id":%s,"r":%s,"shard_id":%s}'
_NINE_DIGITS = (
    '{"D_hat":%.9f,"budget":%.9f,"coh_star":%.9f,"epoch":%s,"merkle_root":%s,"pcs_id":%s,"r":%.9f,"shard_id":%s}'
)


def says_what_is_judged(record: object) -> TypeGuard[Judged]:
    """Whether it has more than the eight fields, so that profile JUDGED can sign it."""
    return hasattr(record, "scales")


def says_how_it_was_drawn(record: Judged) -> TypeGuard[Drawn]:
    """Whether it has a proof of its seed, which profile JUDGED covers with the seed itself (C14N-9)."""
    return hasattr(record, "vrf_proof")


def judged_bytes(record: Judged, canonical: bytes) -> bytes:
    """All that is signed or judged: the canonical bytes, a newline, then `{"N_j":{...},"regime":"...","scales":[...]}` with `N_j`
    in the order of `scales`; `seed` and `vrf_proof` follow where there is a proof (C14N-9). Raises ValueError if a scale has no
    count.
    """
    names, counts = names_of(record.scales), record.N_j
    if tuple(counts) != names:
        try:
            counts = {name: counts[name] for name in names}
        except KeyError as scale:
            raise ValueError(f"C14N-9: N_j has no count for scale {scale}") from None
    regime, scales = record.regime, record.scales
    if says_how_it_was_drawn(record):
        return canonical + b"\n" + _encode(_BesideDrawn(counts, regime, scales, record.seed, record.vrf_proof))
    return canonical + b"\n" + _encode(_Beside(counts, regime, scales))


class _Beside(msgspec.Struct, gc=False):
    """What a signature of profile JUDGED covers besides, encoded in this order."""

    N_j: Mapping[str, int]
    regime: str
    scales: tuple[int, ...]


class _BesideDrawn(_Beside, gc=False):
    """The same, of a record that has a proof."""

    seed: int
    vrf_proof: str


_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=256)
def names_of(scales: tuple[int, ...]) -> tuple[str, ...]:
    """The keys that `N_j` has for these scales, in their order. Cached, since a fleet of agents uses few sets of scales."""
    return tuple(map(str, scales))


def _shortest(x: float) -> str:
    """The shortest decimal that reads back as `round9(x)`, in Python's notation: `1.0`, `1e-05` (C14N-6)."""
    return repr(round9(x))


_REAL: dict[Profile, Callable[[float], str]] = {FIXED: fixed9, SHORTEST: _shortest}


def _no_form(x: float) -> ValueError:
    return ValueError(f"C14N-4: {x} has no canonical form; signals are finite")
