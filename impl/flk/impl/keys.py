"""Key files: the keys a server accepts and the key an agent signs with (SIGN-2, SIGN-3, SIGN-4).

    [[key]]
    tenant = "default"
    id = "2026-a"
    algorithm = "hmac-sha256"            # or "ed25519"
    secret_base64 = "…"                  # or secret = "UTF-8 text"; ed25519: public_base64, and private_base64 for who signs
    not_before = 2026-01-01T00:00:00Z    # optional, RFC 3339, from this moment on
    not_after = 2027-01-01T00:00:00Z     # optional, until just before this moment
    use = "vrf"                          # optional: an ed25519 key that draws seeds, and signs no record (VRF-5)

Several keys of a tenant may be live at once, so that agents move from one to the next without a pause.
A key file holds secrets: keep it readable by its owner alone. `flk serve` warns of one that others may read.
"""

import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from enum import StrEnum
from os import urandom
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from flk.impl.entry_files import Form, Moment, WrongField, add_entry, read_entries, seconds
from flk.model.policies.signing import PolicyKeys
from flk.model.record.canonical import ACCEPTED, Profile
from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.signing import (
    Algorithm,
    Ed25519PrivateKey,
    Ed25519PublicKey,
    HmacKey,
    Key,
    Keyring,
    LiveKey,
    Signer,
)
from flk.model.vrf.ecvrf import is_valid_key
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

_NAME = CONSTANTS.node.tenant_pattern
_MATERIAL = {
    Algorithm.HMAC_SHA256: ("secret", "secret_base64"),
    Algorithm.ED25519: ("public_base64", "private_base64"),
}
_SECRET_BYTES = 32

K = TypeVar("K")


class Use(StrEnum):
    """What a tenant's key is for: one that did both would lend a proof to whoever gets a signature, and the other way."""

    RECORDS = "records"
    VRF = "vrf"


class KeyEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[key]]` of a key file, as it stands there."""

    tenant: Annotated[str, Meta(pattern=CONSTANTS.node.tenant_pattern)]
    id: Annotated[str, Meta(pattern=_NAME)]
    algorithm: Algorithm
    secret: Annotated[str, Meta(min_length=1)] | None = None
    secret_base64: Annotated[str, Meta(min_length=1)] | None = None
    public_base64: str | None = None
    private_base64: str | None = None
    not_before: Moment | None = None
    not_after: Moment | None = None
    use: Use = Use.RECORDS

    def __repr__(self) -> str:
        """Without the secret, so that no log or traceback shows it (OBS-2)."""
        return f"KeyEntry(tenant={self.tenant!r}, id={self.id!r}, algorithm={self.algorithm.value!r})"

    @property
    def begins(self) -> float:
        """Seconds since 1970 from which the key counts."""
        return seconds(self.not_before, 0.0)

    @property
    def ends(self) -> float:
        """Seconds since 1970 from which it counts no more."""
        return seconds(self.not_after, float("inf"))

    def verifier(self) -> Key:
        """The half that checks. Raises ValueError for material of the wrong length or form."""
        if self.algorithm is Algorithm.HMAC_SHA256:
            return self._shared()
        if self.public_base64 is None:
            return Ed25519PublicKey(self._private().public())
        public = _decode("public_base64", self.public_base64)
        if self.private_base64 is not None and self._private().public() != public:
            raise WrongField(
                "public_base64", "is not the public half of private_base64; leave it out, or correct one of them"
            )
        return _checked("public_base64", lambda: Ed25519PublicKey(public))

    def signer(self) -> Signer | None:
        """The half that signs, None if the file does not hold it. Raises ValueError as `verifier` does."""
        if self.algorithm is Algorithm.HMAC_SHA256:
            return self._shared()
        return None if self.private_base64 is None else self._private()

    def drawing(self) -> VrfPrivateKey:
        """What draws seeds with the private half. Raises ValueError as `verifier` does."""
        return _checked("private_base64", lambda: VrfPrivateKey(_decode("private_base64", self.private_base64 or "")))

    def _shared(self) -> HmacKey:
        if self.secret is not None:
            return HmacKey(self.secret.encode())
        return HmacKey(_decode("secret_base64", self.secret_base64 or ""))

    def _private(self) -> Ed25519PrivateKey:
        seed = _decode("private_base64", self.private_base64 or "")
        return _checked("private_base64", lambda: Ed25519PrivateKey(seed))


class PolicyKeyEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[policy_key]]` of a key file: who may sign policies (POL-5). Nodes need the public half."""

    id: Annotated[str, Meta(pattern=CONSTANTS.policy.signer_pattern)]
    public_base64: str
    private_base64: str | None = None

    def __repr__(self) -> str:
        """Without the secret, so that no log or traceback shows it (OBS-2)."""
        return f"PolicyKeyEntry(id={self.id!r})"


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole key file."""

    key: Annotated[tuple[KeyEntry, ...], Meta(min_length=1)]
    policy_key: tuple[PolicyKeyEntry, ...] = ()


