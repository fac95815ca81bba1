"""Known wrong forms of those who leave a rule out: a field, a key, a bound or a check that they do not look at."""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from math import inf

import msgspec

from flk.conformance.diagnosis.form import WrongForm, honest, instead
from flk.conformance.operations import canonical, clocks, placement, records, segments, signals, signatures, trees
from flk.conformance.operations.forms import Form
from flk.model.entries.entry import Outcome
from flk.model.record import merkle
from flk.model.record.canonical import Profile, canonical_bytes, round9
from flk.model.record.signing import Algorithm, HmacKey
from flk.spec.constants import CONSTANTS

replace = msgspec.structs.replace
MOST_SIZES = 1024
"""Of trees that are tried: a question may claim any size, and a diagnosis ends all the same."""


def forms() -> Iterator[WrongForm]:
    """All of them."""
    yield from _canonical()
    yield from _keys()
    yield from _unchecked()
    yield from _signals()
    yield from _trees()
    yield from _entries()
    yield from _pauses()


def _canonical() -> Iterator[WrongForm]:
    for name, says, requirement, rule, spelt, meant in (
        ("spaces-after-commas", "a writer's spaces after commas", "C14N-1", "there is no white space", ',"', ', "'),
        ("long-escapes", "\\u0008 for every control character", "C14N-5", "short escapes are used", "\\b", "\\u0008"),
    ):

        def written(given: Form, spelt: str = spelt, meant: str = meant) -> object:
            assert isinstance(given, canonical.CanonicalInput)
            return canonical.canonical(given).replace(spelt, meant)

        yield WrongForm(name, says, requirement, rule, {"canonical": written})


# --- keys and records ---


def _keys() -> Iterator[WrongForm]:
    def decoded(given: signatures.AuthenticateInput) -> Form:
        return replace(given, sig=b64encode(b64decode(given.sig)).decode())

    def everyone(given: signatures.AuthenticateInput) -> Form:
        every = tuple(key for several in given.keys.values() for key in several)
        return replace(given, keys={given.tenant: every})

    def longer(given: signatures.AuthenticateInput) -> Form:
        keys = given.keys.get(given.tenant, ())
        ends = (key if key.not_after != given.at else replace(key, not_after=given.at + 1) for key in keys)
        return replace(given, keys={**given.keys, given.tenant: tuple(ends)})

    def later(given: signatures.AuthenticateInput) -> Form:
        keys = given.keys.get(given.tenant, ())
        opened = tuple(key for key in keys if key.not_before != given.at)
        return replace(given, keys={**given.keys, given.tenant: opened})

    def timeless(given: signatures.AuthenticateInput) -> Form:
        keys = (replace(key, not_before=0.0, not_after=None) for key in given.keys.get(given.tenant, ()))
        return replace(given, keys={**given.keys, given.tenant: tuple(keys)})

    reads: tuple[tuple[str, str, str, str, Callable[[signatures.AuthenticateInput], Form]], ...] = (
        ("one-key", "one key for each tenant", "SIGN-4", "a tenant may have any number of keys",
         lambda given: replace(given, keys={tenant: several[:1] for tenant, several in given.keys.items()})),
        ("closed-window", "windows that include their end", "SIGN-4", "a window ends before its end", longer),
        ("open-window", "windows that exclude their start", "SIGN-4", "a window begins with its start", later),
        ("no-windows", "keys that count always", "SIGN-4", "a key counts within its window alone", timeless),
        ("everybodys-keys", "the keys of all tenants", "SIGN-7", "a key speaks for its own tenant", everyone),
        ("any-profile", "every profile there is", "C14N-6", "profiles that are not accepted do not count",
         lambda given: replace(given, profiles=tuple(Profile))),
        ("lenient-base64", "a lenient decoder of base64", "SIGN-6", "there is one spelling of some bytes", decoded),
    )  # fmt: skip
    for name, says, requirement, rule, read in reads:
        yield WrongForm(name, says, requirement, rule, instead("authenticate", read))

    def as_sent(given: Form) -> object:
        assert isinstance(given, signatures.AuthenticateInput)
        sent = b64decode(given.sig, validate=True)
        macs = [
            HmacKey(key.key).sign(canonical_bytes(given.record.signed(), profile))
            for key in given.keys.get(given.tenant, ())
            if key.algorithm is Algorithm.HMAC_SHA256 and key.not_before <= given.at < (key.not_after or inf)
            for profile in given.profiles
        ]
        return any(sent and mac.startswith(sent) for mac in macs) or honest("authenticate", given)

    whole = "a MAC has 32 bytes, and all are compared"
    yield WrongForm(
        "prefix-compared", "a MAC compared as far as it was sent", "SIGN-6", whole, {"authenticate": as_sent}
    )


