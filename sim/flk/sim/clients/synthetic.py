"""Records that need no data set: summaries of random points, made as an agent makes them."""

from functools import cache

from flk.model.flow.submission import Submission
from flk.model.record.canonical import Profile
from flk.model.record.record import Pcs, encode
from flk.model.record.signing import Signer
from flk.model.record.summary import signed, summarise
from flk.sim.kernel.random_streams import RandomStream
from flk.spec.constants import CONSTANTS

POINTS, DIMENSIONS = 64, 3
SENT_AT = "2026-01-01T00:00:00Z"


@cache
def unsigned(number: int) -> Pcs:
    """The synthetic record of a number: of 64 points anywhere in the unit cube, the same on every run."""
    points = RandomStream(0, f"synthetic/{number}").column(POINTS * DIMENSIONS).reshape(POINTS, DIMENSIONS).round(6)
    raw = "\n".join(",".join(f"{x:.6f}" for x in point) for point in points.tolist()).encode()
    return summarise(points, raw, shard_id=f"synthetic-{number}", epoch=number, seed=number, sent_at=SENT_AT)


def synthetic(size: int, key: Signer, tenant: str = CONSTANTS.node.default_tenant) -> tuple[Submission, ...]:
    """That many honest, distinct records, signed; a longer list begins with the shorter one."""
    return tuple(Submission(tenant, encode(signed(unsigned(number), key, Profile.FIXED))) for number in range(size))
