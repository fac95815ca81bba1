"""The replicator: ships the node's log, puts back what is gone, replays the logs of its peers, writes snapshots, and removes what
they cover, pass after pass (CRR-*, SNAP-*, RET-*).

The rules are those of the simulator: a pass begins once every interval, only while the store is level with the log, and never while
the last pass runs. A pass that is refused, or that meets a gap or a corrupt segment, is counted and logged, and the next one
continues at the watermarks. Submissions are not affected.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import structlog

from flk.impl.server.passes import Passes, ReclaimPasses, ReplayPasses, RestorePasses, ShippingPasses, SnapshotPasses
from flk.impl.server.retaining import RetentionPasses
from flk.impl.server.runtime import Runtime
from flk.impl.storage.segment_file import LogFailed
from flk.impl.telemetry.telling import PassSpan, Untold
from flk.model.log.frames import CorruptSegment
from flk.model.programs.examine import Examine
from flk.model.refusal import Refused
from flk.spec.constants import CONSTANTS

R = TypeVar("R")

log = structlog.get_logger()


class Every(NamedTuple):
    """Seconds from one pass to the next: of shipping, of replay of a peer, of checking what was shipped, of snapshots, and of
    removing what they cover.
    """

    ship: float = CONSTANTS.replication.ship_interval_seconds
    replay: float = CONSTANTS.replication.replay_interval_seconds
    check: float = CONSTANTS.replication.check_interval_seconds
    snapshot: float = CONSTANTS.snapshot.every_seconds
    retain: float = CONSTANTS.retention.every_seconds


class Replicator:
    """Ships the log of one node, replays the log of each peer and those of the region's earlier disks, and looks for what was
    shipped; and writes `snapshots`. A node that is `alone`, without an object store, only reads its log again, bit by bit. What
    snapshots cover, and is older than `period` in seconds, is removed (None: nothing is); in a region that is `audited`,
    once its log has it. `further` passes are made with the seconds from one to the next. `telling` is told of every pass.
    """

    def __init__(
        self,
        runtime: Runtime,
        examine: Examine,
        peers: Sequence[str],
        every: Every,
        *,
        alone: bool = False,
        snapshots: bool = True,
        period: float | None = None,
        audited: bool = False,
        further: Mapping[Passes[Any], float] | None = None,
        telling: Untold | None = None,
    ) -> None:
        node = runtime.node
        self._telling = telling or Untold()
        self._runtime = runtime
        share = min(1.0, every.check / CONSTANTS.replication.check_round_seconds)
        self._intervals: dict[Passes[Any], float] = {RestorePasses(node.disk.region, share, node.metrics): every.check}
        self._intervals |= further or {}
        self._shipping = None if alone else ShippingPasses(node.disk, node.metrics)
        if self._shipping is not None:
            self._intervals[self._shipping] = every.ship
            region = node.disk.region
            self._intervals |= {ReplayPasses(region, peer, examine, node.metrics): every.replay for peer in peers}
            if snapshots:
                turn = every.snapshot if node.store.shared else None
                self._intervals[SnapshotPasses(region, peers, node.metrics, turn)] = every.snapshot
            if node.disk.identity > 1:
                self._intervals[ReclaimPasses(region, region, examine, node.metrics)] = every.replay
            if period is not None:
                interval = min(every.retain, every.snapshot)
                passes = RetentionPasses(region, period, node.metrics, shared=node.store.shared, audited=audited)
                self._intervals[passes] = interval

    @property
    def passes(self) -> Collection[Passes[Any]]:
        """All that are made."""
        return self._intervals.keys()

    async def run(self) -> None:
        """Begin at once and go on until cancelled, while the runtime serves."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for passes, interval in self._intervals.items():
                    tasks.create_task(self._every(interval, passes))
        finally:
            for passes in self._intervals:
                passes.close()

    async def finish(self, seconds: float) -> None:
        """Seal and ship what there is, as far as that can be done in so many seconds."""
        if self._shipping is not None and not self._runtime.node.behind:
            if (breaker := self._runtime.node.breaker) is not None:
                breaker.try_again()  # there is no later
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._pass(self._shipping, time.monotonic())

    def behind(self) -> str:
        """What of replication waits, and why; empty if nothing does."""
        return "; ".join(filter(None, (passes.behind() for passes in self._intervals)))

    async def _every(self, interval: float, passes: Passes[Any]) -> None:
        if isinstance(passes, SnapshotPasses):  # a node that starts has enough to do, and has a snapshot of before
            await asyncio.sleep(interval)
        while True:
            began = time.monotonic()
            if passes.while_behind or not self._runtime.node.behind:
                await self._pass(passes, began)
            await asyncio.sleep(interval - (time.monotonic() - began) % interval)

    async def _run(self, passes: Passes[R], about: dict[str, str], told: PassSpan) -> R:
        """What a pass returns; what it did, to whatever end, is a line in the log."""
        began = time.monotonic()
        try:
            return await self._runtime.background.run(passes.program(), passes.seen)
        finally:
            if (done := passes.done()).segments:
                told.did(**done._asdict())
                log.info("replication.done", **about, **done._asdict(), seconds=round(time.monotonic() - began, 3))

    async def _pass(self, passes: Passes[Any], began: float) -> None:
        about = {"stage": passes.name, "source": passes.source}
        with self._telling.passing(**about) as told:
            if reason := await self._reason(passes, about, told, began):
                passes.failed(reason)
                told.failed(reason)

    async def _reason(self, passes: Passes[Any], about: dict[str, str], told: PassSpan, began: float) -> str:
        """Why a pass did not complete, which is logged; empty if it did."""
        try:
            result = await self._run(passes, about, told)
        except LogFailed:
            return ""  # the runtime ends with it, and says so
        except Refused as refusal:
            log.warning("replication.postponed", **about, reason=refusal.detail)
            return refusal.detail
        except CorruptSegment as error:
            log.error("replication.corrupt_segment", **about, reason=str(error))  # noqa: TRY400  (it names segment and offset)
            return str(error)
        except Exception as error:  # a defect in one pass must not end all that follow, nor the server
            log.exception("replication.failed", **about)
            return type(error).__name__
        passes.returned(result)
        if reason := passes.shortcoming(result):
            log.error("replication.incomplete", **about, reason=reason)
            return reason
        passes.passed(began=began)
        return ""
