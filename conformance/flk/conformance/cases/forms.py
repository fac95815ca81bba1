"""Cases of texts and signatures: `fixed9`, `canonical`, `sign`, `authenticate`, `pcs_id`, `content_digest`."""

import base64
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.values import (
    bits,
    characters,
    epochs,
    hexes,
    odd_reals,
    packed,
    real,
    reals,
    records,
    shard_ids,
    signed_fields,
)
from flk.conformance.drafts.weak_points import (
    GROUP_ORDER,
    MIXED,
    MIXED_SEED,
    SMALL_ORDER,
    scalar,
    under,
    without_nonce,
)
from flk.conformance.operations.forms import EightFields, SecretKey
from flk.model.record.canonical import BESIDE, Profile, Signed, canonical_bytes
from flk.model.record.signing import Ed25519PrivateKey, Signer, sign

REALS = ("D_hat", "budget", "coh_star", "r")
TEXTS = ("merkle_root", "pcs_id", "shard_id")
profiles = st.sampled_from(["fixed9", "judged", "shortest"])
surrogates = st.lists(st.sampled_from([0x41, 0xD83D, 0xDE00, 0xD800, 0xDFFF]), min_size=1, max_size=3)


def written(record: dict[str, Any], profile: str) -> dict[str, Any]:
    """A record's signed fields in the form of the protocol: three of them under profile `judged` only."""
    fields = {name: record[name] for name in ("epoch", *TEXTS)} | {name: real(record[name]) for name in REALS}
    return fields | ({name: record[name] for name in BESIDE} if profile == "judged" else {})


def _bits(record: dict[str, Any]) -> dict[str, str]:
    return bits({name: record[name] for name in REALS})


@composite
def canonicals(draw: DrawFn) -> dict[str, Any]:
    """Any reals and texts, at most one of which has no canonical form."""
    record, profile = draw(signed_fields()), draw(profiles)
    match draw(st.sampled_from(["plain", "plain", "real", "surrogate"])):
        case "real":
            record[draw(st.sampled_from(REALS))] = draw(odd_reals)
        case "surrogate":
            record[draw(st.sampled_from(TEXTS))] = draw(surrogates)
        case _:
            record[draw(st.sampled_from(TEXTS))] = draw(characters)
    return {"record": written(record, profile), "profile": profile, "bits": _bits(record)}


@composite
def secrets(draw: DrawFn) -> dict[str, str]:
    """A key that signs, of HMAC secrets any length."""
    algorithm = draw(st.sampled_from(["hmac-sha256", "hmac-sha256", "hmac-sha256", "ed25519"]))
    length = 32 if algorithm == "ed25519" else draw(st.sampled_from([1, 9, 32, 63, 64, 65, 200]))
    secret = draw(st.just(b"k" * length) | st.binary(min_size=length, max_size=length))
    if algorithm != "ed25519":
        secret = draw(st.sampled_from([secret, secret, b" " + secret, secret + b"\n", secret + b"\0"]))
    return {"algorithm": algorithm, "secret": packed(secret)}


@composite
def signs(draw: DrawFn) -> dict[str, Any]:
    """A record, a key and the form to sign."""
    record, profile = draw(signed_fields()), draw(profiles)
    return {"record": written(record, profile), "key": draw(secrets()), "profile": profile, "bits": _bits(record)}


def checking(secret: dict[str, str]) -> dict[str, Any]:
    """The key that checks what `secret` signs."""
    key = secret["secret"]
    if secret["algorithm"] == "ed25519":
        key = packed(Ed25519PrivateKey(unpacked(key)).public())
    return {"algorithm": secret["algorithm"], "key": key}


def unpacked(text: str) -> bytes:
    """Bytes as the protocol writes them, read."""
    return base64.b64decode(text)


def signature(record: dict[str, Any], key: dict[str, str], profile: str) -> str:
    """The value of `sig` for a record of any fields."""
    return sign(_signer(key), _covered(record), Profile(profile))


def _signer(key: dict[str, str]) -> Signer:
    return msgspec.convert(key, SecretKey).signer()


def _covered(record: dict[str, Any]) -> Signed:
    return msgspec.convert(written(record, "judged"), EightFields).signed()


