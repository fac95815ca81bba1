"""Posting to the service over HTTP: submissions that are due together share a request. None stands for no answer."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from flk.impl.http.following import current
from flk.impl.http.patience import retry_after
from flk.impl.http.trust import Trust
from flk.model.flow.answers import BATCH_PATH, OUTCOMES_PATH, SUBMIT_PATH
from flk.model.flow.batch import MEDIA_TYPE
from flk.model.flow.sending import NOT_OFFERED, body_of, shares, together
from flk.model.flow.submission import Response, Submission
from flk.spec.errors import UnusableInput

MOST_BYTES = 1 << 16  # of an answer; those of the service are shorter
MOST_LINE_BYTES = 1 << 12  # of an answer's line in a batch, on the average


class _Due(NamedTuple):
    """A submission to be posted, and who waits for its answer. `alone`: the service did not take it in a batch. `followed` is the
    span that it is part of.
    """

    submission: Submission
    answered: "asyncio.Future[Response | None]"
    alone: bool = False
    followed: str = ""


class Posting:
    """The service, with so many connections to it. Whatever is due when one is free goes in one request, if it may. What is asked
    for outside of any span is part of `followed`.

    Raises UnusableInput unless `url` is that of an HTTP service.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        connections: int,
        trust: Trust,
        token: str | None,
        *,
        batches: bool,
        followed: str = "",
    ) -> None:
        self._url = _checked(url, trust)
        self._timeout = timeout
        self._connections = connections
        self._batches = batches
        self._followed = followed
        self._due: deque[_Due] = deque()
        self._busy: set[asyncio.Task[None]] = set()
        self._closed = False
        self._authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(
            verify=trust.context(),
            timeout=timeout,
            limits=httpx.Limits(max_connections=connections + 1, max_keepalive_connections=connections + 1),
            trust_env=False,  # neither a proxy nor a name and password from files that nobody named
            headers={"Accept-Encoding": "identity"},
        )

    async def post(self, submission: Submission) -> Response | None:
        """The service's answer to a submission, None if none came."""
        if self._closed:
            return None
        answered: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
        self._due.append(_Due(submission, answered, followed=current() or self._followed))
        self._begin()
        return await answered

    async def outcome(self, pcs_id: str) -> Response | None:
        """The service's answer to who asks for a stored outcome, None if none came."""
        followed = current() or self._followed
        headers = self._authorization | ({"traceparent": followed} if followed else {})
        return await self._exchange("GET", f"{OUTCOMES_PATH}/{pcs_id}", headers)

    async def close(self) -> None:
        """End all connections. Posts under way get no answer, and those that wait get none either."""
        self._closed = True
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        while self._due:
            _answer(self._due.popleft(), None)
        with suppress(RuntimeError):  # of transports whose loop is closing
            await self._http.aclose()

    def _begin(self) -> None:
        """Have what is due posted over one more connection, if there is one."""
        if len(self._busy) < self._connections:
            self._busy.add(asyncio.create_task(self._work()))

    async def _work(self) -> None:
        """Post what is due, until nothing is. From then on it counts as free, not when its task is known to be over: who posts in
        between would wait for somebody who looks no more.
        """
        try:
            while group := self._taken():
                try:
                    if len(group) == 1:
                        _answer(group[0], await self._single(group[0]))
                    else:
                        await self._batch(group)
                except BaseException:
                    for due in group:
                        _answer(due, None)
                    raise
        finally:
            self._busy.discard(asyncio.current_task())
            if self._due and not self._closed:  # it failed
                self._begin()

    def _taken(self) -> list[_Due]:
        """What goes in the next request; nobody waits any more for what was cancelled."""
        while self._due and self._due[0].answered.done():
            self._due.popleft()
        alone = not self._batches or (bool(self._due) and self._due[0].alone)
        count = min(1, len(self._due)) if alone else together(due.submission for due in self._due)
        return [self._due.popleft() for _ in range(count)]

    async def _single(self, due: _Due) -> Response | None:
        headers = {"Content-Type": "application/json", "X-Tenant-Id": due.submission.tenant} | _traced([due])
        return await self._exchange("POST", SUBMIT_PATH, headers, due.submission.body)

    async def _batch(self, group: list[_Due]) -> None:
        headers = {"Content-Type": MEDIA_TYPE, "X-Tenant-Id": group[0].submission.tenant} | _traced(group)
        body = body_of(due.submission for due in group)
        most = MOST_BYTES + MOST_LINE_BYTES * len(group)
        response = await self._exchange("POST", BATCH_PATH, headers, body, most)
        answers = shares(len(group), response)
        if answers is None:
            self._batches = self._batches and response is not None and response.status not in NOT_OFFERED
            self._due.extendleft(due._replace(alone=True) for due in reversed(group))
            return
        for due, answer in zip(group, answers, strict=True):
            _answer(due, answer)

    async def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"", most: int = MOST_BYTES
    ) -> Response | None:
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._http.stream(method, self._url + path, content=body, headers=headers) as answer,
            ):
                content = await _read(answer, most)
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, OSError):
            return None
        return Response(answer.status_code, content, retry_after(answer.headers.get("Retry-After"), time.time()))


def _traced(group: Sequence[_Due]) -> dict[str, str]:
    """The header that says which span a request is part of: that of its records, if they are all part of one."""
    spans = {due.followed for due in group}
    return {"traceparent": spans.pop()} if len(spans) == 1 and "" not in spans else {}


def _answer(due: _Due, response: Response | None) -> None:
    if not due.answered.done():  # whoever waited may have been cancelled
        due.answered.set_result(response)


async def _read(answer: httpx.Response, most: int) -> bytes:
    """The beginning of an answer's body: what is longer is none of the service's."""
    content = bytearray()
    async for piece in answer.aiter_raw():
        content += piece
        if len(content) >= most:
            break
    return bytes(content[:most])


def _checked(url: str, trust: Trust) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as error:
        raise UnusableInput(f"{url}: {error}") from None
    if not usable or parts.query or parts.fragment or parts.username:
        raise UnusableInput(f"{url}: not the address of a service; it reads like https://pcs.example:8443")
    if parts.scheme == "http" and trust != Trust():
        raise UnusableInput(f"{url}: files of TLS were named, and the address is without; write https://…")
    return url.rstrip("/")
