"""The imports between the folders of the rooms, read from the code: floors, cycles, and arrows that run back.

A *box* is a folder with modules of its own, or a module that lies beside the folders of its room (the room's door among them).
An *arrow* runs from a box to a box that it imports; imports inside functions and under TYPE_CHECKING count like any other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grimp
import networkx as nx

from flkdocs import ROOT

ROOMS = ("spec", "model", "formal", "sim", "impl", "conformance")
"""The rooms, each with only rooms before it below it."""

Arrow = tuple[str, str]
"""The box that imports, and the box that is imported."""


@dataclass(frozen=True)
class Floors:
    """A graph of boxes laid out: what a box imports lies on a lower floor, but for the arrows that run back."""

    arrows: dict[Arrow, int]
    """Each arrow, and how many imports of modules it stands for."""
    floor: dict[str, int]
    """The floor of each box, from 0 upwards."""
    back: frozenset[Arrow]
    """Arrows to the same or a higher floor."""

    @property
    def height(self) -> int:
        """How many floors there are."""
        return max(self.floor.values(), default=-1) + 1


@dataclass(frozen=True)
class Plan:
    """The imports of the rooms: each room by itself, and the arrows from room to room."""

    modules: int
    imports: int
    rooms: dict[str, Floors]
    between: dict[Arrow, int]
    cycles: tuple[frozenset[str], ...]

    @property
    def boxes(self) -> int:
        """How many boxes all rooms have."""
        return sum(len(room.floor) for room in self.rooms.values())

    @property
    def arrows(self) -> int:
        """How many arrows run inside rooms."""
        return sum(len(room.arrows) for room in self.rooms.values())

    @property
    def back(self) -> int:
        """How many of these run back."""
        return sum(len(room.back) for room in self.rooms.values())


@cache
def plan() -> Plan:
    """The plan of the checkout."""
    graph = grimp.build_graph(*(f"flk.{room}" for room in ROOMS), cache_dir=None)
    return survey(graph, frozenset(_packages()))


def survey(graph: grimp.ImportGraph, packages: frozenset[str]) -> Plan:
    """The plan of an import graph, of whose modules `packages` are folders."""
    pairs = [(a, b) for a in sorted(graph.modules) for b in sorted(graph.find_modules_directly_imported_by(a))]
    boxes = {box(module, packages) for module in graph.modules}
    within: dict[Arrow, int] = {}
    between: dict[Arrow, int] = {}
    for importer, imported in pairs:
        ends = box(importer, packages), box(imported, packages)
        rooms = room_of(importer), room_of(imported)
        table, arrow = (within, ends) if rooms[0] == rooms[1] else (between, rooms)
        if arrow[0] != arrow[1]:
            table[arrow] = table.get(arrow, 0) + 1
    rooms_ = {}
    for room in ROOMS:
        arrows = {arrow: count for arrow, count in within.items() if room_of(arrow[0]) == room}
        rooms_[room] = floors({name for name in boxes if room_of(name) == room}, arrows)
    return Plan(len(graph.modules), len(pairs), rooms_, between, tuple(cycles(graph)))


def box(module: str, packages: frozenset[str]) -> str:
    """The box that a module belongs to.

    >>> box("flk.sim.world.clocks", frozenset({"flk.sim", "flk.sim.world"})), box("flk.sim.run", frozenset({"flk.sim"}))
    ('flk.sim.world', 'flk.sim.run')
    """
    parent = module.rpartition(".")[0]
    return module if module in packages or parent.count(".") == 1 else parent


def room_of(name: str) -> str:
    """The room of a module or a box: `sim` of `flk.sim.world`."""
    return name.split(".")[1]


def floors(boxes: set[str], arrows: dict[Arrow, int]) -> Floors:
    """The boxes on as few floors as their arrows allow, once the fewest imports that make a cycle are set aside."""
    graph = nx.DiGraph(list(arrows))
    graph.add_nodes_from(boxes)
    back = frozenset(_set_aside(graph, arrows))
    graph.remove_edges_from(back)
    levels = nx.topological_generations(graph.reverse(copy=True))
    return Floors(arrows, {name: level for level, names in enumerate(levels) for name in names}, back)


def cycles(graph: grimp.ImportGraph) -> Iterator[frozenset[str]]:
    """Siblings that import each other in a ring: modules of one folder, or folders of one folder with all that is in them."""
    for parent in sorted(module for module in graph.modules if graph.find_children(module)):
        children = graph.find_children(parent)
        siblings: nx.DiGraph[str] = nx.DiGraph()
        for child in children:
            for module in {child} | graph.find_descendants(child):
                for imported in graph.find_modules_directly_imported_by(module):
                    other = _child_of(parent, imported)
                    if other is not None and other != child and other in children:
                        siblings.add_edge(child, other)
        yield from (frozenset(ring) for ring in nx.strongly_connected_components(siblings) if len(ring) > 1)


def _child_of(parent: str, module: str) -> str | None:
    """The child of a package in which a module lies."""
    if not module.startswith(f"{parent}."):
        return None
    return f"{parent}.{module[len(parent) + 1 :].partition('.')[0]}"


def _set_aside(graph: "nx.DiGraph[str]", weight: dict[Arrow, int]) -> Iterator[Arrow]:
    """Arrows without which no cycle is left: in each ring the one of fewest imports goes first."""
    rest = graph.copy()
    while True:
        ring = next((ring for ring in nx.strongly_connected_components(rest) if len(ring) > 1), None)
        if ring is None:
            return
        inner = rest.subgraph(ring)
        # the arrow whose loss shrinks the ring most; of several, the lightest
        arrow = min(inner.edges, key=lambda edge: (_left_in_rings(inner, edge), weight[edge], edge))
        rest.remove_edge(*arrow)
        yield arrow


def _left_in_rings(graph: "nx.DiGraph[str]", without: Arrow) -> int:
    """How many boxes are still in a ring without an arrow."""
    rest = nx.DiGraph(graph)
    rest.remove_edge(*without)
    return sum(len(ring) for ring in nx.strongly_connected_components(rest) if len(ring) > 1)


def _packages() -> Iterator[str]:
    """Every folder of the rooms that is a package."""
    for room in ROOMS:
        for init in sorted(Path(ROOT, room, "flk").rglob("__init__.py")):
            yield ".".join(init.parent.relative_to(ROOT / room).parts)
