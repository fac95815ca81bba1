"""How a sender puts submissions together to one request, and what of its answer is each one's (OUT-6)."""

from collections.abc import Iterable

import msgspec

from flk.model.flow.answers import BEFORE_LOG, Meaning, meaning
from flk.model.flow.submission import Response, Submission
from flk.spec.constants import CONSTANTS

MOST_RECORDS = CONSTANTS.client.batch_records
MOST_BYTES = CONSTANTS.client.batch_bytes
NOT_OFFERED = frozenset({404, 405, 415, 501})
"""Answers of a server that takes no batches at all."""


class _Line(msgspec.Struct, frozen=True):
    """What an answer's line says of one submission."""

    status: int
    body: msgspec.Raw
    retry_after: float | None = None


_line = msgspec.json.Decoder(_Line).decode


def may_share(submission: Submission) -> bool:
    """Whether a submission can be a line of a batch, byte for byte: its body has no line feed, and is not empty."""
    return bool(submission.body) and b"\n" not in submission.body


def together(waiting: Iterable[Submission]) -> int:
    """How many of the first that wait go in one request: one tenant's, as many as a batch takes, and one at least.

    >>> together([Submission("a", b"{}"), Submission("a", b"{}"), Submission("b", b"{}")])
    2
    """
    count, size, tenant = 0, 0, ""
    for submission in waiting:
        size += len(submission.body) + 1
        if count == 0:
            tenant = submission.tenant
        elif count == MOST_RECORDS or size > MOST_BYTES or submission.tenant != tenant or not may_share(submission):
            break
        count += 1
        if not may_share(submission):
            break
    return count


def body_of(submissions: Iterable[Submission]) -> bytes:
    """The body of a batch: one submission's body to a line."""
    return b"".join(submission.body + b"\n" for submission in submissions)


def shares(count: int, response: Response | None) -> tuple[Response | None, ...] | None:
    r"""What the answer to a batch of so many submissions says to each of them, None where nothing. None for all if the batch was
    not taken as one, so that each is to go alone.

    What refuses a batch as a whole speaks of no record (OUT-6): overload and an unavailable store ask all of them to come again,
    and any other answer settles none.

    >>> shares(2, Response(200, b'{"status":200,"body":{}}\n{"status":503,"bo'))
    (Response(status=200, body=b'{}', retry_after=None), None)
    >>> shares(2, Response(413, b'{"error":"a batch has at most 1 record","requirement":"ORD-5"}')) is None
    True
    """
    if response is None:
        return (None,) * count
    if response.status in BEFORE_LOG and meaning(response.status) is Meaning.RETRY:
        return (response,) * count
    if response.status != 200:
        return None
    lines = response.body.split(b"\n")[:count]
    return tuple(map(_response, lines)) + (None,) * (count - len(lines))


def _response(line: bytes) -> Response | None:
    try:
        said = _line(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Response(said.status, bytes(said.body), said.retry_after)
