"""What became of a trace, and how it is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from flk.spec.verdict import Verdict


@dataclass(frozen=True)
class Coverage:
    """Of one guard conjunct of an action: whether it was seen to hold, and not to."""

    action: str
    conjunct: str
    held: bool
    failed: bool


class Accepted(msgspec.Struct, frozen=True, tag_field="verdict", tag="accepted"):
    """The trace is a path of the protocol. `actions` counts the steps of each action, hidden ones included.

    `coverage` is from a sample: after some of the events, the guards of the actions that their arguments fit.
    """

    protocol: str
    events: int
    hidden_steps: int
    actions: dict[str, int]
    coverage: tuple[Coverage, ...]

    @property
    def verdict(self) -> Verdict:
        """HOLDS."""
        return Verdict.HOLDS


@dataclass(frozen=True)
class Reason:
    """Why an event is not possible: the false guard conjunct, a state that differs from what was seen, or a fault.

    `what` is in the author's words, `values` are the cells it read, each with its value.
    """

    kind: Literal["guard", "before", "state", "fault", "arguments"]
    what: str
    values: tuple[tuple[str, str], ...] = ()
    where: str = ""


class Rejected(msgspec.Struct, frozen=True, tag_field="verdict", tag="rejected"):
    """No path of the protocol goes on with the event on this line; the `accepted` events before it are possible.

    There are as many `reasons` as ways in which the events before it can have led there, up to a few. `nearest` are the steps
    that were possible there instead, the most similar first. `note` is the event's.
    """

    protocol: str
    source: str
    line: int
    accepted: int
    event: str
    reasons: tuple[Reason, ...]
    nearest: tuple[str, ...]
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """VIOLATED."""
        return Verdict.VIOLATED


class Undecided(msgspec.Struct, frozen=True, tag_field="verdict", tag="undecided"):
    """No path was found, but not all were tried: the limit was reached. `furthest` is where the search was stopped."""

    furthest: Rejected
    limit: int

    @property
    def verdict(self) -> Verdict:
        """UNDECIDED."""
        return Verdict.UNDECIDED


Validation: TypeAlias = Accepted | Rejected | Undecided


def render(validation: Validation) -> str:
    """What became of the trace, for people."""
    return "\n".join(_lines(validation))


def _lines(validation: Validation) -> Iterator[str]:
    match validation:
        case Accepted():
            yield from _accepted(validation)
        case Rejected():
            where = f"{validation.source}:{validation.line}"
            yield f"rejected by {validation.protocol}: {where}: {validation.event} is not possible there"
            yield from _why(validation)
        case Undecided(furthest, limit):
            yield (
                f"undecided by {furthest.protocol}: {furthest.source}:{furthest.line}: no way to {furthest.event} was found "
                f"within the limit of {limit} steps; raise --limit, or record more of the state"
            )
            yield from _why(furthest)


def _accepted(accepted: Accepted) -> Iterator[str]:
    hidden = f", {accepted.hidden_steps} hidden steps" if accepted.hidden_steps else ""
    yield f"accepted by {accepted.protocol}: {accepted.events} events{hidden}"
    for action, times in sorted(accepted.actions.items(), key=lambda item: -item[1]):
        yield f"  {action:24}{times:>10}" if times else f"  {action:24}     never"
    idle = [row for row in accepted.coverage if row.held and not row.failed]
    for row in idle:
        yield f"  never seen false: {row.conjunct} (of {row.action})"


def _why(rejected: Rejected) -> Iterator[str]:
    if rejected.note:
        yield f"  noted there: {rejected.note}"
    yield f"  {rejected.accepted} events before it are possible"
    for reason in rejected.reasons:
        yield f"  {_TOLD[reason.kind]}: {reason.what}{f' ({reason.where})' if reason.where else ''}"
        for place, value in reason.values:
            yield f"      {place} = {value}"
    if rejected.nearest:
        yield "  possible there instead:"
        for step in rejected.nearest:
            yield f"      {step}"
    elif rejected.reasons:
        yield "  no step of the protocol is possible there with elements like these"


_TOLD = {
    "guard": "false",
    "before": "the state before it is another",
    "state": "the state after it would be another",
    "fault": "without meaning",
    "arguments": "no arguments fit",
}
