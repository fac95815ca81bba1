"""`POST /v1/pcs/submit` (ORD-1): log, parse, validate, verify, claim, reply."""

from collections.abc import Iterable

from flk.model.effects.effects import INBOX, Admit, Append, Program, Store
from flk.model.entries.entry import Claim, Entry, Key, Outcome, content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.submission import Response, Submission, answer, from_payload, refuse
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp, wall_seconds
from flk.model.record.record import decode
from flk.model.record.signing import Keyring
from flk.model.refusal import Refused


def ingest(submission: Submission, region: str, keyring: Keyring) -> Program[Response]:
    """Answer one submission. The first write for its key wins, and every answer is the stored outcome."""
    try:
        payload = submission.payload()
        yield from Admit(submission.tenant, len(submission.body))
        timestamp = yield from Append(INBOX, payload)  # durable before anything is parsed (WAL-1)
        claim = examine(submission, timestamp, region, keyring)
        stored = yield from Store(claim)
        return answer(claim, stored)
    except Refused as refusal:
        return refuse(refusal)


def examine(submission: Submission, timestamp: Timestamp, region: str, keyring: Keyring) -> Claim:
    """What a logged submission claims: a pure function, so that every replay anywhere comes to the same entry (JDG-5).

    Raises Malformed (ORD-2), then Unauthenticated (ORD-3): no lookup has happened by then.
    """
    key, digest, outcome = keyring.read(submission.tenant, submission.body, wall_seconds(timestamp), _read)
    return Claim(key, Entry(timestamp, region, digest, outcome))


def _read(tenant: str, body: bytes, at: float, keyring: Keyring) -> tuple[Key, str, Outcome]:
    """What does not depend on where a submission was logged, nor on when but for the keys that are live `at` that wall time."""
    record = decode(body)
    canonical = keyring.authenticate(tenant, record, record.sig, at)
    return Key(tenant, record.pcs_id), content_digest(record, canonical), judge(record)


def claims_of(frames: Iterable[Frame], region: str, keyring: Keyring) -> tuple[Claim, ...]:
    """The claims among logged frames. A frame that `ingest` refused is refused again, and claims nothing (DUP-5)."""
    claims = []
    for frame in frames:
        try:
            claims.append(examine(from_payload(frame.payload), frame.timestamp, region, keyring))
        except Refused:
            continue
    return tuple(claims)