_UNCHECKED = {
    "REC-2": "repeated keys",
    "REC-3": "missing and unknown fields",
    "REC-4": "the versions",
    "REC-5": "the ranges of reals",
    "REC-6": "the regime",
    "REC-7": "scales and counts",
    "REC-8": "the fields of delivery and provenance",
    "REC-9": "the length of a signature",
    "ID-1": "the id",
    "ID-2": "the spelling of a root",
    "ID-3": "the characters of a shard id",
    "ID-4": "the spelling of an epoch",
}


def _unchecked() -> Iterator[WrongForm]:
    """Bodies are taken that break one rule."""
    for requirement, what in _UNCHECKED.items():

        def taken(given: Form, requirement: str = requirement) -> object:
            told = honest("validate", given)
            return True if isinstance(told, dict) and told["error"] == requirement else told

        yield WrongForm(
            f"unchecked-{requirement}",
            f"whoever does not check {what}",
            requirement,
            "it is a MUST",
            {"validate": taken},
        )


def _signals() -> Iterator[WrongForm]:
    def edge(given: Form) -> Outcome | None:
        assert isinstance(given, records.JudgedRecord)
        told = records.judge(given)
        at_edge = round9(abs(given.record.D_hat - told.recomputed_D_hat)) == records.tolerance(given)
        return replace(told, accepted=told.accepted and not at_edge)

    yield WrongForm(
        "open-tolerance", "a tolerance without its edge", "JDG-1", "the edge is tolerated",
        {"judge": lambda given: msgspec.to_builtins(edge(given))},
    )  # fmt: skip

    def cost(given: signals.Signals, over: float) -> float:
        w = CONSTANTS.budget
        return w.base + w.alpha * (1 - round9(given.r)) + w.beta * over + w.gamma * round9(given.coh_star)

    def uncut(given: Form) -> object:
        assert isinstance(given, signals.Signals)
        return round9(cost(given, max(0.0, round9(given.D_hat) - CONSTANTS.budget.D0)))

    def unbent(given: Form) -> object:
        assert isinstance(given, signals.Signals)
        return round9(min(1.0, max(0.0, cost(given, round9(given.D_hat) - CONSTANTS.budget.D0))))

    def ratio(given: Form) -> object:
        assert isinstance(given, signals.RawBytes)
        return (
            round9(len(zlib.compress(given.raw, CONSTANTS.signals.zlib_level)) / len(given.raw)) if given.raw else 1.0
        )

    yield WrongForm("uncut-budget", "a sum that is not cut", "SIG-6", "a budget is in [0, 1]", {"budget": uncut})
    bent = "slopes below the bend cost nothing"
    yield WrongForm("unbent-budget", "slopes below the bend", "SIG-6", bent, {"budget": unbent})
    most = "r is 1 at most"
    yield WrongForm("uncut-ratio", "ratios above 1", "SIG-3", most, {"compressibility": ratio})


# --- trees, entries and pauses ---


