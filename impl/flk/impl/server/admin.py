"""The admin listener: what a node tells its operators, and does for them (API-6 to API-9). Submissions go elsewhere."""

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, TypeVar

import msgspec
import structlog

from flk.impl.access import Access, Role, TokenEntry
from flk.impl.http.messages import Answer, Request, Respond
from flk.impl.http.router import Methods, Router, query, reading
from flk.impl.server.daemon import in_daemon
from flk.impl.server.outcomes import Outcomes, require_names
from flk.impl.server.probes import Probes
from flk.impl.server.refusing import UNSTORED, misdirected, permitted, problem, told
from flk.impl.server.reload import Reload
from flk.impl.server.ruling import Rulings, change_asked
from flk.impl.server.scrapes import Scrapes
from flk.impl.server.settings import REGION
from flk.impl.server.status import Sections, page
from flk.impl.storage.inspecting import Inspected
from flk.impl.storage.objects import Objects
from flk.impl.storage.proposals import Listed, listed
from flk.model.entries.entry import Key
from flk.model.flow.submission import refuse
from flk.model.log.frames import CorruptSegment
from flk.model.refusal import Malformed, Refused, unavailable
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

R = TypeVar("R")

LIMITS = CONSTANTS.admin
_ALL = (Role.OPERATOR,)
_REGION = re.compile(REGION)

log = structlog.get_logger()


class Serving(NamedTuple):
    """What can be asked of a node that serves, and not of one that starts."""

    outcomes: Outcomes
    shards: Inspected
    objects: Objects | None
    sections: Callable[[], Sections]
    rulings: Rulings


class Proposed(msgspec.Struct, frozen=True):
    """A proposal to mend what a region lost, as `flk divergence list` tells it."""

    id: str
    region: str
    state: str
    action: str | None
    peer: str | None
    score: float | None
    entries: int
    because: str

    @classmethod
    def of(cls, found: Listed) -> "Proposed":
        """What is told of one that lies in the object store."""
        made = found.proposal
        if made is None:
            return cls(found.id, found.region, found.state, None, None, None, 0, found.refused)
        return cls(
            found.id,
            found.region,
            found.state,
            str(made.action),
            made.peer,
            made.score,
            len(made.claims),
            made.because,
        )


