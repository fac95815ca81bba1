"""Implementations with one planted defect each, and a vector that must find it. Each is a mistake that some SDK has made.

A defect replaces one operation of our own subject; the rest stays honest.
"""

import binascii
import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from hashlib import sha256
from hmac import digest as mac
from itertools import combinations, pairwise
from math import floor, isfinite, log2
from unicodedata import normalize

import msgspec
import numpy as np

from flk.conformance import operations
from flk.conformance.operations import Operation
from flk.conformance.operations.canonical import CanonicalInput, OneReal
from flk.conformance.operations.clocks import EntryForm, JoinInput, Observed, ObserveInput, TickInput
from flk.conformance.operations.drawing import DrawInput, ProveInput, Proven, VerifyInput
from flk.conformance.operations.forms import timestamp
from flk.conformance.operations.node import Answered, NodeInput
from flk.conformance.operations.notes import CheckpointInput, NoteInput, Signed, Tiled, TilesInput
from flk.conformance.operations.placement import PauseInput, RingInput
from flk.conformance.operations.policies import (
    Document,
    Fault,
    Named,
    SignedPolicy,
    StagedFor,
    StatedPolicies,
    UnsignedPolicy,
)
from flk.conformance.operations.records import Body, JudgedRecord, Triple, ValidRecord, is_scrutinised, tolerance
from flk.conformance.operations.segments import DamagedSegment, FrameInput, NamedSegment, ScanResult
from flk.conformance.operations.signals import Coherence, Counts, Plane, RawBytes, ScaledCloud, SeededCloud, Signals
from flk.conformance.operations.signatures import AuthenticateInput, SignInput
from flk.conformance.operations.trees import Consistency, Inclusion, Leaves, Position, Prefix
from flk.model.entries.entry import Outcome, Reason
from flk.model.log.hlc import at, text
from flk.model.policies.document import DEFAULT, PARAMETERS, Policy
from flk.model.policies.ruling import part_of
from flk.model.record.canonical import Profile, canonical_bytes, fixed9, round9
from flk.model.record.signing import Algorithm, Ed25519PrivateKey
from flk.model.refusal import Malformed, Refused, Unauthenticated
from flk.model.transparency.checkpoints import checkpoint_of
from flk.model.transparency.notes import BadNote, Verifier, read_note, signed_by
from flk.model.vrf.ecvrf import output_of
from flk.spec.constants import CONSTANTS

DEFECTS: dict[str, tuple[str, Operation, str]] = {}
"""Name of the defect to the operation it replaces, its replacement, and the id of a vector that finds it."""


def caught_by(vector: str) -> Callable[[Operation], Operation]:
    """Register a defect with the vector that finds it."""

    def register(defect: Operation) -> Operation:
        DEFECTS[defect.__name__] = vector.partition("/")[0].removesuffix(".golden"), defect, vector
        return defect

    return register


# --- numbers and canonical bytes ---


@caught_by("fixed9.golden/two-to-minus-10")
def ties_away_from_zero(given: OneReal) -> str:
    """JavaScript's toFixed."""
    x = float(given.x)
    if not isfinite(x) or abs(x) > 1e15:
        return fixed9(x)
    return f"{Decimal(x).quantize(Decimal('1e-9'), ROUND_HALF_UP):zf}"


@caught_by("fixed9/decimal-tie/0.1234567885")
def rounds_the_shortest_text(given: OneReal) -> str:
    """Half up on the decimal text, as the earlier Python SDK did."""
    x = float(given.x)
    return (
        fixed9(x)
        if not isfinite(x) or abs(x) > 1e15
        else f"{Decimal(repr(x)).quantize(Decimal('1e-9'), ROUND_HALF_UP):zf}"
    )


@caught_by("fixed9/decimal-tie/0.1234567885")
def multiplies_first(given: OneReal) -> str:
    """Multiply, round half up, divide: the rounding that everybody writes first."""
    x = float(given.x)
    return fixed9(x) if not isfinite(x) or abs(x) > 1e15 else fixed9(floor(x * 1e9 + 0.5) / 1e9)


@caught_by("fixed9/binary-tie/2+3over1024")
def truncates(given: OneReal) -> str:
    """Digits past the ninth are dropped."""
    x = float(given.x)
    return fixed9(x) if not isfinite(x) or abs(x) > 1e15 else fixed9(int(x * 1e9) / 1e9)


@caught_by("fixed9/zero/minus-1e-10")
def prints_minus_zero(given: OneReal) -> str:
    """The sign of zero is printed."""
    fixed9(float(given.x))
    return f"{float(given.x):.9f}"


@caught_by("fixed9/non-finite/NaN")
def prints_nan(given: OneReal) -> str:
    """What is no number is printed like one."""
    return f"{float(given.x):z.9f}"


@caught_by("canonical/fixed9/ordinary")
def order_of_the_struct(given: CanonicalInput) -> str:
    """The earlier server's order of fields."""
    eight, newline, judged = _canonical(given).partition("\n")
    fields = re.fullmatch(r'\{("D_hat":.*?),("budget":.*?),("coh_star":.*?),("epoch":.*)\}', eight, re.DOTALL)
    assert fields
    D_hat, budget, coh_star, others = fields.groups()
    return f"{{{budget},{coh_star},{D_hat},{others}}}{newline}{judged}"


