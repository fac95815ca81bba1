"""Known wrong forms: what an SDK computes that makes a mistake which many have made, and the requirement that forbids it.

A form answers a question as an SDK with that mistake does. A case that failed is explained by the forms that give its answer.
"""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from itertools import combinations
from math import floor, isfinite, isnan, log2, trunc

import msgspec

from flk.conformance.diagnosis import logs, nodes, omissions, policies, readers, signals
from flk.conformance.diagnosis.form import Answer, WrongForm, honest
from flk.conformance.diagnosis.tree import Tree
from flk.conformance.operations.canonical import CanonicalInput, OneReal
from flk.conformance.operations.forms import EightFields, Form
from flk.conformance.operations.records import Triple, ValidRecord
from flk.conformance.operations.signals import Counts, Plane, RawBytes, ScaledCloud, Signals
from flk.conformance.operations.signatures import SignInput
from flk.conformance.operations.trees import Consistency, Inclusion, Leaves, Position, Prefix
from flk.model.record.canonical import Profile, canonical_bytes, judged_bytes, round9, says_what_is_judged
from flk.model.record.merkle import chunks
from flk.spec.constants import CONSTANTS

FIELDS = ("D_hat", "budget", "coh_star", "epoch", "merkle_root", "pcs_id", "r", "shard_id")
STRUCT_ORDER = ("budget", "coh_star", "D_hat", "epoch", "merkle_root", "pcs_id", "r", "shard_id")


# --- numbers ---


def _quantized(x: float) -> str:
    return f"{Decimal(repr(x)).quantize(Decimal('1e-9'), ROUND_HALF_UP):zf}"


def _half_away(x: float) -> str:
    return f"{Decimal(x).quantize(Decimal('1e-9'), ROUND_HALF_UP):zf}"


def _multiplied(x: float) -> str:
    return f"{floor(x * 1e9 + 0.5) / 1e9:z.9f}"


def _truncated(x: float) -> str:
    return f"{trunc(x * 1e9) / 1e9:z.9f}"


def _shortest(x: float) -> str:
    return repr(round9(x))


def _integral(x: float) -> str:
    return f"{round9(x):.15g}"


def _pointless(x: float) -> str:
    return _shortest(x).removesuffix(".0")


def _signed_zero(x: float) -> str:
    return f"{x:.9f}"


def _nine(x: float) -> str:
    return f"{x:z.9f}"


# Of forms that explain as many failures the narrower stands first.
REALS: tuple[tuple[str, str, str, str, Callable[[float], str]], ...] = (
    ("half-away", "rounding ties away from zero", "C14N-2", "ties go to the even digit", _half_away),
    (
        "half-up",
        "rounding half up on the shortest text",
        "C14N-2",
        "the exact value is rounded, ties to even",
        _quantized,
    ),
    (
        "multiply-first",
        "multiplying by 10^9, rounding and dividing",
        "C14N-2",
        "the product is rounded itself",
        _multiplied,
    ),
    ("truncation", "dropping the digits past the ninth", "C14N-2", "the nearest decimal is written", _truncated),
    ("shortest-reals", "the shortest text of each real", "C14N-2", "nine fractional digits are written", _shortest),
    ("integral-reals", "reals without trailing zeros", "C14N-2", "nine fractional digits are written", _integral),
    ("minus-zero", "a zero with its sign", "C14N-3", "zero has no sign", _signed_zero),
)


# --- canonical bytes ---


def _written(
    record: EightFields,
    real: Callable[[float], str],
    order: tuple[str, ...] = FIELDS,
    text: Callable[[str], str] = lambda text: json.dumps(text, ensure_ascii=False),
    whole: Callable[[int], str] = str,
    comma: str = ",",
    colon: str = ":",
) -> bytes:
    signed = record.signed()
    values = {
        name: real(value) if isinstance(value, float) else whole(value) if isinstance(value, int) else text(value)
        for name in FIELDS
        for value in (getattr(signed, name),)
    }
    return ("{" + comma.join(f'"{name}"{colon}{values[name]}' for name in order) + "}").encode()


def _with_shard(record: EightFields, change: Callable[[str], str]) -> EightFields:
    return msgspec.structs.replace(record, shard_id=change(str(record.shard_id)))


