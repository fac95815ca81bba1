"""Which guard conjuncts were seen to hold, and not to: in a sample, since asking after every event takes longer than all else."""

from collections.abc import Mapping

from flk.formal.explicit.interpreter import Fault
from flk.formal.language.text import text
from flk.formal.traces.cells import Unbound
from flk.formal.traces.event_decoder import Seen
from flk.formal.traces.steps import TAKEN, Steps
from flk.formal.traces.validation import Coverage
from flk.formal.traces.values import Element

DENSE = 1_000  # events that are all looked at
SPARSE = 1_024  # after them, one in so many


def sampled(number: int) -> bool:
    """Whether the event of that number is in the sample."""
    return number <= DENSE or not number % SPARSE


class Sampler:
    """After an event, asks of each action that its arguments fill whether it is possible now."""

    def __init__(self, steps: Mapping[str, Steps]) -> None:
        self._steps = steps
        self._fits: dict[str, list[tuple[Steps, tuple[int, ...]]]] = {}
        self._held = dict.fromkeys(steps, 0)
        self._failed: set[tuple[str, int]] = set()

    def after(self, seen: Seen) -> None:
        """An event of the sample was explained, and the state is as it left it."""
        name = seen.steps.action.name
        if name not in self._fits:
            self._fits[name] = list(self._fitting(seen.steps))
        for steps, places in self._fits[name]:
            self._ask(steps, [seen.arguments[place] for place in places])

    def coverage(self, taken: Mapping[str, int]) -> tuple[Coverage, ...]:
        """What was seen of every guard conjunct."""
        return tuple(
            Coverage(name, text(guard), bool(taken[name]) or at < self._held[name], (name, at) in self._failed)
            for name, steps in self._steps.items()
            for at, guard in enumerate(steps.action.guards)
        )

    def _ask(self, steps: Steps, arguments: list[Element | None]) -> None:
        if None in arguments:
            return
        name = steps.action.name
        try:
            refusal = steps.refusal(*arguments)
        except (Fault, Unbound):
            return
        held = len(steps.action.guards) if refusal == TAKEN else refusal
        self._held[name] = max(self._held[name], held)
        if refusal != TAKEN:
            self._failed.add((name, refusal))

    def _fitting(self, event: Steps) -> list[tuple[Steps, tuple[int, ...]]]:
        """Actions whose parameters are all of sorts that the event has, and the event's places to take them from."""
        sorts = [local.sort for local in event.action.parameters]
        return [
            (steps, tuple(sorts.index(local.sort) for local in steps.action.parameters))
            for steps in self._steps.values()
            if all(local.sort in sorts for local in steps.action.parameters)
        ]
