"""Replication of some tenants only: a feed holds one tenant's records, in order, and nothing is lost on the way (FEED-*)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.crash_points import AROUND, crash_points
from tests.support.model.world import (
    EQUIVOCATING,
    EXAMINE,
    FORGED,
    MALFORMED,
    OTHER_TENANT,
    World,
    pcs,
    submission,
)

from flk.model.effects import Effect, PutObject, ReplaceObject
from flk.model.entries.entry import Entry, Key
from flk.model.flow.submission import Submission, tenant_of
from flk.model.log.frames import CorruptSegment, FeedHead, Kind, feed_head_of, frame_bytes, opening, scan, seal
from flk.model.log.hlc import ZERO
from flk.model.memory.parts import Entries, Objects
from flk.model.programs.feed import Fed, feed, feed_prefix, follow
from flk.model.programs.replay import PREFIX, replay
from flk.model.programs.ship import ship
from flk.model.refusal import Unavailable
from flk.model.runtime import run

DEFAULT, OTHER = "default", "other"
BOTH = (DEFAULT, OTHER)
SEGMENTS = (
    (submission(pcs(epoch=1)), FORGED, OTHER_TENANT),
    (submission(pcs(epoch=2), tenant=OTHER), MALFORMED),
    (submission(pcs(epoch=3), tenant=OTHER),),
    (submission(pcs(epoch=4)), submission(pcs(epoch=5)), submission(pcs(epoch=4), tenant=OTHER)),
)
"""What comes into each segment; the third has no frame of the first tenant."""


def shipped(*segments: tuple[Submission, ...], regions: tuple[str, ...] = ("eu", "us")) -> World:
    """A region that ships each group of submissions as a segment."""
    world = World(*regions)
    for sent in segments or SEGMENTS:
        ship_all(world, "eu", sent)
    return world


def ship_all(world: World, region: str, sent: tuple[Submission, ...]) -> None:
    """Take submissions, and ship them as one segment."""
    for item in sent:
        world.ingest(region, item)
    world.run(region, ship())


def of(tenant: str, world: World, region: str) -> dict[Key, Entry]:
    """The entries of a tenant."""
    return {key: entry for key, entry in world.entries[region].entries.items() if key.tenant == tenant}


def objects(world: World, tenant: str) -> dict[str, bytes]:
    """The feed of a tenant, by the names of its segments."""
    prefix = feed_prefix(tenant)
    return {name.removeprefix(prefix): world.objects.objects[name] for name in world.objects.names(prefix, "")}


def test_a_feed_holds_what_its_tenant_sent_and_nothing_else() -> None:
    """Segment by segment, with the timestamps of the log, forged and malformed ones among them; where there is none, no object
    (FEED-1).
    """
    world = shipped()
    logged = {name.removeprefix(PREFIX): scan(world.objects.objects[name]) for name in world.objects.names(PREFIX, "")}
    for tenant in BOTH:
        told = world.run("eu", feed("eu", tenant))
        expected = {
            name: [frame for frame in found.frames if tenant_of(frame.payload) == tenant]
            for name, found in logged.items()
        }
        made = {name: scan(content) for name, content in objects(world, tenant).items()}
        assert {name: list(found.frames) for name, found in made.items()} == {n: f for n, f in expected.items() if f}
        assert told == Fed(tuple(made))
        previous = ""
        for name, found in made.items():
            head = feed_head_of(objects(world, tenant)[name])
            assert head is not None
            assert (found.sealed, head.tenant, head.previous, found.salt) == (True, tenant, previous, logged[name].salt)
            previous = name
        assert world.run("eu", feed("eu", tenant)) == Fed(())
    assert len(objects(world, DEFAULT)) == 3
    assert not objects(world, "nobody")


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(BOTH), st.booleans()), max_size=4), max_size=5),
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(BOTH), st.booleans()), max_size=4), max_size=5),
)
def test_regions_that_follow_a_tenant_come_to_the_same_entries_of_it(
    in_eu: list[list[tuple[int, str, bool]]], in_us: list[list[tuple[int, str, bool]]]
) -> None:
    """Whatever both take, and whatever their contents: of the tenant they come to the same, and of the other tenant to their own. A
    region that replays whole segments comes to the same entries of it (FEED-4).
    """

    def sent(epoch: int, tenant: str, first: bool) -> Submission:
        record = pcs(epoch=epoch) if first else pcs(epoch=epoch, r=0.6, budget=0.37)
        return submission(record, tenant=tenant)

    world = World("eu", "us", "ap")
    for region, segments in (("eu", in_eu), ("us", in_us)):
        for segment in segments:
            ship_all(world, region, tuple(sent(*item) for item in segment))
    own = {region: of(DEFAULT, world, region) for region in ("eu", "us")}
    for region, peer in (("eu", "us"), ("us", "eu")):
        world.run(peer, feed(peer, OTHER))
        world.run(region, follow(peer, OTHER, EXAMINE))
        world.run("ap", replay(peer, EXAMINE))
    assert of(OTHER, world, "eu") == of(OTHER, world, "us") == of(OTHER, world, "ap")
    for region, before in own.items():
        assert of(DEFAULT, world, region) == before


def test_a_segment_of_a_feed_is_no_segment_of_a_log() -> None:
    """Whoever copies one to where the region ships its log is found out, since it may hold a part only (CRR-6)."""
    world = shipped()
    world.run("eu", feed("eu", DEFAULT))
    name = world.objects.names(PREFIX, "")[0]
    world.objects.objects[name] = world.objects.objects[feed_prefix(DEFAULT) + name.removeprefix(PREFIX)]
    with pytest.raises(CorruptSegment):
        world.run("us", replay("eu", EXAMINE))
    assert not world.entries["us"].entries


def test_a_segment_that_is_hidden_or_damaged_is_waited_for() -> None:
    """On either side; nothing behind it is taken, and when it is back all is (FEED-2)."""
    for at in range(3):
        world = shipped()
        name = world.objects.names(PREFIX, "")[at]
        content = world.objects.objects.pop(name)
        gaps = world.run("eu", feed("eu", DEFAULT)).gaps
        assert len(gaps) == 1
        world.objects.objects[name] = content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]
        with pytest.raises(CorruptSegment):
            world.run("eu", feed("eu", DEFAULT))
        world.objects.objects[name] = content
        world.run("eu", feed("eu", DEFAULT))
        assert len(objects(world, DEFAULT)) == 3
        name = world.objects.names(feed_prefix(DEFAULT), "")[at]
        content = world.objects.objects.pop(name)
        found = world.run("us", follow("eu", DEFAULT, EXAMINE))
        assert (len(found.segments), bool(found.gaps)) == (at, at < 2)
        world.objects.objects[name] = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        with pytest.raises(CorruptSegment):
            world.run("us", follow("eu", DEFAULT, EXAMINE))
        world.objects.objects[name] = content
        world.run("us", follow("eu", DEFAULT, EXAMINE))
        assert of(DEFAULT, world, "us") == of(DEFAULT, world, "eu")


def test_a_log_that_waits_holds_up_no_other() -> None:
    """What one disk shipped or fed is damaged: that of the region's next disk is fed and followed all the same (FEED-2)."""
    world = shipped(*SEGMENTS[:2])
    world.lose_disk("eu")
    world.recover("eu")
    ship_all(world, "eu", (submission(pcs(epoch=7)),))
    for prefix, program, region in (
        (PREFIX, lambda: feed("eu", DEFAULT), "eu"),
        (feed_prefix(DEFAULT), lambda: follow("eu", DEFAULT, EXAMINE), "us"),
    ):
        name = world.objects.names(prefix, "")[0]
        content = world.objects.objects[name]
        world.objects.objects[name] = content[:-9]
        with pytest.raises(CorruptSegment):
            world.run(region, program())
        if region == "eu":
            assert [*objects(world, DEFAULT)] == ["eu.000002/000000000001"]
        else:
            assert {key.pcs_id for key in of(DEFAULT, world, "us")} == {pcs(epoch=7).pcs_id}
        world.objects.objects[name] = content
        world.run(region, program())
    assert of(DEFAULT, world, "us") == of(DEFAULT, world, "eu")


