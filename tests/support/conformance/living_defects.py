"""Implementations with one planted defect each that hand-made cases let live, or could: generated ones must find it.

None was chosen because a vector catches it. A defect replaces one operation of our own subject; the rest stays honest.
"""

import json
import re
import zlib
from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import combinations, pairwise
from math import floor, log2
from statistics import median
from typing import Any

import msgspec
import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from flk.conformance import operations
from flk.conformance.drafts.weak_points import GROUP_ORDER
from flk.conformance.operations import Operation
from flk.conformance.operations.canonical import CanonicalInput
from flk.conformance.operations.clocks import EntryForm, JoinInput, Observed, ObserveInput, TickInput
from flk.conformance.operations.forms import LiveKeyForm
from flk.conformance.operations.node import Answered, NodeInput
from flk.conformance.operations.placement import PauseInput, RingInput
from flk.conformance.operations.records import Body, JudgedRecord, Triple, ValidRecord, is_scrutinised, tolerance
from flk.conformance.operations.segments import DamagedSegment, FrameInput, NamedSegment
from flk.conformance.operations.signals import Coherence, Counts, Plane, RawBytes, ScaledCloud, SeededCloud, Signals
from flk.conformance.operations.signatures import AuthenticateInput, SignInput
from flk.conformance.operations.trees import Consistency, Inclusion, Leaves, Position
from flk.model.entries.entry import Outcome
from flk.model.entries.ring import Ring, position
from flk.model.log import hlc
from flk.model.record.canonical import canonical_bytes, round9
from flk.model.record.signing import Algorithm
from flk.model.refusal import Malformed, Unauthenticated
from flk.spec.constants import CONSTANTS


@dataclass(frozen=True)
class Planted:
    """A defect: the operation that it replaces, the requirements that it may be told to break, and the known form that it is."""

    operation: str
    defect: Operation
    requirements: tuple[str, ...]
    form: str


LIVING: dict[str, Planted] = {}


def breaks(operation: str, *requirements: str, form: str = "") -> Callable[[Operation], Operation]:
    """Register a defect with what must be said of it."""

    def register(defect: Operation) -> Operation:
        LIVING[defect.__name__] = Planted(operation, defect, requirements, form)
        return defect

    return register


# --- texts and signatures ---


def _record(given: CanonicalInput | SignInput, change: Callable[[str], str]) -> Any:
    texts = {name: change(text) for name in ("shard_id",) if isinstance(text := getattr(given.record, name), str)}
    return msgspec.structs.replace(given, record=msgspec.structs.replace(given.record, **texts))


@breaks("canonical", "C14N-8", form="cut-shard")
def cuts_texts_at_32_bytes(given: CanonicalInput) -> str:
    """A buffer of 32 bytes."""
    return operations.canonical.canonical(_record(given, lambda text: text.encode()[:32].decode(errors="ignore")))


@breaks("canonical", "C14N-8", form="trimmed-text")
def trims_texts(given: CanonicalInput) -> str:
    """White space around a text is dropped."""
    return operations.canonical.canonical(_record(given, str.strip))


@breaks("sign", "C14N-8", form="trimmed-text")
def signs_trimmed_texts(given: SignInput) -> str:
    """The same, before signing."""
    return operations.signatures.sign(_record(given, str.strip))


@breaks("sign", "SIGN-2", form="trimmed-secret")
def trims_secrets(given: SignInput) -> str:
    """A secret is read like a line of a file."""
    key = msgspec.structs.replace(given.key, secret=given.key.secret.strip())
    return operations.signatures.sign(given if given.key.algorithm is Algorithm.ED25519 else _keyed(given, key))


@breaks("sign", "SIGN-2", form="secret-as-text")
def secrets_end_at_a_zero(given: SignInput) -> str:
    """A secret is a text of C."""
    if given.key.algorithm is Algorithm.ED25519:
        return operations.signatures.sign(given)
    return operations.signatures.sign(
        _keyed(given, msgspec.structs.replace(given.key, secret=given.key.secret.partition(b"\0")[0]))
    )


def _keyed(given: SignInput, key: Any) -> SignInput:
    return msgspec.structs.replace(given, key=key)


@breaks("pcs_id", "ID-1", form="trimmed-id")
def trims_the_shard(given: Triple) -> str:
    """The shard of an id without the spaces around it."""
    return operations.records.pcs_id(msgspec.structs.replace(given, shard_id=given.shard_id.strip()))


