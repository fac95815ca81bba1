"""Which tasks the leaves of a log give: each leaf's once, whatever comes together, each day's when it is over (AUD-6, AUD-8)."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate, groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from flk.model.auditing.leaf import UNDATED, told
from flk.model.auditing.plan import Day, Position, anchor_of, tasks_of
from flk.model.entries.tasks import Span, Task, TaskKind
from flk.model.log.hlc import at
from flk.spec.constants import CONSTANTS

LOG = "example.com/log"
BEGIN = date(2026, 1, 1)
ALL = tuple(TaskKind)
KEPT = CONSTANTS.audit.enriched_days


def leaf(day: int | None) -> bytes:
    """A leaf of so many days after the first; None: it tells no time."""
    seconds = (BEGIN - date(1970, 1, 1)).total_seconds() + 86_400 * (day or 0) + 43_200
    return json.dumps({"kind": "outcome"} | ({} if day is None else {"timestamp": f"{at(seconds):016x}"})).encode()


days = st.lists(st.none() | st.integers(0, 3) | st.integers(0, 3 * KEPT), max_size=30)


def planned(
    leaves: Sequence[bytes], cuts: Sequence[int], kinds: Sequence[TaskKind] = ALL
) -> tuple[list[Task], Position]:
    """All tasks of a log whose leaves are enqueued in several steps, and where the queue is then."""
    position, tasks = Position(), list[Task]()
    for begin, end in pairwise(sorted({0, len(leaves), *cuts})):
        more, position = tasks_of(LOG, position, leaves[begin:end], kinds)
        tasks += more
    return tasks, position


@given(days, st.lists(st.integers(0, 30), max_size=5))
def test_what_is_enqueued_together_changes_nothing(of: list[int | None], cuts: list[int]) -> None:
    """In one step or in many, the tasks are the same, in the same order."""
    leaves = [leaf(day) for day in of]
    assert planned(leaves, [cut for cut in cuts if cut <= len(leaves)]) == planned(leaves, [])


@given(days)
def test_each_leaf_has_its_tasks_and_no_task_comes_twice(of: list[int | None]) -> None:
    """One of each kind for the leaf; and no id stands for two tasks."""
    tasks, position = planned([leaf(day) for day in of], [])
    assert len({task.id for task in tasks}) == len(tasks)
    for kind in (TaskKind.ENRICH, TaskKind.ATTEST):
        assert [task.key for task in tasks if task.kind is kind] == [Span(LOG, n, n + 1) for n in range(len(of))]
    assert position.behind == len(of)
    assert all(Task.parse(task.id) == task for task in tasks)


def days_in(leaves: Sequence[bytes]) -> list[str]:
    """The day of the log at each leaf; those before any that tells one are of the first."""
    running = list(accumulate((told(each).day.replace(UNDATED, "") for each in leaves), max))
    first = next(filter(None, running), "")
    return [day or first for day in running]


@given(days)
def test_each_leaf_is_in_one_report_and_its_day_only_goes_forward(of: list[int | None]) -> None:
    """Reports follow one another without a gap, one for each day; the last day of the log is not reported yet."""
    leaves = [leaf(day) for day in of]
    tasks, position = planned(leaves, [])
    by_day = {day: list(found) for day, found in groupby(range(len(leaves)), days_in(leaves).__getitem__)}
    spans = [[*range(*task.key[1:])] for task in tasks if task.kind is TaskKind.REPORT]
    assert spans == list(by_day.values())[:-1]
    if position.days:
        assert position.days[-1] == Day(*[(day, found[0]) for day, found in by_day.items()][-1])


@given(days)
def test_what_is_written_about_a_leaf_goes_once_and_not_before_its_day_is_old(of: list[int | None]) -> None:
    """When the log's day is more than so many later."""
    leaves = [leaf(day) for day in of]
    tasks, position = planned(leaves, [])
    gone = [n for task in tasks if task.kind is TaskKind.CLEAN_UP for n in range(*task.key[1:])]
    oldest = (date.fromisoformat(position.days[-1].name) - timedelta(KEPT)).isoformat() if position.days else ""
    assert gone == [n for n, day in enumerate(days_in(leaves)) if day < oldest]


@given(st.lists(st.integers(0, 400), max_size=20), st.integers(1, 90))
def test_a_checkpoint_is_anchored_when_enough_leaves_are_new(growth: list[int], every: int) -> None:
    """Never two anchors over fewer new leaves, and none is put off once there are enough."""
    position, size, anchored = Position(), 0, [0]
    for more in growth:
        size += more
        tasks, position = anchor_of(LOG, position, size, ALL, every)
        assert bool(tasks) == (size - anchored[-1] >= every)
        anchored += [task.key.end for task in tasks]  # type: ignore[union-attr]
    assert all(other - one >= every for one, other in pairwise(anchored))
    assert not anchor_of(LOG, Position(), 10**6, (TaskKind.ENRICH,), every).tasks


def test_kinds_that_nobody_asked_for_are_not_enqueued() -> None:
    """And the position says which were."""
    tasks, position = planned([leaf(0), leaf(1)], [], (TaskKind.REPORT,))
    assert [task.kind for task in tasks] == [TaskKind.REPORT]
    assert position.kinds == (TaskKind.REPORT,)


ODD = [b"f" * 16, b"-" * 16, b"0x1234567890abcd", b""]


@given(st.binary(max_size=60) | st.sampled_from([b'{"timestamp":"%s"}' % text for text in ODD]))
def test_whatever_a_leaf_is_it_can_be_read(content: bytes) -> None:
    """It is of some day, or of none that can be told."""
    day = told(content).day
    assert day == UNDATED or date.fromisoformat(day).isoformat() == day
    assert planned([content], [])[1].behind == 1