def _html(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        escaped = escaped.replace(character, f"\\u{ord(character):04x}")
    return escaped


def _of_bytes(message: Callable[[EightFields, Profile], bytes | None]) -> dict[str, Answer]:
    """The answers to `canonical` and `sign` of whoever writes the eight fields so, for each profile that the mistake shows in."""

    def whole(record: EightFields, profile: Profile) -> bytes | None:
        if profile is not Profile.JUDGED:
            return message(record, profile)
        eight, judged = message(record, Profile.FIXED), record.signed()
        return judged_bytes(judged, eight) if eight is not None and says_what_is_judged(judged) else None

    def canonical(given: Form) -> object:
        assert isinstance(given, CanonicalInput)
        honest("canonical", given)  # raises for what has no form: how others write a text says nothing of that
        told = whole(given.record, given.profile)
        return None if told is None else told.decode()

    def sign(given: Form) -> object:
        assert isinstance(given, SignInput)
        told = whole(given.record, given.profile)
        return None if told is None else b64encode(given.key.signer().sign(told)).decode()

    return {"canonical": canonical, "sign": sign}


def _with_reals(real: Callable[[float], str], of: Profile) -> dict[str, Answer]:
    """The answers of whoever writes reals so under a profile, and under others as they are to be written."""
    return _of_bytes(lambda record, profile: _written(record, real) if profile is of else None)


def _with_fields(message: Callable[[EightFields, Callable[[float], str]], bytes]) -> dict[str, Answer]:
    """The answers of whoever writes the fields so, under each profile with its own reals."""
    return _of_bytes(lambda record, profile: message(record, _nine if profile is Profile.FIXED else _shortest))


def _numbers() -> Iterator[WrongForm]:
    for name, says, requirement, rule, real in REALS:

        def fixed9(given: Form, real: Callable[[float], str] = real) -> object:
            assert isinstance(given, OneReal)
            honest("fixed9", given)
            return real(float(given.x))

        yield WrongForm(name, says, requirement, rule, {"fixed9": fixed9, **_with_reals(real, Profile.FIXED)})
    older = "a real of the older form has a point or an exponent"
    answers = _with_reals(_pointless, Profile.SHORTEST)
    yield WrongForm("no-point", "integral reals without a point", "C14N-6", older, answers)
    for words in (("nan", "inf", "-inf"), ("NaN", "Infinity", "-Infinity"), ("NaN", "+Inf", "-Inf"), ("null",) * 3):

        def spelt(given: Form, words: tuple[str, ...] = words) -> object:
            assert isinstance(given, OneReal)
            x = float(given.x)
            return _nine(x) if isfinite(x) else words[0 if isnan(x) else 1 if x > 0 else 2]

        rule = "what is no number has no form"
        yield WrongForm("non-finite", "a formatter that writes what is no number", "C14N-4", rule, {"fixed9": spelt})


def _texts() -> Iterator[WrongForm]:
    def shard(change: Callable[[str], str]) -> Callable[[EightFields, Callable[[float], str]], bytes]:
        return lambda record, real: _written(_with_shard(record, change), real)

    def text(spell: Callable[[str], str]) -> Callable[[EightFields, Callable[[float], str]], bytes]:
        return lambda record, real: _written(record, real, text=spell)

    def epoch(spell: Callable[[int], str]) -> Callable[[EightFields, Callable[[float], str]], bytes]:
        return lambda record, real: _written(record, real, whole=spell)

    def raw(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)

    def cut(text: str) -> str:
        return text.encode()[:32].decode(errors="ignore")

    whole, counts = "an epoch is written as an integer", "every character counts"
    escapes, spaces = "only quote, backslash and control characters are escaped", "there is no white space"
    order = "fields go in code-point order, capitals first"
    for name, says, requirement, rule, message in (
        ("struct-order", "the fields in another order", "C14N-1", order,
         lambda record, real: _written(record, real, order=STRUCT_ORDER)),
        ("spaces", "a JSON writer's spaces", "C14N-1", spaces,
         lambda record, real: _written(record, real, comma=", ", colon=": ")),
        ("ascii-escapes", "texts escaped to ASCII", "C14N-5", "texts are raw UTF-8", text(json.dumps)),
        ("html-escapes", "texts escaped for HTML", "C14N-5", escapes, text(_html)),
        ("cut-text", "texts cut at 32 bytes", "C14N-8", counts, text(lambda each: raw(cut(each)))),
        ("cut-shard", "a shard id cut at 32 bytes", "C14N-8", counts, shard(cut)),
        ("trimmed-text", "texts without spaces around them", "C14N-8", counts, text(lambda each: raw(each.strip()))),
        ("epoch-as-a-real", "an epoch of six digits", "C14N-1", whole, epoch(lambda each: f"{float(each):g}")),
        ("epoch-as-a-real", "an epoch with nine decimals", "C14N-1", whole, epoch(lambda each: f"{each:.9f}")),
        ("epoch-as-a-real", "an epoch with a decimal", "C14N-1", whole, epoch(lambda each: repr(float(each)))),
    ):  # fmt: skip
        yield WrongForm(name, says, requirement, rule, _with_fields(message))


# --- signatures ---


def _signatures() -> Iterator[WrongForm]:
    def signed(prepare: Callable[[bytes], bytes], spell: Callable[[bytes], str]) -> Answer:
        def sign(given: Form) -> object:
            assert isinstance(given, SignInput)
            return spell(given.key.signer().sign(prepare(canonical_bytes(given.record.signed(), given.profile))))

        return sign

    def standard(raw: bytes) -> str:
        return b64encode(raw).decode()

    def same(message: bytes) -> bytes:
        return message

    hashed = "the canonical bytes themselves are signed"
    spelt = "standard base64 with padding is the one spelling"
    for name, says, requirement, rule, prepare, spell in (
        ("pre-hash", "SHA-256(payload)", "SIGN-1", hashed, lambda m: sha256(m).digest(), standard),
        (
            "pre-hash-hex",
            "SHA-256(payload) in hexadecimal",
            "SIGN-1",
            hashed,
            lambda m: sha256(m).hexdigest().encode(),
            standard,
        ),
        ("final-newline", "the payload and a newline", "SIGN-1", hashed, lambda m: m + b"\n", standard),
        ("url-safe", "base64 for URLs", "SIGN-6", spelt, same, lambda raw: urlsafe_b64encode(raw).decode()),
        ("unpadded", "base64 without padding", "SIGN-6", spelt, same, lambda raw: b64encode(raw).decode().rstrip("=")),
        ("hexadecimal", "hexadecimal", "SIGN-6", spelt, same, bytes.hex),
    ):
        yield WrongForm(name, says, requirement, rule, {"sign": signed(prepare, spell)})


# --- trees ---


def _root(leaves: tuple[bytes, ...], leaf: bytes, node: bytes, *, doubled: bool) -> str:
    level = [sha256(leaf + each).digest() for each in leaves] or [sha256(b"").digest()]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        if doubled:
            level, odd = level + odd, []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(node + left + right).digest() for left, right in pairs] + odd
    return level[0].hex()


