"""Bugs in how a node answers a submission."""

from functools import partial

from tests.sim.planted.bug import Bug, bug

from flk.model.effects import INBOX, Admit, Append, Fetch, Mark, Marked, Merge, Program, Store
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.flow.submission import Response, Submission, answer, refuse
from flk.model.log.hlc import ZERO, Timestamp, at
from flk.model.programs.examine import Examine, examine
from flk.model.record.canonical import Signed, canonical_bytes
from flk.model.record.record import decode
from flk.model.record.signing import Keyring
from flk.model.refusal import Refused, Unauthenticated, Unavailable
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL
from flk.sim.nodes.designs import DESIGNS
from flk.spec.constants import CONSTANTS


class Credulous(Keyring):
    """Takes every signature for good."""

    def __init__(self) -> None:
        super().__init__({})

    def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
        """The canonical bytes, whoever signed them."""
        del tenant, sig, at
        return canonical_bytes(record)


credulous = partial(examine, Credulous())


def own_answer(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Answer with the outcome that was just computed, whatever is stored."""
    try:
        claim = yield from _logged_claim(sent, region, examine)
        yield from Store(claim)
        return answer(claim, claim.entry)
    except Refused as refusal:
        return refuse(refusal)


def claim_before_verify(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Claim, then look at the signature."""
    try:
        yield from Admit(sent.tenant, len(sent.body))
        timestamp = yield from Append(INBOX, sent.payload())
        trusting = credulous(sent, timestamp, region)
        stored = yield from Store(trusting)
        examine(sent, timestamp, region)
        return answer(trusting, stored)
    except Refused as refusal:
        return refuse(refusal)


def stored_refusal(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Store what is refused, so that it need not be looked at again."""
    try:
        yield from Admit(sent.tenant, len(sent.body))
        timestamp = yield from Append(INBOX, sent.payload())
        try:
            claim = examine(sent, timestamp, region)
        except Unauthenticated:
            yield from Store(credulous(sent, timestamp, region))
            raise
        return answer(claim, (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def remembered_refusal(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Note the ids of records that were refused, and refuse these ids from then on."""
    try:
        yield from Admit(sent.tenant, len(sent.body))
        timestamp = yield from Append(INBOX, sent.payload())
        note = f"refused/{decode(sent.body).pcs_id}"
        noted = yield from Marked(note)
        try:
            claim = examine(sent, timestamp, region)
        except Unauthenticated:
            yield from Mark(note, f"{note}/1")
            raise
        if noted:
            raise Unauthenticated("SIGN-6", "this record was refused before")
        return answer(claim, (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def get_then_set(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Look the key up, and store what was computed if it was not there then."""
    try:
        claim = yield from _logged_claim(sent, region, examine)
        (known,) = yield from Fetch(region, (claim.key,))
        if known is not None:
            return answer(claim, (yield from Store(claim)))
        yield from Merge((claim,))
        return answer(claim, claim.entry)
    except Refused as refusal:
        return refuse(refusal)


def forgotten_conflict(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Answer other content under a known id as if it were the stored one."""
    try:
        claim = yield from _logged_claim(sent, region, examine)
        stored = yield from Store(claim)
        return answer(Claim(claim.key, stored), stored)
    except Refused as refusal:
        return refuse(refusal)


def shared_key(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Key entries by id alone."""
    try:
        claim = yield from _logged_claim(sent, region, examine)
        blended = claim._replace(key=Key(CONSTANTS.node.default_tenant, claim.key.pcs_id))
        return answer(blended, (yield from Store(blended)))
    except Refused as refusal:
        return refuse(refusal)


def unlogged_repeat(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Answer a repeat from the store, and log only what is new."""
    try:
        yield from Admit(sent.tenant, len(sent.body))
        known = yield from _stored(region, Key(sent.tenant, decode(sent.body).pcs_id))
        if known is not None:
            return answer(examine(sent, known.timestamp, region), known)
        claim = examine(sent, (yield from Append(INBOX, sent.payload())), region)
        return answer(claim, (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def log_only_what_is_valid(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Parse and verify first, and log what passes."""
    try:
        yield from Admit(sent.tenant, len(sent.body))
        examine(sent, at(_FIRST_DAY), region)
        claim = examine(sent, (yield from Append(INBOX, sent.payload())), region)
        return answer(claim, (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def silence_is_a_refusal(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Refuse for good what the store could not keep."""
    try:
        claim = yield from _logged_claim(sent, region, examine)
    except Refused as refusal:
        return refuse(refusal)
    try:
        return answer(claim, (yield from Store(claim)))
    except Unavailable as silence:
        return refuse(Unauthenticated(silence.requirement, silence.detail))


def immortal_keys(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Check signatures with the keys of the first day, those that ceased to count included."""
    try:
        yield from Admit(sent.tenant, len(sent.body))
        timestamp = yield from Append(INBOX, sent.payload())
        key, entry = examine(sent, at(_FIRST_DAY), region)
        claim = Claim(key, Entry(timestamp, region, entry.digest, entry.outcome))
        return answer(claim, (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def log_before_admission(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Log first, then see whether there is room."""
    try:
        timestamp = yield from Append(INBOX, sent.payload())
        yield from Admit(sent.tenant, len(sent.body))
        claim = examine(sent, timestamp, region)
        return answer(claim, (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def time_of_its_own(sent: Submission, region: str, examine: Examine) -> Program[Response]:
    """Claim with a time that is not that of the frame."""
    try:
        claim = yield from _logged_claim(sent, region, examine)
        claim = Claim(claim.key, Entry(ZERO, region, claim.entry.digest, claim.entry.outcome))
        return answer(claim, (yield from Store(claim)))
    except Refused as refusal:
        return refuse(refusal)


def _logged_claim(sent: Submission, region: str, examine: Examine) -> Program[Claim]:
    """What a submission claims, once it is in the log. Raises Refused, as `ingest` does."""
    yield from Admit(sent.tenant, len(sent.body))
    timestamp: Timestamp = yield from Append(INBOX, sent.payload())
    return examine(sent, timestamp, region)


def _stored(region: str, key: Key) -> Program[Entry | None]:
    (entry,) = yield from Fetch(region, (key,))
    return entry


_FIRST_DAY = 1767225600.0

BUGS: dict[str, Bug] = {
    "answer-before-durable": bug(
        DESIGNS["answer-before-durable"],
        "Answers from what was computed in memory; the log is to follow.",
        "WAL-1",
        Invariant.DURABLE,
    ),
    "own-answer": bug(
        MODEL._replace(ingest=own_answer),
        "Answers with its own outcome, whatever is stored.",
        "DUP-2",
        Invariant.STORED_REPLY,
        Invariant.DIGEST,
    ),
    "claim-before-verify": bug(
        MODEL._replace(ingest=claim_before_verify),
        "Claims, then looks at the signature.",
        "ORD-3",
        Invariant.VERIFIED,
        Invariant.FORGERY,
        Invariant.REFUSALS,
    ),
    "lookup-before-check": bug(
        DESIGNS["lookup-before-check"],
        "Answers a record whose id is known without looking at its signature.",
        "ORD-3",
        Invariant.SECRECY,
        Invariant.STORED_REPLY,
        Invariant.DIGEST,
        Invariant.SEALED,
        Invariant.WATERMARK,
    ),
    "stored-refusal": bug(
        MODEL._replace(ingest=stored_refusal),
        "Stores what it refuses, so that it need not be looked at again.",
        "DUP-5",
        Invariant.VERIFIED,
        Invariant.FORGERY,
        Invariant.REFUSALS,
    ),
    "remembered-refusal": bug(
        MODEL._replace(ingest=remembered_refusal),
        "Refuses an id for good once a forger has used it.",
        "DUP-5",
        Invariant.DESERVED,
        Invariant.WATERMARK,
    ),
    "get-then-set": bug(
        MODEL._replace(ingest=get_then_set),
        "Looks the key up, and stores what it computed if nothing was there then.",
        "DUP-1",
        Invariant.STORED_REPLY,
        Invariant.DIGEST,
    ),
    "forgotten-conflict": bug(
        MODEL._replace(ingest=forgotten_conflict),
        "Answers other content under a known id as if it were the stored one, not with 409.",
        "DUP-3",
        Invariant.STORED_REPLY,
        Invariant.DIGEST,
    ),
    "shared-key": bug(
        MODEL._replace(ingest=shared_key),
        "Keys entries by id alone, so that tenants share them.",
        "DUP-4",
        Invariant.VERIFIED,
        Invariant.TENANTS,
    ),
    "unlogged-repeat": bug(
        MODEL._replace(ingest=unlogged_repeat),
        "Answers a repeat from the store, and logs only what is new.",
        "WAL-1",
        Invariant.DURABLE,
    ),
    "log-only-what-is-valid": bug(
        MODEL._replace(ingest=log_only_what_is_valid),
        "Parses and verifies first, and logs what passes.",
        "WAL-1",
        Invariant.DURABLE,
    ),
    "ignored-store-error": bug(
        DESIGNS["ignored-store-error"],
        "Answers with the computed outcome although the store could not keep it.",
        "ORD-4",
        Invariant.STORED_REPLY,
        Invariant.DIGEST,
        Invariant.MOVED_BOTH,
        Invariant.REFUSALS,
    ),
    "silence-is-a-refusal": bug(
        MODEL._replace(ingest=silence_is_a_refusal),
        "Refuses for good what the store could not keep.",
        "ORD-4",
        Invariant.DESERVED,
        Invariant.REFUSALS,
    ),
    "keep-what-is-stored": bug(
        DESIGNS["keep-what-is-stored"],
        "Answers a claim with any entry that is there, even a later one of a clock that runs ahead.",
        "DUP-1",
        Invariant.SEALED,
        Invariant.WATERMARK,
        Invariant.FOLD,
        Invariant.CONVERGENCE,
        Invariant.STORED_REPLY,
    ),
    "immortal-keys": bug(
        MODEL._replace(ingest=immortal_keys),
        "Checks signatures with keys that have ceased to count.",
        "SIGN-4",
        Invariant.VERIFIED,
    ),
    "log-before-admission": bug(
        MODEL._replace(ingest=log_before_admission),
        "Logs first, then sees whether there is room, or whether it has recovered.",
        "ORD-6",
        Invariant.DELIVERED,  # later claims wait for that of a frame whose request was turned away
        Invariant.CLOCKS,
        Invariant.SEALED,
        Invariant.WATERMARK,
        Invariant.FOLD,
        Invariant.CONVERGENCE,
        Invariant.DURABLE,
        Invariant.DESERVED,
    ),
    "time-of-its-own": bug(
        MODEL._replace(ingest=time_of_its_own),
        "Claims with a time that is not that of the frame.",
        "JDG-5",
        Invariant.VERIFIED,
    ),
}
