"""Answers to who is refused, and endpoints that only some may ask (API-1)."""

from collections.abc import Callable
from http import HTTPStatus

import msgspec

from flk.impl.access import Access, Denied, Role, TokenEntry
from flk.impl.http.messages import Answer, Headers, Request, Respond
from flk.impl.http.router import Endpoint
from flk.model.flow.submission import Problem, Response

UNSTORED = {b"cache-control": b"no-store"}
"""The header of answers that are another one the next time."""


def retry_after_field(seconds: float | None) -> Headers:
    """The header that asks a client to wait, if it is to."""
    return {} if seconds is None else {b"retry-after": b"%d" % seconds}


def problem(status: HTTPStatus, requirement: str, detail: str, headers: Headers | None = None) -> Answer:
    """An answer that names the requirement for which there is no other."""
    return Answer(status, msgspec.json.encode(Problem(detail, requirement, None)), headers=headers or {})


def told(response: Response) -> Answer:
    """What a program came to, for nobody to keep."""
    return Answer(response.status, response.body, headers=UNSTORED | retry_after_field(response.retry_after))


def permitted(
    access: Access,
    refuse: Callable[[HTTPStatus, str, str], Answer],
    ask: Callable[[Request, TokenEntry, Respond], None],
    *roles: Role,
    by_password: bool = False,
) -> Endpoint:
    """An endpoint that only tokens of these roles may ask; it is told which. Others get 401 or 403, made by `refuse`, which counts
    them, and learn nothing else.
    """

    def endpoint(request: Request, respond: Respond) -> None:
        try:
            entry = access.require(request.headers, *roles, by_password=by_password)
        except Denied as denied:
            headers = UNSTORED | {b"www-authenticate": denied.challenge.encode()}
            answer = refuse(HTTPStatus(denied.status), denied.requirement, denied.detail)
            respond(msgspec.structs.replace(answer, headers=headers))
        else:
            ask(request, entry, respond)

    return endpoint
