"""What a node does by itself, again and again: ship its log, and replay the logs of its peers (CRR-*).

The rules are those of the simulator's rounds: a pass begins once every interval, only while the node is level with its log, and
never while the last one runs. One that is refused, or that meets a gap or a corrupt segment, is counted and logged, and leaves its
work to the next: the watermarks say how far the work is done. Nobody who submits notices.
"""

import asyncio
import time
from collections.abc import Iterable

import structlog

from flk.impl.server.replication import Replaying, Shipping, Stage
from flk.impl.server.runtime import Runtime
from flk.impl.storage.wal import LogFailed
from flk.model.log.frames import CorruptSegment
from flk.model.programs.examine import Examine
from flk.model.refusal import Refused

log = structlog.get_logger()


class Rounds:
    """The rounds of one node that has an object store: of its own log every `ship_every` seconds, of its peers' every
    `replay_every`.
    """

    def __init__(
        self, runtime: Runtime, examine: Examine, peers: Iterable[str], *, ship_every: float, replay_every: float
    ) -> None:
        node = runtime.node
        self._runtime = runtime
        self._intervals: dict[Stage, float] = {
            Shipping(node.disk, node.metrics): ship_every,
            **{Replaying(peer, examine, node.metrics): replay_every for peer in peers},
        }

    async def run(self) -> None:
        """Go round until cancelled, beginning at once, while the runtime serves."""
        async with asyncio.TaskGroup() as tasks:
            for stage, interval in self._intervals.items():
                tasks.create_task(self._every(interval, stage))

    async def _every(self, interval: float, stage: Stage) -> None:
        while True:
            began = time.monotonic()
            if not self._runtime.node.behind:
                await self._pass(stage, began)
            await asyncio.sleep(interval - (time.monotonic() - began) % interval)

    async def _pass(self, stage: Stage, began: float) -> None:
        about = {"stage": stage.name, "source": stage.source}
        try:
            result = await self._runtime.aside.run(stage.program(), stage.seen)
        except LogFailed:
            return  # the runtime ends with it, and says so
        except Refused as refusal:
            log.warning("replication.postponed", **about, reason=refusal.detail)
        except CorruptSegment as error:
            log.error("replication.corrupt_segment", **about, reason=str(error))  # noqa: TRY400  (it names segment and offset)
        except Exception:  # a defect in one pass must not end all that follow, nor the server
            log.exception("replication.failed", **about)
        else:
            gap = stage.gap(result)
            if not gap:
                stage.passed(began=began)
                return
            log.error(
                "replication.gap", **about, reason=f"the segment before {gap} is missing; nothing after it is replayed"
            )
        stage.failed()
