"""Any number of distinct submissions, made of real records."""

from base64 import b64encode
from collections.abc import Iterator
from itertools import count, cycle
from typing import NamedTuple

import msgspec

from flk.model.flow.submission import Submission
from flk.model.record.canonical import Profile, canonical_bytes
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
    for epoch, record in zip(count(), cycle(_prices())):
        identity = pcs_id(record.merkle_root, epoch, record.shard_id)
        yield msgspec.structs.replace(record, epoch=epoch, pcs_id=identity)


def submission(record: Pcs, key: Signer) -> Submission:
    """The record, signed, on its way."""
    return Submission(TENANT, encode(signed(record, key)))


def submissions(key: Signer) -> Iterator[Submission]:
    """What `submission` makes of each of `distinct`, and much faster: of a record that comes again, only the epoch, the id
    and the signature differ.
    """
    for epoch, form in zip(count(), cycle([_form(record) for record in _prices()])):
        identity = pcs_id(form.merkle_root, epoch, form.shard_id).encode()
        signature = b64encode(key.sign(form.signed % (epoch, identity)))
        yield Submission(TENANT, form.body % (epoch, identity, signature))


class _Form(NamedTuple):
    """A record's signed bytes and body, to be filled in, and what its id is made of besides the epoch."""

    merkle_root: str
    shard_id: str
    signed: bytes
    body: bytes


def _form(record: Pcs) -> _Form:
    blank = msgspec.structs.replace(record, epoch=_EPOCH, pcs_id=_ID, sig=_SIGNATURE)
    return _Form(
        record.merkle_root, record.shard_id, _open(canonical_bytes(blank, Profile.JUDGED)), _open(encode(blank))
    )


def _open(text: bytes) -> bytes:
    """Text with places for what differs, in the order in which they stand in it."""
    text = text.replace(b"%", b"%%").replace(b":%d," % _EPOCH, b":%d,")
    return text.replace(_ID.encode(), b"%b").replace(_SIGNATURE.encode(), b"%b")


_EPOCH, _ID, _SIGNATURE = 2**40, "<id>", "<signature>"


def _prices() -> tuple[Pcs, ...]:
    return tuple(records(cut("goog-prices"), seed=SEED, sent_at=SENT_AT))
