"""The canonical form: exact rounding, one text for each value, and texts escaped as RFC 8785 asks."""

import json
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from math import copysign

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.model.golden import TINY_1, TINY_2
from tests.support.model.strategies import finite, not_finite, reals, short_texts

from flk.model.record.canonical import Profile, Signed, canonical_bytes, fixed9, nano, round9

EXACT = Context(prec=2000)
profiles = st.sampled_from([Profile.FIXED, Profile.SHORTEST])
signed = st.builds(
    Signed,
    D_hat=reals,
    budget=reals,
    coh_star=reals,
    epoch=st.integers(),
    merkle_root=short_texts,
    pcs_id=short_texts,
    r=reals,
    shard_id=short_texts,
)
FIELDS = sorted(Signed.__struct_fields__)
REALS = ("D_hat", "budget", "coh_star", "r")
SAMPLE = Signed(
    D_hat=1.0, budget=0.25, coh_star=1e-5, epoch=7, merkle_root="ab", pcs_id="cd", r=0.123456789, shard_id="s-é"
)


def with_field(record: Signed, name: str, value: object) -> Signed:
    """The record with one field changed."""
    return Signed(**{field: getattr(record, field) for field in FIELDS} | {name: value})


@given(reals)
def test_fixed9_is_the_exact_decimal_rounded_half_to_even(x: float) -> None:
    """Nine digits are those of the exact binary value, rounded in decimal arithmetic without error."""
    exact = Decimal(x).quantize(Decimal("1e-9"), ROUND_HALF_EVEN, EXACT)
    assert fixed9(x) == f"{abs(exact) if exact.is_zero() else exact:f}"


@given(reals)
def test_round9_reads_back_what_fixed9_writes(x: float) -> None:
    """The rounded double is the one nearest to the written text."""
    assert round9(x) == float(fixed9(x))


@given(reals)
def test_rounding_twice_is_rounding_once(x: float) -> None:
    """Both `round9` and `fixed9` are idempotent."""
    assert round9(round9(x)) == round9(x)
    assert fixed9(round9(x)) == fixed9(x)


@given(reals)
@example(-0.0)
@example(-4e-10)
def test_zero_has_no_sign(x: float) -> None:
    """No rounded value is -0, and no text starts with a minus unless a digit is not zero."""
    assert round9(x) != 0 or copysign(1, round9(x)) == 1
    assert not fixed9(x).startswith("-") or fixed9(x).strip("-0.")


@given(reals)
def test_nano_is_the_exact_value_in_billionths_rounded_half_to_even(x: float) -> None:
    """Python's rounding of an exact fraction is an independent oracle."""
    assert nano(x) == round(Fraction(x) * 10**9)


@given(reals)
def test_rounding_is_symmetric(x: float) -> None:
    """The two sides of zero are mirror images."""
    assert nano(-x) == -nano(x)


@given(reals, reals)
def test_rounding_keeps_order(x: float, y: float) -> None:
    """A larger number never rounds to a smaller one."""
    low, high = sorted((x, y))
    assert nano(low) <= nano(high)


@given(st.integers(-(10**12), 10**12), st.integers(-40, 40), st.integers(0, 40))
def test_two_numbers_round_alike_exactly_when_no_boundary_parts_them(k: int, start: int, width: int) -> None:
    """A boundary is an odd multiple of half a unit; one that is itself rounded goes to its even neighbour (C14N-7)."""
    scale = 2.0**-33  # about a tenth of a unit
    x, y = k / 1e9 + start * scale, k / 1e9 + (start + width) * scale
    first = Fraction(x) * 10**9
    boundaries = [n + Fraction(1, 2) for n in range(int(first) - 2, int(Fraction(y) * 10**9) + 3)]
    parted = any(
        first < b < Fraction(y) * 10**9
        or (x < y and b == first and (b - Fraction(1, 2)) % 2 == 0)
        or (x < y and b == Fraction(y) * 10**9 and (b - Fraction(1, 2)) % 2 == 1)
        for b in boundaries
    )
    assert (nano(x) == nano(y)) != parted


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (1.412345678901234, "1.412345679"),
        (0.734567890123456, "0.734567890"),
        (0.871234567890123, "0.871234568"),
        (0.421234567890123, "0.421234568"),
        (1.123456789012345, "1.123456789"),
        (1 / 1024, "0.000976562"),
        (3 / 1024, "0.002929688"),
        (-1 / 1024, "-0.000976562"),
        (-0.0, "0.000000000"),
        (-4.9e-10, "0.000000000"),
        (5e-324, "0.000000000"),
        (1.0, "1.000000000"),
        (1e22, "10000000000000000000000.000000000"),
    ],
)
def test_known_roundings(x: float, text: str) -> None:
    """The rounding inputs of the facts, ties in both directions, zeros, an integral and a large number."""
    assert fixed9(x) == text


