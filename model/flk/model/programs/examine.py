"""What a logged submission claims: decode, authenticate, judge (ORD-1)."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

from flk.model.entries.entry import Claim, Entry, Key, content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.submission import Submission, from_payload
from flk.model.log.frames import UNSTATED, Frame, Stated
from flk.model.log.hlc import Timestamp, wall_seconds
from flk.model.policies.document import VrfMode
from flk.model.policies.trust import Trust
from flk.model.record.drawing import require_drawn
from flk.model.record.record import decode
from flk.model.record.signing import Keyring
from flk.model.refusal import Refused


class Examine(Protocol):
    """`examine` with the keys of a node: what programs are given."""

    def __call__(
        self, submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /
    ) -> Claim:
        """As `examine`."""
        ...


def examine(
    keyring: Keyring, submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED
) -> Claim:
    """What a submission claims that `region` logged at `timestamp`, where its log `stated` this of policies: a pure function, so
    that every replay anywhere comes to the same entry (JDG-5).

    Raises Malformed (ORD-2), then Unauthenticated (ORD-3), also for a seed that no key drew where the policy enforces that (VRF-6):
    no lookup has happened by then. Raises Unvouched if what is stated is not signed by a key for policies (POL-5).
    """
    policy = trust_of(keyring).ruling(stated).of(submission.tenant)
    record = decode(submission.body)
    at = wall_seconds(timestamp)
    canonical = keyring.authenticate(submission.tenant, record, record.sig, at)
    if policy.vrf is VrfMode.ENFORCED:
        require_drawn(record, keyring.vrf_keys(submission.tenant, at))
    outcome = policy.judge(record) if stated.text else judge(record)
    entry = Entry(timestamp, region, content_digest(record, canonical), outcome)
    return Claim(Key(submission.tenant, record.pcs_id), entry)


@lru_cache(maxsize=64)
def trust_of(keyring: Keyring) -> Trust:
    """Whom a keyring believes about policies."""
    return Trust(keyring.policy_keys)


class Here:
    """`Examine` for what a node logs itself: by what its log states for a timestamp, which the disk knows."""

    def __init__(self, examine: Examine, stated_at: Callable[[Timestamp], Stated]) -> None:
        self._examine = examine
        self._stated_at = stated_at

    def __call__(
        self, submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /
    ) -> Claim:
        """As `examine`."""
        return self._examine(submission, timestamp, region, stated if stated.text else self._stated_at(timestamp))

    def claims(self, frames: tuple[Frame, ...], region: str) -> tuple[Claim, ...]:
        """As `claims_of`: frames that were logged bring along what was stated."""
        return claims_of(frames, region, self._examine)

    def each(
        self, payloads: Sequence[bytes], timestamps: Sequence[Timestamp], region: str, stated: Stated = UNSTATED
    ) -> Sequence[Claim | Refused]:
        """As `examine_each`: by one call if the log states the same for the first and the last of them."""
        if stated.text or not timestamps:
            return examine_each(self._examine, payloads, timestamps, region, stated)
        said = self._stated_at(timestamps[0])
        if said == self._stated_at(timestamps[-1]):
            return examine_each(self._examine, payloads, timestamps, region, said)
        return one_after_the_other(self, payloads, timestamps, region, stated)


@runtime_checkable
class Together(Protocol):
    """An `Examine` that examines many frames in one call."""

    def __call__(
        self, submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /
    ) -> Claim:
        """As `Examine`."""
        ...

    def claims(self, frames: tuple[Frame, ...], region: str) -> tuple[Claim, ...]:
        """As `claims_of`."""
        ...


@runtime_checkable
class Side(Protocol):
    """An `Examine` that examines side by side what was submitted together."""

    def each(
        self, payloads: Sequence[bytes], timestamps: Sequence[Timestamp], region: str, stated: Stated = UNSTATED
    ) -> Sequence[Claim | Refused]:
        """As `examine_each`."""
        ...


def examine_each(
    examine: Examine,
    payloads: Sequence[bytes],
    timestamps: Sequence[Timestamp],
    region: str,
    stated: Stated = UNSTATED,
) -> Sequence[Claim | Refused]:
    """What each of the submissions claims whose payloads were logged at these rising timestamps, or why it claims nothing."""
    if isinstance(examine, Side):
        return examine.each(payloads, timestamps, region, stated)
    return one_after_the_other(examine, payloads, timestamps, region, stated)


def one_after_the_other(
    examine: Examine,
    payloads: Sequence[bytes],
    timestamps: Sequence[Timestamp],
    region: str,
    stated: Stated = UNSTATED,
) -> Sequence[Claim | Refused]:
    """As `examine_each`, by a call for each."""
    found: list[Claim | Refused] = []
    for payload, timestamp in zip(payloads, timestamps, strict=True):
        try:
            found.append(examine(from_payload(payload), timestamp, region, stated))
        except Refused as refusal:
            found.append(refusal)
    return found


def claims_of(frames: Iterable[Frame], region: str, examine: Examine) -> tuple[Claim, ...]:
    """The claims among frames that a region logged. A frame that `ingest` refused is refused again, and claims nothing (DUP-5).

    Raises Unvouched, and then nothing is claimed, if a policy is stated that no known key signed (POL-5).
    """
    if isinstance(examine, Together):
        return examine.claims(tuple(frames), region)
    claims = []
    for frame in frames:
        try:
            claims.append(examine(from_payload(frame.payload), frame.timestamp, region, frame.stated))
        except Refused:
            continue
    return tuple(claims)
