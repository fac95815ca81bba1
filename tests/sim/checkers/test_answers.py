"""Who is told what: a mistake is planted for each rule, and seen."""

from functools import partial

import msgspec
import pytest
from tests.sim.checkers.test_invariants import found
from tests.support.model.world import KEY, KEYRING
from tests.support.sim.drills import drill, records

from flk.model.effects import INBOX, Admit, Append, Program, Store
from flk.model.entries.entry import content_digest
from flk.model.flow.submission import Response, Submission, answer, refuse
from flk.model.programs.examine import Examine
from flk.model.programs.examine import examine as examine_with
from flk.model.record.canonical import Signed
from flk.model.record.record import decode
from flk.model.record.signing import Keyring
from flk.model.refusal import Refused, Unauthenticated
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Equivocation, Fault, Forgery
from flk.sim.simulate import simulate

FORGED = Forgery(id="forged", start=Seconds(20), duration=Seconds(30), share=0.5)
RIVAL = Equivocation(id="rival", start=Seconds(20), duration=Seconds(30), share=0.5)


def rehearse(programs: Programs, *faults: Fault) -> Run:
    """A drill in which every second record is a repeat."""
    return simulate(drill(*faults, duplicates=0.5), records(200), KEYRING, signer=KEY, programs=programs)


def test_a_refusal_of_an_honest_record_is_seen() -> None:
    """A node that takes every record of a tenth epoch for a forgery."""

    def doubtful(submission: Submission, name: str, examine: Examine) -> Program[Response]:
        response = yield from MODEL.ingest(submission, name, examine)
        if decode(submission.body).epoch % 10:
            return response
        return refuse(Unauthenticated("SIGN-6", "it looks wrong"))

    row = found(rehearse(MODEL._replace(ingest=doubtful)), Invariant.DESERVED)
    assert "a valid record with a live signature" in row.examples[0].sentence


@pytest.mark.parametrize("secret", ["digest", "outcome"])
def test_a_forger_who_is_told_something_is_seen(secret: str) -> None:
    """A node whose 401 names the digest that the record would have, or that answers a copy from the store."""

    class Credulous(Keyring):
        def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
            return b""

    def talkative(submission: Submission, name: str, examine: Examine) -> Program[Response]:
        try:
            yield from Admit(submission.tenant, len(submission.body))
            timestamp = yield from Append(INBOX, submission.payload())
            trusting = partial(examine_with, Credulous({}))
            claim = (trusting if secret == "outcome" else examine)(submission, timestamp, name)
            return answer(claim, (yield from Store(claim)))
        except Refused as refusal:
            return refuse(Unauthenticated("SIGN-6", f"{refusal.detail}: {content_digest(decode(submission.body))}"))

    row = found(rehearse(MODEL._replace(ingest=talkative), FORGED), Invariant.SECRECY)
    assert ("401" if secret == "digest" else "200") in row.examples[0].sentence


@pytest.mark.slow
def test_a_forged_record_that_is_stored_is_seen() -> None:
    """A node that accepts any signature, and so does the judge: what was really forged is known all the same."""

    def accept(self: Keyring, tenant: str, record: Signed, sig: str, at: float) -> bytes:
        return KEYRING.authenticate(tenant, record, sig, at) if sig[0] != "A" else b"whatever"

    class Credulous(Keyring):
        authenticate = accept

    run = simulate(drill(FORGED), records(200), Credulous({}), signer=KEY)
    assert "is forged, and claims" in found(run, Invariant.FORGERY).examples[0].sentence
    verified = next(row for row in run.results if row.invariant == Invariant.VERIFIED)
    assert not verified.violations


@pytest.mark.parametrize("told", ["its own", "another"])
def test_a_wrong_digest_in_an_answer_is_seen(told: str) -> None:
    """A node that acknowledges an equivocator, naming what it sent or what is stored."""

    def pleasing(submission: Submission, name: str, examine: Examine) -> Program[Response]:
        response = yield from MODEL.ingest(submission, name, examine)
        if response.status != 409:
            return response
        body = msgspec.json.decode(response.body)
        if told == "its own":
            body["digest"] = content_digest(decode(submission.body))
        return Response(200, msgspec.json.encode(body))

    row = found(rehearse(MODEL._replace(ingest=pleasing), RIVAL), Invariant.DIGEST)
    assert row.examples[0].sentence.startswith("200 names")
    assert ("the sender's own" if told == "its own" else "another digest") in row.examples[0].sentence
