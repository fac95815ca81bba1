"""What a known wrong form is."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from flk.conformance.operations import OPERATIONS
from flk.conformance.operations.forms import Form
from flk.model.refusal import Refused

Answer = Callable[[Form], object]
"""What whoever makes the mistake answers to a question; None if the mistake does not show in it."""


class WrongForm(NamedTuple):
    """`says` completes "the answers are those of …"; `requirement` forbids it, for the reason in `rule`."""

    name: str
    says: str
    requirement: str
    rule: str
    answers: Mapping[str, Answer]


def honest(operation: str, given: Form) -> object:
    """The right answer to a question: what a mistake that reads the question wrongly answers to the one that it reads."""
    try:
        answer = OPERATIONS[operation](given)  # type: ignore[arg-type]  # of the operation's own form
    except Refused as refusal:
        return {"error": refusal.requirement, "field": refusal.field}
    return msgspec.json.decode(msgspec.json.encode(answer))


def instead(operation: str, read: Callable[..., Form]) -> dict[str, Answer]:
    """The answers of whoever reads another question than was asked."""
    return {operation: lambda given: honest(operation, read(given))}
