"""A question that somebody outside asks a region's node, and its answer: two messages, either of which may be lost."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from flk.sim.kernel.engine import Wait
from flk.sim.kernel.random_streams import ANSWER, REQUEST, Draws
from flk.sim.nodes.parts import RunningNode
from flk.sim.nodes.region import Place
from flk.sim.world.network import Net

T = TypeVar("T")


class Route(NamedTuple):
    """From where, to which node, and the name of the message, which keys its random numbers."""

    sender: str
    place: Place
    message: str


def call(
    net: Net,
    route: Route,
    serve: Callable[[RunningNode, Callable[[T], None]], None],
    wait: Wait[T],
    draws: Draws | None = None,
    front: Callable[[Callable[[T], None]], Callable[[T], None] | None] | None = None,
) -> None:
    """Send a message to a node and end the wait with its reply, if both messages arrive and the node lives.

    `draws` holds the random numbers of the two messages, if there are any yet. `front` is what the message meets before the node,
    even one that is dead.
    """
    sender, place, message = route

    def reply(answer: T) -> None:
        net.send(place.name, sender, message, wait.end, answer, drawn=draws and draws.message(ANSWER))

    def arrived() -> None:
        node = place.node
        answer = reply if front is None else front(reply)
        if node is not None and answer is not None:
            serve(node, answer)

    net.send(sender, place.name, message, arrived, drawn=draws and draws.message(REQUEST))