def _canonical(given: CanonicalInput) -> str:
    return operations.canonical.canonical(given)


@caught_by("canonical/fixed9/ordinary")
def spaces_after_commas(given: CanonicalInput) -> str:
    """A JSON writer's default separators."""
    return _canonical(given).replace(',"', ', "')


@caught_by("canonical/text/latin")
def ascii_escapes(given: CanonicalInput) -> str:
    """Python's json.dumps, which escapes all but ASCII."""
    return _canonical(given).encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")


@caught_by("canonical/text/angle")
def html_escapes(given: CanonicalInput) -> str:
    """Go's json.Marshal, which escapes angle brackets, ampersands and two separators of lines."""
    written = _canonical(given)
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


@caught_by("canonical/text/control-08")
def long_escapes(given: CanonicalInput) -> str:
    """Every control character as six characters."""
    return _canonical(given).replace("\\b", "\\u0008")


@caught_by("canonical.golden/record-2-shortest")
def integral_reals_without_a_point(given: CanonicalInput) -> str:
    """Go and JavaScript write 1 where Python writes 1.0."""
    return _canonical(given).replace(".0,", ",") if given.profile is Profile.SHORTEST else _canonical(given)


@caught_by("canonical/epoch/9007199254740991")
def epoch_as_a_real(given: CanonicalInput) -> str:
    """The epoch passes through binary64 and its formatter."""
    return _canonical(given).replace(f'"epoch":{given.record.epoch}', f'"epoch":{float(given.record.epoch):g}')


# --- signatures ---


@caught_by("sign/hmac/ordinary-fixed9")
def signs_a_digest(given: SignInput) -> str:
    """SHA-256 first, as four of the earlier SDKs did."""
    message = sha256(canonical_bytes(given.record.signed(), given.profile)).digest()
    return binascii.b2a_base64(given.key.signer().sign(message), newline=False).decode()


@caught_by("sign/hmac/integral-fixed9")
def signs_shortest_reals(given: SignInput) -> str:
    """The older form, whatever was asked for."""
    return operations.signatures.sign(msgspec.structs.replace(given, profile=Profile.SHORTEST))


@caught_by("authenticate/spelling/unused-bits")
def lenient_base64(given: AuthenticateInput) -> bool:
    """A decoder that skips what it does not know and does not look at unused bits."""
    try:
        sig = binascii.b2a_base64(b64decode(given.sig), newline=False).decode()
    except ValueError:
        sig = given.sig
    return operations.signatures.authenticate(msgspec.structs.replace(given, sig=sig))


@caught_by("authenticate/refused/older-profile")
def accepts_any_profile(given: AuthenticateInput) -> bool:
    """Every known form is tried for everybody."""
    return operations.signatures.authenticate(msgspec.structs.replace(given, profiles=tuple(Profile)))


@caught_by("authenticate/window/old-overlap-ends")
def window_includes_its_end(given: AuthenticateInput) -> bool:
    """A key counts one moment too long."""
    try:
        return operations.signatures.authenticate(given)
    except Unauthenticated:
        return operations.signatures.authenticate(msgspec.structs.replace(given, at=given.at - 0.5))


@caught_by("authenticate/window/new-in-overlap")
def one_key_only(given: AuthenticateInput) -> bool:
    """Only the first key of a tenant is looked at."""
    keys = {tenant: forms[:1] for tenant, forms in given.keys.items()}
    return operations.signatures.authenticate(msgspec.structs.replace(given, keys=keys))


@caught_by("authenticate/tenant/a-as-b")
def any_tenants_key(given: AuthenticateInput) -> bool:
    """All keys there are."""
    everyone = tuple(form for forms in given.keys.values() for form in forms)
    return operations.signatures.authenticate(msgspec.structs.replace(given, keys={given.tenant: everyone}))


@caught_by("authenticate/mac/truncated")
def compares_a_prefix(given: AuthenticateInput) -> bool:
    """As many bytes are compared as were sent."""
    try:
        sent = b64decode(given.sig, validate=True)
    except ValueError:
        sent = b""
    for form in given.keys.get(given.tenant, ()) if sent else ():
        is_live = form.not_before <= given.at and (form.not_after is None or given.at < form.not_after)
        if is_live and form.algorithm is Algorithm.HMAC_SHA256:
            for profile in given.profiles:
                made = mac(form.key, canonical_bytes(given.record.signed(), profile), "sha256")
                if made.startswith(sent):
                    return True
    return operations.signatures.authenticate(given)


# --- records ---


@caught_by("pcs_id/parts/epoch-then-digit")
def id_without_bars(given: Triple) -> str:
    """The parts are joined without a separator."""
    return sha256(f"{given.merkle_root}{given.epoch}{given.shard_id}".encode()).hexdigest()


@caught_by("validate/repeated/escaped")
def last_key_wins(given: Body) -> bool:
    """Repeated keys are not looked for."""
    return _validate_unless("REC-2", given)


@caught_by("validate/unknown/plain")
def ignores_unknown_fields(given: Body) -> bool:
    """Unknown fields are ignored."""
    return _validate_unless("REC-3", given)


