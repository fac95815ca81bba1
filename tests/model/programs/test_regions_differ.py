"""Divergence and reconciliation (DIV-*): what a store lost is found, told from what is on its way, and mended by the logs alone."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.model.crash_points import AROUND, crash_points
from tests.support.model.divergence import (
    INTERVAL,
    PEERS,
    a_key,
    a_later,
    after_rounds,
    agreeing,
    decide,
    logged,
    looked,
    lost_at,
    mended,
    objects_of,
    of,
    replaced_at,
    replayed,
    sent,
    small,
    spoilt,
)
from tests.support.model.effects_seen import performed
from tests.support.model.world import EXAMINE, World, pcs, submission

from flk.model.effects import GetBeginning, GetObject, Mark, Program
from flk.model.entries.compared import LIMITS
from flk.model.entries.entry import Key
from flk.model.entries.proposals import SCORES, Action, Mode, Proposal, State, Verdict, outcomes_of, proposals_of
from flk.model.programs.compare import compare
from flk.model.programs.propose import Found, look
from flk.model.programs.recover import recover
from flk.model.programs.retain import retain
from flk.model.programs.ship import PREFIX, ship
from flk.model.programs.snapshot import snapshot

pytestmark = pytest.mark.usefixtures("few_ranges")


def test_regions_that_agree_propose_nothing_and_count_alike() -> None:
    """Once both have read all: no range differs, and the counts are compared (DIV-1)."""
    found = after_rounds(agreeing(), 2)
    for region in PEERS:
        standing = of(found[region])
        assert (standing.comparison.ranges, standing.comparison.count_percent, standing.percent) == (0, 0.0, 0.0)
        assert (found[region].open, found[region].refused) == (0, ())


def test_a_node_that_shares_its_store_compares_no_counts() -> None:
    """What the region's other nodes have not shipped is not known to it (DIV-1)."""
    world = agreeing()
    found: list[Found] = []
    for _ in range(2):
        world.pass_time(INTERVAL)
        looked(world, "eu")
        found.append(world.run("us", look("us", PEERS["us"], EXAMINE, INTERVAL, shared=True)))
    assert of(found[-1]).comparison.count_percent is None


def test_what_is_remembered_of_a_peer_is_written_when_it_is_another() -> None:
    """A pass that sees nothing new without evidence writes no mark (DIV-4)."""
    world = agreeing()
    after_rounds(world, 2)
    world.pass_time(INTERVAL)
    seen = performed(world, "us", look("us", PEERS["us"], EXAMINE, INTERVAL))
    assert not [effect for effect in seen if isinstance(effect, Mark)]


@pytest.mark.parametrize("logged_by", ["eu", "us"])
def test_an_entry_that_a_store_lost_is_proposed_from_the_segment_that_has_it(logged_by: str) -> None:
    """And nothing is proposed to the region that has it still (DIV-3, DIV-5)."""
    world = agreeing()
    key = a_key(world, "us", of_region=logged_by)
    lost = world.entries["us"].entries.pop(key)
    found = after_rounds(world)
    assert (of(found["us"]).lost, of(found["us"]).in_flight) == (1, 0)
    assert of(found["eu"]).lost == 0
    (name,) = objects_of(world, proposals_of("us"))
    assert not objects_of(world, proposals_of("eu"))
    content = msgspec.json.decode(world.objects.objects[name].split(b"\n")[1], type=Proposal)
    assert (content.action, content.score) == (Action.REPLAY_MISSING, SCORES[Action.REPLAY_MISSING])
    assert content.evidence.startswith(f"{logged_by}.000001/")
    assert key not in world.entries["us"].entries  # nobody has approved it
    decide(world, "us", name.rpartition("/")[2])
    ((result, _),) = mended(world, "us").results
    assert (result.state, result.joined) == (State.APPLIED, 1)
    assert world.entries["us"].entries[key] == lost
    assert mended(world, "us").results == ()


def test_what_is_on_its_way_is_no_matter() -> None:
    """A region that has not read a segment yet lacks its entries, for however long; the counts are not compared then (DIV-3)."""
    world = agreeing()
    sent(world, *range(100, 140))
    found = after_rounds(world, 6, Mode.AUTO_AGGRESSIVE)
    standing = of(found["us"])
    assert standing.in_flight > 0
    assert (standing.lost, standing.unproven, standing.percent) == (0, 0, 0.0)
    assert standing.comparison.count_percent is None
    assert of(found["eu"]).unproven == 0
    assert not objects_of(world, proposals_of("us"))
    assert Key("default", pcs(epoch=100).pcs_id) not in world.entries["us"].entries