def _trees() -> Iterator[WrongForm]:
    def rooted(given: Form) -> object:
        assert isinstance(given, trees.Prefix)
        told = honest("consistency_proof", given)
        return [merkle.merkle_root(given.leaves[: given.first]).hex(), *told] if isinstance(told, list) else told

    begins = "the verifier has the old root"
    yield WrongForm("old-root-first", "proofs with the old root", "MRK-3", begins, {"consistency_proof": rooted})

    def new(given: Form) -> object:
        assert isinstance(given, trees.Leaves)
        return trees.merkle_root(given)

    yield WrongForm("new-tree", "the tree of RFC 6962", "MRK-5", "the older tree has no prefixes", {"legacy_root": new})

    def any_size(given: Form) -> object:
        assert isinstance(given, trees.Inclusion)
        most = min(given.size, MOST_SIZES)
        return any(honest("verify_inclusion", replace(given, size=size)) for size in range(1, most + 1))

    def with_more(given: Form) -> object:
        assert isinstance(given, trees.Consistency)
        cut = (replace(given, proof=given.proof[:length]) for length in range(len(given.proof) + 1))
        return any(honest("verify_consistency", one) for one in cut)

    size, spare = "the size decides the proof's shape", "a proof has no node too much"
    yield WrongForm("any-size", "proofs for any size", "MRK-2", size, {"verify_inclusion": any_size})
    yield WrongForm("spare-nodes", "proofs with nodes to spare", "MRK-3", spare, {"verify_consistency": with_more})


def _entries() -> Iterator[WrongForm]:
    def first(given: Form) -> object:
        assert isinstance(given, clocks.JoinInput)
        return msgspec.to_builtins(given.a)

    def no_region(given: Form) -> object:
        assert isinstance(given, clocks.JoinInput)
        return msgspec.to_builtins(given.a if given.a.timestamp < given.b.timestamp else given.b)

    least = "the least by timestamp and region prevails"
    yield WrongForm("first-come", "whatever came first", "CRR-1", least, {"join": first})
    yield WrongForm("timestamps-alone", "timestamps without regions", "CRR-1", least, {"join": no_region})

    def believed(given: Form) -> object:
        assert isinstance(given, clocks.ObserveInput)
        told = honest("hlc_observe", given)
        assert isinstance(told, dict)
        return {**told, "clock": max(given.last, given.seen)}

    bound = "a clock beyond the bound is not followed"
    yield WrongForm("believed-clock", "a clock that follows every other", "HLC-3", bound, {"hlc_observe": believed})

    def of_zip(given: Form) -> object:
        assert isinstance(given, segments.FrameInput)
        inner = bytes([given.kind]) + int(given.timestamp, 16).to_bytes(8, "little") + given.payload
        length = len(inner).to_bytes(4, "little")
        return b64encode(
            given.salt + length + zlib.crc32(given.salt + length + inner).to_bytes(4, "little") + inner
        ).decode()

    yield WrongForm("crc-of-zip", "the CRC of zip files", "WAL-2", "the checksum is CRC32C", {"frame": of_zip})

    def modulo(given: Form) -> object:
        assert isinstance(given, placement.RingInput)
        healthy = [shard for shard in given.shards if shard not in given.unhealthy]
        return healthy[int.from_bytes(sha256(given.key.encode()).digest()[:4], "big") % len(healthy)]

    yield WrongForm("modulo", "a hash modulo the shards", "RNG-1", "the next position decides", {"ring_owner": modulo})


def _pauses() -> Iterator[WrongForm]:
    def endless(given: Form) -> object:
        assert isinstance(given, placement.PauseInput)
        base = CONSTANTS.outbox.base_delay_seconds * 2.0 ** (given.attempt - 1)
        return min(given.retry_after or 0.0, CONSTANTS.retry_after.max_seconds) + given.chance * base

    yield WrongForm("no-ceiling", "pauses that double for ever", "OUT-3", "the ceiling is bounded", {"pause": endless})
    heard = "a pause begins with what the server asks"
    deaf = instead("pause", lambda given: replace(given, retry_after=None))
    yield WrongForm("deaf", "pauses without Retry-After", "OUT-4", heard, deaf)
