"""Bugs in what nodes do about audit logs."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from tests.sim.planted.bug import Bug, bug

from flk.model.effects import (
    FindLeaves,
    GetObject,
    Integrated,
    ListObjects,
    Mark,
    Marked,
    Program,
    PutObject,
    Supersessions,
    TakeIn,
)
from flk.model.effects.effect import Effect
from flk.model.effects.siem import Tell
from flk.model.flow.submission import Response
from flk.model.log.frames import log_of, scan, segment_name
from flk.model.programs.checkpoint import CHECKPOINT, Published, checkpoint
from flk.model.programs.examine import Examine
from flk.model.programs.integrate import Added, integrate
from flk.model.programs.monitor import MONITORED, Seen
from flk.model.programs.retain import Retained, retain
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.model.programs.stream import Streamed, stream
from flk.model.siem.targets import Target
from flk.model.transparency.checkpoints import Checkpoint, read_checkpoint
from flk.model.transparency.leaves import Fact, names_of, ruled
from flk.model.transparency.notes import Signer, Verifier
from flk.model.transparency.steps import State
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL
from flk.spec.constants import Siem

R = TypeVar("R")
Answer = Callable[[Effect[object]], Program[Any] | None]


def answering(program: Program[R], answer: Answer) -> Program[R]:
    """The program, with some of its effects answered otherwise than by the world; None: as the world does."""
    value: object = None
    thrown: Exception | None = None
    while True:
        try:
            effect = program.send(value) if thrown is None else program.throw(thrown)
        except StopIteration as stop:
            result: R = stop.value
            return result
        thrown = None
        other = answer(effect)
        try:
            value = (yield effect) if other is None else (yield from other)
        except Exception as refusal:  # noqa: BLE001 - whatever the world says
            thrown = refusal


def _said(value: object) -> Program[Any]:
    yield from ()
    return value


def leaves_again(region: str, examine: Examine, facts: Sequence[Fact]) -> Program[Added]:
    """Take what is read for new, without asking which leaves there are."""

    def answer(effect: Effect[object]) -> Program[Any] | None:
        return _said(((),) * len(effect.names)) if isinstance(effect, FindLeaves) else None

    return answering(integrate(region, examine, facts), answer)


def quiet_about_losers(region: str, examine: Examine, facts: Sequence[Fact]) -> Program[Added]:
    """Never ask what gave way."""
    return answering(
        integrate(region, examine, facts),
        lambda effect: _said(()) if isinstance(effect, Supersessions) else None,
    )


def always_first(region: str, examine: Examine, facts: Sequence[Fact]) -> Program[Added]:
    """Take every step for one's own, whether another node created it or not."""

    def create(effect: PutObject) -> Program[bool]:
        yield effect
        return True

    def answer(effect: Effect[object]) -> Program[Any] | None:
        return create(effect) if isinstance(effect, PutObject) and "/batch/" in effect.name else None

    return answering(integrate(region, examine, facts), answer)


def past_what_is_missing(region: str, examine: Examine, facts: Sequence[Fact]) -> Program[Added]:
    """Call what is listed by the number that is due, so that nothing is waited for."""
    names: dict[str, str] = {}

    def renumbered(effect: ListObjects) -> Program[tuple[str, ...]]:
        listed = yield from effect
        last = int(effect.after.rpartition("/")[2] or 0) if effect.after else 0
        log = ""
        for name in listed:
            log, before = name.removeprefix(PREFIX).rpartition("/")[0], log
            last = last + 1 if log == before or not before else 1
            names[PREFIX + segment_name(log, last)] = name
        return tuple(names)

    def answer(effect: Effect[object]) -> Program[Any] | None:
        if isinstance(effect, ListObjects):
            return renumbered(effect)
        return iter(GetObject(names[effect.name])) if isinstance(effect, GetObject) and effect.name in names else None

    return answering(integrate(region, examine, facts), answer)


def known_before_written(region: str, examine: Examine, facts: Sequence[Fact]) -> Program[Added]:
    """Take a step in before its tiles are written."""
    waiting: list[PutObject] = []

    def keep(effect: PutObject) -> Program[bool]:
        waiting.append(effect)
        yield from ()
        return True

    def take_in(effect: TakeIn) -> Program[None]:
        yield effect
        while waiting:
            yield waiting.pop(0)

    def answer(effect: Effect[object]) -> Program[Any] | None:
        if isinstance(effect, PutObject) and "/tile/" in effect.name:
            return keep(effect)
        return take_in(effect) if isinstance(effect, TakeIn) else None

    return answering(integrate(region, examine, facts), answer)


def silent_about_policies(region: str, examine: Examine, facts: Sequence[Fact]) -> Program[Added]:
    """Never tell what a log states of policies."""
    untold: set[tuple[bytes, ...]] = set()

    def read(effect: GetObject) -> Program[bytes | None]:
        content = yield from effect
        name = effect.name.removeprefix(PREFIX)
        if content is not None and name != effect.name and (stated := scan(content).stated).text:
            untold.add(names_of(ruled(stated, log_of(name))))
        return content

    def known(effect: FindLeaves) -> Program[tuple[tuple[int, ...], ...]]:
        found = yield from effect
        return tuple((0,) if names in untold else its for names, its in zip(effect.names, found, strict=True))

    def answer(effect: Effect[object]) -> Program[Any] | None:
        if isinstance(effect, GetObject):
            return read(effect)
        return known(effect) if isinstance(effect, FindLeaves) else None

    return answering(integrate(region, examine, facts), answer)