def of_tree(tree: Tree) -> dict[str, Answer]:
    """The answers of whoever has this tree, and makes no other mistake."""

    def merkle_root(given: Form) -> object:
        assert isinstance(given, Leaves)
        return tree.root(given.leaves).hex()

    def data_root(given: Form) -> object:
        assert isinstance(given, RawBytes)
        return tree.root(chunks(given.raw)).hex()

    def inclusion_proof(given: Form) -> object:
        assert isinstance(given, Position)
        if not 0 <= given.index < len(given.leaves):
            return {"error": "MRK-2"}
        return [node.hex() for node in tree.inclusion_proof(given.leaves, given.index)]

    def consistency_proof(given: Form) -> object:
        assert isinstance(given, Prefix)
        if not 0 < given.first <= len(given.leaves):
            return {"error": "MRK-3"}
        return [node.hex() for node in tree.consistency_proof(given.leaves, given.first)]

    def verify_inclusion(given: Form) -> object:
        assert isinstance(given, Inclusion)
        proof = list(map(bytes.fromhex, given.proof))
        return tree.verify_inclusion(given.leaf, given.index, given.size, proof, bytes.fromhex(given.root))

    def verify_consistency(given: Form) -> object:
        assert isinstance(given, Consistency)
        roots = bytes.fromhex(given.first_root), bytes.fromhex(given.second_root)
        return tree.verify_consistency(given.first, given.second, *roots, list(map(bytes.fromhex, given.proof)))

    return {
        answer.__name__: answer
        for answer in (
            merkle_root,
            data_root,
            inclusion_proof,
            consistency_proof,
            verify_inclusion,
            verify_consistency,
        )
    }


