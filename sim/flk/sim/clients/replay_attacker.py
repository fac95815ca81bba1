"""Somebody who has listened to the agents and sends again what they sent (DUP-2: all there is to learn is the stored outcome)."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from flk.model.flow.submission import Response, Submission
from flk.sim.clients.arrivals import poisson_bound
from flk.sim.clients.items import Item
from flk.sim.kernel.engine import Deadlines
from flk.sim.kernel.random_streams import RandomStream, exponentials
from flk.sim.nodes.region import Region, World
from flk.sim.nodes.rpc import Route, call
from flk.sim.scenarios.faults import ReplayAttack
from flk.sim.scenarios.topology import clients_of
from flk.sim.world.events import NO_ANSWER, Attempt, Intent

NOBODY = -1
"""The number of the agent and of the item behind what an attacker sends."""


class Attacker:
    """Sends recorded submissions again, at the moments of a Poisson process, to any region, from near it, and only once each time.

    When, what and where to are keyed by the fault. What is sent again is the latest submission that had been sent by a moment
    chosen anywhere between the start of the run and now.
    """

    def __init__(self, fault: ReplayAttack, items: Sequence[Item], regions: Mapping[str, Region], world: World) -> None:
        self._fault = fault
        self._items = items
        self._regions = regions
        self._world = world
        self._random = RandomStream(world.seed, f"attack/{fault.id}")
        self._answers = Deadlines[Response | None](world.simulator, world.policy.retry.timeout_seconds, None)

    def begin(self) -> None:
        """Attack from now until the end of the fault."""
        coming = enumerate(self._moments())

        def await_next() -> None:
            number, moment = next(coming, (0, None))
            if moment is not None:
                self._world.simulator.after(moment - self._world.simulator.now, lambda: strike(number))

        def strike(number: int) -> None:
            self._strike(number)
            await_next()

        await_next()

    def _moments(self) -> Iterator[float]:
        """A Poisson process of the fault's rate, from its start to its end."""
        expected = self._fault.rate * self._fault.duration
        stream = RandomStream(self._world.seed, f"attack/{self._fault.id}/gaps")
        gaps = exponentials(stream.column(poisson_bound(expected))) / self._fault.rate
        at = self._fault.start + gaps.cumsum()
        yield from at[at < self._fault.end].tolist()

    def _strike(self, number: int) -> None:
        name = f"{self._fault.id}.{number}"
        which, where, _ = self._random.triple(str(number))
        sent = self._recorded(which * self._world.simulator.now)
        if sent is None:
            return
        region = list(self._regions)[int(where * len(self._regions))]
        wait = self._answers.begin(partial(self._answered, name, region, self._world.simulator.now))
        route = Route(clients_of(region), self._regions[region].in_turn(number), f"attack-{name}")
        call(self._world.net, route, lambda node, reply: node.serve(f"ingest {name}", sent, reply), wait)

    def _answered(self, name: str, region: str, sent: float, response: Response | None) -> None:
        status = response.status if response else NO_ANSWER
        now = self._world.simulator.now
        self._world.trace.event(now, f"attacker.{self._fault.id}", name, f"Post {region}", str(status))
        self._world.observer.on(Attempt(NOBODY, NOBODY, region, sent, now, status, Intent.REPLAYED))

    def _recorded(self, moment: float) -> Submission | None:
        """The latest submission that an agent had been given by a moment and has sent since, or else the first of all."""
        place = bisect_right(self._items, moment, key=lambda item: item.arrival.at)
        earlier = (item for item in reversed(self._items[:place]) if item.attempts)
        item = next(earlier, None) or next((item for item in self._items if item.attempts), None)
        return item.submission if item else None
