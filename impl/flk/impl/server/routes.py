"""The service over HTTP: records in, outcomes out (ORD-*). Probes and refusals are those of `flk.impl.server.probes`.

What a submission means is decided by the programs; here it is only read, begun and answered.
"""

from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter

import msgspec
import structlog

from flk.impl.access import Access, TokenEntry
from flk.impl.http.messages import Answer, Request, Respond
from flk.impl.server.admission import Admission
from flk.impl.server.outcomes import Outcomes
from flk.impl.server.probes import Probes
from flk.impl.server.reading import Reading
from flk.impl.server.refusing import problem, retry_after_field
from flk.impl.server.runtime import Runtime
from flk.impl.server.scrapes import Scrapes
from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.quota import proves_authentic
from flk.model.flow.submission import Problem, Response, Submission, refuse
from flk.model.programs.bounded import receive
from flk.model.programs.examine import Examine
from flk.model.refusal import Refused
from flk.spec.constants import CONSTANTS

_DEFAULT_TENANT = CONSTANTS.node.default_tenant.encode()

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
    ) -> None:
        super().__init__(runtime.node.metrics, runtime.node.progress, scrapes, access, pages=pages)
        self._runtime = runtime
        self._node = runtime.node
        self._region = region
        self._examine = examine
        self._admission = admission
        self._behind = behind
        self.outcomes = Outcomes(Reading(runtime.node, runtime.background))
        self._metrics.watch(lambda: self._node.in_flight, self._node.limit, lambda: not self.why_not_ready())

    def check(self, size: int, peer: str) -> Answer | None:
        """Refuse a body that will not be admitted, before it is read (ORD-5, ORD-6; a large one by HTTP-9, too)."""
        try:
            self._node.require_room(size)
            self._admission.look(peer, size, perf_counter())
        except Refused as refusal:
            return self._answer(refuse(refusal))
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
        began = perf_counter()
        tenant = request.headers.get(b"x-tenant-id", _DEFAULT_TENANT).decode("latin-1")
        peer, size = request.peer, len(request.body)

        def done(response: Response) -> None:
            if proves_authentic(response):
                self._admission.give_back(peer, size)
            respond(self._answer(response, tenant))
            self._metrics.submit_seconds.observe(perf_counter() - began)

        def failed(error: Exception) -> None:
            """The node goes on; what was logged is kept, to be looked at with this."""
            log.error("submission.failed", exc_info=error)
            respond(problem(HTTPStatus.INTERNAL_SERVER_ERROR, "ORD-1", "the node failed to judge this record"))

        try:
            self._admission.take(peer, size, began)
        except Refused as refusal:
            respond(self._answer(refuse(refusal), tenant))
        else:
            submission = Submission(tenant, request.body)
            program = receive(submission, self._region, self._examine, self._node.tenants)
            self._runtime.begin(program, done, failed)

    def _answer(self, response: Response, tenant: str = "") -> Answer:
        if response.status in STATES_ENTRY:
            self._metrics.by_tenant.answered(tenant, response.status)
            return Answer(response.status, response.body)
        requirement = msgspec.json.decode(response.body, type=Problem).requirement
        self._metrics.refused(response.status, requirement)
        self._metrics.by_tenant.answered(tenant, response.status, requirement)
        return Answer(response.status, response.body, headers=retry_after_field(response.retry_after))
