"""What a node of this service does with a submission: a generator that yields effects, as `flk.model.programs.ingest` is one.

It does no I/O and reads no clock, so the simulator, the tests and a server can run the very same code.
"""

from flk.model.effects import INBOX, Admit, Append, Program, Store
from flk.model.flow.submission import Response, Submission, answer, refuse
from flk.model.programs.examine import Examine
from flk.model.refusal import Refused, Unavailable
from flk.sim import MODEL


def ingest(submission: Submission, region: str, examine: Examine) -> Program[Response]:
    """Log the record, look at it, store it, and answer with what is stored."""
    try:
        payload = submission.payload()
        yield from Admit(submission.tenant, len(submission.body))
        timestamp = yield from Append(INBOX, payload)
        claim = examine(submission, timestamp, region)
    except Refused as refusal:
        return refuse(refusal)
    try:
        return answer(claim, (yield from Store(claim)))
    except Unavailable as refusal:
        return refuse(refusal)


PROGRAMS = MODEL._replace(ingest=ingest)
"""This service's programs: its own `ingest`, and the model's for the rest."""
