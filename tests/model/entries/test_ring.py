"""The hash ring: placed as documented, even, and moving only what must move."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.model.entries.ring import Ring, position

FOUR = Ring(f"shard-{n}" for n in range(4))
KEYS = [f"key-{n}" for n in range(20_000)]
names = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=6, unique=True)
keys = st.lists(st.text(max_size=8), min_size=1, max_size=20)
vnodes = st.integers(1, 20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("shard-0#0", 2915671155), ("shard-0#1", 3366501133), ("shard-0#2", 2627756668), ("key-0", 3588937469)],
)
def test_known_positions(text: str, expected: int) -> None:
    """The facts' positions of virtual nodes and of a key (RNG-1)."""
    assert position(text) == expected


def test_known_placement() -> None:
    """Three keys and the split of 100,000, as the earlier system placed them (RNG-1)."""
    assert [FOUR.owner(key) for key in ("key-0", "key-1", "pcs-1")] == ["shard-0", "shard-0", "shard-3"]
    split = Counter(FOUR.owner(f"key-{n}") for n in range(100_000))
    assert sorted(split.items()) == [("shard-0", 25653), ("shard-1", 21547), ("shard-2", 25835), ("shard-3", 26965)]


@given(names, vnodes, keys)
def test_a_key_belongs_to_the_first_point_not_below_it(shards: list[str], points: int, wanted: list[str]) -> None:
    """Looked up by going through all points, past the last of which comes the first."""
    circle = sorted((position(f"{shard}#{n}"), shard) for shard in shards for n in range(points))
    ring = Ring(shards, points)
    for key in wanted:
        above = [shard for place, shard in circle if place >= position(key)]
        assert ring.owner(key) == (above or [circle[0][1]])[0]


def test_a_point_owns_its_own_position() -> None:
    """A key that falls on a point belongs to it."""
    assert Ring(["a", "b", "c"], 5).owner("b#3") == "b"


@given(names, st.data(), keys)
def test_the_order_in_which_shards_are_named_does_not_matter(
    shards: list[str], data: st.DataObject, wanted: list[str]
) -> None:
    """Every client that knows the names places alike (RNG-1)."""
    other = Ring(data.draw(st.permutations(shards)), 10)
    assert [other.owner(key) for key in wanted] == [Ring(shards, 10).owner(key) for key in wanted]


@given(names, st.text(min_size=1), vnodes, keys)
def test_when_a_shard_joins_keys_move_to_it_alone(shards: list[str], new: str, points: int, wanted: list[str]) -> None:
    """And when it leaves, only its own keys move (RNG-2)."""
    if new not in shards:
        small, large = Ring(shards, points), Ring([*shards, new], points)
        assert all(large.owner(key) in (small.owner(key), new) for key in wanted)


def test_a_fifth_shard_takes_about_a_fifth() -> None:
    """The share that moves when a shard joins, from each of the four alike."""
    larger = Ring([*FOUR.shards, "shard-4"])
    moved = Counter(FOUR.owner(key) for key in KEYS if larger.owner(key) == "shard-4")
    assert 0.15 < sum(moved.values()) / len(KEYS) < 0.25
    assert set(moved) == set(FOUR.shards)


def test_load_is_even() -> None:
    """With 150 points each, ten shards hold a tenth of the keys each, give or take a third."""
    ring = Ring(f"node-{n}" for n in range(10))
    split = Counter(ring.owner(key) for key in KEYS)
    assert all(0.67 < count / (len(KEYS) / 10) < 1.33 for count in split.values())
    assert len(split) == 10


@given(names, st.data(), vnodes, keys)
def test_unhealthy_shards_are_passed_over(
    shards: list[str], data: st.DataObject, points: int, wanted: list[str]
) -> None:
    """Keys of healthy shards stay, and the others go where a ring of the healthy ones would put them (RNG-3)."""
    healthy = data.draw(st.lists(st.sampled_from(shards), min_size=1, unique=True))
    ring, left = Ring(shards, points), Ring(healthy, points)
    for key in wanted:
        assert ring.owner(key, healthy) == left.owner(key)
        assert ring.owner(key) not in healthy or ring.owner(key, healthy) == ring.owner(key)


@given(names, st.data(), st.text())
def test_owners_are_different_shards_the_nearest_first(shards: list[str], data: st.DataObject, key: str) -> None:
    """Each further one is where the key would go if those before it were lost."""
    ring = Ring(shards, 10)
    owners = ring.owners(key, data.draw(st.integers(0, len(shards))))
    lost: set[str] = set()
    for owner in owners:
        assert owner == ring.owner(key, set(shards) - lost)
        lost.add(owner)
    assert len(lost) == len(owners)


@given(names, st.text(), st.integers(1, 3))
def test_too_few_healthy_shards_are_an_error(shards: list[str], key: str, more: int) -> None:
    """It says how many there are (RNG-3)."""
    with pytest.raises(LookupError, match=f"RNG-3: {len(shards) + more} .* {len(shards)}$"):
        Ring(shards, 3).owners(key, len(shards) + more)
    with pytest.raises(LookupError, match="RNG-3"):
        Ring(shards, 3).owner(key, healthy=())


def test_no_shard_at_all_is_no_healthy_shard() -> None:
    """A ring of none answers no key, and says so by the same requirement (RNG-3)."""
    with pytest.raises(ValueError, match="RNG-3"):
        Ring([])


def test_where_two_shards_meet_the_lesser_name_has_the_position() -> None:
    """These two names have one position, which the earlier system lost or gave to whoever came last."""
    low, high = "s6322", "s68101"
    assert position(f"{low}#0") == position(f"{high}#0")
    for order in ([low, high], [high, low]):
        ring = Ring(order, 1)
        assert ring.owners(f"{low}#0", 2) == [low, high]
        assert ring.owner(f"{low}#0", {high}) == high


@pytest.mark.parametrize(
    ("shards", "points", "told"),
    [([], 1, "RNG-3"), (["a"], 0, "RNG-1"), (["a"], -1, "RNG-1"), (["a", "b", "a"], 1, "RNG-1")],
)
def test_a_ring_of_nothing_or_with_a_name_twice_is_refused(shards: list[str], points: int, told: str) -> None:
    """When it is built, not when a key is looked up."""
    with pytest.raises(ValueError, match=told):
        Ring(shards, points)


@settings(max_examples=20)
@given(names)
def test_a_ring_may_be_built_from_an_iterator(shards: list[str]) -> None:
    """The names are read once."""
    assert Ring(iter(shards), 2).shards == tuple(sorted(shards))


@settings(max_examples=30, deadline=None)
@given(names, vnodes)
def test_the_shares_of_a_ring_are_those_of_its_owners(shards: list[str], points: int) -> None:
    """They add up to one circle, and each is the part of it whose positions that shard owns (API-7)."""
    ring = Ring(shards, points)
    shares = ring.shares()
    assert sum(shares.values()) == pytest.approx(1)
    steps = [(2 * step + 1) << 16 for step in range(1 << 15)]
    owned = Counter(next(ring._from(place)) for place in steps)
    assert all(abs(shares[shard] - owned[shard] / len(steps)) < 0.01 for shard in shards)
