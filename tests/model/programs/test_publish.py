"""What a region publishes: when it calls itself level, and that nothing is written or read twice (DIV-1, DIV-2)."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.effects_seen import performed
from tests.support.model.world import World, pcs, submission

from flk.model.effects import Export, PutObject
from flk.model.entries.compared import extent_name
from flk.model.log.frames import head_of
from flk.model.log.hlc import Timestamp, at, wall_seconds
from flk.model.programs.publish import Published, _is_level, own_rounds, publish_extents
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


def test_a_round_that_is_published_is_not_published_again() -> None:
    """A second pass over the same round writes nothing (DIV-1)."""
    world = World("eu", "us")
    assert world.ingest("eu", submission(pcs(epoch=1))).status == 200
    for expected in (2, 0):
        seen = performed(world, "eu", own_rounds("eu", ROUND, ("us",), Published("eu"), shared=False))
        assert sum(isinstance(effect, PutObject) for effect in seen) == expected


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