class PolicyKeyFile(msgspec.Struct, frozen=True):
    """What of a key file, or of a file of its own, is for policies."""

    policy_key: tuple[PolicyKeyEntry, ...] = ()


def read_keys(path: Path) -> tuple[KeyEntry, ...]:
    """The entries of a key file, each of them usable. Raises UnusableInput with file, line and fix."""
    return read_entries(path, _FORM)


def load_keys(path: Path, profiles: Iterable[Profile] = ACCEPTED) -> Keyring:
    """The keys a server accepts. Raises UnusableInput as `read_keys` does."""
    return keyring_of(read_keys(path), profiles, policy_verifiers(path))


def keyring_of(
    entries: Iterable[KeyEntry], profiles: Iterable[Profile] = ACCEPTED, policies: PolicyKeys | None = None
) -> Keyring:
    """The keys that these entries give a server, by what they are for, and those that may sign its policies."""
    keys: dict[Use, dict[str, list[LiveKey]]] = {use: {} for use in Use}
    for entry in entries:
        live = LiveKey(entry.verifier(), entry.begins, entry.ends)
        keys[entry.use].setdefault(entry.tenant, []).append(live)
    return Keyring(keys[Use.RECORDS], profiles, policies or {}, keys[Use.VRF])


def policy_verifiers(path: Path) -> PolicyKeys:
    """Who may sign policies, by the keys in a file (POL-5). Raises UnusableInput."""
    return {entry.id: policy_verifier(path, entry) for entry in read_policy_keys(path)}


def read_policy_keys(path: Path) -> tuple[PolicyKeyEntry, ...]:
    """The keys for policies in a file. Raises UnusableInput with the file and the fix."""
    try:
        entries = msgspec.toml.decode(path.read_bytes(), type=PolicyKeyFile).policy_key
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise UnusableInput(f"{path}: no policy keys can be read ({error}); `flk policy key` shows the form") from None
    for number, entry in enumerate(entries):
        if any(entry.id == other.id for other in entries[:number]):
            raise UnusableInput(f"{path}: policy key {entry.id!r} stands twice; give each its own id")
    return entries


def policy_verifier(path: Path, entry: PolicyKeyEntry) -> Ed25519PublicKey:
    """The half that checks policies. Raises UnusableInput."""
    try:
        return Ed25519PublicKey(_decode("public_base64", entry.public_base64))
    except ValueError:
        raise UnusableInput(
            f"{path}: policy key {entry.id!r}: public_base64 is not 32 bytes in base64; `flk policy key` makes one"
        ) from None


def policy_signer(path: Path, key_id: str) -> Ed25519PrivateKey:
    """The half that signs policies. Raises UnusableInput if the file does not hold it."""
    entry = next((each for each in read_policy_keys(path) if each.id == key_id), None)
    if entry is None or entry.private_base64 is None:
        raise UnusableInput(f"{path}: has no private half of a policy key {key_id!r}; `flk policy key` makes one")
    try:
        private = Ed25519PrivateKey(_decode("private_base64", entry.private_base64))
    except ValueError:
        raise UnusableInput(f"{path}: policy key {key_id!r}: private_base64 is not 32 bytes in base64") from None
    if _encode(private.public()) != entry.public_base64:
        raise UnusableInput(f"{path}: policy key {key_id!r}: public_base64 is not the public half of private_base64")
    return private


def new_policy_key(key_id: str) -> str:
    """A `[[policy_key]]` with fresh random material. Nodes get it without the private half."""
    secret = urandom(_SECRET_BYTES)
    public = _encode(Ed25519PrivateKey(secret).public())
    lines = ["[[policy_key]]", f'id = "{key_id}"', f'public_base64 = "{public}"']
    return "\n".join([*lines, f'private_base64 = "{_encode(secret)}"  # not for nodes']) + "\n"


class Signers(NamedTuple):
    """The keys of a tenant that can sign: of those live now the one that began last, the other live ones, and those not live."""

    newest: Signer
    others: tuple[Signer, ...]
    retired: tuple[Signer, ...]


def load_signer(path: Path, tenant: str, now: Callable[[], float] = time.time) -> Signer:
    """The key an agent of `tenant` signs with: of those live now, the one that began last; of equals, the last in the file.

    Raises UnusableInput if there is none.
    """
    return load_signers(path, tenant, now).newest


