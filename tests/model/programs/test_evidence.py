"""What logs and snapshots say of entries: a search reads what it has to, each object once, and no more than it may (DIV-3)."""

from collections.abc import Collection

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.divergence import sent
from tests.support.model.effects_seen import sealed, watched
from tests.support.model.world import EXAMINE, World, pcs, submission

from flk.model.effects import INBOX, Effect, GetBeginning, GetObject, ListObjects, Segments
from flk.model.entries.entry import Claim, Entry
from flk.model.entries.snapshot import heads_of
from flk.model.log.frames import sealed_frames, segment_name
from flk.model.log.hlc import LAST, Timestamp
from flk.model.memory.parts import Disk
from flk.model.programs import evidence
from flk.model.programs import snapshot as snapshots
from flk.model.programs.evidence import Evidence, Search, Standing
from flk.model.programs.examine import claims_of
from flk.model.programs.ship import PREFIX, ship
from flk.model.programs.snapshot import snapshot


def searched(world: World, claims: Collection[Claim]) -> tuple[dict[Claim, Evidence], list[str], list[str]]:
    """What a search of `us` finds in the logs of `eu`, of which segments it reads the beginnings, and which objects as a whole."""
    seen: list[Effect[object]] = []
    found = world.run("us", watched(Search("us", ("us", "eu"), EXAMINE).of(claims), seen))
    assert isinstance(found, dict)
    beginnings = [effect.name for effect in seen if isinstance(effect, GetBeginning)]
    return found, beginnings, [effect.name for effect in seen if isinstance(effect, GetObject)]


def shipped(sizes: Collection[int]) -> tuple[World, list[Claim]]:
    """Segments of so many records each, and the claims of them all."""
    world, epoch = World("eu", "us"), 1
    for size in sizes:
        sent(world, *range(epoch, epoch + size))
        epoch += size
    contents = {n.removeprefix(PREFIX): c for n, c in world.objects.objects.items() if n.startswith(f"{PREFIX}eu.")}
    frames = [frame for name, content in contents.items() for frame in sealed_frames(name, content)]
    return world, list(claims_of(frames, "eu", EXAMINE))


def invented(claim: Claim) -> Claim:
    """A claim that no log has."""
    entry: Entry = claim.entry
    return Claim(claim.key, msgspec.structs.replace(entry, timestamp=Timestamp(entry.timestamp + 1)))


SIZES = st.lists(st.integers(1, 3), min_size=1, max_size=7)


@settings(deadline=None)
@given(SIZES, st.data())
def test_what_stands_in_a_log_is_found_if_all_of_it_may_be_read(sizes: list[int], data: st.DataObject) -> None:
    """Limits of as many beginnings and segments as there are suffice, whatever is asked for, and in whatever order."""
    world, claims = shipped(sizes)
    wanted = data.draw(st.permutations(claims))
    with pytest.MonkeyPatch.context() as patch:
        limits = msgspec.structs.replace(
            evidence.LIMITS, evidence_heads=len(sizes), evidence_segments=len(sizes), evidence_pieces=1
        )
        patch.setattr(evidence, "LIMITS", limits)
        found, beginnings, objects = searched(world, [*map(invented, wanted[:2]), *wanted])
    assert {found[claim].standing for claim in wanted} == {Standing.IN_FLIGHT}
    assert len({*beginnings}) == len(beginnings) <= len(sizes)
    assert len({*objects}) == len(objects) <= len(sizes)


def test_what_is_found_beside_another_is_not_looked_for_again() -> None:
    """Its segment was read for the one before it; the segment behind that one is not read."""
    world, claims = shipped([1, 2, 1])
    found, _, objects = searched(world, claims[1:3])
    assert {found[claim].standing for claim in claims[1:3]} == {Standing.IN_FLIGHT}
    assert objects == [f"{PREFIX}eu.000001/{number:012d}" for number in (1, 2)]


@settings(deadline=None)
@given(SIZES, st.integers(0, 4), st.integers(0, 4), st.data())
def test_no_more_is_read_than_allowed(sizes: list[int], heads: int, segments: int, data: st.DataObject) -> None:
    """What is not found then was not read: nothing is said to stand nowhere."""
    world, claims = shipped(sizes)
    wanted = data.draw(st.lists(st.sampled_from(claims), min_size=1, unique=True))
    with pytest.MonkeyPatch.context() as patch:
        limits = msgspec.structs.replace(evidence.LIMITS, evidence_heads=heads, evidence_segments=segments)
        patch.setattr(evidence, "LIMITS", limits)
        found, beginnings, objects = searched(world, wanted)
    assert len(beginnings) <= heads
    assert len(objects) <= segments
    assert {found[claim].standing for claim in wanted} <= {Standing.IN_FLIGHT, Standing.NOT_READ}


