"""Where things are, and what lies between them: regions, the agents near each of them, one object store, and links."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Direction, Share

OBJECTS = "objects"
CLIENTS = "clients"
STORE = "store"


class Path(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a message meets: `delay` seconds, on top of it an exponential time of mean `jitter`, a share of messages that is lost,
    a share that arrives twice, and a `bandwidth` in bytes per second (None: no limit), which messages share one after another.
    """

    delay: Seconds = Seconds(0.02)
    jitter: Seconds = Seconds(0)
    loss: Share = 0.0
    duplication: Share = 0.0
    bandwidth: Annotated[float, Meta(gt=0)] | None = None


class Link(Path, frozen=True, kw_only=True):
    """The path between two places."""

    between: tuple[str, str]
    direction: Direction = Direction.BOTH


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every pair of places has the default path, unless a link says otherwise; of two links for one pair the later counts."""

    default: Path = Path()
    links: tuple[Link, ...] = ()


def clients_of(region: str) -> str:
    """The place of the agents whose home is a region."""
    return f"{CLIENTS}.{region}"


def store_of(region: str) -> str:
    """The place of the store that the nodes of a region share."""
    return f"{STORE}.{region}"


def nodes_of(region: str, nodes: int) -> tuple[str, ...]:
    """The names of a region's nodes. One that is alone has the name of its region."""
    return (region,) if nodes == 1 else tuple(f"{region}.{number}" for number in range(1, nodes + 1))


def region_of_node(node: str) -> str:
    """The region of a node, by its name."""
    return node.partition(".")[0]


def parts_of(region: str, nodes: int) -> tuple[str, ...]:
    """The places of a region: its nodes, and if they are several the store that they share."""
    return nodes_of(region, nodes) + ((store_of(region),) if nodes > 1 else ())


def places(regions: Iterable[str], nodes: int = 1) -> tuple[str, ...]:
    """Every place of a topology with so many nodes to a region."""
    regions = tuple(regions)
    stores = map(store_of, regions) if nodes > 1 else ()
    return (
        *(node for region in regions for node in nodes_of(region, nodes)),
        *stores,
        *map(clients_of, regions),
        OBJECTS,
    )


def every_place(regions: Iterable[str], nodes: int) -> tuple[str, ...]:
    """What a link or a fault may name: every place, and a region for all of its nodes."""
    return tuple(dict.fromkeys((*places(regions, nodes), *regions)))


def expand(side: Iterable[str], regions: Iterable[str], nodes: int = 1) -> Iterator[str]:
    """The places that a side of a fault, or of a link, names. `clients` alone stands for the agents of every region, and a region
    of several nodes for all of them and their store.
    """
    regions = tuple(regions)
    for name in side:
        if name == CLIENTS:
            yield from map(clients_of, regions)
        elif nodes > 1 and name in regions:
            yield from parts_of(name, nodes)
        else:
            yield name


def directed(first: Iterable[str], second: Iterable[str], direction: Direction) -> Iterator[tuple[str, str]]:
    """The pairs (sender, receiver) that a direction between two sides covers."""
    second = tuple(second)
    for a in first:
        for b in second:
            if direction is not Direction.BACKWARD:
                yield a, b
            if direction is not Direction.FORWARD:
                yield b, a