@caught_by("validate/pcs_id/of-swapped-parts")
def trusts_the_id(given: Body) -> bool:
    """The id is not computed."""
    return _validate_unless("ID-1", given)


@caught_by("validate/regime/unknown")
def any_regime(given: Body) -> bool:
    """Any text is a regime."""
    return _validate_unless("REC-6", given)


@caught_by("validate/number/epoch-1.0")
def integral_reals_are_integers(given: Body) -> bool:
    """An epoch written 1.0 is an epoch."""
    return operations.records.validate(
        msgspec.structs.replace(given, body=given.body.replace('"epoch":1.0', '"epoch":1'))
    )


@caught_by("validate/shard_id/final-newline")
def dollar_matches_before_a_newline(given: Body) -> bool:
    """A pattern's $ also matches before a final newline, in Python and Perl."""
    try:
        return operations.records.validate(given)
    except Malformed as refusal:
        if refusal.field in {"merkle_root", "shard_id", "sent_at"}:
            value = json.loads(given.content()).get(refusal.field)
            if isinstance(value, str) and re.fullmatch(r"[!-~]+\n", value):
                return True
        raise


def _validate_unless(requirement: str, given: Body) -> bool:
    try:
        return operations.records.validate(given)
    except Malformed as refusal:
        if refusal.requirement == requirement:
            return True
        raise


@caught_by("content_digest/other/N_j")
def digest_of_what_is_signed(given: ValidRecord) -> str:
    """Counts and regime are left out of the digest."""
    return sha256(canonical_bytes(given.record)).hexdigest()


@caught_by("content_digest/same/attempt")
def digest_of_everything(given: ValidRecord) -> str:
    """Delivering again makes another content."""
    return sha256(msgspec.json.encode(given.record)).hexdigest()


@caught_by("judge/slope/0.85")
def subtracts_doubles(given: JudgedRecord) -> Outcome:
    """Tolerances are compared in binary64."""
    honest = operations.records.judge(given)
    off = abs(given.record.D_hat - honest.recomputed_D_hat) > tolerance(given)
    return msgspec.structs.replace(honest, accepted=not off and not is_scrutinised(honest))


@caught_by("judge/slope/1.15")
def tolerance_excludes_its_edge(given: JudgedRecord) -> Outcome:
    """Less than, where less or equal is meant."""
    honest = operations.records.judge(given)
    edge = round9(abs(given.record.D_hat - honest.recomputed_D_hat)) >= tolerance(given)
    return msgspec.structs.replace(honest, accepted=honest.accepted and not edge)


# --- signals ---


