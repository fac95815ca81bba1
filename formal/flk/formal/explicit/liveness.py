"""Progress under weak fairness: does the conclusion always follow, or is there a fair run that never reaches it?

P leads to Q is violated if and only if a reachable state of P and not Q can go on for ever in not Q, either in a cycle or with
nothing happening at all, so that every fair instance is, again and again, either taken or unable to change the state. As nothing
need happen, a state that no fair instance can change is such a way to go on. A step that leaves the state as it is counts for
nothing. Maximal strongly connected components decide it, since both ways to be fair are kept when a component grows.

Source: Lamport, "Specifying Systems", 2002, chapter 8 (WF_vars of each instance).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from sys import maxsize
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from flk.formal.explicit.graph import Graph, Numbers, Truths

EFFORT = 200_000
"""Nodes looked at in search of the shortest lasso; after that a short one is taken."""


class Lasso(NamedTuple):
    """A violation: from `start`, a state of the premise, along the steps `way`; the last of them end in a cycle.

    Steps are positions in the graph's arrays. `loop` of them lead to the cycle. If no more follow, nothing happens any more.
    `shortest` is false if looking for a shorter one was given up.
    """

    start: int
    way: tuple[int, ...]
    loop: int
    shortest: bool = True


def lasso(graph: Graph, depth: Numbers, premise: Truths, conclusion: Truths, fair: Sequence[int]) -> Lasso | None:
    """A shortest lasso that violates `premise` leads to `conclusion`, or None if there is none.

    `depth` counts the steps from an initial state to each state, and counts towards the length; `fair` are positions of instances.
    Shortest among those whose premise comes no later than the cycle begins, unless that takes too long to find: see EFFORT.
    """
    changing = np.flatnonzero(graph.source != graph.target)
    changing = changing[np.lexsort((graph.instance[changing], graph.source[changing]))]
    within = changing[~conclusion[graph.source[changing]] & ~conclusion[graph.target[changing]]]
    reach = _reach(_Steps.of(graph, within), depth, premise & ~conclusion)
    reached = reach.distance >= 0
    within = within[reached[graph.source[within]]]
    component = _components(graph, within)
    fairly = _fair(graph, changing, within, component, fair)
    homes = np.flatnonzero(reached & fairly[component])
    if not len(homes):
        return None
    homes = homes[np.argsort(reach.distance[homes], kind="stable")]
    inside = within[component[graph.source[within]] == component[graph.target[within]]]
    cycles = _Cycles(_Steps.of(graph, inside), _unable(graph, changing, fair), {i: 1 << n for n, i in enumerate(fair)})
    home, cycle, shortest = _shortest(homes, reach.distance, cycles)
    start, prefix = reach.way(home)
    return Lasso(start, (*prefix, *cycle), len(prefix), shortest)


@dataclass(frozen=True)
class _Steps:
    """Some of a graph's steps, ordered by source, and where those of each state begin."""

    graph: Graph
    chosen: Numbers
    first: Numbers

    @classmethod
    def of(cls, graph: Graph, chosen: Numbers) -> "_Steps":
        return cls(graph, chosen, np.searchsorted(graph.source[chosen], np.arange(len(graph.states) + 1)))

    def leaving(self, states: Numbers) -> Numbers:
        """The steps from some states, in the states' order."""
        first, last = self.first[states], self.first[states + 1]
        counts = last - first
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.asarray(self.chosen[np.repeat(first, counts) + offsets])

    def of_state(self, state: int) -> list[tuple[int, int, int]]:
        """Each step from a state, with its target and its instance."""
        steps = self.chosen[self.first[state] : self.first[state + 1]]
        return list(
            zip(steps.tolist(), self.graph.target[steps].tolist(), self.graph.instance[steps].tolist(), strict=True)
        )


@dataclass(frozen=True)
class _Reach:
    """How far each state is from the initial ones by way of the premise (-1: not reached), and the last step of a shortest way."""

    graph: Graph
    distance: Numbers
    last: Numbers

    def way(self, state: int) -> tuple[int, list[int]]:
        """A state of the premise, and steps from there."""
        steps: list[int] = []
        while self.last[state] >= 0:
            steps.append(int(self.last[state]))
            state = int(self.graph.source[steps[-1]])
        return state, steps[::-1]


def _reach(steps: _Steps, depth: Numbers, starts: Truths) -> _Reach:
    """Breadth first, each start coming in at its own depth."""
    distance, last = np.full(len(depth), -1), np.full(len(depth), -1)
    deepest = int(depth[starts].max(initial=-1))
    frontier = np.array([], np.int64)
    for level in count():
        entering = np.flatnonzero(starts & (depth == level) & (distance < 0)) if level <= deepest else frontier[:0]
        distance[entering] = level
        frontier = np.union1d(frontier, entering)
        if not len(frontier) and level >= deepest:
            return _Reach(steps.graph, distance, last)
        leaving = steps.leaving(frontier)
        frontier, found = np.unique(steps.graph.target[leaving], return_index=True)
        fresh = distance[frontier] < 0
        frontier, found = frontier[fresh], found[fresh]
        distance[frontier], last[frontier] = level + 1, leaving[found]
    raise AssertionError