def test_the_clock_goes_on_from_what_was_followed() -> None:
    """As from what was replayed (HLC-2)."""
    world = shipped()
    world.run("eu", feed("eu", DEFAULT))
    latest = max(entry.timestamp for entry in of(DEFAULT, world, "eu").values())
    world.nodes["us"].clock = ZERO
    world.run("us", follow("eu", DEFAULT, EXAMINE))
    assert world.nodes["us"].clock >= latest


def test_what_holds_another_tenants_record_is_refused() -> None:
    """A feed of another tenant under this one's name, frames of another in it, frames that no node logs: nothing of it counts."""
    log, sender = "eu.000001", submission(pcs(epoch=1), tenant=OTHER).payload()
    name = f"{log}/000000000001"
    own = submission(pcs(epoch=1)).payload()
    for tenant, payload in ((OTHER, own), (DEFAULT, sender), (DEFAULT, b""), (DEFAULT, bytes([3, 255, 255, 255]))):
        world = World("us")
        made = opening(FeedHead("eu", log, 1, tenant, ""), ZERO) + frame_bytes(Kind.DATA, ZERO, payload)
        world.objects.put(feed_prefix(DEFAULT) + name, made + seal(made))
        with pytest.raises(CorruptSegment, match="FEED-1"):
            world.run("us", follow("eu", DEFAULT, EXAMINE))
        assert not world.entries["us"].entries


