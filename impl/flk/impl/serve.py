"""Starting and stopping a node: open its parts, recover, listen, and close them again in order."""

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path

import msgspec
import structlog
import uvloop

from flk.impl.http import Listener
from flk.impl.keys import load_keys, readable_by_others
from flk.impl.node import RealNode
from flk.impl.runtime import Runtime
from flk.impl.server import Service
from flk.impl.store import SqliteStore
from flk.impl.trace import Trace
from flk.impl.wal import FileDisk
from flk.model.canonical import Profile
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.rotate import rotate
from flk.model.refusal import Unavailable
from flk.spec.errors import UnusableInput

# Few at a time, so that a look for cycles, of which requests make none, costs no more than a millisecond.
GC_THRESHOLDS = (5_000, 1_000, 1_000)

log = structlog.get_logger()


class Fsync(StrEnum):
    """Where the log is synchronised. `off` loses acknowledged records in a power failure: for measurements only."""

    THREAD = "thread"
    LOOP = "loop"
    OFF = "off"


class Settings(msgspec.Struct, frozen=True):
    """What `flk serve` is told. Port 0 is any free port; `incarnation` numbers the disks of a region that lost one."""

    data: Path
    keys: Path
    host: str = "127.0.0.1"
    port: int = 8080
    region: str = "eu"
    incarnation: int = 1
    fsync: Fsync = Fsync.THREAD
    accept_shortest: bool = False
    trace: Path | None = None


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Run a node until SIGTERM or SIGINT. `say` is given each line for the person who started it.

    Raises UnusableInput for a key file, directory or address that cannot be used, LogFailed if the log failed.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, say))


async def _serve(settings: Settings, say: Callable[[str], None]) -> None:
    profiles = (Profile.FIXED, Profile.SHORTEST) if settings.accept_shortest else (Profile.FIXED,)
    keyring = load_keys(settings.keys, profiles)
    if readable_by_others(settings.keys):
        log.warning("keys.readable_by_others", file=str(settings.keys), mend="chmod 600")
    bound = _bind(settings.host, settings.port)
    node = open_node(settings)
    trace = Trace(settings.trace, node.disk.log("inbox")) if settings.trace else None
    try:
        runtime = Runtime(
            node,
            partial(recover, settings.region, keyring),
            in_thread=settings.fsync is not Fsync.LOOP,
            trace=trace,
        )
        began = time.perf_counter()
        recovery = runtime.perform(recover(settings.region, keyring))
        report(recovery, settings.data, time.perf_counter() - began, say)
        _count(recovery, node)
        await _listen(Service(runtime, settings.region, keyring), runtime, bound, say)
        if not node.behind:
            runtime.perform(rotate())
    finally:
        node.close()
        if trace:
            trace.close()
    say("stopped: everything acknowledged is in the log, which is sealed")


def open_node(settings: Settings) -> RealNode:
    """Open log and store in the data directory. Raises UnusableInput if another process has them, or they are unreadable."""
    synchronise = _no_synchronisation if settings.fsync is Fsync.OFF else os.fdatasync
    disk = FileDisk(settings.data, settings.region, settings.incarnation, synchronise=synchronise)
    path = settings.data / "entries.sqlite"
    try:
        return RealNode(disk, SqliteStore(path))
    except Unavailable as refusal:
        disk.close()
        raise UnusableInput(
            f"{path}: {refusal.detail}; stop who holds it, or move it away: the log rebuilds it"
        ) from None


def report(recovery: Recovery, data: Path, seconds: float, say: Callable[[str], None]) -> None:
    """Say what recovery did, and what it had to mend."""
    say(
        f"recovered {recovery.frames} frames in {recovery.segments} segments,"
        f" {recovery.claims} of them claims, in {seconds:.2f} s"
    )
    for repair in recovery.repairs:
        if repair.torn:
            say(
                f"{repair.name}: cut off {repair.torn} bytes of a write that never finished; nothing in them was acknowledged"
            )
        for damage in repair.damage:
            end = damage.offset + damage.length
            say(f"{repair.name}: {damage.length} bytes are corrupt, from offset {damage.offset} to {end}")
        if repair.damage:
            say(
                f"{repair.name}: every valid frame was appended to the log again; the file is kept as {data / repair.name}.damaged"
            )


def _count(recovery: Recovery, node: RealNode) -> None:
    node.metrics.recovered_frames.inc(recovery.frames)
    node.metrics.wal_damage.inc(sum(len(repair.damage) for repair in recovery.repairs))


async def _listen(service: Service, runtime: Runtime, bound: socket.socket, say: Callable[[str], None]) -> None:
    """Answer requests until a signal comes or the log fails; then answer those that were begun. Raises LogFailed."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    listener = Listener(service)
    await listener.listen(bound)
    host, port = bound.getsockname()[:2]
    say(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}")
    batches = loop.create_task(runtime.serve())
    signalled = loop.create_task(stopped.wait())
    await asyncio.wait({batches, signalled}, return_when=asyncio.FIRST_COMPLETED)
    await listener.close()
    runtime.stop()
    signalled.cancel()
    await batches


def _bind(host: str, port: int) -> socket.socket:
    """A socket to listen on. Raises UnusableInput if the address is taken or not this machine's."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
    except OSError as error:
        raise UnusableInput(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --host or --port (0: any free one)"
        ) from None
    return bound


def _no_synchronisation(fd: int) -> None:
    del fd
