"""What a node asks of the store that its region's nodes share: over the network, by a connection of its own."""

from collections.abc import Callable
from typing import TypeAlias

from flk.model.refusal import unavailable
from flk.sim.kernel.engine import Call, Deadlines, Wait
from flk.sim.nodes.region import Place

Answered: TypeAlias = Callable[[object], None]
Serve: TypeAlias = Callable[[Answered], None]


class Stream:
    """One connection as the store has it: requests are taken up in the order in which they were sent, and each once. Behind one
    that was lost nothing more is.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._taken = 0
        self._early: dict[int, Call] = {}

    def arrive(self, number: int, take: Call) -> None:
        """A request has arrived, perhaps before an earlier one, or for the second time."""
        if number >= self._taken:
            self._early[number] = take
        while self._taken in self._early:
            take = self._early.pop(self._taken)
            self._taken += 1
            take()


class Connection:
    """From one node to the store. What arrived there takes place whether or not the node lives to hear of it. A request that is not
    answered in time ends the connection: nobody knows what became of it, nor of any other that waits, and the next begins another.
    """

    def __init__(self, place: Place) -> None:
        world = place.world
        self._place = place
        self._region = place.region
        self._net = world.net
        self._stream = Stream()
        self._open: dict[Wait[object], None] = {}
        self._no_answer = unavailable(f"the store of {place.region.name} does not answer in time")
        self._waits = Deadlines[object](world.simulator, world.policy.timeout, self._no_answer)

    def ask(self, message: str, serve: Serve, answered: Answered, content: object = None) -> None:
        """Send a request, of a name that keys its random numbers. `serve` has it done at the store, and is given what to call with
        the result; `answered` gets that, or a refusal.
        """
        region, stream, powered = self._region, self._stream, self._region.power_cuts

        def over(result: object) -> None:
            del self._open[wait]
            if result is self._no_answer and stream is self._stream:
                self._stream = Stream()
                for other in tuple(self._open):
                    other.end(self._no_answer)
            answered(result)

        def reply(result: object) -> None:
            if region.power_cuts == powered:
                self._net.send(region.store, self._place.name, message, wait.end, result, content=result)

        def take() -> None:
            if region.power_cuts != powered:
                return
            if region.outages:
                reply(unavailable(f"the store of {region.name} is away"))
            else:
                serve(reply)

        wait = self._waits.begin(over)
        self._open[wait] = None
        number, stream.sent = stream.sent, stream.sent + 1
        self._net.send(self._place.name, region.store, message, stream.arrive, number, take, content=content)

    @property
    def is_cut(self) -> bool:
        """Whether nothing that is sent now would be answered."""
        there, back = (self._place.name, self._region.store), (self._region.store, self._place.name)
        return bool(self._region.outages) or any(self._net.wire(*way).loss >= 1 for way in (there, back))
