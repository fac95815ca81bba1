"""Nodes that remove segments or objects too early: what the protocol `retention` refutes, for runs with upkeep (RET-*)."""

from collections.abc import Callable

from flk.model.effects import (
    INBOX,
    DeleteObject,
    ListObjects,
    Marked,
    Noted,
    Program,
    Release,
    RemoveSegment,
)
from flk.model.programs.recover import APPLIED
from flk.model.programs.retain import Retained
from flk.model.programs.ship import PREFIX
from flk.sim.kernel.programs import MODEL, Programs


def removed_once_shipped(region: str, period: float) -> Program[Retained]:
    """Remove from the disk what is safe in the object store."""
    del region, period
    shipped = yield from _shipped()
    left = (yield from Release(INBOX, shipped[-2])) if shipped[1:] else ()
    for name in left:
        yield from RemoveSegment(name)
    return Retained((), left)


def removed_behind_known_readers(region: str, period: float) -> Program[Retained]:
    """Remove from the object store what is older than the period, since every reader has had the time to read it."""
    del region, period
    names = (yield from _shipped())[:-3]
    for name in names:
        yield from DeleteObject(PREFIX + name)
    return Retained((), (), names)


def counted_before_whole(region: str, period: float) -> Program[Retained]:
    """Remove what a snapshot will cover that is begun now: all that is applied."""
    del region, period
    applied = yield from Marked(APPLIED)
    names = [name for name in (yield from _shipped())[:-1] if name <= applied]
    for name in names:
        yield from DeleteObject(PREFIX + name)
    left = (yield from Release(INBOX, names[-1])) if names else ()
    for name in left:
        yield from RemoveSegment(name)
    return Retained((), left, tuple(names))


def _removing(early: Callable[[str, float], Program[Retained]]) -> Programs:
    return MODEL._replace(retain=early, retain_shared=early)


EARLY: dict[str, Programs] = {
    "removed-once-shipped": _removing(removed_once_shipped),
    "removed-behind-known-readers": _removing(removed_behind_known_readers),
    "counted-before-whole": _removing(counted_before_whole),
}
"""By their names in the gallery."""


def _shipped() -> Program[tuple[str, ...]]:
    """The segments of the node's log that are in the object store."""
    log = (yield from Noted(INBOX)).log
    return tuple(name.removeprefix(PREFIX) for name in (yield from ListObjects(f"{PREFIX}{log}/")))
