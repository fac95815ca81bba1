"""The service over HTTP: records in, outcomes out (ORD-*). Probes and refusals are those of `flk.impl.server.probes`.

What a submission means is decided by the programs; here it is only read, begun and answered.
"""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from time import perf_counter

import msgspec
import structlog

from flk.impl.http.messages import Answer, Request, Respond, path_of
from flk.impl.server.admission import Admission
from flk.impl.server.batch import Answers, Beginnings
from flk.impl.server.probes import BATCH, Probes, retry_after_field
from flk.impl.server.runtime import Runtime
from flk.model.effects import Admit
from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.batch import MEDIA_TYPE, records_of, require_size
from flk.model.flow.submission import Problem, Response, Submission, refuse
from flk.model.programs.examine import Examine
from flk.model.programs.ingest import ingest
from flk.model.refusal import Refused
from flk.spec.constants import CONSTANTS, Http

_DEFAULT_TENANT = CONSTANTS.node.default_tenant.encode()
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
        metrics_gap: float = CONSTANTS.http.metrics_gap_seconds,
        behind: Callable[[], str] = str,
        *,
        pages: bool = False,
        limits: Http = CONSTANTS.http,
    ) -> None:
        super().__init__(runtime.node.metrics, runtime.node.progress, metrics_gap, pages=pages)
        self._runtime = runtime
        self._node = runtime.node
        self._region = region
        self._examine = examine
        self._admission = admission
        self._behind = behind
        self._limits = limits
        self._beginnings = Beginnings()
        self._metrics.watch(lambda: self._node.in_flight, self._node.limit, lambda: not self.why_not_ready())

    def check(self, request: Request, size: int) -> Answer | None:
        """Refuse a body that will not be admitted, before it is read (ORD-5, ORD-6; a large one by HTTP-9, too; BAT-2)."""
        try:
            if path_of(request.path) == BATCH:
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

    def submit(self, request: Request, respond: Respond) -> None:
        """Begin an `ingest`, which answers."""
        try:
            self._admission.take(request.peer, len(request.body), perf_counter())
        except Refused as refusal:
            respond(self._refused(refusal))
        else:
            self._begin(request, request.body, lambda response: respond(_answer(response)))

    def submit_batch(self, request: Request, respond: Respond) -> None:
        """Begin an `ingest` for each record, and answer when all have (BAT-1); or refuse the batch as a whole (BAT-2)."""
        media_type = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if media_type != _NDJSON:
            detail = f"a batch has a record to a line, and says so: Content-Type: {MEDIA_TYPE}"
            respond(self.refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "BAT-2", detail))
            return
        try:
            Submission(_tenant(request), b"").payload()
            self._node.perform(Admit(_tenant(request), 0))
            self._node.require_room(0, beside=len(self._beginnings))
            records = records_of(request.body, self._limits)
            self._admission.take(request.peer, sum(map(len, records)), perf_counter(), len(records))
        except Refused as refusal:
            respond(self._refused(refusal))
            return
        answers = Answers(len(records), lambda lines: respond(Answer(HTTPStatus.OK, lines, _NDJSON)))
        self._beginnings.add(
            partial(self._begin, request, record, partial(answers.give, number))
            for number, record in enumerate(records)
        )

    def _begin(self, request: Request, body: bytes, answer: Callable[[Response], None]) -> None:
        """Begin the `ingest` of one record that was admitted; `answer` is called once."""
        began = perf_counter()
        peer = request.peer

        def done(response: Response) -> None:
            if response.status in STATES_ENTRY:
                self._admission.give_back(peer, len(body))
            else:
                requirement = msgspec.json.decode(response.body, type=Problem).requirement
                self._metrics.refused(response.status, requirement)
            answer(response)
            self._metrics.submit_seconds.observe(perf_counter() - began)

        def failed(error: Exception) -> None:
            """The node goes on; what was logged is kept, to be looked at with this."""
            log.error("submission.failed", exc_info=error)
            answer(_FAILED)

        submission = Submission(_tenant(request), body)
        self._runtime.begin(ingest(submission, self._region, self._examine), done, failed)

    def _refused(self, refusal: Refused) -> Answer:
        self._metrics.refused(refusal.status, refusal.requirement)
        return _answer(refuse(refusal))


def _answer(response: Response) -> Answer:
    return Answer(response.status, response.body, headers=retry_after_field(response.retry_after))


def _tenant(request: Request) -> str:
    return request.headers.get(b"x-tenant-id", _DEFAULT_TENANT).decode("latin-1")
