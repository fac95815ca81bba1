"""Starting and stopping a node: open its parts, recover, listen, and close them again in order."""

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvloop

from flk.impl.entry_files import readable_by_others
from flk.impl.http.listener import Listener
from flk.impl.server.admission import Admission
from flk.impl.server.auditing import writing
from flk.impl.server.breaker import CircuitBreaker
from flk.impl.server.comparing import comparing
from flk.impl.server.daemon import in_daemon
from flk.impl.server.feeding import feeding
from flk.impl.server.front import Front
from flk.impl.server.integrating import Place
from flk.impl.server.live_keys import LiveKeys
from flk.impl.server.mending import mending
from flk.impl.server.metrics import Metrics
from flk.impl.server.mover import Mover
from flk.impl.server.node import RealNode
from flk.impl.server.passes import Passes
from flk.impl.server.progress import Progress
from flk.impl.server.reload import Reload
from flk.impl.server.replicator import Every, Replicator
from flk.impl.server.runtime import Runtime
from flk.impl.server.settings import Fsync, Settings, require_locked, require_usable
from flk.impl.server.tenancy import Tenancy
from flk.impl.server.tiering import open_tiers, open_warm
from flk.impl.server.trace import Trace, Untraced
from flk.impl.storage.aging import AgingStore
from flk.impl.storage.directory import held, is_new, member_of, number_of, require_no_member
from flk.impl.storage.known_time import KnownTime, steady
from flk.impl.storage.objects import Objects
from flk.impl.storage.opening import open_region
from flk.impl.storage.segment_file import LogFailed, LogGone
from flk.impl.storage.sharded import ShardedStore
from flk.impl.storage.shared import SharedStore
from flk.impl.storage.store import EntryStore
from flk.impl.storage.trouble import free_bytes
from flk.impl.storage.wal import FileDisk
from flk.impl.telemetry.telling import Untold
from flk.model.compiled.examiner import choice
from flk.model.effects import INBOX
from flk.model.flow.timekeeping import Timekeeper
from flk.model.log.frames import CorruptSegment, log_of
from flk.model.programs.examine import Examine
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.repair import Repair
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.model.refusal import Unavailable
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

# Small generations, so that a search for cycles, of which requests make none, takes at most a millisecond.
GC_THRESHOLDS = (5_000, 1_000, 1_000)
STAY_SECONDS = CONSTANTS.node.failed_log_seconds

log = structlog.get_logger()


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Run a node until SIGTERM or SIGINT; on SIGHUP it reads its files again. `say` is given each line for the person who
    started it.

    Raises UnusableInput for a key file, directory or address that cannot be used, LogFailed if the log failed.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, say))


async def _serve(settings: Settings, say: Callable[[str], None]) -> None:
    require_usable(settings)
    metrics = Metrics()
    told = _told(settings, metrics)
    try:
        await _serve_told(settings, say, metrics, told)
    finally:
        await told.close(say)


def _told(settings: Settings, metrics: Metrics) -> Untold:
    """What tells a collector, if there is one; without, none of what that needs is imported."""
    if settings.otlp is None:
        return Untold()
    from flk.impl.telemetry.told import Told

    return Told(settings.otlp, settings.region, "http" if settings.tls is None else "https", metrics)


async def _serve_told(settings: Settings, say: Callable[[str], None], metrics: Metrics, told: Untold) -> None:
    sealed = True
    examined = LiveKeys(settings.keys, settings.profiles)
    reload = Reload()
    reload.add("keys", examined)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    if readable_by_others(settings.keys):
        log.warning("keys.readable_by_others", file=str(settings.keys), fix="chmod 600")
    objects = settings.opened
    _require_locked(settings)
    progress = Progress()
    front = Front(settings, metrics, progress, reload, told)
    await front.listen(say)
    node = await in_daemon(partial(open_node, settings, objects, metrics, progress))
    tenancy = None
    if settings.tenants is not None:
        tenancy = Tenancy(settings.tenants, node.tenants, metrics, node.time)
        reload.add("tenants", tenancy)
    if node.store.weakness:
        say(f"the store may lose what it acknowledged: {node.store.weakness}")
    if settings.objects and settings.tiering:
        say("no snapshots are written: they would lack the entries in the cold tier (SNAP-3)")
    trace = Trace(settings.trace, node.disk.log("inbox"), examined, node.disk.salt_of) if settings.trace else Untraced()
    node.disk.began = trace.begin_segment
    try:
        runtime = Runtime(
            node,
            partial(recover, settings.region, examined, _snapshots(settings)),
            in_thread=settings.fsync is not Fsync.LOOP,
            trace=trace,
            pressure=settings.pressure,
        )
        log.info("recovery.began", progress=f"{front.url}/health")
        await in_daemon(partial(_recover, runtime, settings.data, say))
        say(f"records are examined by {choice()}")
        if node.looking.why_not:
            say(f"pages of the store have no sums, so a start after a kill reads all of it: {node.looking.why_not}")
        admission = Admission(settings.garbage, partial(free_bytes, settings.data))
        replicator = _replicator(settings, runtime, examined, tenancy, told)
        front.serve(runtime, examined, admission, replicator, objects)
        say(f"listening on {front.url}")
        mover = _mover(settings, runtime, examined)
        await _serve_until_told(front.public, runtime, replicator, settings.http.stop_seconds, mover)
        if not node.behind:
            sealed = _seal(runtime, say)
            _say_what_is_not_shipped(settings, node, say)
    finally:
        await front.close()
        node.close()
        trace.close()
    say(f"stopped: everything acknowledged is in the log, {'which is sealed' if sealed else 'which is not sealed yet'}")


