"""What is stored of a record, for whoever may know it (API-2, API-3, API-4)."""

from flk.model.effects import Program, Recall
from flk.model.entries.entry import Claim, Key
from flk.model.flow.submission import Response, answer, refuse
from flk.model.refusal import NothingStored, Refused


def recall(key: Key) -> Program[Response]:
    """The answer that a duplicate of the stored record would get; 404 if nothing is stored under the key, and a refusal if that
    cannot be told. Nothing is written, logged or moved.
    """
    try:
        stored = yield from Recall(key)
    except Refused as refusal:
        return refuse(refusal)
    if stored is None:
        return refuse(NothingStored("API-3", "nothing is stored under this id"))
    return answer(Claim(key, stored), stored)
