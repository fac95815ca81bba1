"""Servers with one planted defect each, and the check that must find it. Every one is a mistake that some server has made."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from itertools import combinations, count
from math import log2
from threading import Barrier, BrokenBarrierError
from typing import Any

import msgspec
from tests.support.conformance.memory_server import SECRETS, SIGNERS, Node

from flk.conformance.server import durability, generated, outcomes, refusals, register, transport
from flk.conformance.server.check import Check
from flk.model.effects import Effect, Store
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason, content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.submission import Response, Submission, answer, refuse
from flk.model.log.hlc import Timestamp
from flk.model.memory.parts import Disk, Entries
from flk.model.programs.examine import examine
from flk.model.record.canonical import Signed, round9
from flk.model.record.record import Pcs, decode
from flk.model.record.signals import d_hat, regime
from flk.model.record.signing import HmacKey, Keyring, LiveKey
from flk.model.refusal import Refused
from flk.spec.constants import CONSTANTS

DEFECTS: dict[type[Node], Check] = {}


def caught_by(check: Check) -> Callable[[type[Node]], type[Node]]:
    """Register a defect with the check that finds it."""

    def register_defect(defect: type[Node]) -> type[Node]:
        DEFECTS[defect] = check
        return defect

    return register_defect


def key_of(submission: Submission) -> Key:
    """The key under which a body, valid or not, claims to be stored."""
    try:
        return Key(submission.tenant, json.loads(submission.body)["pcs_id"])
    except (ValueError, KeyError, TypeError):
        return Key("", "")


def entry_of(record: Pcs) -> Entry:
    """An honest entry, at some time."""
    return Entry(Timestamp(1), "eu", content_digest(record), judge(record))


def as_duplicate(entry: Entry, key: Key) -> Response:
    """The reply to a duplicate of a stored entry."""
    return answer(Claim(key, entry), entry)


@caught_by(outcomes.equivocation)
class LastWriteWins(Node):
    """The store is overwritten by every claim."""

    def perform(self, effect: Effect[Any]) -> Any:
        if isinstance(effect, Store):
            self.entries.entries[effect.claim.key] = effect.claim.entry
        return super().perform(effect)


@caught_by(outcomes.duplicate)
class RepliesWithItsOwnComputation(Node):
    """The first write wins in the store, but each sender is told what was computed for it."""

    def perform(self, effect: Effect[Any]) -> Any:
        stored = super().perform(effect)
        return effect.claim.entry if isinstance(effect, Store) else stored


@caught_by(register.one_winner)
class GetThenSet(Node):
    """Lookup and insertion are two steps; whoever else looked meanwhile is not seen."""

    def __init__(self) -> None:
        self.together = Barrier(2)
        super().__init__()

    def submit(self, submission: Submission) -> Response:
        try:
            claim = self.claim(submission)
        except Refused as refusal:
            return refuse(refusal)
        stored = self.entries.entries.get(claim.key)
        if stored is None:
            try:
                self.together.wait(timeout=1)
            except BrokenBarrierError:
                self.together.reset()
            stored = self.entries.entries[claim.key] = claim.entry
        return answer(claim, stored)

    def claim(self, submission: Submission) -> Claim:
        """What a submission claims, at no time in particular."""
        return examine(self.keyring, submission, Timestamp(1), "eu")


@caught_by(register.one_reply)
class GetThenSetWithTime(GetThenSet):
    """The same, and each first writer gets a timestamp of its own."""

    def __init__(self) -> None:
        self.timestamps = count(1)
        super().__init__()

    def claim(self, submission: Submission) -> Claim:
        return examine(self.keyring, submission, Timestamp(next(self.timestamps)), "eu")


@caught_by(refusals.forged_under_stored_id)
class LooksUpBeforeItVerifies(Node):
    """A stored id is answered from the store before the signature is checked."""

    def submit(self, submission: Submission) -> Response:
        entry = self.entries.entries.get(key_of(submission))
        return as_duplicate(entry, key_of(submission)) if entry else super().submit(submission)


@caught_by(refusals.malformed_under_stored_id)
class LooksUpBeforeItValidates(Node):
    """A stored id is answered from the store although the record is malformed, if the signature is good."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        entry = self.entries.entries.get(key_of(submission))
        return as_duplicate(entry, key_of(submission)) if entry and response.status == 400 else response