@composite
def windows(draw: DrawFn, at: float) -> dict[str, float | None]:
    """When a key is live: often at the edge."""
    edges = st.sampled_from([at - 10, at - 0.5, at - 0.125, at, at + 0.125, at + 0.5, at + 10])
    return {"not_before": draw(st.just(0.0) | edges), "not_after": draw(st.none() | edges)}


@composite
def authenticates(draw: DrawFn) -> dict[str, Any]:
    """A signature, with a chance that something about it is not as it should be."""
    record, profile, at = draw(signed_fields()), draw(profiles), 1737288000.0
    secret, other = draw(secrets()), draw(secrets())
    keys = [secret, *([draw(secrets())] if draw(st.booleans()) else []), other]
    checks = {key["secret"]: checking(key) for key in keys}
    sig = signature(record, secret, profile)
    match draw(st.integers(0, 7)):
        case 0 | 1:
            sig = draw(respelt(sig))
        case 2:
            weak, sig = draw(weak_points(canonical_bytes(_covered(record), Profile(profile))))
            checks[secret["secret"]] = {"algorithm": "ed25519", "key": weak}
    if draw(st.integers(0, 3)) == 0:
        record[draw(st.sampled_from(REALS))] = draw(reals)
    accepted = draw(st.lists(profiles, unique=True, max_size=3) | st.just([profile]))
    live = [{**checks[key["secret"]], **draw(windows(at))} for key in draw(st.permutations(keys))]
    return {
        "record": written(record, "judged"),
        "sig": sig,
        "tenant": draw(st.sampled_from(["a", "a", "a", "b", "nobody"])),
        "at": at,
        "keys": {"a": live, "b": [checking(other)]},
        "profiles": accepted,
    }


def respelt(sig: str) -> SearchStrategy[str]:
    """Other texts than the one that is right: characters changed, cut, added; other alphabets; other signatures."""
    place = st.integers(0, len(sig) - 1)
    alphabet = st.sampled_from("ABab019+/-_= \n\tＡé\0")
    return (
        st.builds(lambda i, c: sig[:i] + c + sig[i + 1 :], place, alphabet)
        | st.builds(lambda i, c: sig[:i] + c + sig[i:], place, alphabet)
        | place.map(lambda i: sig[:i])
        | st.sampled_from(["", sig.rstrip("="), f"{sig}=", f"{sig}\n", f" {sig}", sig.swapcase(), unpacked(sig).hex()])
        | st.binary(max_size=70).map(packed)
        | _flipped(unpacked(sig))
        | st.just(_raised(unpacked(sig)))
    )


@composite
def weak_points(draw: DrawFn, message: bytes) -> tuple[str, str]:
    """A key and a signature for which the equation holds, with the cofactor or without, by points of small order or beside them."""
    seed = draw(st.binary(min_size=32, max_size=32))
    slug = draw(st.sampled_from([*SMALL_ORDER, "mixed", "no-nonce"]))
    if slug == "no-nonce":
        sig = draw(st.sampled_from([sig for _, sig in without_nonce(seed, message)]))
        return packed(Ed25519PrivateKey(seed).public()), packed(sig)
    if slug == "mixed":
        return packed(MIXED), packed(under(MIXED, message, scalar(MIXED_SEED), cofactorless=draw(st.booleans())))
    return packed(SMALL_ORDER[slug]), packed(under(SMALL_ORDER[slug], message))


def _flipped(signature: bytes) -> SearchStrategy[str]:
    def flip(bit: int) -> str:
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        return packed(bytes(changed))

    return st.integers(0, 8 * len(signature) - 1).map(flip)


def _raised(signature: bytes) -> str:
    """The Ed25519 signature whose second half is larger by the order of the base point: RFC 8032 refuses it."""
    if len(signature) != 64:
        return packed(signature)
    number = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return packed(signature[:32] + number.to_bytes(32, "little"))


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {
    "fixed9": odd_reals.map(lambda x: {"x": real(x), "bits": bits({"x": x})}),
    "canonical": canonicals(),
    "sign": signs(),
    "authenticate": authenticates(),
    "pcs_id": st.fixed_dictionaries({"merkle_root": hexes, "epoch": epochs, "shard_id": shard_ids}),
    "content_digest": records().map(lambda record: {"record": record}),
}
