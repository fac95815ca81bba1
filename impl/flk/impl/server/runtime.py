"""The real runtime: advances many programs in lockstep, so that one write serves all who wait for it.

A program runs on to its next `Append` or `Store` and waits there. A batch takes all that wait at Append and makes their frames
durable together (WAL-7), then lets each run on, in log order, to its Store; then claims for all of them in one call, in the same
order (DUP-6), and lets each run on to its reply. What arrives meanwhile is the next batch. Every other effect is performed at once.

Programs of a tenant whose quota is used up wait at `Foresee` until the others have their answers: to examine them as they come
would take the interpreter from the thread that writes the log, again and again, and with it everybody's time.

Between batches nothing is in flight in log or store: then segments are sealed (WAL-6), and a node behind its log catches up.

A batch runs in an exclusive section, which it shares with the programs of `flk.impl.server.background`.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

import structlog

from flk.impl.http.messages import Within
from flk.impl.server.background import Background
from flk.impl.server.exclusive import ExclusiveSection
from flk.impl.server.node import RealNode
from flk.impl.server.pressure import Gate
from flk.impl.server.trace import Run, Runs, Untraced
from flk.impl.storage.rows import Damaged
from flk.impl.storage.segment_file import LogFailed
from flk.model.effects import INBOX, Append, Each, Effect, Foresee, Program, Store
from flk.model.entries.entry import Entry
from flk.model.log.frames import CorruptSegment
from flk.model.log.hlc import Timestamp
from flk.model.log.manifest import Gap
from flk.model.programs.recover import Recovery
from flk.model.programs.repair import Incomplete
from flk.model.programs.rotate import rotate
from flk.model.refusal import OutOfReach, Refused, Unavailable, Untimely, unavailable
from flk.model.runtime import Perform, run
from flk.spec.constants import Pressure

R = TypeVar("R")

MAX_BATCH = 512  # programs in a batch: the loop sends no answer while it examines their frames
MAX_DOUBTFUL = 64  # programs beside them of tenants whose quota is used up: nobody else waits for more
CHORE_SECONDS = 1.0  # between two rounds of chores when no request comes

log = structlog.get_logger()


class _Waiting(Generic[R]):
    """A program, the effects at which it waits (several if it asks for `Each`), the functions to call when it ends, how many
    submissions it answers, and the span of its request, if that has one.
    """

    __slots__ = ("done", "effects", "failed", "program", "run", "several", "submissions", "within")

    def __init__(
        self,
        run: Run,
        program: Program[R],
        done: Callable[[R], None],
        failed: Callable[[Exception], None],
        within: Within | None,
        submissions: int,
    ) -> None:
        self.run = run
        self.program = program
        self.done = done
        self.failed = failed
        self.within = within
        self.submissions = submissions
        self.effects: Sequence[Effect[object]]
        self.several = False


class Runtime:
    """Runs programs on a node. `recover` makes the program that brings the store level with the log.

    With `in_thread` the log is synchronised in a thread, and the event loop stays live on a slow disk; without, in the loop, which
    saves the hand-over. With `pressure` the submissions in flight are limited by how many wait for the next batch (ORD-6).
    """

    def __init__(
        self,
        node: RealNode,
        recover: Callable[[], Program[Recovery]],
        *,
        in_thread: bool = True,
        trace: Untraced | None = None,
        pressure: Pressure | None = None,
    ) -> None:
        self.node = node
        self._recover = recover
        self._in_thread = in_thread
        self._trace = trace or Untraced()
        self.is_traced = type(self._trace) is not Untraced
        """Whether each effect of each program is recorded."""
        self._queues: dict[type[Effect[object]], deque[_Waiting[Any]]] = {
            Append: deque(),
            Store: deque(),
            Foresee: deque(),
        }
        self._groups: dict[type[Effect[object]], Callable[[Any], Awaitable[Sequence[Any]]]] = {
            Append: self._append,
            Store: self._claim,
            Foresee: self._foresee,
        }
        if pressure is not None:
            node.limit = Gate(pressure, lambda: self._to_log).admits
        self._to_log = 0  # submissions that wait for the next group commit
        self._runs = Runs()
        self._thread = ThreadPoolExecutor(1, "log")
        self._wake = asyncio.Event()
        self._section = ExclusiveSection()
        self.background = Background(
            node.perform,
            self._section,
            self._thread,
            self._runs,
            self._trace,
            lambda: node.store.begun,
            node.tiers.apart if node.tiers else lambda _: None,
        )
        self._stopping = False
        self._chores_due = True  # as of the last batch that logged anything, or the last tick
        self._gaps: set[str] = set()

    def perform(self, program: Program[R]) -> R:
        """Run one program to its end, alone. Not while `serve` runs. Raises what the program raises."""
        return self._run(program, self.node.perform)

    def _run(self, program: Program[R], perform: Perform) -> R:
        number = self._runs.begin(program)
        try:
            result = run(program, self._trace.around(perform, number))
        except Exception as error:
            self._trace.end(number, error)
            raise
        self._trace.end(number, result)
        return result

    def recover(self) -> Recovery:
        """Bring the store level with the log, alone (WAL-5); one that is damaged is begun anew (DUP-8).

        Raises Unavailable, Incomplete among them, or CorruptSegment: then the node stays behind, and says why.
        """
        try:
            if awaited := self.node.store.awaited():
                raise unavailable(awaited)  # and nothing is logged meanwhile that were to be replayed
            recovery = self._recovered()
        except (Unavailable, CorruptSegment) as failure:
            self.node.postponed = str(failure)
            self.node.progress.postpone(str(failure))
            if isinstance(failure, Incomplete):
                self._note_gaps(failure.gaps)
            raise
        self.node.postponed = ""
        self._note_gaps(recovery.gaps)
        self.node.metrics.recovered_frames.inc(recovery.frames)
        for refused in recovery.snapshot.refused:
            self.node.metrics.snapshot_errors("read").inc()
            log.error("snapshot.refused", reason=refused)
        damage = sum(len(repair.damage) + repair.doubtful for repair in recovery.repairs)
        self.node.metrics.wal_damage.inc(damage + len(recovery.forgotten) + recovery.spoilt)
        return recovery

    def _recovered(self) -> Recovery:
        """What recovery does. It may be the first to read what is damaged; then the store is begun anew, and it runs again."""
        if not self.node.store.damage:
            try:
                return self._run(self._recover(), self.node.progress.around(self.node.perform))
            except Damaged:
                if not self.node.store.damage:  # one that is shared is not begun anew
                    raise
        self.node.begin_store_anew()
        return self._run(self._recover(), self.node.progress.around(self.node.perform))

    def _note_gaps(self, gaps: Sequence[Gap]) -> None:
        """Count and log each gap of the log once (WAL-9)."""
        for gap in gaps:
            if gap.name not in self._gaps:
                self._gaps.add(gap.name)
                self.node.metrics.wal_damage.inc()
                log.error("log.gap", segment=gap.name, what=gap.what, restored=gap.restored)

    def begin(
        self,
        program: Program[R],
        done: Callable[[R], None],
        failed: Callable[[Exception], None],
        within: Within | None = None,
        submissions: int = 1,
    ) -> None:
        """Begin a program, which answers so many submissions. It takes part in the next batch, unless it ends before it has to
        wait.

        `done` is called with its result, `failed` with an exception that is no refusal. `within` is told of its steps.
        """
        waiting = _Waiting(self._runs.begin(program), program, done, failed, within, submissions)
        if self._advance(waiting, program.send, None):
            self.node.in_flight += submissions
            self._wake.set()

    def start(self, program: Program[R]) -> "asyncio.Future[R]":
        """Begin a program; the future of its result."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.begin(program, future.set_result, future.set_exception)
        return future

    async def serve(self) -> None:
        """Run batches until `stop`, and those already begun to their end. Raises LogFailed, after refusing all that wait."""
        tick = asyncio.create_task(self._tick())
        try:
            while not (self._stopping and not self._is_due()):
                if not self._is_due():
                    await self._wake.wait()
                self._wake.clear()
                if self._is_due():
                    async with self._section.entered():
                        await self._batch()
                        await self._rotate_if_full()
                if self._chores_due and not self._queues[Append]:
                    self._chores_due = False
                    async with self._section.entered():
                        await self._chores()
                # A batch that logs nothing waits for nothing, and others are to have their turn.
                if self._queues[Foresee]:
                    await asyncio.sleep(0)
        except LogFailed as failure:
            self.node.metrics.wal_errors.inc()
            self._refuse_all(failure)
            raise
        finally:
            tick.cancel()
            self._section.close()
            self._thread.shutdown()

    def stop(self) -> None:
        """Let `serve` return when all that has begun is answered. Programs in the background are cancelled by their callers."""
        self._stopping = True
        self._wake.set()

    def _is_due(self) -> bool:
        """Whether anything waits for a batch."""
        return bool(self._queues[Append] or self._queues[Foresee])

    async def _batch(self) -> None:
        for kind, perform in self._groups.items():
            queue = self._queues[kind]
            group = _first(queue, MAX_DOUBTFUL if kind is Foresee else MAX_BATCH)
            if group:
                if kind is Append:
                    self._chores_due = True
                    self._to_log -= sum(len(waiting.effects) for waiting in group)
                await self._step(group, perform)

    async def _step(self, group: Sequence[_Waiting[Any]], perform: Callable[[Any], Awaitable[Sequence[Any]]]) -> None:
        """Perform the effects at which a group waits, and let each program run on before the next does."""
        began = time.time_ns()
        try:
            results = await perform([effect for waiting in group for effect in waiting.effects])
        except Refused as refusal:
            self._refuse(group, refusal, began)
        except LogFailed as failure:
            self._refuse(group, unavailable(str(failure)), began)
            raise
        else:
            _tell(group, began)
            self._resume(group, results, began)

    def _resume(self, group: Sequence[_Waiting[Any]], results: Sequence[Any], began: int) -> None:
        left = iter(results)
        for waiting in group:
            if waiting.several:
                own = [*islice(left, len(waiting.effects))]
                for effect, result in zip(waiting.effects, own, strict=True) if self.is_traced else ():
                    self._trace.record(waiting.run, effect, began, result)
                self._run_on(waiting, waiting.program.send, own)
            else:
                result = next(left)
                self._trace.record(waiting.run, waiting.effects[0], began, result)
                step = waiting.program.throw if isinstance(result, Refused) else waiting.program.send
                self._run_on(waiting, step, result)

    def _refuse(self, group: Sequence[_Waiting[Any]], refusal: Refused, began: int) -> None:
        _tell(group, began)
        self._resume(group, [refusal] * sum(len(waiting.effects) for waiting in group), began)

    def _refuse_all(self, failure: LogFailed) -> None:
        self.node.behind = True  # until the process has ended: what the log holds is known at its next start
        self.node.postponed = str(failure)
        for queue in self._queues.values():
            self._refuse(tuple(queue), unavailable(str(failure)), time.time_ns())

    def _run_on(self, waiting: _Waiting[Any], step: Callable[[Any], Effect[object]], value: object) -> None:
        if not self._advance(waiting, step, value):
            self.node.in_flight -= waiting.submissions

    def _advance(self, waiting: _Waiting[Any], step: Callable[[Any], Effect[object]], value: object) -> bool:
        """Run a program on until it waits in a queue, or ends; whether it waits."""
        if waiting.within is None:
            return self._advance_alone(waiting, step, value)
        with waiting.within.current():
            return self._advance_alone(waiting, step, value)

    def _advance_alone(self, waiting: _Waiting[Any], step: Callable[[Any], Effect[object]], value: object) -> bool:
        try:
            effect = step(value)
            while (kind := type(effect)) not in self._queues and _kind(effect) not in self._queues:
                try:
                    result = self._trace.around(self.node.perform, waiting.run)(effect)
                except Refused as refusal:
                    effect = waiting.program.throw(refusal)
                else:
                    effect = waiting.program.send(result)
        except StopIteration as stop:
            self._trace.end(waiting.run, stop.value)
            waiting.done(stop.value)
            return False
        except Exception as error:  # noqa: BLE001  (what a program raises belongs to its caller)
            self._trace.end(waiting.run, error)
            waiting.failed(error)
            return False
        if isinstance(effect, Each):
            kind, waiting.several, waiting.effects = _kind(effect), True, effect.effects
        else:
            waiting.several, waiting.effects = False, (effect,)
        self._queues[kind].append(waiting)
        if kind is Append:
            self._to_log += len(waiting.effects)
        return True

    async def _append(self, effects: Sequence[Append]) -> list[Timestamp]:
        if self.node.store.shared:
            await self._follow_region()
        try:
            staged = self.node.stage(effects)
            if self._in_thread:
                await self._off_loop(staged.commit.write)
                staged.commit.note()
            else:
                staged.commit()
        except Untimely:  # nothing was written, and nothing of the log failed
            raise
        except Unavailable:
            self.node.metrics.wal_errors.inc()
            raise
        return self.node.committed(staged)

    async def _follow_region(self) -> None:
        began = time.time_ns()
        try:
            latest = await self._off_loop(self.node.follow_region)
        except Unavailable as refusal:
            self._trace.told_latest(began, refusal)
            raise
        self._trace.told_latest(began, latest)

    async def _claim(self, effects: Sequence[Store]) -> Sequence[Entry | OutOfReach]:
        if self.node.store.shared or self.node.tiers:
            return await self._off_loop(partial(self.node.claim, effects))
        return self.node.claim(effects)

    async def _foresee(self, effects: Sequence[Foresee]) -> list[Timestamp]:
        return [self.node.perform(effects[0])] * len(effects)

    async def _off_loop(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(CHORE_SECONDS)
            self._chores_due = True
            self._wake.set()

    async def _rotate_if_full(self) -> None:
        if self.node.disk.is_full(INBOX) and not self.node.behind:
            try:
                await self._off_loop(partial(self.perform, rotate()))
            except Unavailable as refusal:
                log.warning("rotation.postponed", reason=refusal.detail)

    async def _chores(self) -> None:
        self.node.disk.require_place()
        self.node.look_at_time()
        try:
            if self.node.behind or self.node.store.damage:
                recovery = await self._off_loop(self.recover)
                log.info("caught_up", frames=recovery.frames, claims=recovery.claims)
            if self.node.store.shared:
                await self._off_loop(
                    self.node.follow_region
                )  # so that readiness is true to life when no record comes (OBS-3)
            self.node.store.flush_behind()
            if self.node.looking.is_due:
                await self._off_loop(self.node.looking.look)
        except Unavailable as refusal:
            log.warning("store.unavailable", reason=refusal.detail)
        except CorruptSegment as error:
            log.error("recovery.corrupt_segment", reason=str(error))  # noqa: TRY400  (the message names segment and offset)


def _kind(effect: Effect[object]) -> type[Effect[object]]:
    """The class of an effect, or of each of several; `Each` of none has none, and waits for nothing."""
    return type(effect.effects[0]) if isinstance(effect, Each) and effect.effects else type(effect)


def _first(queue: deque[_Waiting[Any]], most: int) -> list[_Waiting[Any]]:
    """Those who wait longest, with at most so many effects together, unless the first alone has more."""
    group: list[_Waiting[Any]] = []
    while queue and (not group or len(queue[0].effects) <= most):
        group.append(queue.popleft())
        most -= len(group[-1].effects)
    return group


def _tell(group: Sequence[_Waiting[Any]], began: int) -> None:
    """Tell the requests that are followed how long the step took that was made for a group."""
    followed: Counter[Within] = Counter()
    for waiting in group:
        if waiting.within is not None:
            followed[waiting.within] += len(waiting.effects)
    for within, records in followed.items():
        kind, together = type(group[0].effects[0]).__name__, sum(len(waiting.effects) for waiting in group)
        within.timed(kind, began, time.time_ns(), records, together)
