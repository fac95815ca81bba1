"""Filling a queue from a log (AUD-6), and what tasks write (AUD-8): stopped anywhere, and by many at once."""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.siem import audit_leaves
from tests.support.model.transparency import LOG, WITNESS, checkpoint_over, objects_over

from flk.model.anchoring.places import CHECKPOINT, place
from flk.model.auditing.attestation import attested_name, verify
from flk.model.auditing.derived import enriched, enriched_name, report_name
from flk.model.auditing.plan import Position, anchor_of, tasks_of
from flk.model.effects import DeleteObject, Effect, GetObject, Program, PutObject
from flk.model.effects.queueing import Enqueue, Queued
from flk.model.entries.tasks import Span, Task, TaskKind
from flk.model.programs.effects_of_tasks import attest_leaf, clean_up, enrich, report
from flk.model.programs.enqueue import enqueue
from flk.model.transparency.checkpoints import BadLog

EVERY = 100


class Crash(Exception):
    """The program's process ended here."""


class World:
    """A log that grows, a queue of its tasks, and the objects; all that outlives a crash."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.position = Position()
        self.queue: list[Task] = []
        self.objects: dict[str, bytes] = {}
        self.effects = 0
        self.grow(leaves)

    def grow(self, leaves: Sequence[bytes]) -> None:
        """The log is of these leaves now."""
        self.leaves = leaves
        self.objects |= objects_of(len(leaves))

    def filling(self) -> Program[Position]:
        """Enqueue all that is there."""
        note = objects_of(len(self.leaves))[CHECKPOINT]
        return enqueue("", checkpoint_over(self.leaves), note, tuple(TaskKind), EVERY)

    def run(self, program: Program[Any], crash_at: int = -1) -> Any:
        """A program's result, unless it crashes before an effect."""
        result: object = None
        number = 0
        try:
            while True:
                effect = program.send(cast("Any", result))
                if number == crash_at:
                    raise Crash
                number += 1
                result = self.perform(effect)
        except StopIteration as stop:
            self.effects = number
            return stop.value

    def perform(self, effect: Effect[object]) -> object:
        """As a real worker does."""
        match effect:
            case GetObject(name):
                return self.objects.get(name)
            case PutObject(name, content):
                return self.objects.setdefault(name, content) is content
            case DeleteObject(name):
                return self.objects.pop(name, None)
            case Queued():
                return self.position
            case Enqueue(before, after, tasks):
                if before != self.position:
                    return False
                self.position = after
                self.queue += tasks
                return True
        raise AssertionError(effect)


@cache
def objects_of(size: int) -> dict[str, bytes]:
    """The objects of a log of so many leaves."""
    return objects_over(audit_leaves(size))


def expected(leaves: Sequence[bytes]) -> list[Task]:
    """The tasks of a log, but for its anchors."""
    return list(tasks_of(LOG.name, Position(), leaves, tuple(TaskKind)).tasks)


def but_anchors(queue: Sequence[Task]) -> list[Task]:
    """The others."""
    return [task for task in queue if task.kind is not TaskKind.ANCHOR]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 280), min_size=1, max_size=2), st.lists(st.integers(0, 12), max_size=4))
def test_a_filler_that_crashes_anywhere_enqueues_each_task_once(growth: list[int], crashes: list[int]) -> None:
    """While the log grows; and each checkpoint that is to be anchored is there as it was."""
    world = World([])
    for size in growth:
        world.grow(audit_leaves(len(world.leaves) + size))
        for crash in crashes:
            try:
                world.run(world.filling(), crash)
            except Crash:
                continue
        assert world.run(world.filling()).behind == len(world.leaves)
        assert world.run(world.filling()) == world.position
    assert but_anchors(world.queue) == expected(world.leaves)
    for task in world.queue:
        if task.kind is TaskKind.ANCHOR:
            assert isinstance(task.key, Span)
            assert world.objects[place(task.key.end, CHECKPOINT)].startswith(f"{LOG.name}\n{task.key.end}\n".encode())


def test_a_log_that_became_shorter_is_refused() -> None:
    """Also where none of its checkpoints was anchored: nothing is enqueued, and both sizes are told."""
    world = World(audit_leaves(50))
    before = world.run(world.filling())
    assert before.anchored == 0
    world.grow(audit_leaves(40))
    with pytest.raises(BadLog, match=r"50 leaves of .* it has 40"):
        world.run(world.filling())
    assert world.position == before


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.lists(st.booleans(), max_size=40))
def test_two_who_fill_at_once_enqueue_each_task_once(turns: list[bool]) -> None:
    """Whoever comes first at each effect; the one that is late looks where the queue is, and goes no further."""
    world = World(audit_leaves(300))
    programs = {True: world.filling(), False: world.filling()}
    results: dict[bool, object] = {True: None, False: None}
    for who in [*turns, *[True] * 60, *[False] * 60]:
        if who in programs:
            try:
                results[who] = world.perform(programs[who].send(cast("Any", results[who])))
            except StopIteration:
                del programs[who]
    assert not programs
    assert world.run(world.filling()).behind == 300
    assert but_anchors(world.queue) == expected(world.leaves)
    assert [task.key for task in world.queue if task.kind is TaskKind.ANCHOR] == [Span(LOG.name, 0, 300)]


