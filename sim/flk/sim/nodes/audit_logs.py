"""What nodes do about audit logs: they write their region's, look at those of others, and tell services outside of theirs."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from flk.model.effects import Effect, GetObject, Mark, Marked, Program, PutObject, Sleep, TakeIn
from flk.model.effects.siem import Behind, MoveOn, NoteRefused, Tell
from flk.model.flow.submission import Response
from flk.model.programs.checkpoint import CHECKPOINT, Published
from flk.model.programs.monitor import Seen
from flk.model.programs.stream import Streamed
from flk.model.record.signing import Ed25519PrivateKey
from flk.model.refusal import unavailable
from flk.model.siem.targets import Kind, Target
from flk.model.transparency.checkpoints import BadLog, read_checkpoint
from flk.model.transparency.leaves import Fact
from flk.model.transparency.notes import Signer, Verifier
from flk.model.transparency.steps import prefix_of
from flk.sim.kernel.runtime import Activity, Host
from flk.sim.nodes.region import Place, World
from flk.sim.scenarios.faults import Outside
from flk.sim.scenarios.layout import AuditLog
from flk.sim.world.events import Anchored, CheckpointKept, LogRefused, SiemTook
from flk.sim.world.events import Marked as CoverageMarked
from flk.spec.constants import CONSTANTS

R = TypeVar("R")
Perform: TypeAlias = Callable[[Any, Any], None]
ANSWER = 0.3
"""Seconds until a service outside answers; one that does not is given up after the timeout of SIEM-4."""
ANCHORED, STREAMED = "anchored", "streamed"
TARGET = Target(Kind.DATADOG)
TAKEN = Response(202, b"{}")


class Stamp(Effect[bool], frozen=True):
    """Ask an authority, by its number from 1 on, to time-stamp a checkpoint; whether it answered."""

    authority: int
    note: bytes


class LogTask(NamedTuple):
    """What is done about an audit log at intervals, and what becomes of the result."""

    kind: str
    interval: float
    program: Callable[[], Program[object]]
    ended: Callable[[Any], None]


@cache
def signer_of(region: str) -> Signer:
    """The key of a region's log."""
    return Signer(f"flk.example/{region}", Ed25519PrivateKey(sha256(f"audit log of {region}".encode()).digest()))


@cache
def witness_of(region: str) -> Signer:
    """The key by which a region cosigns the logs of others."""
    return Signer(f"witness.example/{region}", Ed25519PrivateKey(sha256(f"witness in {region}".encode()).digest()))


def witnesses_of(region: str, regions: Sequence[str], layout: AuditLog) -> tuple[str, ...]:
    """The regions that cosign a region's log."""
    return tuple(other for other in regions if other != region)[: layout.witnesses]


def audit_log_tasks(place: Place) -> Iterator[LogTask]:
    """All that a node does about audit logs. What concerns the logs of others and services outside is the first node's."""
    world, region, layout = place.world, place.region.name, place.world.layout.audit_log
    assert layout is not None, "the layout has audit logs"
    programs, regions = world.programs, tuple(place.region.peers)
    witnesses = tuple(witness_of(other).witness for other in witnesses_of(region, regions, layout))
    facts = (Fact("keys", [{"id": region}]),)

    def task(kind: str, interval: float, writer: str, program: Callable[[], Program[object]]) -> LogTask:
        return LogTask(kind, interval, lambda: _told(program()), partial(_ended, place, writer))

    yield task(
        "integrate",
        layout.integrate_interval,
        region,
        lambda: programs.integrate(region, place.region.examine, facts),
    )
    yield task("sign", layout.sign_interval, region, lambda: programs.checkpoint(region, signer_of(region), witnesses))
    if place.number > 1:
        return
    for writer in regions:
        if writer != region:
            yield task(f"look {writer}", layout.look_interval, writer, partial(_look, world, region, writer, regions))
    if layout.anchor_interval is not None:
        yield task(ANCHORED, layout.anchor_interval, region, partial(_anchor, place, layout.authorities))
    if layout.stream_interval is not None:
        yield task(STREAMED, layout.stream_interval, region, partial(_stream, world, region))


