"""Drafts of `canonical`: the bytes that are signed, in every profile (C14N-*)."""

from collections.abc import Iterator

import msgspec

from flk.conformance.drafts.draft import MERKLE_ROOT, Draft, bits
from flk.conformance.operations.canonical import CanonicalInput
from flk.conformance.operations.forms import EightFields, Real, Text
from flk.model.record.canonical import Profile
from flk.model.record.identity import pcs_id
from flk.spec.constants import CONSTANTS

REALS = ("D_hat", "budget", "coh_star", "r")
ORDER, DIGITS, UNSIGNED, FINITE, ESCAPES, SHORTEST, STABLE, DISTINCT, JUDGED = (
    f"C14N-{number}" for number in range(1, 10)
)
OF_REALS = (Profile.FIXED, Profile.SHORTEST)
"""The profiles that differ in how reals are written."""


def eight(
    *,
    D_hat: Real = 1.412345679,
    budget: Real = 0.421357913,
    coh_star: Real = 0.731357913,
    epoch: int = 1,
    r: Real = 0.871357917,
    shard_id: Text = "shard-001",
    merkle_root: Text = MERKLE_ROOT,
) -> EightFields:
    """The signed fields of an ordinary record, with other values where wanted.

    Every way to write its reals with nine decimals writes them alike, so a case fails for its own reason only.
    """
    return EightFields(
        D_hat=D_hat,
        budget=budget,
        coh_star=coh_star,
        epoch=epoch,
        merkle_root=merkle_root,
        pcs_id=pcs_id(MERKLE_ROOT, epoch, "shard-001"),
        r=r,
        shard_id=shard_id,
    )


def eleven(
    *,
    scales: tuple[int, ...] = (2, 4, 8, 16),
    N_j: dict[str, int] | None = None,
    regime: str = "sticky",
    epoch: int = 1,
) -> EightFields:
    """What profile `judged` covers of an ordinary record, with other values where wanted."""
    counts = {"2": 3, "4": 8, "8": 22, "16": 60} if N_j is None else N_j
    return msgspec.structs.replace(eight(epoch=epoch), N_j=counts, regime=regime, scales=scales)


def real_bits(record: EightFields) -> dict[str, str]:
    """The bits of the four reals."""
    return bits(**{name: getattr(record, name) for name in REALS})


def canonical() -> Iterator[Draft]:
    """Each real in both forms, epochs, texts that need an escape or must not have one, and what else is judged."""
    for profile in OF_REALS:
        yield from _profile(profile)
    yield from _texts()
    yield from _judged()
    for epoch in (
        0,
        1,
        9,
        10,
        2**31 - 1,
        2**31,
        2**32,
        10**15,
        CONSTANTS.record.max_epoch - 1,
        CONSTANTS.record.max_epoch,
    ):
        yield _draft(f"epoch/{epoch}", "an integer in decimal", eight(epoch=epoch), ORDER)
    for name in REALS:
        for word in ("NaN", "Infinity", "-Infinity"):
            record = eight(**{name: word})  # type: ignore[arg-type]  # a real by its name
            question = CanonicalInput(record, Profile.FIXED, {})
            yield Draft(
                f"non-finite/{name}-{word}",
                "refused in every field",
                question,
                (FINITE,),
                ("non-finite",),
                (FINITE, None),
            )
    alike, apart = "numbers that round alike have one form", "numbers that round apart have two"
    yield _draft("rounding/one-text", alike, eight(D_hat=1.4123456794), STABLE)
    yield _draft("rounding/one-text-below", alike, eight(D_hat=1.4123456786), STABLE)
    yield _draft("rounding/another-text", apart, eight(D_hat=1.4123456796), STABLE)
    yield from _distinct()


def _distinct() -> Iterator[Draft]:
    """Texts of which every character counts: what is cut or trimmed is signed as another text is."""
    for length in (31, 32, 33, 63, 64, 65, 127, 128):
        for end in "ab":
            shard = "s" * (length - 1) + end
            comment = "texts that differ in their last character have two forms"
            yield _draft(f"distinct/{length}-characters-{end}", comment, eight(shard_id=shard), DISTINCT, "long-text")
    for slug, shard in {"before": " s", "behind": "s ", "both": " s ", "alone": " ", "none": "s"}.items():
        comment = "a space before or behind is part of the text"
        yield _draft(f"distinct/space-{slug}", comment, eight(shard_id=shard), DISTINCT, "long-text")


