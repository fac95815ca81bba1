"""The mover of a node with tiers: entries go down as they age, and expire; what waits for the cold tier is applied once that is
back, and its damaged objects are mended (TIR-*).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog

from flk.impl.server.daemon import in_daemon
from flk.impl.server.runtime import Runtime
from flk.impl.storage.cold_index import fingerprint
from flk.impl.storage.segment_file import LogFailed
from flk.impl.storage.tiers import Tiered
from flk.model.effects import Effect, Mark, Marked, Program
from flk.model.programs.examine import Examine
from flk.model.programs.mend import logged
from flk.model.programs.tiering import apply_deferred, move
from flk.model.refusal import OutOfReach, Refused, Unavailable
from flk.spec.constants import CONSTANTS
from flk.spec.constants import Mover as Pace

R = TypeVar("R")

COLD = "cold"
"""The mark of the cold tier that the store's entries are in."""

log = structlog.get_logger()


def _unseen(effect: Effect[object], result: object) -> None:
    """Nobody measures the effect: the store counts what it moves."""
    del effect, result


def remember(place: str) -> Program[None]:
    """Let the store know which cold tier has a part of its entries."""
    if (yield from Marked(COLD)) != place:
        yield from Mark(COLD, place)


class Mover:
    """Runs the programs of tiers in the background, each pass to its end before the next."""

    def __init__(
        self,
        runtime: Runtime,
        tiers: Tiered,
        examine: Examine,
        peers: Sequence[str],
        every: float = CONSTANTS.tiers.move_interval_seconds,
        pace: Pace = CONSTANTS.mover,
    ) -> None:
        self._runtime = runtime
        self._tiers = tiers
        self._examine = examine
        self._peers = tuple(peers)
        self._every = every
        self._pace = pace
        self._tried: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Go on until cancelled, while the runtime serves."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again_and_again(self._pace.probe_seconds, self.settle))
            tasks.create_task(self._again_and_again(self._every, self.move))

    async def move(self) -> None:
        """One pass over all tiers."""
        if self._runtime.node.behind:
            return
        moved = await self._background(move(), self._pace.pause_seconds)
        if moved.demoted or moved.expired:
            log.info("tiers.moved", **moved._asdict())

    async def settle(self) -> None:
        """Meet a cold tier that was away, mend what is damaged in it, and apply what waits for it."""
        cold = self._tiers.cold
        if was := cold.away:
            await in_daemon(cold.greet)
            log.info("cold.back", was=was)
        if self._runtime.node.behind:
            return
        await self._background(remember(cold.place))
        if damaged := frozenset(cold.damaged):
            await self._mend(damaged)
        await self._apply_deferred()

    async def _apply_deferred(self) -> None:
        """Key by key: an object that cannot be mended holds up no other."""
        settled = 0
        for key in self._tiers.deferred_keys():
            try:
                settled += await self._background(apply_deferred((key,)))
            except OutOfReach as refusal:
                if self._tiers.cold.away:
                    raise
                log.warning("cold.owed", tenant=key.tenant, pcs_id=key.pcs_id, reason=refusal.detail)
        if settled:
            log.info("cold.settled", claims=settled)

    async def _mend(self, damaged: frozenset[str]) -> None:
        """Look whether somebody put the objects back; if not, read the logs once for what was in them."""
        cold = self._tiers.cold
        left = frozenset([name for name in damaged if not await in_daemon(partial(cold.look_again, name))])
        if not left or left <= self._tried:
            return
        wanted = cold.wanted()
        program = logged(
            self._runtime.node.disk.region, self._peers, self._examine, lambda key: fingerprint(key) in wanted
        )
        claims = await self._background(program)
        for name in left:
            if await in_daemon(partial(cold.mend, name, claims)):
                log.warning("cold.mended", object=name)
            else:
                log.error("cold.not_mended", object=name, fix="put it back as it was, from a version or a copy")
        self._tried |= left

    async def _background(self, program: Program[R], pause: float = 0.0) -> R:
        return await self._runtime.background.run(program, _unseen, pause)

    async def _again_and_again(self, interval: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            began = time.monotonic()
            await self._once(work)
            await asyncio.sleep(interval - (time.monotonic() - began) % interval)

    async def _once(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except LogFailed:
            return  # the runtime ends with it, and says so
        except Unavailable as refusal:
            log.warning("cold.away" if self._tiers.cold.away else "tiers.postponed", reason=refusal.detail)
        except Refused as refusal:
            log.warning("tiers.postponed", reason=refusal.detail)
        except Exception:  # a defect in one pass must not end all that follow, nor the server
            log.exception("tiers.failed")