@caught_by(refusals.forged_then_honest)
class RemembersRefusals(Node):
    """A refusal is cached under the id like an outcome."""

    def __init__(self) -> None:
        self.refused: dict[Key, Response] = {}
        super().__init__()

    def submit(self, submission: Submission) -> Response:
        key = key_of(submission)
        response = self.refused.get(key) or super().submit(submission)
        if response.status == 401:
            self.refused[key] = response
        return response


@caught_by(refusals.malformed_then_honest)
class RemembersMalformed(Node):
    """A malformed record takes its id."""

    def __init__(self) -> None:
        self.refused: dict[Key, Response] = {}
        super().__init__()

    def submit(self, submission: Submission) -> Response:
        key = key_of(submission)
        response = self.refused.get(key) or super().submit(submission)
        if response.status == 400:
            self.refused[key] = response
        return response


@caught_by(refusals.malformed)
class AnswersMalformedWith202(Node):
    """A malformed record gets an outcome: not accepted, escalated."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        return Response(202, b'{"accepted":false,"escalated":true}') if response.status == 400 else response


@caught_by(refusals.malformed)
class NamesNoRequirement(Node):
    """Refusals are plain text."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        return Response(400, b"Invalid JSON") if response.status == 400 else response


@caught_by(refusals.malformed)
class TakesRepeatedKeys(Node):
    """The last of two equal keys counts."""

    def submit(self, submission: Submission) -> Response:
        try:
            body = json.dumps(json.loads(submission.body)).encode()
        except ValueError:
            body = submission.body
        return super().submit(Submission(submission.tenant, body))


@caught_by(refusals.wrong_id)
class TrustsTheId(Node):
    """The id is taken as sent."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        if json.loads(response.body).get("requirement") != "ID-1":
            return response
        return as_duplicate(entry_of(msgspec.json.decode(submission.body, type=Pcs)), key_of(submission))


@caught_by(refusals.bad_signature)
class LenientBase64(Node):
    """Signatures are decoded by a reader that skips what it does not know."""

    def submit(self, submission: Submission) -> Response:
        return super().submit(Submission(submission.tenant, _respelt(submission.body)))


def _respelt(body: bytes) -> bytes:
    """The body with its signature spelt canonically, where a lenient reader gets bytes out of it."""
    try:
        record = json.loads(body)
        record["sig"] = b64encode(b64decode(record["sig"])).decode()
    except (ValueError, KeyError, TypeError):
        return body
    return json.dumps(record).encode()


@caught_by(refusals.bad_signature)
class TakesUnsigned(Node):
    """An empty signature means that signing is off."""

    def submit(self, submission: Submission) -> Response:
        try:
            record = decode(submission.body)
        except Refused as refusal:
            return refuse(refusal)
        if record.sig:
            return super().submit(submission)
        return as_duplicate(entry_of(record), Key(submission.tenant, record.pcs_id))


@caught_by(refusals.validity_before_signature)
class VerifiesBeforeItValidates(Node):
    """An unsigned record gets 401 although it is malformed."""

    def submit(self, submission: Submission) -> Response:
        unsigned = b'"sig":""' in submission.body
        return (
            Response(401, b'{"error":"unsigned","requirement":"SIGN-6","field":"sig"}')
            if unsigned
            else super().submit(submission)
        )


@caught_by(refusals.refusals_keep_secrets)
class RepeatsTheBody(Node):
    """An error quotes what was sent."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        if response.status != 400:
            return response
        problem = json.loads(response.body)
        problem["error"] += f" in {submission.body.decode(errors='replace')}"
        return Response(400, json.dumps(problem).encode())


