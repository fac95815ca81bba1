"""The outcome of a validation, and how it is shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, TypeAlias

import msgspec

from flk.spec.tables import Row, frame, html_table, html_verdict
from flk.spec.verdict import Verdict


class Outcome:
    """What the outcomes of a validation share: how they show themselves."""

    __slots__ = ()

    @property
    def verdict(self) -> Verdict:
        """HOLDS if the trace was accepted, VIOLATED if it was rejected, UNDECIDED within the limit."""
        match self:
            case Accepted():
                return Verdict.HOLDS
            case Rejected():
                return Verdict.VIOLATED
            case _:
                return Verdict.UNDECIDED

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each action of an accepted trace with its steps; for each reason of one that was not, with the values read.

        `library` is pandas, polars or pyarrow; the first that is installed if it is left out. Raises MissingExtra if none is.
        """
        return frame(_rows(self), library)

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def __repr__(self) -> str:
        return f"<{next(iter(_lines(self)))}>"

    def _repr_html_(self) -> str:
        head, *rest = _lines(self)
        rows = list(_rows(self))
        table = html_table(tuple(rows[0]), [tuple(row.values()) for row in rows]) if rows else ""
        told = "" if isinstance(self, Accepted) else f"<pre>{escape(chr(10).join(rest))}</pre>"
        return f"<div>{html_verdict(self.verdict)} {escape(head)}{told}{table}</div>"


@dataclass(frozen=True)
class Coverage:
    """Of one guard conjunct of an action: whether it was seen to hold, and not to."""

    action: str
    conjunct: str
    held: bool
    failed: bool


class Accepted(Outcome, msgspec.Struct, frozen=True, tag_field="verdict", tag="accepted"):
    """The trace is a path of the protocol. `actions` counts the steps of each action, hidden ones included.

    `coverage` is from a sample: after some of the events, the guards of the actions that their arguments fit.

    >>> accepted = validate("two-phase-commit", [{"action": "RMPrepare", "arguments": {"r": "a"}}, {"action": "TMAbort"}])
    >>> accepted.events, accepted.actions["TMAbort"]
    (2, 1)
    """

    protocol: str
    events: int
    hidden_steps: int
    actions: dict[str, int]
    coverage: tuple[Coverage, ...]


@dataclass(frozen=True)
class Reason:
    """Why an event is not possible: the false guard conjunct, a state that differs from what was seen, or a fault.

    `what` is in the author's words, `values` are the cells it read, each with its value.
    """

    kind: Literal["guard", "before", "state", "fault", "arguments"]
    what: str
    values: tuple[tuple[str, str], ...] = ()
    where: str = ""


class Rejected(Outcome, msgspec.Struct, frozen=True, tag_field="verdict", tag="rejected"):
    """No path of the protocol goes on with the event on this line; the `accepted` events before it are possible.

    There are as many `reasons` as ways in which the events before it can have led there, up to a few. `nearest` are the steps
    that were possible there instead, the most similar first. `note` is the event's.

    >>> rejected = validate("two-phase-commit", [{"action": "TMAbort"}, {"action": "TMCommit"}])
    >>> rejected.line, rejected.event, [reason.what for reason in rejected.reasons]
    (2, 'TMCommit()', ['decision = open'])
    """

    protocol: str
    source: str
    line: int
    accepted: int
    event: str
    reasons: tuple[Reason, ...]
    nearest: tuple[str, ...]
    note: str = ""


class Undecided(Outcome, msgspec.Struct, frozen=True, tag_field="verdict", tag="undecided"):
    """No path was found, but not all were tried: the limit was reached. `furthest` is where the search was stopped.

    >>> told = {"action": "RMRcvAbortMsg", "arguments": {"r": "c"}}
    >>> prepared, chose = {"action": "RMPrepare"}, {"action": "RMChooseToAbort", "arguments": {"r": "a"}}
    >>> events = [{"elements": {"RM": ["a", "b", "c"]}}, prepared, {"action": "TMAbort"}, *[told] * 6, chose]
    >>> validate("two-phase-commit", events, limit=4).verdict, validate("two-phase-commit", events).verdict
    (<Verdict.UNDECIDED: 'undecided'>, <Verdict.HOLDS: 'holds'>)
    """

    furthest: Rejected
    limit: int


Validation: TypeAlias = Accepted | Rejected | Undecided


def _rows(outcome: Outcome) -> Iterator[Row]:
    match outcome:
        case Accepted():
            for action, steps in outcome.actions.items():
                yield {"action": action, "steps": steps}
        case Rejected() | Undecided():
            rejected = outcome.furthest if isinstance(outcome, Undecided) else outcome
            for reason in rejected.reasons:
                values = ", ".join(f"{place} = {value}" for place, value in reason.values)
                yield {
                    "line": rejected.line,
                    "event": rejected.event,
                    "reason": _TOLD[reason.kind],
                    "what": reason.what,
                    "values": values,
                }


def _lines(outcome: Outcome) -> Iterator[str]:
    match outcome:
        case Accepted():
            yield from _accepted(outcome)
        case Rejected():
            where = f"{outcome.source}:{outcome.line}"
            yield f"rejected by {outcome.protocol}: {where}: {outcome.event} is not possible there"
            yield from _why(outcome)
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
    "fault": "a fault",
    "arguments": "no arguments fit",
}
