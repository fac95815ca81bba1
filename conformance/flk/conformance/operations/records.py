"""Records: identity, validity, digest, judgement (ID-*, REC-*, DUP-3, JDG-*)."""

from typing import Annotated

from msgspec import Meta

from flk.conformance.operations.forms import Form
from flk.model.entries.entry import Outcome, Reason
from flk.model.entries.entry import content_digest as model_digest
from flk.model.entries.judgement import judge as model_judge
from flk.model.policies.document import Policy
from flk.model.record import identity
from flk.model.record.record import Pcs, decode
from flk.spec.constants import CONSTANTS


class Triple(Form, frozen=True):
    """What an id is made of."""

    merkle_root: str
    epoch: Annotated[int, Meta(ge=0)]
    shard_id: str


class Body(Form, frozen=True):
    """The body of a submission: `body` as text, or `body_base64` where it is not UTF-8."""

    body: str = ""
    body_base64: bytes = b""

    def content(self) -> bytes:
        """The bytes."""
        return self.body_base64 or self.body.encode()


class ValidRecord(Form, frozen=True):
    """A record that breaks no rule; its signature is not looked at."""

    record: Pcs


class JudgedRecord(ValidRecord, frozen=True):
    """The same, and a policy to judge it by (none: the default), whose signature is not looked at either."""

    policy: Policy | None = None


def tolerance(given: JudgedRecord) -> float:
    """By how much a claimed slope may differ."""
    return CONSTANTS.judgement.tolerance_D_hat if given.policy is None else given.policy.tol_D


def is_scrutinised(told: Outcome) -> bool:
    """Whether what is asked besides rejects a record."""
    return not told.accepted and told.reason is not Reason.D_HAT


def pcs_id(given: Triple) -> str:
    """The id that belongs to the triple."""
    return identity.pcs_id(given.merkle_root, given.epoch, given.shard_id)


def validate(given: Body) -> bool:
    """True for a valid record; else the requirement it breaks and the field at fault. No case breaks two rules."""
    decode(given.content())
    return True


def content_digest(given: ValidRecord) -> str:
    """The digest that tells equivocation from delivery again."""
    return model_digest(given.record)


def judge(given: JudgedRecord) -> Outcome:
    """The outcome under the policy, or where there is none under the default."""
    return model_judge(given.record) if given.policy is None else given.policy.judge(given.record)
