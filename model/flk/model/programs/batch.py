"""`POST /v1/pcs/batch` (BAT-1): many submissions of one tenant in the steps of `ingest`, each of which all take before any takes
the next. So a runtime logs, examines and stores them in one step each.
"""

from collections.abc import Sequence
from typing import TypeVar, cast

from flk.model.effects import INBOX, Admit, Append, Each, Program, Store
from flk.model.flow.submission import Response, answer, payloads_of, refuse
from flk.model.programs.examine import Examine, examine_each
from flk.model.refusal import Refused

R = TypeVar("R")


def ingest_batch(tenant: str, bodies: Sequence[bytes], region: str, examine: Examine) -> Program[list[Response]]:
    """Answer each submission as `ingest` answers it, if these are begun in their order and none is over before all have begun."""
    try:
        payloads = payloads_of(tenant, bodies)
    except Refused as refusal:
        return [refuse(refusal)] * len(bodies)
    answers: dict[int, Response] = {}
    admitted = yield from Each([Admit(tenant, len(body)) for body in bodies])
    there, _ = _going_on(range(len(bodies)), admitted, answers)
    logged = yield from Each([Append(INBOX, payloads[number]) for number in there])  # before anything is parsed (WAL-1)
    there, timestamps = _going_on(there, logged, answers)
    examined = examine_each(examine, [payloads[number] for number in there], timestamps, region)
    there, claims = _going_on(there, examined, answers)
    stored = yield from Each([Store(claim) for claim in claims])
    for number, claim, entry in zip(there, claims, stored, strict=True):
        answers[number] = refuse(entry) if isinstance(entry, Refused) else answer(claim, entry)
    return [answers[number] for number in range(len(bodies))]


def _going_on(
    numbers: Sequence[int], results: Sequence[R | Refused], answers: dict[int, Response]
) -> tuple[Sequence[int], Sequence[R]]:
    """Who was not refused, and what it has come to; who was is answered."""
    if not any(issubclass(kind, Refused) for kind in set(map(type, results))):
        return numbers, cast("Sequence[R]", results)
    there, come_to = [], []
    for number, result in zip(numbers, results, strict=True):
        if isinstance(result, Refused):
            answers[number] = refuse(result)
        else:
            there.append(number)
            come_to.append(result)
    return there, come_to
