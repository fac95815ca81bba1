"""Streaming an audit log to a SIEM (SIEM-*): in order, at least once, and nothing that the log has not signed.

The log is the queue: it is durable, in order, and numbered. So all that the stream remembers is how many leaves are behind it.
"""

from collections import deque
from typing import NamedTuple

from flk.model.effects import Draw, Program, Sleep
from flk.model.effects.siem import Behind, MoveOn, NoteRefused, Tell
from flk.model.flow.submission import Response
from flk.model.programs.outbox import pause
from flk.model.programs.proofs import proven_leaves
from flk.model.siem.events import Event
from flk.model.siem.targets import Target, verdict
from flk.model.transparency.checkpoints import Checkpoint
from flk.spec.constants import CONSTANTS, Siem

SIEM = CONSTANTS.siem


class Streamed(NamedTuple):
    """What a pass came to: leaves that are behind the stream now, and how many of its own the receiver took and refused. `waits`
    says why it went no further; empty if it went to the end.
    """

    behind: int
    taken: int
    refused: int
    waits: str = ""


def stream(prefix: str, checkpoint: Checkpoint, target: Target, policy: Siem = SIEM) -> Program[Streamed]:
    """Tell a receiver of every leaf up to a checkpoint that is not behind the stream, some at a time.

    A leaf is told when a proof shows that it is what the log has signed (TLOG-4). What was told is behind the stream when the
    receiver has taken or refused each of its events, so a crash repeats some of them and skips none. A receiver that takes nothing,
    so many times in a row, ends the pass: what waits is in the log. Raises BadLog.
    """
    behind = first = yield from Behind()
    refused = 0
    while behind < checkpoint.size:
        count = min(policy.batch_events, checkpoint.size - behind)
        leaves = yield from proven_leaves(prefix, behind, count, checkpoint)
        events = _fitting(checkpoint.origin, behind, leaves, policy)
        more, waits = yield from _tell(events, target, policy)
        if waits:  # what of these events was refused is not behind yet
            return Streamed(behind, behind - first - refused, refused + more, waits)
        refused += more
        behind += len(events)
        yield from MoveOn(behind)
    return Streamed(behind, behind - first - refused, refused)


def _fitting(log: str, first: int, leaves: list[bytes], policy: Siem) -> tuple[Event, ...]:
    """As many of the leaves as a request may have bytes, one at least."""
    events: list[Event] = []
    size = 0
    for number, leaf in enumerate(leaves):
        size += len(leaf)
        if events and size > policy.batch_bytes:
            break
        events.append(Event(log, first + number, leaf))
    return tuple(events)


def _tell(events: tuple[Event, ...], target: Target, policy: Siem) -> Program[tuple[int, str]]:
    """Send events until each is taken or refused: how many are refused, and why not, if the receiver takes nothing."""
    waiting = deque([events])
    refused = failed = 0
    while waiting:
        group = waiting.popleft()
        response = yield from Tell(group)
        found = verdict(target, group, response)
        if found.refused:
            yield from NoteRefused(found.refused)
            refused += sum(each.many for each in found.refused)
        if found.smaller:
            half = len(group) // 2
            waiting.extendleft((group[half:], group[:half]))
            continue
        failed = failed + 1 if len(found.again) == len(group) else 0
        if found.again:
            waiting.appendleft(found.again)
            if failed == policy.max_attempts:
                return refused, found.reason
            yield from _wait(failed or 1, response)
    return refused, ""


def _wait(attempt: int, response: Response | None) -> Program[None]:
    draw = yield from Draw()
    yield from Sleep(pause(attempt, draw, response))
