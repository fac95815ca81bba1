"""The audit log over HTTP (TLOG-11): checkpoint and tiles of hashes for everybody, bundles of leaves for operators, and for a
tenant the leaves about a record of its own, with proofs. Whoever asks waits in a thread, a bounded number at once.
"""

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

import structlog

from flk.impl.access import Access, Role, TokenEntry
from flk.impl.http.messages import Answer, Headers, Request, Respond
from flk.impl.http.router import Methods, reading
from flk.impl.server.daemon import in_daemon
from flk.impl.server.outcomes import require_names
from flk.impl.server.refusing import permitted, problem, told
from flk.model.effects import GetObject
from flk.model.entries.entry import Key
from flk.model.flow.submission import refuse
from flk.model.programs.checkpoint import CHECKPOINT
from flk.model.programs.show import show
from flk.model.refusal import NothingStored, Overloaded, Refused, unavailable
from flk.model.runtime import Perform, run
from flk.model.transparency.notes import Verifier
from flk.model.transparency.steps import prefix_of
from flk.spec.constants import CONSTANTS

PATH = CONSTANTS.transparency.path
EVERYTHING = f"{PATH}/{{rest*}}"
MOST = CONSTANTS.transparency.max_questions
FOR_EVER: Headers = {b"cache-control": b"public, max-age=31536000, immutable"}
TO_ONE: Headers = {b"cache-control": b"private, max-age=31536000, immutable"}
_NUMBER = r"(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/(?:[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?"
_HASHES = re.compile(rf"[0-9]{{1,2}}/{_NUMBER}")
_LEAVES = re.compile(_NUMBER)

log = structlog.get_logger()


class AuditLog:
    """Answers questions about a region's log, which `key` signs. `perform` performs effects on objects and index, in any thread."""

    def __init__(self, region: str, key: Verifier, perform: Perform) -> None:
        self._region = region
        self._key = key
        self._perform = perform
        self._asking = 0

    def paths(self, access: Access | None, refuse: Callable[[HTTPStatus, str, str], Answer]) -> dict[str, Methods]:
        """What is answered under which path. Who may not ask is refused by `refuse`; without `access`, nobody is told a leaf."""
        paths = {f"{PATH}/checkpoint": reading(self._checkpoint)}
        if access is not None:
            leaves = permitted(access, refuse, self._bundle, Role.OPERATOR)
            paths[f"{PATH}/tile/entries/{{tile*}}"] = reading(leaves)
            paths[f"{PATH}/proof/{{pcs_id}}"] = reading(permitted(access, refuse, self._proof, Role.TENANT))
        return paths | {f"{PATH}/tile/{{tile*}}": reading(self._hashes)}

    def _checkpoint(self, request: Request, respond: Respond) -> None:
        del request
        text = b"text/plain; charset=utf-8"
        self._in_thread(partial(self._object, CHECKPOINT, text, {b"cache-control": b"no-cache"}), respond)

    def _hashes(self, request: Request, respond: Respond) -> None:
        self._tile(_HASHES, "tile/", request.parameters["tile"], FOR_EVER, respond)

    def _bundle(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        del entry
        self._tile(_LEAVES, "tile/entries/", request.parameters["tile"], TO_ONE, respond)

    def _proof(self, request: Request, entry: TokenEntry, respond: Respond) -> None:
        key = Key(entry.tenant or "", request.parameters["pcs_id"])
        try:
            require_names(*key)
        except Refused as refusal:
            respond(told(refuse(refusal)))
        else:
            self._in_thread(lambda: told(run(show(self._region, self._key, key), self._perform)), respond)

    def _tile(self, form: "re.Pattern[str]", place: str, tile: str, headers: Headers, respond: Respond) -> None:
        if form.fullmatch(tile):
            self._in_thread(partial(self._object, place + tile, b"application/octet-stream", headers), respond)
        else:
            respond(problem(HTTPStatus.NOT_FOUND, "TLOG-11", "this is not the path of a tile"))

    def _object(self, name: str, content_type: bytes, headers: Headers) -> Answer:
        content = self._perform(GetObject(prefix_of(self._region) + name))
        if content is None:
            raise NothingStored("TLOG-11", "the log has no such object")
        return Answer(HTTPStatus.OK, content, content_type, headers)

    def _in_thread(self, work: Callable[[], Answer], respond: Respond) -> None:
        if self._asking >= MOST:
            respond(told(refuse(Overloaded("TLOG-11", f"{MOST} questions to the log are on their way", retry_after=1))))
            return
        self._asking += 1
        asked = in_daemon(work)

        def settle(_: object) -> None:
            self._asking -= 1
            error = asked.exception()
            if isinstance(error, Refused):
                respond(told(refuse(error)))
            elif error is not None:
                log.error("audit.failed", exc_info=error)
                respond(told(refuse(unavailable("the node failed to answer this"))))
            else:
                respond(asked.result())

        asked.add_done_callback(settle)
