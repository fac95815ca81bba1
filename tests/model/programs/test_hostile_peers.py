"""What a hostile peer publishes is refused and told, and none of it is joined (DIV-2, DIV-3)."""

from collections.abc import Callable
from hashlib import sha256

import msgspec
import pytest
from tests.support.model.divergence import (
    INTERVAL,
    PEERS,
    a_later,
    after_rounds,
    agreeing,
    looked,
    lost_at,
    mended,
    objects_of,
    of,
    overwrite,
    small,
)
from tests.support.model.world import World

from flk.model.entries.compared import (
    LIMITS,
    Digest,
    Extent,
    Ranges,
    columns_of,
    digest_name,
    extent_name,
    place,
    range_of,
    ranges_name,
    rounds_of,
    written,
)
from flk.model.entries.entry import Claim, Key
from flk.model.entries.proposals import Mode, proposals_of
from flk.model.log.hlc import Timestamp
from flk.model.programs.propose import Found

pytestmark = pytest.mark.usefixtures("few_ranges")


HOSTILE: dict[str, Callable[[World, Timestamp], None]] = {}


def hostile(attack: Callable[[World, Timestamp], None]) -> Callable[[World, Timestamp], None]:
    """What a peer that is an enemy puts into its part of the object store."""
    HOSTILE[attack.__name__] = attack
    return attack


@hostile
def garbage(world: World, round_: Timestamp) -> None:
    """No object of ours at all."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, b"\xff\x00 garbage")


@hostile
def empty(world: World, round_: Timestamp) -> None:
    """Nothing."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, b"")


@hostile
def huge(world: World, round_: Timestamp) -> None:
    """More than is read."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, world.objects.objects[name] + b" " * (LIMITS.max_object_bytes + 1))


@hostile
def deep(world: World, round_: Timestamp) -> None:
    """JSON of a depth that no reader has."""
    told = b"FLKDIFF1\n" + b"[" * 100_000 + b"\n"
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, told + sha256(told).hexdigest().encode() + b"\n")


@hostile
def flipped(world: World, round_: Timestamp) -> None:
    """What reads well, and was written otherwise."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, world.objects.objects[name].replace(b"true", b"false", 1))


@hostile
def of_another_format(world: World, round_: Timestamp) -> None:
    """Of a version to come."""
    for name in objects_of(world, rounds_of("eu")):
        told = world.objects.objects[name].replace(b"FLKDIFF1", b"FLKDIFF2")[:-65]
        overwrite(world, name, told + sha256(told).hexdigest().encode() + b"\n")


@hostile
def of_another_round(world: World, round_: Timestamp) -> None:
    """The digest of an earlier round, copied."""
    name = digest_name("eu", round_)
    said = msgspec.json.decode(world.objects.objects[name].split(b"\n")[1], type=Digest)
    overwrite(world, name, written(msgspec.structs.replace(said, round=round_ - 1)))


