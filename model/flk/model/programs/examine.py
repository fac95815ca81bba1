"""What a logged submission claims: decode, authenticate, judge (ORD-1)."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias, runtime_checkable

from flk.model.entries.entry import Claim, Entry, Key, content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.submission import Submission, from_payload
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp, wall_seconds
from flk.model.record.record import decode
from flk.model.record.signing import Keyring
from flk.model.refusal import Refused

Examine: TypeAlias = Callable[[Submission, Timestamp, str], Claim]
"""`examine` with the keys of a node: what programs are given."""


def examine(keyring: Keyring, submission: Submission, timestamp: Timestamp, region: str) -> Claim:
    """What a submission claims that `region` logged at `timestamp`: a pure function, so that every replay anywhere comes to the
    same entry (JDG-5).

    Raises Malformed (ORD-2), then Unauthenticated (ORD-3): no lookup has happened by then.
    """
    record = decode(submission.body)
    canonical = keyring.authenticate(submission.tenant, record, record.sig, wall_seconds(timestamp))
    entry = Entry(timestamp, region, content_digest(record, canonical), judge(record))
    return Claim(Key(submission.tenant, record.pcs_id), entry)


@runtime_checkable
class Together(Protocol):
    """An `Examine` that examines many frames in one call."""

    def __call__(self, submission: Submission, timestamp: Timestamp, region: str, /) -> Claim:
        """As `Examine`."""
        ...

    def claims(self, frames: tuple[Frame, ...], region: str) -> tuple[Claim, ...]:
        """As `claims_of`."""
        ...


def claims_of(frames: Iterable[Frame], region: str, examine: Examine) -> tuple[Claim, ...]:
    """The claims among frames that a region logged. A frame that `ingest` refused is refused again, and claims nothing (DUP-5)."""
    if isinstance(examine, Together):
        return examine.claims(tuple(frames), region)
    claims = []
    for frame in frames:
        try:
            claims.append(examine(from_payload(frame.payload), frame.timestamp, region))
        except Refused:
            continue
    return tuple(claims)
