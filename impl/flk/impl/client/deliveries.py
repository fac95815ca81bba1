"""Deliveries on an event loop, each by the model's program: what waits, and the rounds in which it is delivered."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from random import random
from types import TracebackType
from typing import Any, Self

from flk.impl.client.journal import Journal
from flk.impl.client.posting import Posting
from flk.impl.client.receipts import Receipt, Summary, Told
from flk.model.effects import Append, Draw, Effect, Post, Program, Sleep
from flk.model.flow.outbox import DeadLetter, Queued
from flk.model.flow.sending import MOST_RECORDS
from flk.model.flow.submission import Response, Submission
from flk.model.log.hlc import Timestamp
from flk.model.programs.outbox import Delivery, deliver, queue, send_again
from flk.model.runtime import run_async
from flk.spec.constants import Outbox as Policy

MOST_IN_FLIGHT = 4 * MOST_RECORDS  # deliveries of a round: while one batch is answered the next ones fill

Pause = Callable[[float, Submission], Awaitable[object]]
"""Waits so many seconds, before the next attempt of a submission."""


async def pause(seconds: float, _: Submission) -> None:
    """Wait by the clock of the event loop."""
    await asyncio.sleep(seconds)


class Deliveries:
    """What of an outbox waits and what is dead, and its deliveries."""

    def __init__(self, journal: Journal, posting: Posting, policy: Policy, sleep: Pause) -> None:
        outbox = journal.outbox
        self.waiting: dict[Timestamp, Queued] = {item.id: item for item in outbox.pending}
        self.under_way: set[Timestamp] = set()  # of those that wait
        self.dead: dict[Timestamp, DeadLetter] = {letter.id: letter for letter in outbox.dead}
        self._journal = journal
        self._posting = posting
        self._policy = policy
        self._sleep = sleep

    async def note(self, program: Program[Any]) -> Any:
        """Run a program that writes to the outbox and posts nothing."""
        return await run_async(program, self._append)

    async def queue(self, submissions: Iterable[Submission]) -> list[Queued]:
        """Make submissions durable, all by one synchronisation if the disk is free (OUT-1)."""
        items = await asyncio.gather(*(self.note(queue(submission)) for submission in submissions))
        self.waiting.update((item.id, item) for item in items)
        return items

    async def send_again(self, id_: Timestamp, submission: Submission) -> Queued:
        """Queue a submission in the stead of one that waits or is dead."""
        item: Queued = await self.note(send_again(id_, submission))
        self.waiting.pop(id_, None)
        self.dead.pop(id_, None)
        self.waiting[item.id] = item
        return item

    async def deliver(self, item: Queued, stopped: asyncio.Event | None = None) -> Receipt:
        """Deliver one that waits. Once `stopped` is set it is posted no more, and waits on.

        Whoever is cancelled while the log says that it is settled leaves it among those that wait, until the outbox is opened anew:
        then it may be delivered twice, which changes nothing.
        """
        answers: list[Response | None] = []
        delivery = Delivery.POSTPONED
        self.under_way.add(item.id)
        try:
            delivery = await run_async(
                deliver(item, self._policy),
                partial(self._perform, item.submission, answers, stopped or asyncio.Event()),
            )
        except _Stopped:
            pass
        finally:
            self.under_way.discard(item.id)
        if delivery is not Delivery.POSTPONED:
            self.waiting.pop(item.id, None)
        last = answers[-1] if answers else None
        if delivery is Delivery.DEAD and last is not None:
            self.dead[item.id] = DeadLetter(item.id, item.submission, last)
        return Receipt(item.id, item.submission, delivery, len(answers), last)

    async def _append(self, effect: Effect[Any]) -> Any:
        assert isinstance(effect, Append), "what is noted is written, and no more"
        return await self._journal.append(effect.payload)

    async def _perform(
        self, submission: Submission, answers: list[Response | None], stopped: asyncio.Event, effect: Effect[Any]
    ) -> Any:
        if isinstance(effect, Draw):
            return random()
        if isinstance(effect, Sleep):
            return await self._pause(effect.seconds, submission, stopped)
        if isinstance(effect, Post):
            if stopped.is_set():
                raise _Stopped
            answers.append(await self._posting.post(effect.submission))
            return answers[-1]
        return await self._append(effect)

    async def _pause(self, seconds: float, submission: Submission, stopped: asyncio.Event) -> None:
        pausing = asyncio.ensure_future(self._sleep(seconds, submission))
        end = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait((pausing, end), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pausing.cancel()
            end.cancel()


class Round:
    """Many deliveries, so many at a time, and their summary; leaving the block waits for all of them.

    When as many in a row as there are connections brought no answer that settles them, the service counts as out of reach: the rest
    is left waiting. An exception in the block ends the deliveries under way, which wait on.
    """

    def __init__(self, deliveries: Deliveries, connections: int, told: Told | None) -> None:
        self.summary = Summary()
        self._deliveries = deliveries
        self._told = told
        self._failures_left = self._connections = connections
        self._room = asyncio.Semaphore(MOST_IN_FLIGHT)
        self._stopped = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None

    async def hand(self, items: Iterable[Queued]) -> None:
        """Have these delivered, each as soon as there is room, but for those that somebody else is delivering. Raises what broke a
        delivery.
        """
        for item in items:
            if item.id in self._deliveries.under_way:
                continue
            self._deliveries.under_way.add(item.id)
            self.summary.queued += 1
            await self._begin(item)

    async def _begin(self, item: Queued) -> None:
        if not self._stopped.is_set():
            await self._room.acquire()
        if self._broken is not None:
            raise self._broken
        if self._stopped.is_set():
            self._deliveries.under_way.discard(item.id)
            return
        task = asyncio.create_task(self._deliver(item))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(lambda _: self._deliveries.under_way.discard(item.id))

    async def _deliver(self, item: Queued) -> None:
        try:
            receipt = await self._deliveries.deliver(item, self._stopped)
            self._count(receipt)
        except Exception as error:  # noqa: BLE001  # the block is told
            self._broken = self._broken or error
            self._stopped.set()
        finally:
            self._room.release()

    def _count(self, receipt: Receipt) -> None:
        self.summary.add(receipt)
        postponed = receipt.delivery is Delivery.POSTPONED
        self._failures_left = self._failures_left - 1 if postponed else self._connections
        if self._failures_left <= 0:
            self._stopped.set()
        if self._told is not None:
            self._told(receipt)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await asyncio.gather(*self._under_way)
        finally:
            under_way = tuple(self._under_way)
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        if error is None and self._broken is not None:
            raise self._broken


class _Stopped(Exception):
    """The round is over: what was being delivered waits on."""
