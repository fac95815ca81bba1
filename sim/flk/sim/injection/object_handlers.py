"""How faults of single objects take hold: most by what the object store says, one by what somebody else puts there."""

from collections.abc import Mapping

from flk.model.effects import INBOX
from flk.model.log.frames import segment_name, sequence_of
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.sim.injection.injector import Handler, Handlers
from flk.sim.nodes.region import Place, Region
from flk.sim.scenarios.faults import ListingDelay, NameTaken, ObjectDamage, ObjectHiding, ObjectLoss
from flk.sim.world.object_faults import ViewFault
from flk.sim.world.watched import WatchedObjects


def object_handlers(regions: Mapping[str, Region], objects: WatchedObjects) -> Handlers:
    """How faults of single objects are applied."""
    taken: dict[str, dict[str, bytes]] = {}

    def take(fault: NameTaken) -> None:
        """Put the content of another object, or none at all, where the region would ship next."""
        content = next(iter(objects.objects.values()), b"")
        taken[fault.id] = {}
        for name in _next_names(regions[fault.region].first, fault.names):
            if objects.occupy(name, content):
                taken[fault.id][name] = content

    def free(fault: NameTaken) -> None:
        for name, content in taken.pop(fault.id).items():
            objects.vacate(name, content)

    def end(fault: ViewFault) -> None:
        if isinstance(fault, ObjectLoss | ObjectDamage) and fault.for_good:
            objects.leave(fault)
        objects.faults.end(fault)

    return {
        **dict.fromkeys((ObjectLoss, ObjectHiding, ObjectDamage, ListingDelay), Handler(objects.faults.begin, end)),
        NameTaken: Handler(take, free),
    }


def _next_names(place: Place, number: int) -> list[str]:
    """The names of the objects that a node will create next."""
    shipped = place.entries.marks.get(SHIPPED, "")
    log = place.disk.log(INBOX)
    last = sequence_of(shipped) if shipped.startswith(f"{log}/") else 0
    return [PREFIX + segment_name(log, last + place) for place in range(1, number + 1)]
