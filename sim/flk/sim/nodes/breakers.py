"""The circuit breakers of one sender."""

from flk.model.flow.breaker import CLOSED, Circuit, State, ask, settled
from flk.sim.nodes.region import World
from flk.spec.constants import Breaker


class Breakers:
    """One breaker for each place that a sender asks. Without a policy everything is let through."""

    def __init__(self, policy: Breaker | None, world: World) -> None:
        self._policy = policy
        self._world = world
        self._circuits: dict[str, Circuit] = {}

    def ask(self, place: str) -> int | None:
        """The turn in which a request may be sent to a place, None while it may not."""
        if self._policy is None:
            return 0
        circuit, allowed = ask(self._circuits.get(place, CLOSED), self._world.simulator.now)
        self._circuits[place] = circuit
        return circuit.turn if allowed else None

    def settle(self, place: str, turn: int, *, answered: bool) -> None:
        """A request of that turn was answered, or failed."""
        if self._policy is not None:
            before = self._circuits[place]
            after = settled(before, turn, self._world.simulator.now, self._policy, answered=answered)
            self._circuits[place] = after
            if after.state is State.OPEN and after.turn > before.turn:
                self._world.marks.note("breaker-open")
