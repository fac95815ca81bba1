"""The refuted designs of `formal`'s gallery as programs, for a run that shows what a counterexample says.

Each differs from the model's program in the one place that its story tells.
"""

from flk.model.effects import (
    INBOX,
    Admit,
    Append,
    Fetch,
    GetObject,
    ListObjects,
    Mark,
    Marked,
    Merge,
    Program,
    PutObject,
    ReadSegment,
    Seal,
    Segments,
    Store,
)
from flk.model.entry import Claim, Entry, Key
from flk.model.frames import log_of, scan, sealed_frames
from flk.model.hlc import at
from flk.model.programs.ingest import claims_of, examine
from flk.model.programs.recover import mark_applied
from flk.model.programs.replay import PREFIX, Replayed
from flk.model.programs.ship import SHIPPED
from flk.model.record import decode
from flk.model.refusal import Refused, Unavailable
from flk.model.signing import Keyring
from flk.model.submission import Response, Submission, answer, refuse
from flk.sim.programs import MODEL, Programs


def answer_before_durable(submission: Submission, region: str, keyring: Keyring) -> Program[Response]:
    """Answer from what was computed in memory; the log is to follow."""
    try:
        yield from Admit(submission.tenant, len(submission.body))
        claim = examine(submission, at(0.0), region, keyring)
        return answer(claim, claim.entry)
    except Refused as refusal:
        return refuse(refusal)


def lookup_before_check(submission: Submission, region: str, keyring: Keyring) -> Program[Response]:
    """Answer a record whose id is known without looking at its signature."""
    try:
        yield from Admit(submission.tenant, len(submission.body))
        timestamp = yield from Append(INBOX, submission.payload())
        key = Key(submission.tenant, decode(submission.body).pcs_id)
        known = yield from _stored(region, key)
        if known is not None:
            return answer(Claim(key, known), known)
        claim = examine(submission, timestamp, region, keyring)
        return answer(claim, (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def ignored_store_error(submission: Submission, region: str, keyring: Keyring) -> Program[Response]:
    """Answer with the computed outcome although the store could not keep it."""
    try:
        yield from Admit(submission.tenant, len(submission.body))
        timestamp = yield from Append(INBOX, submission.payload())
        claim = examine(submission, timestamp, region, keyring)
    except Refused as refusal:
        return refuse(refusal)
    try:
        return answer(claim, (yield from Store(claim)))
    except Unavailable:
        return answer(claim, claim.entry)


def keep_what_is_stored(submission: Submission, region: str, keyring: Keyring) -> Program[Response]:
    """A claim whose key has an entry, however late, is answered with that entry and changes nothing."""
    try:
        yield from Admit(submission.tenant, len(submission.body))
        timestamp = yield from Append(INBOX, submission.payload())
        claim = examine(submission, timestamp, region, keyring)
        known = yield from _stored(region, claim.key)
        return answer(claim, known or (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def mark_before_upload() -> Program[tuple[str, ...]]:
    """Move the watermark, then upload."""
    yield from Seal(INBOX)
    yield from mark_applied()
    names = yield from Segments(INBOX, after=(yield from Marked(SHIPPED)), sealed=True)
    for name in names:
        yield from Mark(SHIPPED, name)
        yield from PutObject(PREFIX + name, (yield from ReadSegment(name)))
    return names


def unsealed_shipping() -> Program[tuple[str, ...]]:
    """Upload every segment that was not uploaded yet, the open one included."""
    names = yield from Segments(INBOX, after=(yield from Marked(SHIPPED)))
    for name in names:
        yield from PutObject(PREFIX + name, (yield from ReadSegment(name)))
        yield from Mark(SHIPPED, name)
    return names


def trusting_replay(peer: str, keyring: Keyring) -> Program[Replayed]:
    """Replay segments as they are found, sealed or not."""
    watermark = f"replayed/{peer}"
    names = yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + (yield from Marked(watermark)))
    for name in names:
        content = yield from GetObject(name)
        yield from Merge(claims_of(scan(content or b"").frames, peer, keyring))
        yield from Mark(watermark, name.removeprefix(PREFIX))
    return Replayed(names, 0, 0)


def newest_first() -> Program[tuple[str, ...]]:
    """Upload what is sealed without regard to order."""
    yield from Seal(INBOX)
    yield from mark_applied()
    names = yield from Segments(INBOX, after=(yield from Marked(SHIPPED)), sealed=True)
    for name in reversed(names):
        yield from PutObject(PREFIX + name, (yield from ReadSegment(name)))
    if names:
        yield from Mark(SHIPPED, names[-1])
    return names


def stepped_over_gap(peer: str, keyring: Keyring) -> Program[Replayed]:
    """Replay whatever is listed after the watermark, missing segments or not."""
    watermark = f"replayed/{peer}"
    names = yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + (yield from Marked(watermark)))
    for full in names:
        content = yield from GetObject(full)
        name = full.removeprefix(PREFIX)
        yield from Merge(claims_of(sealed_frames(name, content or b""), peer, keyring))
        yield from Mark(watermark, name)
    return Replayed(names, 0, 0)


def local_arrival(peer: str, keyring: Keyring) -> Program[Replayed]:
    """Replay, but skip every claim whose key has an entry here."""
    watermark = f"replayed/{peer}"
    names = yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + (yield from Marked(watermark)))
    own = yield from Segments(INBOX, after="")
    for full in names:
        name = full.removeprefix(PREFIX)
        claims = claims_of(sealed_frames(name, (yield from GetObject(full)) or b""), peer, keyring)
        if own:
            keys = tuple(claim.key for claim in claims)
            known = yield from Fetch(log_of(own[0]).rpartition(".")[0], keys)
            claims = tuple(claim for claim, entry in zip(claims, known, strict=True) if entry is None)
        yield from Merge(claims)
        yield from Mark(watermark, name)
    return Replayed(names, 0, 0)


DESIGNS: dict[str, Programs] = {
    "answer-before-durable": MODEL._replace(ingest=answer_before_durable),
    "ignored-store-error": MODEL._replace(ingest=ignored_store_error),
    "keep-what-is-stored": MODEL._replace(ingest=keep_what_is_stored),
    "local-arrival": MODEL._replace(replay=local_arrival),
    "lookup-before-check": MODEL._replace(ingest=lookup_before_check),
    "mark-before-upload": MODEL._replace(ship=mark_before_upload),
    "stepped-over-gap": MODEL._replace(ship=newest_first, replay=stepped_over_gap),
    "unsealed-shipping": MODEL._replace(ship=unsealed_shipping, replay=trusting_replay),
}
"""By the name of the variant in the gallery."""


def _stored(region: str, key: Key) -> Program[Entry | None]:
    (entry,) = yield from Fetch(region, (key,))
    return entry