@hostile
def of_another_region(world: World, round_: Timestamp) -> None:
    """Our own objects, copied."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, world.objects.objects.get(name.replace("/eu/", "/us/"), b""))


@hostile
def another_root(world: World, round_: Timestamp) -> None:
    """Ranges that the root does not stand for."""
    name = digest_name("eu", round_)
    said = msgspec.json.decode(world.objects.objects[name].split(b"\n")[1], type=Digest)
    overwrite(world, name, written(msgspec.structs.replace(said, root="0" * 64)))


@hostile
def absurd_counts(world: World, round_: Timestamp) -> None:
    """Fewer than none, and more than a number holds."""
    name = ranges_name("eu", round_)
    said = msgspec.json.decode(world.objects.objects[name].split(b"\n")[1], type=Ranges)
    overwrite(world, name, written(msgspec.structs.replace(said, counts=(-1, 2**63, *said.counts[2:]))))


@pytest.mark.parametrize("attack", sorted(HOSTILE))
def test_what_a_hostile_peer_publishes_is_refused_and_told(attack: str) -> None:
    """And nothing is proposed, joined or deleted for it; what is sound again is believed again (DIV-2)."""
    world = agreeing()
    lost_at(world, 3)
    before = dict(world.entries["us"].entries)
    world.pass_time(INTERVAL)
    looked(world, "us")
    round_ = looked(world, "eu").round
    assert objects_of(world, extent_name("eu", round_, 0)[:-3])
    HOSTILE[attack](world, round_)
    found = looked(world, "us")
    mended(world, "us", Mode.AUTO_AGGRESSIVE)
    assert found.refused
    assert not found.proposed
    assert world.entries["us"].entries == before
    for name in objects_of(world, rounds_of("eu")):
        del world.objects.objects[name]
    after_rounds(world, 3, Mode.AUTO_AGGRESSIVE)
    assert world.entries["us"].entries == world.entries["eu"].entries


def with_extent(world: World, *claims: Claim, until: int = 2**64 - 1) -> Found:
    """What us finds when eu says, of a range in which it differs, that it has these."""
    world.pass_time(INTERVAL)
    looked(world, "us")
    round_ = looked(world, "eu").round
    looked(world, "us")
    (name,) = [name for name in objects_of(world, rounds_of("eu")) if name[-3:] not in {"est", "ges"}]
    said = Extent("eu", round_, int(name[-3:], 16), until, tuple(map(columns_of, claims)))
    overwrite(world, name, written(said))
    return looked(world, "us")


def test_entries_that_have_no_place_in_a_range_are_refused() -> None:
    """Of another range, of a time to come, twice, or with a time that none has (DIV-2)."""
    for spoil in ("range", "late", "twice", "zero"):
        world = agreeing()
        key = sorted(world.entries["us"].entries)[3]
        entry = world.entries["us"].entries.pop(key)
        other = next(k for k in world.entries["us"].entries if range_of(place(k)) != range_of(place(key)))
        claims = {
            "range": [Claim(other, entry)],
            "late": [Claim(key, msgspec.structs.replace(entry, timestamp=Timestamp(2**62)))],
            "twice": [Claim(key, entry), Claim(key, entry)],
            "zero": [Claim(key, msgspec.structs.replace(entry, timestamp=Timestamp(0)))],
        }[spoil]
        assert with_extent(world, *claims).refused


def test_an_entry_that_a_peer_made_up_is_never_joined() -> None:
    """Earlier than ours, well-formed, and in no log: whatever the mode, and however often it is said (DIV-4)."""
    world = agreeing()
    key = sorted(world.entries["us"].entries)[3]
    held = world.entries["us"].entries[key]
    world.entries["eu"].entries[key] = msgspec.structs.replace(held, timestamp=Timestamp(held.timestamp - 1))
    for region in ("eu", "ap", "../us", ""):
        forged = msgspec.structs.replace(world.entries["eu"].entries[key], region=region)
        world.entries["eu"].entries[key] = forged
        found = after_rounds(world, 4, Mode.AUTO_AGGRESSIVE)
        assert of(found["us"]).unproven >= 1
        assert world.entries["us"].entries[key] == held
    assert all(b"manual-review" in world.objects.objects[name] for name in objects_of(world, proposals_of("us")))


def test_a_flood_of_made_up_entries_neither_hides_what_was_lost_nor_reads_all_logs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A few of them are looked up in a round, in each round others; what was not read goes to no review (DIV-2, DIV-4)."""
    for module in ("propose", "evidence"):
        monkeypatch.setattr(f"flk.model.programs.{module}.LIMITS", small(round_differences=10, evidence_segments=4))
    world = agreeing(30)
    lost_at(world, 3)
    some = next(iter(world.entries["eu"].entries.values()))
    for number in range(40):
        world.entries["eu"].entries[Key("default", f"{number}")] = a_later(some)
    before = dict(world.entries["us"].entries)
    for _ in range(30):
        world.pass_time(INTERVAL)
        for region in PEERS:
            start = world.effects
            looked(world, region)
            assert world.effects - start < 200
            mended(world, region)
        if any(b"replay-missing" in world.objects.objects[name] for name in objects_of(world, proposals_of("us"))):
            break
    else:
        pytest.fail("what was lost was never found")
    assert world.entries["us"].entries == before