def test_what_is_replayed_while_it_is_looked_for_was_not_lost() -> None:
    """The store lacked it, then its segment was applied, then the watermark was read: at whichever effect that was (DIV-3)."""
    effects = 0
    while True:
        world = agreeing(12)
        sent(world, 100)
        for _ in range(2):
            world.pass_time(INTERVAL)
            for region in PEERS:
                looked(world, region)
        world.pass_time(INTERVAL)
        found = interrupted(world, look("us", PEERS["us"], EXAMINE, INTERVAL), effects)
        if found is None:
            break
        assert of(found).lost == 0
        assert not found.proposed
        effects += 1
    assert effects > 20


def interrupted(world: World, program: Program[Found], effects: int) -> Found | None:
    """What a look of us finds if after so many effects it replays; None if there are not so many."""
    value: object = None
    done = 0
    try:
        while True:
            if done == effects:
                replayed(world, "us")
            value = world.perform("us", program.send(value))
            done += 1
    except StopIteration as ended:
        found: Found = ended.value
        return found if done > effects else None


def test_what_is_not_shipped_yet_is_no_matter() -> None:
    """Logged by this disk, stored, and for long not shipped: the log has it (DIV-3)."""
    world = agreeing()
    world.ingest("eu", submission(pcs(epoch=100)))
    found = after_rounds(world, 6)
    assert of(found["eu"]).comparison.ranges == 1
    assert of(found["eu"]).unproven == 0
    assert not objects_of(world, proposals_of("eu"))


def test_a_later_entry_in_the_place_of_the_first_gives_way_where_that_is_approved() -> None:
    """The log has the first: it is proposed, and recorded as it is joined (DIV-5, CRR-3)."""
    world = agreeing(60)
    key = a_key(world, "us", of_region="eu")
    first = world.entries["us"].entries[key]
    world.entries["us"].entries[key] = a_later(first)
    after_rounds(world, 6, Mode.AUTO_SAFE)
    assert world.entries["us"].entries[key] != first
    (name,) = objects_of(world, proposals_of("us"))
    after_rounds(world, 3, Mode.AUTO_AGGRESSIVE)
    assert world.entries["us"].entries[key] == first
    assert [row.winner for row in world.entries["us"].superseded] == [first]
    assert objects_of(world, outcomes_of("us")) == [name.replace("proposals", "outcomes")]


def test_each_mode_does_what_it_may() -> None:
    """A missing entry of 90 is replayed by both automatic modes, and by manual only once it is approved (DIV-6)."""
    for mode, is_there in ((Mode.MANUAL, False), (Mode.AUTO_SAFE, True), (Mode.AUTO_AGGRESSIVE, True)):
        world = agreeing(90)
        key = a_key(world, "us", of_region="us")
        del world.entries["us"].entries[key]
        after_rounds(world, 4, mode)
        assert (key in world.entries["us"].entries) is is_there


def test_a_store_that_lost_much_is_proposed_for_review_and_nothing_else() -> None:
    """More than a fifth: no mode joins anything, and who approves it is told why not (DIV-5, DIV-6)."""
    world = agreeing()
    for key in sorted(world.entries["us"].entries)[:12]:
        del world.entries["us"].entries[key]
    found = after_rounds(world, 4, Mode.AUTO_AGGRESSIVE)
    assert of(found["us"]).percent > LIMITS.review_percent
    (name,) = objects_of(world, proposals_of("us"))
    assert len(world.entries["us"].entries) == 18
    decide(world, "us", name.rpartition("/")[2])
    done = mended(world, "us", Mode.AUTO_AGGRESSIVE)
    assert (done.results, done.open, len(done.refused)) == ((), 1, 1)
    assert len(world.entries["us"].entries) == 18


@pytest.mark.parametrize("region", ["eu", "us"])
def test_an_entry_that_no_log_has_goes_to_review_after_some_rounds(region: str) -> None:
    """Neither the region that has it deletes it, nor does the other join it (DIV-4)."""
    world = agreeing()
    some = world.entries["us"].entries[a_key(world, "us", of_region="eu")]
    key = Key("default", "f" * 64)
    world.entries["us"].entries[key] = a_later(some)
    found = after_rounds(world, LIMITS.unproven_rounds - 1, Mode.AUTO_AGGRESSIVE)
    for _ in range(LIMITS.unproven_rounds):
        looked(world, region)  # at the same round again
    assert of(found[region]).unproven == 1
    assert not objects_of(world, proposals_of(region))
    after_rounds(world, 3, Mode.AUTO_AGGRESSIVE)
    (name,) = objects_of(world, proposals_of(region))
    assert b"manual-review" in world.objects.objects[name]
    assert key in world.entries["us"].entries
    assert key not in world.entries["eu"].entries
    decide(world, region, name.rpartition("/")[2], Verdict.REJECTED)
    ((result, _),) = mended(world, region).results
    assert result.state is State.REJECTED
    after_rounds(world, 3)
    assert of(found[region]).lost == 0