def _components(graph: Graph, steps: Numbers) -> Numbers:
    """The number of each state's strongly connected component."""
    size = len(graph.states)
    matrix = csr_matrix((np.ones(len(steps), np.bool_), (graph.source[steps], graph.target[steps])), (size, size))
    return np.asarray(connected_components(matrix, connection="strong")[1], np.int64)


def _fair(graph: Graph, changing: Numbers, within: Numbers, component: Numbers, fair: Sequence[int]) -> Truths:
    """Which components can be stayed in for ever: each fair instance is taken inside, or cannot change the state somewhere."""
    size = np.bincount(component)
    fairly = np.ones(len(size), np.bool_)
    inside = within[component[graph.source[within]] == component[graph.target[within]]]
    for instance in fair:
        able = graph.source[changing[graph.instance[changing] == instance]]
        taken = graph.source[inside[graph.instance[inside] == instance]]
        everywhere = np.bincount(component[able], minlength=len(size)) == size
        fairly &= ~everywhere | (np.bincount(component[taken], minlength=len(size)) > 0)
    return fairly


def _unable(graph: Graph, changing: Numbers, fair: Sequence[int]) -> Callable[[int], int]:
    """A function that says, as a set of bits, which fair instances cannot change a state."""
    steps = _Steps.of(graph, changing)
    bits = {instance: 1 << n for n, instance in enumerate(fair)}

    @cache
    def unable(state: int) -> int:
        return ((1 << len(fair)) - 1) & ~sum({bits.get(instance, 0) for _, _, instance in steps.of_state(state)})

    return unable


_Node: TypeAlias = tuple[int, int]
"""A state, and the bits of the fair instances that have been taken or found unable on the way to it."""


class _Exhausted(Exception):
    """The search for a shortest cycle has taken too long."""


class _Cycles:
    """Fair cycles within components."""

    def __init__(self, steps: _Steps, unable: Callable[[int], int], bits: dict[int, int]) -> None:
        self.steps, self.unable, self.bits = steps, unable, bits
        self.all = sum(bits.values())

    def shortest(self, home: int, limit: int, effort: list[int]) -> list[int] | None:
        """A shortest fair cycle from a state back to it, if there is one of fewer than `limit` steps. Raises _Exhausted."""
        goal = home, self.all
        found = self._walk((home, self.unable(home)), lambda node: node == goal, limit, effort)
        return found and found[0]

    def short(self, home: int) -> list[int]:
        """A fair cycle that goes to the nearest state or step that makes it fairer, until it is fair, and then home."""
        node, cycle = (home, self.unable(home)), list[int]()
        while node[1] != self.all:
            steps, node = self._leg(node, lambda to, had=node[1]: to[1] != had)  # type: ignore[misc]
            cycle += steps
        return cycle + self._leg(node, lambda to: to[0] == home)[0]

    def _leg(self, start: _Node, done: Callable[[_Node], bool]) -> tuple[list[int], _Node]:
        found = self._walk(start, done, None, None)
        assert found is not None, "a fair component has a fair cycle through each of its states"
        return found

    def _walk(
        self, start: _Node, done: Callable[[_Node], bool], limit: int | None, effort: list[int] | None
    ) -> tuple[list[int], _Node] | None:
        """The shortest way to a node that is `done`, breadth first."""
        came: dict[_Node, tuple[int, _Node] | None] = {start: None}
        layer = [start]
        for length in count():
            for node in layer:
                if done(node):
                    return _unwound(came, node), node
            if limit is not None and length + 1 >= limit:
                return None
            layer = self._next(layer, came, effort)
            if not layer:
                return None
        raise AssertionError

    def _next(
        self, layer: list[_Node], came: dict[_Node, tuple[int, _Node] | None], effort: list[int] | None
    ) -> list[_Node]:
        fresh: list[_Node] = []
        for node in layer:
            if effort is not None:
                effort[0] -= 1
                if effort[0] < 0:
                    raise _Exhausted
            for step, target, instance in self.steps.of_state(node[0]):
                to = target, node[1] | self.bits.get(instance, 0) | self.unable(target)
                if to not in came:
                    came[to] = step, node
                    fresh.append(to)
        return fresh


def _unwound(came: dict[_Node, tuple[int, _Node] | None], node: _Node) -> list[int]:
    steps: list[int] = []
    while (before := came[node]) is not None:
        step, node = before
        steps.append(step)
    return steps[::-1]


def _shortest(homes: Numbers, distance: Numbers, cycles: _Cycles) -> tuple[int, list[int], bool]:
    """Where the lasso's cycle begins, and the cycle, so that prefix and cycle together are shortest; false if not surely so."""
    best: tuple[int, list[int]] | None = None
    limit, effort = maxsize, [EFFORT]
    try:
        for home in homes.tolist():
            away = int(distance[home])
            if best is not None and away >= limit:
                break
            cycle = cycles.shortest(home, limit - away, effort)
            if cycle is not None:
                best, limit = (home, cycle), away + len(cycle)
    except _Exhausted:
        nearest = int(homes[0])
        return *(best or (nearest, cycles.short(nearest))), False
    assert best is not None, "a fair component has a fair cycle through each of its states"
    return *best, True
