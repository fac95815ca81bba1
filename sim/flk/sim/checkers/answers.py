"""The invariants of what senders are told, and of what forgers get: checked at every answer, and against what was really forged."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from flk.model.entries.entry import Claim, Key
from flk.model.flow.answers import CLAIMS_NOTHING, STATES_ENTRY
from flk.model.flow.submission import Response, Submission, from_payload
from flk.model.log.hlc import text
from flk.model.record.record import decode
from flk.model.refusal import Malformed
from flk.sim.checkers.invariants import Checks, Invariant, Together
from flk.sim.checkers.node import Reference
from flk.sim.checkers.statements import Statements
from flk.sim.nodes.region import Region
from flk.sim.world.events import Claimed, Merged, Replied
from flk.sim.world.observer import Observer

CONFLICT = 409


HONEST = Together(Invariant.FORGERY)
TO_A_SIGNER = Together(Invariant.DESERVED, Invariant.SECRECY)


class Named(msgspec.Struct, frozen=True):
    """The digest that an answer names."""

    digest: str


_decode = msgspec.json.Decoder(Named).decode


class AnswerRules:
    """Checks who is answered what. `forgeries` are the bodies that were handed out with a signature that no key made."""

    def __init__(
        self,
        regions: Mapping[str, Region],
        reference: Reference,
        statements: Statements,
        checks: Checks,
        forgeries: AbstractSet[bytes],
    ) -> None:
        self._regions = regions
        self._reference = reference
        self._statements = statements
        self._checks = checks
        self._forgeries = forgeries

    def observe(self, observer: Observer) -> None:
        """Check every answer, and every claim for being a forger's."""
        observer.handle(Claimed, self._check_claimed)
        observer.handle(Merged, self._check_merged)
        observer.handle(Replied, self._check_replied)

    def _check_claimed(self, event: Claimed) -> None:
        if self._is_forged(event.claim):
            self._betray_forgery(event.region, "Store", event.claim)
        else:
            self._checks.hold(HONEST)

    def _check_merged(self, event: Merged) -> None:
        if self._is_forged(event.claim):
            self._betray_forgery(event.region, "Merge", event.claim)
        else:
            self._checks.hold(HONEST)

    def _is_forged(self, claim: Claim) -> bool:
        """Whether the frame that makes a claim holds what was forged. It may be logged, as whatever comes is; and a disk that was
        lost may have held another frame with its timestamp.
        """
        logged = self._reference.frame_of(claim) if self._forgeries else None
        return logged is not None and from_payload(logged.payload).body in self._forgeries

    def _check_replied(self, event: Replied) -> None:
        """An answer after the log follows from the record's form and signature, and only an authentic one is told of entries."""
        region, logged, response = event.region, event.logged, event.response
        if logged is None:
            return
        claim = self._reference.claim(region, logged, event.request.payload())
        status = response.status
        if claim is not None and status in STATES_ENTRY:
            self._checks.hold(TO_A_SIGNER)
            self._check_digest(event, claim)
            return
        self._checks.require(
            Invariant.DESERVED,
            status not in CLAIMS_NOTHING or claim is None,
            region,
            "reply",
            lambda: f"{status} was answered to a valid record with a live signature, frame {text(logged)}",
        )
        tells = status in STATES_ENTRY or self._betrays(region, event.request, response)
        self._checks.require(
            Invariant.SECRECY,
            claim is not None or not tells,
            region,
            "reply",
            lambda: f"{status} tells of an entry to somebody whose signature is not valid",
        )

    def _betray_forgery(self, region: str, event: str, claim: Claim) -> None:
        """A claim is a forger's, wherever it was logged."""
        entry = claim.entry
        sentence = f"frame {text(entry.timestamp)} of {entry.region} is forged, and claims {claim.key.pcs_id[:12]}"
        self._checks.deny(Invariant.FORGERY, region, event, lambda: sentence)

    def _check_digest(self, event: Replied, claim: Claim) -> None:
        region, response = event.region, event.response
        stored = self._statements.stated(event, claim.key)
        named = _decode(response.body).digest
        true = stored is not None and named == stored.digest
        agrees = named == claim.entry.digest

        def sentence() -> str:
            whose = "the sender's own" if agrees else "another"
            kept = "nothing" if stored is None else stored.digest[:12]
            return f"{response.status} names {named[:12]}, {whose} digest, where {kept} is stored"

        holds = true and agrees == (response.status != CONFLICT)
        self._checks.require(Invariant.DIGEST, holds, region, "reply", sentence)

    def _betrays(self, region: str, request: Submission, response: Response) -> bool:
        """Whether a refusal holds anything of the entry under the id that the request bears."""
        try:
            key = Key(request.tenant, decode(request.body).pcs_id)
        except Malformed:
            return False
        entry = self._regions[region].entries.entries.get(key)
        secrets = (entry.digest, text(entry.timestamp)) if entry else ()
        return any(secret.encode() in response.body for secret in secrets)
