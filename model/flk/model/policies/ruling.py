"""What a log says of policies: which are known, which is in force, which is tried, and how that came about (POL-6, POL-7, POL-9).

A ruling is a whole value: whoever has the last one needs none before it. Each change makes the next, with its event at the end of
the history.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus

import msgspec

from flk.model.log.hlc import Timestamp, text
from flk.model.policies.document import DEFAULT, LIMITS, Policy, policy_digest
from flk.model.refusal import Refused

ALL = LIMITS.share_parts
"""The share of every tenant."""


class Kind(StrEnum):
    """What was done with a policy."""

    REGISTERED = "registered"
    STAGED = "staged"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was done, with which policy, for which share of the tenants (if staged), by whom, and when (a timestamp of the log)."""

    kind: Kind
    version: str
    digest: str
    by: str
    at: str
    share: int = 0


class Ruling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The policies that are known, oldest first; the versions of the one in force, of those before it, the last one last, and of
    the candidate (empty: none), by which a share of the tenants is judged; the number of all events, and the last of them.
    """

    policies: tuple[Policy, ...] = ()
    in_force: str = DEFAULT.version
    before: tuple[str, ...] = ()
    candidate: str = ""
    share: int = 0
    number: int = 0
    history: tuple[Event, ...] = ()

    def known(self, version: str) -> Policy | None:
        """The policy of a version, None if it is not known (any more)."""
        return next((policy for policy in (DEFAULT, *self.policies) if policy.version == version), None)

    def policy(self, version: str) -> Policy:
        """The policy of a version that is in force or on trial."""
        found = self.known(version)
        assert found is not None, "what is used is kept"
        return found

    def of(self, tenant: str) -> Policy:
        """The policy by which a tenant's records are judged (POL-7)."""
        return self.policy(self.candidate if self.is_staged(tenant) else self.in_force)

    def other(self, tenant: str) -> Policy | None:
        """The policy that a tenant's records are held against as well, without effect; None while none is on trial."""
        return self.policy(self.in_force if self.is_staged(tenant) else self.candidate) if self.candidate else None

    def is_staged(self, tenant: str) -> bool:
        """Whether the candidate judges a tenant's records. Whom a share includes, a greater one includes, too."""
        return bool(self.candidate) and part_of(self.candidate, tenant) < self.share

    @property
    def greatest(self) -> tuple[int, ...]:
        """The greatest version that was ever known: the newest policy is always kept."""
        return max(policy.number for policy in (DEFAULT, *self.policies))


NO_RULING = Ruling()
"""What holds where a log says nothing of policies."""


def part_of(version: str, tenant: str) -> int:
    """Where a tenant stands among all, from 0 to `ALL` - 1, when a policy is staged: a hash, so all readers find the same (POL-7).

    >>> part_of("1.1.0", "default")
    2588
    """
    return int.from_bytes(sha256(f"{version}\n{tenant}".encode()).digest()[:8]) % ALL


def encoded(ruling: Ruling) -> bytes:
    """The ruling as a log states it."""
    return msgspec.json.encode(ruling)


@lru_cache(maxsize=64)
def decoded(stated: bytes) -> Ruling:
    """The ruling that a log states; of nothing, that which holds then. Raises ValueError for what is none."""
    if not stated:
        return NO_RULING
    ruling = msgspec.json.decode(stated, type=Ruling)
    if any(ruling.known(version) is None for version in (ruling.in_force, ruling.candidate or ruling.in_force)):
        raise ValueError("POL-9: a ruling does not hold the policies that it names")
    return ruling


