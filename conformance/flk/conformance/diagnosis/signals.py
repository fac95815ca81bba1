"""Known wrong forms of those who compute a signal with other numbers, of other values or by another estimate."""

import struct
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import floor, log2
from typing import TypeAlias

import msgspec

from flk.conformance.diagnosis.form import WrongForm, instead
from flk.conformance.operations.forms import Form
from flk.conformance.operations.signals import Counts, Plane, RawBytes, ScaledCloud, SeededCloud, Signals, coherence
from flk.model.record.canonical import round9
from flk.spec.constants import CONSTANTS

Rule: TypeAlias = tuple[str, str]
"""A requirement, and why it forbids the form."""
replace = msgspec.structs.replace


def forms() -> Iterator[WrongForm]:
    """All of them."""
    yield from _points()
    yield from _estimates()


def binary32(number: float) -> float:
    """The nearest binary32 number. Raises OverflowError if there is none."""
    (narrow,) = struct.unpack("<f", struct.pack("<f", number))
    return float(narrow)


def _points() -> Iterator[WrongForm]:
    def narrow(given: Form) -> object:
        assert isinstance(given, ScaledCloud)
        rows = [[binary32(x) for x in row] for row in given.points]
        return {str(s): len({tuple(floor(binary32(x * s)) for x in row) for row in rows}) for s in given.scales}

    def exact(given: Form) -> object:
        assert isinstance(given, ScaledCloud)
        return {str(s): len({tuple(floor(Fraction(x) * s) for x in row) for row in given.points}) for s in given.scales}

    product: Rule = "SIG-5", "the product is rounded to binary64"
    yield WrongForm("binary32-cells", "coordinates of 32 bits", *product, {"count_cells": narrow})
    yield WrongForm("exact-cells", "products that are not rounded", *product, {"count_cells": exact})

    def short_seed(given: SeededCloud) -> Form:
        return replace(given, seed=given.seed & 0x7FFFFFFF)

    yield WrongForm(
        "seed-of-31-bits", "a seed of 31 bits", "SIG-2", "a seed has 32 bits", instead("coherence", short_seed)
    )
    level = CONSTANTS.signals.zlib_level
    for name, says, size in (
        ("fast-compression", "zlib at level 1", lambda raw: len(zlib.compress(raw, 1))),
        ("best-compression", "zlib at level 9", lambda raw: len(zlib.compress(raw, 9))),
        ("raw-deflate", "deflate without zlib's frame", lambda raw: len(zlib.compress(raw, level, -15))),
        (
            "blocks-of-64-kib",
            "blocks of 64 KiB, each compressed by itself",
            lambda raw: sum(len(zlib.compress(raw[at : at + 65536], level)) for at in range(0, len(raw), 65536)),
        ),
    ):

        def ratio(given: Form, size: Callable[[bytes], int] = size) -> object:
            assert isinstance(given, RawBytes)
            return round9(min(1.0, size(given.raw) / len(given.raw))) if given.raw else 1.0

        yield WrongForm(name, says, "SIG-3", f"all bytes are one stream at level {level}", {"compressibility": ratio})

    def as_they_come(given: Form) -> object:
        assert isinstance(given, Plane)
        limits = CONSTANTS.signals
        if given.coh_star >= limits.sticky_coh_min and given.D_hat <= limits.sticky_D_max:
            return "sticky"
        return "non_sticky" if given.D_hat >= limits.non_sticky_D_min else "mixed"

    def cost(given: Form) -> object:
        assert isinstance(given, Signals)
        w = CONSTANTS.budget
        over = max(0.0, given.D_hat - w.D0)
        total = w.base + w.alpha * (1 - given.r) + w.beta * over + w.gamma * given.coh_star
        return round9(min(1.0, max(0.0, total)))

    rounded = "signals are rounded first"
    yield WrongForm("unrounded-signals", "signals as they come", "SIG-4", rounded, {"regime": as_they_come})
    yield WrongForm("unrounded-budget", "signals as they come", "SIG-6", rounded, {"budget": cost})
    yield WrongForm(
        "cells-of-32-bits",
        "cells whose places have 32 bits",
        "SIG-5",
        "a place is a whole number of any size",
        {"count_cells": _narrow_places},
    )
    yield WrongForm(
        "cells-run-together",
        "cells named by places that run together",
        "SIG-5",
        "two places are two numbers",
        {"count_cells": _named_cells},
    )
    closed = "the last bin is closed"
    yield WrongForm("open-last-bin", "a last bin without its end", "SIG-2", closed, {"coherence": _open_last_bin})


