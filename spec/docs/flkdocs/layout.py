"""Where the boxes of one room go: floors from top to bottom, boxes of a floor in an order with few crossings.

The layered method of Sugiyama, Tagawa and Toda: arrows over several floors are led through points on the floors between, the floors
are ordered by the mean place of their neighbours, and then everything is drawn towards its neighbours as far as its floor has room.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from flkdocs.imports import Arrow, Floors

FLOOR = 54.0
"""From one floor to the next, in pixels."""
GAP = 16.0
"""Between two boxes of a floor, in pixels."""
_SWEEPS = 24

Point = tuple[float, float]


@dataclass(frozen=True)
class Drawing:
    """A room laid out, in pixels: the middle of each box, its width, and the points through which each arrow runs."""

    width: float
    height: float
    places: dict[str, Point]
    widths: dict[str, float]
    paths: dict[Arrow, tuple[Point, ...]]


def lay_out(room: Floors, width_of: Callable[[str], float]) -> Drawing:
    """The drawing of a room, with those of its arrows that no detour over others implies, and those that run back."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(room.floor))
    graph.add_edges_from(sorted(arrow for arrow in room.arrows if arrow not in room.back))
    shown = sorted(nx.transitive_reduction(graph).edges) + sorted(room.back)
    chains = {arrow: _chain(arrow, room.floor) for arrow in shown}
    rows: list[list[str]] = [[] for _ in range(room.height)]
    for name in sorted(room.floor):
        rows[room.floor[name]].append(name)
    for chain in chains.values():
        for name, level in chain[1:-1]:
            rows[level].append(name)
    neighbours: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for chain in chains.values():
        for (upper, _), (lower, _) in pairwise(chain):
            neighbours[upper].append(lower)
            neighbours[lower].append(upper)
    widths = {name: width_of(name) if name in room.floor else 6.0 for row in rows for name in row}
    across = _across(rows, neighbours, widths)
    left = min(across[name] - widths[name] / 2 for name in across)
    right = max(across[name] + widths[name] / 2 for name in across)

    def place(name: str, level: int) -> Point:
        return across[name] - left, (room.height - 1 - level + 0.5) * FLOOR

    return Drawing(
        right - left,
        room.height * FLOOR,
        {name: place(name, level) for name, level in room.floor.items()},
        {name: widths[name] for name in room.floor},
        {arrow: tuple(place(name, level) for name, level in chain) for arrow, chain in chains.items()},
    )


def _chain(arrow: Arrow, floor: dict[str, int]) -> list[tuple[str, int]]:
    """The ends of an arrow with a point on every floor between them, from the importing end."""
    start, end = floor[arrow[0]], floor[arrow[1]]
    step = -1 if end < start else 1
    between = [(f"{arrow[0]}>{arrow[1]}@{level}", level) for level in range(start + step, end, step)]
    return [(arrow[0], start), *between, (arrow[1], end)]


def _across(rows: list[list[str]], neighbours: dict[str, list[str]], widths: dict[str, float]) -> dict[str, float]:
    """Where each box and point lies on its floor."""
    across: dict[str, float] = {}
    for row in rows:
        across |= _packed(row, dict.fromkeys(row, 0.0), widths)
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            wished = {name: _mean([across[other] for other in neighbours[name]], across[name]) for name in row}
            row.sort(key=lambda name: (wished[name], name))
            across |= _packed(row, wished, widths)
    return across


def _packed(row: list[str], wished: dict[str, float], widths: dict[str, float]) -> dict[str, float]:
    """Each name as near to the place it wishes as its neighbours on the floor allow, their order kept.

    Names that want the same room are moved as one block to the mean of what they wish (pool adjacent violators).
    """
    blocks: list[tuple[list[str], float]] = []
    for name in row:
        names, total = [name], wished[name]
        while blocks and _start(blocks[-1], widths) + _extent(blocks[-1][0], widths) + GAP > _start(
            (names, total), widths
        ):
            before, sum_before = blocks.pop()
            total += sum_before - len(names) * (_extent(before, widths) + GAP)
            names = before + names
        blocks.append((names, total))
    found = {}
    for block in blocks:
        at = _start(block, widths)
        for name in block[0]:
            found[name] = at + widths[name] / 2
            at += widths[name] + GAP
    return found


def _start(block: tuple[list[str], float], widths: dict[str, float]) -> float:
    """The left end of a block: `total` is what its names wish, each moved by the room that those before it take."""
    names, total = block
    return total / len(names) - sum(widths[name] / 2 for name in names) / len(names)


def _extent(names: list[str], widths: dict[str, float]) -> float:
    return sum(widths[name] for name in names) + GAP * (len(names) - 1)


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
