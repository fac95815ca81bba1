"""Many submissions in one request (BAT-*): one to a line, and an answer to each on a line of its own.

A batch adds nothing to what a submission means: each is answered by `ingest`, as if it had come alone.
"""

from collections.abc import Sequence

from flk.model.flow.submission import Response
from flk.model.refusal import Malformed, TooLarge
from flk.spec.constants import CONSTANTS, Http

HTTP = CONSTANTS.http
MEDIA_TYPE = "application/x-ndjson"


def require_size(size: int, limits: Http = HTTP) -> None:
    """Return if a batch may have so many bytes. Raises TooLarge (BAT-2)."""
    if size > limits.max_batch_bytes:
        raise TooLarge("BAT-2", f"a batch has at most {limits.max_batch_bytes} bytes; {size} were announced or sent")


def records_of(body: bytes, limits: Http = HTTP) -> list[bytes]:
    r"""The bodies of a batch's submissions, byte for byte: what lies before each line feed, and behind the last if anything does.

    Raises Malformed if there are none, TooLarge if there are too many (BAT-2).

    >>> records_of(b"{}\r\n\n{}")
    [b'{}\r', b'', b'{}']
    """
    records = body.split(b"\n", limits.max_batch_records)  # and no further: a line may have no bytes
    if not records[-1]:
        records.pop()
    if not records:
        raise Malformed("BAT-2", "a batch has a record, one to a line")
    if len(records) > limits.max_batch_records:
        raise TooLarge("BAT-2", f"a batch has at most {limits.max_batch_records} records, one to a line")
    return records


def lines_of(responses: Sequence[Response]) -> bytes:
    """The body of the answer to a batch: a line for each submission, in their order (BAT-1).

    >>> lines_of([Response(200, b'{"accepted":true}'), Response(503, b'{}', 1)]).decode().splitlines()
    ['{"status":200,"body":{"accepted":true}}', '{"status":503,"body":{},"retry_after":1}']
    """
    return b"".join(map(_line, responses))


def _line(response: Response) -> bytes:
    if response.retry_after is None:
        return b'{"status":%d,"body":%b}\n' % (response.status, response.body)
    return b'{"status":%d,"body":%b,"retry_after":%d}\n' % (response.status, response.body, response.retry_after)