def test_feeding_and_following_stopped_anywhere_come_to_the_same() -> None:
    """Stopped before and after every effect, both are finished by the next pass: the feed is the same, byte for byte (FEED-2)."""

    def both(world: World) -> None:
        world.run("eu", feed("eu", DEFAULT))
        world.run("us", follow("eu", DEFAULT, EXAMINE))

    def rivals() -> World:
        world = shipped((submission(pcs()),), *SEGMENTS)
        ship_all(world, "us", (EQUIVOCATING,))
        return world

    calm = rivals()
    both(calm)
    assert of(DEFAULT, calm, "us") == of(DEFAULT, calm, "eu")
    worlds = list(crash_points(rivals, both, AROUND))
    assert len(worlds) > 40
    for world in worlds:
        for region in ("eu", "us"):
            world.recover(region)
        both(world)
        assert [scan(made).frames for made in objects(world, DEFAULT).values()] == [
            scan(made).frames for made in objects(calm, DEFAULT).values()
        ]
        assert of(DEFAULT, world, "us") == of(DEFAULT, world, "eu")
        assert len(world.entries["us"].superseded) == len(calm.entries["us"].superseded)
        assert world.nodes["us"].clock >= max(entry.timestamp for entry in of(DEFAULT, world, "us").values())


def test_a_feed_goes_on_after_its_store_and_its_disk_are_lost() -> None:
    """What the lost disk had shipped and not fed is fed by the next one, and what is there is left as it is (FEED-3)."""
    world = shipped(*SEGMENTS[:2])
    world.run("eu", feed("eu", DEFAULT))
    before = objects(world, DEFAULT)
    for sent in SEGMENTS[2:]:
        ship_all(world, "eu", sent)
    world.lose_disk("eu")
    world.recover("eu")
    ship_all(world, "eu", (submission(pcs(epoch=7)),))
    world.run("eu", feed("eu", DEFAULT))
    after = objects(world, DEFAULT)
    assert {name: after[name] for name in before} == before
    assert len(after) == 4
    world.run("us", follow("eu", DEFAULT, EXAMINE))
    assert of(DEFAULT, world, "us") == of(DEFAULT, world, "eu")
    world.entries["eu"] = Entries()
    world.nodes["eu"] = world._start("eu")
    world.recover("eu")
    world.run("eu", feed("eu", DEFAULT))
    assert objects(world, DEFAULT) == after


def test_a_damaged_object_is_written_again() -> None:
    """By whoever goes over the feed anew; a whole one stays, though its segment was salvaged since and has no frame (FEED-3)."""
    world = shipped()
    world.run("eu", feed("eu", DEFAULT))
    made = objects(world, DEFAULT)
    first, second, _ = world.objects.names(feed_prefix(DEFAULT), "")
    content = world.objects.objects[first]
    world.objects.objects[first] = content[:-9]
    emptied = world.objects.objects[PREFIX + second.removeprefix(feed_prefix(DEFAULT))]
    head = scan(emptied).head
    assert head is not None
    opened = opening(head, ZERO, scan(emptied).salt)
    world.objects.objects[PREFIX + head.name] = opened + seal(opened)
    world.entries["eu"].marks.clear()
    world.run("eu", feed("eu", DEFAULT))
    assert objects(world, DEFAULT) == made


