"""Known wrong forms of those who read a question wrongly, or what it names: keys, bodies, clocks, places, bytes."""

import json
import re
from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Callable, Iterator
from fractions import Fraction
from hashlib import sha256
from math import floor
from typing import Any, TypeAlias
from unicodedata import normalize

import msgspec

from flk.conformance.diagnosis.edwards import holds
from flk.conformance.diagnosis.form import WrongForm, honest, instead
from flk.conformance.diagnosis.signals import binary32
from flk.conformance.drafts.weak_points import GROUP_ORDER
from flk.conformance.operations.clocks import JoinInput, ObserveInput, TickInput
from flk.conformance.operations.forms import Form, LiveKeyForm
from flk.conformance.operations.placement import PauseInput, RingInput
from flk.conformance.operations.records import Body, ValidRecord
from flk.conformance.operations.signals import RawBytes
from flk.conformance.operations.signatures import AuthenticateInput, SignInput
from flk.conformance.operations.trees import Consistency, Inclusion, Leaves
from flk.model.entries.ring import Ring, position
from flk.model.log import hlc
from flk.model.record import merkle
from flk.model.record.canonical import canonical_bytes
from flk.model.record.identity import pcs_id
from flk.model.record.signing import Algorithm
from flk.spec.constants import CONSTANTS

Rule: TypeAlias = tuple[str, str]
"""A requirement, and why it forbids the form."""
REFUSED = {"error": "SIGN-6", "field": "sig"}
replace = msgspec.structs.replace


def forms() -> Iterator[WrongForm]:
    """All of them."""
    yield from _secrets()
    yield from _keys()
    yield from _bodies()
    yield from _fields()
    yield from _clocks()
    yield from _places()
    yield from _trees()
    yield from _proofs()


# --- keys ---


def _secrets() -> Iterator[WrongForm]:
    raw: Rule = "SIGN-2", "the bytes of the secret are the key"
    for name, says, read in (
        ("trimmed-secret", "a secret without white space around it", bytes.strip),
        ("secret-as-text", "a secret that ends at a zero byte", lambda secret: secret.partition(b"\0")[0]),
        ("cut-secret", "a secret cut at a block of SHA-256", lambda secret: secret[:64]),
    ):

        def keyed(given: SignInput, read: Callable[[bytes], bytes] = read) -> Form:
            is_shared = given.key.algorithm is Algorithm.HMAC_SHA256
            return replace(given, key=replace(given.key, secret=read(given.key.secret))) if is_shared else given

        yield WrongForm(name, says, *raw, instead("sign", keyed))


def _keys() -> Iterator[WrongForm]:
    def cut(key: LiveKeyForm) -> LiveKeyForm:
        after = None if key.not_after is None else float(floor(key.not_after))
        return replace(key, not_before=float(floor(key.not_before)), not_after=after)

    def in_seconds(given: AuthenticateInput) -> Form:
        return replace(given, keys={tenant: tuple(map(cut, several)) for tenant, several in given.keys.items()})

    def two(given: AuthenticateInput) -> Form:
        return replace(given, keys={tenant: several[:2] for tenant, several in given.keys.items()})

    yield WrongForm(
        "windows-in-seconds",
        "windows cut to whole seconds",
        "SIGN-4",
        "windows have parts of seconds",
        instead("authenticate", in_seconds),
    )
    yield WrongForm(
        "two-keys",
        "two keys for each tenant",
        "SIGN-4",
        "a tenant may have any number of keys",
        instead("authenticate", two),
    )
    for name, says, rule, raised in (
        ("small-order", "keys and R of small order", "points of small order are refused", 0),
        ("high-s", "an S taken modulo the order", "S is below the order of the group", GROUP_ORDER),
    ):

        def taken(given: Form, raised: int = raised) -> object:
            assert isinstance(given, AuthenticateInput)
            return True if _is_taken(given, raised) else honest("authenticate", given)

        yield WrongForm(name, says, "SIGN-3", rule, {"authenticate": taken})


def _is_taken(given: AuthenticateInput, raised: int) -> bool:
    """Whether a library that looks neither at small orders nor, if `raised`, at the size of S takes the signature."""
    raw = b64decode(given.sig, validate=True)
    R, S = raw[:32], int.from_bytes(raw[32:], "little")
    if len(raw) != 64 or b64encode(raw).decode() != given.sig or (S >= GROUP_ORDER and not raised):
        return False
    S %= GROUP_ORDER
    for key in given.keys.get(given.tenant, ()):
        live = key.not_before <= given.at and (key.not_after is None or given.at < key.not_after)
        if live and key.algorithm is Algorithm.ED25519:
            for profile in given.profiles:
                if holds(key.key, canonical_bytes(given.record.signed(), profile), R, S):
                    return True
    return False


