"""Every program, stopped at every effect: what was acknowledged survives, and the outcomes are those of an uninterrupted run."""

from collections.abc import Mapping

import pytest
from tests.support.model.crash_points import crash_points
from tests.support.model.world import (
    EQUIVOCATING,
    ESCALATED,
    EXAMINE,
    HONEST,
    STORY,
    Crash,
    Stop,
    World,
    pcs,
    submission,
)

from flk.model.effects import INBOX, OUTBOX
from flk.model.entries.entry import Entry, Key
from flk.model.flow.outbox import Queued
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import scan
from flk.model.memory.parts import Disk, Entries
from flk.model.programs.divergence import Agreement, detect_divergence
from flk.model.programs.outbox import Delivery, deliver, open_outbox, queue
from flk.model.programs.recover import recover
from flk.model.programs.repair import is_sound
from flk.model.programs.replay import replay
from flk.model.programs.restore import restore
from flk.model.programs.ship import ship
from flk.model.programs.snapshot import snapshot


def outcomes(entries: Mapping[Key, Entry]) -> dict[Key, tuple[str, object]]:
    """What a store says, leaving out when it was first said: that differs between runs."""
    return {key: (entry.digest, entry.outcome) for key, entry in entries.items()}


class Client:
    """Sends a story in order, one at a time, and remembers every answer, across crashes of the service."""

    def __init__(self, story: tuple[Submission, ...]) -> None:
        self.story = story
        self.answers: list[Response] = []

    def send_all(self, world: World) -> None:
        while len(self.answers) < len(self.story):
            self.answers.append(world.ingest("eu", self.story[len(self.answers)]))


def test_ingest_stopped_anywhere_keeps_what_it_acknowledged_and_its_outcomes() -> None:
    """Crash at each effect of a story of eight submissions, recover, go on: the answers are those of an uninterrupted run."""
    undisturbed, calm = Client(STORY), World("eu")
    undisturbed.send_all(calm)
    client = Client(STORY)

    def script(world: World) -> None:
        client.__init__(STORY)  # type: ignore[misc]  # the same client object, begun anew for each world
        client.send_all(world)

    crashes = 0
    for world in crash_points(lambda: World("eu"), script):
        crashes += 1
        acknowledged = list(client.answers)
        stored = dict(world.entries["eu"].entries)
        world.recover("eu")
        for key, entry in stored.items():
            assert world.entries["eu"].entries[key] == entry
        client.send_all(world)
        assert client.answers[: len(acknowledged)] == acknowledged
        assert [answer.status for answer in client.answers] == [answer.status for answer in undisturbed.answers]
        assert outcomes(world.entries["eu"].entries) == outcomes(calm.entries["eu"].entries)
    assert crashes > 3 * 3 * len(STORY) / 2


def test_a_lost_store_is_rebuilt_from_the_log_alone() -> None:
    """Recovery on an empty store gives entry for entry what was stored, timestamps included."""
    world = World("eu")
    Client(STORY).send_all(world)
    before = dict(world.entries["eu"].entries)
    world.entries["eu"].entries.clear()
    world.entries["eu"].marks.clear()
    world.recover("eu")
    assert world.entries["eu"].entries == before


def test_recover_stopped_anywhere_is_finished_by_the_next_recovery() -> None:
    """Recovery of a torn log and an empty store may itself crash at each effect; running it again completes it."""

    def crashed() -> World:
        world = World("eu")
        client = Client(STORY)
        world.arm(17, Stop.TORN)  # the Append of the seventh submission
        with pytest.raises(Crash):
            client.send_all(world)
        world.entries["eu"].entries.clear()
        return world

    whole = crashed()
    assert whole.recover("eu").repairs
    expected = whole.entries["eu"].entries
    assert expected
    for world in crash_points(crashed, lambda world: world.recover("eu")):
        world.recover("eu")
        assert world.entries["eu"].entries == expected


TAIL = b"a write cut short"


