"""More servers with one planted defect each: of what they keep, of keys, tenants and connections, of clocks, and under load."""

import json
from collections import Counter, OrderedDict
from contextlib import suppress
from email.message import Message
from hashlib import sha256
from threading import Lock
from time import sleep
from typing import Any, ClassVar

import msgspec
from tests.support.conformance.memory_server import GONE, LIVE, Node
from tests.support.conformance.server_defects import DEFECTS, as_duplicate, caught_by, key_of

from flk.conformance.server import (
    batches,
    clock,
    durability,
    histories,
    outcomes,
    refusals,
    rotation,
    tenancy,
    transport,
    trouble,
)
from flk.conformance.server.reference import Handler
from flk.model.effects import Effect, Resume, Store
from flk.model.entries.entry import Claim, Key, content_digest
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.flow.batch import MEDIA_TYPE, lines_of, records_of
from flk.model.flow.submission import Response, Submission
from flk.model.log.hlc import Timestamp
from flk.model.record.canonical import Signed
from flk.model.record.record import Pcs, decode
from flk.model.record.signing import HmacKey, Keyring, LiveKey
from flk.model.refusal import Malformed, Overloaded, Refused
from flk.spec.constants import CONSTANTS

__all__ = ["DEFECTS"]

NOT_AUTHENTIC = Response(401, b'{"error":"no live key made this","requirement":"SIGN-6","field":"sig"}')


@caught_by(refusals.wrong_id_then_victim)
class BlocksTheStolenId(Node):
    """An id that somebody sent with another record is suspicious from then on."""

    def __init__(self) -> None:
        self.suspicious: set[Key] = set()
        super().__init__()

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        key = key_of(submission)
        if b'"ID-1"' in response.body:
            self.suspicious.add(key)
        return NOT_AUTHENTIC if response.status < 300 and key in self.suspicious else response


@caught_by(refusals.bad_signature_on_duplicate)
class TrustsWhatItKnows(Node):
    """A content that is stored was verified once, so that its signature is not looked at again, if there is one."""

    def submit(self, submission: Submission) -> Response:
        entry = self.entries.entries.get(key_of(submission))
        with suppress(Refused):
            record = decode(submission.body)
            if entry and record.sig and content_digest(record) == entry.digest:
                return as_duplicate(entry, key_of(submission))
        return super().submit(submission)


@caught_by(refusals.nobody_is_locked_out)
class LocksOut(Node):
    """After fifty bad signatures a tenant's records are not looked at for a while."""

    failures = 0

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        self.failures += response.status == 401
        return NOT_AUTHENTIC if self.failures > 50 and response.status < 300 else response


@caught_by(durability.entries_are_kept)
class EvictsTheOldest(Node):
    """The store keeps the hundred entries that were asked for last."""

    def __init__(self) -> None:
        self.used: OrderedDict[Key, None] = OrderedDict()
        super().__init__()

    def perform(self, effect: Effect[Any]) -> Any:
        stored = super().perform(effect)
        if isinstance(effect, Store):
            self.used[effect.claim.key] = None
            self.used.move_to_end(effect.claim.key)
            if len(self.used) > 100:
                self.entries.entries.pop(self.used.popitem(last=False)[0], None)
        return stored


@caught_by(tenancy.no_tenant_header)
class NeedsATenant(Node):
    """A submission without the header is malformed."""

    def tenant(self, names: list[str]) -> str:
        if not names:
            raise Malformed("ORD-9", "no tenant is named", field="X-Tenant-Id")
        return super().tenant(names)


@caught_by(tenancy.tenant_header_in_any_case)
class OneSpellingOfTheHeader(Node):
    """The header is found in the spelling of the documents only."""

    def names(self, headers: Message, connection: object) -> list[str]:
        return [value for name, value in headers.items() if name == "X-Tenant-Id"]


@caught_by(tenancy.stored_record_under_a_foreign_tenant)
class RemembersBodies(Node):
    """A body that was verified is known by its hash, and its answer with it, whoever sends it."""

    def __init__(self) -> None:
        self.known: dict[bytes, Response] = {}
        super().__init__()

    def submit(self, submission: Submission) -> Response:
        name = sha256(submission.body).digest()
        response = self.known.get(name) or super().submit(submission)
        if response.status in {200, 202}:
            self.known[name] = response
        return response


