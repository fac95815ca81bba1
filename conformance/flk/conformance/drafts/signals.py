"""Drafts of the signals: `d_hat`, `regime`, `budget`, `coherence`, `compressibility`, `count_cells` (SIG-*).

Real arithmetic may differ in the last bit between mathematical libraries, so a case whose value lies near a rounding boundary is
left out: `is_safe` says which those are.
"""

from collections.abc import Iterator
from fractions import Fraction
from random import Random

from flk.conformance.drafts.draft import Draft, bits
from flk.conformance.operations.signals import Counts, Plane, RawBytes, ScaledCloud, SeededCloud, Signals
from flk.model.record import signals as model
from flk.model.record.canonical import nano
from flk.spec.constants import CONSTANTS

Cloud = tuple[int, list[tuple[float, ...]]]
SIGNALS = CONSTANTS.signals
NANO = CONSTANTS.canonical.nano
MARGIN = Fraction(1, 1000)
"""A value this near to half a unit of the last digit, in units, is not asked for."""


def is_safe(value: float) -> bool:
    """Whether no small error in the last bits could round the value otherwise."""
    return abs(Fraction(value) * NANO % 1 - Fraction(1, 2)) > MARGIN


def d_hat() -> Iterator[Draft]:
    """True medians of odd and even numbers of slopes."""
    named = {
        "slope-one": ([2, 4, 8, 16], [5, 10, 20, 40]),
        "golden-1": ([2, 4, 8, 16], [5, 10, 13, 15]),
        "golden-2": ([2, 4, 8, 16], [4, 8, 17, 20]),
        "constant": ([2, 4, 8, 16], [7, 7, 7, 7]),
        "falling": ([2, 4, 8], [64, 16, 4]),
        "five": ([2, 4, 8, 16, 32], [3, 5, 9, 17, 31]),
        "three": ([2, 4, 8], [3, 5, 9]),
        "one-pair": ([2, 4], [3, 5]),
        "unordered": ([16, 2, 8, 4], [15, 5, 13, 10]),
        "no-power-of-two": ([3, 5, 7], [10, 22, 49]),
        "from-one": ([1, 2, 4, 8], [1, 3, 11, 37]),
        "equal-slopes": ([2, 4, 8, 16, 32], [2, 4, 8, 16, 1000]),
        "far-outlier": ([2, 4, 8, 16], [5, 10, 20, 10**9]),
        "largest": ([1, 1024], [1, 2**53 - 1]),
        "beyond-binary32": ([2, 1024], [3, 2**24 + 1]),
        "scale-that-comes-again": ([2, 4, 4], [4, 8, 32]),
    }
    for slug, (scales, counts) in named.items():
        yield _slopes(slug, scales, counts)
    random = Random(1)
    for size in (2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 12, 16, 32):
        for number in range(3):
            scales = sorted(random.sample(range(1, 200), size))
            counts = [random.randint(1, 5 * scale) for scale in scales]
            if is_safe(model.d_hat(scales, counts)):
                yield _slopes(f"sample/{size}-scales-{number}-{scales[0]}", scales, counts)


def _slopes(slug: str, scales: list[int], counts: list[int]) -> Draft:
    pairs = len(scales) * (len(scales) - 1) // 2
    even = () if pairs % 2 else ("even-slopes",)
    return Draft(slug, f"the median of {pairs} slopes", Counts(tuple(scales), tuple(counts)), ("SIG-1",), even)


def regime() -> Iterator[Draft]:
    """Every bound, from both sides, at the resolution of the canonical form."""
    slopes = _around(SIGNALS.sticky_D_max) + _around(SIGNALS.non_sticky_D_min) + [0.0, 1.0, 2.0, 3.5]
    for D_hat in slopes:
        for coh_star in (0.0, *_around(SIGNALS.sticky_coh_min), 1.05):
            if D_hat in {0.0, 1.0, 2.0, 3.5} or coh_star in {SIGNALS.sticky_coh_min, 0.0, 1.05}:
                slug = f"{D_hat:.11g}-{coh_star:.11g}"
                yield Draft(
                    slug,
                    "bounds belong to the outer regimes",
                    Plane(D_hat, coh_star, bits(D_hat=D_hat, coh_star=coh_star)),
                    ("SIG-4",),
                    ("bound",),
                )


def _around(bound: float) -> list[float]:
    return [round(bound - 1e-9, 9), bound - 4e-10, bound, bound + 4e-10, round(bound + 1e-9, 9)]


def budget() -> Iterator[Draft]:
    """Corners, the clamp, the bend at D0, and ordinary values."""
    corners = (
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 1.0),
        (3.5, 1.05, 0.0),
        (3.5, 1.05, 1.0),
        (2.2, 0.5, 0.5),
        (2.200000001, 0.5, 0.5),
        (2.199999999, 0.5, 0.5),
        (3.5, 0.0, 0.25),
    )
    random = Random(3)
    samples = [
        (round(random.uniform(0, 3.5), 9), round(random.uniform(0, 1.05), 9), round(random.random(), 9))
        for _ in range(40)
    ]
    for number, (D_hat, coh_star, r) in enumerate((*corners, *samples)):
        if is_safe(model.budget(D_hat, coh_star, r)):
            flags = ("clamp",) if model.budget(D_hat, coh_star, r) == 1.0 else ()
            question = Signals(D_hat, coh_star, r, bits(D_hat=D_hat, coh_star=coh_star, r=r))
            yield Draft(f"{number:02}", "the sum, cut to [0, 1]", question, ("SIG-6",), flags)
    for number, (D_hat, coh_star, r) in enumerate(_fused()):
        question = Signals(D_hat, coh_star, r, bits(D_hat=D_hat, coh_star=coh_star, r=r))
        comment = "a product is rounded before it is added"
        yield Draft(f"rounded/{number}", comment, question, ("SIG-7",), ("product",))
    for number, (D_hat, coh_star, r) in enumerate(_ties()):
        question = Signals(D_hat, coh_star, r, bits(D_hat=D_hat, coh_star=coh_star, r=r))
        comment = "a tie of the exact sum: the order of the operations decides"
        yield Draft(f"tie/{number:02}", comment, question, ("SIG-7",), ("summation-order",))


