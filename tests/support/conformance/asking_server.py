"""The reference server with a tenant of which proofs of seeds are asked, and the key of an audit log."""

from typing import ClassVar

from tests.support.conformance.memory_server import LIVE, Node
from tests.support.model.policies import POLICY_KEYS, signed

from flk.conformance.server.target import AuditLog, Drawing
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.policies.document import VrfMode
from flk.model.policies.ruling import Ruling, encoded
from flk.model.programs.examine import examine
from flk.model.programs.ingest import ingest
from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.signing import Ed25519PublicKey, HmacKey, Keyring
from flk.model.runtime import run
from flk.model.transparency.notes import Signer as LogSigner
from flk.model.transparency.notes import private_text

TENANT, KEY = "drawing", VrfPrivateKey(b"a tenant's " * 2 + b"own key...")
SIGNER = HmacKey(b"a secret of the tenant")
DRAWING = Drawing(TENANT, SIGNER, KEY)
LOG_SIGNER = LogSigner.parse(private_text("example.com/audit", bytes(32)))
LOG = AuditLog(LOG_SIGNER.verifier, 0.2)


class Asking(Node):
    """Asks one tenant for proofs."""

    mode: ClassVar[VrfMode] = VrfMode.ENFORCED
    accepted = Keyring(
        {**LIVE, TENANT: [SIGNER]},
        policy_keys=POLICY_KEYS,
        vrf_keys={TENANT: [Ed25519PublicKey(KEY.public)]},
    )

    def submit(self, submission: Submission) -> Response:
        with self.lock:
            self.body = submission.body
            return run(ingest(self.arrived(submission), "eu", self.claimed), self.perform)

    def arrived(self, submission: Submission) -> Submission:
        """The submission as it is logged."""
        return submission

    def claimed(self, submission: Submission, timestamp: Timestamp, region: str, _: Stated = UNSTATED, /) -> Claim:
        """What is concluded from it."""
        policy = signed(version="1.1.0", vrf_mode=self.mode)
        stated = Stated(ZERO, encoded(Ruling((policy,), "1.1.0"))) if submission.tenant == TENANT else UNSTATED
        return examine(self.accepted, submission, timestamp, region, stated)
