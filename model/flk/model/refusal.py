"""What a node says when it does not store an outcome. A refusal is an answer, not a failure: it is never cached (DUP-5)."""

from http import HTTPStatus

from flk.spec.constants import CONSTANTS

MAX_DETAIL = CONSTANTS.node.max_detail_characters


class Refused(Exception):
    """The request ends here, with `status` and a body that names the rule and the field.

    `requirement` is an id of the catalogue, `field` the record's field at fault (None where no one field is),
    `retry_after` whole seconds after which the same request may succeed (None: it never will).
    """

    status = HTTPStatus.BAD_REQUEST

    def __init__(
        self, requirement: str, detail: str, *, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.requirement = requirement
        self.detail = _bounded(detail)
        self.field = field and _bounded(field)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        """All that it says goes with it to another process."""
        return _again, (type(self), self.requirement, self.detail, self.field, self.retry_after)


def _again(kind: type[Refused], requirement: str, detail: str, field: str | None, retry_after: int | None) -> Refused:
    return kind(requirement, detail, field=field, retry_after=retry_after)


def _bounded(text: str) -> str:
    """The text, cut where it is long: what a sender wrote comes back in it (ORD-2)."""
    return text if len(text) <= MAX_DETAIL else f"{text[: MAX_DETAIL - 1]}…"


class Malformed(Refused):
    """The body is not a valid record (REC-*, ID-*): 400. `requirement` and `field` say which rule it breaks, and where.

    >>> Malformed("REC-8", "attempt is at least 1", field="attempt").requirement
    'REC-8'
    """


class Unauthenticated(Refused):
    """No live key of the tenant made this signature (SIGN-*), or drew the seed where that is asked for (VRF-6): 401. Raised before
    anything is looked up.

    >>> int(Unauthenticated("SIGN-6", "no live key made this").status)
    401
    """

    status = HTTPStatus.UNAUTHORIZED


class NothingStored(Refused):
    """There is no outcome under the id that was asked for, as far as whoever asks may know (API-3): 404."""

    status = HTTPStatus.NOT_FOUND


class TooLarge(Refused):
    """The body exceeds the size limit (ORD-5): 413."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Overloaded(Refused):
    """The node has as much in flight as it admits (ORD-6): 429."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(Refused):
    """The log or the store does not answer (ORD-4): 503. What was logged is kept and replayed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class Untimely(Unavailable):
    """The time is not to be trusted, so nothing is logged (HLC-5): 503. It may be tried again once it is."""


class OutOfReach(Unavailable):
    """What alone could tell does not answer, a tier (TIR-3), or has rotted, a row (DUP-8): 503. The store as a whole is well."""


def unavailable(detail: str) -> Unavailable:
    """What to raise when log or store do not answer, with the pause that the specification asks of clients (ORD-4)."""
    return Unavailable("ORD-4", detail, retry_after=CONSTANTS.node.unavailable_retry_after_seconds)


def untimely(detail: str) -> Untimely:
    """What to raise while the time is not to be trusted (HLC-5)."""
    return Untimely("HLC-5", detail, retry_after=CONSTANTS.node.retry_after_seconds)


def out_of_reach(tier: str) -> OutOfReach:
    """What to raise when a tier does not answer (TIR-3)."""
    return OutOfReach(
        "TIR-3", f"the {tier} tier does not answer", retry_after=CONSTANTS.node.unavailable_retry_after_seconds
    )


def barred(log: str) -> Unavailable:
    """What to raise where a node would write whose log was declared lost (RET-7)."""
    return unavailable(
        f"log {log} was declared lost, so its node writes to the region's store no more; fix: start a node on a new directory"
    )


def being_put_back() -> OutOfReach:
    """What to raise where the row has rotted that alone could tell (DUP-8)."""
    return OutOfReach(
        "DUP-8",
        "what was stored of this record has rotted, and is being put back",
        retry_after=CONSTANTS.node.unavailable_retry_after_seconds,
    )
