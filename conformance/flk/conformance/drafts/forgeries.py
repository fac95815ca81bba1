"""Drafts of `authenticate`: what must be accepted, and every kind of forgery (SIGN-*, C14N-6, C14N-9)."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256

import msgspec

from flk.conformance.drafts.canonical import JUDGED, OF_REALS, REALS, STABLE, UNSIGNED, eight, eleven
from flk.conformance.drafts.draft import NOW, SECRET, Draft
from flk.conformance.drafts.signing import ED25519, HMAC, RFC8032_SEEDS, WHOLE
from flk.conformance.drafts.weak_points import GROUP_ORDER, MIXED, SMALL_ORDER, scalar, under, without_nonce
from flk.conformance.operations.forms import EightFields, LiveKeyForm
from flk.conformance.operations.signatures import AuthenticateInput
from flk.model.record import signing
from flk.model.record.canonical import Profile, canonical_bytes
from flk.model.record.signing import Algorithm, Ed25519PrivateKey, HmacKey

ROTATION, REFUSED, OWN, PROFILE = "SIGN-4", "SIGN-6", "SIGN-7", "C14N-6"

BAD = (REFUSED, "sig")


def authenticate() -> Iterator[Draft]:
    """What must be accepted, and every kind of forgery."""
    yield from _accepted()
    yield from _tampered()
    yield from _spellings()
    yield from _foreign()
    yield from _ed25519()
    yield from _weak_points()
    yield from _windows()
    yield from _tenants()
    yield from _judged()


def _accepted() -> Iterator[Draft]:
    yield _authentic("accepted/hmac", "signed and unchanged", eight())
    for name in REALS:
        value = float(getattr(eight(), name))
        near = msgspec.structs.replace(eight(), **{name: value + 1e-10})
        yield _authentic(
            f"accepted/{name}-within-rounding",
            "a difference that rounding removes is none",
            near,
            STABLE,
            sig=_mac(eight()),
        )
    yield _authentic("accepted/minus-zero", "-0 and 0 have one form", eight(r=0.0), UNSIGNED, sig=_mac(eight(r=-0.0)))
    yield _authentic(
        "accepted/spelling", "the standard alphabet, with its plus and slash, and padding", _SPELT, REFUSED
    )
    yield _authentic(
        "accepted/older-profile",
        "the older form, where it is switched on",
        eight(D_hat=1.0),
        PROFILE,
        sig=_mac(eight(D_hat=1.0), profile=Profile.SHORTEST),
        profiles=OF_REALS,
        flags=("shortest",),
    )
    yield _authentic(
        "accepted/both-profiles",
        "this form, where both are switched on",
        eight(D_hat=1.0),
        PROFILE,
        profiles=OF_REALS,
        flags=("shortest",),
    )
    yield _forged(
        "refused/older-profile",
        "the older form, where it is not",
        eight(D_hat=1.0),
        _mac(eight(D_hat=1.0), profile=Profile.SHORTEST),
        "shortest",
        requirement=PROFILE,
    )


def _tampered() -> Iterator[Draft]:
    changes: dict[str, EightFields] = {
        "epoch": eight(epoch=2),
        "shard_id": eight(shard_id="shard-002"),
        "merkle_root": eight(merkle_root="b" * 64),
        "pcs_id": msgspec.structs.replace(eight(), pcs_id="0" * 64),
        **{name: msgspec.structs.replace(eight(), **{name: float(getattr(eight(), name)) + 1e-9}) for name in REALS},
    }
    for name, record in changes.items():
        yield _forged(f"tampered/{name}", f"{name} was changed after signing", record, _mac(eight()), "forgery")
    swapped = msgspec.structs.replace(eight(), D_hat=eight().r, r=eight().D_hat)
    yield _forged("tampered/swapped", "two signed values were exchanged", swapped, _mac(eight()), "forgery")


def _spellings() -> Iterator[Draft]:
    """Base64 that is not the one spelling of the signature. The MAC of this record has text that each change shows in."""
    good = _mac(_SPELT)
    raw = HmacKey(SECRET).sign(canonical_bytes(_SPELT.signed()))
    loose = good[:42] + chr(ord(good[42]) + 1) + "="
    spellings = {
        "unused-bits": loose,
        "unpadded": good.rstrip("="),
        "overpadded": good + "=",
        "url-safe": urlsafe_b64encode(raw).decode(),
        "leading-space": " " + good,
        "trailing-newline": good + "\n",
        "inner-newline": good[:20] + "\n" + good[20:],
        "stray-character": good[:20] + "!" + good[20:],
        "text-after-padding": good + "AAAA",
        "hexadecimal": raw.hex(),
        "non-ascii": "\uff21" + good[1:],
        "null-character": good + "\0",
    }
    for slug, sig in spellings.items():
        yield _forged(f"spelling/{slug}", "the same signature, spelt otherwise", _SPELT, sig, "base64-malleability")
    wrong = {
        "empty": b"",
        "truncated": raw[:31],
        "half": raw[:16],
        "extended": raw + b"\0",
        "zeros": bytes(32),
        "one-byte": raw[:1],
        "last-bit": raw[:-1] + bytes([raw[-1] ^ 1]),
        "first-bit": bytes([raw[0] ^ 128]) + raw[1:],
    }
    for slug, content in wrong.items():
        yield _forged(f"mac/{slug}", "not the MAC, or not all of it", _SPELT, _base64(content), "forgery")
    yield _forged("mac/only-padding", "padding of nothing", _SPELT, "====", "forgery")
    yield _forged(
        "mac/another-secret", "a key that this tenant does not have", _SPELT, _mac(_SPELT, b"another"), "forgery"
    )


_SPELT = eight(epoch=9)  # its MAC holds both characters in which the URL-safe alphabet differs


def _foreign() -> Iterator[Draft]:
    """Signatures of other bytes than the canonical ones."""
    record = eight()
    message = canonical_bytes(record.signed())
    values = {
        name: msgspec.to_builtins(record)[name]
        for name in ("budget", "coh_star", "D_hat", "epoch", "merkle_root", "pcs_id", "r", "shard_id")
    }
    integral = eight(D_hat=1.0)
    messages = {
        "pre-hashed": sha256(message).digest(),
        "pre-hashed-hex": sha256(message).hexdigest().encode(),
        "struct-order": msgspec.json.encode(values),
        "with-spaces": message.replace(b",", b", ").replace(b":", b": "),
        "final-newline": message + b"\n",
        "empty": b"",
        "id-alone": str(values["pcs_id"]).encode(),
    }
    for slug, content in messages.items():
        yield _forged(
            f"foreign/{slug}",
            "another text was signed",
            record,
            _base64(HmacKey(SECRET).sign(content)),
            "foreign-signer",
            requirement=WHOLE,
        )
    yield _forged(
        "foreign/shortest-reals",
        "another text was signed",
        integral,
        _mac(integral, profile=Profile.SHORTEST),
        "foreign-signer",
        requirement=WHOLE,
    )
    yield _forged(
        "foreign/hash-with-key-before",
        "a hash of key and message is no HMAC",
        record,
        _base64(sha256(SECRET + message).digest()),
        "foreign-signer",
        requirement=HMAC,
    )


def _ed25519() -> Iterator[Draft]:
    record = eight()
    message = canonical_bytes(record.signed())
    keys = {slug: Ed25519PrivateKey(bytes.fromhex(seed)) for slug, seed in RFC8032_SEEDS.items()}
    for slug, key in keys.items():
        yield _authentic(
            f"ed25519/{slug}",
            "a key of RFC 8032",
            record,
            ED25519,
            sig=_base64(key.sign(message)),
            keys=(_public(key),),
        )
    key, other = keys["test-1"], keys["test-2"]
    good = key.sign(message)
    s = int.from_bytes(good[32:], "little")
    bad = {
        "another-key": other.sign(message),
        "another-message": key.sign(message + b" "),
        "pre-hashed": key.sign(sha256(message).digest()),
        "high-s": good[:32] + (s + GROUP_ORDER).to_bytes(32, "little"),
        "zero-s": good[:32] + bytes(32),
        "zeros": bytes(64),
        "truncated": good[:63],
        "extended": good + b"\0",
        "swapped-halves": good[32:] + good[:32],
        "flipped-r": bytes([good[0] ^ 1]) + good[1:],
        "flipped-s": good[:32] + bytes([good[32] ^ 1]) + good[33:],
        "mac-under-public-key": HmacKey(key.public()).sign(message),
        "empty": b"",
    }
    for slug, sig in bad.items():
        yield _forged(
            f"ed25519/{slug}",
            "not this key's signature",
            record,
            _base64(sig),
            "forgery",
            keys=(_public(key),),
            requirement=ED25519,
        )


def _weak_points() -> Iterator[Draft]:
    """The equation holds, and yet the key or R is of small order or not canonical; or it holds with the cofactor alone."""
    record, seed = eight(), bytes.fromhex(RFC8032_SEEDS["test-1"])
    message = canonical_bytes(record.signed())
    forged = {f"key-of-{slug}": (key, under(key, message)) for slug, key in SMALL_ORDER.items()}
    forged |= {f"r-of-{slug}": (Ed25519PrivateKey(seed).public(), sig) for slug, sig in without_nonce(seed, message)}
    for slug, (key, sig) in forged.items():
        comment = "a point of small order, under which one signature fits many messages"
        keys = (LiveKeyForm(Algorithm.ED25519, key),)
        yield _forged(f"ed25519/{slug}", comment, record, _base64(sig), "small-order", keys=keys, requirement=ED25519)
    mixed = (LiveKeyForm(Algorithm.ED25519, MIXED),)
    cofactor = _base64(under(MIXED, message, scalar(seed), cofactorless=False))
    comment = "the equation holds with the cofactor alone"
    yield _forged("ed25519/with-cofactor", comment, record, cofactor, "cofactor", keys=mixed, requirement=ED25519)
    comment = "a key of no seed, but of large order: the equation without the cofactor holds"
    honest = _base64(under(MIXED, message, scalar(seed)))
    yield _authentic("ed25519/mixed-order", comment, record, ED25519, sig=honest, keys=mixed)


def _windows() -> Iterator[Draft]:
    """Rotation: two keys overlap for a while; the time is that of the log entry."""
    old, new = b"old-secret", b"new-secret"
    keys = (_hmac(old, not_after=NOW + 100), _hmac(new, not_before=NOW))
    moments = {
        "before-overlap": NOW - 1,
        "overlap-starts": NOW,
        "in-overlap": NOW + 50,
        "overlap-ends": NOW + 100,
        "after-overlap": NOW + 101,
    }
    for name, secret in (("old", old), ("new", new)):
        for slug, at in moments.items():
            live = at < NOW + 100 if name == "old" else at >= NOW
            sig = _mac(eight(), secret)
            if live:
                yield _authentic(
                    f"window/{name}-{slug}",
                    "the window's start is in it, its end is not",
                    eight(),
                    ROTATION,
                    sig=sig,
                    keys=keys,
                    at=at,
                )
            else:
                yield _forged(
                    f"window/{name}-{slug}",
                    "outside the key's window",
                    eight(),
                    sig,
                    "rotation",
                    keys=keys,
                    at=at,
                    requirement=ROTATION,
                )
    third = b"third-secret"
    three = (*keys, _hmac(third))
    comment = "a tenant may have more than two keys"
    yield _authentic("window/third-key", comment, eight(), ROTATION, sig=_mac(eight(), third), keys=three, at=NOW + 50)
    parts = (_hmac(old, not_before=NOW + 0.5, not_after=NOW + 1.5),)
    for slug, at in {"starts": NOW + 0.5, "nearly-ends": NOW + 1.375}.items():
        comment = "windows have parts of seconds"
        sig = _mac(eight(), old)
        yield _authentic(f"window/part-{slug}", comment, eight(), ROTATION, sig=sig, keys=parts, at=at)
    for slug, at in {"before": NOW + 0.375, "ends": NOW + 1.5}.items():
        sig = _mac(eight(), old)
        yield _forged(f"window/part-{slug}", comment, eight(), sig, "rotation", keys=parts, at=at, requirement=ROTATION)
    ed = Ed25519PrivateKey(bytes.fromhex(RFC8032_SEEDS["test-3"]))
    both = (_hmac(old), _public(ed))
    signed = _base64(ed.sign(canonical_bytes(eight().signed())))
    yield _authentic(
        "window/either-algorithm-hmac",
        "keys of both algorithms may be live",
        eight(),
        ROTATION,
        sig=_mac(eight(), old),
        keys=both,
    )
    yield _authentic(
        "window/either-algorithm-ed25519",
        "keys of both algorithms may be live",
        eight(),
        ROTATION,
        sig=signed,
        keys=both,
    )
    yield _forged(
        "window/no-key",
        "all keys have expired",
        eight(),
        _mac(eight(), old),
        "rotation",
        keys=(_hmac(old, not_after=NOW),),
        requirement=ROTATION,
    )


def _tenants() -> Iterator[Draft]:
    keys = {"a": (_hmac(b"secret-a"),), "b": (_hmac(b"secret-b"),), "none": ()}
    sig = {name: _mac(eight(), f"secret-{name}".encode()) for name in "ab"}
    for tenant, signer in (
        ("a", "a"),
        ("b", "b"),
        ("a", "b"),
        ("b", "a"),
        ("none", "a"),
        ("unknown", "a"),
        ("A", "a"),
        ("default", "a"),
    ):
        flag = () if tenant == signer else ("forgery",)
        question = AuthenticateInput(eight(), sig[signer], tenant, NOW, keys, (Profile.FIXED,))
        refusal = None if tenant == signer else BAD
        yield Draft(
            f"tenant/{signer}-as-{tenant}", "a tenant's own keys and no others", question, (OWN,), flag, refusal
        )


def _judged() -> Iterator[Draft]:
    """What profile `judged` covers cannot be changed, and where it is required no other profile will do."""
    sig = _mac(eleven(), profile=Profile.JUDGED)
    both, alone = (Profile.FIXED, Profile.JUDGED), (Profile.JUDGED,)
    told = {
        "alone": (eleven(), sig, alone, None),
        "beside-fixed9": (eleven(), sig, both, None),
        "fixed9-beside-it": (eleven(), _mac(eleven()), both, None),
        "fixed9-where-it-is-required": (eleven(), _mac(eleven()), alone, BAD),
        "where-only-fixed9-counts": (eleven(), sig, (Profile.FIXED,), BAD),
        "a-count-changed": (eleven(N_j={"2": 3, "4": 8, "8": 22, "16": 61}), sig, both, BAD),
        "regime-changed": (eleven(regime="mixed"), sig, both, BAD),
        "scales-in-another-order": (eleven(scales=(4, 2, 8, 16)), sig, both, BAD),
        "a-scale-left-out": (eleven(scales=(2, 4, 8), N_j={"2": 3, "4": 8, "8": 22}), sig, both, BAD),
        "counts-named-in-another-order": (eleven(N_j={"16": 60, "8": 22, "4": 8, "2": 3}), sig, both, None),
    }
    for slug, (record, made, profiles, refusal) in told.items():
        question = AuthenticateInput(record, made, "default", NOW, {"default": (_hmac(SECRET),)}, profiles)
        flags = ("judged",) if refusal is None else ("judged", "forgery")
        yield Draft(f"judged/{slug}", "counts, regime and scales are signed, too", question, (JUDGED,), flags, refusal)


def _authentic(
    slug: str,
    comment: str,
    record: EightFields,
    requirement: str = HMAC,
    *,
    sig: str = "",
    keys: tuple[LiveKeyForm, ...] = (),
    at: float = NOW,
    profiles: tuple[Profile, ...] = (Profile.FIXED,),
    flags: tuple[str, ...] = (),
) -> Draft:
    question = AuthenticateInput(
        record, sig or _mac(record), "default", at, {"default": keys or (_hmac(SECRET),)}, profiles
    )
    if any(key.algorithm is Algorithm.ED25519 for key in keys):
        flags = (*flags, "ed25519")
    return Draft(slug, comment, question, (requirement,), flags)


def _forged(
    slug: str,
    comment: str,
    record: EightFields,
    sig: str,
    flag: str,
    *,
    requirement: str = REFUSED,
    keys: tuple[LiveKeyForm, ...] = (),
    at: float = NOW,
) -> Draft:
    question = AuthenticateInput(record, sig, "default", at, {"default": keys or (_hmac(SECRET),)}, (Profile.FIXED,))
    flags = (flag, "ed25519") if any(key.algorithm is Algorithm.ED25519 for key in keys) else (flag,)
    return Draft(slug, comment, question, tuple(dict.fromkeys((requirement, REFUSED))), flags, BAD)


def _hmac(secret: bytes, not_before: float = 0.0, not_after: float | None = None) -> LiveKeyForm:
    return LiveKeyForm(Algorithm.HMAC_SHA256, secret, not_before, not_after)


def _public(key: Ed25519PrivateKey) -> LiveKeyForm:
    return LiveKeyForm(Algorithm.ED25519, key.public())


def _mac(record: EightFields, secret: bytes = SECRET, profile: Profile = Profile.FIXED) -> str:
    return signing.sign(HmacKey(secret), record.signed(), profile)


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
