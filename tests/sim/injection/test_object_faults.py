"""Faults of single objects: lost, hidden, damaged, listed late, or of somebody else under a region's name."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sim.drills import BRISK, drill, records, rehearse, verdicts
from tests.support.sim.lines import followed

from flk.model.effects import INBOX, GetObject, ListObjects, Mark, Marked, Merge, Program, PutObject, Seal, Segments
from flk.model.log.frames import CorruptSegment, scan, sealed_frames
from flk.model.memory.parts import Objects
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.recover import mark_applied
from flk.model.programs.replay import PREFIX, REPLAYED, Replayed
from flk.model.programs.restore import Restored
from flk.model.programs.ship import SHIPPED, whole
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    Damage,
    Fault,
    ListingDelay,
    NameTaken,
    ObjectDamage,
    ObjectHiding,
    ObjectLoss,
    RegionCrash,
)
from flk.sim.scenarios.faults import Disk as Fate
from flk.sim.world.object_faults import ObjectFaults
from flk.spec.verdict import Verdict

ILL: dict[str, Any] = {"id": "ill", "region": "us", "start": Seconds(10), "duration": Seconds(30)}
FAULTS: dict[str, Fault] = {
    "lost": ObjectLoss(share=0.5, **ILL),
    "hidden": ObjectHiding(share=0.5, **ILL),
    "flipped": ObjectDamage(share=0.5, **ILL),
    "cut": ObjectDamage(share=0.5, damage=Damage.CUT, **ILL),
    "foreign": ObjectDamage(share=0.5, damage=Damage.FOREIGN, **ILL),
    "listed late": ListingDelay(by=8, **ILL),
    "name taken": NameTaken(names=2, **ILL),
}
CRASH = RegionCrash(id="fire", start=Seconds(25), duration=Seconds(5), region="us", disk=Fate.LOST)


def broken(run: Run) -> set[str]:
    """The invariants that a run violates."""
    return {row.invariant for row in run.results if row.verdict is Verdict.VIOLATED}


@given(st.permutations([*Damage]), st.binary(max_size=3), st.binary(max_size=3), st.integers(0, 99))
def test_damage_upon_damage_reads_as_something(order: list[Damage], content: bytes, other: bytes, seed: int) -> None:
    """Several faults may befall one object, the first of which leaves nothing of it."""
    faults = ObjectFaults(lambda: 0.0, seed)
    for number, damage in enumerate(order):
        faults.begin(ObjectDamage(share=1, damage=damage, **{**ILL, "id": str(number)}))
    assert len(faults.read("crr/us.000001/000000000001", content, lambda: other)) <= max(len(content), len(other))


@pytest.mark.parametrize("name", FAULTS)
def test_regions_wait_and_come_together(name: str) -> None:
    """Whatever befalls the objects of a region, its peers wait, say so, lose nothing, and agree when it is over."""
    run = rehearse(drill(FAULTS[name]))
    assert not verdicts(run)
    said = [at for mark in ("gap-waited", "pass-failed") for at, _ in run.marks[mark]]
    assert name == "listed late" or any(10 <= at < 45 for at in said)
    assert not [at for at in said if at >= 46]


@pytest.mark.parametrize("name", FAULTS)
def test_a_region_gets_back_what_its_lost_disk_had_shipped(name: str) -> None:
    """The disk burns while objects are ill: the region and its peers have all that was shipped in the end, the tail included."""
    run = rehearse(drill(FAULTS[name], CRASH))
    assert not verdicts(run)
    assert len(set(map(len, run.entries.values()))) == 1


def test_faults_of_objects_are_what_they_say() -> None:
    """The objects of the region that its share draws are lost, hidden or damaged as long as the fault holds, and no others."""
    names = [f"{PREFIX}{region}.000001/{number:012d}" for region in ("eu", "us") for number in range(1, 201)]
    for fault in (ObjectLoss(share=0.5, **ILL), ObjectHiding(share=0.5, **ILL), ObjectDamage(share=0.5, **ILL)):
        faults = ObjectFaults(lambda: 0.0, seed=1)
        for name in names:
            faults.created(name)
        assert all(faults.is_found(name) and faults.is_listed(name) for name in names)
        faults.begin(fault)
        ill = [n for n in names if not faults.is_found(n) or faults.read(n, b"content", lambda: b"other") != b"content"]
        assert all("us." in name for name in ill)
        assert 70 < len(ill) < 130
        assert (not isinstance(fault, ObjectLoss)) or all(faults.is_lost(name) for name in ill)
        faults.end(fault)
        assert all(faults.is_found(n) and faults.read(n, b"content", lambda: b"other") == b"content" for n in names)


def test_what_is_listed_late_is_found_by_its_name() -> None:
    """An object is listed when it is so old, and read before."""
    now = [0.0]
    faults = ObjectFaults(lambda: now[0], seed=1)
    faults.begin(ListingDelay(by=8, **ILL))
    faults.created(name := f"{PREFIX}us.000001/000000000001")
    assert faults.is_found(name)
    assert not faults.is_listed(name)
    now[0] = 7.9
    assert not faults.is_listed(name)
    now[0] = 8.0
    assert faults.is_listed(name)


CHECKING = msgspec.structs.replace(BRISK, check_interval=Seconds(5), check_round=Seconds(20))
FOR_GOOD: dict[str, Fault] = {
    "lost": ObjectLoss(share=0.5, for_good=True, **ILL),
    "flipped": ObjectDamage(share=0.5, for_good=True, **ILL),
    "cut": ObjectDamage(share=0.5, damage=Damage.CUT, for_good=True, **ILL),
    "foreign": ObjectDamage(share=0.5, damage=Damage.FOREIGN, for_good=True, **ILL),
}


@pytest.mark.parametrize("name", FOR_GOOD)
def test_a_region_puts_back_what_nobody_else_does(name: str) -> None:
    """Half of what a region shipped is lost or damaged for good: it is put back from the log, while the fault lasts, and the peers
    have it all. A node that never looks, or looks no further than the listing, is seen (CRR-10).
    """
    run = rehearse(drill(FOR_GOOD[name], policy=CHECKING))
    assert not verdicts(run)
    assert [at for at, _ in run.marks["object-put-back"] if 10 <= at <= 40]
    idle = rehearse(drill(FOR_GOOD[name], policy=CHECKING), programs=MODEL._replace(restore=never))
    assert Invariant.OBJECTS_WHOLE in broken(idle)
    if name != "lost":
        listing = rehearse(drill(FOR_GOOD[name], policy=CHECKING), programs=MODEL._replace(restore=by_the_listing))
        assert Invariant.OBJECTS_WHOLE in broken(listing)


def never(share: float) -> Program[Restored]:
    """Looks for nothing, and says that all is well."""
    yield from Segments(INBOX, after="", sealed=True)
    return Restored(int(share), ())


def by_the_listing(share: float) -> Program[Restored]:
    """Puts back what is not listed, and compares nothing."""
    listed = yield from ListObjects(PREFIX)
    for name in (yield from Segments(INBOX, after="", sealed=True)):
        if PREFIX + name not in listed and name <= (yield from Marked(SHIPPED)):
            yield from PutObject(PREFIX + name, (yield from whole(name)))
    return Restored(int(share), ())


def skipping(peer: str, examine: Examine) -> Program[Replayed]:
    """Goes on behind what is missing or damaged, without a word."""
    watermark = REPLAYED + peer
    for full in (yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + (yield from Marked(watermark)))):
        name = full.removeprefix(PREFIX)
        content = yield from GetObject(full)
        try:
            yield from Merge(claims_of(sealed_frames(name, content or b""), peer, examine))
        except CorruptSegment:
            continue
        yield from Mark(watermark, name)
    return Replayed((), 0, 0)


def trusting(peer: str, examine: Examine) -> Program[Replayed]:
    """Takes whatever frames an object has."""
    watermark = REPLAYED + peer
    for full in (yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + (yield from Marked(watermark)))):
        content = (yield from GetObject(full)) or b""
        yield from Merge(claims_of(scan(content).frames, peer, examine))
        yield from Mark(watermark, full.removeprefix(PREFIX))
    return Replayed((), 0, 0)


def silent(peer: str, examine: Examine) -> Program[Replayed]:
    """Waits, and does not say so."""
    try:
        found = yield from MODEL.replay(peer, examine)
    except CorruptSegment:
        return Replayed((), 0, 0)
    return Replayed(found.segments, found.claims, found.superseded)


def yielding(*, marks: bool) -> Any:
    """Takes any object for its own, or (without `marks`) stops before another's and says nothing."""

    def ship() -> Program[tuple[str, ...]]:
        yield from Seal(INBOX)
        yield from mark_applied()
        for name in (yield from Segments(INBOX, after=(yield from Marked(SHIPPED)), sealed=True)):
            if not (yield from PutObject(PREFIX + name, (yield from whole(name)))) and not marks:
                return ()
            yield from Mark(SHIPPED, name)
        return ()

    return ship