# --- bodies ---


def _bodies() -> Iterator[WrongForm]:
    for name, says, length in (
        ("length-in-bytes", "lengths in bytes", lambda text: len(text.encode())),
        ("length-in-utf-16", "lengths in UTF-16 code units", lambda text: len(text.encode("utf-16-le")) // 2),
    ):

        def bounded(given: Form, length: Callable[[str], int] = length) -> object:
            assert isinstance(given, Body)
            told = honest("validate", given)
            if told is not True:
                return told
            record = json.loads(given.content())
            bounds = (("version", "REC-4"), ("sig", "REC-9"))
            long = (rule for rule in bounds if length(record[rule[0]]) > CONSTANTS.record.max_text)
            return next(({"error": rule, "field": field} for field, rule in long), told)

        yield WrongForm(name, says, "REC-8", "characters are code points", {"validate": bounded})

    def digits(given: Body) -> Form:
        text = given.content().decode()
        return Body(body=re.sub(r"\\u[0-9a-f]{4}|\d", _ascii_digit, text))

    def spaces(given: Body) -> Form:
        return Body(body_base64=given.content().replace(b"\f", b" ").replace(b"\v", b" ").replace(b"\xc2\xa0", b" "))

    def whole(written: str) -> Callable[[Body], Form]:
        number = re.compile(rf"(?<=:)(\s*-?\d+){written}(?=\s*[,}}])")
        return lambda given: Body(body=number.sub(r"\1", given.content().decode()))

    def last(given: Body) -> Form:
        text = given.content().decode()
        spelt = re.findall(r'"((?:[^"\\]|\\.)*)"\s*:', text)
        meant = [json.loads(f'"{key}"') for key in spelt]
        repeats = len(set(meant)) < len(meant) and len(set(spelt)) == len(spelt)
        return Body(body=json.dumps(json.loads(text))) if repeats else given

    for name, says, requirement, rule, read in (
        ("unicode-digits", "digits of every script", "REC-8", "the pattern's digits are those of ASCII", digits),
        ("form-feed", "more white space than JSON has", "REC-1", "JSON has four characters of white space", spaces),
        ("exponent-integer", "integers with an exponent", "ID-4", "an integer has none", whole(r"[eE][-+]?0+")),
        ("fraction-integer", "integers with a fraction", "ID-4", "an integer has none", whole(r"\.0+")),
        (
            "real-integer",
            "integers with an exponent or fraction",
            "ID-4",
            "an integer has neither",
            whole(r"(?:\.0+)?(?:[eE][-+]?0+)?"),
        ),
        ("escaped-repeat", "keys compared as they are spelt", "REC-2", "escapes are resolved first", last),
    ):
        yield WrongForm(name, says, requirement, rule, instead("validate", read))


def _fields() -> Iterator[WrongForm]:
    """A field is read so in an otherwise valid body."""

    def epoch(given: Body) -> Form:
        return Body(body=re.sub(r'(?<="epoch":)(\s*-?\d+)\.0+(?=\s*[,}])', r"\1", given.content().decode()))

    def final_newline(given: Body) -> Form:
        record, told = json.loads(given.content()), honest("validate", given)
        field = told["field"] if isinstance(told, dict) else None
        if field not in {"merkle_root", "shard_id", "sent_at"} or not str(record[field]).endswith("\n"):
            return given
        named = _id(record) == record["pcs_id"]
        read = {**record, field: record[field].removesuffix("\n")}
        return Body(body=json.dumps({**read, "pcs_id": _id(read)} if named else read))

    whole, integer = "the whole text matches", "an integer has none"
    for name, says, requirement, rule, read in (
        ("integral-epoch", "an epoch with a fraction", "ID-4", integer, epoch),
        ("final-newline", "patterns whose end may precede a newline", "ID-3", whole, final_newline),
    ):
        yield WrongForm(name, says, requirement, rule, instead("validate", read))


def _id(record: dict[str, Any]) -> str:
    return pcs_id(record["merkle_root"], record["epoch"], record["shard_id"])


def _ascii_digit(match: re.Match[str]) -> str:
    character = json.loads(f'"{match[0]}"')
    return str(int(character)) if character.isdecimal() else match[0]


# --- clocks and entries ---


def _clocks() -> Iterator[WrongForm]:
    def wrapped(given: Form) -> object:
        assert isinstance(given, TickInput)
        last, told = int(given.last, 16), honest("hlc_tick", given)
        return f"{last & ~0xFFFF:016x}" if told == f"{last + 1:016x}" and last & 0xFFFF == 0xFFFF else told

    def at_wall_time(given: Form) -> object:
        assert isinstance(given, ObserveInput)
        told = honest("hlc_observe", given)
        assert isinstance(told, dict)
        return told if told["ahead"] else {**told, "clock": max(told["clock"], hlc.text(hlc.at(given.now)))}

    arrivals = "an arrival is no event of one's own"
    yield WrongForm(
        "arrival-at-wall-time",
        "a clock that arrivals move to wall time",
        "HLC-2",
        arrivals,
        {"hlc_observe": at_wall_time},
    )

    def at_the_bound(given: Form) -> object:
        assert isinstance(given, ObserveInput)
        bound = floor(1000 * CONSTANTS.clock.max_ahead_seconds)
        ahead = (int(given.seen, 16) >> 16) - floor(given.now * 1000) >= bound
        return {"clock": given.last, "ahead": True} if ahead else honest("hlc_observe", given)

    yield WrongForm(
        "wrapped-counter", "a counter that begins again", "HLC-1", "a full counter carries", {"hlc_tick": wrapped}
    )
    yield WrongForm(
        "ahead-at-the-bound",
        "a bound that is too far itself",
        "HLC-3",
        "only what is beyond the bound is too far",
        {"hlc_observe": at_the_bound},
    )
    for name, says, key in (
        ("regions-in-utf-16", "regions compared in UTF-16", lambda region: region.encode("utf-16-be", "surrogatepass")),
        ("regions-without-case", "regions compared without case", str.lower),
    ):

        def lesser(given: Form, key: Callable[[str], object] = key) -> object:
            assert isinstance(given, JoinInput)
            pair = (given.a, given.b)
            first, second = ((one.timestamp, key(one.region), one.digest) for one in pair)
            return msgspec.to_builtins(given.a if first <= second else given.b)

        yield WrongForm(name, says, "CRR-1", "names are compared by code points", {"join": lesser})

    def sorted_counts(given: Form) -> object:
        assert isinstance(given, ValidRecord)
        record = given.record
        counts = {str(k): record.N_j[k] for k in sorted(record.N_j, key=str)}
        judged = {"N_j": counts, "regime": record.regime, "scales": record.scales}
        return sha256(canonical_bytes(record) + b"\n" + msgspec.json.encode(judged)).hexdigest()

    order = "counts stand in the order of scales"
    yield WrongForm(
        "sorted-counts", "counts in the order of their names", "DUP-9", order, {"content_digest": sorted_counts}
    )


# --- places ---


def _places() -> Iterator[WrongForm]:
    def by_name(given: Form) -> object:
        assert isinstance(given, RingInput)
        owner = Ring(given.shards, given.vnodes).owner(given.key)
        healthy = [name for name in sorted(given.shards) if name not in given.unhealthy]
        return owner if owner in healthy else healthy[bisect_left(healthy, owner) % len(healthy)]

    def above(given: Form) -> object:
        assert isinstance(given, RingInput)
        healthy = set(given.shards) - set(given.unhealthy)
        ring = sorted((position(f"{shard}#{n}"), shard) for shard in healthy for n in range(given.vnodes))
        return next((shard for place, shard in ring if place > position(given.key)), ring[0][1])

    yield WrongForm(
        "neighbour-by-name",
        "the next name taking over",
        "RNG-3",
        "the next position takes over",
        {"ring_owner": by_name},
    )
    yield WrongForm(
        "position-above",
        "positions above the key's own",
        "RNG-1",
        "a position that equals the key's own counts",
        {"ring_owner": above},
    )

    def fused(given: Form) -> object:
        assert isinstance(given, PauseInput)
        limits = CONSTANTS.outbox
        ceiling = min(
            Fraction(limits.max_delay_seconds), Fraction(limits.base_delay_seconds) * 2 ** (given.attempt - 1)
        )
        asked = max(Fraction(0), min(Fraction(given.retry_after or 0), Fraction(CONSTANTS.retry_after.max_seconds)))
        return float(asked + Fraction(given.chance) * ceiling)

    def longer(given: Form) -> object:
        assert isinstance(given, PauseInput)
        alone = honest("pause", replace(given, retry_after=None))
        assert isinstance(alone, float)
        return max(alone, min(given.retry_after or 0.0, CONSTANTS.retry_after.max_seconds))

    yield WrongForm("fused-pause", "product and sum rounded once", "OUT-3", "each of them is rounded", {"pause": fused})
    yield WrongForm(
        "longer-of-both", "the longer of both pauses", "OUT-4", "one comes on top of the other", {"pause": longer}
    )

    exactly = "a key is its UTF-8, as it stands"
    for name, says, spelt in (
        ("keys-without-case", "keys without case", str.lower),
        ("normalised-keys", "keys that were normalised", lambda key: normalize("NFC", key)),
    ):

        def reread(given: RingInput, spelt: Callable[[str], str] = spelt) -> Form:
            return replace(given, key=spelt(given.key))

        yield WrongForm(name, says, "RNG-1", exactly, instead("ring_owner", reread))

    def shifted(given: PauseInput) -> Form:
        return replace(given, attempt=(given.attempt - 1) % 32 + 1)

    any_number = "the ceiling stays however many attempts failed"
    yield WrongForm("shift-of-32-bits", "a shift modulo 32", "OUT-3", any_number, instead("pause", shifted))
    for name, says, read in (
        (
            "trimmed-id",
            "a shard without spaces around it",
            lambda given: replace(given, shard_id=given.shard_id.strip()),
        ),
        (
            "epoch-as-a-real",
            "an epoch of 24 bits",
            lambda given: replace(given, epoch=int(binary32(given.epoch))),
        ),
    ):
        yield WrongForm(name, says, "ID-1", "the parts stand as they are", instead("pcs_id", read))


# --- trees ---


def _trees() -> Iterator[WrongForm]:
    chunk = CONSTANTS.merkle.chunk_bytes
    raws: tuple[tuple[str, str, str, Callable[[bytes], bytes]], ...] = (
        ("first-kibibyte", "the first kibibyte", "all bytes are cut into chunks", lambda raw: raw[:1024]),
        (
            "padded-chunk",
            "a last chunk filled up with zeros",
            "the last chunk is shorter",
            lambda raw: raw + bytes(-len(raw) % chunk),
        ),
        ("empty-chunk", "one empty chunk more", "no bytes give no leaves", lambda raw: raw),
        (
            "trimmed-data",
            "data without its last end of line",
            "bytes count as they are",
            lambda raw: raw.rstrip(b"\r\n"),
        ),
        ("text-mode", "data read in text mode", "bytes count as they are", lambda raw: raw.replace(b"\r\n", b"\n")),
    )
    for name, says, rule, cut in raws:

        def rooted(given: Form, cut: Callable[[bytes], bytes] = cut, name: str = name) -> object:
            assert isinstance(given, RawBytes)
            leaves = tuple(merkle.chunks(cut(given.raw)))
            more = name == "empty-chunk" and len(given.raw) % chunk == 0
            return merkle.merkle_root((*leaves, b"") if more else leaves).hex()

        yield WrongForm(name, says, "MRK-4", rule, {"data_root": rooted})

    def first_64(given: Leaves) -> Form:
        return Leaves(given.leaves[:64])

    def text(leaf: bytes) -> bytes:
        return leaf.decode(errors="replace").encode()

    def of_text(given: Leaves) -> Form:
        return Leaves(tuple(map(text, given.leaves)))

    any_number = "a list may have any number of leaves"
    yield WrongForm("first-64-leaves", "the first 64 leaves", "MRK-1", any_number, instead("merkle_root", first_64))
    any_bytes = "leaves are bytes, whatever they spell"
    yield WrongForm("leaves-as-text", "leaves read as text", "MRK-1", any_bytes, instead("merkle_root", of_text))
    for operation, requirement in (("inclusion_proof", "MRK-2"), ("consistency_proof", "MRK-3")):

        def turned(given: Form, operation: str = operation) -> object:
            told = honest(operation, given)
            return told[::-1] if isinstance(told, list) else told

        order = "the nodes of a proof go from the leaves up"
        yield WrongForm("reversed-proof", "proofs from the root down", requirement, order, {operation: turned})


def _proofs() -> Iterator[WrongForm]:
    def spare(given: Form) -> object:
        assert isinstance(given, Inclusion)
        cut = (replace(given, proof=given.proof[:length]) for length in range(len(given.proof) + 1))
        return any(honest("verify_inclusion", one) for one in cut)

    def narrow(given: Inclusion) -> Form:
        return replace(given, index=given.index % 2**32, size=given.size % 2**32)

    any_size = "a tree may have any number of leaves"
    yield WrongForm("places-of-32-bits", "places of 32 bits", "MRK-2", any_size, instead("verify_inclusion", narrow))

    def same_size(given: Form) -> object:
        assert isinstance(given, Consistency)
        return honest("verify_consistency", given) is True or (given.first == given.second and not given.proof)

    yield WrongForm(
        "spare-nodes",
        "proofs with nodes to spare",
        "MRK-2",
        "a proof has no node too much",
        {"verify_inclusion": spare},
    )
    yield WrongForm(
        "new-root-only",
        "equal sizes whose roots are not looked at",
        "MRK-3",
        "both roots are compared",
        {"verify_consistency": same_size},
    )