@breaks("pcs_id", "ID-1", form="epoch-as-a-real")
def epochs_in_binary32(given: Triple) -> str:
    """An epoch passes through a number of 24 bits."""
    return operations.records.pcs_id(msgspec.structs.replace(given, epoch=int(np.float32(given.epoch))))


# --- keys and Ed25519 ---


def _changed(given: AuthenticateInput, change: Callable[[LiveKeyForm], LiveKeyForm]) -> AuthenticateInput:
    keys = {tenant: tuple(map(change, several)) for tenant, several in given.keys.items()}
    return msgspec.structs.replace(given, keys=keys)


@breaks("authenticate", "SIGN-4", form="windows-in-seconds")
def cuts_windows_to_seconds(given: AuthenticateInput) -> bool:
    """Windows are kept in whole seconds."""

    def cut(key: LiveKeyForm) -> LiveKeyForm:
        after = None if key.not_after is None else float(floor(key.not_after))
        return msgspec.structs.replace(key, not_before=float(floor(key.not_before)), not_after=after)

    return operations.signatures.authenticate(_changed(given, cut))


@breaks("authenticate", "SIGN-4", form="two-keys")
def forgets_a_third_key(given: AuthenticateInput) -> bool:
    """A tenant has an old key and a new one."""
    keys = {tenant: several[:2] for tenant, several in given.keys.items()}
    return operations.signatures.authenticate(msgspec.structs.replace(given, keys=keys))


def _by(given: AuthenticateInput, verifies: Callable[[bytes, bytes, bytes], bool]) -> bool:
    """Authentic, or so by another verifier of Ed25519."""
    try:
        return operations.signatures.authenticate(given)
    except Unauthenticated:
        raw = _raw(given.sig)
        if raw is None:
            raise
        messages = [canonical_bytes(given.record.signed(), profile) for profile in given.profiles]
        for key in given.keys.get(given.tenant, ()):
            live = key.not_before <= given.at and (key.not_after is None or given.at < key.not_after)
            if live and key.algorithm is Algorithm.ED25519 and any(verifies(key.key, text, raw) for text in messages):
                return True
        raise


def _raw(sig: str) -> bytes | None:
    """The 64 bytes that a text spells."""
    try:
        raw = b64decode(sig.encode("ascii", "replace"))
    except ValueError:
        return None
    return raw if len(raw) == 64 and b64encode(raw).decode() == sig else None


