"""Where submissions go and what the answers mean: the one table that node, agent, simulator and conformance kit read."""

from enum import StrEnum
from typing import NamedTuple

from flk.model.refusal import Malformed, Overloaded, TooLarge, Unauthenticated, Unavailable
from flk.spec.constants import CONSTANTS

SUBMIT_PATH = CONSTANTS.node.submit_path
OUTCOMES_PATH = CONSTANTS.node.outcomes_path
BATCH_PATH = CONSTANTS.node.batch_path


class Meaning(StrEnum):
    """What an answer means to the sender (OUT-2, OUT-5)."""

    ACKNOWLEDGED = "acknowledged"  # the outcome is stored: send it no more
    REFUSED = "refused for good"  # no repetition changes the answer: a dead letter
    RETRY = "retry later"  # it says nothing about the record


class Answer(NamedTuple):
    """One status, and what it implies.

    `states_entry`: the body states the stored entry. `claims_nothing`: if the submission is in the log, its frame claims nothing,
    now and in every replay (DUP-5). `before_log`: it may be given to a submission that is not in the log.
    """

    status: int
    says: str
    meaning: Meaning
    requirements: tuple[str, ...]
    states_entry: bool = False
    claims_nothing: bool = False
    before_log: bool = False


_TABLE = (
    Answer(200, "accepted", Meaning.ACKNOWLEDGED, ("ORD-7", "OUT-2"), states_entry=True),
    Answer(202, "stored, escalated", Meaning.ACKNOWLEDGED, ("ORD-7", "OUT-2"), states_entry=True),
    Answer(409, "equivocation", Meaning.REFUSED, ("DUP-3", "OUT-5"), states_entry=True),
    Answer(Malformed.status, "malformed", Meaning.REFUSED, ("ORD-2", "ORD-9", "OUT-5"), claims_nothing=True),
    Answer(Unauthenticated.status, "not authentic", Meaning.REFUSED, ("ORD-3", "OUT-5", "TEN-4"), claims_nothing=True),
    Answer(TooLarge.status, "too large", Meaning.REFUSED, ("ORD-5", "OUT-5"), before_log=True),
    Answer(Overloaded.status, "overloaded", Meaning.RETRY, ("ORD-6", "OUT-4", "TEN-1"), before_log=True),
    Answer(Unavailable.status, "unavailable", Meaning.RETRY, ("ORD-4", "OUT-4"), before_log=True),
)
ANSWERS = {answer.status: answer for answer in _TABLE}
"""Every answer of a node to a submission, by status."""

ACKNOWLEDGED = frozenset(answer.status for answer in _TABLE if answer.meaning is Meaning.ACKNOWLEDGED)
STATES_ENTRY = frozenset(answer.status for answer in _TABLE if answer.states_entry)
CLAIMS_NOTHING = frozenset(answer.status for answer in _TABLE if answer.claims_nothing)
BEFORE_LOG = frozenset(answer.status for answer in _TABLE if answer.before_log)


def meaning(status: int) -> Meaning:
    """What a status means to the sender. One that no node gives, such as 404 or 500, says nothing about the record (OUT-5)."""
    answer = ANSWERS.get(status)
    return Meaning.RETRY if answer is None else answer.meaning
