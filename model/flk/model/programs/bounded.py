"""`ingest` of a tenant of whom something is to be asked first: whether it is active, and within its quotas (TEN-*)."""

from collections.abc import Sequence

from flk.model.effects import Allow, Charge, Each, Foresee, Program
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Response, Submission, payloads_of, refuse
from flk.model.flow.tenants import Tenants
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import Timestamp
from flk.model.programs import batch
from flk.model.programs import ingest as unbounded
from flk.model.programs.examine import Examine, examine_each
from flk.model.refusal import Refused


def receive(submission: Submission, region: str, examine: Examine, tenants: Tenants) -> Program[Response]:
    """The program that answers a submission. For a tenant of whom nothing is to be asked it is `ingest` itself."""
    if tenants.is_bounded(submission.tenant):
        return ingest(submission, region, examine)
    return unbounded.ingest(submission, region, examine)


def receive_batch(
    tenant: str, bodies: Sequence[bytes], region: str, examine: Examine, tenants: Tenants
) -> Program[list[Response]]:
    """The program that answers many submissions of a tenant."""
    if tenants.is_bounded(tenant):
        return ingest_batch(tenant, bodies, region, examine)
    return batch.ingest_batch(tenant, bodies, region, examine)


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
    counted = _Counted(examine)
    response = yield from unbounded.ingest(submission, region, counted)
    if counted.authentic:
        yield from Charge(submission.tenant)
    return response


def ingest_batch(tenant: str, bodies: Sequence[bytes], region: str, examine: Examine) -> Program[list[Response]]:
    """Answer each submission as `ingest` answers it, if these are begun in their order and none is over before all have begun."""
    answers: dict[int, Response] = {}
    try:
        yield from Allow(tenant)
    except Refused as refusal:
        authentic = yield from _are_authentic(tenant, bodies, region, examine)
        answers = dict.fromkeys(authentic, refuse(refusal))
    counted = _Counted(examine)
    there = [number for number in range(len(bodies)) if number not in answers]
    if there:
        responses = yield from batch.ingest_batch(tenant, [bodies[number] for number in there], region, counted)
        answers |= zip(there, responses, strict=True)
    yield from Each([Charge(tenant)] * counted.authentic)
    return [answers[number] for number in range(len(bodies))]


def _is_authentic(submission: Submission, region: str, examine: Examine) -> Program[bool]:
    """Whether a submission would be authentic if it were logged now."""
    try:
        examine(submission, (yield from Foresee()), region)
    except Refused:
        return False
    return True


def _are_authentic(tenant: str, bodies: Sequence[bytes], region: str, examine: Examine) -> Program[list[int]]:
    """Which of the submissions would be authentic if they were logged now."""
    timestamps = [moment for moment in (yield from Each([Foresee()] * len(bodies))) if not isinstance(moment, Refused)]
    try:
        payloads = payloads_of(tenant, bodies)
    except Refused:
        return []
    if len(timestamps) < len(payloads):
        return []
    found = examine_each(examine, payloads, timestamps, region)
    return [number for number, one in enumerate(found) if not isinstance(one, Refused)]


class _Counted:
    """`examine`, and how many of those it examined were authentic."""

    def __init__(self, examine: Examine) -> None:
        self.authentic = 0
        self._examine = examine

    def __call__(
        self, submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /
    ) -> Claim:
        claim = self._examine(submission, timestamp, region, stated)
        self.authentic += 1
        return claim

    def each(
        self, payloads: Sequence[bytes], timestamps: Sequence[Timestamp], region: str, stated: Stated = UNSTATED
    ) -> Sequence[Claim | Refused]:
        found = examine_each(self._examine, payloads, timestamps, region, stated)
        self.authentic += sum(not isinstance(one, Refused) for one in found)
        return found
