"""Drafts of `sign` (SIGN-1 to SIGN-3)."""

from collections.abc import Iterator

from flk.conformance.drafts.canonical import (
    DIGITS,
    ESCAPES,
    JUDGED,
    OF_REALS,
    SHORTEST,
    UNSIGNED,
    eight,
    eleven,
    real_bits,
)
from flk.conformance.drafts.draft import SECRET, Draft
from flk.conformance.operations.forms import EightFields, SecretKey
from flk.conformance.operations.signatures import SignInput
from flk.model.record.canonical import Profile
from flk.model.record.signing import Algorithm

WHOLE, HMAC, ED25519 = "SIGN-1", "SIGN-2", "SIGN-3"

RFC8032_SEEDS = {
    "test-1": "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "test-2": "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "test-3": "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "test-1024": "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
    "test-sha-abc": "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
}
"""The secret keys of RFC 8032, section 7.1."""


def sign() -> Iterator[Draft]:
    """Secrets of many lengths, the keys of RFC 8032, all profiles, records of all shapes."""
    secrets = {
        "short": b"k",
        "text": SECRET,
        "63": b"k" * 63,
        "block": b"k" * 64,
        "65": b"k" * 65,
        "131": b"\xaa" * 131,
        "binary": bytes(range(256)),
        "with-spaces": b" testsecret ",
        "with-a-newline": b"testsecret\n",
    }
    records = {
        "ordinary": (eight(), ""),
        "integral": (eight(D_hat=1.0, r=0.0), DIGITS),
        "minus-zero": (eight(r=-0.0), UNSIGNED),
        "tie": (eight(D_hat=1025 / 1024), DIGITS),
        "escaped": (eight(shard_id='caf\u00e9 "\n'), ESCAPES),
    }
    """Each with the requirement that decides its message, if it is not the ordinary one."""
    for slug, secret in secrets.items():
        key = SecretKey(Algorithm.HMAC_SHA256, secret)
        yield _signed(f"hmac/{slug}", "HMAC-SHA256 of the canonical bytes", eight(), key, HMAC)
    for slug, (record, rule) in records.items():
        for profile in OF_REALS:
            key = SecretKey(Algorithm.HMAC_SHA256, SECRET)
            comment = "the bytes of the profile are signed, without a digest first"
            flags = ("shortest",) if profile is Profile.SHORTEST else ()
            decides = SHORTEST if profile is Profile.SHORTEST else rule or WHOLE
            yield _signed(f"hmac/{slug}-{profile}", comment, record, key, decides, *flags, profile=profile)
    for slug, seed in RFC8032_SEEDS.items():
        key = SecretKey(Algorithm.ED25519, bytes.fromhex(seed))
        for name, (record, rule) in records.items():
            decides = rule or ED25519
            yield _signed(f"ed25519/{slug}-{name}", "pure Ed25519, deterministic", record, key, decides, "ed25519")
    comment = "what is judged is signed, too"
    for signer, flag in (
        (SecretKey(Algorithm.HMAC_SHA256, SECRET), ()),
        (SecretKey(Algorithm.ED25519, bytes.fromhex(RFC8032_SEEDS["test-1"])), ("ed25519",)),
    ):
        for slug, record in {"ordinary": eleven(), "other-order": eleven(scales=(16, 2, 8, 4))}.items():
            name = f"judged/{signer.algorithm}-{slug}"
            yield _signed(name, comment, record, signer, JUDGED, "judged", *flag, profile=Profile.JUDGED)


def _signed(
    slug: str,
    comment: str,
    record: EightFields,
    key: SecretKey,
    requirement: str,
    *flags: str,
    profile: Profile = Profile.FIXED,
) -> Draft:
    return Draft(slug, comment, SignInput(record, key, profile, real_bits(record)), (requirement,), flags)
