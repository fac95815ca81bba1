"""A segment of a region's log that is gone, or is another, when the region starts again (WAL-9)."""

from flk.model.effects import INBOX
from flk.model.log.frames import Frame, data, scan
from flk.model.programs.examine import claims_of
from flk.sim.injection.bit_rot import elsewhere
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import LogLoss, RegionCrash
from flk.sim.world.events import Rotted, Rotten

ACCEPTED_AFTER = 5.0
"""Seconds after the restart in which the operator has looked for the segment, and accepts its loss."""
PAGE = 512
"""Bytes of a page of zeros: fewer than a file system's, as the segments of drills are small."""


def lose(fault: RegionCrash, region: Region) -> None:
    """Do to one segment that holds frames, any with the same probability, what the fault says; tell which claims are in no log and
    no object any more.
    """
    world, disk = region.world, region.disk
    before = {name: scan(bytes(disk.segments[name]), disk.salt(name)).frames for name in disk.names(INBOX)}
    names = [name for name, frames in before.items() if frames]
    if not names:
        return
    which, where, _ = RandomStream(world.seed, f"log/{fault.id}").triple("loss")
    place = int(which * len(names))
    name = names[place]
    _wound(fault.log, region, name, names[place - 1], where)
    world.trace.event(world.simulator.now, region.name, "log", f"{name} is {fault.log}")
    lost = set(before[name]) - elsewhere(region.name, disk, world.objects)
    if lost:
        rotten = [
            Rotten(claim, frame) for frame in sorted(lost) for claim in claims_of((frame,), region.name, world.examine)
        ]
        world.observer.on(Rotted(region.name, rotten))
    world.simulator.after(ACCEPTED_AFTER, disk.accepted.add, name)


def _wound(loss: LogLoss, region: Region, name: str, other: str, where: float) -> None:
    disk = region.disk
    segment, salt = disk.segments[name], disk.salt(name)
    if loss is LogLoss.MISSING or (loss is LogLoss.COPIED and other == name):
        disk.lose(name)
    elif loss is LogLoss.COPIED:
        segment[:] = disk.segments[other]
    elif loss is LogLoss.CUT:
        frames = scan(bytes(segment), salt).frames
        del segment[_starts(bytes(segment), frames, salt)[int(where * len(frames))] :]
    else:
        page = int(where * len(segment)) // PAGE * PAGE
        segment[page : page + PAGE] = bytes(len(segment[page : page + PAGE]))


def _starts(content: bytes, frames: tuple[Frame, ...], salt: bytes) -> list[int]:
    """Where frames begin."""
    return [content.index(data(frame, salt)) for frame in frames]
