"""Many records in one request, where a server takes them (BAT-*): each is a submission of its own."""

import json
from collections.abc import Sequence

from flk.conformance.drafts.mutations import Fields
from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed, Reply
from flk.conformance.server.target import (
    NotApplicable,
    Server,
    as_body,
    expect_outcome,
    expect_refusal,
    expect_status,
)
from flk.model.flow.answers import BATCH_PATH
from flk.model.flow.batch import MEDIA_TYPE
from flk.spec.constants import CONSTANTS


@check("BAT-1", "DUP-2", "DUP-3")
def batch_lines_are_submissions(server: Server) -> None:
    """Each line of a batch is answered as the record alone, and in order: good, forged, malformed, twice, with other content."""
    first, second, third = (server.record() for _ in range(3))
    good, escalated = server.signed(first), server.signed({**second, "budget": 0.9})
    forged = {**server.signed(third), "r": 0.6, "budget": 0.37}
    other = server.signed({**first, "r": 0.6, "budget": 0.37})
    spaced = server.signed(third)
    torn, empty = b'{"pcs_id":', b""
    lines: list[Fields | bytes] = [good, forged, torn, good, other, empty, as_body(spaced) + b"\r", escalated]
    replies = _lines(_sent(server, lines), len(lines))
    for line, record in ((0, good), (6, spaced), (7, escalated)):
        expect_outcome(replies[line], record)
        _expect_equal(replies[line], server.submit(record), f"line {line + 1}, and the record alone")
    expect_refusal(replies[1], 401, "SIGN-6", "line 2, a forged record", field="sig")
    for line, bad in ((2, torn), (5, empty)):
        expect_status(replies[line], 400, f"line {line + 1}, which is no record")
        _expect_equal(replies[line], server.submit(bad), f"line {line + 1}, and the same alone")
    _expect_equal(replies[3], replies[0], "line 4, which is line 1 again")
    expect_status(replies[4], 409, "line 5, another content under the id of line 1")
    _expect_equal(replies[4], server.submit(other), "line 5, and the record alone")


@check("BAT-2", "DUP-5")
def batch_refused_whole(server: Server) -> None:
    """A batch of another media type, without a record or with too many gets one refusal, and none of its records is stored."""
    record = server.record()
    good = server.signed(record)
    expect_refusal(_sent(server, [good], "application/json"), 415, "BAT-2", "a batch that says it is JSON")
    expect_refusal(_sent(server, []), 400, "BAT-2", "a batch without a record")
    most = CONSTANTS.http.max_batch_records
    expect_refusal(_sent(server, [good, *[b"{}"] * most]), 413, "BAT-2", f"a batch of {most + 1} records")
    other = server.signed({**record, "r": 0.6, "budget": 0.37})
    expect_outcome(server.submit(other), other)


def _sent(server: Server, lines: Sequence[Fields | bytes], media_type: str = MEDIA_TYPE) -> Reply:
    """The answer to a batch. Raises NotApplicable if the server takes none."""
    headers = [("Content-Type", media_type), *(field for field in server.headers() if field[0] != "Content-Type")]
    reply = server.client.request("POST", BATCH_PATH, b"\n".join(map(as_body, lines)), headers)
    if reply.status == 404:
        raise NotApplicable(f"needs {BATCH_PATH}, which a server may lack")
    return reply


def _lines(reply: Reply, count: int) -> list[Reply]:
    """The answers to the records of a batch."""
    expect_status(reply, 200, "a batch of good and bad records")
    if reply.headers.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
        raise Failed(f"a batch is answered with {MEDIA_TYPE}, not {reply.headers.get('content-type')}")
    told = reply.body.splitlines()
    if len(told) != count:
        raise Failed(f"{count} records were sent, and {len(told)} lines came: {reply}")
    return [_line(number, line) for number, line in enumerate(told, 1)]


def _line(number: int, text: bytes) -> Reply:
    line = Reply(200, {}, text).json()
    status, body = line.get("status"), line.get("body")
    if not isinstance(status, int) or not isinstance(body, dict):
        raise Failed(f"line {number} is an object of status and body, not {text.decode(errors='replace')}")
    wait = {"retry-after": str(line["retry_after"])} if "retry_after" in line else {}
    return Reply(status, wait, json.dumps(body).encode())


def _expect_equal(line: Reply, alone: Reply, what: str) -> None:
    """Raises Failed unless both say the same."""
    if (line.status, line.json()) != (alone.status, alone.json()):
        raise Failed(f"{what}: first {line}, then {alone}")
