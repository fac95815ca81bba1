"""All watchers as one."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from flk.sim.audience import Audience
from flk.sim.world.events import Watcher

EVENTS = [name for name in vars(Watcher) if not name.startswith("_")]


@given(st.lists(st.sets(st.sampled_from(EVENTS)), max_size=4), st.sampled_from(EVENTS))
def test_those_who_listen_are_told_in_their_order_and_nobody_else(ears: Sequence[set[str]], event: str) -> None:
    """Whoever overrides a method hears of it, with everything that was said; the others cost nothing."""
    heard: list[tuple[int, tuple[object, ...]]] = []

    def listener(number: int, events: set[str]) -> Watcher:
        def hear(self: Watcher, *what: object) -> None:
            heard.append((number, what))

        kind = type("Listener", (Watcher,), dict.fromkeys(events, hear))
        found: Watcher = kind()
        return found

    audience = Audience([listener(number, events) for number, events in enumerate(ears)])
    getattr(audience, event)("something", 1)
    assert heard == [(number, ("something", 1)) for number, events in enumerate(ears) if event in events]
