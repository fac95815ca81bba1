"""Drafts of `fixed9`: one text for each real (C14N-2 to C14N-4, C14N-7)."""

import math
from collections.abc import Iterator
from random import Random

from flk.conformance.drafts.draft import Draft, bits
from flk.conformance.operations.canonical import OneReal

ROUNDS, UNSIGNED, FINITE, STABLE = "C14N-2", "C14N-3", "C14N-4", "C14N-7"


def fixed9() -> Iterator[Draft]:
    """Ties of both kinds and their neighbours, zeros, integers, exponents, all magnitudes, and what is refused."""
    yield from _binary_ties()
    yield from _decimal_ties()
    yield from _zeros()
    for x in (
        1.0,
        -1.0,
        2.0,
        10.0,
        255.0,
        1e6,
        2.0**31,
        2.0**53,
        -(2.0**53),
        2.0**53 + 2,
        2.0**63,
        1e15,
        1e16,
        123456789012345680.0,
    ):
        yield _draft(f"integral/{x:.17g}", "an integer, and nine zeros", x, ROUNDS, "integral")
    for x in (
        1e-5,
        1e-7,
        1e-9,
        1.5e-9,
        -1e-9,
        9.99e-10,
        1e20,
        1e21,
        1e22,
        -1e22,
        1e23,
        1.5e300,
        math.ulp(0.0) * 2**52,
        1.7976931348623157e308,
    ):
        yield _draft(f"exponent/{x:.17g}", "plain decimal notation, whatever the size", x, ROUNDS, "exponent")
    for word in ("NaN", "Infinity", "-Infinity"):
        yield Draft(
            f"non-finite/{word}", "has no canonical form", OneReal(word, {}), (FINITE,), ("non-finite",), (FINITE, None)
        )
    random = Random(9)
    for number in range(60):
        x = random.uniform(-1, 1) * 10 ** random.randint(-8, 12)
        yield _draft(f"sample/{number:02}", "an ordinary number", x, ROUNDS)
    for number in range(24):
        x = round(random.uniform(0, 4), 9)
        yield _draft(f"rounded/{number:02}", "a number of nine decimals keeps them: rounding is idempotent", x, STABLE)


def _binary_ties() -> Iterator[Draft]:
    """Odd multiples of 2^-10 have ten fractional digits, the last of them 5."""
    for odd in (1, 3, 5, 7, 9, 11, 255, 511, 513, 1023):
        for whole in (0, 1, 2, 1000):
            tie = whole + odd / 1024
            yield _draft(
                f"binary-tie/{whole}+{odd}over1024", "an exact tie goes to the even digit", tie, ROUNDS, "binary-tie"
            )
    for odd in (1, 3, 1025):
        yield _draft(f"binary-tie/minus-{odd}over1024", "an exact tie below zero", -odd / 1024, ROUNDS, "binary-tie")
    for odd in (1, 3, 1025, 2047):
        for name, towards in (("below", -math.inf), ("above", math.inf)):
            x = math.nextafter(odd / 1024, towards)
            yield _draft(
                f"binary-tie/just-{name}-{odd}over1024", "the double beside a tie is no tie", x, STABLE, "binary-tie"
            )


def _decimal_ties() -> Iterator[Draft]:
    """Ten decimals that end in 5, where binary64 has nothing exactly there."""
    for text in (
        "0.0000000005",
        "0.0000000015",
        "0.0000000025",
        "0.1234567885",
        "0.5000000005",
        "1.0000000005",
        "1.0000000015",
        "2.6750000005",
        "3.4999999995",
    ):
        yield _draft(
            f"decimal-tie/{text}", "the exact binary value lies to one side", float(text), ROUNDS, "decimal-tie"
        )
    random = Random(5)
    for number in range(40):
        text = f"{random.randrange(0, 4)}.{random.randrange(10**9):09}5"
        yield _draft(
            f"decimal-tie/{number:02}", "the exact binary value lies to one side", float(text), ROUNDS, "decimal-tie"
        )
    for number in range(12):
        text = f"-{random.randrange(0, 4)}.{random.randrange(10**9):09}5"
        yield _draft(f"decimal-tie/minus-{number:02}", "and so below zero", float(text), ROUNDS, "decimal-tie")


def _zeros() -> Iterator[Draft]:
    for x in (0.0, 1e-10, 4.9e-10, 4.999999999999999e-10, 5e-324, 2.2250738585072014e-308, 1e-300):
        yield _draft(f"zero/{x:.17g}", "rounds to zero", x, ROUNDS)
        yield _draft(
            f"zero/minus-{x:.17g}", "rounds to zero from below, and shows no sign", -x, UNSIGNED, "negative-zero"
        )
    yield _draft(
        "zero/minus-5e-10",
        "half a unit below zero: the binary value lies just beyond it",
        -5e-10,
        ROUNDS,
        "decimal-tie",
    )


def _draft(slug: str, comment: str, x: float, requirement: str, *flags: str) -> Draft:
    return Draft(slug, comment, OneReal(x, bits(x=x)), (requirement,), flags)
