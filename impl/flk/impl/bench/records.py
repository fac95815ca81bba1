"""Any number of distinct submissions, made of real records."""

from collections.abc import Iterator
from itertools import count, cycle

import msgspec

from flk.model.flow.submission import Submission
from flk.model.record.identity import pcs_id
from flk.model.record.record import Pcs, encode
from flk.model.record.signing import Signer
from flk.model.record.summary import signed
from flk.model.samples.datasets import SENT_AT, cut
from flk.model.samples.windows import SEED, records
from flk.spec.constants import CONSTANTS

TENANT = CONSTANTS.node.default_tenant


def distinct() -> Iterator[Pcs]:
    """Records of the price data over and over, each time under an epoch of its own, so that no two share an id."""
    for epoch, record in zip(count(), cycle(tuple(records(cut("goog-prices"), seed=SEED, sent_at=SENT_AT)))):
        identity = pcs_id(record.merkle_root, epoch, record.shard_id)
        yield msgspec.structs.replace(record, epoch=epoch, pcs_id=identity)


def submission(record: Pcs, key: Signer) -> Submission:
    """The record, signed, on its way."""
    return Submission(TENANT, encode(signed(record, key)))