def test_a_damaged_segment_is_read_once_and_nothing_behind_it() -> None:
    """However many claims are looked for in it: what can be read elsewhere is limited, and it is not one that was salvaged."""
    world, claims = shipped([2, 1, 1, 1])
    names = sorted(name for name in world.objects.objects if name.startswith(f"{PREFIX}eu."))
    world.objects.objects[names[0]] = world.objects.objects[names[0]][:-1]
    found, _, objects = searched(world, claims[:2])
    assert [name for name in objects if name.startswith(PREFIX)] == [names[0], names[1]]
    assert {found[claim].standing for claim in claims[:2]} == {Standing.NOWHERE}


def test_a_segment_under_the_name_of_another_does_not_say_when_that_begins() -> None:
    """It may be of any time, so nothing can be told from it."""
    world, _ = shipped([1, 1])
    first, second = sorted(n.removeprefix(PREFIX) for n in world.objects.objects if n.startswith(f"{PREFIX}eu."))
    assert world.run("us", evidence.begun(first)) < world.run("us", evidence.begun(second)) < LAST
    world.objects.objects[PREFIX + second] = world.objects.objects[PREFIX + first]
    assert world.run("us", evidence.begun(second)) == LAST


def test_what_a_node_has_not_shipped_yet_is_known_to_be_its_own() -> None:
    """An entry of its own that waits in its log is not shipped; one that it never logged stands nowhere (DIV-3)."""
    world = World("eu", "us")
    sent(world, 1, region="us")
    (there,) = world.entries["us"].entries
    assert world.ingest("us", submission(pcs(epoch=2))).status == 200
    claims = {key == there: Claim(key, entry) for key, entry in world.entries["us"].entries.items()}
    found, _, _ = searched(world, [*claims.values(), invented(claims[False])])
    assert [found[each].standing for each in (claims[True], claims[False], invented(claims[False]))] == [
        Standing.APPLIED,
        Standing.NOT_SHIPPED,
        Standing.NOWHERE,
    ]


def test_what_was_shipped_is_no_longer_on_the_own_disk_alone() -> None:
    """Only what was logged since is; nothing that another region logged; and on another, older disk all that it has."""
    world = World("eu")
    world.disks["eu"] = Disk("eu", 7)
    world.nodes["eu"] = world._start("eu")
    for epoch in (1, 2):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
    for epoch in (3, 4):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", sealed())
    stamps = sorted(entry.timestamp for entry in world.entries["eu"].entries.values())
    assert world.run("eu", evidence.unshipped("eu")) == {*stamps[2:]}
    assert world.run("eu", evidence.unshipped("us")) == frozenset()
    world.disks["eu"] = Disk("eu", 2)
    world.nodes["eu"] = world._start("eu")
    world.ingest("eu", submission(pcs(epoch=5)))
    assert world.run("eu", evidence.unshipped("eu")) == {max(e.timestamp for e in world.entries["eu"].entries.values())}


def test_how_far_a_log_was_applied_is_known_of_each_log() -> None:
    """The own log by recovery; of another region's logs the newest by the region's name, each older one by its own."""
    world = World("us")
    world.entries["us"].marks |= {
        "applied": "us.000001/0000000000000004",
        "replayed/eu": "eu.000002/0000000000000005",
        "replayed/eu.000001": "eu.000001/0000000000000003",
    }
    reached = {
        log: world.run("us", evidence.reach(log, "us.000001"))
        for log in ("us.000001", "eu.000001", "eu.000002", "eu.000003")
    }
    assert reached == {
        "us.000001": "us.000001/0000000000000004",
        "eu.000001": "eu.000001/0000000000000003",
        "eu.000002": "eu.000002/0000000000000005",
        "eu.000003": "",
    }


def test_no_snapshot_is_read_while_the_log_is_whole() -> None:
    """A claim that no segment has stands nowhere, whatever a snapshot says; though the log of another region lost its beginning."""
    world, claims = shipped([2, 2])
    world.ingest("us", submission(pcs(epoch=1, shard_id="shard-1")))
    world.run("us", ship())
    world.replay("eu", "us")
    world.run("eu", snapshot("eu", ("us",)))
    del world.objects.objects[f"{PREFIX}us.000001/000000000001"]
    found, _, objects = searched(world, [invented(claims[0])])
    assert [each.standing for each in found.values()] == [Standing.NOWHERE]
    read = [name for name in objects if not name.startswith(PREFIX)]
    assert len(read) == 1, "the head alone, which says from where on the log must be there"


