"""`ingest` of a tenant of whom something is to be asked first: whether it is active, and within its quotas (TEN-*)."""

from flk.model.effects import Allow, Charge, Foresee, Program
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Response, Submission, refuse
from flk.model.flow.tenants import Tenants
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import Timestamp
from flk.model.programs import ingest as unbounded
from flk.model.programs.examine import Examine
from flk.model.refusal import Refused


def receive(submission: Submission, region: str, examine: Examine, tenants: Tenants) -> Program[Response]:
    """The program that answers a submission. For a tenant of whom nothing is to be asked it is `ingest` itself."""
    if tenants.is_bounded(submission.tenant):
        return ingest(submission, region, examine)
    return unbounded.ingest(submission, region, examine)


def ingest(submission: Submission, region: str, examine: Examine) -> Program[Response]:
    """Answer one submission, unless the tenant is to send no more now.

    What is logged claims at every replay (DUP-5), so what is refused for its tenant's sake must not be in the log. But who names a
    tenant without having its key is told what he is always told, and neither spends a quota nor learns of one: so only what is
    authentic is refused, and all else goes on to the log (TEN-2).
    """
    try:
        yield from Allow(submission.tenant)
    except Refused as refusal:
        if (yield from _is_authentic(submission, region, examine)):
            return refuse(refusal)
    authentic = False

    def examined(submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /) -> Claim:
        nonlocal authentic
        claim = examine(submission, timestamp, region, stated)
        authentic = True
        return claim

    response = yield from unbounded.ingest(submission, region, examined)
    if authentic:
        yield from Charge(submission.tenant)
    return response


def _is_authentic(submission: Submission, region: str, examine: Examine) -> Program[bool]:
    """Whether a submission would be authentic if it were logged now."""
    try:
        examine(submission, (yield from Foresee()), region)
    except Refused:
        return False
    return True