def _fused() -> Iterator[tuple[float, float, float]]:
    """Signals whose budget is another if each product is added without being rounded."""
    random = Random(23)
    found = 0
    while found < FUSED:
        D, coh, ratio = (random.randrange(n * NANO) / NANO for n in (3, 1, 1))
        w = CONSTANTS.budget
        cost = w.base
        for weight, signal in ((w.alpha, 1 - ratio), (w.beta, max(0.0, D - w.D0)), (w.gamma, coh)):
            cost = float(Fraction(cost) + Fraction(weight) * Fraction(signal))
        if cost < 1 and nano(cost) != nano(model.budget(D, coh, ratio)):
            found += 1
            yield D, coh, ratio


FUSED = 3


def _ties() -> Iterator[tuple[float, float, float]]:
    """Signals whose exact sum is half way between two billionths, and whose sum in another order, or exact, is another."""
    random = Random(17)
    found = 0
    while found < TIES:
        D, coh, ratio = random.randrange(3 * NANO), random.randrange(NANO), random.randrange(NANO)
        tenths = NANO + 3 * (NANO - ratio) + 5 * max(0, D - 11 * NANO // 5) + 2 * coh
        signals_of = (D / NANO, coh / NANO, ratio / NANO)
        judged = nano(model.budget(*signals_of))
        if tenths % 10 == 5 and tenths < 10 * NANO and judged != round(Fraction(tenths, 10)):
            found += 1
            yield signals_of


TIES = 12


def coherence() -> Iterator[Draft]:
    """Small clouds in one to three dimensions."""
    random = Random(7)
    clouds: dict[str, Cloud] = {
        "none": (3, []),
        "one-point": (3, [(1.0, 2.0, 3.0)]),
        "one-place": (2, [(0.5, 0.5)] * 4),
        "line": (1, [(n / 8,) for n in range(9)]),
        "bounds-of-tenths": (1, [(n / 10,) for n in (-3, -2, 0, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 17)]),
        "two-clusters": (2, [*[(0.0, 0.0)] * 3, *[(1.0, 1.0)] * 5]),
        "diagonal": (3, [(n / 16, n / 16, n / 16) for n in range(12)]),
        "cloud": (3, [tuple(random.randrange(1000) / 1000 for _ in range(3)) for _ in range(25)]),
    }
    for slug, (dimensions, points) in clouds.items():
        for seed in (0, 42, *((2**31, 2**32 - 1) if slug == "cloud" else ())):
            question = SeededCloud(tuple(points), dimensions, seed)
            yield Draft(
                f"{slug}-seed-{seed}",
                "the fullest bin over the directions of the seed",
                question,
                ("SIG-2",),
                ("mt19937",),
            )


def compressibility() -> Iterator[Draft]:
    """Texts short and long, and the clamp at 1."""
    raws = {
        "none": b"",
        "one-byte": b"a",
        "clamped": b"test data",
        "thousand": b"a" * 1000,
        "alphabet": bytes(range(256)),
        "rows": b"".join(b"%d.%d,%d\n" % (n, n * n % 7, n % 3) for n in range(40)),
    }
    for slug, raw in raws.items():
        yield Draft(slug, "compressed over raw, at most 1", RawBytes(raw), ("SIG-3",), ("zlib",))


def count_cells() -> Iterator[Draft]:
    """Cells on both sides of zero, on their borders, and shared."""
    clouds: dict[str, Cloud] = {
        "one": (2, [(0.3, 0.7)]),
        "shared": (2, [(0.1, 0.1), (0.11, 0.11), (0.9, 0.9)]),
        "borders": (1, [(0.0,), (0.25,), (0.5,), (0.75,), (1.0,)]),
        "around-zero": (1, [(-0.1,), (0.1,)]),
        "minus-zero": (1, [(-0.0,), (0.0,)]),
        "negative-border": (1, [(-0.5,), (-0.25,), (-1.0,)]),
        "digits-run-together": (2, [(1.0, 11.0), (11.0, 1.0)]),
        "space": (3, [(n / 8, n * n / 64, 0.0) for n in range(9)]),
    }
    for slug, (dimensions, points) in clouds.items():
        question = ScaledCloud(tuple(points), dimensions, (1, *SIGNALS.scales))
        yield Draft(slug, "floor, not truncation", question, ("SIG-5",))
    products: dict[str, tuple[tuple[float, ...], int]] = {
        "a-third": ((1 / 3, 0.34), 3),
        "tenths": ((0.3, 0.31), 10),
        "a-forty-ninth": ((1 / 49, 0.021), 49),
        "binary32": ((1 - 2**-30, 1.0), 1),
        "far-out": ((2.0**40 + 0.5, 2.0**40), 2),
        "32-bits-apart": ((-(2.0**31), 0.0, 2.0**31, 2.0**32), 1),
        "64-bits-apart": ((-(2.0**63), 0.0, 2.0**63, 2.0**64), 1),
    }
    for slug, (row, scale) in products.items():
        question = ScaledCloud(tuple((x,) for x in row), 1, (scale,))
        yield Draft(f"product/{slug}", "the product is rounded to binary64", question, ("SIG-5",), ("product",))
