"""`POST /v1/pcs/submit` (ORD-1): log, parse, validate, verify, claim, reply."""

from flk.model.effects import INBOX, Admit, Append, Program, Store
from flk.model.flow.submission import Response, Submission, answer, refuse
from flk.model.programs.examine import Examine
from flk.model.refusal import Refused


def ingest(submission: Submission, region: str, examine: Examine) -> Program[Response]:
    """Answer one submission. The first write for its key wins, and every answer is the stored outcome."""
    try:
        payload = submission.payload()
        yield from Admit(submission.tenant, len(submission.body))
        timestamp = yield from Append(INBOX, payload)  # durable before anything is parsed (WAL-1)
        claim = examine(submission, timestamp, region)
        stored = yield from Store(claim)
        return answer(claim, stored)
    except Refused as refusal:
        return refuse(refusal)