def unwitnessed(region: str, signer: Signer, witnesses: Sequence[Verifier]) -> Program[Published]:
    """Publish what is signed, and let witnesses come when they come."""
    del witnesses
    return checkpoint(region, signer)


def credulous_monitor(prefix: str, log: Verifier, witnesses: Sequence[Verifier]) -> Program[Seen]:
    """Keep whatever the log's key has signed."""
    del witnesses
    content = yield from GetObject(prefix + CHECKPOINT)
    if content is None:
        return Seen(None, None)
    now = read_checkpoint(content, log)
    yield from Mark(MONITORED + log.name, content.decode())
    return Seen(None, now)


def lost_on_the_way(prefix: str, checkpoint: Checkpoint, target: Target, policy: Siem) -> Program[Streamed]:
    """Go on behind what was sent, whether an answer came or not."""

    def tell(effect: Tell) -> Program[Response]:
        return (yield from effect) or Response(202, b"{}")

    return answering(
        stream(prefix, checkpoint, target, policy),
        lambda effect: tell(effect) if isinstance(effect, Tell) else None,
    )


def removed_unread(region: str, period: float, shared: bool) -> Program[Retained]:
    """Ask snapshots alone."""
    return retain(region, period, shared=shared)


def removed_once_shipped(region: str, period: float, shared: bool) -> Program[Retained]:
    """Take for integrated what is shipped, and so could be."""

    def reach(effect: Integrated) -> Program[State]:
        state = yield from effect
        own = {log_of(name): name for name in [(yield from Marked(SHIPPED))] if name}
        return msgspec.structs.replace(state, through={**state.through, **own})

    return answering(
        retain(region, period, shared=shared, audited=True),
        lambda effect: reach(effect) if isinstance(effect, Integrated) else None,
    )


BUGS: dict[str, Bug] = {
    "removed-unread": bug(
        MODEL._replace(retain_audited=removed_unread),
        "Retention removes what snapshots stand for, and the audit log, which is behind, never has it.",
        "TLOG-10",
        Invariant.REMOVED_LATE,
    )
    .in_logs()
    .with_upkeep(),
    "removed-once-shipped": bug(
        MODEL._replace(retain_audited=removed_once_shipped),
        "Retention takes for granted that a pass over the audit log has come by since a segment was shipped.",
        "TLOG-10",
        Invariant.REMOVED_LATE,
    )
    .in_logs()
    .with_upkeep(),
    "leaves-again": bug(
        MODEL._replace(integrate=leaves_again),
        "A node that integrates what was read before, after a crash or for what gave way, does not ask which leaves there are.",
        "TLOG-6",
        Invariant.LEAVES_ONCE,
    ).in_logs(),
    "quiet-about-losers": bug(
        MODEL._replace(integrate=quiet_about_losers),
        "What gave way to an earlier claim of another region leaves no trace in the log of the region that lost it.",
        "TLOG-6",
        Invariant.LEAVES_ALL,
    ).in_logs(),
    "always-first": bug(
        MODEL._replace(integrate=always_first),
        "A node takes for granted that the step which it tried to create is the one that was created.",
        "TLOG-7",
        Invariant.LOG_GROWS,
        Invariant.LOG_REFUSED,
        Invariant.LEAVES_ALL,
    ).in_logs(nodes=2),
    "past-what-is-missing": bug(
        MODEL._replace(integrate=past_what_is_missing),
        "A segment that is not listed is taken for one that does not exist, and the next for the one that is due.",
        "TLOG-7",
        Invariant.LEAVES_ALL,
    ).in_logs(),
    "known-before-written": bug(
        MODEL._replace(integrate=known_before_written),
        "A node knows of a step before its tiles are durable, and crashes between.",
        "TLOG-7",
        Invariant.LOG_REFUSED,
        Invariant.LOG_PUBLISHED,
    ).in_logs(),
    "silent-about-policies": bug(
        MODEL._replace(integrate=silent_about_policies),
        "An operator changes the policy, and the audit log does not tell: whoever has it cannot say what outcomes were judged by.",
        "TLOG-6",
        Invariant.LEAVES_ALL,
    )
    .in_logs()
    .with_policies(),
    "unwitnessed": bug(
        MODEL._replace(checkpoint=unwitnessed),
        "A checkpoint is published as soon as it is signed, whoever has seen it.",
        "TLOG-9",
        Invariant.LOG_PUBLISHED,
    ).in_logs(),
    "credulous-monitor": bug(
        MODEL._replace(monitor=credulous_monitor),
        "A monitor keeps whatever the log's key has signed, without asking whether the log only grew or who has cosigned it.",
        "TLOG-5",
        Invariant.LOG_HISTORY,
    ).in_logs(),
    "lost-on-the-way": bug(
        MODEL._replace(stream=lost_on_the_way),
        "What was sent to the SIEM is behind the stream, although no answer came.",
        "SIEM-2",
        Invariant.LEAVES_TOLD,
    ).in_logs(),
}
