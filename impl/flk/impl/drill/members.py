"""The nodes of one region that share a store, as one: asked in turn, killed one by one or all with the store's server."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path

from flk.impl.bench.store_servers import KINDS, StoreServer
from flk.impl.drill.nodes import STARTS, Node
from flk.impl.drill.plan import Wound


class Members:
    """So many nodes on a store in a server of its own, used as a `Node` is. `start` raises UnusableInput where the machine has no
    such server.

    A region that crashes loses its store's server, too; with its disks that server's data.
    """

    def __init__(
        self,
        region: str,
        home: Path,
        options: Sequence[str],
        environment: Mapping[str, str],
        nodes: int,
        store: str,
    ) -> None:
        self.region = region
        self._kind = store
        self._options = list(options)
        self._turns = count()
        self._stores = count(1)
        self._url = ""
        self._away = False
        self._background = ThreadPoolExecutor(1, f"store of {region}")
        self._server: Future[StoreServer] = self._background.submit(KINDS[store])
        self._nodes = [
            Node(region, home, options, environment, name=f"{region}-node{number}") for number in range(1, nodes + 1)
        ]

    @property
    def port(self) -> int:
        """That of a node that runs, in turn; 0 if none does."""
        running = [node.port for node in self._nodes if node.port and not node.is_down]
        return running[next(self._turns) % len(running)] if running else 0

    @property
    def traces(self) -> list[Path]:
        """Of every node and disk."""
        return [path for node in self._nodes for path in node.traces]

    @property
    def said(self) -> list[str]:
        """What the last processes printed."""
        return [line for node in self._nodes for line in node.said]

    @property
    def ended(self) -> int | None:
        """The exit code of a process that ended by itself; None if there is none."""
        return next((node.ended for node in self._nodes if node.ended is not None), None)

    @property
    def is_down(self) -> bool:
        """Whether a process of the region is down, that of its store's server included."""
        return self._away or any(node.is_down for node in self._nodes)

    def start(self, accept: Sequence[str] = ()) -> None:
        """Start the store's server, and every process that is down."""
        server = self._server.result()
        if self._away:
            server.start()
            self._away = False
        if not self._url:
            self._url = server.url(f"store{next(self._stores)}")
        for node in self._nodes:
            if node.is_down:
                node.options = [*self._options, "--store", self._url]
                node.start(accept)

    def await_ready(self, seconds: float = STARTS) -> None:
        """Return when every node takes records. Raises UnusableInput if one ends before, or takes too long."""
        for node in self._nodes:
            node.await_ready(seconds)

    def kill(self) -> None:
        """End every process at once, and the store's server."""
        for node in self._nodes:
            node.kill()
        self.lose_store()

    def kill_process(self) -> None:
        """End one process at once (SIGKILL), another each time."""
        self._nodes[next(self._turns) % len(self._nodes)].kill()

    def lose_store(self) -> None:
        """End the store's server at once; what it synchronised stays."""
        if not self._away:
            self._server.result().kill()
            self._away = True

    def lose_disk(self) -> None:
        """Remove what the nodes and the store's server have, which are down."""
        for node in self._nodes:
            node.lose_disk()
        self._server = self._background.submit(KINDS[self._kind])  # which takes seconds, of which the schedule has none
        self._url, self._away = "", False

    def wound(self, wound: Wound, which: float, where: float) -> str:
        """Do that to one segment of one node's log, while the region is down; its name, or nothing if there is none."""
        return next((name for node in self._nodes if (name := node.wound(wound, which, where))), "")

    def stall(self) -> None:
        """Stop the processes where they are."""
        for node in self._nodes:
            node.stall()

    def resume(self) -> None:
        """Let processes that were stopped go on."""
        for node in self._nodes:
            node.resume()

    def stop(self, seconds: float = STARTS) -> int:
        """End the processes in order; the worst of their exit codes."""
        return max((abs(node.stop(seconds)) for node in self._nodes), default=0)

    def close(self) -> None:
        """Leave no process and no open file behind, whatever happened."""
        for node in self._nodes:
            node.close()
        self.lose_store()
        self._background.shutdown()