def rotten_and_torn(disk: Disk, log: str, body: bytes) -> tuple[str, str]:
    """A byte of that body rots in the sealed segment, and the open one ends in a write cut short; their names."""
    sealed, opened = disk.names(log)
    disk.segments[sealed][bytes(disk.segments[sealed]).index(body) + 40] ^= 1
    disk.segments[opened] += TAIL
    return sealed, opened


def unsound(disk: Disk, log: str) -> list[str]:
    """Segments of which something is wrong."""
    return [name for name in disk.names(log) if not is_sound(scan(bytes(disk.segments[name])))]


def test_a_rotten_segment_and_a_torn_tail_are_repaired_wherever_recovery_stops() -> None:
    """A frame of a sealed segment rots and the open one ends in a write cut short. Recovery cuts the tail off, salvages the rest,
    and reports each as what it is; stopped anywhere, in the middle of a salvage too, the next one ends with the same store, a
    sound log, and damage nowhere but where a bit rotted (WAL-3, WAL-4).
    """

    def damaged() -> World:
        world = World("eu", "us")
        world.ingest("us", EQUIVOCATING)
        client = Client(STORY[:5])
        client.send_all(world)
        world.disks["eu"].seal(INBOX)
        client.story = STORY
        client.send_all(world)
        names.append(rotten_and_torn(world.disks["eu"], INBOX, ESCALATED.body))
        world.entries["eu"] = Entries()
        world.nodes["eu"] = world._start("eu")
        return world

    names: list[tuple[str, str]] = []
    whole = damaged()
    told = {repair.name: repair for repair in whole.recover("eu").repairs}
    expected = whole.entries["eu"].entries
    assert len(expected) == 3
    sealed, opened = names[0]
    assert (told[opened].torn, told[opened].damage) == (len(TAIL), ())
    assert (told[sealed].torn, len(told[sealed].damage)) == (0, 1)
    crashes = 0
    for world in crash_points(damaged, lambda world: world.recover("eu")):
        crashes += 1
        for repair in world.recover("eu").repairs:
            assert bool(repair.damage) == (repair.name == sealed)
        assert world.entries["eu"].entries == expected
        assert not unsound(world.disks["eu"], INBOX)
        assert list(world.disks["eu"].damaged) == [sealed]
        exchange(world)
        assert world.entries["us"].entries == world.entries["eu"].entries
        assert not world.recover("eu").repairs
    assert crashes > 3 * 10


def test_an_outbox_that_is_rotten_and_torn_is_repaired_wherever_its_opening_stops() -> None:
    """The same of the agent's log: what is valid waits for delivery, each once, and the log is sound (WAL-3, WAL-4)."""

    def damaged() -> World:
        world = World("agent")
        for item in (HONEST, STORY[1], EQUIVOCATING):
            world.run("agent", queue(item))
        world.disks["agent"].seal(OUTBOX)
        world.run("agent", queue(ESCALATED))
        rotten_and_torn(world.disks["agent"], OUTBOX, EQUIVOCATING.body)
        return world

    def waiting(world: World) -> list[bytes]:
        return [item.submission.body for item in world.run("agent", open_outbox()).pending]

    left = [HONEST.body, STORY[1].body, ESCALATED.body]
    for world in crash_points(damaged, waiting):
        assert sorted(waiting(world)) == sorted(left)
        assert not unsound(world.disks["agent"], OUTBOX)
        assert len(world.disks["agent"].damaged) == 1
        assert sorted(waiting(world)) == sorted(left)


def replicated() -> World:
    """A region with a log to ship, and another that already stored another content under one of its ids."""
    world = World("eu", "us")
    world.ingest("us", EQUIVOCATING)
    Client(STORY).send_all(world)
    return world


def exchange(world: World) -> None:
    """Both regions ship and replay each other, one pass."""
    for region in ("eu", "us"):
        world.run(region, ship())
    world.run("eu", replay("us", EXAMINE))
    world.run("us", replay("eu", EXAMINE))


