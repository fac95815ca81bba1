"""Cases of signals: `d_hat`, `regime`, `budget`, `coherence`, `compressibility`, `count_cells`; and records for `judge`."""

from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.values import LIMITS, billionths, bits, packed, records, units
from flk.model.entries.entry import Outcome
from flk.model.entries.judgement import judge
from flk.model.record.record import Pcs
from flk.model.record.signals import regime

counts = st.integers(1, 60) | st.integers(1, LIMITS.max_count)
few_billionths = st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 2]).map(lambda n: n * 1e-9)
slopes = st.floats(0, 3.5) | st.builds(lambda x, d: x + d, st.sampled_from([1.5, 2.2, 2.6]), few_billionths)
coherences = st.floats(0, 1.05) | few_billionths.map(lambda d: 0.7 + d)


@composite
def slope_inputs(draw: DrawFn) -> dict[str, Any]:
    """Two different scales or more, at times all 32, and a count for each. One may come again: such a pair has no slope."""
    most = draw(st.sampled_from([2, 3, 4, 5, 8, 32]))
    scales = draw(st.lists(st.integers(1, 1024), min_size=2, max_size=most, unique=True))
    if draw(st.integers(0, 9)) == 0:
        scales.append(draw(st.sampled_from(scales)))
    if draw(st.integers(0, 3)) == 0:  # many equal slopes
        bend, by = draw(st.sampled_from(scales)), draw(st.integers(1, 9))
        return {"scales": scales, "counts": [scale * (by if scale > bend else 1) for scale in scales]}
    return {"scales": scales, "counts": [draw(counts) for _ in scales]}


@composite
def signals(draw: DrawFn, *names: str) -> dict[str, Any]:
    """Signals in their ranges, some within a billionth of a bound, some whole billionths."""
    drawn = {
        "D_hat": draw(slopes),
        "coh_star": draw(coherences),
        "r": draw(units | billionths),
    }
    given = {name: drawn[name] for name in names}
    return {**given, "bits": bits(given)}


@composite
def clouds(draw: DrawFn, coordinates: SearchStrategy[float]) -> dict[str, Any]:
    """Points of one to four dimensions."""
    dimensions = draw(st.integers(1, 4))
    point = st.lists(coordinates, min_size=dimensions, max_size=dimensions)
    return {"points": draw(st.lists(point, max_size=14)), "dimensions": dimensions}


def _prose(start: int, size: int) -> bytes:
    """Bytes that deflate finds something in, though not everything."""
    return bytes(Random(start).choices(b"abcdefgh ,.", k=size))


prose = st.builds(_prose, st.integers(0, 9), st.sampled_from([300, 2000, 65_537, 140_000])).map(
    lambda raw: {"raw": packed(raw)}
)


@composite
def raw_bytes(draw: DrawFn) -> dict[str, str]:
    """Noise, repetition and text of lengths around the chunks' and deflate's bounds."""
    noise = draw(st.binary(max_size=200))
    return {"raw": packed(noise * draw(st.sampled_from([1, 1, 2, 3, 40, 700])) + draw(st.binary(max_size=65)))}


@composite
def judged(draw: DrawFn) -> dict[str, Any]:
    """A valid record, whose claims are often at the edge of what is tolerated."""
    record = draw(records())
    record["N_j"] = {scale: draw(counts) for scale in record["N_j"]}
    slope = _outcome(record).recomputed_D_hat
    claimed = slope + draw(st.sampled_from([0, 0, 0.15, -0.15])) + draw(few_billionths)
    record["D_hat"] = min(max(claimed, 0.0), 3.5)
    if draw(st.booleans()):
        record["regime"] = regime(record["D_hat"], record["coh_star"]).value
    formula = _outcome(record).recomputed_budget
    claimed = formula + draw(st.sampled_from([0, 0.01, -0.01])) + draw(few_billionths)
    record["budget"] = min(max(claimed, 0.0), 1.0)
    return {"record": record}


def _outcome(record: dict[str, Any]) -> Outcome:
    return judge(msgspec.convert(record, Pcs))


lattice = st.integers(-20, 20).map(lambda n: n / 16) | st.integers(-20, 20).map(lambda n: n / 10)
seeds = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1])
beside = st.builds(lambda n, off: n / 16 + off * 2.0**-30, st.integers(-40, 40), st.sampled_from([-1, 0, 1]))
"""Close to the border of a cell: too close for binary32."""
alike = st.sampled_from([1.0, 2.0, 11.0, 12.0, 21.0, 112.0])
"""Places that read alike where their digits run together."""
cells = st.floats(-8, 8) | lattice | beside | st.floats(-(2.0**40), 2.0**40)
scale_lists = st.lists(st.integers(1, 20) | st.integers(1, 1024), min_size=1, max_size=5, unique=True)

CASES: dict[str, SearchStrategy[dict[str, Any]]] = {
    "d_hat": slope_inputs(),
    "regime": signals("D_hat", "coh_star"),
    "budget": signals("D_hat", "coh_star", "r"),
    "coherence": st.builds(lambda cloud, seed: {**cloud, "seed": seed}, clouds(st.floats(-8, 8) | lattice), seeds),
    "compressibility": raw_bytes() | prose,
    "count_cells": st.builds(
        lambda cloud, scales: {**cloud, "scales": scales}, clouds(cells) | clouds(alike), scale_lists
    ),
}
