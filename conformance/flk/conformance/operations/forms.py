"""How values that JSON has no type for are written in questions: reals, texts, keys, timestamps, the signed fields.

Bytes are standard base64 with padding, which msgspec reads and writes for `bytes` by itself.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from flk.model.log.hlc import Timestamp
from flk.model.policies.signing import PolicyKeys
from flk.model.record.canonical import Profile, Signed
from flk.model.record.signing import (
    Algorithm,
    Ed25519PrivateKey,
    Ed25519PublicKey,
    HmacKey,
    Keyring,
    LiveKey,
)

Real: TypeAlias = float | Literal["NaN", "Infinity", "-Infinity"]
"""A number; what JSON cannot write is a word, which `float` understands."""

Text: TypeAlias = str | tuple[int, ...]
"""A text; one that UTF-8 cannot carry is an array of UTF-16 code units."""

Stamp = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
"""A hybrid timestamp: a 64-bit integer in hexadecimal."""

Bits = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
"""The IEEE 754 bits of a real, for whoever does not trust a JSON reader with numbers. They always agree with the number."""


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The input of an operation, or a part of one."""


class EightFields(Form, frozen=True):
    """What a signature covers, unchecked: eight fields, and three more under profile `judged`, or five of a record with a proof."""

    D_hat: Real
    budget: Real
    coh_star: Real
    epoch: int
    merkle_root: Text
    pcs_id: Text
    r: Real
    shard_id: Text
    N_j: dict[str, int] = {}
    regime: str = ""
    scales: tuple[int, ...] = ()
    seed: int | None = None
    vrf_proof: str = ""

    def signed(self) -> Signed:
        """The model's value."""
        eight = Signed(
            D_hat=float(self.D_hat),
            budget=float(self.budget),
            coh_star=float(self.coh_star),
            epoch=self.epoch,
            merkle_root=text(self.merkle_root),
            pcs_id=text(self.pcs_id),
            r=float(self.r),
            shard_id=text(self.shard_id),
        )
        if not self.scales:
            return eight
        eleven = Eleven(**msgspec.structs.asdict(eight), N_j=self.N_j, regime=self.regime, scales=self.scales)
        if not self.vrf_proof:
            return eleven
        return Thirteen(**msgspec.structs.asdict(eleven), seed=self.seed or 0, vrf_proof=self.vrf_proof)


class Eleven(Signed, frozen=True):
    """The eight fields, and those that profile `judged` covers besides."""

    N_j: dict[str, int]
    regime: str
    scales: tuple[int, ...]


class Thirteen(Eleven, frozen=True):
    """The same, of a record that proves how its seed was drawn."""

    seed: int
    vrf_proof: str


class SecretKey(Form, frozen=True):
    """A key that signs: the secret of `hmac-sha256`, or the 32-byte seed of `ed25519`."""

    algorithm: Algorithm
    secret: bytes

    def signer(self) -> HmacKey | Ed25519PrivateKey:
        """The model's key."""
        return HmacKey(self.secret) if self.algorithm is Algorithm.HMAC_SHA256 else Ed25519PrivateKey(self.secret)


class LiveKeyForm(Form, frozen=True):
    """A key that checks: the secret of `hmac-sha256`, or the public key of `ed25519`. The window is in seconds since 1970."""

    algorithm: Algorithm
    key: bytes
    not_before: float = 0.0
    not_after: float | None = None

    def live(self) -> LiveKey:
        """The model's key."""
        key = HmacKey(self.key) if self.algorithm is Algorithm.HMAC_SHA256 else Ed25519PublicKey(self.key)
        return LiveKey(key, self.not_before, float("inf") if self.not_after is None else self.not_after)


Keys: TypeAlias = dict[str, tuple[LiveKeyForm, ...]]
"""The keys of each tenant."""


def keyring(
    keys: Keys, profiles: tuple[Profile, ...], vrf_keys: Keys | None = None, policy_keys: PolicyKeys | None = None
) -> Keyring:
    """The model's keyring."""
    return Keyring(_live(keys), profiles, policy_keys or {}, _live(vrf_keys or {}))


def _live(keys: Keys) -> dict[str, list[LiveKey]]:
    return {tenant: [form.live() for form in forms] for tenant, forms in keys.items()}


def text(value: Text) -> str:
    """The text, its lone surrogates included."""
    if isinstance(value, str):
        return value
    return b"".join(unit.to_bytes(2, "little") for unit in value).decode("utf-16-le", errors="surrogatepass")


def timestamp(stamp: Stamp) -> Timestamp:
    """The model's timestamp."""
    return Timestamp(int(stamp, 16))
