"""What is proposed where regions differ, who decides it, and what came of it (DIV-5, DIV-6): pure functions.

    divergence/eu/proposals/ROUND-DIGEST     what region eu could do; DIGEST begins the SHA-256 of the object
    divergence/eu/decisions/ROUND-DIGEST     that somebody approved or rejected it
    divergence/eu/outcomes/ROUND-DIGEST      what came of it

Each is created once and never changed, so of two decisions the first counts, and a proposal that was altered is not what its name
says.
"""

import re
from enum import StrEnum
from hashlib import sha256

import msgspec

from flk.model.entries.compared import LIMITS, BadObject, Columns, claim_of, read_as, written
from flk.model.entries.snapshot import heads_of
from flk.model.log.hlc import Timestamp, text
from flk.spec.constants import CONSTANTS

_ID = re.compile(r"[0-9a-f]{16}-[0-9a-f]{32}")


class Action(StrEnum):
    """What could be done. A majority of the regions decides nothing: most of them may hold the later entry (CRR-1)."""

    REPLAY_MISSING = "replay-missing"
    CHOOSE_FIRST = "choose-first"
    MANUAL_REVIEW = "manual-review"


class Mode(StrEnum):
    """What is done without being approved."""

    MANUAL = "manual"
    AUTO_SAFE = "auto-safe"
    AUTO_AGGRESSIVE = "auto-aggressive"


class Verdict(StrEnum):
    """What somebody decided."""

    APPROVED = "approved"
    REJECTED = "rejected"


class State(StrEnum):
    """What came of a proposal. `settled`: the store has it by now, without it."""

    APPLIED = "applied"
    FAILED = "failed"
    REJECTED = "rejected"
    SETTLED = "settled"


SCORES = {
    Action.REPLAY_MISSING: LIMITS.replay_missing_score,
    Action.CHOOSE_FIRST: LIMITS.choose_first_score,
    Action.MANUAL_REVIEW: LIMITS.manual_review_score,
}


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `region` could do about claims that it lacks, as it found in a round with a peer: replay the segment that is the
    `evidence`, or join what a snapshot of that name has. `percent` of the entries compared were lost so.
    """

    region: str
    peer: str
    round: Timestamp
    action: Action
    score: float
    percent: float
    evidence: str
    claims: tuple[Columns, ...]
    because: str


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody decided of a proposal."""

    region: str
    proposal: str
    verdict: Verdict


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of a proposal, why if it failed, and how many claims were joined."""

    region: str
    proposal: str
    state: State
    reason: str = ""
    joined: int = 0


def proposals_of(region: str) -> str:
    """The prefix of what is proposed to a region."""
    return f"{LIMITS.object_prefix}{region}/proposals/"


def decisions_of(region: str) -> str:
    """The prefix of what was decided of that."""
    return f"{LIMITS.object_prefix}{region}/decisions/"


def outcomes_of(region: str) -> str:
    """The prefix of what came of that."""
    return f"{LIMITS.object_prefix}{region}/outcomes/"


def is_id(name: str) -> bool:
    """Whether a proposal may have this id."""
    return _ID.fullmatch(name) is not None


def proposed(proposal: Proposal) -> tuple[str, bytes]:
    """The id of a proposal, which follows from what it says, and the content of its object."""
    content = written(proposal)
    return _id(proposal, content), content


def read_proposal(region: str, id_: str, content: bytes) -> Proposal:
    """What is proposed under an id. Raises BadObject if it is not what the id says, or makes no sense."""
    name = proposals_of(region) + id_
    found = read_as(Proposal, name, content)
    if found.region != region or _id(found, content) != id_:
        raise BadObject(f"DIV-6: {name} is not the proposal that was made under this name")
    if found.score != SCORES[found.action] or not 0 <= found.percent <= 100 or not found.claims:
        raise BadObject(f"DIV-6: {name} has a score that {found.action} does not have, no percentage, or no claims")
    return found


def read_decision(region: str, id_: str, content: bytes) -> Decision:
    """What was decided of a proposal. Raises BadObject if it is another's."""
    name = decisions_of(region) + id_
    found = read_as(Decision, name, content)
    if (found.region, found.proposal) != (region, id_):
        raise BadObject(f"DIV-6: {name} is a decision on {found.proposal!r} of {found.region!r}, and was copied there")
    return found


def read_result(region: str, id_: str, content: bytes) -> Result:
    """What came of a proposal. Raises BadObject if it is another's."""
    name = outcomes_of(region) + id_
    found = read_as(Result, name, content)
    if (found.region, found.proposal) != (region, id_):
        raise BadObject(f"DIV-6: {name} is what came of {found.proposal!r} of {found.region!r}, and was copied there")
    return found


def permits(mode: Mode, proposal: Proposal) -> bool:
    """Whether a proposal is applied without being approved (DIV-6)."""
    if mode is Mode.MANUAL or proposal.action is Action.MANUAL_REVIEW or SCORES[proposal.action] < _least(mode):
        return False
    if is_hearsay(proposal):
        return False
    if mode is Mode.AUTO_SAFE:
        return proposal.action is Action.REPLAY_MISSING and proposal.percent < LIMITS.safe_percent
    return proposal.percent <= LIMITS.review_percent


def is_hearsay(proposal: Proposal) -> bool:
    """Whether only a snapshot has the claims that a region wrote which did not log them. Nothing of it is signed: whoever may write
    there could have made it up.
    """
    others = (heads_of(region) for region in {claim_of(columns).entry.region for columns in proposal.claims})
    is_snapshot = proposal.evidence.startswith(CONSTANTS.snapshot.object_prefix)
    return is_snapshot and not all(proposal.evidence.startswith(heads) for heads in others)


def _least(mode: Mode) -> float:
    """The least score that a mode applies."""
    return LIMITS.safe_threshold if mode is Mode.AUTO_SAFE else LIMITS.aggressive_threshold


def _id(proposal: Proposal, content: bytes) -> str:
    return f"{text(proposal.round)}-{sha256(content).hexdigest()[:32]}"
