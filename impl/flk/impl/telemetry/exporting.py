"""Exporting, in a thread with an event loop of its own: whatever a collector does, nobody else waits for it (OBS-10)."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import random
from threading import Thread
from typing import Any

import httpx
import structlog

from flk.impl.telemetry.collector import AGAIN, Collector
from flk.impl.telemetry.waiting import Waiting
from flk.model.flow.submission import Response
from flk.model.programs.outbox import pause
from flk.spec.constants import CONSTANTS, Otlp, Outbox

log = structlog.get_logger()


class Exporter:
    """Exports what waits, some at a time, until it is closed."""

    def __init__(self, collector: Collector, waiting: Sequence[Waiting[Any]], bounds: Otlp = CONSTANTS.otlp) -> None:
        self._collector = collector
        self._waiting = waiting
        self._bounds = bounds
        self._policy = Outbox(
            bounds.max_attempts, bounds.base_delay_seconds, bounds.max_delay_seconds, bounds.timeout_seconds
        )
        self._trouble: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = Thread(target=self._in_thread, name="otlp", daemon=True)
        self._thread.start()

    async def close(self, say: Callable[[str], None]) -> None:
        """Export what waits, as far as that can be done in the seconds for it, and tell how much could not be."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        await asyncio.to_thread(self._thread.join)
        if left := sum(map(len, self._waiting)):
            say(f"{left} spans and log lines were not exported: {'; '.join(filter(None, self._trouble.values()))}")

    def _in_thread(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        async with self._collector.client() as client:
            work = asyncio.gather(*(self._export(client, waiting) for waiting in self._waiting))
            await self._stopping.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bounds.stop_seconds):
                    await work

    async def _export(self, client: httpx.AsyncClient, waiting: Waiting[Any]) -> None:
        while not self._stopping.is_set():
            await self._rest(self._bounds.every_seconds)
            while batch := waiting.beginning(self._bounds.batch_items):
                if not await self._delivered(client, waiting, batch):
                    return
                waiting.settle(len(batch))

    async def _delivered(self, client: httpx.AsyncClient, waiting: Waiting[Any], batch: Sequence[Any]) -> bool:
        """Send a batch, again and again if need be; whether it is done with: taken, refused or lost, and counted as that."""
        try:
            content = waiting.encode(batch)
            for attempt in range(1, self._policy.max_attempts + 1):
                answer = await self._collector.post(client, waiting.signal, content)
                if isinstance(answer, Response) and answer.status not in AGAIN:
                    self._answered(waiting, len(batch), answer)
                    return True
                response, reason = (answer, f"{answer.status}") if isinstance(answer, Response) else (None, answer)
                self._note(waiting, reason)
                if self._stopping.is_set():
                    return False
                await self._rest(pause(attempt, random(), response, self._policy))
        except Exception as error:  # noqa: BLE001  (a defect must not end the export of what follows)
            self._note(waiting, type(error).__name__, exc_info=error)
        waiting.lost.inc(len(batch))
        return True

    def _answered(self, waiting: Waiting[Any], count: int, answer: Response) -> None:
        """Count what was taken. An answer that is none of a collector's took nothing."""
        found = waiting.rejected(answer.body) if answer.status == 200 else None
        rejected, reason = found or (
            count,
            f"{answer.status}, and no answer of a collector that takes {waiting.signal}",
        )
        rejected = min(max(rejected, 0), count)
        waiting.refused.inc(rejected)
        waiting.exported.inc(count - rejected)
        self._note(waiting, reason if rejected else "")

    def _note(self, waiting: Waiting[Any], trouble: str, **more: object) -> None:
        """Log what is wrong with the collector when that changes, and not each time."""
        if self._trouble.get(waiting.signal, "") == trouble:
            return
        self._trouble[waiting.signal] = trouble
        if trouble:
            log.warning("otlp.not_exported", signal=waiting.signal, reason=trouble, **more)
        else:
            log.info("otlp.exported_again", signal=waiting.signal)

    async def _rest(self, seconds: float) -> None:
        """Wait, but not when there is little time left."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
