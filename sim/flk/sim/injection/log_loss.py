"""A segment of a region's log that is gone, or is another, when the region starts again (WAL-9)."""

from collections.abc import Iterator

from flk.model.effects import INBOX
from flk.model.log.frames import Frame, data, scan
from flk.sim.injection.bit_rot import elsewhere, logged, on_disk, rotten_claims, shipped
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.nodes.region import Place
from flk.sim.scenarios.faults import Disk, LogLoss, RegionCrash, Stop
from flk.sim.world.events import Rotted, Rotten

ACCEPTED_AFTER = 5.0
"""Seconds after the restart in which the operator has looked for the segment, and accepts its loss."""
PAGE = 512
"""Bytes of a page of zeros: fewer than a file system's, as the segments of drills are small."""


def lose(fault: RegionCrash, place: Place) -> None:
    """Do to one segment that holds frames, any with the same probability, what the fault says; tell which claims are in no log and
    no object any more.
    """
    world, disk = place.world, place.disk
    before = {name: logged(disk, name) for name in disk.names(INBOX)}
    names = [name for name, frames in before.items() if frames]
    if not names:
        return
    which, where, _ = RandomStream(world.seed, place.purpose(f"log/{fault.id}")).triple("loss")
    index = int(which * len(names))
    name = names[index]
    _wound(fault.log, place, name, names[index - 1], where)
    world.trace.event(world.simulator.now, place.name, "log", f"{name} is {fault.log}")
    lost = set(before[name]) - elsewhere(disk, world.objects)
    if lost:
        world.observer.on(Rotted(place.name, rotten_claims(place, lost)))
    world.simulator.after(ACCEPTED_AFTER, disk.accepted.add, name)


def lost_with(fault: Stop, place: Place) -> Iterator[tuple[str, list[Rotten]]]:
    """What goes with the disk of a node whose region keeps its store: the store may have it, and nothing else has."""
    if fault.disk is Disk.LOST and fault.node is not None:
        lost = on_disk(place.disk) - shipped(place.disk, place.world.objects)
        if lost:
            yield place.name, rotten_claims(place, lost)


def _wound(loss: LogLoss, place: Place, name: str, other: str, where: float) -> None:
    disk = place.disk
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
