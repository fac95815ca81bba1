"""Records with proofs, asked of a server: the reference passes, and each planted defect is found by the check that is for it."""

import json
from functools import partial

import pytest
from tests.support.conformance.asking_server import DRAWING, KEY, SIGNER, TENANT, Asking
from tests.support.conformance.memory_server import LIVE, SIGNERS, Node, serving
from tests.support.model.policies import POLICY_KEYS

from flk.conformance.reports.report import CaseStatus
from flk.conformance.server import drawing
from flk.conformance.server.check import Check
from flk.conformance.server.client import Client
from flk.conformance.server.examine import tried
from flk.conformance.server.target import Server
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import Timestamp
from flk.model.policies.document import VrfMode
from flk.model.programs.examine import examine
from flk.model.programs.ingest import ingest
from flk.model.record.signing import Ed25519PublicKey, Keyring
from flk.model.runtime import run

CHECKS = (drawing.proofs_are_read, drawing.proofs_are_enforced)
NAMES = tuple(check.name for check in CHECKS)


def asked(check: Check, node: Node) -> tuple[CaseStatus, str]:
    """How a check of a node ends."""
    with serving(node) as url:
        result = tried(check, Server(Client(url, 10), SIGNERS, 5, drawing=DRAWING))
    return result.status, result.detail


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_reference_passes(check: Check) -> None:
    """So that what is found in the others is what was planted."""
    assert asked(check, Asking()) == (CaseStatus.PASSED, "")


class Earlier(Asking):
    """Knows no version but the first, and says so."""

    def arrived(self, submission: Submission) -> Submission:
        return Submission(submission.tenant, submission.body.replace(b'"version":"0.2"', b'"version":"0.1"'))


def test_a_server_of_the_first_version_is_asked_nothing_more() -> None:
    """It refuses the field as one that it does not know, which is no mistake; and without a tenant nothing is enforced."""
    status, detail = asked(drawing.proofs_are_read, Earlier())
    assert (status, detail) == (CaseStatus.DECLINED, "the server takes no records of version 0.2")
    with serving(Asking()) as url:
        result = tried(drawing.proofs_are_enforced, Server(Client(url, 10), SIGNERS, 5))
    assert result.status is CaseStatus.DECLINED
    assert "--vrf" in result.detail


def without(body: bytes, **changes: object) -> bytes:
    """A body with other values, and without those that are None."""
    fields = json.loads(body) | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


class DropsTheProof(Asking):
    """What it does not know it leaves out, and the digest is that of the rest."""

    def arrived(self, submission: Submission) -> Submission:
        return Submission(submission.tenant, without(submission.body, vrf_proof=None))


class MendsTheProof(Asking):
    """A text that is none is read as zeros."""

    def arrived(self, submission: Submission) -> Submission:
        proof = json.loads(submission.body).get("vrf_proof")
        if proof is None or len(proof) == 108:
            return submission
        return Submission(submission.tenant, without(submission.body, vrf_proof="A" * 107 + "="))


class TakesProofsInAnyVersion(Asking):
    """The field counts, whatever the version."""

    def arrived(self, submission: Submission) -> Submission:
        version = "0.2" if b"vrf_proof" in submission.body else None
        return Submission(submission.tenant, without(submission.body, version=version)) if version else submission


class OnlyTries(Asking):
    """What is wrong is counted, and taken."""

    mode = VrfMode.SHADOW


class AsksForNothing(Asking):
    """A record without a proof is none of its business."""

    def claimed(self, submission: Submission, timestamp: Timestamp, region: str, _: Stated = UNSTATED, /) -> Claim:
        if b"vrf_proof" not in submission.body:
            return examine(self.accepted, submission, timestamp, region)
        return super().claimed(submission, timestamp, region)


class ComparesNoSeed(Asking):
    """A proof is a proof."""

    def claimed(self, submission: Submission, timestamp: Timestamp, region: str, _: Stated = UNSTATED, /) -> Claim:
        claim = examine(self.accepted, submission, timestamp, region)
        fields = json.loads(submission.body)
        if submission.tenant == TENANT and "vrf_proof" in fields:
            draw = KEY.draw(fields["merkle_root"], fields["epoch"], fields["shard_id"])
            if draw.proof == fields["vrf_proof"]:
                return claim
        return super().claimed(submission, timestamp, region)


class RemembersWhatItRefuses(Asking):
    """The claim is stored before the proof is looked at."""

    def submit(self, submission: Submission) -> Response:
        answered = super().submit(submission)
        if answered.status == 401 and submission.tenant == TENANT:
            with self.lock:
                run(ingest(submission, "eu", partial(examine, self.accepted)), self.perform)
        return answered


class TrustsAnyKey(Asking):
    """Whoever draws draws."""

    accepted = Keyring(
        {**LIVE, TENANT: [SIGNER]},
        policy_keys=POLICY_KEYS,
        vrf_keys={TENANT: [Ed25519PublicKey(KEY.public), Ed25519PublicKey(drawing.OWN.public)]},
    )


DEFECTS: dict[type[Asking], Check] = {
    DropsTheProof: drawing.proofs_are_read,
    MendsTheProof: drawing.proofs_are_read,
    TakesProofsInAnyVersion: drawing.proofs_are_read,
    OnlyTries: drawing.proofs_are_enforced,
    AsksForNothing: drawing.proofs_are_enforced,
    ComparesNoSeed: drawing.proofs_are_enforced,
    RemembersWhatItRefuses: drawing.proofs_are_enforced,
    TrustsAnyKey: drawing.proofs_are_enforced,
}


@pytest.mark.parametrize(("defect", "check"), DEFECTS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_each_defect_is_found(defect: type[Asking], check: Check) -> None:
    """By the check that is for it, for a reason it can tell."""
    status, detail = asked(check, defect())
    assert (status, bool(detail)) == (CaseStatus.FAILED, True), detail
