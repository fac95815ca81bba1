"""All watchers of a run as one."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from flk.sim.world.events import Watcher

Tell: TypeAlias = Callable[..., None]
_EVENTS = tuple(name for name in vars(Watcher) if not name.startswith("_"))


class Audience(Watcher):
    """Tells each thing that happens to those watchers who do something about it, in their order, and to nobody else."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        for name in _EVENTS:
            setattr(self, name, _teller([getattr(one, name) for one in watchers if _listens(one, name)]))


def _listens(watcher: Watcher, event: str) -> bool:
    return getattr(type(watcher), event) is not getattr(Watcher, event)


def _teller(hearers: list[Tell]) -> Tell:
    if len(hearers) == 1:
        return hearers[0]

    def tell(*what: Any) -> None:
        for hear in hearers:
            hear(*what)

    return tell
