"""The service over HTTP: records in, outcomes out (ORD-*). Probes and refusals are those of `flk.impl.server.probes`.

What a submission means is decided by the programs; here it is only read, begun and answered.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from time import perf_counter

import msgspec
import structlog

from flk.impl.access import Access, TokenEntry
from flk.impl.http.messages import Answer, Request, Respond, path_of
from flk.impl.http.router import Methods
from flk.impl.server.admission import Admission
from flk.impl.server.batch import RECORDS_PER_TURN, Answers, Beginnings
from flk.impl.server.lateness import Late
from flk.impl.server.outcomes import Outcomes
from flk.impl.server.probes import Probes
from flk.impl.server.reading import Reading
from flk.impl.server.refusing import retry_after_field
from flk.impl.server.runtime import Runtime
from flk.impl.server.scrapes import Scrapes
from flk.model.effects import Admit
from flk.model.flow.answers import ACKNOWLEDGED, BATCH_PATH, STATES_ENTRY
from flk.model.flow.batch import MEDIA_TYPE, records_of, require_size
from flk.model.flow.quota import is_over_quota, proves_authentic
from flk.model.flow.submission import Problem, Response, StoredOutcome, Submission, refuse
from flk.model.programs.bounded import receive, receive_batch
from flk.model.programs.examine import Examine
from flk.model.refusal import Refused
from flk.spec.constants import CONSTANTS, Http

_DEFAULT_TENANT = CONSTANTS.node.default_tenant.encode()
_BATCH = BATCH_PATH.encode()
_NDJSON = MEDIA_TYPE.encode()
_FAILED = Response(500, msgspec.json.encode(Problem("the node failed to judge this record", "ORD-1", None)))

log = structlog.get_logger()


class Service(Probes):
    """Handles the requests of one node that serves. `behind` says what of replication waits, empty if nothing does."""

    def __init__(
        self,
        runtime: Runtime,
        region: str,
        examine: Examine,
        admission: Admission,
        scrapes: Scrapes | None = None,
        behind: Callable[[], str] = str,
        access: Access | None = None,
        *,
        pages: bool = False,
        limits: Http = CONSTANTS.http,
        further: Mapping[str, Methods] | None = None,
    ) -> None:
        super().__init__(runtime.node.metrics, runtime.node.progress, scrapes, access, pages=pages, further=further)
        self._runtime = runtime
        self._node = runtime.node
        self._region = region
        self._examine = examine
        self._admission = admission
        self._behind = behind
        self._limits = limits
        self._beginnings = Beginnings()
        self._late = Late()
        self.outcomes = Outcomes(Reading(runtime.node, runtime.background))
        self._metrics.watch(lambda: self._node.in_flight, self._node.limit, lambda: not self.why_not_ready())

    def check(self, request: Request, size: int) -> Answer | None:
        """Refuse a body that will not be admitted, before it is read (ORD-5, ORD-6; a large one by HTTP-9, too; BAT-2)."""
        try:
            if path_of(request.path) == _BATCH:
                require_size(size, self._limits)
                self._node.require_room(0)
            else:
                self._node.require_room(size)
            self._admission.look(request.peer, size, perf_counter())
        except Refused as refusal:
            return self._refused(refusal)
        return None

    def why_not_ready(self) -> str:
        """Why it takes no records now, empty if it does."""
        return self._node.why_not_ready() or self._admission.why_not_open()

    def beside(self) -> str:
        """Replication that waits keeps no node from serving."""
        behind = self._behind()
        return f"replication is behind: {behind}" if behind else ""

    def outcome(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        """Tell a tenant what is stored of a record of its own (API-2, API-3)."""
        self.outcomes.tell(entry.tenant or "", request.parameters["pcs_id"], respond)

    def submit(self, request: Request, respond: Respond) -> None:
        """Begin an `ingest`, which answers."""
        try:
            self._admission.take(request.peer, len(request.body), perf_counter())
        except Refused as refusal:
            respond(self._refused(refusal, _tenant(request)))
        else:
            self._begin(request, request.body, lambda response: respond(_answer(response)))

    def submit_batch(self, request: Request, respond: Respond) -> None:
        """Begin an `ingest` for each record, and answer when all have (BAT-1); or refuse the batch as a whole (BAT-2)."""
        media_type = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if media_type != _NDJSON:
            detail = f"a batch has a record to a line, and says so: Content-Type: {MEDIA_TYPE}"
            respond(self.refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "BAT-2", detail))
            return
        tenant = _tenant(request)
        try:
            Submission(tenant, b"").payload()
            self._node.perform(Admit(tenant, 0))
            self._node.require_room(0, beside=len(self._beginnings))
            records = records_of(request.body, self._limits)
            self._admission.take(request.peer, sum(map(len, records)), perf_counter(), len(records))
        except Refused as refusal:
            respond(self._refused(refusal, tenant))
            return
        answers = Answers(len(records), lambda lines: respond(Answer(HTTPStatus.OK, lines, _NDJSON)))
        if self._runtime.is_traced:  # a trace tells of each record by itself
            self._beginnings.add(
                (1, partial(self._begin, request, record, partial(answers.give, number)))
                for number, record in enumerate(records)
            )
        else:
            self._beginnings.add(
                (len(some), partial(self._begin_together, request, some, partial(answers.give_all, first)))
                for first in range(0, len(records), RECORDS_PER_TURN)
                if (some := records[first : first + RECORDS_PER_TURN])
            )

    def _begin(self, request: Request, body: bytes, answer: Callable[[Response], None]) -> None:
        """Begin the `ingest` of one record that was admitted; `answer` is called once."""
        began = perf_counter()
        tenant = _tenant(request)

        def done(response: Response) -> None:
            self._note(request.peer, tenant, body, response)
            if is_over_quota(response):
                self._late.give(partial(answer, response))
            else:
                answer(response)
            self._metrics.submit_seconds.observe(perf_counter() - began)

        program = receive(Submission(tenant, body), self._region, self._examine, self._node.tenants)
        self._runtime.begin(program, done, lambda error: answer(_failed(error)), request.within)

    def _begin_together(
        self, request: Request, bodies: Sequence[bytes], answer: Callable[[Sequence[Response]], None]
    ) -> None:
        """Begin the `ingest_batch` of records that were admitted; `answer` is called once, with the answers to all."""
        began = perf_counter()
        tenant = _tenant(request)

        def done(responses: Sequence[Response]) -> None:
            self._note_all(request.peer, tenant, bodies, responses)
            if any(map(is_over_quota, responses)):
                self._late.give(partial(answer, responses))
            else:
                answer(responses)
            self._metrics.submit_seconds.observe_many(perf_counter() - began, len(responses))

        def failed(error: Exception) -> None:
            answer([_failed(error)] * len(bodies))

        program = receive_batch(tenant, bodies, self._region, self._examine, self._node.tenants)
        self._runtime.begin(program, done, failed, request.within, len(bodies))

    def _note(self, peer: str, tenant: str, body: bytes, response: Response) -> None:
        """Give back what an authentic record took from its peer's bucket, and count its answer."""
        if proves_authentic(response):
            self._admission.give_back(peer, len(body))
        if response.status in STATES_ENTRY:
            self._metrics.by_tenant.answered(tenant, response.status)
        else:
            self._count_refusal(response, tenant)
        if response.status == HTTPStatus.CONFLICT:
            stored = msgspec.json.decode(response.body, type=StoredOutcome)
            log.warning("equivocation", tenant=tenant, pcs_id=stored.pcs_id)

    def _note_all(self, peer: str, tenant: str, bodies: Sequence[bytes], responses: Sequence[Response]) -> None:
        """As `_note` for each; those that are stored and acknowledged are counted together."""
        statuses = Counter([response.status for response in responses])
        if statuses.keys() <= ACKNOWLEDGED:
            self._admission.give_back(peer, sum(map(len, bodies)), len(bodies))
            for status, times in statuses.items():
                self._metrics.by_tenant.answered(tenant, status, times=times)
        else:
            for body, response in zip(bodies, responses, strict=True):
                self._note(peer, tenant, body, response)

    def _refused(self, refusal: Refused, tenant: str = "") -> Answer:
        response = refuse(refusal)
        self._count_refusal(response, tenant)
        return _answer(response)

    def _count_refusal(self, response: Response, tenant: str) -> None:
        requirement = msgspec.json.decode(response.body, type=Problem).requirement
        self._metrics.refused(response.status, requirement)
        self._metrics.by_tenant.answered(tenant, response.status, requirement)


def _failed(error: Exception) -> Response:
    """The answer where a program failed. The node goes on; what was logged is kept, to be looked at with this."""
    log.error("submission.failed", exc_info=error)
    return _FAILED


def _answer(response: Response) -> Answer:
    return Answer(response.status, response.body, headers=retry_after_field(response.retry_after))


def _tenant(request: Request) -> str:
    return request.headers.get(b"x-tenant-id", _DEFAULT_TENANT).decode("latin-1")
