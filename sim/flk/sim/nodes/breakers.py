"""The circuit breakers of one sender."""

from flk.model.flow.breaker import CLOSED, Circuit, State, after_request, before_request
from flk.sim.nodes.region import World
from flk.sim.world.events import Marked
from flk.spec.constants import Breaker


class Breakers:
    """One breaker for each place that a sender asks. Without a policy everything is let through."""

    def __init__(self, policy: Breaker | None, world: World) -> None:
        self._policy = policy
        self._world = world
        self._circuits: dict[str, Circuit] = {}

    def ask(self, place: str) -> int | None:
        """The generation in which a request may be sent to a place, None while it may not."""
        if self._policy is None:
            return 0
        circuit, allowed = before_request(self._circuits.get(place, CLOSED), self._world.simulator.now)
        self._circuits[place] = circuit
        return circuit.generation if allowed else None

    def settle(self, place: str, generation: int, *, answered: bool) -> None:
        """A request of that generation was answered, or failed."""
        if self._policy is not None:
            before = self._circuits[place]
            after = after_request(before, generation, self._world.simulator.now, self._policy, answered=answered)
            self._circuits[place] = after
            if after.state is State.OPEN and after.generation > before.generation:
                self._world.observer.on(Marked("breaker-open"))
