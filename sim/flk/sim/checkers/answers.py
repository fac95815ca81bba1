"""The invariants of what senders are told, and of what forgers get: checked at every answer, and against what was really forged."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from flk.model.entries.entry import Claim, Entry, Key
from flk.model.flow.answers import CLAIMS_NOTHING, STATES_ENTRY
from flk.model.flow.submission import Response, Submission, from_payload
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp, text
from flk.model.record.record import decode
from flk.model.refusal import Malformed
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.checkers.node import Reference
from flk.sim.nodes.region import Region
from flk.sim.world.events import Watcher

CONFLICT = 409


class Named(msgspec.Struct, frozen=True):
    """The digest that an answer names."""

    digest: str


_decode = msgspec.json.Decoder(Named).decode


class AnswerRules(Watcher):
    """Checks who is told what. `forgeries` are the bodies that were handed out with a signature of nobody's."""

    def __init__(
        self, regions: Mapping[str, Region], reference: Reference, checks: Checks, forgeries: AbstractSet[bytes]
    ) -> None:
        self._regions = regions
        self._reference = reference
        self._checks = checks
        self._forgeries = forgeries
        self._forged: set[tuple[str, Timestamp]] = set()

    def logged(self, region: str, frame: Frame) -> None:
        """A forged record may be logged, as whatever comes is."""
        if self._forgeries and from_payload(frame.payload).body in self._forgeries:
            self._forged.add((region, frame.timestamp))

    def claimed(
        self, region: str, claim: Claim, before: Entry | None, stored: Entry, records: Sequence[object]
    ) -> None:
        """No claim is a forger's."""
        del before, stored, records
        self._check_origin(region, "Store", claim)

    def merged(self, region: str, claim: Claim, before: Entry | None, after: Entry, records: Sequence[object]) -> None:
        """Nor is one that comes from elsewhere."""
        del before, after, records
        self._check_origin(region, "Merge", claim)

    def replied(self, region: str, request: Submission, logged: Timestamp | None, response: Response) -> None:
        """An answer after the log follows from the record's form and signature, and only an authentic one is told of entries."""
        if logged is None:
            return
        claim = self._reference.claim(region, logged)
        status = response.status
        if not self._checks.holds(Invariant.DESERVED, status not in CLAIMS_NOTHING or claim is None):
            sentence = f"{status} was answered to a valid record with a live signature, frame {text(logged)}"
            self._checks.violated(Invariant.DESERVED, region, "reply", sentence)
        tells = status in STATES_ENTRY or self._betrays(region, request, response)
        if not self._checks.holds(Invariant.SECRECY, claim is not None or not tells):
            sentence = f"{status} tells of an entry to somebody whose signature is not valid"
            self._checks.violated(Invariant.SECRECY, region, "reply", sentence)
        if status in STATES_ENTRY and claim is not None:
            self._check_digest(region, claim, response)

    def _check_origin(self, region: str, event: str, claim: Claim) -> None:
        origin = claim.entry.region, claim.entry.timestamp
        if not self._checks.holds(Invariant.FORGERY, origin not in self._forged):
            sentence = f"frame {text(origin[1])} of {origin[0]} is forged, and claims {claim.key.pcs_id[:12]}"
            self._checks.violated(Invariant.FORGERY, region, event, sentence)

    def _check_digest(self, region: str, claim: Claim, response: Response) -> None:
        stored = self._regions[region].told(claim.key)
        named = _decode(response.body).digest
        true = stored is not None and named == stored.digest
        agrees = named == claim.entry.digest
        if not self._checks.holds(Invariant.DIGEST, true and agrees == (response.status != CONFLICT)):
            whose = "the sender's own" if agrees else "another"
            kept = "nothing" if stored is None else stored.digest[:12]
            sentence = f"{response.status} names {named[:12]}, {whose} digest, where {kept} is stored"
            self._checks.violated(Invariant.DIGEST, region, "reply", sentence)

    def _betrays(self, region: str, request: Submission, response: Response) -> bool:
        """Whether a refusal holds anything of the entry under the id that the request bears."""
        try:
            key = Key(request.tenant, decode(request.body).pcs_id)
        except Malformed:
            return False
        entry = self._regions[region].entries.entries.get(key)
        secrets = (entry.digest, text(entry.timestamp)) if entry else ()
        return any(secret.encode() in response.body for secret in secrets)