def _require_locked(settings: Settings) -> None:
    """Raises UnusableInput if the store is asked to lock, and says that it does not. One that is away is asked by its first put."""
    try:
        require_locked(settings)
    except Unavailable as refusal:
        log.warning("lock.unknown", reason=refusal.detail)


def _seal(runtime: Runtime, say: Callable[[str], None]) -> bool:
    """Seal the log, unless claims in it wait for a tier (WAL-6): then the next start replays them. Whether it is sealed."""
    try:
        runtime.perform(rotate())
    except Unavailable as refusal:
        if runtime.node.tiers is None:
            raise
        say(f"the log is not sealed, and the next start reads it: {refusal.detail}")
        return False
    return True


def _say_what_is_not_shipped(settings: Settings, node: RealNode, say: Callable[[str], None]) -> None:
    """Tell whoever stops a node what only its disk has."""
    if settings.objects is None:
        return
    try:
        shipped = node.store.marked(SHIPPED)
    except Unavailable as refusal:
        say(f"what is not shipped yet cannot be told, and is shipped after the next start: {refusal.detail}")
        return
    if left := node.disk.names(INBOX, after=shipped):
        say(f"not shipped yet: {len(left)} segments, from {left[0]} on; the next start ships them")


def open_node(
    settings: Settings,
    objects: Objects | None = None,
    metrics: Metrics | None = None,
    progress: Progress | None = None,
) -> RealNode:
    """Open log and store in the data directory. Raises UnusableInput if another process has them, or they are unreadable; or if
    the disk is new and the object store, which knows of earlier ones, does not answer.
    """
    if settings.store is not None:
        return _open_member(settings, settings.store, objects, metrics, progress)
    require_no_member(settings.data)
    disk = _disk(settings, _identity(settings, objects))
    path = settings.data / "entries.sqlite"
    try:
        node = _node(settings, disk, open_warm(path, settings.tiering), objects, metrics, progress)
    except UnusableInput:
        disk.close()
        raise
    except Unavailable as refusal:
        disk.close()
        raise UnusableInput(
            f"{path}: {refusal.detail}; fix: make room, let this user write there, or stop who holds it"
        ) from None
    missing = node.missing_segment() if node.store.damage else ""
    if missing:
        damage = node.store.damage
        node.close()
        raise UnusableInput(
            f"{path}: {damage}, and the log cannot rebuild it: put {settings.data / missing}.wal back;"
            f" or give up what only the store knew: mv {path} {path}.aside"
        )
    return node