class Admin:
    """Handles the requests of operators. `public` is what handles those of all others, and knows whether the node is ready; it is
    another, and `serving` is set, once the node serves.
    """

    def __init__(self, public: Probes, access: Access, scrapes: Scrapes, reload: Reload) -> None:
        self.public = public
        self.serving: Serving | None = None
        self._reload = reload
        self._asking = 0

        def read(ask: Callable[[Request, TokenEntry, Respond], None]) -> Methods:
            return reading(permitted(access, self.refuse, ask, *_ALL))

        self._router = Router(
            {
                "/health": reading(lambda _, respond: respond(self.public.health())),
                "/ready": reading(lambda _, respond: respond(self.public.ready())),
                "/metrics": reading(
                    permitted(
                        access, self.refuse, lambda asked, _, respond: scrapes.ask(asked, respond), *_ALL, Role.METRICS
                    )
                ),
                "/status": reading(permitted(access, self.refuse, self._status, *_ALL, by_password=True)),
                "/admin/reload": {b"POST": permitted(access, self.refuse, self._read_again, *_ALL)},
                "/admin/policies": {
                    **read(self._policies),
                    b"POST": permitted(access, self.refuse, self._change_policies, *_ALL),
                },
                "/admin/outcomes/{tenant}/{pcs_id}": read(self._outcome),
                "/admin/divergence": read(self._divergence),
                "/admin/shards": read(self._of_shards(lambda shards, _: shards.distribution)),
                "/admin/shards/health": read(self._of_shards(lambda shards, _: partial(_health, shards))),
                "/admin/shards/find": read(self._of_shards(_find)),
                "/admin/shards/{name}": read(self._of_shards(_statistics)),
                "/admin/shards/{name}/sample": read(self._of_shards(_sample)),
            }
        )

    def check(self, request: Request, size: int) -> Answer | None:
        """Only a change of policies has a body that is of use; of any other request a small one is read and dropped."""
        del request
        if size > LIMITS.max_body_bytes:
            return self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "API-6", "nothing here takes so much")
        return None

    def refuse(self, status: HTTPStatus, requirement: str, detail: str, retry_after: int | None = None) -> Answer:
        """The answer to a request that HTTP refuses."""
        return self.public.refuse(status, requirement, detail, retry_after)

    def handle(self, request: Request, respond: Respond) -> None:
        """Answer a request."""
        methods = self._router.methods(request)
        endpoint = None if methods is None else methods.get(request.method)
        if endpoint is not None:
            endpoint(request, respond)
        else:
            respond(misdirected(methods, "there is no such path here"))

    def _status(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        del request, entry
        public, serving = self.public, self.serving
        sections: Sections = () if serving is None else serving.sections()
        respond(page(public.why_not_ready(), public.beside(), sections))

    def _read_again(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        del request
        log.info("reload.asked", token=entry.id)
        respond(_json({"files": self._reload()}))

    def _policies(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        del request, entry
        if (serving := self._serving(respond)) is not None:
            self._awaited(asyncio.ensure_future(serving.rulings.current()), respond)

    def _change_policies(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        if (serving := self._serving(respond)) is None:
            return
        try:
            change = change_asked(request.body, entry.id)
        except Refused as refusal:
            respond(told(refuse(refusal)))
            return
        log.info("policy.asked", token=entry.id, kind=str(change.kind), version=change.version)
        self._awaited(asyncio.ensure_future(serving.rulings.change(change)), respond)

    def _outcome(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        del entry
        if (serving := self._serving(respond)) is not None:
            serving.outcomes.tell(request.parameters["tenant"], request.parameters["pcs_id"], respond)

    def _divergence(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        del entry
        region = query(request).get("region")
        if region is not None and not _REGION.fullmatch(region):
            refusal = Malformed("API-7", f"a region matches {_REGION.pattern}", field="region")
            respond(told(refuse(refusal)))
        elif (serving := self._serving(respond)) is not None:
            self._in_thread(partial(_proposals, serving.objects, region), respond)

    def _of_shards(
        self, ask: Callable[[Inspected, Request], Callable[[], object]]
    ) -> Callable[[Request, TokenEntry, Respond], None]:
        """An endpoint about the shards: `ask` reads the request, and says what to find out in a thread."""

        def endpoint(request: Request, entry: TokenEntry, respond: Respond) -> None:
            del entry
            if (serving := self._serving(respond)) is None:
                return
            try:
                work = ask(serving.shards, request)
            except Refused as refusal:
                respond(told(refuse(refusal)))
            else:
                self._in_thread(work, respond)

        return endpoint

    def _serving(self, respond: Respond) -> Serving | None:
        """What can be asked; the answer is given already if nothing can."""
        if self.serving is None:
            respond(told(refuse(unavailable("the node is starting"))))
        return self.serving

    def _in_thread(self, work: Callable[[], object], respond: Respond) -> None:
        """Answer with what the work comes to. A bounded number is on its way at once (API-5)."""
        if self._asking >= LIMITS.max_questions:
            detail = f"{LIMITS.max_questions} questions to stores are on their way"
            respond(told(refuse(unavailable(detail))))
            return
        self._awaited(in_daemon(work), respond)

    def _awaited(self, asked: "asyncio.Future[R]", respond: Respond) -> None:
        """Answer with what comes of it."""
        self._asking += 1

        def settle(_: object) -> None:
            self._asking -= 1
            error = asked.exception()
            if isinstance(error, Refused):
                respond(told(refuse(error)))
            elif isinstance(error, UnusableInput | CorruptSegment):
                respond(told(refuse(unavailable(str(error)))))
            elif error is not None:
                log.error("admin.failed", exc_info=error)
                respond(problem(HTTPStatus.INTERNAL_SERVER_ERROR, "OBS-4", "the node failed to answer this", UNSTORED))
            else:
                respond(_json(asked.result()))

        asked.add_done_callback(settle)


def _json(value: object) -> Answer:
    return Answer(HTTPStatus.OK, msgspec.json.encode(value), headers=UNSTORED)


def _proposals(objects: Objects | None, region: str | None) -> dict[str, Sequence[Proposed]]:
    return {"proposals": [] if objects is None else [Proposed.of(each) for each in listed(objects, region)]}


def _health(shards: Inspected) -> object:
    return {"shards": shards.health()}


def _find(shards: Inspected, request: Request) -> Callable[[], object]:
    asked = query(request)
    tenant, pcs_id = asked.get("tenant", CONSTANTS.node.default_tenant), asked.get("pcs_id", "")
    require_names(tenant, pcs_id)
    return partial(shards.owner, Key(tenant, pcs_id))


def _statistics(shards: Inspected, request: Request) -> Callable[[], object]:
    return partial(shards.statistics, request.parameters["name"])


def _sample(shards: Inspected, request: Request) -> Callable[[], object]:
    text = query(request).get("size", f"{LIMITS.sample_size}")
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= size <= LIMITS.max_sample_size:
        raise Malformed("API-7", f"size is a whole number from 1 to {LIMITS.max_sample_size}", field="size")
    return partial(_keys, shards, request.parameters["name"], size)


def _keys(shards: Inspected, name: str, size: int) -> object:
    return {"name": name, "keys": [key._asdict() for key in shards.sample(name, size)]}