def test_a_review_is_proposed_above_the_share_that_it_takes_and_not_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With exactly that much lost, what was lost is proposed to be joined (DIV-5)."""
    world = agreeing(60)
    lost_at(world, 5)
    after_rounds(world, 2)
    percent = of(looked(world, "us")).percent
    for most, action in ((percent, Action.REPLAY_MISSING), (percent - 1e-9, Action.MANUAL_REVIEW)):
        for name in objects_of(world, proposals_of("us")):
            del world.objects.objects[name]
        monkeypatch.setattr("flk.model.programs.propose.LIMITS", small(review_percent=most))
        assert [each for _, each in looked(world, "us").proposed] == [action]


def test_what_agrees_by_now_is_not_looked_for() -> None:
    """It differed when it was published; the logs need not be read any more."""
    world = agreeing()
    key = a_key(world, "us", of_region="eu")
    lost = world.entries["us"].entries.pop(key)
    for _ in range(2):
        world.pass_time(INTERVAL)
        for region in PEERS:
            world.run(region, compare(region, PEERS[region], INTERVAL))
    world.entries["us"].entries[key] = lost
    seen = performed(world, "us", look("us", PEERS["us"], EXAMINE, INTERVAL))
    assert any(isinstance(effect, GetBeginning) for effect in seen), "there is a difference to look into"
    assert not [e for e in seen if isinstance(e, GetObject) and e.name.startswith(PREFIX)]


def test_the_region_with_the_first_entry_is_not_outvoted() -> None:
    """The other one, which holds a later entry, comes to the first; and not the other way round (DIV-5)."""
    world = agreeing()
    key = a_key(world, "us", of_region="us")
    first = world.entries["us"].entries[key]
    world.entries["eu"].entries[key] = a_later(first)
    after_rounds(world, 4, Mode.AUTO_AGGRESSIVE)
    assert world.entries["us"].entries[key] == world.entries["eu"].entries[key] == first


def test_a_snapshot_is_evidence_of_what_retention_removed() -> None:
    """The segments are gone, the snapshot has the entry, and the store had applied all before what is left (DIV-3)."""
    world = agreeing(60)
    for epoch in (200, 201):
        sent(world, epoch)
        replayed(world)
        world.run("eu", snapshot("eu", ("us",)))
    assert world.run("eu", retain("eu", 0.0)).objects
    key = a_key(world, "us", of_region="eu")
    lost = world.entries["us"].entries.pop(key)
    after_rounds(world, 3)
    (name,) = objects_of(world, proposals_of("us"))
    assert b"snap/eu/heads/" in world.objects.objects[name]
    after_rounds(world, 1, Mode.AUTO_SAFE)
    assert world.entries["us"].entries[key] == lost


def test_a_snapshot_of_a_peer_is_evidence_of_what_ones_own_lacks() -> None:
    """The store had lost the entry before it wrote the snapshots that stand for its log: a peer's has it still (DIV-3). It is the
    peer's word, and so it is joined only when somebody has approved it (DIV-6).
    """
    world = agreeing(60)
    key = a_key(world, "us", of_region="us")
    lost = world.entries["us"].entries.pop(key)
    for epoch in (200, 201):
        world.ingest("us", submission(pcs(epoch=epoch)))
        world.run("us", ship())
        replayed(world)
        for region, peers in PEERS.items():
            world.run(region, snapshot(region, peers))
    assert world.run("us", retain("us", 0.0)).objects
    after_rounds(world, 3)
    (name,) = objects_of(world, proposals_of("us"))
    assert b"snap/eu/heads/" in world.objects.objects[name]
    after_rounds(world, 1, Mode.AUTO_AGGRESSIVE)
    assert key not in world.entries["us"].entries
    assert decide(world, "us", name.removeprefix(proposals_of("us")))
    after_rounds(world, 1)
    assert world.entries["us"].entries[key] == lost


def test_a_snapshot_before_the_latest_is_evidence_of_what_that_lacks() -> None:
    """The store lost an entry between two snapshots: the earlier one has it, and is the region's own (DIV-3)."""
    world = agreeing(60)
    key = a_key(world, "us", of_region="us")
    lost = world.entries["us"].entries[key]
    for epoch in (200, 201):
        world.ingest("us", submission(pcs(epoch=epoch)))
        world.run("us", ship())
        replayed(world)
        world.run("us", snapshot("us", ("eu",)))
        world.entries["us"].entries.pop(key, None)
    assert world.run("us", retain("us", 0.0)).objects
    after_rounds(world, 3)
    after_rounds(world, 1, Mode.AUTO_SAFE)
    assert world.entries["us"].entries[key] == lost