def _narrow_places(given: Form) -> object:
    assert isinstance(given, ScaledCloud)
    return {str(s): len({tuple(floor(x * s) % 2**32 for x in row) for row in given.points}) for s in given.scales}


def _named_cells(given: Form) -> object:
    assert isinstance(given, ScaledCloud)
    return {str(s): len({"".join(str(floor(x * s)) for x in row) for row in given.points}) for s in given.scales}


def _open_last_bin(given: Form) -> object:
    assert isinstance(given, SeededCloud)
    told = coherence(given)  # says what NumPy is needed for
    if told.coh_star in {0, 1}:
        return told
    import numpy as np

    points, limits, found = given.array(), CONSTANTS.signals, []
    for draw in np.random.RandomState(given.seed).randn(limits.directions, given.dimensions):
        direction = draw / np.sqrt(draw @ draw)
        values = sum((points[:, axis] * direction[axis] for axis in range(given.dimensions)), np.zeros(len(points)))
        low, high = values.min(), values.max()
        bins = np.floor((values - low) / (high - low) * limits.bins).astype(int)
        found.append((np.bincount(bins[values < high], minlength=1).max() / len(points), direction))
    share, direction = max(found, key=lambda candidate: float(candidate[0]))
    return {"coh_star": round9(float(share)), "v_star": [round9(x) for x in direction.tolist()]}


def _estimates() -> Iterator[WrongForm]:
    def squares(given: Form) -> object:
        assert isinstance(given, Counts)
        points = [(Fraction(log2(x)), Fraction(log2(y))) for x, y in zip(given.scales, given.counts, strict=True)]
        x, y = (sum(side, Fraction(0)) / len(points) for side in zip(*points, strict=True))
        return round9(float(sum((u - x) * (v - y) for u, v in points) / sum((u - x) ** 2 for u, _ in points)))

    median = "the slope is the median of all slopes"
    yield WrongForm("least-squares", "the line of least squares", "SIG-1", median, {"d_hat": squares})

    def narrow(given: Counts) -> Form:
        return replace(given, counts=tuple(int(binary32(count)) for count in given.counts))

    def first(given: Counts) -> Form:
        kept = dict(reversed([*zip(given.scales, given.counts, strict=True)]))
        return Counts(tuple(kept), tuple(kept.values()))

    for name, says, rule, read in (
        ("binary32-counts", "counts of 24 bits", "a count is a whole number of any size", narrow),
        ("first-of-equal-scales", "the first of equal scales", "a scale that comes again has its slopes, too", first),
    ):
        yield WrongForm(name, says, "SIG-1", rule, instead("d_hat", read))

    def fused(given: Form) -> object:
        assert isinstance(given, Signals)
        w, cost = CONSTANTS.budget, CONSTANTS.budget.base
        over = max(0.0, round9(given.D_hat) - w.D0)
        for weight, signal in ((w.alpha, 1 - round9(given.r)), (w.beta, over), (w.gamma, round9(given.coh_star))):
            cost = float(Fraction(cost) + Fraction(weight) * Fraction(signal))
        return round9(min(1.0, max(0.0, cost)))

    rounded = "each product is rounded before it is added"
    yield WrongForm("fused-products", "products added without being rounded", "SIG-7", rounded, {"budget": fused})