def test_shipping_and_replay_stopped_anywhere_converge_to_the_same_stores() -> None:
    """Crash either region at each effect of shipping and replaying; after recovery and one more pass both stores are equal,
    and the local winner that gave way is on record.
    """
    calm = replicated()
    exchange(calm)
    assert calm.entries["eu"].entries == calm.entries["us"].entries
    assert len(calm.entries["eu"].superseded) == 1
    for world in crash_points(replicated, exchange):
        for region in ("eu", "us"):
            world.recover(region)
        exchange(world)
        assert world.entries["eu"].entries == world.entries["us"].entries
        assert outcomes(world.entries["eu"].entries) == outcomes(calm.entries["eu"].entries)
        assert len(world.entries["eu"].superseded) == 1


def test_putting_back_stopped_anywhere_is_finished_by_the_next_pass() -> None:
    """One object is gone and another damaged: stopped at any effect, the next pass ends with both as they were (CRR-10)."""

    def ill() -> World:
        world = World("eu")
        for sent in STORY[2:4]:
            world.ingest("eu", sent)
            world.run("eu", ship())
        whole.update(world.objects.objects)
        gone, damaged = sorted(world.objects.objects)
        del world.objects.objects[gone]
        world.objects.objects[damaged] += b"?"
        return world

    whole: dict[str, bytes] = {}
    for world in crash_points(ill, lambda world: world.run("eu", restore(1.0))):
        world.run("eu", restore(1.0))
        assert world.objects.objects.items() >= whole.items()


def test_a_region_that_lost_its_disk_gets_back_all_it_had_shipped() -> None:
    """Restoring from the object store may crash anywhere and be begun again; the new disk writes a log of its own."""

    def lost() -> World:
        world = replicated()
        exchange(world)
        world.lose_disk("eu")
        return world

    whole = lost()
    expected = whole.entries["us"].entries
    for world in crash_points(lost, lambda world: world.recover("eu")):
        world.recover("eu")
        exchange(world)
        assert world.entries["eu"].entries == expected
        world.ingest("eu", STORY[-1])
        exchange(world)
        assert world.disks["eu"].names("inbox")[0].startswith("eu.000002/")
        assert world.entries["eu"].entries == world.entries["us"].entries


def test_a_snapshot_stopped_anywhere_leaves_the_one_before_or_the_new_one() -> None:
    """Crash at each effect of writing a snapshot, and lose the store: a start takes the one before or the new one, never a part,
    and has every entry; the next snapshot is written whatever the crash left (SNAP-4).
    """

    def with_one() -> World:
        world = replicated()
        exchange(world)
        world.run("eu", snapshot("eu", ["us"]))
        world.ingest("eu", submission(pcs(epoch=99)))
        world.run("eu", ship())
        return world

    def begin(world: World) -> str:
        world.entries["eu"].entries.clear()
        world.entries["eu"].superseded.clear()
        world.entries["eu"].marks.clear()
        loaded = world.run("eu", recover("eu", EXAMINE, ["eu"])).snapshot
        assert not loaded.refused
        return loaded.name

    whole = with_one()
    expected = dict(whole.entries["eu"].entries)
    before = begin(whole)
    assert before
    found = set()
    for world in crash_points(with_one, lambda world: world.run("eu", snapshot("eu", ["us"]))):
        found.add(begin(world))
        assert world.entries["eu"].entries == expected
        assert len(world.entries["eu"].superseded) == 1
        assert world.run("eu", snapshot("eu", ["us"])).name > before
    assert len(found) == 2