def _open_member(
    settings: Settings, url: str, objects: Objects | None, metrics: Metrics | None, progress: Progress | None
) -> RealNode:
    """Open the log in the data directory and the store of the region, under the number that this node has there.

    Raises UnusableInput as `open_node` does, and if the store does not answer or has the number for another node.
    """
    try:
        store = open_region(url, settings.region, accept_weaker=settings.accept_weaker_store)
    except Unavailable as refusal:
        raise UnusableInput(f"--store: {refusal.detail}; start it, or mend the URL") from None
    try:
        with held(settings.data):
            member = member_of(settings.data, store.place.store, store)
            number = number_of(settings.data, settings.region)
            at_least = _identity(settings, objects) if number is None else 1
            number = store.enlist(member.token, number, at_least)
        disk = _disk(settings, number)
    except Unavailable as refusal:
        store.close()
        raise UnusableInput(f"--store: {refusal.detail}; try again later") from None
    except BaseException:
        store.close()
        raise
    log.info("store.shared", store=str(store), log=disk.log(INBOX))
    metrics = metrics or Metrics()
    if isinstance(store, SharedStore):
        for lost in given_up(settings.accept_loss, settings.region, number):
            store.give_up(lost)
        store.taken_over = metrics.takeovers.inc
        metrics.watch_takeovers(lambda: store.waits_for)
    if isinstance(store, ShardedStore):
        store.shards.watch(metrics.watch_shard, metrics.unwatch_shard, metrics.takeovers.inc)
        store.dual_writes = metrics.dual_writes.inc
    return _node(settings, disk, store, objects, metrics, progress)


def given_up(accepted: Sequence[str], region: str, own: int) -> Iterator[int]:
    """The numbers of the logs of other nodes whose loss is accepted as a whole.

    >>> [*given_up(("eu.000002", "eu.000001/000007"), "eu", 1)]
    [2]
    """
    for name in accepted:
        of, _, number = name.rpartition(".")
        if of == region and number.isdecimal():
            if int(number) == own:
                raise UnusableInput(
                    f"--accept-loss {name}: this is the node's own log; name the segments of it that are lost"
                )
            yield int(number)


def _disk(settings: Settings, identity: int) -> FileDisk:
    synchronise = _no_synchronisation if settings.fsync is Fsync.OFF else os.fdatasync
    return FileDisk(settings.data, settings.region, identity, synchronise=synchronise, accepted=settings.accept_loss)


def _node(
    settings: Settings,
    disk: FileDisk,
    store: EntryStore,
    objects: Objects | None,
    metrics: Metrics | None,
    progress: Progress | None,
) -> RealNode:
    kept = KnownTime(settings.data)
    timekeeper = Timekeeper(time.time, steady, kept.load(), trusts_wall=settings.trust_wall_time, keep=kept.save)
    metrics = metrics or Metrics()
    tiers = None
    if settings.tiering is not None and isinstance(store, AgingStore):
        tiers = open_tiers(settings.tiering, settings.region, store, settings.data / "entries.sqlite", metrics)
    return RealNode(
        disk,
        store,
        metrics,
        tiers=tiers,
        objects=objects,
        timekeeper=timekeeper,
        progress=progress,
        breaker=CircuitBreaker(settings.breaker, "the object store") if settings.breaker else None,
    )


def _identity(settings: Settings, objects: Objects | None) -> int:
    """The number for a disk if it is new: one that no disk of the region has shipped under (CRR-6)."""
    if objects is None or not is_new(settings.data):
        return settings.incarnation
    try:
        shipped = objects.names(f"{PREFIX}{settings.region}.", after="")
    except Unavailable as refusal:
        raise UnusableInput(
            f"{settings.data}: a new disk takes a number that no other has shipped under, but {refusal.detail}; try again later"
        ) from None
    numbers = (log_of(name).rpartition(".")[2] for name in shipped)
    last = max((int(number) for number in numbers if number.isdecimal()), default=0)
    return max(settings.incarnation, last + 1)


def _snapshots(settings: Settings) -> tuple[str, ...]:
    """The regions with whose snapshots a store that is new may begin (SNAP-5)."""
    return () if settings.objects is None else (settings.region, *settings.peers)


def _replicator(
    settings: Settings, runtime: Runtime, examined: LiveKeys, tenancy: Tenancy | None, told: Untold
) -> Replicator:
    every = Every(settings.ship_every, settings.replay_every, settings.check_every, settings.snapshot_every)
    alone, snapshots = settings.objects is None, settings.tiering is None
    return Replicator(
        runtime,
        examined,
        settings.peers,
        every,
        alone=alone,
        snapshots=snapshots,
        period=settings.retain,
        audited=settings.audit is not None,
        further=comparing(runtime.node, settings.peers, examined, settings.compare_every, settings.reconcile)
        | mending(runtime.node, settings.peers, examined)
        | feeding(runtime.node, settings.feeds, settings.follows, examined, every.ship, every.replay)
        | _writing(settings, runtime.node, examined, tenancy),
        telling=told,
    )


