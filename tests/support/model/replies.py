"""What a node says of a submission, whatever the test wants it to say."""

import msgspec

from flk.model.entries.entry import Claim, Entry, Key, content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.submission import Problem, Response, Submission, answer
from flk.model.log.hlc import Timestamp
from flk.model.record.record import decode


def reply(sent: Submission, status: int, retry_after: float | None = None) -> Response:
    """A node's answer of that status, about just this submission."""
    if status not in STATES_ENTRY:
        return Response(status, msgspec.json.encode(Problem("as scripted", "ORD-2", None)), retry_after)
    record = decode(sent.body)
    entry = Entry(Timestamp(1 << 16), "eu", content_digest(record), judge(record))
    stored = msgspec.structs.replace(entry, digest="0" * 64) if status == 409 else entry
    return Response(status, answer(Claim(Key(sent.tenant, record.pcs_id), entry), stored).body, retry_after)
