"""The refuted designs of `formal`'s gallery as programs, for a run that shows what a counterexample says.

Each differs from the model's program in the one place that its story tells.
"""

from collections.abc import Callable

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
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.flow.submission import Response, Submission, answer, refuse
from flk.model.log.frames import Frame, region_of, scan, sealed_frames
from flk.model.log.hlc import at
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.recover import mark_applied
from flk.model.programs.replay import PREFIX, Replayed
from flk.model.programs.ship import SHIPPED
from flk.model.record.record import decode
from flk.model.refusal import Refused, Unavailable
from flk.sim.kernel.programs import MODEL, Programs


def answer_before_durable(submission: Submission, region: str, examine: Examine) -> Program[Response]:
    """Answer from what was computed in memory; the log is to follow."""
    try:
        yield from Admit(submission.tenant, len(submission.body))
        claim = examine(submission, at(0.0), region)
        return answer(claim, claim.entry)
    except Refused as refusal:
        return refuse(refusal)


def lookup_before_check(submission: Submission, region: str, examine: Examine) -> Program[Response]:
    """Answer a record whose id is known without looking at its signature."""
    try:
        yield from Admit(submission.tenant, len(submission.body))
        timestamp = yield from Append(INBOX, submission.payload())
        key = Key(submission.tenant, decode(submission.body).pcs_id)
        known = yield from _stored(region, key)
        if known is not None:
            return answer(Claim(key, known), known)
        claim = examine(submission, timestamp, region)
        return answer(claim, (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def ignored_store_error(submission: Submission, region: str, examine: Examine) -> Program[Response]:
    """Answer with the computed outcome although the store could not keep it."""
    try:
        claim = yield from _logged_claim(submission, region, examine)
    except Refused as refusal:
        return refuse(refusal)
    try:
        return answer(claim, (yield from Store(claim)))
    except Unavailable:
        return answer(claim, claim.entry)


def keep_what_is_stored(submission: Submission, region: str, examine: Examine) -> Program[Response]:
    """A claim whose key has an entry, however late, is answered with that entry and changes nothing."""
    try:
        claim = yield from _logged_claim(submission, region, examine)
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


def trusting_replay(peer: str, examine: Examine) -> Program[Replayed]:
    """Replay segments as they are found, sealed or not."""
    return _replay_listed(peer, examine, lambda _, content: scan(content).frames, _all)


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


def stepped_over_gap(peer: str, examine: Examine) -> Program[Replayed]:
    """Replay whatever is listed after the watermark, missing segments or not."""
    return _replay_listed(peer, examine, sealed_frames, _all)


def local_arrival(peer: str, examine: Examine) -> Program[Replayed]:
    """Replay, but skip every claim whose key has an entry here."""
    return _replay_listed(peer, examine, sealed_frames, _of_unknown_keys)


class Designs(dict[str, Programs]):
    """The refuted designs that the simulator has programs for, by the name of the variant in `flk.formal`'s gallery.

    Each sounds right and breaks an invariant; `run` and `hunt` take its name for `programs`.

    >>> sorted(DESIGNS)[:3]
    ['answer-before-durable', 'ignored-store-error', 'keep-what-is-stored']
    """


DESIGNS: Designs = Designs(
    {
        "answer-before-durable": MODEL._replace(ingest=answer_before_durable),
        "ignored-store-error": MODEL._replace(ingest=ignored_store_error),
        "keep-what-is-stored": MODEL._replace(ingest=keep_what_is_stored),
        "local-arrival": MODEL._replace(replay=local_arrival),
        "lookup-before-check": MODEL._replace(ingest=lookup_before_check),
        "mark-before-upload": MODEL._replace(ship=mark_before_upload),
        "stepped-over-gap": MODEL._replace(ship=newest_first, replay=stepped_over_gap),
        "unsealed-shipping": MODEL._replace(ship=unsealed_shipping, replay=trusting_replay),
    }
)


def _logged_claim(submission: Submission, region: str, examine: Examine) -> Program[Claim]:
    """What a submission claims, once it is in the log. Raises Refused, as `ingest` does."""
    yield from Admit(submission.tenant, len(submission.body))
    timestamp = yield from Append(INBOX, submission.payload())
    return examine(submission, timestamp, region)


def _replay_listed(
    peer: str,
    examine: Examine,
    frames_of: Callable[[str, bytes], tuple[Frame, ...]],
    chosen: Callable[[tuple[Claim, ...]], Program[tuple[Claim, ...]]],
) -> Program[Replayed]:
    """Merge the chosen claims of every segment that is listed after the watermark, whatever is missing between."""
    watermark = f"replayed/{peer}"
    names = yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + (yield from Marked(watermark)))
    for full in names:
        name = full.removeprefix(PREFIX)
        content = yield from GetObject(full)
        claims = claims_of(frames_of(name, content or b""), peer, examine)
        yield from Merge((yield from chosen(claims)))
        yield from Mark(watermark, name)
    return Replayed(names, 0, 0)


def _all(claims: tuple[Claim, ...]) -> Program[tuple[Claim, ...]]:
    yield from ()
    return claims


def _of_unknown_keys(claims: tuple[Claim, ...]) -> Program[tuple[Claim, ...]]:
    """Those whose key has no entry here. A region without a log of its own knows nothing yet."""
    own = yield from Segments(INBOX, after="")
    if not own:
        return claims
    known = yield from Fetch(region_of(own[0]), tuple(claim.key for claim in claims))
    return tuple(claim for claim, entry in zip(claims, known, strict=True) if entry is None)


def _stored(region: str, key: Key) -> Program[Entry | None]:
    (entry,) = yield from Fetch(region, (key,))
    return entry
