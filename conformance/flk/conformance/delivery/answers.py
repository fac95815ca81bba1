"""The answers of the scripted server, honest and not, and what each means by OUT-6, which is known to whoever wrote it."""

from collections.abc import Callable
from email.utils import formatdate
from enum import Enum, auto
from time import time
from typing import NamedTuple

import msgspec

from flk.model.entries.entry import Claim, Entry, Key, content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.answers import Meaning
from flk.model.flow.submission import Response, answer
from flk.model.log.hlc import Timestamp
from flk.model.record.record import Pcs
from flk.spec.constants import CONSTANTS

MOST_ASKED = CONSTANTS.retry_after.max_seconds
SHOWN = 20
STAMP = Timestamp(1737288000000 << 16)
HTML = b"<!DOCTYPE html><title>Welcome</title><p>Please accept our terms to go on."


class Manner(Enum):
    """How an answer is given."""

    WHOLE = auto()
    CUT = auto()  # half of it, then the connection ends
    ENDLESS = auto()  # its body, again and again
    SILENT = auto()  # not at all, until the sender goes
    RESET = auto()
    HUNG_UP = auto()
    KILLS = auto()  # the sender is killed while it waits for it


class Answer(NamedTuple):
    """An answer: what it means, and the seconds it asks to wait, `least` of them and `most`, as far as they count (OUT-4).

    `make` gives status and body for the record that was sent. `rule` is the requirement by which it settles nothing, if it does
    not.
    """

    says: str
    meaning: Meaning
    make: Callable[[Pcs], tuple[int, bytes]]
    headers: Callable[[], tuple[tuple[str, str], ...]] = tuple
    least: float = 0.0
    most: float = 0.0
    manner: Manner = Manner.WHOLE
    rule: str = "OUT-2"


ANSWERS_OF_NODES = {200, 202, 302, 307, 308, 400, 401, 409, 413}
"""Statuses whose meaning depends on the body, and redirects: others leave a record queued by OUT-5 whatever they say."""


def _stored(record: Pcs, *, digest: str = "", pcs_id: str = "") -> Response:
    """What a node answers that has the record, or another content under its id."""
    entry = Entry(STAMP, "eu", content_digest(record), judge(record))
    stored = msgspec.structs.replace(entry, digest=digest) if digest else entry
    return answer(Claim(Key("default", pcs_id or record.pcs_id), entry), stored)


def _honest(record: Pcs) -> tuple[int, bytes]:
    response = _stored(record)
    return response.status, response.body


def _problem(status: int, requirement: str) -> Callable[[Pcs], tuple[int, bytes]]:
    body = msgspec.json.encode({"error": "refused by the script", "requirement": requirement, "field": None})
    return lambda _: (status, body)


def _always(status: int, body: bytes) -> Callable[[Pcs], tuple[int, bytes]]:
    return lambda _: (status, body)


HONEST = Answer("the stored outcome", Meaning.ACKNOWLEDGED, _honest)


def refused(status: int, requirement: str) -> Answer:
    """A refusal for good, in the service's form (OUT-5)."""
    return Answer(f"a refusal with {status}", Meaning.REFUSED, _problem(status, requirement))


def _equivocation(record: Pcs) -> tuple[int, bytes]:
    return 409, _stored(record, digest="0" * 64).body


EQUIVOCATION = Answer("409, another content is stored", Meaning.REFUSED, _equivocation)


def failing(status: int, body: bytes = HTML, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer that says nothing about the record."""
    rule = "OUT-6" if status in ANSWERS_OF_NODES else "OUT-5"
    return Answer(
        f"{status} that is no answer about the record", Meaning.RETRY, _always(status, body), lambda: headers, rule=rule
    )


def busy(status: int, wait: str = "", seconds: float = 0.0) -> Answer:
    """429 or 503 in the service's form; `wait` is the value of Retry-After, which asks for so many seconds."""
    counted = min(seconds, MOST_ASKED)
    headers = (("Retry-After", wait),) if wait else ()
    make = _problem(status, "ORD-6" if status == 429 else "ORD-4")
    shown = wait if len(wait) <= SHOWN else f"{wait[:SHOWN]}… ({len(wait)} characters)"
    says = f"{status}, Retry-After: {shown}" if wait else str(status)
    return Answer(says, Meaning.RETRY, make, lambda: headers, counted, counted)


def busy_until(seconds: float) -> Answer:
    """503 whose Retry-After is the date so many seconds from now: about so many, for dates have whole seconds."""

    def headers() -> tuple[tuple[str, str], ...]:
        return (("Retry-After", formatdate(time() + seconds, usegmt=True)),)

    return Answer(
        f"503, Retry-After: the date in {seconds:g} s",
        Meaning.RETRY,
        _problem(503, "ORD-4"),
        headers,
        seconds / 2,
        seconds + 1,
    )


def _without_outcome(record: Pcs) -> tuple[int, bytes]:
    return 200, msgspec.json.encode({"pcs_id": record.pcs_id, "digest": content_digest(record)})


def _own_conflict(record: Pcs) -> tuple[int, bytes]:
    body = msgspec.json.decode(_stored(record).body, type=dict[str, object])
    return 409, msgspec.json.encode({**body, "error": "equivocation", "requirement": "DUP-3"})


def _of_another_id(record: Pcs) -> tuple[int, bytes]:
    return 200, _stored(record, pcs_id="0" * 64).body


def _of_another_content(record: Pcs) -> tuple[int, bytes]:
    return 200, msgspec.json.encode(
        {**msgspec.json.decode(_stored(record).body, type=dict[str, object]), "digest": "0" * 64}
    )


ANOTHER_ID = Answer("200 about another record", Meaning.RETRY, _of_another_id, rule="OUT-6")
ANOTHER_CONTENT = Answer("200 about another content of the record", Meaning.RETRY, _of_another_content, rule="OUT-6")
NO_OUTCOME = Answer("200 with id and digest, and no outcome", Meaning.RETRY, _without_outcome, rule="OUT-6")
OWN_CONFLICT = Answer("409 that states the record's own digest", Meaning.RETRY, _own_conflict, rule="OUT-6")


def badly(manner: Manner) -> Answer:
    """The honest answer, given in a manner in which it does not arrive."""
    rule = "OUT-6" if manner is Manner.CUT else "OUT-2"
    return HONEST._replace(says=_BADLY[manner], meaning=Meaning.RETRY, manner=manner, rule=rule)


ENDLESS = failing(200)._replace(says="a page without end", manner=Manner.ENDLESS)
_BADLY = {
    Manner.CUT: "half of the stored outcome",
    Manner.SILENT: "silence",
    Manner.RESET: "a reset connection",
    Manner.HUNG_UP: "a connection that ended",
    Manner.KILLS: "nothing, for the agent was killed",
}
