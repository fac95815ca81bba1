"""How faults of audit logs take hold: another history is signed and shown to one region, or a service outside is silent."""

from collections.abc import Mapping

from flk.model.memory.parts import Objects
from flk.model.programs.checkpoint import CHECKPOINT
from flk.model.transparency.checkpoints import Checkpoint, read_checkpoint
from flk.model.transparency.edge import Edge, grown
from flk.model.transparency.leaves import begun
from flk.model.transparency.notes import signed
from flk.model.transparency.steps import prefix_of, read_step, step_name
from flk.sim.injection.injector import Handler, Handlers
from flk.sim.nodes.audit_logs import signer_of
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import LogFork, OutsideOutage
from flk.sim.world.watched import Fork, WatchedObjects


def audit_log_handlers(regions: Mapping[str, Region], objects: WatchedObjects) -> Handlers:
    """How faults of audit logs are applied."""

    def fork(fault: LogFork) -> None:
        objects.forks[fault.shown_to] = forked(fault, objects)

    def join(fault: LogFork) -> None:
        objects.forks.pop(fault.shown_to, None)

    def silence(fault: OutsideOutage, by: int) -> None:
        for region in regions.values():
            region.silent[fault.service] += by

    return {
        LogFork: Handler(fork, join),
        OutsideOutage: Handler(lambda fault: silence(fault, 1), lambda fault: silence(fault, -1)),
    }


def forked(fault: LogFork, objects: Objects) -> Fork:
    """Another history of a log: as it is published but for the last leaves, and one leaf more; signed with the log's own key."""
    prefix, signer = prefix_of(fault.region), signer_of(fault.region)
    published = objects.get(prefix + CHECKPOINT)
    size = 0 if published is None else read_checkpoint(published, signer.verifier).size
    leaves = _leaves(prefix, objects)[: max(0, size - fault.rewritten)]
    leaves += [begun(f"{fault.region}.false/{number:012d}") for number in range(size - len(leaves) + 1)]
    edge, full = grown(Edge(), leaves)
    shown = Objects()
    for tile, content in (*full, *edge.tiles()):
        shown.put(prefix + tile.name, content)
    text = Checkpoint(signer.name, edge.size, edge.root).text
    note = signed(text, [signer.sign(text)])
    shown.put(f"{prefix}signed/{edge.size:016d}", note)
    shown.put(prefix + CHECKPOINT, note)
    return Fork(prefix, shown)


def _leaves(prefix: str, objects: Objects) -> list[bytes]:
    found: list[bytes] = []
    number = 1
    while (content := objects.get(name := step_name(prefix, number))) is not None:
        found += read_step(name, content).leaves
        number += 1
    return found