@pytest.mark.parametrize("lost", ["store", "disk"])
def test_a_start_from_a_snapshot_stopped_anywhere_is_finished_by_the_next(lost: str) -> None:
    """Loading may crash at each effect and be begun again: entries, supersessions and watermarks come to be the same (SNAP-5)."""

    def begun() -> World:
        world = replicated()
        exchange(world)
        world.run("eu", snapshot("eu", ["us"]))
        world.ingest("eu", submission(pcs(epoch=99)))
        exchange(world)
        if lost == "disk":
            world.lose_disk("eu")
        else:
            world.entries["eu"] = Entries()
            world.nodes["eu"] = world._start("eu")
        return world

    def start(world: World) -> None:
        world.run("eu", recover("eu", EXAMINE, ["eu", "us"]))

    calm = begun()
    start(calm)
    assert calm.entries["eu"].entries == calm.entries["us"].entries
    for world in crash_points(begun, start):
        start(world)
        assert world.entries["eu"].entries == calm.entries["eu"].entries
        assert world.entries["eu"].superseded == calm.entries["eu"].superseded
        assert world.entries["eu"].marks == calm.entries["eu"].marks
        exchange(world)
        assert world.entries["eu"].entries == world.entries["us"].entries


def test_a_store_lost_after_the_disk_gets_back_what_the_first_disk_shipped() -> None:
    """The log of the second disk does not have it, so a store that begins anew also looks at what the region shipped before."""
    world = replicated()
    exchange(world)
    world.lose_disk("eu")
    world.recover("eu")
    world.ingest("eu", STORY[-1])
    expected = dict(world.entries["eu"].entries)
    world.entries["eu"].entries.clear()
    world.entries["eu"].marks.clear()
    world.recover("eu")
    assert world.entries["eu"].entries == expected


def test_a_new_disk_does_not_set_a_fast_clock_back() -> None:
    """A region whose clock ran far ahead, and that then loses its disk, goes on after what it has shipped (HLC-4)."""
    world = World("eu")
    now = world._now
    world._now += 90
    world.ingest("eu", STORY[2])
    world.run("eu", ship())
    (ahead,) = world.entries["eu"].entries.values()
    world._now = now
    world.lose_disk("eu")
    world.recover("eu")
    world.ingest("eu", STORY[-1])
    later = [entry for entry in world.entries["eu"].entries.values() if entry != ahead]
    assert [entry.timestamp > ahead.timestamp for entry in later] == [True]


def test_delivery_stopped_anywhere_reaches_the_service_and_settles_once() -> None:
    """Crash the agent at each effect of queueing and delivering; reopened, it delivers the rest: nothing is lost, and each
    submission is settled exactly once.
    """

    def agent() -> World:
        service = World("eu")
        world = World("agent", service=lambda sent: service.ingest("eu", sent))
        world.entries["eu"] = service.entries["eu"]
        return world

    mail = (HONEST, STORY[1], EQUIVOCATING)

    def work(world: World) -> None:
        queued = {item.submission.body for item in waiting(world)}
        for item in mail[len(queued) :]:
            world.run("agent", queue(item))
        for queued_item in waiting(world):
            assert world.run("agent", deliver(queued_item)) is not Delivery.POSTPONED

    def waiting(world: World) -> tuple[Queued, ...]:
        return world.run("agent", open_outbox()).pending

    for world in crash_points(agent, work):
        for item in waiting(world):
            world.run("agent", deliver(item))
        settled = world.run("agent", open_outbox())
        assert not settled.pending
        assert len({letter.id for letter in settled.dead}) == len(settled.dead) <= 2
        if any(entry.digest for entry in world.entries["eu"].entries.values()):
            assert outcomes(world.entries["eu"].entries) == {Key("default", pcs().pcs_id): honest_outcome()}


def honest_outcome() -> tuple[str, object]:
    """What the service stores for the honest record."""
    world = World("eu")
    world.ingest("eu", HONEST)
    return next(iter(outcomes(world.entries["eu"].entries).values()))


def test_detecting_divergence_changes_nothing_wherever_it_stops() -> None:
    """Comparing two regions only reads: a crash leaves both as they were, and the next comparison says the same."""
    calm = replicated()
    verdict = calm.run("eu", detect_divergence("eu", "us"))
    assert verdict.agreement is Agreement.DIVERGE
    for world in crash_points(replicated, lambda world: world.run("eu", detect_divergence("eu", "us"))):
        assert world.run("eu", detect_divergence("eu", "us")).agreement is Agreement.DIVERGE
        assert world.entries["eu"].entries == calm.entries["eu"].entries