@caught_by(outcomes.equivocation)
class EquivocationIsADuplicate(Node):
    """Another content under a stored id gets the stored outcome with 200."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        entry = self.entries.entries.get(key_of(submission))
        return as_duplicate(entry, key_of(submission)) if entry and response.status == 409 else response


@caught_by(outcomes.duplicate)
class DigestOfTheWholeBody(Node):
    """What delivery changes makes another content."""

    def perform(self, effect: Effect[Any]) -> Any:
        if isinstance(effect, Store):
            entry = msgspec.structs.replace(effect.claim.entry, digest=sha256(self.body).hexdigest())
            return super().perform(Store(Claim(effect.claim.key, entry)))
        return super().perform(effect)


@caught_by(outcomes.escalated)
class EscalatedIs200(Node):
    """The status follows from `accepted` alone."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        accepted = response.status == 202 and json.loads(response.body)["accepted"]
        return Response(200, response.body) if accepted else response


@caught_by(outcomes.zero_is_a_value)
class OmitsZeros(Node):
    """Fields that are zero are left out of the reply."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        body = {name: value for name, value in json.loads(response.body).items() if value != 0 or value is False}
        return Response(response.status, json.dumps(body).encode())


def rejudged(effect: Effect[Any], judge_anew: Callable[[Outcome], Outcome]) -> Effect[Any]:
    """The effect, with another outcome if it claims one."""
    if not isinstance(effect, Store):
        return effect
    key, entry = effect.claim
    return Store(Claim(key, msgspec.structs.replace(entry, outcome=judge_anew(entry.outcome))))


@caught_by(outcomes.tolerances_are_symmetric)
class SubtractsDoubles(Node):
    """Tolerances are compared in binary64."""

    def perform(self, effect: Effect[Any]) -> Any:
        return super().perform(rejudged(effect, self._by_subtraction))

    def _by_subtraction(self, honest: Outcome) -> Outcome:
        record = decode(self.body)
        slope = d_hat(record.scales, [record.N_j[str(scale)] for scale in record.scales])
        off = abs(record.D_hat - slope) > CONSTANTS.judgement.tolerance_D_hat
        return msgspec.structs.replace(
            honest, accepted=not off, escalated=off, reason=Reason.D_HAT if off else Reason.OK
        )


@caught_by(outcomes.regime_of_the_claim)
class RegimeOfTheRecomputedSlope(Node):
    """The regime is compared with that of the recomputed slope, not of the claim."""

    def perform(self, effect: Effect[Any]) -> Any:
        return super().perform(rejudged(effect, self._by_recomputed_regime))

    def _by_recomputed_regime(self, honest: Outcome) -> Outcome:
        record = decode(self.body)
        if not honest.accepted or record.regime == regime(honest.recomputed_D_hat, record.coh_star):
            return honest
        return msgspec.structs.replace(honest, escalated=True, reason=Reason.REGIME)


@caught_by(generated.judges_like_the_model)
class UpperMedian(Node):
    """Of an even number of slopes the upper of the middle two is taken."""

    def perform(self, effect: Effect[Any]) -> Any:
        return super().perform(rejudged(effect, self._by_upper_median))

    def _by_upper_median(self, honest: Outcome) -> Outcome:
        record = decode(self.body)
        points = [(log2(scale), log2(record.N_j[str(scale)])) for scale in record.scales]
        slopes = sorted((y - v) / (x - u) for (u, v), (x, y) in combinations(points, 2))
        return msgspec.structs.replace(honest, recomputed_D_hat=round9(slopes[len(slopes) // 2]))


@caught_by(outcomes.tenants_are_apart)
class OneStoreForAll(Node):
    """Entries are kept by id alone."""

    def perform(self, effect: Effect[Any]) -> Any:
        if isinstance(effect, Store):
            effect = Store(Claim(Key("all", effect.claim.key.pcs_id), effect.claim.entry))
        return super().perform(effect)


class SharedKeyring(Keyring):
    """Asks every key, whoever the tenant."""

    def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
        del tenant
        return super().authenticate("all", record, sig, at)


@caught_by(outcomes.keys_belong_to_tenants)
class AnyTenantsKeyWillDo(Node):
    """The signature is checked with every key there is."""

    accepted: Keyring = SharedKeyring({"all": [LiveKey(key) for key in SIGNERS.values()]})


class DigestKey:
    """Checks a signature over the SHA-256 of the message."""

    def __init__(self, key: HmacKey) -> None:
        self._key = key

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's, of the digest."""
        return self._key.verifies(sha256(message).digest(), signature)