def _writing(
    settings: Settings, node: RealNode, examined: LiveKeys, tenancy: Tenancy | None
) -> dict[Passes[Any], float]:
    """The passes that write an audit log. A trace tells what they do to objects, too, so then the node does that itself."""
    audit = settings.auditing
    if audit is None or settings.objects is None:
        return {}
    place = Place(
        settings.region, settings.objects, settings.data, settings.audit_lock, asks_all=settings.trace is not None
    )
    return writing(node, place, examined, tenancy, audit, settings.audit_every)


def _mover(settings: Settings, runtime: Runtime, examined: Examine) -> Mover | None:
    tiering, tiers = settings.tiering, runtime.node.tiers
    if tiering is None or tiers is None:
        return None
    return Mover(runtime, tiers, examined, settings.peers, tiering.move_every, tiering.pace)


def _recover(runtime: Runtime, data: Path, say: Callable[[str], None]) -> None:
    """Recover now if that can be done; if not, the runtime tries again, and the node is not ready before it has (WAL-5)."""
    began = time.perf_counter()
    try:
        try:
            recovery = runtime.recover()
        finally:
            if runtime.node.rebuilt:
                say(runtime.node.rebuilt)
        report(recovery, data, time.perf_counter() - began, say)
    except (Unavailable, CorruptSegment) as failure:
        say(f"not recovered yet, and not ready: {failure}")
        log.warning("recovery.postponed", reason=str(failure))


def report(recovery: Recovery, data: Path, seconds: float, say: Callable[[str], None]) -> None:
    """Say what recovery did, and what it repaired."""
    say(
        f"recovered {recovery.frames} frames in {recovery.segments} segments,"
        f" {recovery.claims} of them claims, in {seconds:.2f} s"
    )
    for refused in recovery.snapshot.refused:
        say(f"not begun with a snapshot: {refused}")
    if recovery.snapshot.name:
        say(f"begun with the {recovery.snapshot.entries} entries of the snapshot {recovery.snapshot.name}")
    for gap in recovery.gaps:
        became = "it is back, from its object" if gap.restored else "its loss is accepted, and what was left of it kept"
        say(f"{gap.name} {gap.what}: {became}")
    if recovery.forgotten or recovery.spoilt:
        say(
            f"the log's manifest is damaged: {recovery.spoilt} lines, and {len(recovery.forgotten)} segments are not in it;"
            " it is written anew, and the end of the log cannot be vouched for"
        )
    for repair in recovery.repairs:
        if repair.disbelieved:
            say(
                f"{repair.name}: {repair.disbelieved} frames behind damage have timestamps that cannot be theirs: left out"
            )
        if repair.torn:
            say(f"{repair.name}: cut off {repair.torn} bytes that hold no valid frame: {_tail(repair)}")
        for damage in repair.damage:
            end = damage.offset + damage.length
            say(f"{repair.name}: {damage.length} bytes are corrupt, from offset {damage.offset} to {end}")
        if repair.damage:
            say(
                f"{repair.name}: every valid frame was appended to the log again; the file is kept as {data / repair.name}.damaged"
            )


def _tail(repair: Repair) -> str:
    """What is known of bytes that were cut off."""
    if repair.doubtful:
        return "as many as the frame that they begin with, which may have been acknowledged and damaged since"
    return "a write cut short, which was not acknowledged, or a frame whose length is damaged"


async def _serve_until_told(
    listener: Listener, runtime: Runtime, replicator: Replicator, seconds: float, mover: Mover | None
) -> None:
    """Answer requests until a signal comes; then answer those that were begun, and ship them, within so many seconds.

    If the log fails the node takes nothing more, and stays for a while to say so (OBS-8). Raises LogFailed then.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    batches = loop.create_task(runtime.serve())
    background = [loop.create_task(replicator.run()), *([loop.create_task(mover.run())] if mover else ())]
    signalled = loop.create_task(stopped.wait())
    await asyncio.wait({batches, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if batches.done() and _has_to_tell(batches.exception()):
        log.error("log.failed", reason=str(batches.exception()), stays_seconds=STAY_SECONDS)
        await asyncio.wait({signalled}, timeout=STAY_SECONDS)
    until = time.monotonic() + seconds
    await listener.close()
    for task in background:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    if not batches.done():
        await replicator.finish(until - time.monotonic())
    runtime.stop()
    signalled.cancel()
    await batches


def _has_to_tell(failure: BaseException | None) -> bool:
    """Whether a node stays to be asked before it ends of this: its disk failed, and only its metrics say so (OBS-8)."""
    return isinstance(failure, LogFailed) and not isinstance(failure, LogGone)


def _no_synchronisation(fd: int) -> None:
    del fd