def load_signers(path: Path, tenant: str, now: Callable[[], float] = time.time) -> Signers:
    """The keys with which a tenant signs, signed or will sign. Raises UnusableInput if none can sign now."""
    at = now()
    own = [
        (entry, signer)
        for entry in read_keys(path)
        if (entry.tenant, entry.use) == (tenant, Use.RECORDS) and (signer := entry.signer())
    ]
    live = [(entry.begins, signer) for entry, signer in own if entry.begins <= at < entry.ends]
    if not live:
        raise UnusableInput(f"{path}: tenant {tenant!r} has no key here that can sign now; `flk keys new` makes one")
    *others, (_, newest) = sorted(live, key=lambda one: one[0])  # which keeps equals in the order of the file
    retired = tuple(signer for entry, signer in own if not entry.begins <= at < entry.ends)
    return Signers(newest, tuple(signer for _, signer in others), retired)


def load_drawing_key(path: Path, tenant: str, now: Callable[[], float] = time.time) -> VrfPrivateKey:
    """The key with which an agent of `tenant` draws seeds: of those live now, the one that began last; of equals, the last in the
    file.

    Raises UnusableInput if there is none.
    """
    at = now()
    live = [
        entry
        for entry in read_keys(path)
        if (entry.tenant, entry.use) == (tenant, Use.VRF) and entry.private_base64 and entry.begins <= at < entry.ends
    ]
    if not live:
        raise UnusableInput(
            f"{path}: tenant {tenant!r} has no key here that can draw seeds now; `flk keys new --vrf` makes one"
        )
    *_, newest = sorted(live, key=lambda entry: entry.begins)  # which keeps equals in the order of the file
    return newest.drawing()


def new_key(tenant: str, key_id: str, algorithm: Algorithm, use: Use = Use.RECORDS) -> str:
    """A `[[key]]` with fresh random material, ready for a key file."""
    secret = urandom(_SECRET_BYTES)
    lines = ["[[key]]", f'tenant = "{tenant}"', f'id = "{key_id}"', f'algorithm = "{algorithm}"']
    lines += [f'use = "{use}"'] if use is not Use.RECORDS else []
    if algorithm is Algorithm.ED25519:
        public = Ed25519PrivateKey(secret).public()
        lines += [f'public_base64 = "{_encode(public)}"', f'private_base64 = "{_encode(secret)}"  # the agent\'s alone']
    else:
        lines.append(f'secret_base64 = "{_encode(secret)}"')
    return "\n".join(lines) + "\n"


def add_key(path: Path, made: str) -> None:
    """Add what `new_key` made to a key file, or begin one, of mode 600. Raises UnusableInput as `add_entry` does."""
    add_entry(path, made, _FORM)


def _check(entry: KeyEntry, before: tuple[KeyEntry, ...]) -> None:
    fields = _MATERIAL[entry.algorithm]
    for field in ("secret", "secret_base64", "public_base64", "private_base64"):
        if getattr(entry, field) is not None and field not in fields:
            raise WrongField(field, f"does not belong to an {entry.algorithm} key; it takes {' or '.join(fields)}")
    given = [field for field in fields if getattr(entry, field) is not None]
    if not given:
        raise WrongField("algorithm", f"is {entry.algorithm}, which needs {' or '.join(fields)}")
    if entry.algorithm is Algorithm.HMAC_SHA256 and len(given) > 1:
        raise WrongField("secret_base64", "stands beside secret; keep one of them")
    if any((entry.tenant, entry.id) == (other.tenant, other.id) for other in before):
        raise WrongField("id", "is already used by this tenant; give each key its own")
    if entry.use is Use.VRF and entry.algorithm is not Algorithm.ED25519:
        raise WrongField("use", f"is vrf, which needs an ed25519 key, not one of {entry.algorithm}")
    if entry.ends <= entry.begins:
        raise WrongField("not_after", "is not after not_before; the key would never be live")
    entry.verifier()
    if entry.use is Use.VRF and not is_valid_key(LiveKey(entry.verifier()).material):
        raise WrongField("public_base64", "is no point, or one of small order, under which proofs show nothing")


def _decode(field: str, text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise WrongField(field, "is not standard base64 with padding; encode the raw bytes again") from None


def _encode(raw: bytes) -> str:
    return b64encode(raw).decode()


def _checked(field: str, make: Callable[[], K]) -> K:
    try:
        return make()
    except ValueError:
        raise WrongField(field, "is not 32 bytes in base64; an Ed25519 key is given raw, not as PEM or DER") from None


_FORM = Form(
    "key file",
    "key",
    "flk keys new",
    lambda text: msgspec.toml.decode(text, type=KeyFile).key,
    lambda entry: f"key {entry.id!r} of tenant {entry.tenant!r}",
    _check,
)