def _trees() -> Iterator[WrongForm]:
    def rooted(leaf: bytes, node: bytes, size: int, *, doubled: bool) -> dict[str, Answer]:
        def merkle_root(given: Form) -> object:
            assert isinstance(given, Leaves)
            return _root(given.leaves, leaf, node, doubled=doubled)

        def data_root(given: Form) -> object:
            assert isinstance(given, RawBytes)
            chunks = tuple(given.raw[start : start + size] for start in range(0, len(given.raw), size))
            return _root(chunks, leaf, node, doubled=doubled)

        return {"merkle_root": merkle_root, "data_root": data_root}

    size = CONSTANTS.merkle.chunk_bytes
    tree = "leaves are hashed with a byte 0 before them, nodes with a byte 1"
    split = "an odd node goes up as it is"
    yield WrongForm(
        "duplicated-leaf", "an odd node paired with itself", "MRK-1", split, rooted(b"\0", b"\1", size, doubled=True)
    )
    yield WrongForm(
        "no-prefixes-duplicated",
        "a tree without prefixes whose odd node is paired with itself",
        "MRK-1",
        tree,
        rooted(b"", b"", size, doubled=True),
    )
    for name, says, rule, wrong in (
        ("no-prefixes", "a tree without prefixes", tree, Tree(b"", b"")),
        ("no-leaf-prefix", "leaves without a prefix", tree, Tree(b"", b"\1")),
        ("no-node-prefix", "nodes without a prefix", tree, Tree(b"\0", b"")),
        ("prefixes-exchanged", "a tree whose prefixes are exchanged", tree, Tree(b"\1", b"\0")),
        ("split-in-half", "a tree split in half", split, Tree(split=lambda n: (n + 1) // 2)),
        ("split-lesser-first", "a tree whose lesser half comes first", split, Tree(split=lambda n: n // 2)),
    ):
        yield WrongForm(name, says, "MRK-1", rule, of_tree(wrong))
    for other in (32, 1024):
        answers = {"data_root": rooted(b"\0", b"\1", other, doubled=False)["data_root"]}
        yield WrongForm(f"chunks-of-{other}", f"chunks of {other} bytes", "MRK-4", f"chunks have {size} bytes", answers)


# --- signals and records ---


def _slopes(given: Form) -> list[float]:
    assert isinstance(given, Counts)
    points = [(log2(scale), log2(count)) for scale, count in zip(given.scales, given.counts, strict=True)]
    return sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if abs(x2 - x1) >= 1e-9)


def _median(slopes: list[float]) -> float:
    middle = len(slopes) // 2
    return slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2


def _strict_regime(*bounds: str) -> Answer:
    """Of whoever takes these bounds for the middle's."""

    def regime(given: Form) -> object:
        assert isinstance(given, Plane)
        limits = CONSTANTS.signals
        D_hat, coh_star = round9(given.D_hat), round9(given.coh_star)
        inner = coh_star == limits.sticky_coh_min and "coh_star" in bounds
        steep = D_hat == limits.sticky_D_max and "sticky" in bounds
        if coh_star >= limits.sticky_coh_min and D_hat <= limits.sticky_D_max and not (inner or steep):
            return "sticky"
        flat = D_hat == limits.non_sticky_D_min and "non_sticky" in bounds
        return "non_sticky" if D_hat >= limits.non_sticky_D_min and not flat else "mixed"

    return regime


def _terms(given: Form) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    assert isinstance(given, Signals)
    weights = CONSTANTS.budget
    base, alpha, beta, gamma, bend, D_hat, coh_star, r = (
        Decimal(repr(round9(x)))
        for x in (
            weights.base,
            weights.alpha,
            weights.beta,
            weights.gamma,
            weights.D0,
            given.D_hat,
            given.coh_star,
            given.r,
        )
    )
    return base, alpha * (1 - r), beta * max(Decimal(0), D_hat - bend), gamma * coh_star


def _exact_budget(given: Form) -> object:
    return float(min(Decimal(1), sum(_terms(given), Decimal(0))).quantize(Decimal("1e-9")))


def _truncated_cells(given: Form) -> object:
    assert isinstance(given, ScaledCloud)
    return {str(s): len({tuple(trunc(x * s) for x in point) for point in given.points}) for s in given.scales}


def _joined(given: Form) -> object:
    assert isinstance(given, Triple)
    return sha256(f"{given.merkle_root}{given.epoch}{given.shard_id}".encode()).hexdigest()


def _signed_digest(given: Form) -> object:
    assert isinstance(given, ValidRecord)
    return sha256(canonical_bytes(given.record)).hexdigest()


def _always(*, value: bool) -> Answer:
    return lambda _: value


def _others() -> Iterator[WrongForm]:
    median = "of an even number of slopes the median is the mean of the middle two"
    yield WrongForm(
        "upper-median",
        "the upper of the middle two slopes",
        "SIG-1",
        median,
        {"d_hat": lambda given: round9(_slopes(given)[len(_slopes(given)) // 2])},
    )
    yield WrongForm(
        "lower-median",
        "the lower of the middle two slopes",
        "SIG-1",
        median,
        {"d_hat": lambda given: round9(_slopes(given)[(len(_slopes(given)) - 1) // 2])},
    )
    yield WrongForm(
        "distinct-slopes",
        "slopes that occur once each",
        "SIG-1",
        "equal slopes count as often as they occur",
        {"d_hat": lambda given: round9(_median(sorted(set(_slopes(given)))))},
    )
    for name, says, bounds in (
        ("strict-bounds", "strict bounds", ("coh_star", "sticky", "non_sticky")),
        ("strict-coherence", "a strict bound of coherence", ("coh_star",)),
        ("strict-sticky-slope", "a strict bound of sticky slopes", ("sticky",)),
        ("strict-sticky-bounds", "strict bounds of sticky", ("coh_star", "sticky")),
        ("strict-non-sticky-slope", "a strict bound of non-sticky slopes", ("non_sticky",)),
        ("strict-slopes", "strict bounds of slopes", ("sticky", "non_sticky")),
    ):
        rule = "bounds belong to the outer regimes"
        yield WrongForm(name, says, "SIG-4", rule, {"regime": _strict_regime(*bounds)})
    yield WrongForm(
        "exact-sum",
        "an exact sum",
        "SIG-7",
        "the sum is that of binary64 operations in one order",
        {"budget": _exact_budget},
    )
    yield WrongForm(
        "truncated-cells", "truncation towards zero", "SIG-5", "cells are floors", {"count_cells": _truncated_cells}
    )
    yield WrongForm(
        "no-bars", "parts joined without a bar", "ID-1", "a bar stands between the parts", {"pcs_id": _joined}
    )
    yield WrongForm(
        "digest-of-eight",
        "SHA-256 of the eight signed fields",
        "DUP-9",
        "the digest is that of the bytes of profile judged",
        {"content_digest": _signed_digest},
    )
    for name, says, rule, value in (
        ("accepts-everything", "whoever accepts everything", "forgeries are refused", True),
        ("refuses-everything", "whoever refuses everything", "honest proofs are accepted", False),
    ):
        for operation, requirement in (
            ("verify_inclusion", "MRK-2"),
            ("verify_consistency", "MRK-3"),
            ("authenticate", "SIGN-6"),
        ):
            if value or operation != "authenticate":
                yield WrongForm(name, says, requirement, rule, {operation: _always(value=value)})


WRONG_FORMS: tuple[WrongForm, ...] = (
    *_signatures(),
    *_texts(),
    *_numbers(),
    *_trees(),
    *readers.forms(),
    *signals.forms(),
    *logs.forms(),
    *nodes.forms(),
    *omissions.forms(),
    *policies.forms(),
    *_others(),
)
"""All of them. Where two explain as many failures, the earlier one is named."""