@caught_by(outcomes.accepted)
class VerifiesADigest(Node):
    """The signature is checked over a digest of the canonical bytes, so honest records get 401."""

    accepted = Keyring({tenant: [LiveKey(DigestKey(key))] for tenant, key in SIGNERS.items()})


class NaiveRounding(HmacKey):
    """Checks a signature over numbers that were multiplied, rounded and divided."""

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's, of the message rounded anew."""
        numbers = re.sub(rb"\d+\.\d{9}", lambda found: f"{int(float(found[0]) * 1e9) / 1e9:.9f}".encode(), message)
        return super().verifies(numbers, signature)


@caught_by(outcomes.canonical_numbers)
class RoundsByMultiplication(Node):
    """Numbers are written as a product with 10^9, cut, and divided again."""

    accepted = Keyring({tenant: [LiveKey(NaiveRounding(secret))] for tenant, secret in SECRETS.items()})


@caught_by(transport.body_limit)
class CutsTheBody(Node):
    """A body is cut at the limit without a word."""

    limit = 10**9

    def submit(self, submission: Submission) -> Response:
        return super().submit(Submission(submission.tenant, submission.body[:1048576]))


@caught_by(transport.upgrade_is_ignored)
class HandsOver(Node):
    """What follows the head of a request that offers another protocol is not read as its body."""

    upgrades = True


@caught_by(transport.wrong_method)
class NoAllow(Node):
    """405 comes without Allow."""

    allow = False


@caught_by(transport.unknown_path)
class AnyPathBelow(Node):
    """Paths are matched by their beginning."""

    def route(self, path: str) -> str:
        return "/v1/pcs/submit" if path.startswith("/v1/pcs/submit") else path


@caught_by(transport.health_and_readiness)
class NeverReady(Node):
    """Readiness has a path of its own that nobody knows."""

    def route(self, path: str) -> str:
        return path.replace("/ready", "/readyz")


@caught_by(transport.tenant_names)
class AnyTenantName(Node):
    """A name that cannot be one passes for the default."""

    def tenant(self, names: list[str]) -> str:
        return super().tenant([name if re.fullmatch(r"[\w.-]{1,64}", name, re.ASCII) else "default" for name in names])


@caught_by(transport.two_tenants_at_once)
class FirstHeaderCounts(Node):
    """Of two tenant headers the first counts."""

    def tenant(self, names: list[str]) -> str:
        return super().tenant(names[:1])


@caught_by(transport.metrics)
class MissesAMetric(Node):
    """A metric of the table is not exported."""

    def metrics(self) -> str:
        return super().metrics().replace("# TYPE flk_equivocations_total counter\n", "")


@caught_by(transport.counters_move)
class CountsNothing(Node):
    """The metrics are there, and stay at zero."""

    def respond(self, submission: Submission) -> Response:
        return self.submit(submission)


@caught_by(durability.acknowledged_survives_restart)
class AcknowledgesBeforeItWrites(Node):
    """What was acknowledged is in memory only."""

    def restart(self) -> None:
        self.disk, self.entries = Disk("eu"), Entries()
        super().restart()
