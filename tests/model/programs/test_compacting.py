"""The log of an outbox is compacted (RET-8): what counts stays as it was, whatever happens meanwhile."""

from collections.abc import Callable, Iterator

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.crash_points import crash_points
from tests.support.model.replies import reply
from tests.support.model.world import HONEST, Stop, World, pcs, submission

from flk.model.effects import OUTBOX, Append
from flk.model.flow.outbox import ACKNOWLEDGED, DEAD, Contents, about, is_due
from flk.model.flow.submission import Submission
from flk.model.programs.outbox import begin_source, compact, discard, end_source, open_outbox, queue, send_again
from flk.spec.constants import CONSTANTS

REFUSAL = msgspec.json.encode(reply(HONEST, 401))
Step = Callable[[World, int], object]


def opened(world: World) -> Contents:
    """What the outbox says to a new process, but for how long its log is."""
    return msgspec.structs.replace(world.run("agent", open_outbox()), size=0, kept=0)


def letter(number: int) -> Submission:
    """A record of its own."""
    return submission(pcs(epoch=number))


def acknowledge(world: World, number: int) -> None:
    """Settle one of those that wait."""
    if pending := opened(world).pending:
        world.run("agent", Append(OUTBOX, about(ACKNOWLEDGED, pending[number % len(pending)].id)).__iter__())


def bury(world: World, number: int) -> None:
    """Refuse one of those that wait for good."""
    if pending := opened(world).pending:
        world.run("agent", Append(OUTBOX, about(DEAD, pending[number % len(pending)].id, REFUSAL)).__iter__())


def dig_up(world: World, number: int) -> None:
    """Send a dead letter again, in other bytes."""
    if dead := opened(world).dead:
        world.run("agent", send_again(dead[number % len(dead)].id, letter(1000 + number)))


def look_at(world: World, number: int) -> None:
    """Discard a dead letter."""
    if dead := opened(world).dead:
        world.run("agent", discard(dead[number % len(dead)].id))


STEPS: dict[str, Step] = {
    "queue": lambda world, number: world.run("agent", queue(letter(number))),
    "begin": lambda world, number: world.run("agent", begin_source("abc"[number % 3])),
    "end": lambda world, number: world.run("agent", end_source("abc"[number % 3])),
    "acknowledge": acknowledge,
    "bury": bury,
    "dig up": dig_up,
    "look at": look_at,
}
SCRIPTS = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9)), max_size=25)


@settings(max_examples=40)
@given(SCRIPTS, SCRIPTS)
def test_compacting_changes_nothing_that_counts(before: list[tuple[str, int]], after: list[tuple[str, int]]) -> None:
    """Identities, order, answers and counts of sources are as they were; one that is never compacted says the same at the end."""
    world, other = World("agent"), World("agent")
    for step, number in before:
        STEPS[step](world, number)
        STEPS[step](other, number)
    told = opened(world)
    for _ in range(2):
        world.run("agent", compact())
        assert opened(world) == told
    assert len(world.disks["agent"].names(OUTBOX)) <= 1
    for step, number in after:
        STEPS[step](world, number)
        STEPS[step](other, number)
    assert without_ids(opened(world)) == without_ids(opened(other))


def without_ids(contents: Contents) -> tuple[list[bytes], list[bytes], tuple[object, ...]]:
    """What the outbox says, but for timestamps, which compacting moves on."""
    bodies = [item.submission.body for item in contents.pending]
    return bodies, sorted(each.submission.body for each in contents.dead), contents.unfinished


def lived() -> World:
    """An outbox that holds something of each kind, and was compacted before."""
    world = World("agent")
    for step, number in [("begin", 0), ("queue", 1), ("queue", 2), ("begin", 1), ("queue", 3)]:
        STEPS[step](world, number)
    world.run("agent", compact())
    STEPS["queue"](world, 4)
    for step, number in [("acknowledge", 0), ("bury", 0), ("bury", 0), ("dig up", 0), ("queue", 5)]:
        STEPS[step](world, number)
    told = opened(world)
    assert (len(told.pending), len(told.dead), len(told.unfinished)) == (3, 1, 2)
    return world


def test_compacting_stopped_anywhere_loses_nothing_and_is_finished_by_the_next() -> None:
    """At each effect, before, after or in the middle of a write: what counts is there once, as it was; the next pass ends it."""
    told = opened(lived())
    for world in crash_points(lived, lambda world: world.run("agent", compact()), tuple(Stop)):
        assert opened(world) == told
        world.run("agent", compact())
        assert opened(world) == told
        assert len(world.disks["agent"].segments) == 1


@settings(max_examples=20)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=3), st.integers(0, 30))
def test_what_is_appended_meanwhile_counts(steps: list[str], at: int) -> None:
    """Between any two effects of a pass others queue, settle and look: an outbox that was not compacted says the same."""
    world, other = lived(), lived()
    for number, step in enumerate(steps):
        STEPS[step](other, number)

    def meanwhile() -> Iterator[None]:
        for number, step in enumerate(steps):
            STEPS[step](world, number)
            yield

    doing, program, place = meanwhile(), compact(), 0
    node = world.nodes["agent"]
    try:
        effect = next(program)
        while True:
            if place >= at:
                next(doing, None)
            effect = program.send(node.perform(effect))
            place += 1
    except StopIteration:
        for _ in doing:
            pass
    assert without_ids(opened(world)) == without_ids(opened(other))


def test_nothing_is_removed_while_a_segment_is_damaged() -> None:
    """What rotted since the log was opened is repaired and told at the next opening, with its frames where they were."""
    world = lived()
    disk = world.disks["agent"]
    disk.seal(OUTBOX)
    name = disk.names(OUTBOX)[0]
    disk.segments[name][len(disk.segments[name]) // 2] ^= 1
    world.run("agent", queue(letter(9)))
    world.run("agent", compact())
    assert name in disk.names(OUTBOX)
    assert len(opened(world).pending) >= 3
    assert disk.damaged


def test_compacting_is_due_when_most_of_a_log_counts_no_more() -> None:
    """A log that is small, or that mostly counts, is left alone; each pass at least halves what is beyond the allowance."""
    allowance = CONSTANTS.client.compact_bytes
    assert not is_due(allowance - 1, 0)
    assert is_due(allowance, 0)
    assert not is_due(3 * allowance - 1, allowance)
    assert is_due(3 * allowance, allowance)


def test_what_is_carried_takes_many_frames_if_it_has_to() -> None:
    """Twenty large records: each frame stays within what a segment takes, and all are there."""
    world = World("agent")
    large = [Submission("default", bytes([number]) * 50_000) for number in range(20)]
    for item in large:
        world.run("agent", queue(item))
    told = opened(world)
    world.run("agent", compact())
    assert opened(world) == told
    largest = Submission("default", bytes(CONSTANTS.node.max_body_bytes))
    world.run("agent", queue(largest))
    world.run("agent", compact())
    assert opened(world).pending[-1].submission == largest
