"""Numbers, texts and bytes that more than one operation is given, and how JSON writes them."""

import base64
import math
import struct
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.drafts.draft import fields
from flk.model.record.canonical import BESIDE, EIGHT
from flk.model.record.identity import pcs_id
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.record
SHARD_ALPHABET = "".join(chr(code) for code in range(32, 127) if chr(code) not in '"\\|')

finite = st.floats(allow_nan=False, allow_infinity=False)
ties = st.integers(-(2**20), 2**20).map(lambda k: (2 * k + 1) / 1024)
"""Reals half way between two billionths: ten decimals, the last one a five."""
near_ties = st.builds(lambda k, d: (k + 0.5) * 1e-9 + d * 2.0**-62, st.integers(-(10**10), 10**10), st.integers(-8, 8))
reals = finite | ties | near_ties
odd_reals = reals | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-10, -5e-10, 1.5e-9, 1e22, 1e-7])
units = st.floats(0, 1)
billionths = st.integers(0, 10**9).map(lambda n: n / 10**9)
hexes = st.binary(min_size=32, max_size=32).map(bytes.hex)
edges = st.sampled_from([" s", "s ", " ", "s" * 32, "s" * 33, "s" * 64 + " s"])
"""Short texts that trimming or a buffer of 32 bytes would change."""
shard_ids = (
    edges | st.text(SHARD_ALPHABET, min_size=1, max_size=12) | st.text(SHARD_ALPHABET, min_size=128, max_size=128)
)
epochs = st.integers(0, 20) | st.integers(0, LIMITS.max_epoch)
eighths = st.integers(0, 8 * 4_102_444_800).map(lambda n: n / 8)
"""Wall times: seconds since 1970, whole eighths."""
characters = st.text(max_size=8) | st.text("\0\b\t\n\f\r\x1f\x7f\"\\/<>&'é \u2028\ud7ff\ue000😀", max_size=8)


def real(x: float) -> object:
    """A real as the protocol writes it."""
    if math.isfinite(x):
        return x
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def bits(reals_of: dict[str, float]) -> dict[str, str]:
    """What the protocol repeats of reals: their IEEE 754 bits."""
    return {name: struct.pack(">d", x).hex() for name, x in reals_of.items()}


def packed(data: bytes) -> str:
    """Bytes as the protocol writes them."""
    return base64.b64encode(data).decode()


PLAIN = fields()
"""A record with nothing unusual, to which most drawn records shrink."""
PLAIN_SCALES = (2, 4, 8, 16)
PLAIN_SHARD = str(PLAIN["shard_id"])


def signed_fields(of: SearchStrategy[float] = reals) -> SearchStrategy[dict[str, Any]]:
    """What a signature covers, of a record that need not be valid but could be read, with the three fields of `judged`."""
    names = (*EIGHT, *BESIDE)
    plain = st.builds(lambda: {name: PLAIN[name] for name in names})
    odd = st.builds(lambda shard: {**{name: PLAIN[name] for name in names}, "shard_id": shard}, shard_ids | characters)
    return plain | odd | _signed_fields(of)


@composite
def _signed_fields(draw: DrawFn, of: SearchStrategy[float]) -> dict[str, Any]:
    """What a signature covers, of a record that need not be valid but could be read, with the three fields of `judged`."""
    root, epoch, shard_id = draw(hexes), draw(epochs), draw(st.just(PLAIN_SHARD) | shard_ids | characters)
    scales = draw(st.lists(st.integers(1, 1024), min_size=2, max_size=5, unique=True))
    order = draw(st.permutations(scales))
    return {
        **{name: draw(of) for name in ("D_hat", "budget", "coh_star", "r")},
        "epoch": epoch,
        "merkle_root": root,
        "pcs_id": pcs_id(root, epoch, shard_id),
        "shard_id": shard_id,
        "N_j": {str(scale): draw(st.integers(1, LIMITS.max_count)) for scale in order},
        "regime": draw(st.sampled_from(LIMITS.regimes)),
        "scales": scales,
    }


def records() -> SearchStrategy[dict[str, Any]]:
    """A valid record of nineteen fields, whatever it claims."""
    turned = st.builds(fields, scales=st.permutations(PLAIN_SCALES))
    return st.builds(fields) | turned | turned | _records()


@composite
def _records(draw: DrawFn) -> dict[str, Any]:
    """A valid record of nineteen fields, whatever it claims."""
    signed = draw(_signed_fields(st.floats(0, 1)))
    shard_id = draw(shard_ids)
    return {
        **signed,
        "D_hat": draw(st.floats(0, 3.5)),
        "coh_star": draw(st.floats(0, 1.05)),
        "shard_id": shard_id,
        "pcs_id": pcs_id(signed["merkle_root"], signed["epoch"], shard_id),
        "schema": LIMITS.schema,
        "version": draw(st.text(min_size=1, max_size=6)),
        "attempt": draw(st.integers(1, LIMITS.max_attempt)),
        "sent_at": draw(st.datetimes().map(lambda moment: moment.isoformat()) | st.just("2025-01-19T12:00:00")) + "Z",
        "seed": draw(st.integers(-(2**63), 2**63 - 1)),
        "v_star": draw(st.lists(finite, min_size=1, max_size=4)),
        "sig": draw(st.text(max_size=6)),
        "ft": {
            "outbox_seq": draw(st.integers(0, LIMITS.max_epoch)),
            "degraded": draw(st.booleans()),
            "fallbacks": draw(st.lists(st.text(max_size=6), max_size=3)),
            "clock_skew_ms": draw(st.integers(-(2**63), 2**63 - 1)),
        },
    }