def test_every_log_of_a_region_is_looked_through_and_nothing_else() -> None:
    """A claim stands in the second log of its region. What only begins like a log's name is not read."""
    world, _ = shipped([1])
    world.lose_disk("eu")
    sent(world, 2)
    stamp = max(entry.timestamp for entry in world.entries["eu"].entries.values())
    (claim,) = (Claim(key, entry) for key, entry in world.entries["eu"].entries.items() if entry.timestamp == stamp)
    strange = [f"{PREFIX}eu.000002/notes", f"{PREFIX}eu.west.000001/000000000001"]
    for name in strange:
        world.objects.put(name, b"")
    found, beginnings, objects = searched(world, [claim, invented(claim)])
    assert found[claim].name == "eu.000002/000000000001"
    assert not {*beginnings, *objects}.intersection(strange)


def test_of_a_region_whose_log_is_not_read_nothing_is() -> None:
    """Neither a log nor a snapshot: an entry that names it stands nowhere, and why is told (DIV-3)."""
    world, (claim,) = shipped([1])
    world.run("eu", snapshot("eu"))
    foreign = Claim(claim.key, msgspec.structs.replace(claim.entry, region="xx"))
    found, beginnings, objects = searched(world, [foreign])
    assert found[foreign].standing is Standing.NOWHERE
    assert found[foreign].because == "it names the region 'xx', whose log this node does not read"
    assert not beginnings
    assert not objects
    absent = invented(claim)
    found, _, _ = searched(world, [absent])
    assert found[absent].because == "no shipped segment of eu has it, nor a snapshot of any region"


def test_the_own_disk_is_read_only_for_what_nothing_shipped_has() -> None:
    """Not for other regions' entries; and what a segment has is not told to be on the disk alone, whatever the watermark says."""
    world, (theirs,) = shipped([1])
    world.ingest("us", submission(pcs(epoch=1, shard_id="shard-1")))
    world.run("us", ship())
    (key,) = world.entries["us"].entries.keys() - {theirs.key}
    own = Claim(key, world.entries["us"].entries[key])
    world.ingest("us", submission(pcs(epoch=2, shard_id="shard-1")))
    (key,) = world.entries["us"].entries.keys() - {theirs.key, own.key}
    fresh = Claim(key, world.entries["us"].entries[key])
    world.entries["us"].marks["shipped"] = ""
    for wanted, standings, looked in (
        ([own], [Standing.APPLIED], False),
        ([invented(theirs)], [Standing.NOWHERE], False),
        ([own, fresh], [Standing.APPLIED, Standing.NOT_SHIPPED], True),
    ):
        seen: list[Effect[object]] = []
        found = world.run("us", watched(Search("us", ("us", "eu"), EXAMINE).of(wanted), seen))
        assert isinstance(found, dict)
        assert [found[claim].standing for claim in wanted] == standings
        assert any(isinstance(effect, Segments) for effect in seen) is looked


def test_regions_are_searched_in_the_order_of_their_names_and_a_regions_own_snapshots_first() -> None:
    """So that limits cut off the same on every node."""
    world, (claim,) = shipped([1])
    world.replay("us", "eu")
    world.ingest("us", submission(pcs(epoch=1, shard_id="shard-1")))
    world.run("us", ship())
    world.run("eu", snapshot("eu"))
    world.run("us", snapshot("us", ("eu",)))
    for name in [name for name in world.objects.objects if name.startswith(f"{PREFIX}eu.")]:
        del world.objects.objects[name]
    names = [f"r{number}" for number in range(9)]
    wanted = [claim, *(Claim(claim.key, msgspec.structs.replace(claim.entry, region=name)) for name in names)]
    seen: list[Effect[object]] = []
    found = world.run("us", watched(Search("us", ("us", "eu", *names), EXAMINE).of(wanted), seen))
    assert isinstance(found, dict)
    assert found[claim].name.startswith(heads_of("eu"))
    listed = [effect.prefix for effect in seen if isinstance(effect, ListObjects) and effect.prefix.startswith(PREFIX)]
    assert listed == [f"{PREFIX}{name}." for name in ("eu", *names)]