class Conflict(Refused):
    """A change of policies that cannot be made as things are (POL-6): 409."""

    status = HTTPStatus.CONFLICT

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__("POL-6", detail, field=field)


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an operator asks for: a policy to register, or what to do with the one of a version, for which share of the tenants. A
    rollback without a version takes back what was done last.
    """

    kind: Kind
    by: str
    policy: Policy | None = None
    version: str = ""
    share: int = 0


def changed(ruling: Ruling, change: Change, at: Timestamp) -> Ruling:
    """The ruling after a change; the same one if there is nothing to do. Raises Conflict, which says what to do instead."""
    made = _CHANGES[change.kind](ruling, change)
    if made == ruling:
        return ruling
    version = _concerned(made, change)
    event = Event(change.kind, version, policy_digest(made.policy(version)), change.by, text(at), made.share)
    kept = (*made.history, event)[-LIMITS.kept_events :]
    return _trimmed(msgspec.structs.replace(made, number=ruling.number + 1, history=kept))


def _concerned(made: Ruling, change: Change) -> str:
    """The version that an event is about: what came in, or is in force again, or what was named."""
    match change.kind:
        case Kind.REGISTERED:
            return made.policies[-1].version
        case Kind.ROLLED_BACK:
            return made.in_force
        case _:
            return change.version


def _register(ruling: Ruling, change: Change) -> Ruling:
    policy = change.policy
    if policy is None:
        raise Conflict("to register is to give the policy", "policy")
    known = ruling.known(policy.version)
    if known is not None and policy_digest(known) == policy_digest(policy):
        return ruling
    if known is not None:
        raise Conflict(f"version {policy.version} exists with another content; give it the next number", "version")
    if policy.number <= ruling.greatest:
        last = ".".join(map(str, ruling.greatest))
        raise Conflict(
            f"version {policy.version} is not beyond {last}, the last one; give it a greater number", "version"
        )
    return msgspec.structs.replace(ruling, policies=(*ruling.policies, policy))


def _stage(ruling: Ruling, change: Change) -> Ruling:
    version = _registered(ruling, change.version)
    if not 0 <= change.share <= ALL:
        raise Conflict(f"a share counts parts of {ALL}, from 0 on", "share")
    if version == ruling.in_force:
        raise Conflict(f"policy {version} is in force for all tenants; stage another", "version")
    return msgspec.structs.replace(ruling, candidate=version, share=change.share)


def _promote(ruling: Ruling, change: Change) -> Ruling:
    version = _registered(ruling, change.version)
    if version == ruling.in_force:
        return ruling
    return msgspec.structs.replace(
        ruling, in_force=version, before=(*ruling.before, ruling.in_force), candidate="", share=0
    )


def _roll_back(ruling: Ruling, change: Change) -> Ruling:
    """A candidate goes first. Else what was in force before is again: the last one, or back to that of a version."""
    if change.version:
        if change.version not in ruling.before:
            were = ", ".join(ruling.before) or "none"
            raise Conflict(f"policy {change.version} was not in force before (known: {were}); promote it", "version")
        place = len(ruling.before) - 1 - ruling.before[::-1].index(change.version)
    elif ruling.candidate:
        return msgspec.structs.replace(ruling, candidate="", share=0)
    elif ruling.before:
        place = len(ruling.before) - 1
    else:
        raise Conflict(f"policy {ruling.in_force} is the first of this log; there is none to go back to")
    return msgspec.structs.replace(
        ruling, in_force=ruling.before[place], before=ruling.before[:place], candidate="", share=0
    )


_CHANGES: dict[Kind, Callable[[Ruling, Change], Ruling]] = {
    Kind.REGISTERED: _register,
    Kind.STAGED: _stage,
    Kind.PROMOTED: _promote,
    Kind.ROLLED_BACK: _roll_back,
}


def _registered(ruling: Ruling, version: str) -> str:
    if ruling.known(version) is None:
        known = ", ".join(policy.version for policy in (DEFAULT, *ruling.policies))
        raise Conflict(f"policy {version!r} is not known here (known: {known}); register it first", "version")
    return version


def _trimmed(ruling: Ruling) -> Ruling:
    """Of more policies than a log carries along, the oldest are left out that are neither used nor the newest."""
    used = {ruling.in_force, ruling.candidate, ruling.policies[-1].version if ruling.policies else ""}
    spare = [policy for policy in ruling.policies if policy.version not in used]
    kept = spare[max(0, len(ruling.policies) - LIMITS.kept_policies) :]
    policies = tuple(policy for policy in ruling.policies if policy.version in used or policy in kept)
    known = {DEFAULT.version, *(policy.version for policy in policies)}
    before = tuple(version for version in ruling.before if version in known)[-LIMITS.kept_policies :]
    return msgspec.structs.replace(ruling, policies=policies, before=before)