def test_who_is_overtaken_says_where_the_queue_is() -> None:
    """It enqueues nothing, though another has done so from the same position with other kinds of tasks."""
    world, overtaken = World(audit_leaves(3)), Position(2, (), 0, (TaskKind.REPORT,))
    perform, asked = world.perform, list[Effect[object]]()

    def overtaking(effect: Effect[object]) -> object:
        if isinstance(effect, Enqueue) and not asked:
            asked.append(effect)
            world.position = overtaken
        return perform(effect)

    world.perform = overtaking  # type: ignore[method-assign]
    assert world.run(world.filling()) == overtaken
    assert not world.queue


def test_a_log_that_is_not_what_it_has_signed_fills_nothing() -> None:
    """A leaf that was changed, and leaves that are gone."""
    world = World(audit_leaves(9))
    name = next(name for name in world.objects if name.startswith("tile/entries"))
    content = world.objects[name]
    world.objects[name] = content.replace(b"outcome", b"0utcome", 1)
    with pytest.raises(BadLog, match="TLOG-4"):
        world.run(world.filling())
    assert (world.queue, world.position) == ([], Position())
    world.objects[name] = content
    world.run(world.filling())
    world.leaves = audit_leaves(8)
    with pytest.raises(BadLog, match=r"9 leaves of .* are in the queue"):
        world.run(world.filling())


def test_kinds_are_those_of_whoever_filled_last() -> None:
    """Which its position says, so that nobody takes tasks that he does not do."""
    world = World(audit_leaves(3))
    world.run(enqueue("", checkpoint_over(world.leaves), b"", (TaskKind.REPORT,), EVERY))
    assert (world.queue, world.position) == ([], Position(3, world.position.days, 0, (TaskKind.REPORT,)))
    before = msgspec.structs.replace(world.position, behind=0)
    assert anchor_of(LOG.name, before, 3, (TaskKind.ANCHOR,), 3).after.anchored == 3


def settled(span: Span, size: int) -> dict[str, Program[None]]:
    """What each kind does, as a program."""
    checkpoint = checkpoint_over(audit_leaves(size))
    note = objects_of(size)[CHECKPOINT]
    return {
        "enrich": enrich("", span, checkpoint),
        "attest": attest_leaf("", span, checkpoint, note, WITNESS),
        "report": report("", span, checkpoint),
        "clean-up": clean_up(span),
    }


@pytest.mark.parametrize("kind", ["enrich", "attest", "report", "clean-up"])
def test_a_task_that_is_stopped_anywhere_and_done_again_has_one_effect(kind: str) -> None:
    """Also when the log has grown meanwhile: what is there stays."""
    size, span = 40, Span(LOG.name, 4, 30) if kind in {"report", "clean-up"} else Span(LOG.name, 17, 18)
    world = World(audit_leaves(size))
    world.objects |= {enriched_name(number): b"old" for number in range(20, 38)}
    world.run(settled(span, size)[kind])
    after, effects = dict(world.objects), world.effects
    for crash in range(0, effects, max(1, effects // 6)):
        again = World(audit_leaves(size))
        again.objects |= {enriched_name(number): b"old" for number in range(20, 38)}
        with pytest.raises(Crash):
            again.run(settled(span, size)[kind], crash)
        again.run(settled(span, size)[kind])
        assert again.objects == after
        again.grow(audit_leaves(size + 5))
        before = dict(again.objects)
        again.run(settled(span, size + 5)[kind])
        assert again.objects == before


def test_what_is_written_is_what_the_leaves_say() -> None:
    """A leaf enriched and attested; a day counted by outcome, reason, regime and tenant; old ones gone and others not."""
    leaves = audit_leaves(300)
    world = World(leaves)
    for kind in ("enrich", "attest"):
        world.run(settled(Span(LOG.name, 270, 271), 300)[kind])
    assert world.objects[enriched_name(270)] == enriched(LOG.name, 270, leaves[270])
    assert verify(world.objects[attested_name(270)], LOG.verifier, WITNESS.verifier).leaf == leaves[270]
    world.run(settled(Span(LOG.name, 10, 290), 300)["report"])
    told = msgspec.json.decode(world.objects[report_name("2026-01-01")])
    outcomes = [msgspec.json.decode(leaf) for leaf in leaves[10:290] if b'"outcome"' in leaf]
    accepted = sum(each["accepted"] for each in outcomes)
    assert told["outcomes"]["by_outcome"] == {"accepted": accepted, "rejected": len(outcomes) - accepted}
    assert sum(told["kinds"].values()) == 280
    assert told["leaves"] == {"begin": 10, "end": 290}
    assert told["not_accepted_by_tenant"] == {"": len(outcomes) - accepted}
    world.objects |= {enriched_name(number): b"old" for number in range(270, 273)}
    world.run(settled(Span(LOG.name, 0, 272), 300)["clean-up"])
    assert {name for name in world.objects if name.startswith("enriched/")} == {enriched_name(272)}
    assert attested_name(270) in world.objects
    assert report_name("2026-01-01") in world.objects