def test_a_snapshot_of_what_was_not_applied_yet_says_that_it_is_on_its_way() -> None:
    """The reader is behind what was removed, and begins with the snapshot at its next pass (DIV-3, RET-5)."""
    world = agreeing(60)
    for epoch in (200, 201, 202):
        sent(world, epoch)
        world.run("eu", snapshot("eu", ("us",)))
    world.run("eu", retain("eu", 0.0))
    found = after_rounds(world, 3)
    assert of(found["us"]).in_flight == 3
    assert of(found["us"]).lost == of(found["us"]).unproven == 0


def test_what_was_salvaged_is_found_where_it_came_to_stand() -> None:
    """A segment rotted before it was shipped: its frames stand behind later ones (DIV-3, WAL-4)."""
    world = World("eu", "us")
    world.ingest("eu", submission(pcs(epoch=1)))
    world.ingest("eu", submission(pcs(epoch=2)))
    segment = world.disks["eu"].segments[world.disks["eu"].names("inbox")[0]]
    segment[len(segment) // 2] ^= 1
    world.nodes["eu"] = world._start("eu")
    world.recover("eu")
    sent(world, 3)
    replayed(world)
    held = world.entries["us"].entries
    earliest = min(held, key=lambda key: held[key].timestamp)
    del held[earliest]
    found = after_rounds(world, 3)
    assert of(found["us"]).lost == 1


def test_an_entry_of_an_earlier_disk_that_came_to_light_is_on_its_way() -> None:
    """Until the region's own new disk has read it (DIV-3)."""
    world = agreeing()
    world.lose_disk("eu")
    world.run("eu", recover("eu", EXAMINE, ("eu",)))
    replayed(world)
    assert world.entries["eu"].entries == world.entries["us"].entries
    key = a_key(world, "eu", of_region="eu")
    del world.entries["eu"].entries[key]
    found = after_rounds(world, 3)
    assert of(found["eu"]).lost == 1


def shipped(world: World) -> None:
    """Both ship."""
    for region in PEERS:
        world.run(region, ship())


STEPS: dict[str, Callable[[World, int], object]] = {
    "eu": lambda world, number: world.ingest("eu", submission(pcs(epoch=number))),
    "us": lambda world, number: world.ingest("us", submission(pcs(epoch=number))),
    "ship": lambda world, _: shipped(world),
    "replay": lambda world, _: replayed(world),
    "round": lambda world, _: after_rounds(world, 1, Mode.AUTO_AGGRESSIVE),
    "lose": lost_at,
    "replace": replaced_at,
}


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@example([("eu", 0), ("us", 1), ("ship", 0), ("replay", 0), ("lose", 3), ("replace", 1), ("round", 0), ("replay", 0)])
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 7)), max_size=16))
def test_whatever_one_store_lost_regions_come_to_what_the_logs_say(steps: list[tuple[str, int]]) -> None:
    """Rows vanish or are replaced by later ones, between any other steps: in the end each store holds what the logs come to
    (DIV-3, DIV-7).
    """
    world = World("eu", "us")
    sent(world, *range(100, 160))  # so that a few rows are no great part
    replayed(world)
    for step, number in steps:
        STEPS[step](world, number)
    shipped(world)
    replayed(world)
    after_rounds(world, 6, Mode.AUTO_AGGRESSIVE)
    assert world.entries["eu"].entries == world.entries["us"].entries == logged(world)


@pytest.mark.slow
def test_a_round_stopped_anywhere_is_finished_by_the_next() -> None:
    """At every effect of a look and of what it brings about, before and after it took place: nothing is lost, nothing is proposed
    twice, and the outcome is written down once (DIV-7).
    """

    def script(world: World) -> None:
        looked(world, "us")
        mended(world, "us", Mode.AUTO_AGGRESSIVE)

    def new() -> World:
        world = spoilt(12)
        after_rounds(world, 1)
        world.pass_time(INTERVAL)
        looked(world, "eu")
        return world

    whole = new()
    script(whole)
    assert whole.entries["us"].entries == logged(whole)
    assert len(objects_of(whole, outcomes_of("us"))) == 2
    for world in crash_points(new, script, AROUND):
        world.recover("us")
        script(world)
        assert world.entries["us"].entries == logged(world) == world.entries["eu"].entries
        assert len(objects_of(world, proposals_of("us"))) == len(objects_of(world, outcomes_of("us"))) == 2
