"""How an agent turns data into a record: pure functions of the points and the raw bytes they came from."""

from typing import TYPE_CHECKING

import msgspec

from flk.model.record.canonical import Profile, round9
from flk.model.record.drawing import Draw, VrfPrivateKey
from flk.model.record.identity import pcs_id
from flk.model.record.merkle import chunks, merkle_root
from flk.model.record.record import LIMITS, NO_FAULT, DrawnPcs, Fault, Pcs, decode, encode
from flk.model.record.signals import budget, compressibility, d_hat, regime
from flk.model.record.signing import Signer, sign
from flk.model.refusal import Malformed
from flk.spec.constants import CONSTANTS
from flk.spec.errors import needs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def summarise(
    points: "ArrayLike",
    raw: bytes,
    *,
    shard_id: str,
    epoch: int,
    seed: int | VrfPrivateKey,
    sent_at: str,
    attempt: int = 1,
    ft: Fault = NO_FAULT,
) -> Pcs:
    """The unsigned record of `points`, one to a row, and of `raw`, the bytes they were read from.

    The slope counts cells of side 1/scale, so coordinates are in units of the data's extent: the caller maps each axis to
    [0, 1], or to a range of a few units. A `seed` that is a key draws the number, and the record proves that it did (VRF-4).

    Raises ValueError, naming the field, where no valid record comes of the input: no
    point, a coordinate that is not finite, a seed outside 0 … 2^32 - 1, or data in so many dimensions that the slope exceeds
    its bound; MissingExtra where NumPy is not installed.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> record.D_hat, record.r, record.N_j
    (0.0, 1.0, {'2': 2, '4': 2, '8': 2, '16': 2})
    """
    with needs("signals", "computing records of points"):
        import numpy as np

        from flk.model.record.points import coherence, count_cells
    rows = np.asarray(points, dtype=np.float64)
    scales = CONSTANTS.signals.scales
    counts = count_cells(rows, scales)
    slope = round9(d_hat(scales, [counts[scale] for scale in scales]))
    root = merkle_root(chunks(raw)).hex()
    draw = seed.draw(root, epoch, shard_id) if isinstance(seed, VrfPrivateKey) else Draw(seed, "")
    coh_star, v_star = coherence(rows, draw.seed)
    coh_star, r = round9(coh_star), round9(compressibility(raw))
    record = Pcs(
        pcs_id=pcs_id(root, epoch, shard_id),
        schema=LIMITS.schema,
        version=LIMITS.version,
        shard_id=shard_id,
        epoch=epoch,
        attempt=attempt,
        sent_at=sent_at,
        seed=draw.seed,
        scales=scales,
        N_j={str(scale): count for scale, count in counts.items()},
        coh_star=coh_star,
        v_star=tuple(map(round9, v_star)),
        D_hat=slope,
        r=r,
        regime=regime(slope, coh_star),
        budget=round9(budget(slope, coh_star, r)),
        merkle_root=root,
        sig="",
        ft=ft,
    )
    return _valid(_with_proof(record, draw.proof) if draw.proof else record)


def signed(record: Pcs, key: Signer, profile: Profile = Profile.JUDGED) -> Pcs:
    """The record with its signature by `key` as `sig`, ready to be encoded and sent. It covers all that is judged, unless another
    profile is asked for (C14N-9).

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> key = HmacKey(b"secret")
    >>> sent = signed(record, key)
    >>> verify(key, sent, sent.sig)
    True
    """
    return msgspec.structs.replace(record, sig=sign(key, record, profile))


def _with_proof(record: Pcs, proof: str) -> DrawnPcs:
    fields = msgspec.structs.asdict(record) | {"version": LIMITS.drawn_version}
    return DrawnPcs(**fields, vrf_proof=proof)


def _valid(record: Pcs) -> Pcs:
    """The record as a node will read it."""
    try:
        return decode(encode(record))
    except Malformed as error:
        raise ValueError(f"{error.field}: no valid record: {error.detail}") from error
