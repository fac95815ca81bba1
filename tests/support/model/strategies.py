"""Hypothesis strategies for the model's values: records and their raw JSON, entries, frames, numbers."""

import json
import string
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.model.entries.entry import Entry, Outcome, Reason
from flk.model.log.frames import UNSTATED, Frame, Head
from flk.model.log.hlc import LAST, Timestamp
from flk.model.record.canonical import round9
from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.identity import pcs_id
from flk.model.record.record import LIMITS, DrawnPcs, Fault, Pcs, Regime, encode
from flk.model.record.signals import budget, d_hat, regime
from flk.spec.constants import CONSTANTS

INT64 = st.integers(-(2**63), 2**63 - 1)
SHARD_ALPHABET = sorted(set(map(chr, range(32, 127))) - set('"\\|'))

finite = st.floats(allow_nan=False, allow_infinity=False)
not_finite = st.sampled_from([float("nan"), float("inf"), float("-inf")])
ties = st.integers(-(2**20), 2**20).map(lambda k: (2 * k + 1) / 1024)  # ten decimals, the last a 5: exactly half way
near_ties = st.builds(lambda k, d: (k + 0.5) * 1e-9 + d * 2.0**-62, st.integers(-(10**10), 10**10), st.integers(-8, 8))
reals = finite | ties | near_ties
units = st.floats(0, 1)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
short_texts = st.text(max_size=LIMITS.max_text)
shard_ids = st.text(SHARD_ALPHABET, min_size=1, max_size=128)
epochs = st.integers(0, LIMITS.max_epoch)
offsets = st.sampled_from(["Z", "+00:00", "-23:59", "+05:30"])
sent_ats = st.builds(lambda moment, offset: moment.isoformat() + offset, st.datetimes(), offsets)
scale_lists = st.lists(
    st.integers(1, LIMITS.max_scale), min_size=LIMITS.min_scales, max_size=LIMITS.max_scales, unique=True
).map(tuple)
counts = st.integers(1, LIMITS.max_count)
faults = st.builds(
    Fault,
    outbox_seq=st.integers(0, LIMITS.max_epoch),
    degraded=st.booleans(),
    fallbacks=st.lists(short_texts, max_size=LIMITS.max_fallbacks).map(tuple),
    clock_skew_ms=INT64,
)
timestamps = st.integers(0, LAST).map(Timestamp)
regions = st.sampled_from(["ap", "eu", "us"])
outcomes = st.builds(Outcome, st.booleans(), st.booleans(), st.sampled_from(Reason), units, units)
entries = st.builds(Entry, timestamps, regions, digests, outcomes)
heads = st.builds(Head, regions, regions.map(lambda region: f"{region}.000001"), st.integers(0, 10**12 - 1))
frames = st.builds(Frame, timestamps, st.binary(max_size=64), st.just(UNSTATED))
json_values: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(string.printable, max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@composite
def records(draw: DrawFn) -> Pcs:
    """Any valid record, whatever it claims."""
    root, epoch, shard_id = draw(digests), draw(epochs), draw(shard_ids)
    scales = draw(scale_lists)
    return Pcs(
        pcs_id=pcs_id(root, epoch, shard_id),
        schema=LIMITS.schema,
        version=draw(st.text(min_size=1, max_size=LIMITS.max_text)),
        shard_id=shard_id,
        epoch=epoch,
        attempt=draw(st.integers(1, LIMITS.max_attempt)),
        sent_at=draw(sent_ats),
        seed=draw(INT64),
        scales=scales,
        N_j={str(scale): draw(counts) for scale in draw(st.permutations(scales))},
        coh_star=draw(st.floats(0, LIMITS.coh_star_max)),
        v_star=tuple(draw(st.lists(finite, min_size=1, max_size=LIMITS.max_dimensions))),
        D_hat=draw(st.floats(0, LIMITS.D_hat_max)),
        r=draw(units),
        regime=draw(st.sampled_from(Regime)),
        budget=draw(units),
        merkle_root=root,
        sig=draw(short_texts),
        ft=draw(faults),
    )


@composite
def honest_records(draw: DrawFn) -> Pcs:
    """A valid record whose slope, regime and budget follow from its counts and signals."""
    record = draw(records())
    scales = CONSTANTS.signals.scales
    listed = [draw(st.integers(1, 1000))]
    for _ in scales[1:]:  # each cell of three dimensions falls into one to eight of the next scale
        listed.append(draw(st.integers(listed[-1], 8 * listed[-1])))
    slope = round9(d_hat(scales, listed))
    coh_star, r = round9(record.coh_star), round9(record.r)
    return change(
        record,
        scales=scales,
        N_j=dict(zip(map(str, scales), listed, strict=True)),
        D_hat=slope,
        coh_star=coh_star,
        r=r,
        regime=regime(slope, coh_star),
        budget=round9(budget(slope, coh_star, r)),
    )


def change(record: Pcs, **changes: object) -> Pcs:
    """The record with other fields, and the id that these give it."""
    fields = {name: getattr(record, name) for name in Pcs.__struct_fields__} | changes
    fields["pcs_id"] = changes.get("pcs_id", pcs_id(fields["merkle_root"], fields["epoch"], fields["shard_id"]))
    return Pcs(**fields)


VRF_KEY = VrfPrivateKey(b"drawing." * 4)


def drawn(record: Pcs, key: VrfPrivateKey = VRF_KEY, **changes: Any) -> DrawnPcs:
    """The record as it is with a proof: with the seed that the key draws for it, unless that is changed."""
    draw = key.draw(record.merkle_root, record.epoch, record.shard_id)
    fields = {name: getattr(record, name) for name in Pcs.__struct_fields__}
    made = {"version": LIMITS.drawn_version, "seed": draw.seed, "vrf_proof": draw.proof}
    return DrawnPcs(**fields | made | changes)


def raw(record: Pcs) -> dict[str, Any]:
    """The record as a JSON reader sees it, to be changed and dumped."""
    fields: dict[str, Any] = json.loads(encode(record))
    return fields


def dump(fields: object) -> bytes:
    """Compact JSON; NaN and lone surrogates are written as Python writes them."""
    return json.dumps(fields, separators=(",", ":")).encode()