class ConnectionHandler(Handler):
    """A handler whose node learns of the connection that a submission came over."""

    trusted = ""

    def submitted(self, body: bytes) -> Response:
        response = super().submitted(body)
        if response.status == 401 and self.trusted:
            return self.node.respond(Submission(self.trusted, body))
        if response.status in {200, 202}:
            self.trusted = self.headers.get("X-Tenant-Id", "")
        return response


@caught_by(tenancy.tenants_take_turns_on_a_connection)
class TrustsTheConnection(Node):
    """A connection over which a tenant's record was accepted is that tenant's."""

    handler: ClassVar[type[Handler]] = ConnectionHandler


class SwappingHandler(Handler):
    """A handler that may answer the later of two requests first."""

    held: tuple[int, bytes] | None = None

    def reply(self, status: int, body: bytes, headers: Any = ()) -> None:
        self.connection.settimeout(0)
        try:
            more = bool(self.rfile.peek(1))  # type: ignore[attr-defined]  # of BufferedReader
        except OSError:
            more = False
        finally:
            self.connection.settimeout(None)
        if more and self.held is None:
            self.held = status, body
            return
        super().reply(status, body, dict(headers))
        if self.held is not None:
            held, self.held = self.held, None
            super().reply(*held)


@caught_by(tenancy.requests_written_ahead)
class AnswersInTheOrderOfWork(Node):
    """Of two requests that are there at once, the later may be answered first."""

    handler: ClassVar[type[Handler]] = SwappingHandler


@caught_by(rotation.every_live_key_counts)
class FirstKeyOnly(Node):
    """Of a tenant's keys the first counts."""

    accepted = Keyring({tenant: keys[:1] for tenant, keys in LIVE.items()})


@caught_by(rotation.retired_keys_do_not_count)
class KeysForEver(Node):
    """The windows of keys are not looked at."""

    accepted = Keyring({**LIVE, "default": [*LIVE["default"], LiveKey(HmacKey(b"the last secret"))]})


def stamped(effect: Effect[Any], timestamp: Timestamp) -> Effect[Any]:
    """The effect, with another timestamp if it claims an entry."""
    if not isinstance(effect, Store):
        return effect
    return Store(Claim(effect.claim.key, msgspec.structs.replace(effect.claim.entry, timestamp=timestamp)))


