"""The replicator: ships the node's log and replays the logs of its peers, pass after pass (CRR-*).

The rules are those of the simulator: a pass begins once every interval, only while the store is level with the log, and never while
the last pass runs. A pass that is refused, or that meets a gap or a corrupt segment, is counted and logged, and the next one
continues at the watermarks. Submissions are not affected.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import structlog

from flk.impl.server.passes import Passes, ReclaimPasses, ReplayPasses, ShippingPasses
from flk.impl.server.runtime import Runtime
from flk.impl.storage.wal import LogFailed
from flk.model.log.frames import CorruptSegment
from flk.model.programs.examine import Examine
from flk.model.refusal import Refused

log = structlog.get_logger()


class Replicator:
    """Ships the log of one node every `ship_every` seconds, and replays the log of each peer, and those of the region's earlier
    disks, every `replay_every` seconds.
    """

    def __init__(
        self, runtime: Runtime, examine: Examine, peers: Iterable[str], *, ship_every: float, replay_every: float
    ) -> None:
        node = runtime.node
        self._runtime = runtime
        self._intervals: dict[Passes[Any], float] = {
            ShippingPasses(node.disk, node.metrics): ship_every,
            **{ReplayPasses(peer, examine, node.metrics): replay_every for peer in peers},
        }
        if node.disk.identity > 1:
            self._intervals[ReclaimPasses(node.disk.region, examine, node.metrics)] = replay_every

    async def run(self) -> None:
        """Begin at once and go on until cancelled, while the runtime serves."""
        async with asyncio.TaskGroup() as tasks:
            for passes, interval in self._intervals.items():
                tasks.create_task(self._every(interval, passes))

    async def _every(self, interval: float, passes: Passes[Any]) -> None:
        while True:
            began = time.monotonic()
            if not self._runtime.node.behind:
                await self._pass(passes, began)
            await asyncio.sleep(interval - (time.monotonic() - began) % interval)

    async def _pass(self, passes: Passes[Any], began: float) -> None:
        about = {"stage": passes.name, "source": passes.source}
        try:
            result = await self._runtime.background.run(passes.program(), passes.seen)
        except LogFailed:
            return  # the runtime ends with it, and says so
        except Refused as refusal:
            log.warning("replication.postponed", **about, reason=refusal.detail)
        except CorruptSegment as error:
            log.error("replication.corrupt_segment", **about, reason=str(error))  # noqa: TRY400  (it names segment and offset)
        except Exception:  # a defect in one pass must not end all that follow, nor the server
            log.exception("replication.failed", **about)
        else:
            gap = passes.gap(result)
            if not gap:
                passes.passed(began=began)
                return
            log.error(
                "replication.gap", **about, reason=f"the segment before {gap} is missing; nothing after it is replayed"
            )
        passes.failed()
