"""What a region publishes: when it calls itself level, and that nothing is written or read twice (DIV-1, DIV-2)."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.effects_seen import performed
from tests.support.model.world import World, pcs, submission

from flk.model.effects import Export, PutObject
from flk.model.entries.compared import Digest, digest_name, extent_name, ranges_name
from flk.model.log.frames import head_of
from flk.model.log.hlc import Timestamp, at, wall_seconds
from flk.model.programs.publish import Published, _is_level, common_round, own_rounds, publish_extents
from flk.model.programs.ship import PREFIX, ship

ROUND = at(1_800_000_000.0)


def begins(world: World, region: str) -> Timestamp:
    """The timestamp with which the only segment that a region shipped begins."""
    (content,) = (content for name, content in world.objects.objects.items() if name.startswith(f"{PREFIX}{region}."))
    return head_of(content)[1]


@given(st.integers(-3000, 3000), st.booleans())
def test_a_region_is_level_if_nothing_of_a_second_after_the_round_is_on_its_way(
    milliseconds: int, is_peers: bool
) -> None:
    """What waits to be shipped, or was shipped by a peer and not read, keeps it from that if it begins before the second is over:
    clocks may be so far apart (DIV-1).
    """
    world = World("eu", "us")
    region = "us" if is_peers else "eu"
    assert world.ingest(region, submission(pcs(epoch=1))).status == 200
    if is_peers:
        world.run("us", ship())
        first = begins(world, "us")
    else:
        (entry,) = world.entries["eu"].entries.values()
        first = entry.timestamp
    round_ = at(wall_seconds(first) - 1 + milliseconds / 1000)
    until = at(wall_seconds(round_) + 1)
    assert world.run("eu", _is_level(round_, ("us",))) == (first >= until)


def test_the_moment_at_which_a_region_is_level_no_more() -> None:
    """A frame of the very moment at which the second is over is none of the round; one a millisecond earlier is (DIV-1)."""
    world = World("eu", "us")
    assert world.ingest("eu", submission(pcs(epoch=1))).status == 200
    (entry,) = world.entries["eu"].entries.values()
    round_ = at(wall_seconds(entry.timestamp) - 1)
    assert world.run("eu", _is_level(round_, ()))
    assert not world.run("eu", _is_level(at(wall_seconds(round_) + 0.001), ()))
    world.run("eu", ship())
    until = begins(world, "eu")
    assert world.run("us", _is_level(at(wall_seconds(until) - 1), ("eu",)))
    assert not world.run("us", _is_level(at(wall_seconds(until) - 0.999), ("eu",)))


def test_the_round_to_publish_is_the_latest_that_a_peer_has_published() -> None:
    """Of peers that have a digest of it; ranges alone, or an object of another name, are no round (DIV-1)."""
    world = World("eu", "us", "ap")
    early, late, alone = (at(1_800_000_000.0 + 60 * minute) for minute in range(3))
    for region, round_ in (("us", early), ("ap", late)):
        assert world.objects.put(digest_name(region, round_), b"a digest")
    assert world.objects.put(ranges_name("us", alone), b"ranges")
    assert world.objects.put(digest_name("us", alone) + ".old", b"no digest")
    latest = at(1_800_000_000.0 + 300)
    assert world.run("eu", common_round("eu", ("us", "ap"), latest)) == late
    assert world.run("eu", common_round("eu", ("us",), latest)) == early
    assert world.run("eu", common_round("eu", ("us", "ap"), early)) == early
    assert world.objects.put(digest_name("eu", late), b"a digest")
    assert world.run("eu", common_round("eu", ("us", "ap"), latest)) == latest


def test_a_round_that_is_published_is_not_published_again() -> None:
    """A second pass over the same round writes nothing (DIV-1)."""
    world = World("eu", "us")
    assert world.ingest("eu", submission(pcs(epoch=1))).status == 200
    for expected in (2, 0):
        seen = performed(world, "eu", own_rounds("eu", ROUND, ("us",), Published("eu"), shared=False))
        assert sum(isinstance(effect, PutObject) for effect in seen) == expected


def test_what_a_region_published_and_cannot_be_believed_is_published_again() -> None:
    """Its own digest is damaged: it is told and removed, and the next pass writes it as it was. A peer refuses it and leaves it
    alone (DIV-1, DIV-2).
    """
    world, name = World("eu", "us"), digest_name("eu", ROUND)
    assert world.ingest("eu", submission(pcs(epoch=1))).status == 200

    def published() -> tuple[list[Digest], list[str]]:
        told = Published("eu")
        return world.run("eu", own_rounds("eu", ROUND, ("us",), told, shared=False)), told.refused

    (whole,), _ = published()
    content, world.objects.objects[name] = world.objects.objects[name], b"rotten"
    peer = Published("us")
    assert world.run("us", peer.digest("eu", ROUND)) is None
    assert (len(peer.refused), world.objects.objects[name]) == (1, b"rotten")
    rounds, refused = published()
    assert (rounds, len(refused)) == ([], 1)
    assert published() == ([whole], [])
    assert world.objects.objects[name] == content


def test_what_several_peers_need_is_published_in_one_pass() -> None:
    """Of the round of each peer all of its ranges, whoever comes first (DIV-1)."""
    world, later = World("eu"), at(1_800_000_300.0)
    seen = performed(world, "eu", publish_extents("eu", [(ROUND, [2, 1]), (later, [1]), (ROUND, [3])]))
    names = [effect.name for effect in seen if isinstance(effect, PutObject)]
    assert names == [
        extent_name("eu", round_, number) for round_, number in ((ROUND, 1), (ROUND, 2), (ROUND, 3), (later, 1))
    ]


@settings(deadline=None)
@given(st.sets(st.integers(0, 255), min_size=1, max_size=6), st.data())
def test_ranges_are_published_once_and_in_order(numbers: set[int], data: st.DataObject) -> None:
    """Those that are there already are not written again, and a store is not read for nothing (DIV-1)."""
    world = World("eu")
    earlier = data.draw(st.sets(st.sampled_from(sorted(numbers))))
    performed(world, "eu", publish_extents("eu", [(ROUND, list(earlier))] if earlier else []))
    seen = performed(world, "eu", publish_extents("eu", [(ROUND, list(numbers))]))
    names = [effect.name for effect in seen if isinstance(effect, PutObject)]
    assert names == [extent_name("eu", ROUND, number) for number in sorted(numbers - earlier)]
    assert any(isinstance(effect, Export) for effect in seen) == bool(numbers - earlier)
