"""What an answer means to the sender of a submission, who trusts nothing but what it says of that submission (OUT-6)."""

import msgspec

from flk.model.entries.entry import content_digest
from flk.model.flow.answers import STATES_ENTRY, Meaning, meaning
from flk.model.flow.submission import Response, StoredOutcome, Submission
from flk.model.record.record import decode
from flk.model.refusal import Malformed


class _Refusal(msgspec.Struct):
    """What each refusal of a node says, whatever else is in it (ORD-2)."""

    error: str
    requirement: str


_outcome = msgspec.json.Decoder(StoredOutcome).decode
_refusal = msgspec.json.Decoder(_Refusal).decode


def means(submission: Submission, response: Response | None) -> Meaning:
    """What the answer means for the submission: RETRY, unless it is a node's and about just this record (OUT-6).

    A portal or a proxy may answer with any status. An acknowledgement states the outcome of the record's id and of its content's
    digest; 409 states that of its id and of another digest; any other refusal names the requirement on which it rests.

    >>> means(Submission("default", b"{}"), Response(200, b"<html>Please log in</html>"))
    <Meaning.RETRY: 'retry later'>
    >>> means(Submission("default", b"{}"), Response(400, b'{"error":"no pcs_id","requirement":"REC-3"}'))
    <Meaning.REFUSED: 'refused for good'>
    """
    if response is None:
        return Meaning.RETRY
    said = meaning(response.status)
    if said is Meaning.RETRY:
        return Meaning.RETRY
    try:
        if response.status in STATES_ENTRY:
            is_own = _states(submission, _outcome(response.body), same_content=said is Meaning.ACKNOWLEDGED)
            return said if is_own else Meaning.RETRY
        _refusal(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, Malformed):
        return Meaning.RETRY
    return said


def _states(submission: Submission, stated: StoredOutcome, *, same_content: bool) -> bool:
    """Whether the outcome is of the record's id, and of its content or of another. Raises Malformed for what is no record."""
    record = decode(submission.body)
    return stated.pcs_id == record.pcs_id and (stated.digest == content_digest(record)) == same_content
