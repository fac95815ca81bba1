"""What a candidate policy would have decided of the records that a log holds (POL-11)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from heapq import nsmallest
from pathlib import Path

import msgspec

from flk.impl.data import reading
from flk.model.entries.entry import Outcome
from flk.model.flow.submission import from_payload
from flk.model.log.frames import Frame, scan
from flk.model.log.hlc import text, wall_seconds
from flk.model.policies.document import Policy, VrfMode
from flk.model.programs.examine import trust_of
from flk.model.record.drawing import require_drawn
from flk.model.record.record import Pcs, decode
from flk.model.record.signing import Keyring
from flk.model.refusal import Refused


class Changed(msgspec.Struct, frozen=True):
    """A record whose outcome would be another: whose it is, when it was logged, what regime it claims, both outcomes; or by which
    requirement it would be refused (VRF-6).
    """

    tenant: str
    pcs_id: str
    logged: str
    regime: str
    before: Outcome
    after: Outcome
    refused: str = ""

    @property
    def transition(self) -> str:
        """From which reason to which, or to the requirement by which it would be refused."""
        return f"{self.before.reason} -> {self.refused or self.after.reason}"


class Plan(msgspec.Struct, frozen=True):
    """How many records were judged again, of how many, and those whose outcome would be another."""

    version: str
    records: int
    judged: int
    changed: tuple[Changed, ...]

    @property
    def by_reason(self) -> dict[str, int]:
        """How many go from which reason to which."""
        return dict(Counter(each.transition for each in self.changed))

    @property
    def by_tenant(self) -> dict[str, int]:
        """How many of each tenant."""
        return dict(Counter(each.tenant for each in self.changed))

    @property
    def by_regime(self) -> dict[str, int]:
        """How many of each claimed regime."""
        return dict(Counter(each.regime for each in self.changed))


def plan(data: Path, keyring: Keyring, candidate: Policy, sample: int | None = None) -> Plan:
    """Judge what a directory's log holds under a candidate, for all tenants; of a sample, those with the least hashes of their ids.

    Each record counts once, as the first that was logged under its id; what was refused counts nothing. Raises UnusableInput if
    the directory cannot be read, Unvouched if its log states a policy that no key of the keyring signed.
    """
    first: dict[tuple[str, str], tuple[Frame, Pcs]] = {}
    for frame in _frames(data):
        found = _authentic(frame, keyring)
        if found is not None:
            first.setdefault(found[0], (frame, found[1]))
    chosen: Iterable[tuple[str, str]] = first
    if sample is not None and sample < len(first):
        chosen = nsmallest(sample, first, key=lambda key: sha256("\n".join(key).encode()).digest())
    changed, judged = [], 0
    for judged, key in enumerate(chosen, 1):  # noqa: B007 (it is returned)
        frame, record = first[key]
        before = trust_of(keyring).ruling(frame.stated).of(key[0]).judge(record)
        after = candidate.judge(record)
        refused = _refused(record, frame, keyring, key[0], candidate)
        if before != after or refused:
            changed.append(Changed(*key, text(frame.timestamp), record.regime.value, before, after, refused))
    return Plan(candidate.version, len(first), judged, tuple(changed))


def _frames(data: Path) -> Iterator[Frame]:
    """What the directory's inbox holds, in its order: the log that has the name of the disk."""
    whose = reading.identity(data)
    for log in reading.logs(data):
        if log.name == f"{whose.region}.{whose.identity:06d}":
            for path in log.segments:
                yield from scan(path.read_bytes()).frames


def _refused(record: Pcs, frame: Frame, keyring: Keyring, tenant: str, policy: Policy) -> str:
    """The requirement by which a policy refuses a record that is authentic, empty if it does not (VRF-6)."""
    if policy.vrf is VrfMode.ENFORCED:
        try:
            require_drawn(record, keyring.vrf_keys(tenant, wall_seconds(frame.timestamp)))
        except Refused as refusal:
            return refusal.requirement
    return ""


def _authentic(frame: Frame, keyring: Keyring) -> tuple[tuple[str, str], Pcs] | None:
    submission = from_payload(frame.payload)
    try:
        record = decode(submission.body)
        keyring.authenticate(submission.tenant, record, record.sig, wall_seconds(frame.timestamp))
    except Refused:
        return None
    policy = trust_of(keyring).ruling(frame.stated).of(submission.tenant)
    if _refused(record, frame, keyring, submission.tenant, policy):
        return None
    return (submission.tenant, record.pcs_id), record