MISTAKES: dict[str, tuple[dict[str, Any], str, set[Invariant]]] = {
    "skips what is missing": ({"replay": skipping}, "lost", {Invariant.NO_GAP}),
    "skips what is damaged": ({"replay": skipping}, "cut", {Invariant.NO_GAP}),
    "takes what is damaged": ({"replay": trusting}, "cut", {Invariant.WATERMARK}),
    "takes what is foreign": ({"replay": trusting}, "foreign", {Invariant.VERIFIED, Invariant.WATERMARK}),
    "waits in silence": ({"replay": silent}, "hidden", {Invariant.REPORTED}),
    "leaves what is damaged in silence": ({"replay": silent}, "flipped", {Invariant.REPORTED}),
    "takes a foreign object for its own": ({"ship": yielding(marks=True)}, "name taken", {Invariant.WATERMARK}),
    "stops at a foreign object in silence": ({"ship": yielding(marks=False)}, "name taken", {Invariant.REPORTED}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str) -> None:
    """What the invariants forbid of missing, damaged and foreign objects is seen when a program does it."""
    programs, fault, invariants = MISTAKES[mistake]
    run = rehearse(drill(FAULTS[fault]), programs=MODEL._replace(**programs))
    assert invariants <= broken(run)


def test_an_object_store_that_overwrites_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is taken gets another content."""

    def put(self: Objects, name: str, content: bytes) -> bool:
        self.objects[name] = content
        return True

    monkeypatch.setattr(Objects, "put", put)
    assert Invariant.OBJECTS_KEPT in broken(rehearse(drill(FAULTS["name taken"])))


def test_a_lost_object_is_asked_for_again_and_again() -> None:
    """While the object is gone, passes end before it; nothing of that log is merged, whatever was shipped after it (CRR-5)."""
    run, lines = followed(drill(ObjectLoss(share=1.0, **ILL)), records(200))
    assert not verdicts(run)
    merged = [
        line for line in lines if line.effect == "Merge" and line.program.startswith("replay us") and 11 <= line.t < 39
    ]
    assert not merged
