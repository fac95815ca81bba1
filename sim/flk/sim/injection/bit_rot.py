"""Bits that rot on a region's disk, in segments that have not been shipped."""

from flk.model.effects import INBOX
from flk.model.log.frames import Frame, region_of, scan
from flk.model.memory.parts import Disk, Objects
from flk.model.programs.examine import claims_of
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import BitRot
from flk.sim.world.events import Rotted, Rotten


def decay(fault: BitRot, region: Region) -> None:
    """Let the fault's flips come, each in the middle of its share of the duration."""
    for flip in range(fault.flips):
        region.world.simulator.after(fault.duration * (flip + 0.5) / fault.flips, _flip, fault, flip, region)


def _flip(fault: BitRot, flip: int, region: Region) -> None:
    """Change one bit, any with the same probability, and tell which claims are in no log and no object any more."""
    world, disk = region.world, region.disk
    names = disk.names(INBOX, region.entries.marks.get(SHIPPED, ""))
    size = sum(len(disk.segments[name]) for name in names)
    if not size:
        return
    place, bit, _ = RandomStream(world.seed, f"rot/{fault.id}").triple(str(flip))
    offset = int(place * size)
    for name in names:
        segment = disk.segments[name]
        if offset < len(segment):
            before = scan(bytes(segment), disk.salt(name)).frames
            segment[offset] ^= 1 << int(bit * 8)
            world.trace.event(world.simulator.now, region.name, "rot", f"{name} at {offset}")
            lost = set(before) - set(scan(bytes(segment), disk.salt(name)).frames)
            if lost:
                lost -= elsewhere(region.name, disk, world.objects)
                rotten = [
                    Rotten(claim, frame)
                    for frame in sorted(lost)
                    for claim in claims_of((frame,), region.name, world.examine)
                ]
                world.observer.on(Rotted(region.name, rotten))
            return
        offset -= len(segment)


def elsewhere(region: str, disk: Disk, objects: Objects) -> set[Frame]:
    """The frames of a region's log that are on its disk or in the object store."""
    here = [scan(bytes(disk.segments[name]), disk.salt(name)) for name in disk.names(INBOX)]
    shipped = [content for name, content in objects.objects.items() if region_of(name.removeprefix(PREFIX)) == region]
    return {frame for found in (*here, *map(scan, shipped)) for frame in found.frames}
