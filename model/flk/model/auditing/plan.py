"""Which tasks the leaves of an audit log give (AUD-6, AUD-8).

    enrich, attest    for each leaf
    report            for the leaves of a day, when a leaf of a later one is there
    clean-up          then, too, for each day that is older than what is written about its leaves is kept
    anchor            for a checkpoint, once there are enough leaves since the last that was anchored

A log is not quite in the order of its timestamps, so the day of a log is the latest of any leaf so far: it only goes forward, and
each leaf is counted in one report. All of it follows from the leaves alone, and no clock is read.
"""

from collections.abc import Collection, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import msgspec

from flk.model.auditing.leaf import UNDATED, told
from flk.model.entries.tasks import Span, Task, TaskKind
from flk.spec.constants import CONSTANTS

POLICY = CONSTANTS.audit


class Day(msgspec.Struct, frozen=True, array_like=True):
    """A day of a log, and the number of its first leaf."""

    name: str
    begin: int


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the leaves of a log are in a queue: so many `behind` it; the log's `days` that are not cleaned up, the last of which
    is not over; how many leaves the last checkpoint had for which an anchor was asked; and which kinds of tasks are asked for.
    """

    behind: int = 0
    days: tuple[Day, ...] = ()
    anchored: int = 0
    kinds: tuple[TaskKind, ...] = ()


class Planned(NamedTuple):
    """Tasks, and where the queue is once it has them."""

    tasks: tuple[Task, ...]
    after: Position


def tasks_of(log: str, before: Position, leaves: Sequence[bytes], kinds: Collection[TaskKind]) -> Planned:
    """What the next leaves of a log give, of these kinds of tasks."""
    tasks: list[Task] = []
    days = before.days
    for number, leaf in enumerate(leaves, start=before.behind):
        today = told(leaf).day
        if today != UNDATED and (not days or today > days[-1].name):
            if days:
                tasks.append(Task(TaskKind.REPORT, Span(log, days[-1].begin, number)))
            over, days = _kept((*days, Day(today, number if days else 0)))
            tasks += [Task(TaskKind.CLEAN_UP, Span(log, *ends)) for ends in over]
        tasks += [Task(kind, Span(log, number, number + 1)) for kind in (TaskKind.ENRICH, TaskKind.ATTEST)]
    after = Position(before.behind + len(leaves), days, before.anchored, tuple(sorted(kinds)))
    return Planned(tuple(task for task in tasks if task.kind in kinds), after)


def anchor_of(
    log: str, before: Position, size: int, kinds: Collection[TaskKind], every: int = POLICY.anchor_leaves
) -> Planned:
    """The task to anchor the checkpoint over `size` leaves, if at least `every` of them are not anchored."""
    if TaskKind.ANCHOR not in kinds or size - before.anchored < every:
        return Planned((), before)
    return Planned((Task(TaskKind.ANCHOR, Span(log, 0, size)),), msgspec.structs.replace(before, anchored=size))


def _kept(days: tuple[Day, ...]) -> tuple[list[tuple[int, int]], tuple[Day, ...]]:
    """The leaves of the days that are older than they are kept on the last of these; and the other days."""
    oldest = max(date.min.toordinal(), date.fromisoformat(days[-1].name).toordinal() - POLICY.enriched_days)
    since = date.fromordinal(oldest).isoformat()
    first = next(place for place, day in enumerate(days) if day.name >= since)
    return [(one.begin, other.begin) for one, other in pairwise(days[: first + 1])], days[first:]