@caught_by(clock.timestamps_advance)
class CoarseClock(Node):
    """The clock has no counter, so that two records of one tick share a timestamp."""

    ticks = 0

    def perform(self, effect: Effect[Any]) -> Any:
        self.ticks += isinstance(effect, Store)
        return super().perform(stamped(effect, Timestamp(self.ticks // 2 + (1 << 40))))

    def restart(self) -> None:
        self.ticks += 10
        super().restart()


@caught_by(durability.clock_survives_restart)
class ClockBeginsAnew(Node):
    """After a start the clock knows wall time only, however far ahead of it the log is."""

    def perform(self, effect: Effect[Any]) -> Any:
        return None if isinstance(effect, Resume) else super().perform(effect)

    def start(self) -> None:
        super().start()
        self.runtime.clock = Timestamp(0)


class Crowded(Node):
    """A node that knows how many submissions of an id it has at once."""

    def __init__(self) -> None:
        self.at_once: Counter[Key] = Counter()
        self.counting = Lock()
        super().__init__()

    def submit(self, submission: Submission) -> Response:
        key = key_of(submission)
        with self.counting:
            self.at_once[key] += 1
        try:
            response = super().submit(submission)
            sleep(0.002)  # work that others do not wait for
            self.after(key, response, crowded=self.at_once[key] > 1)
        finally:
            with self.counting:
                self.at_once[key] -= 1
        return response

    def after(self, key: Key, response: Response, *, crowded: bool) -> None:
        """What is done after an answer was found, and before it is sent."""


@caught_by(histories.histories_are_linearizable)
class RollsBackTheReservation(Crowded):
    """An id is reserved before the signature is checked; a forgery that fails frees it, though another may hold it by then."""

    def after(self, key: Key, response: Response, *, crowded: bool) -> None:
        if crowded and response.status == 401:
            self.entries.entries.pop(key, None)


@caught_by(histories.histories_survive_crashes)
class AcknowledgesTheBatchEarly(Crowded):
    """Of submissions that are written together only the last waits for the disk."""

    def __init__(self) -> None:
        self.in_memory: set[Key] = set()
        super().__init__()

    def after(self, key: Key, response: Response, *, crowded: bool) -> None:
        if response.status in {200, 202}:
            (self.in_memory.add if crowded else self.in_memory.discard)(key)

    def restart(self) -> None:
        super().restart()
        for key in self.in_memory:
            self.entries.entries.pop(key, None)


@caught_by(trouble.overload_says_when)
class OverloadedWithoutAWord(Node):
    """A 429 does not say when to come again."""

    def respond(self, submission: Submission) -> Response:
        if isinstance(self.trouble, Overloaded):
            return Response(429, b'{"error":"busy","requirement":"ORD-6","field":null}')
        return super().respond(submission)


@caught_by(trouble.overload_says_when)
class RemembersOverload(Node):
    """What was refused for want of room is refused when there is room."""

    def __init__(self) -> None:
        self.refused: set[Key] = set()
        super().__init__()

    def respond(self, submission: Submission) -> Response:
        if self.trouble is not None and self.trouble.status == 429:
            self.refused.add(key_of(submission))
        response = super().respond(submission)
        return Response(409, response.body) if key_of(submission) in self.refused else response


@caught_by(trouble.unavailable_store_says_when)
class ReadyWithoutAStore(Node):
    """Readiness says that the process lives."""

    def is_ready(self) -> bool:
        return True


@caught_by(trouble.unavailable_store_says_when)
class JudgesWithoutAStore(Node):
    """While the store is away a record is judged, and acknowledged, and not kept."""

    def respond(self, submission: Submission) -> Response:
        known = key_of(submission) in self.entries.entries
        if self.trouble is None or self.trouble.status != 503 or known:
            return super().respond(submission)
        trouble, self.trouble = self.trouble, None
        response = super().respond(submission)
        self.trouble = trouble
        self.entries.entries.pop(key_of(submission), None)
        return response


@caught_by(trouble.unavailable_store_says_when)
class FailsWithoutAStore(Node):
    """An error of the store's client is an internal error."""

    def respond(self, submission: Submission) -> Response:
        if self.trouble is not None and self.trouble.status == 503:
            return Response(500, json.dumps({"error": "internal"}).encode())
        return super().respond(submission)


# --- what a stranger tried ---


class KeysByClaim(Keyring):
    """Judges keys at a time that the record says."""

    claimed = 0.0

    def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
        return super().authenticate(tenant, record, sig, self.claimed or at)


@caught_by(rotation.retired_keys_do_not_count)
class KeysBySentAt(Node):
    """A key counts if it was live when the record says that it was sent."""

    accepted: Keyring = KeysByClaim({**LIVE, "default": [*LIVE["default"], GONE]})

    def submit(self, submission: Submission) -> Response:
        assert isinstance(self.keyring, KeysByClaim)
        self.keyring.claimed = 0.5 if b'"sent_at":"1970-' in submission.body.replace(b": ", b":") else 0.0
        return super().submit(submission)


@caught_by(tenancy.stored_record_under_a_foreign_tenant)
class TenantsWithoutCase(Node):
    """Names of tenants are compared without case."""

    def tenant(self, names: list[str]) -> str:
        return super().tenant([name.lower() for name in names])


@caught_by(transport.metrics)
class MetricsNameRecords(Node):
    """Each duplicate is counted under its id, so that the series grow for ever."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        super().__init__()

    def respond(self, submission: Submission) -> Response:
        self.seen.append(key_of(submission).pcs_id)
        return super().respond(submission)

    def metrics(self) -> str:
        return super().metrics() + "".join(f'flk_dedup_hits_total{{pcs_id="{one}"}} 1\n' for one in self.seen)


class LeavingHandler(Handler):
    """Reads the bodies of submissions alone."""

    def read_body(self) -> bytes:
        return super().read_body() if self.path == "/v1/pcs/submit" and self.command == "POST" else b""


@caught_by(transport.unwanted_bodies_are_read)
class LeavesTheBody(Node):
    """The body of a request for an unknown path is read as the next request."""

    handler: ClassVar[type[Handler]] = LeavingHandler


@caught_by(durability.acknowledged_survives_restart)
class KeepsWhatItAccepted(Node):
    """An outcome that is not accepted is forgotten at a restart."""

    def start(self) -> None:
        super().start()
        entries = self.entries.entries
        for key in [key for key, entry in entries.items() if not entry.outcome.accepted]:
            del entries[key]


class LengthFirstHandler(Handler):
    """Reads as many bytes as were announced first, and does not look for chunks then."""

    def handle_any(self) -> None:
        lengths = self.headers.get_all("Content-Length", [])
        if lengths:
            del self.headers["Transfer-Encoding"], self.headers["Content-Length"]
            self.headers["Content-Length"] = lengths[0]
        super().handle_any()

    do_POST = handle_any


@caught_by(transport.lengths_are_told_once)
class OneLengthCounts(Node):
    """Of two lengths the announced one counts, or the first: what a proxy in front of it may read otherwise."""

    handler: ClassVar[type[Handler]] = LengthFirstHandler


class TrailingHandler(Handler):
    """Trailers are added to the headers, in whose place they come."""

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return super().read_body()
        pieces = b""
        while size := int(self.rfile.readline(), 16):
            pieces += self.rfile.read(size)
            self.rfile.readline()
        while line := self.rfile.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            del self.headers[name]
            self.headers[name] = value.strip()
        return pieces


@caught_by(transport.trailers_are_no_headers)
class TrailersCount(Node):
    """What stands behind the body counts like a header."""

    handler: ClassVar[type[Handler]] = TrailingHandler


@caught_by(outcomes.equivocation)
class BudgetIsDerived(Node):
    """The budget follows from the other signals, so that contents that differ in it alone are one."""

    def __init__(self) -> None:
        self.first: dict[Key, tuple[Pcs, Response]] = {}
        super().__init__()

    def submit(self, submission: Submission) -> Response:
        response, key = super().submit(submission), key_of(submission)
        if response.status in ACKNOWLEDGED:
            self.first.setdefault(key, (decode(submission.body), response))
        if response.status == 409 and key in self.first:
            record, told = self.first[key]
            same = msgspec.structs.replace(decode(submission.body), budget=record.budget)
            return told if content_digest(same) == content_digest(record) else response
        return response


@caught_by(durability.acknowledged_survives_restart)
class KnowsBodiesAfterAStart(Node):
    """What the log holds is known by its bytes: what was delivered again meanwhile is another content."""

    def __init__(self) -> None:
        self.bodies: dict[Key, bytes] = {}
        self.restarted = False
        super().__init__()

    def restart(self) -> None:
        self.restarted = True
        super().restart()

    def submit(self, submission: Submission) -> Response:
        response, key = super().submit(submission), key_of(submission)
        if response.status in ACKNOWLEDGED:
            logged = self.bodies.setdefault(key, submission.body)
            if self.restarted and logged != submission.body:
                return Response(409, response.body)
        return response


@caught_by(refusals.malformed)
class LeavesOutNull(Node):
    """An error says no field where there is none."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        body = response.body.replace(b',"field":null', b"") if response.status == 400 else response.body
        return Response(response.status, body)


@caught_by(batches.batch_lines_are_submissions)
class BatchEndsWithTheFirstFault(Node):
    """Behind a record that is refused no other of its batch is judged: each gets the same refusal."""

    def batch(self, tenant: str, media_type: str, body: bytes) -> Response:
        answers: list[Response] = []
        for record in records_of(body):
            failed = next((answer for answer in answers if answer.status >= 400), None)
            answers.append(failed or self.one(Submission(tenant, record)))
        return Response(200, lines_of(answers))


@caught_by(batches.batch_lines_are_submissions)
class BatchAnswersFaultsLast(Node):
    """The answers of a batch come as they are found: outcomes before refusals."""

    def batch(self, tenant: str, media_type: str, body: bytes) -> Response:
        answers = [self.one(Submission(tenant, record)) for record in records_of(body)]
        return Response(200, lines_of(sorted(answers, key=lambda answer: answer.status)))


@caught_by(batches.batch_refused_whole)
class BatchOfAnyMedia(Node):
    """Whatever a batch says it is, its lines are taken."""

    def batch(self, tenant: str, media_type: str, body: bytes) -> Response:
        return super().batch(tenant, MEDIA_TYPE, body)


@caught_by(batches.batch_refused_whole)
class BatchStoresWhatItCan(Node):
    """Of too many records the first are stored, and then the batch is refused."""

    def batch(self, tenant: str, media_type: str, body: bytes) -> Response:
        if body.count(b"\n") >= CONSTANTS.http.max_batch_records:
            self.one(Submission(tenant, body.split(b"\n")[0]))
        return super().batch(tenant, media_type, body)