@given(not_finite)
@pytest.mark.parametrize("function", [fixed9, round9, nano])
def test_nan_and_infinities_have_no_rounding(function: Callable[[float], object], x: float) -> None:
    """They are refused by name of the rule."""
    with pytest.raises(ValueError, match="C14N-4"):
        function(x)


@given(signed, st.sampled_from(REALS), not_finite, profiles)
def test_nan_and_infinities_are_never_signed(record: Signed, field: str, x: float, profile: Profile) -> None:
    """Whichever field they stand in, beside whatever other values."""
    with pytest.raises(ValueError, match="C14N-4"):
        canonical_bytes(with_field(record, field, x), profile)


def test_opposite_infinities_do_not_cancel() -> None:
    """The check on the sum of the reals refuses inf and -inf together."""
    record = with_field(with_field(SAMPLE, "D_hat", float("inf")), "r", float("-inf"))
    with pytest.raises(ValueError, match="C14N-4"):
        canonical_bytes(record)


def test_finite_reals_whose_sum_overflows_are_signed() -> None:
    """Only the values must be finite, not their sum."""
    record = with_field(with_field(SAMPLE, "D_hat", 1.7e308), "r", 1.7e308)
    assert json.loads(canonical_bytes(record))["r"] == 1.7e308


@given(signed, profiles)
def test_the_canonical_form_is_the_eight_fields_in_order(record: Signed, profile: Profile) -> None:
    """Any JSON reader finds exactly the eight fields in code-point order, with the rounded values."""
    pairs = json.loads(canonical_bytes(record, profile), object_pairs_hook=list)
    assert [key for key, _ in pairs] == FIELDS
    values = dict(pairs)
    assert all(values[name] == round9(getattr(record, name)) for name in REALS)
    assert all(values[name] == getattr(record, name) for name in FIELDS if name not in REALS)


@pytest.mark.parametrize("field", REALS)
@pytest.mark.parametrize("x", [-0.0, -1e-10])
def test_no_field_is_written_with_a_signed_zero(field: str, x: float) -> None:
    """Equal records have equal bytes in both forms (C14N-3)."""
    zero = with_field(SAMPLE, field, 0.0)
    for profile in (Profile.FIXED, Profile.SHORTEST):
        assert canonical_bytes(with_field(SAMPLE, field, x), profile) == canonical_bytes(zero, profile)


@given(signed)
def test_the_older_form_is_what_the_standard_library_writes(record: Signed) -> None:
    """`shortest` equals compact `json.dumps` with sorted keys over the rounded fields (C14N-6)."""
    fields = {name: getattr(record, name) for name in FIELDS}
    fields |= {name: round9(fields[name]) for name in REALS}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_bytes(record, Profile.SHORTEST) == text.encode()


@given(signed)
def test_the_forms_differ_in_reals_alone(record: Signed) -> None:
    """Every other byte is the same."""
    shortest = canonical_bytes(record, Profile.SHORTEST)
    for name in REALS:
        value = getattr(record, name)
        shortest = shortest.replace(f'"{name}":{round9(value)!r},'.encode(), f'"{name}":{fixed9(value)},'.encode(), 1)
    assert shortest == canonical_bytes(record)