def test_the_chain_goes_on_from_a_segment_that_was_salvaged_since() -> None:
    """The last segment that was fed has no frames any more where it was made from, and the store is lost: what comes next names it
    as the one before (FEED-3).
    """
    world = shipped(*SEGMENTS[:2])
    world.run("eu", feed("eu", DEFAULT))
    last = world.objects.names(PREFIX, "")[-1]
    head = scan(world.objects.objects[last]).head
    assert head is not None
    opened = opening(head, ZERO, scan(world.objects.objects[last]).salt)
    world.objects.objects[last] = opened + seal(opened)
    world.entries["eu"].marks = {name: value for name, value in world.entries["eu"].marks.items() if "fed" not in name}
    ship_all(world, "eu", SEGMENTS[3])
    world.run("eu", feed("eu", DEFAULT))
    found = world.run("us", follow("eu", DEFAULT, EXAMINE))
    assert not found.gaps
    assert found.segments == tuple(objects(world, DEFAULT))
    assert of(DEFAULT, world, "us") == of(DEFAULT, world, "eu")


def test_whoever_comes_second_leaves_what_is_there() -> None:
    """Another node writes a segment between the look and the write: it is found whole, and not replaced (FEED-3)."""
    world = shipped()
    calm = shipped()
    calm.run("eu", feed("eu", DEFAULT))
    hidden = {name: calm.objects.objects[name] for name in calm.objects.names(feed_prefix(DEFAULT), "")}
    node = world.nodes["eu"]

    def performed(effect: Effect[Any]) -> Any:
        assert not isinstance(effect, ReplaceObject)
        if isinstance(effect, PutObject):
            world.objects.objects.setdefault(effect.name, effect.content)
        return node.perform(effect)

    told = run(feed("eu", DEFAULT), performed)
    assert (
        told.segments
        == tuple(objects(world, DEFAULT))
        == tuple(name.removeprefix(feed_prefix(DEFAULT)) for name in hidden)
    )


def test_what_cannot_be_put_in_its_place_is_not_passed_over() -> None:
    """Somebody changes a damaged object while it is written again: the pass ends there, and the next goes on from it (FEED-3)."""
    world = shipped()
    world.run("eu", feed("eu", DEFAULT))
    made = objects(world, DEFAULT)
    first = world.objects.names(feed_prefix(DEFAULT), "")[0]
    world.objects.objects[first] = b"damaged"
    world.entries["eu"].marks.clear()
    node = world.nodes["eu"]

    def performed(effect: Effect[Any]) -> Any:
        if isinstance(effect, ReplaceObject):
            world.objects.objects[effect.name] = b"damaged otherwise"
        return node.perform(effect)

    with pytest.raises(Unavailable, match="is taken, and cannot be read"):
        run(feed("eu", DEFAULT), performed)
    world.run("eu", feed("eu", DEFAULT))
    assert objects(world, DEFAULT) == made


def test_an_object_store_that_hides_what_is_fed_breaks_no_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a segment names as the one before it comes from no listing (FEED-2)."""
    world = shipped(*SEGMENTS[:1])
    world.run("eu", feed("eu", DEFAULT))
    listed = Objects.names
    hidden = feed_prefix(DEFAULT)

    def names(self: Objects, prefix: str, after: str) -> tuple[str, ...]:
        return () if prefix.startswith(hidden) else listed(self, prefix, after)

    monkeypatch.setattr(Objects, "names", names)
    for sent in SEGMENTS[1:]:
        ship_all(world, "eu", sent)
        world.run("eu", feed("eu", DEFAULT))
    monkeypatch.undo()
    found = world.run("us", follow("eu", DEFAULT, EXAMINE))
    assert (len(found.segments), found.claims) == (3, len(of(DEFAULT, world, "us")))
    assert of(DEFAULT, world, "us") == of(DEFAULT, world, "eu")
