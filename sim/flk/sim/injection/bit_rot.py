"""Bits that rot on a region's disk, in segments that have not been shipped."""

from collections.abc import Iterable

from flk.model.effects import INBOX
from flk.model.log.frames import Frame, region_of, scan
from flk.model.memory.parts import Disk, Objects
from flk.model.programs.examine import claims_of
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.nodes.region import Place
from flk.sim.scenarios.faults import BitRot
from flk.sim.world.events import Rotted, Rotten


def decay(fault: BitRot, place: Place) -> None:
    """Let the fault's flips come, each in the middle of its share of the duration."""
    for flip in range(fault.flips):
        place.world.simulator.after(fault.duration * (flip + 0.5) / fault.flips, _flip, fault, flip, place)


def _flip(fault: BitRot, flip: int, place: Place) -> None:
    """Change one bit, any with the same probability, and tell which claims are in no log and no object any more."""
    world, disk = place.world, place.disk
    names = disk.names(INBOX, place.entries.marks.get(SHIPPED, ""))
    size = sum(len(disk.segments[name]) for name in names)
    if not size:
        return
    where, bit, _ = RandomStream(world.seed, place.purpose(f"rot/{fault.id}")).triple(str(flip))
    offset = int(where * size)
    for name in names:
        segment = disk.segments[name]
        if offset < len(segment):
            before = logged(disk, name)
            segment[offset] ^= 1 << int(bit * 8)
            world.trace.event(world.simulator.now, place.name, "rot", f"{name} at {offset}")
            lost = set(before) - set(logged(disk, name))
            if lost:
                lost -= elsewhere(disk, world.objects)
                world.observer.on(Rotted(place.name, rotten_claims(place, lost)))
            return
        offset -= len(segment)


def rotten_claims(place: Place, lost: Iterable[Frame]) -> list[Rotten]:
    """What frames that are lost claimed."""
    region, examine = place.region.name, place.world.examine
    return [Rotten(claim, frame) for frame in sorted(lost) for claim in claims_of((frame,), region, examine)]


def elsewhere(disk: Disk, objects: Objects) -> set[Frame]:
    """The frames of a node's log that are on its disk, or that its region has in the object store."""
    return on_disk(disk) | shipped(disk, objects)


def on_disk(disk: Disk) -> set[Frame]:
    """The frames of a node's log that are on its disk."""
    return {frame for name in disk.names(INBOX) for frame in logged(disk, name)}


def logged(disk: Disk, name: str) -> tuple[Frame, ...]:
    """The frames of a segment that can be read, as they were logged: what it states the manifest knows, too (POL-9), so a
    statement that rots loses no frame.
    """
    stated = disk.stated_in(name)
    frames = scan(bytes(disk.segments[name]), disk.salt(name)).frames
    return tuple(frame._replace(stated=stated) for frame in frames)


def shipped(disk: Disk, objects: Objects) -> set[Frame]:
    """The frames that the region of a disk has in the object store."""
    segments = [c for name, c in objects.objects.items() if region_of(name.removeprefix(PREFIX)) == disk.region]
    return {frame for content in segments for frame in scan(content).frames}