def _openssl(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@breaks("authenticate", "SIGN-3", form="small-order")
def takes_small_orders(given: AuthenticateInput) -> bool:
    """Whatever the library takes, keys of small order and their other encodings among it."""
    return _by(given, _openssl)


@breaks("authenticate", "SIGN-3", form="high-s")
def takes_a_high_s(given: AuthenticateInput) -> bool:
    """S is taken modulo the order."""

    def reduced(key: bytes, message: bytes, signature: bytes) -> bool:
        S = int.from_bytes(signature[32:], "little") % GROUP_ORDER
        return _openssl(key, message, signature[:32] + S.to_bytes(32, "little"))

    return _by(given, reduced)


# --- records ---


def _validated(given: Body, change: Callable[[str], str]) -> bool:
    """The answer to a body after a change, as a lenient reader makes it."""
    if given.body_base64:
        return operations.records.validate(given)
    return operations.records.validate(Body(body=change(given.body)))


def _version(given: Body) -> str:
    try:
        record = json.loads(given.content())
        return str(record["version"]) if isinstance(record["version"], str) else ""
    except (ValueError, LookupError, TypeError):
        return ""


@breaks("validate", "REC-4", "REC-8", form="length-in-bytes")
def counts_bytes(given: Body) -> bool:
    """A length is one of bytes."""
    valid = operations.records.validate(given)
    if len(_version(given).encode()) > CONSTANTS.record.max_text:
        raise Malformed("REC-4", "too long", field="version")
    return valid


@breaks("validate", "REC-4", "REC-8", form="length-in-utf-16")
def counts_utf_16(given: Body) -> bool:
    """A length is one of UTF-16 code units."""
    valid = operations.records.validate(given)
    if len(_version(given).encode("utf-16-le")) // 2 > CONSTANTS.record.max_text:
        raise Malformed("REC-4", "too long", field="version")
    return valid


@breaks("validate", "REC-8", form="unicode-digits")
def any_digit(given: Body) -> bool:
    r"""`\d` stands for the digits of all scripts."""
    try:
        return operations.records.validate(given)
    except Malformed as refusal:
        if (refusal.requirement, refusal.field) != ("REC-8", "sent_at"):
            raise
        sent_at = json.loads(given.content()).get("sent_at")
        if isinstance(sent_at, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sent_at):
            return True
        raise


@breaks("validate", "REC-1", form="form-feed")
def form_feed_is_space(given: Body) -> bool:
    r"""`\s` stands for more than JSON's white space."""
    try:
        return operations.records.validate(given)
    except Malformed:
        body = given.content()
        return operations.records.validate(Body(body_base64=body.replace(b"\f", b" "))) if b"\f" in body else _raise()


def _raise() -> bool:
    raise  # noqa: PLE0704  # the refusal that is being handled


@breaks("validate", "REC-2", form="escaped-repeat")
def repeats_are_spelt_alike(given: Body) -> bool:
    """Keys are compared before escapes are resolved."""
    try:
        return operations.records.validate(given)
    except Malformed as refusal:
        if refusal.requirement != "REC-2":
            raise
        content = given.content().decode()
        spelt = re.findall(r'"((?:[^"\\]|\\.)*)"\s*:', content)
        if len(spelt) > len(set(spelt)):
            raise
        return True


@breaks("validate", "REC-8", "ID-4", "REC-7", form="exponent-integer")
def integers_with_exponents(given: Body) -> bool:
    """What is whole is an integer, however it is written."""
    return _validated(given, lambda body: re.sub(r"(?<=[: \[])(-?\d+)(?:[eE]\+?0+)(?=[,}\] ])", r"\1", body))


# --- signals ---


@breaks("d_hat", "SIG-1", form="distinct-slopes")
def slopes_deduplicated(given: Counts) -> float:
    """Equal slopes count once."""
    return round9(median(set(_slopes(given))))


@breaks("d_hat", "SIG-1", form="lower-median")
def lower_median(given: Counts) -> float:
    """Of an even number the lower of the middle two."""
    return round9(_slopes(given)[(len(_slopes(given)) - 1) // 2])


@breaks("d_hat", "SIG-1", form="neighbours-only")
def neighbours_only(given: Counts) -> float:
    """Only scales that follow each other are paired."""
    points = sorted(set(zip(given.scales, given.counts, strict=True)))
    pairs = [(a, b) for a, b in pairwise(points) if a[0] != b[0]]
    return round9(median((log2(b[1]) - log2(a[1])) / (log2(b[0]) - log2(a[0])) for a, b in pairs))


def _slopes(given: Counts) -> list[float]:
    points = [(log2(x), log2(y)) for x, y in zip(given.scales, given.counts, strict=True)]
    return sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if abs(x2 - x1) >= 1e-9)


@breaks("count_cells", "SIG-5", form="binary32-cells")
def cells_in_binary32(given: ScaledCloud) -> dict[str, int]:
    """Coordinates are of 24 bits."""
    rows = np.array(given.points, dtype=np.float32).reshape(-1, given.dimensions).tolist()
    return {str(s): len({tuple(floor(float(np.float32(x * s))) for x in row) for row in rows}) for s in given.scales}


@breaks("count_cells", "SIG-5", form="exact-cells")
def cells_of_exact_products(given: ScaledCloud) -> dict[str, int]:
    """The product is not rounded."""
    return {str(s): len({tuple(floor(Fraction(x) * s) for x in row) for row in given.points}) for s in given.scales}


@breaks("coherence", "SIG-2", form="seed-of-31-bits")
def seeds_of_31_bits(given: SeededCloud) -> Coherence:
    """A seed is a positive integer of 32 bits with sign."""
    return operations.signals.coherence(msgspec.structs.replace(given, seed=given.seed & 0x7FFFFFFF))


@breaks("compressibility", "SIG-3", form="blocks-of-64-kib")
def blocks_of_64_kib(given: RawBytes) -> float:
    """Each block is compressed by itself."""
    blocks = [given.raw[start : start + 65536] for start in range(0, len(given.raw), 65536)]
    size = sum(len(zlib.compress(block, CONSTANTS.signals.zlib_level)) for block in blocks)
    return round9(min(1.0, size / len(given.raw))) if given.raw else 1.0


@breaks("compressibility", "SIG-3", form="fast-compression")
def compresses_fast(given: RawBytes) -> float:
    """Level 1."""
    return round9(min(1.0, len(zlib.compress(given.raw, 1)) / len(given.raw))) if given.raw else 1.0


@breaks("regime", "SIG-4", form="unrounded-signals")
def bounds_before_rounding(given: Plane) -> str:
    """The signals are compared as they come."""
    if given.coh_star >= 0.7 and given.D_hat <= 1.5:
        return "sticky"
    return "non_sticky" if given.D_hat >= 2.6 else "mixed"


@breaks("budget", "SIG-6", "SIG-7", form="unrounded-budget")
def budget_before_rounding(given: Signals) -> float:
    """The signals enter as they come."""
    return round9(
        min(1.0, max(0.0, 0.1 + 0.3 * (1 - given.r) + 0.5 * max(0.0, given.D_hat - 2.2) + 0.2 * given.coh_star))
    )


@breaks("judge", "JDG-1", form="real-differences")
def tolerances_in_binary64(given: JudgedRecord) -> Outcome:
    """The slope's difference is compared as a real."""
    honest = operations.records.judge(given)
    off = abs(given.record.D_hat - honest.recomputed_D_hat) > tolerance(given)
    return msgspec.structs.replace(honest, accepted=not off and not is_scrutinised(honest))


@breaks("content_digest", "DUP-9", form="sorted-counts")
def counts_in_the_order_of_their_names(given: ValidRecord) -> str:
    """A JSON writer sorts the keys: 16 before 2."""
    record = given.record
    head, _, tail = canonical_bytes(record).decode(), "", ""
    judged = {
        "N_j": {str(k): record.N_j[k] for k in sorted(record.N_j)},
        "regime": record.regime,
        "scales": record.scales,
    }
    return sha256(f"{head}\n{json.dumps(judged, separators=(',', ':'))}{tail}".encode()).hexdigest()


# --- trees ---


@breaks("merkle_root", "MRK-1", form="first-64-leaves")
def a_tree_of_64_leaves(given: Leaves) -> str:
    """An array of 64 hashes."""
    return operations.trees.merkle_root(Leaves(given.leaves[:64]))


@breaks("data_root", "MRK-4", form="first-kibibyte")
def reads_one_kibibyte(given: RawBytes) -> str:
    """A single read of 1 KiB."""
    return operations.trees.data_root(RawBytes(given.raw[:1024]))


@breaks("data_root", "MRK-4", form="padded-chunk")
def pads_the_last_chunk(given: RawBytes) -> str:
    """The last chunk is filled up with zeros."""
    return operations.trees.data_root(RawBytes(given.raw + bytes(-len(given.raw) % 64)))


@breaks("inclusion_proof", "MRK-2", form="reversed-proof")
def proofs_from_the_root_down(given: Position) -> list[str]:
    """The siblings the other way round."""
    return operations.trees.inclusion_proof(given)[::-1]


@breaks("verify_inclusion", "MRK-2", form="spare-nodes")
def spare_nodes_are_ignored(given: Inclusion) -> bool:
    """What a proof has too much is not looked at."""
    return any(
        operations.trees.verify_inclusion(msgspec.structs.replace(given, proof=given.proof[:length]))
        for length in range(len(given.proof) + 1)
    )


@breaks("verify_consistency", "MRK-3", form="new-root-only")
def the_old_root_is_not_looked_at(given: Consistency) -> bool:
    """Equal sizes are always consistent."""
    return operations.trees.verify_consistency(given) or (given.first == given.second and not given.proof)


# --- clocks, entries, placement ---


@breaks("hlc_tick", "HLC-1", form="wrapped-counter")
def counters_wrap(given: TickInput) -> str:
    """A full counter begins again and carries nothing."""
    last = int(given.last, 16)
    honest = operations.clocks.hlc_tick(given)
    return f"{last & ~0xFFFF:016x}" if last & 0xFFFF == 0xFFFF and int(honest, 16) == last + 1 else honest


@breaks("hlc_observe", "HLC-3", form="ahead-at-the-bound")
def the_bound_is_too_far(given: ObserveInput) -> Observed:
    """A minute ahead is too far, too."""
    ahead = (int(given.seen, 16) >> 16) - floor(given.now * 1000) >= 60_000
    honest = operations.clocks.hlc_observe(given)
    return Observed(given.last, ahead=True) if ahead else honest


@breaks("join", "CRR-1", form="regions-in-utf-16")
def regions_in_utf_16(given: JoinInput) -> EntryForm:
    """Texts are compared as JavaScript and Java do."""
    return min((given.a, given.b), key=lambda entry: (entry.timestamp, entry.region.encode("utf-16-be"), entry.digest))


@breaks("join", "CRR-1", form="regions-without-case")
def regions_without_case(given: JoinInput) -> EntryForm:
    """Names are compared without regard to case."""
    return min((given.a, given.b), key=lambda entry: (entry.timestamp, entry.region.lower(), entry.digest))


@breaks("ring_owner", "RNG-3", form="neighbour-by-name")
def the_next_name_takes_over(given: RingInput) -> str:
    """The keys of a lost shard go to the next in the list of names."""
    owner = Ring(given.shards, given.vnodes).owner(given.key)
    if owner not in given.unhealthy:
        return owner
    healthy = [name for name in sorted(given.shards) if name not in given.unhealthy]
    return healthy[bisect_left(healthy, owner) % len(healthy)] if healthy else operations.placement.ring_owner(given)


@breaks("ring_owner", "RNG-1", form="position-above")
def a_position_belongs_to_the_next(given: RingInput) -> str:
    """A key on a position goes to the one after it."""
    places = {position(f"{shard}#{n}") for shard in given.shards for n in range(given.vnodes)}
    honest = operations.placement.ring_owner(given)
    if position(given.key) not in places:
        return honest
    healthy = set(given.shards) - set(given.unhealthy)
    ring = sorted((position(f"{shard}#{n}"), shard) for shard in healthy for n in range(given.vnodes))
    return next((shard for place, shard in ring if place > position(given.key)), ring[0][1])


@breaks("pause", "OUT-3", form="fused-pause")
def product_and_sum_fused(given: PauseInput) -> float:
    """Rounded once."""
    ceiling = Fraction(operations.placement.pause(PauseInput(given.attempt, 0.5, None))) * 2
    asked = max(Fraction(0), min(Fraction(given.retry_after or 0), Fraction(3600)))
    return float(asked + Fraction(given.chance) * ceiling)


@breaks("pause", "OUT-4", form="longer-of-both")
def the_longer_of_both(given: PauseInput) -> float:
    """Not the sum."""
    alone = operations.placement.pause(msgspec.structs.replace(given, retry_after=None))
    return max(alone, min(given.retry_after or 0.0, 3600.0))


# --- the log ---


@breaks("frame", "WAL-2", form="length-of-16-bits")
def lengths_of_16_bits(given: FrameInput) -> bytes:
    """Frames of more than 64 KiB say a length that is too short."""
    honest = operations.segments.frame(given)
    at = len(given.salt)
    length = int.from_bytes(honest[at : at + 4], "little") & 0xFFFF
    return honest[:at] + length.to_bytes(4, "little") + honest[at + 4 :]


@breaks("frame", "WAL-2", form="salt-not-summed")
def salts_are_not_summed(given: FrameInput) -> bytes:
    """The checksum leaves the salt out."""
    return given.salt + operations.segments.frame(msgspec.structs.replace(given, salt=b""))


@breaks("verify_segment", "WAL-6", "CRR-6", form="unsealed")
def open_segments_are_whole(given: NamedSegment) -> bool:
    """A segment without a seal passes."""
    found = operations.segments.scan(DamagedSegment(given.segment))
    named = found.head is not None and given.name == f"{found.head.log}/{found.head.sequence:012}"
    return operations.segments.verify_segment(given) or (named and not found.damage and not found.torn)


# --- nodes ---


def _histories(given: NodeInput, change: Callable[[NodeInput], NodeInput]) -> list[Answered]:
    return operations.node.node(change(given))


@breaks("node", "DUP-4", form="one-store-for-all")
def tenants_share_a_store(given: NodeInput) -> list[Answered]:
    """The first outcome under an id is everybody's."""
    replies = operations.node.node(given)
    first: dict[str, Answered] = {}
    for place, reply in enumerate(replies):
        body = msgspec.json.decode(reply.body)
        if reply.status in {200, 202}:
            replies[place] = first.setdefault(body["pcs_id"], reply)
    return replies


@breaks("node", "HLC-5", form="leading-clock")
def a_clock_that_leads_logs_on(given: NodeInput) -> list[Answered]:
    """However far ahead its clock is."""
    at = given.arrivals[0].at if given.arrivals else 0.0
    arrivals = tuple(msgspec.structs.replace(one, at=max(one.at, at)) for one in given.arrivals)
    return _histories(given, lambda given: msgspec.structs.replace(given, arrivals=arrivals))


@breaks("hlc_tick", "HLC-1", form="wall-time-in-seconds")
def a_clock_of_32_bits(given: TickInput) -> str:
    """Seconds, not milliseconds, decide which is later."""
    now = hlc.at(floor(given.now))
    return f"{max(int(given.last, 16) + 1, now):016x}"