SHORT = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\"}


def rfc8785(text: str) -> str:
    """RFC 8785 section 3.2.2.2, letter by letter."""
    return '"' + "".join(SHORT.get(c, f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


@given(st.text(), profiles)
def test_texts_are_escaped_as_rfc_8785_asks(text: str, profile: Profile) -> None:
    """Two-letter escapes where they exist, four hexadecimal digits for other controls, everything else raw."""
    assert f'"shard_id":{rfc8785(text)}}}'.encode() in canonical_bytes(with_field(SAMPLE, "shard_id", text), profile)


def test_every_character_up_to_the_ideographs_is_escaped_rightly() -> None:
    """All controls, DEL, line and paragraph separators, and the ends of the planes beyond."""
    text = "".join(map(chr, [*range(0x3000), 0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF]))
    assert rfc8785(text).encode() in canonical_bytes(with_field(SAMPLE, "merkle_root", text))


@given(st.text(), st.integers(0xD800, 0xDFFF).map(chr), st.sampled_from(["merkle_root", "pcs_id", "shard_id"]))
def test_a_lone_surrogate_is_refused(text: str, surrogate: str, field: str) -> None:
    """UTF-8 cannot carry it, so it has no canonical form (C14N-5)."""
    with pytest.raises(ValueError, match="surrogates not allowed"):
        canonical_bytes(with_field(SAMPLE, field, text + surrogate))


few_texts = st.sampled_from(["", "a", "b", 'a"', 'a","pcs_id":"b', "\\", "é", "1"])
few_reals = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 4e-10, 1.0 + 6e-10, 1e-9, 10.0]) | finite
similar = st.builds(
    Signed, few_reals, few_reals, few_reals, st.integers(0, 11), few_texts, few_texts, few_reals, few_texts
)


@given(similar, similar, st.lists(st.sampled_from(FIELDS)), profiles)
def test_the_canonical_form_determines_the_fields(a: Signed, other: Signed, same: list[str], profile: Profile) -> None:
    """Equal bytes if and only if equal texts and integers and, at nine decimals, equal reals (C14N-8)."""
    b = Signed(**{name: getattr(a if name in same else other, name) for name in FIELDS})
    alike = all(
        nano(getattr(a, name)) == nano(getattr(b, name)) if name in REALS else getattr(a, name) == getattr(b, name)
        for name in FIELDS
    )
    assert (canonical_bytes(a, profile) == canonical_bytes(b, profile)) == alike


def test_the_sample_in_both_forms() -> None:
    """An integral real, an exponent and a letter beyond ASCII, as the two profiles write them."""
    assert canonical_bytes(SAMPLE).decode() == (
        '{"D_hat":1.000000000,"budget":0.250000000,"coh_star":0.000010000,"epoch":7,"merkle_root":"ab","pcs_id":"cd"'
        ',"r":0.123456789,"shard_id":"s-é"}'
    )
    assert canonical_bytes(SAMPLE, Profile.SHORTEST).decode() == (
        '{"D_hat":1.0,"budget":0.25,"coh_star":1e-05,"epoch":7,"merkle_root":"ab","pcs_id":"cd","r":0.123456789'
        ',"shard_id":"s-é"}'
    )


def test_golden_payloads() -> None:
    """What the earlier agent signed, byte for byte."""
    assert canonical_bytes(TINY_1.record, Profile.SHORTEST).decode() == (
        '{"D_hat":0.528320834,"budget":0.317807017,"coh_star":0.066666667,"epoch":1,'
        '"merkle_root":"e966b52c992aefad3c3d0196db02554f30d10d55e8a6e5e3038f88e79e414112",'
        '"pcs_id":"c50bb25a7aff94164147b73c846f0e5e10890d75df204875ca70c448f52c6edf","r":0.318421053,'
        '"shard_id":"test-shard-001"}'
    )
    assert canonical_bytes(TINY_2.record, Profile.SHORTEST).startswith(
        b'{"D_hat":1.0,"budget":0.349073359,"coh_star":0.2,'
    )