def _judged() -> Iterator[Draft]:
    records = {
        "ordinary": eleven(),
        "counts-in-the-order-of-scales": eleven(N_j={"16": 60, "8": 22, "4": 8, "2": 3}),
        "scales-as-they-stand": eleven(scales=(16, 2, 8, 4)),
        "two-scales": eleven(scales=(1, CONSTANTS.record.max_scale), N_j={"1": 1, str(CONSTANTS.record.max_scale): 7}),
        "largest-count": eleven(N_j={"2": 1, "4": 1, "8": 1, "16": CONSTANTS.record.max_count}),
        "mixed": eleven(regime="mixed"),
        "non-sticky": eleven(regime="non_sticky"),
    }
    for slug, record in records.items():
        comment = "the eight fields, a newline, the counts in the order of the scales, the regime, the scales"
        yield _draft(f"judged/{slug}", comment, record, JUDGED, "judged", profile=Profile.JUDGED)
    for slug, seed in {"ordinary": 3035164212, "zero": 0, "greatest": 2**32 - 1, "negative": -1}.items():
        drawn = msgspec.structs.replace(eleven(), seed=seed, vrf_proof="A" * 107 + "=")
        comment = "of a record with a proof, seed and proof follow the scales"
        yield _draft(f"drawn/{slug}", comment, drawn, JUDGED, "judged", "vrf", profile=Profile.JUDGED)
    fixed = msgspec.structs.replace(eleven(), seed=7, vrf_proof="A" * 107 + "=")
    yield _draft("drawn/fixed9", "the other profiles cover neither", fixed, ORDER, "vrf")


def _profile(profile: Profile) -> Iterator[Draft]:
    flags = ("shortest",) if profile is Profile.SHORTEST else ()
    rule = SHORTEST if profile is Profile.SHORTEST else DIGITS
    yield _draft(
        f"{profile}/ordinary", "eight fields in code-point order, no spaces", eight(), ORDER, *flags, profile=profile
    )
    for name in REALS:
        for slug, (x, flag) in _REALS.items():
            record = eight(**{name: x})  # type: ignore[arg-type]  # a real by its name
            yield _draft(
                f"{profile}/{name}-{slug}",
                f"{name} is {slug.replace('-', ' ')}",
                record,
                UNSIGNED if flag == "negative-zero" and profile is Profile.FIXED else rule,
                flag,
                *flags,
                profile=profile,
            )
    for slug, x in _SHAPES.items():
        yield _draft(
            f"{profile}/shape-{slug}",
            "how a number of this size is written",
            eight(D_hat=x),
            rule,
            "exponent",
            *flags,
            profile=profile,
        )


_REALS = {
    "zero": (0.0, "integral"),
    "minus-zero": (-0.0, "negative-zero"),
    "tiny-negative": (-1e-10, "negative-zero"),
    "one": (1.0, "integral"),
    "binary-tie": (1025 / 1024, "binary-tie"),
    "decimal-tie": (0.1234567885, "decimal-tie"),
    "ten-digits": (1.2345678901, "decimal-tie"),
}
_SHAPES = {
    "1e-09": 1e-9,
    "1e-05": 1e-5,
    "0.0001": 1e-4,
    "12e-06": 1.2e-5,
    "tenth": 0.1,
    "third": 1 / 3,
    "million": 1e6,
    "1e15": 1e15,
    "1e16": 1e16,
    "1e21": 1e21,
    "1e22": 1e22,
    "nine-decimals": 123456.123456789,
    "greatest": 1.7976931348623157e308,
}


def _texts() -> Iterator[Draft]:
    """Texts in `shard_id` and `merkle_root`, unchecked: who canonicalises before validating must still agree."""
    for code in range(32):
        shard = f"a{chr(code)}b"
        yield _draft(
            f"text/control-{code:02x}",
            "a control character is escaped in its shortest form",
            eight(shard_id=shard),
            ESCAPES,
            "control-character",
        )
    plain = {
        "quote": '"',
        "backslash": "\\",
        "slash": "/",
        "angle": "<>&",
        "delete": "\x7f",
        "apostrophe": "'",
        "bar": "|",
        "empty": "",
        "space": " ",
    }
    for slug, shard in plain.items():
        yield _draft(f"text/{slug}", "only the quote and the backslash are escaped", eight(shard_id=shard), ESCAPES)
    other = {
        "latin": "caf\u00e9",
        "combining": "cafe\u0301",
        "line-separator": "\u2028\u2029",
        "c1-control": "\u0080\u009f",
        "byte-order-mark": "\ufeff",
        "han": "\u6f22\u5b57",
        "right-to-left": "\u05d0\u202e",
        "noncharacter": "\uffff",
        "non-bmp": "\U0001f600",
        "last": "\U0010ffff",
        "null-and-emoji": "\0\U0001f600",
    }
    for slug, shard in other.items():
        yield _draft(f"text/{slug}", "raw UTF-8, as it came", eight(shard_id=shard), ESCAPES, "non-ascii")
        yield _draft(f"text/root-{slug}", "the same in another field", eight(merkle_root=shard), ESCAPES, "non-ascii")
    pair = eight(shard_id=(0xD83D, 0xDE00))
    yield _draft(
        "text/surrogate-pair", "a pair of code units is one character", pair, ESCAPES, "non-ascii", "lone-surrogate"
    )
    for slug, units in {"high": (0xD800,), "low": (0x61, 0xDC00), "reversed": (0xDE00, 0xD83D)}.items():
        question = CanonicalInput(eight(shard_id=units), Profile.FIXED, {})
        yield Draft(
            f"text/lone-{slug}", "UTF-8 cannot carry it", question, (ESCAPES,), ("lone-surrogate",), (ESCAPES, None)
        )


def _draft(
    slug: str, comment: str, record: EightFields, requirement: str, *flags: str, profile: Profile = Profile.FIXED
) -> Draft:
    return Draft(slug, comment, CanonicalInput(record, profile, real_bits(record)), (requirement,), flags)