@pytest.mark.parametrize("left", [0, 1])
def test_a_snapshot_stands_for_what_was_removed_if_all_of_that_was_applied(left: int) -> None:
    """All segments are gone but for the last `left`. Who had read all knows that its store lost what the snapshot has; who had not
    read what is gone last, that it is on its way (DIV-3).
    """
    world, claims = shipped([1, 1, 1, 1])
    world.run("eu", snapshot("eu"))
    names = sorted(name for name in world.objects.objects if name.startswith(f"{PREFIX}eu."))
    gone = {name: world.objects.objects.pop(name) for name in names[: len(names) - left]}
    for read, standing in ((len(gone) - 1, Standing.IN_FLIGHT), (len(gone), Standing.APPLIED)):
        world.entries["us"].marks["replayed/eu"] = names[read - 1].removeprefix(PREFIX)
        found, _, _ = searched(world, claims[:1])
        assert [each.standing for each in found.values()] == [standing]
    found, _, _ = searched(world, [claims[0], claims[-1]])
    assert found[claims[0]].name.startswith(heads_of("eu"))
    assert found[claims[-1]].name.startswith(heads_of("eu") if not left else "eu.000001/")


@pytest.mark.parametrize(
    ("first", "second", "standing"), [(1, 1, Standing.APPLIED), (1, 0, Standing.IN_FLIGHT), (0, 1, Standing.IN_FLIGHT)]
)
def test_a_snapshot_stands_for_every_log_that_it_covers(first: int, second: int, standing: Standing) -> None:
    """Two logs of a region are gone: what its snapshot has was applied where both had been read to their end, and else it is on its
    way (DIV-3).
    """
    world, (claim,) = shipped([1])
    world.lose_disk("eu")
    world.replay("eu", "eu")
    sent(world, 2)
    world.replay("us", "eu")
    world.run("eu", snapshot("eu", ("eu",)))
    for name in [name for name in world.objects.objects if name.startswith(f"{PREFIX}eu.")]:
        del world.objects.objects[name]
    marks = world.entries["us"].marks
    marks["replayed/eu.000001"] = segment_name("eu.000001", 1) if first else ""
    marks["replayed/eu"] = segment_name("eu.000002", 1) if second else ""
    found, _, _ = searched(world, [claim])
    assert found[claim].name.startswith(heads_of("eu"))
    assert found[claim].standing is standing


def test_the_latest_snapshot_is_read_first() -> None:
    """What is in two of them is found in that one."""
    world, claims = shipped([1, 1])
    world.run("eu", snapshot("eu"))
    sent(world, 3)
    later = world.run("eu", snapshot("eu")).name
    for name in [name for name in world.objects.objects if name.startswith(f"{PREFIX}eu.")]:
        del world.objects.objects[name]
    found, _, _ = searched(world, claims[:1])
    assert found[claims[0]].name == later


