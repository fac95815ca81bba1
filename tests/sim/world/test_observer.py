"""The one observer of a run."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.sim.world.events import Admitted, Attempt, Event, FellBehind, Restarted
from flk.sim.world.observer import Observer

EVENTS: tuple[Event | Attempt, ...] = (
    Admitted("eu"),
    FellBehind("eu"),
    Restarted("us"),
    Attempt(0, 0, "eu", 0.0, 1.0, 200),
)


@given(st.lists(st.sampled_from(EVENTS), max_size=6), st.lists(st.sampled_from(EVENTS), max_size=6))
def test_handlers_get_the_events_of_their_type_in_their_order(
    handled: Sequence[Event | Attempt], happened: Sequence[Event | Attempt]
) -> None:
    """Every event reaches the handlers of its type, in the order in which they were added, and no others."""
    observer = Observer()
    got: list[tuple[int, object]] = []
    for number, event in enumerate(handled):
        observer.handle(type(event), lambda what, number=number: got.append((number, what)))  # type: ignore[misc]
    for event in happened:
        observer.on(event)
    assert got == [
        (number, event) for event in happened for number, kind in enumerate(handled) if type(kind) is type(event)
    ]


@pytest.mark.parametrize("handlers", [0, 1, 2])
def test_who_emits_can_ask_for_the_handler(handlers: int) -> None:
    """There is none if nobody handles the type; otherwise it reaches everybody who does."""
    observer = Observer()
    got: list[object] = []
    for _ in range(handlers):
        observer.handle(Admitted, got.append)
    handler = observer.handler(Admitted)
    assert (handler is None) == (handlers == 0)
    if handler is not None:
        handler(Admitted("eu"))
    assert got == [Admitted("eu")] * handlers
