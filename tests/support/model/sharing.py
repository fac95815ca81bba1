"""A region of several nodes with one store, in memory, beside regions of one node: a `World` of nodes `eu/1`, `eu/2`, `us`."""

from tests.support.model.world import EXAMINE, World

from flk.model.flow.submission import Response, Submission
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries
from flk.model.programs.behind import read_on
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.replay import Replayed


def region_of(node: str) -> str:
    """The region that a node is of."""
    return node.partition("/")[0]


class SharingWorld(World):
    """Nodes of regions. Those of one region share its store; a node without a number is alone with its own."""

    def __init__(self, *nodes: str) -> None:
        self.stores: dict[str, Entries] = {}
        super().__init__(*nodes)
        self.numbers = {region_of(node): 0 for node in nodes}
        for node in nodes:
            self._take_number(node)

    def ingest(self, region: str, submission: Submission) -> Response:
        """One submission answered by a node."""
        return self.run(region, ingest(submission, region_of(region), EXAMINE))

    def start(self, node: str, *peers: str) -> Recovery:
        """A node starts, on what is there."""
        self.nodes[node] = self._start(node)
        region = region_of(node)
        return self.run(node, recover(region, EXAMINE, (region, *peers)))

    def read(self, node: str, peer: str) -> Replayed:
        """A pass over what a region has shipped."""
        return self.run(node, read_on(region_of(node), peer, EXAMINE, own=peer == region_of(node)))

    def log(self, node: str) -> str:
        """The log that a node writes."""
        return self.disks[node].log("inbox")

    def lose_disk(self, region: str) -> None:
        """The disk of a node is gone; it gets a new one, and the next number. Its store is gone only if it was alone."""
        if "/" not in region:
            self.stores[region] = Entries()
        self._take_number(region)

    def _take_number(self, node: str) -> None:
        region = region_of(node)
        self.numbers[region] += 1
        self.disks[node] = Disk(region, self.numbers[region])
        self.nodes[node] = self._start(node)

    def _start(self, region: str) -> MemoryNode:
        store = self.stores.setdefault(region_of(region), Entries())
        return MemoryNode(self.disks[region], store, self.objects, self._tick, shared="/" in region)

    def _new_store(self, region: str) -> Entries:
        return self.stores.setdefault(region_of(region), Entries())