@caught_by("d_hat.golden/record-1")
def upper_median(given: Counts) -> float:
    """The upper of the middle two slopes."""
    points = [(log2(x), log2(y)) for x, y in zip(given.scales, given.counts, strict=True)]
    slopes = sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2)
    return round9(slopes[len(slopes) // 2])


@caught_by("d_hat/five")
def least_squares(given: Counts) -> float:
    """Another estimate of the slope."""
    return round9(float(np.polyfit(np.log2(given.scales), np.log2(given.counts), 1)[0]))


@caught_by("regime/1.5-0.7")
def open_bounds(given: Plane) -> str:
    """The bounds belong to the middle."""
    if given.coh_star > 0.7 and given.D_hat < 1.5:
        return "sticky"
    return "non_sticky" if given.D_hat > 2.6 else "mixed"


@caught_by("budget.golden/earlier-4")
def budget_without_a_cut(given: Signals) -> float:
    """The sum is not cut at 1."""
    return round9(0.1 + 0.3 * (1 - given.r) + 0.5 * max(0.0, given.D_hat - 2.2) + 0.2 * given.coh_star)


@caught_by("budget.golden/record-1")
def budget_below_the_bend(given: Signals) -> float:
    """Slopes below D0 make the budget smaller."""
    return round9(min(1.0, max(0.0, 0.1 + 0.3 * (1 - given.r) + 0.5 * (given.D_hat - 2.2) + 0.2 * given.coh_star)))


@caught_by("compressibility.golden/clamped")
def compressibility_above_one(given: RawBytes) -> float:
    """What grows under compression is not cut at 1."""
    return round9(len(zlib.compress(given.raw, 6)) / len(given.raw)) if given.raw else 1.0


@caught_by("coherence/two-clusters-seed-0")
def last_bin_open(given: SeededCloud) -> Coherence:
    """The greatest projection falls into no bin."""
    honest = operations.signals.coherence(given)
    points, size = given.array(), len(given.points)
    if honest.coh_star == 1 or not size:
        return honest
    found = []
    for draw in np.random.RandomState(given.seed).randn(100, given.dimensions):
        direction = draw / np.sqrt(draw @ draw)
        values = points @ direction
        low, high = values.min(), values.max()
        bins = np.floor((values - low) / (high - low) * 20).astype(int)
        found.append((np.bincount(bins[values < high], minlength=1).max() / size, direction))
    share, direction = max(found, key=lambda candidate: candidate[0])
    return Coherence(round9(share), tuple(map(round9, direction.tolist())))


@caught_by("count_cells/around-zero")
def truncates_cells(given: ScaledCloud) -> dict[str, int]:
    """Towards zero instead of down."""
    return {str(scale): len({tuple(map(int, row)) for row in given.array() * scale}) for scale in given.scales}


# --- trees ---


@caught_by("merkle_root/03-leaves")
def duplicates_the_last_leaf(given: Leaves) -> str:
    """An odd node is paired with itself."""
    level = [sha256(b"\0" + leaf).digest() for leaf in given.leaves] or [sha256().digest()]
    while len(level) > 1:
        level += level[-1:] if len(level) % 2 else []
        level = [sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0].hex()


@caught_by("merkle_root.golden/certificate-transparency-2")
def no_prefixes(given: Leaves) -> str:
    """Leaves and nodes are hashed alike."""
    level = [sha256(leaf).digest() for leaf in given.leaves] or [sha256().digest()]
    while len(level) > 1:
        tail = level[-1:] if len(level) % 2 else []
        level = [sha256(left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)] + tail
    return level[0].hex()


@caught_by("verify_inclusion/tampered/5-4-twice-the-size")
def ignores_the_size(given: Inclusion) -> bool:
    """A proof is folded by the index alone."""
    return any(
        operations.trees.verify_inclusion(msgspec.structs.replace(given, size=size))
        for size in range(1, min(given.size, 64) + 1)
    )


@caught_by("verify_consistency/tampered/3-of-7-one-more-node")
def ignores_what_follows(given: Consistency) -> bool:
    """A proof may be longer than it needs to be."""
    proofs = (msgspec.structs.replace(given, proof=given.proof[:length]) for length in range(len(given.proof) + 1))
    return any(map(operations.trees.verify_consistency, proofs))


@caught_by("inclusion_proof/03-leaves-0")
def from_the_root_down(given: Position) -> list[str]:
    """A proof the wrong way round."""
    return operations.trees.inclusion_proof(given)[::-1]


@caught_by("consistency_proof/3-of-7")
def with_the_old_root(given: Prefix) -> list[str]:
    """A proof that begins with the old root, which the verifier has."""
    root = operations.trees.merkle_root(Leaves(given.leaves[: given.first]))
    return [root, *operations.trees.consistency_proof(given)]


@caught_by("data_root/065-bytes")
def chunks_of_a_kibibyte(given: RawBytes) -> str:
    """The earlier agent's chunks."""
    return operations.trees.merkle_root(
        Leaves(tuple(given.raw[at : at + 1024] for at in range(0, len(given.raw), 1024)))
    )


@caught_by("legacy_root.golden/a-b-c")
def one_tree_for_all(given: Leaves) -> str:
    """The tree of RFC 6962 for old records, too."""
    return operations.trees.merkle_root(given)


# --- clocks, entries, logs ---


@caught_by("hlc_tick/clock-set-back")
def wall_time_alone(given: TickInput) -> str:
    """Time runs backward when the wall clock does."""
    return text(at(given.now))


@caught_by("hlc_observe/hour-first")
def believes_every_clock(given: ObserveInput) -> Observed:
    """One clock that runs ahead drags the others along."""
    honest = operations.clocks.hlc_observe(given)
    return Observed(text(max(timestamp(given.last), timestamp(given.seen))), honest.ahead)


@caught_by("join/earlier-turned")
def first_come_first_served(given: JoinInput) -> EntryForm:
    """Local arrival decides."""
    return given.a


@caught_by("join/region")
def timestamps_alone(given: JoinInput) -> EntryForm:
    """Equal timestamps: the second stays."""
    return given.a if given.a.timestamp < given.b.timestamp else given.b


@caught_by("frame/data/text")
def another_checksum(given: FrameInput) -> bytes:
    """The CRC of zip files."""
    inner = bytes([given.kind]) + timestamp(given.timestamp).to_bytes(8, "little") + given.payload
    length = len(inner).to_bytes(4, "little")
    return given.salt + length + zlib.crc32(given.salt + length + inner).to_bytes(4, "little") + inner


@caught_by("scan/damage/payload-of-second")
def stops_at_the_first_bad_frame(given: DamagedSegment) -> ScanResult:
    """Damage in the middle passes for a torn tail."""
    honest = operations.segments.scan(given)
    if not honest.damage:
        return honest
    end = honest.damage[0].offset
    kept = operations.segments.scan(DamagedSegment(given.segment[:end]))
    return msgspec.structs.replace(kept, torn=len(given.segment) - end)


@caught_by("scan/forged/opening-lost-salt")
def asks_only_the_opening_for_the_salt(given: DamagedSegment) -> ScanResult:
    """The salt that is known from elsewhere is not used."""
    return operations.segments.scan(DamagedSegment(given.segment))


@caught_by("verify_segment/another-number")
def any_name_will_do(given: NamedSegment) -> bool:
    """The name in the head is not looked at."""
    found = operations.segments.scan(DamagedSegment(given.segment))
    return found.sealed and not found.damage


# --- placement, delivery, the node ---


@caught_by("ring_owner.golden/pcs-1")
def modulo(given: RingInput) -> str:
    """The hash modulo the number of shards."""
    honest = operations.placement.ring_owner(given)  # raises where no shard is healthy
    healthy = [shard for shard in given.shards if shard not in given.unhealthy]
    return healthy[int.from_bytes(sha256(given.key.encode()).digest()[:4], "big") % len(healthy)] if honest else ""


@caught_by("pause/after-8-0.5")
def no_cap(given: PauseInput) -> float:
    """The pause doubles for ever."""
    return min(given.retry_after or 0.0, 3600.0) + given.chance * 2.0 ** (given.attempt - 1)


@caught_by("pause/asked-10-0.0")
def deaf_to_retry_after(given: PauseInput) -> float:
    """The server's wish is not heard."""
    return operations.placement.pause(msgspec.structs.replace(given, retry_after=None))


@caught_by("node/refused/forged-under-stored")
def looks_up_before_it_verifies(given: NodeInput) -> list[Answered]:
    """A forged copy of a stored record is answered from the store."""
    replies = operations.node.node(given)
    first = replies[0]
    return [first if reply.status == 401 and first.status == 200 else reply for reply in replies]


@caught_by("node/repeat/delivered-again")
def each_delivery_is_new(given: NodeInput) -> list[Answered]:
    """A duplicate is judged and stored anew."""
    alone = (msgspec.structs.replace(given, arrivals=(arrival,)) for arrival in given.arrivals)
    return [reply for history in alone for reply in operations.node.node(history)]


# --- what a stranger tried ---


@caught_by("node/rotation/stored")
def remembers_bodies(given: NodeInput) -> list[Answered]:
    """A body that was taken once is answered as then, whatever has become of its key."""
    taken: dict[tuple[str, str], Answered] = {}
    replies = []
    for arrival, reply in zip(given.arrivals, operations.node.node(given), strict=True):
        sent = arrival.tenant, arrival.body
        if reply.status in (200, 202):
            taken.setdefault(sent, reply)
        replies.append(taken.get(sent, reply))
    return replies


@caught_by("node/repeat/within-the-window")
def entries_expire(given: NodeInput) -> list[Answered]:
    """An outcome is forgotten after an hour."""
    replies = []
    for place, arrival in enumerate(given.arrivals):
        recent = (one for one in given.arrivals[:place] if arrival.at - one.at < 3600)
        replies.append(operations.node.node(msgspec.structs.replace(given, arrivals=(*recent, arrival)))[-1])
    return replies


@caught_by("node/tenants/other-case")
def tenants_without_case(given: NodeInput) -> list[Answered]:
    """Names of tenants are compared without case."""
    arrivals = (msgspec.structs.replace(one, tenant=one.tenant.lower()) for one in given.arrivals)
    keys = {tenant.lower(): several for tenant, several in given.keys.items()}
    return operations.node.node(msgspec.structs.replace(given, keys=keys, arrivals=tuple(arrivals)))


@caught_by("count_cells/digits-run-together")
def cells_run_together(given: ScaledCloud) -> dict[str, int]:
    """A cell's name is its places, one behind the other."""
    return {str(s): len({"".join(str(floor(x * s)) for x in row) for row in given.points}) for s in given.scales}


@caught_by("ring_owner/combining-key")
def keys_are_normalised(given: RingInput) -> str:
    """Keys that read alike are one."""
    return operations.placement.ring_owner(msgspec.structs.replace(given, key=normalize("NFC", given.key)))


@caught_by("ring_owner/capital-key")
def keys_without_case(given: RingInput) -> str:
    """Keys are compared without case."""
    return operations.placement.ring_owner(msgspec.structs.replace(given, key=given.key.lower()))


@caught_by("hlc_observe/clock-long-ago")
def wall_time_moves_the_clock(given: ObserveInput) -> Observed:
    """An arrival is taken for a local event, too."""
    honest = operations.clocks.hlc_observe(given)
    return honest if honest.ahead else Observed(max(honest.clock, text(at(given.now))), ahead=False)


@caught_by("verify_inclusion/tampered/5-4-32-bits-further")
def places_of_32_bits(given: Inclusion) -> bool:
    """Index and size are numbers of 32 bits."""
    low = msgspec.structs.replace(given, index=given.index % 2**32, size=given.size % 2**32)
    return operations.trees.verify_inclusion(low)


@caught_by("budget/rounded/0")
def fused_products(given: Signals) -> float:
    """Each product is added without being rounded, as a compiler may that contracts."""
    w = CONSTANTS.budget
    slope, coh_star, r = round9(given.D_hat), round9(given.coh_star), round9(given.r)
    cost = w.base
    for weight, signal in ((w.alpha, 1 - r), (w.beta, max(0.0, slope - w.D0)), (w.gamma, coh_star)):
        cost = float(Fraction(cost) + Fraction(weight) * Fraction(signal))
    return round9(min(1.0, max(0.0, cost)))


@caught_by("count_cells/product/32-bits-apart")
def cells_of_32_bits(given: ScaledCloud) -> dict[str, int]:
    """A cell's place is a number of 32 bits."""
    return {str(s): len({tuple(floor(x * s) % 2**32 for x in row) for row in given.points}) for s in given.scales}


@caught_by("data_root/as-read/final-newline")
def trims_what_was_read(given: RawBytes) -> str:
    """The last line's end is dropped."""
    return operations.trees.data_root(RawBytes(given.raw.rstrip(b"\r\n")))


@caught_by("data_root/as-read/carriage-returns")
def reads_in_text_mode(given: RawBytes) -> str:
    """The ends of lines are made alike."""
    return operations.trees.data_root(RawBytes(given.raw.replace(b"\r\n", b"\n")))


@caught_by("merkle_root/chunks/as-read/no-text")
def leaves_are_text(given: Leaves) -> str:
    """Leaves pass through a text, in which bytes that are none of UTF-8 are replaced."""
    return operations.trees.merkle_root(Leaves(tuple(leaf.decode(errors="replace").encode() for leaf in given.leaves)))


@caught_by("pause/after-33-0.5")
def shifts_of_32_bits(given: PauseInput) -> float:
    """A shift takes its distance modulo 32."""
    return operations.placement.pause(msgspec.structs.replace(given, attempt=(given.attempt - 1) % 32 + 1))


@caught_by("d_hat/beyond-binary32")
def counts_in_binary32(given: Counts) -> float:
    """Counts pass through binary32."""
    counts = tuple(int(np.float32(count)) for count in given.counts)
    return operations.signals.d_hat(msgspec.structs.replace(given, counts=counts))


@caught_by("d_hat/scale-that-comes-again")
def the_first_of_equal_scales(given: Counts) -> float:
    """A scale that comes again is left out with its count."""
    first = dict(reversed([*zip(given.scales, given.counts, strict=True)]))
    return operations.signals.d_hat(Counts(tuple(first), tuple(first.values())))


@caught_by("frame/salted/empty-payload")
def nothing_needs_no_salt(given: FrameInput) -> bytes:
    """A frame without a payload is of the earlier format."""
    return operations.segments.frame(given if given.payload else msgspec.structs.replace(given, salt=b""))


@caught_by("scan/whole/empty-payload")
def nothing_was_logged(given: DamagedSegment) -> ScanResult:
    """Frames without a payload are passed over."""
    found = operations.segments.scan(given)
    return msgspec.structs.replace(found, frames=tuple(one for one in found.frames if one.payload))


@caught_by("verify_segment/no-record")
def something_must_be_in_it(given: NamedSegment) -> bool:
    """A segment without a record is damaged."""
    found = operations.segments.scan(DamagedSegment(given.segment))
    return operations.segments.verify_segment(given) and bool(found.frames)


@caught_by("authenticate/window/new-overlap-starts")
def windows_open_late(given: AuthenticateInput) -> bool:
    """A key does not count at the moment at which its window opens."""
    keys = {
        tenant: tuple(key for key in several if key.not_before != given.at) for tenant, several in given.keys.items()
    }
    return operations.signatures.authenticate(msgspec.structs.replace(given, keys=keys))


@caught_by("sign/hmac/65")
def long_secrets_are_cut(given: SignInput) -> str:
    """A secret longer than a block is cut, where RFC 2104 hashes it."""
    if given.key.algorithm is Algorithm.ED25519:
        return operations.signatures.sign(given)
    return operations.signatures.sign(
        msgspec.structs.replace(given, key=msgspec.structs.replace(given.key, secret=given.key.secret[:64]))
    )


# --- seeds that are drawn ---


@caught_by("vrf_prove/tries/0")
def a_proof_of_another_suite(given: ProveInput) -> Proven:
    """The message goes in with a byte that says which suite it is, another than 3."""
    return operations.drawing.vrf_prove(msgspec.structs.replace(given, message=b"\x04" + given.message))


@caught_by("vrf_verify/gamma/alone")
def an_output_of_any_proof(given: VerifyInput) -> bytes | None:
    """The output is computed of Gamma, and the equations are left out."""
    try:
        return output_of(given.proof)
    except ValueError:
        return None


@caught_by("vrf_seed/drawn/ordinary")
def a_seed_backwards(given: DrawInput) -> int | None:
    """The least byte first."""
    seed = operations.drawing.vrf_seed(given)
    return None if seed is None else int.from_bytes(seed.to_bytes(4, "big"), "little")


@caught_by("vrf_seed/nothing/parts-moved")
def an_epoch_of_one_digit(given: DrawInput) -> int | None:
    """Of the epoch only the first digit goes into the message."""
    return operations.drawing.vrf_seed(msgspec.structs.replace(given, epoch=int(str(given.epoch)[:1])))


# --- transparency logs ---


@caught_by("note_signature/signed/checkpoint")
def a_key_id_without_the_kind(given: NoteInput) -> str:
    """The id is of name and key alone."""
    line = operations.notes.note_signature(given)
    head, _, spelt = line.rpartition(" ")
    public = Ed25519PrivateKey(given.secret).public()
    id_ = sha256(given.name.encode() + b"\n" + public).digest()[:4]
    return f"{head} {b64encode(id_ + b64decode(spelt)[4:]).decode()}"


@caught_by("note_signature/cosigned/ordinary")
def a_time_that_is_not_signed(given: NoteInput) -> str:
    """A cosignature is the signature of the text, behind the time."""
    if given.seconds is None:
        return operations.notes.note_signature(given)
    line = operations.notes.note_signature(given)
    head, _, spelt = line.rpartition(" ")
    made = Ed25519PrivateKey(given.secret).sign(given.text.encode())
    return f"{head} {b64encode(b64decode(spelt)[:12] + made).decode()}"


@caught_by("note_signature/no-text/tab")
def any_text_is_signed(given: NoteInput) -> str:
    """Control characters are signed like any other."""
    clean = "".join(each for each in given.text if each >= " " or each == "\n").removesuffix("\n") + "\n"
    return operations.notes.note_signature(msgspec.structs.replace(given, text=clean))


@caught_by("checkpoint/no-note/changed-signature")
def a_wrong_signature_is_passed_over(given: CheckpointInput) -> Signed:
    """As one by an unknown key would be."""
    try:
        return operations.notes.checkpoint(given)
    except BadNote as bad:
        raise BadNote(str(bad).replace("TLOG-1", "TLOG-2")) from None


@caught_by("checkpoint/no-checkpoint/of-another-log")
def any_log_that_the_key_signed(given: CheckpointInput) -> Signed:
    """The name in the text is not compared with that of the key."""
    try:
        return operations.notes.checkpoint(given)
    except BadNote as bad:
        if str(bad).startswith("TLOG-1"):
            raise
        found = checkpoint_of(read_note(given.note).text)
        if Verifier.parse(given.log) not in signed_by(read_note(given.note), (Verifier.parse(given.log),)):
            raise
        return Signed(found.size, found.root.hex(), ())


@caught_by("checkpoint/signed/witness-signed")
def a_witness_by_name(given: CheckpointInput) -> Signed:
    """Whoever signed under a witness's name is taken for one who cosigned."""
    found = operations.notes.checkpoint(given)
    under = {signature.name for signature in read_note(given.note).signatures}
    names = tuple(name for key in given.witnesses if (name := Verifier.parse(key).name) in under)
    return msgspec.structs.replace(found, witnesses=names)


@caught_by("tiles/00257-leaves")
def partial_tiles_rise(given: TilesInput) -> Tiled:
    """A tile that is not full has a hash on the level above, too."""
    found = operations.notes.tiles(given)
    if given.leaves % 256 and given.leaves > 256:
        return msgspec.structs.replace(found, objects={**found.objects, "tile/1/000.p/9": "0" * 64})
    return found


@caught_by("tiles/66049-leaves")
def numbers_of_three_digits(given: TilesInput) -> Tiled:
    """Tiles are counted in three digits, however many there are."""
    found = operations.notes.tiles(given)
    short = {name.replace("/x000/", "/"): digest for name, digest in found.objects.items()}
    return msgspec.structs.replace(
        found, objects={name.replace(".p/1", ".p/001"): each for name, each in short.items()}
    )


# --- policies ---


@caught_by("judge/policy/tol_D/0.25/1.25")
def judges_by_the_default(given: JudgedRecord) -> Outcome:
    """The policy is not read."""
    return operations.records.judge(JudgedRecord(given.record))


@caught_by("judge/policy/D0/as-found")
def weighs_by_the_default(given: JudgedRecord) -> Outcome:
    """The weights of the budget are constants."""
    if given.policy is None:
        return operations.records.judge(given)
    weights = {name: getattr(DEFAULT, name) for name in ("base", "alpha", "beta", "gamma", "D0")}
    return msgspec.structs.replace(given.policy, **weights).judge(given.record)


@caught_by("judge/policy/counts/asked/by-one")
def asks_nothing_besides(given: JudgedRecord) -> Outcome:
    """A policy's scrutiny is not read."""
    if given.policy is None:
        return operations.records.judge(given)
    return msgspec.structs.replace(given.policy, scrutiny=msgspec.UNSET).judge(given.record)


@caught_by("judge/policy/counts/asked/quotient-of-three")
def counts_of_neighbours(given: JudgedRecord) -> Outcome:
    """The count at each scale is compared with that at the scale before it."""
    honest, policy = operations.records.judge(given), given.policy
    if policy is None or not policy.scrutiny or not policy.scrutiny.counts or honest.reason is Reason.D_HAT:
        return honest
    counts = [given.record.N_j[str(scale)] for scale in given.record.scales]
    if any(second < first for first, second in pairwise(counts)):
        return msgspec.structs.replace(honest, accepted=False, escalated=True, reason=Reason.COUNTS)
    rest = msgspec.structs.replace(policy.scrutiny, counts=False)
    return msgspec.structs.replace(policy, scrutiny=rest).judge(given.record)


@caught_by("judge/policy/slope/asked/0.5-to-1.2/1.2")
def usual_slopes_are_between(given: JudgedRecord) -> Outcome:
    """A slope equal to a bound is unusual."""
    honest, policy = operations.records.judge(given), given.policy
    if policy is None or not policy.scrutiny or not policy.scrutiny.slope or honest.reason is not Reason.OK:
        return honest
    at_bound = round9(given.record.D_hat) in policy.scrutiny.slope
    return msgspec.structs.replace(honest, escalated=True, reason=Reason.SLOPE) if at_bound else honest


@caught_by("judge/policy/reject_from/thirds/0.518602709")
def beyond_the_score(given: JudgedRecord) -> Outcome:
    """Greater than, where greater or equal is meant."""
    policy = given.policy
    if policy is None or not policy.scrutiny:
        return operations.records.judge(given)
    asked = {}
    for name in ("escalate_from", "reject_from"):
        score = getattr(policy.scrutiny, name)
        asked[name] = None if score is None or score == 1 else round9(score + 1e-9)
    return msgspec.structs.replace(policy, scrutiny=msgspec.structs.replace(policy.scrutiny, **asked)).judge(
        given.record
    )


@caught_by("judge/policy/first-of-all/score-that-rejects-before-a-regime")
def reasons_in_the_order_of_their_invention(given: JudgedRecord) -> Outcome:
    """What is asked besides is asked last, also where it rejects."""
    honest = operations.records.judge(given)
    rest = None if given.policy is None else msgspec.structs.replace(given.policy, scrutiny=msgspec.UNSET)
    before = operations.records.judge(JudgedRecord(given.record, rest))
    return msgspec.structs.replace(honest, reason=before.reason) if before.reason is not Reason.OK else honest


def _reread(given: Document, change: Callable[[dict[str, object]], dict[str, object]]) -> Document:
    """The document after a lenient reader has read it."""
    try:
        return Document(json.dumps(change(json.loads(given.content()))))
    except (ValueError, AttributeError, TypeError):
        return given


@caught_by("policy/none/twice/other-value")
def the_last_of_two_keys(given: Document) -> Named:
    """Most readers keep the last of repeated keys."""
    return operations.policies.policy(_reread(given, dict))


@caught_by("policy/none/unknown/case")
def skips_unknown_fields(given: Document) -> Named:
    """Most readers skip what they do not know."""
    known = Policy.__struct_fields__
    return operations.policies.policy(
        _reread(given, lambda found: {name: value for name, value in found.items() if name in known})
    )


@caught_by("policy/none/scrutiny/empty")
def an_empty_object_is_nothing(given: Document) -> Named:
    """A scrutiny without checks is taken for none."""
    return operations.policies.policy(
        _reread(given, lambda found: {name: value for name, value in found.items() if value or name != "scrutiny"})
    )


@caught_by("policy/valid/weights/exactly-one")
def weights_are_added_in_binary64(given: Document) -> Named:
    """Three weights that make 1 make a little more."""
    found = given.policy()
    if found.alpha + found.beta + found.gamma > 1:
        raise Malformed("POL-1", "the weights are more than 1")
    return operations.policies.policy(given)


@caught_by("policy/valid/vrf-off")
def states_that_proofs_are_off(given: Document) -> Named:
    """A mode that is off is written into the canonical bytes."""
    told = operations.policies.policy(given)
    if json.loads(given.content()).get("vrf_mode") != "off":
        return told
    canonical = f'{told.canonical[:-1]},"vrf_mode":"off"}}'
    return Named(canonical, sha256(canonical.encode()).hexdigest())


@caught_by("policy_mistakes/several/everything")
def one_mistake_at_a_time(given: Document) -> list[Fault]:
    """Whoever reads stops at the first."""
    return operations.policies.policy_mistakes(given)[:1]


@caught_by("earlier_policy_digest/integers")
def earlier_numbers_as_in_python(given: Document) -> str:
    """An integral real has a point."""
    found = given.policy()
    told = {name: getattr(found, name) for name in ("version", *PARAMETERS) if name != "tol_budget"}
    return sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@caught_by("sign_policy/plain")
def signs_the_file(given: UnsignedPolicy) -> str:
    """The bytes of the file are signed, as they are."""
    return b64encode(Ed25519PrivateKey(given.secret).sign(given.content())).decode()


@caught_by("authenticate_policy/refused/another-key")
def any_policy_key(given: SignedPolicy) -> bool:
    """Whichever key made the signature, it counts."""
    signer = given.policy().signed_by
    for key in given.keys.values():
        try:
            return operations.policies.authenticate_policy(
                msgspec.structs.replace(given, keys=dict.fromkeys([signer, *given.keys], key))
            )
        except Refused:
            continue
    return operations.policies.authenticate_policy(given)


@caught_by("judging_policy/doubted/tenth-decimal")
def trusts_what_is_signed(given: StatedPolicies) -> str:
    """Only the signature is looked at, over bytes that round."""
    stated = re.sub(r"[0-9]+\.[0-9]+(?=[,\]}])", lambda found: repr(round9(float(found[0]))), given.stated)
    return operations.policies.judging_policy(msgspec.structs.replace(given, stated=stated))


@caught_by("policy_share/1.1.0/default/2588")
def a_share_and_one_part(given: StagedFor) -> bool:
    """Up to the share, where below it is meant."""
    return part_of(given.version, given.tenant) <= given.share


@caught_by("node/ruled/staged/1.1.0/358")
def staged_for_all(given: NodeInput) -> list[Answered]:
    """Whatever is staged judges everybody."""
    if given.policies is None or given.policies.staged is None:
        return operations.node.node(given)
    everybody = msgspec.structs.replace(given.policies, share=CONSTANTS.policy.share_parts)
    return operations.node.node(msgspec.structs.replace(given, policies=everybody))