@pytest.mark.parametrize("pieces", range(6))
def test_no_more_pieces_of_a_snapshot_are_read_than_allowed(pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each counts once, as long as there is something to look for: of four pieces as many as may be."""
    monkeypatch.setattr(snapshots, "LIMITS", msgspec.structs.replace(snapshots.LIMITS, read_entries=1, piece_entries=1))
    world, claims = shipped([1, 1, 1, 1])
    world.run("eu", snapshot("eu"))
    for name in [name for name in world.objects.objects if name.startswith(f"{PREFIX}eu.")]:
        del world.objects.objects[name]
    monkeypatch.setattr(evidence, "LIMITS", msgspec.structs.replace(evidence.LIMITS, evidence_pieces=pieces))
    found, _, objects = searched(world, [invented(claims[0])])
    assert sum("/pieces/" in name for name in objects) == min(pieces, 4)
    (told,) = found.values()
    assert told.standing is (Standing.NOWHERE if pieces > 4 else Standing.NOT_READ)
    assert ("no more is read" in told.because) is (pieces <= 4)


def in_four_pieces(monkeypatch: pytest.MonkeyPatch) -> tuple[World, list[Claim], list[str]]:
    """A snapshot of four claims, each in a piece of its own, of a log that is gone; the pieces in their order."""
    monkeypatch.setattr(snapshots, "LIMITS", msgspec.structs.replace(snapshots.LIMITS, read_entries=1, piece_entries=1))
    world, claims = shipped([1, 1, 1, 1])
    world.run("eu", snapshot("eu"))
    for name in [name for name in world.objects.objects if name.startswith(f"{PREFIX}eu.")]:
        del world.objects.objects[name]
    return world, claims, sorted(name for name in world.objects.objects if "/pieces/" in name)


def test_a_snapshot_is_read_until_all_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece, as far as the last that has what is looked for."""
    world, claims, pieces = in_four_pieces(monkeypatch)
    lengths = []
    for wanted in (*([claim] for claim in claims), claims):
        found, _, objects = searched(world, wanted)
        assert Standing.NOWHERE not in {found[claim].standing for claim in wanted}
        read = [name for name in objects if "/pieces/" in name]
        assert read == pieces[: len(read)]
        lengths.append(len(read))
    assert sorted(lengths) == [1, 2, 3, 4, 4]


def test_a_damaged_piece_hides_its_own_claims_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the others is found all the same."""
    world, claims, pieces = in_four_pieces(monkeypatch)
    world.objects.objects[pieces[0]] = b"damaged"
    found, _, _ = searched(world, claims)
    assert [found[claim].standing for claim in claims].count(Standing.NOWHERE) == 1


def test_the_latest_head_is_the_last_that_can_be_read() -> None:
    """One that is damaged is passed over; where none can be read, there is none."""
    world, _ = shipped([1])
    first = world.run("eu", snapshot("eu")).name
    sent(world, 2)
    second = world.run("eu", snapshot("eu")).name
    for latest in (second, first):
        told = world.run("us", evidence.latest_head("eu"))
        assert told is not None
        assert told[0] == latest
        assert told[1].region == "eu"
        world.objects.objects[latest] = b"damaged"
    assert world.run("us", evidence.latest_head("eu")) is None


def test_a_salvaged_frame_is_found_many_segments_later() -> None:
    """The first of four segments rotted before any was shipped: what is left of it stands behind the last (DIV-3, WAL-4)."""
    world = World("eu", "us")
    for epoch in (1, 2, 3, 4, 5):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        if epoch > 1:
            world.run("eu", sealed())
    disk = world.disks["eu"]
    disk.segments[disk.names(INBOX)[0]][-1 - len(disk.segments[disk.names(INBOX)[0]]) // 3] ^= 1
    world.nodes["eu"] = world._start("eu")
    world.recover("eu")
    world.run("eu", ship())
    claims = [Claim(key, entry) for key, entry in world.entries["eu"].entries.items()]
    first = min(claims, key=lambda claim: claim.entry.timestamp)
    for wanted in ([first], [invented(first), first]):  # the empty segment is remembered as such
        found, _, _ = searched(world, wanted)
        assert found[first].name.endswith("000005")


def test_what_stands_twice_in_a_log_was_applied_with_the_first() -> None:
    """A segment was damaged after it was shipped, and its frames were appended again: the second is not read yet (WAL-4)."""
    world = World("eu", "us")
    world.ingest("eu", submission(pcs(epoch=1)))
    world.run("eu", ship())
    world.replay("us", "eu")
    first = segment_name("eu.000001", 1)
    frames = sealed_frames(first, world.objects.objects[PREFIX + first])
    world.disks["eu"].salvage(INBOX, first, frames, world.nodes["eu"].clock)
    world.ingest("eu", submission(pcs(epoch=2)))
    world.run("eu", ship())
    again, fresh = sorted(
        (Claim(key, entry) for key, entry in world.entries["eu"].entries.items()),
        key=lambda claim: claim.entry.timestamp,
    )
    second = segment_name("eu.000001", 2)
    assert len(sealed_frames(second, world.objects.objects[PREFIX + second])) == 2
    found, _, _ = searched(world, [again, fresh])
    assert found == {again: Evidence(Standing.APPLIED, first), fresh: Evidence(Standing.IN_FLIGHT, second)}


def test_behind_the_segment_that_has_a_salvaged_frame_nothing_is_read() -> None:
    """Segments are looked through until the claim is found, not to the end of the log (DIV-3)."""
    world = World("eu", "us")
    for epoch in (1, 2, 3):
        world.ingest("eu", submission(pcs(epoch=epoch)))
    disk = world.disks["eu"]
    disk.segments[disk.names(INBOX)[0]][-1 - len(disk.segments[disk.names(INBOX)[0]]) // 3] ^= 1
    world.nodes["eu"] = world._start("eu")
    world.recover("eu")
    first = min(world.entries["eu"].entries.items(), key=lambda row: row[1].timestamp)
    for epoch in (4, 5, 6):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", sealed())
    world.run("eu", ship())
    found, _, objects = searched(world, [Claim(*first)])
    (standing,) = found.values()
    assert PREFIX + standing.name == max(objects)
    assert max(objects) < max(world.objects.objects)
