"""The one observer of a run: it hands each event to the handlers of its type."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from flk.sim.world.events import Attempt, Beat, Event

E = TypeVar("E", bound=Event | Attempt | Beat)


class Observer:
    """Handlers by type of event. Those of one type are called in the order in which they were added.

    An event that nobody handles costs one look-up. Where even that is too much, since events come by the request, `handler` is
    asked once, and the event is not even made if it gives None; so handlers are added before the parts of the world are built.
    """

    def __init__(self) -> None:
        self._handlers: dict[type, list[Callable[[object], None]]] = {}

    def handle(self, kind: type[E], handler: Callable[[E], None]) -> None:
        """Call `handler` with every event of this type from now on."""
        self._handlers.setdefault(kind, []).append(handler)  # type: ignore[arg-type]  # called with events of `kind` only

    def on(self, event: Event | Attempt | Beat) -> None:
        """Something happened: tell those who handle it."""
        for handler in self._handlers.get(type(event), ()):
            handler(event)

    def handler(self, kind: type[E]) -> Callable[[E], None] | None:
        """What to call with events of a type; None if nobody handles them."""
        handlers = self._handlers.get(kind, [])
        if len(handlers) > 1:
            return self.on
        return handlers[0] if handlers else None


class Part(Protocol):
    """Something that handles events of a run."""

    def observe(self, observer: Observer) -> None:
        """Add its handlers."""
        ...