class AuditLogKeeping:
    """How a node performs the effects on audit logs, and on services outside. `write` has one use its disk."""

    def __init__(self, host: Host, place: Place, write: Perform) -> None:
        self._host = host
        self._place = place
        self.schedulers: dict[type[Effect[object]], Callable[[Any, Any], None]] = {
            **dict.fromkeys((TakeIn, MoveOn, NoteRefused), write),
            Sleep: lambda activity, effect: host.after(effect.seconds, host.complete, activity, effect),
            Tell: partial(self._ask, Outside.SIEM),
            Stamp: self._ask_authority,
        }
        self.handlers: dict[type[Effect[object]], Callable[[Any, Any], object]] = {
            Behind: lambda *_: int(self._marks.get(STREAMED) or 0),
            MoveOn: lambda _, effect: self._marks.update({STREAMED: f"{effect.leaves}"}),
            NoteRefused: lambda *_: None,
            Tell: self._tell,
            Stamp: self._stamp,
            Mark: self._mark(host.handlers[Mark]),
        }

    @property
    def _marks(self) -> dict[str, str]:
        return self._place.entries.marks

    def _ask(self, service: Outside, activity: Activity, effect: Effect[object]) -> None:
        silent = self._place.region.silent[service]
        self._host.after(CONSTANTS.siem.timeout_seconds if silent else ANSWER, self._host.complete, activity, effect)

    def _ask_authority(self, activity: Activity, effect: Stamp) -> None:
        if effect.authority == 1:
            self._ask(Outside.AUTHORITY, activity, effect)
        else:
            self._host.after(ANSWER, self._host.complete, activity, effect)

    def _tell(self, activity: Activity, effect: Tell) -> Response | None:
        del activity
        if self._place.region.silent[Outside.SIEM]:
            return None
        first, leaves = effect.events[0].sequence, tuple(event.leaf for event in effect.events)
        self._place.world.observer.on(SiemTook(self._place.name, first, leaves))
        return TAKEN

    def _stamp(self, activity: Activity, effect: Stamp) -> bool:
        del activity
        return effect.authority > 1 or not self._place.region.silent[Outside.AUTHORITY]

    def _mark(self, whole: Callable[[Any, Any], object]) -> Callable[[Any, Any], object]:
        """Set a watermark as other nodes do, and say so if it is what a monitor keeps."""

        def mark(activity: Activity, effect: Mark) -> object:
            result = whole(activity, effect)
            if effect.name.startswith("monitored/"):
                writer = effect.name.rpartition("/")[2]
                self._place.world.observer.on(CheckpointKept(self._place.name, writer, effect.value.encode()))
            return result

        return mark


def _look(world: World, region: str, writer: str, regions: Sequence[str]) -> Program[object]:
    """Cosign the log of another region, if that asks for it, and watch what it publishes."""
    layout = world.layout.audit_log
    assert layout is not None, "the layout has audit logs"
    prefix, key = prefix_of(writer), signer_of(writer).verifier
    witnesses = witnesses_of(writer, regions, layout)
    if region in witnesses:
        yield from world.programs.witness(prefix, key, witness_of(region))
    asked: tuple[Verifier, ...] = tuple(witness_of(other).witness for other in witnesses)
    return (yield from world.programs.monitor(prefix, key, asked))


def _anchor(place: Place, authorities: int) -> Program[object]:
    """Let the first authority that answers time-stamp what is published, if that is new: as `flk audit anchor` does."""
    prefix = prefix_of(place.region.name)
    content = yield from GetObject(prefix + CHECKPOINT)
    if content is None:
        return None
    size = read_checkpoint(content, signer_of(place.region.name).verifier).size
    if int((yield from Marked(ANCHORED)) or 0) >= size:
        return None
    for authority in range(1, authorities + 1):
        if (yield from Stamp(authority, content)):
            yield from PutObject(f"{prefix}anchor/{size:012d}/authority-{authority}.tsr", content)
            yield from Mark(ANCHORED, f"{size}")
            place.world.observer.on(Anchored(place.name, size))
            return size
    raise unavailable("no time-stamping authority answers")


def _stream(world: World, region: str) -> Program[object]:
    """Tell the SIEM of what is published."""
    layout = world.layout.audit_log
    assert layout is not None, "the layout has audit logs"
    prefix = prefix_of(region)
    content = yield from GetObject(prefix + CHECKPOINT)
    if content is None:
        return None
    now = read_checkpoint(content, signer_of(region).verifier)
    policy = msgspec.structs.replace(CONSTANTS.siem, batch_events=layout.stream_batch)
    return (yield from world.programs.stream(prefix, now, TARGET, policy))


def _told(program: Program[object]) -> Program[object]:
    """What a pass comes to; or what is wrong with the log."""
    try:
        return (yield from program)
    except BadLog as bad:
        return bad


def _ended(place: Place, writer: str, result: object) -> None:
    """Say what a pass over the log of a region came to."""
    tell = place.world.observer.on
    match result:
        case BadLog():
            tell(LogRefused(place.name, writer, str(result)))
            tell(CoverageMarked("log-refused"))
        case Published(size=int()):
            tell(CoverageMarked("log-published"))
        case Streamed() if result.waits:
            tell(CoverageMarked("siem-behind"))
        case int():
            tell(CoverageMarked("anchored"))
        case Seen() | _:
            pass
