"""Lassos judged without the code that finds them: step by step, and by trying every set of states."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import networkx
import numpy as np

from flk.formal.explicit.explore import Path
from flk.formal.explicit.graph import Graph
from flk.formal.explicit.interpreter import Interpreter
from flk.formal.explicit.liveness import Lasso, lasso
from flk.formal.explicit.schema import Schema, State
from flk.formal.language import Property, Protocol, Scalar, Term, integer, ite, require
from flk.formal.language.terms import disjunction

Edge = tuple[int, str, int]


@dataclass(frozen=True)
class Case:
    """States 0 … size-1 with labelled edges; `premise` leads to `conclusion`, if the labels in `fair` are weakly fair."""

    size: int
    edges: tuple[Edge, ...]
    initial: frozenset[int]
    premise: frozenset[int]
    conclusion: frozenset[int]
    fair: tuple[str, ...]

    @property
    def changing(self) -> list[Edge]:
        """The edges that change the state."""
        return [(a, label, b) for a, label, b in self.edges if a != b]

    def depths(self) -> dict[int, int]:
        """How far each reachable state is from the initial ones."""
        depth, layer = dict.fromkeys(sorted(self.initial), 0), set(self.initial)
        while layer:
            layer = {b for a, _, b in self.edges if a in layer} - depth.keys()
            depth |= dict.fromkeys(layer, max(depth.values()) + 1)
        return depth

    def is_fair(self, states: set[int], taken: set[str]) -> bool:
        """Whether every fair label is taken, or cannot change one of the states."""
        able = {label: {a for a, each, _ in self.changing if each == label} for label in self.fair}
        return all(label in taken or not states <= able[label] for label in self.fair)

    def violated(self) -> bool:
        """Whether some set of states can be stayed in for ever: each is tried."""
        waiting = set(self.depths()) - self.conclusion
        there = networkx.MultiDiGraph()
        there.add_nodes_from(waiting)
        there.add_edges_from((a, b, label) for a, label, b in self.changing if {a, b} <= waiting)
        starts = waiting & self.premise
        reached = starts.union(*(networkx.descendants(there, start) for start in starts))
        for size in range(1, len(reached) + 1):
            for some in combinations(sorted(reached), size):
                part = there.subgraph(some)
                taken = {label for _, _, label in part.edges(keys=True)}
                if networkx.is_strongly_connected(part) and self.is_fair(set(some), taken):
                    return True
        return False

    def find(self) -> Lasso | None:
        """What the code under test finds."""
        depth = self.depths()
        order = sorted(depth, key=lambda s: (depth[s], s))
        number = {state: n for n, state in enumerate(order)}
        labels = sorted({label for _, label, _ in self.edges} | set(self.fair))
        steps = [(number[a], number[b], labels.index(label)) for a, label, b in self.edges if a in depth]
        source, target, instance = np.array(steps, np.int64).reshape(-1, 3).T
        found = lasso(
            Graph([(s,) for s in order], source, target, instance),
            np.array([depth[s] for s in order]),
            np.array([s in self.premise for s in order]),
            np.array([s in self.conclusion for s in order]),
            [labels.index(label) for label in self.fair],
        )
        if found is None:
            return None
        kept = [edge for edge in self.edges if edge[0] in depth]
        way = tuple(self.edges.index(kept[n]) for n in found.way)
        return Lasso(order[found.start], way, found.loop, found.shortest)

    def refusal(self, found: Lasso) -> str:
        """What is wrong with a lasso; empty if nothing is."""
        way = [self.edges[n] for n in found.way]
        states = [found.start, *(b for _, _, b in way)]
        cycle = way[found.loop :]
        return _first(
            (found.start not in self.depths(), "it does not begin at a reachable state"),
            (found.start not in self.premise, "it does not begin with the premise"),
            (any(a != state for (a, _, _), state in zip(way, states, strict=False)), "a step begins elsewhere"),
            (bool(self.conclusion & set(states)), "the conclusion comes"),
            (states[found.loop] != states[-1], "the cycle does not close"),
            (not self.is_fair(set(states[found.loop :]), {label for _, label, _ in cycle}), "the cycle is not fair"),
        )

    def shorter(self, length: int) -> bool:
        """Whether there is a lasso of fewer than `length` steps, found by trying every walk."""
        depth = self.depths()
        starts = [s for s in sorted(depth) if s in self.premise - self.conclusion and depth[s] < length]
        return any(self._walks(start, (), length - 1 - depth[start]) for start in starts)

    def _walks(self, start: int, way: tuple[int, ...], left: int) -> bool:
        if any(not self.refusal(Lasso(start, way, loop)) for loop in range(len(way) + 1)):
            return True
        here = self.edges[way[-1]][2] if way else start
        onward = [n for n, (a, _, b) in enumerate(self.edges) if a == here != b and b not in self.conclusion]
        return left > 0 and any(self._walks(start, (*way, n), left - 1) for n in onward)

    def protocol(self) -> Protocol:
        """The case as a protocol: one variable, an action for each label."""
        made = Protocol("case", "A graph with labelled edges.")
        at = made.scalar("at", integer(0, self.size - 1), initially=min(self.initial))
        for label in sorted({label for _, label, _ in self.edges} | set(self.fair)):
            made.action()(_body(label, at, {a: b for a, each, b in self.edges if each == label}))

        def within(states: frozenset[int]) -> Term:
            return disjunction([at == state for state in sorted(states)])

        def progress() -> tuple[Term, Term]:
            return within(self.premise), within(self.conclusion)

        made.leads_to(fair=self.fair)(progress)
        return made


def _body(label: str, at: Scalar, goes: dict[int, int]) -> Callable[[], None]:
    def body() -> None:
        require(disjunction([at == state for state in sorted(goes)]))
        value: Term | int = 0
        for before, after in goes.items():
            value = ite(at == before, after, value)
        at.next = value

    body.__name__ = label
    return body


def refusal_of_path(schema: Schema, property_: Property, path: Path) -> str:
    """What is wrong with a lasso of a protocol, judged with the interpreter; empty if nothing is."""
    interpreter = Interpreter(schema)
    states = [move.state for move in path.moves]
    assert path.loop is not None
    assert property_.conclusion is not None
    cycle = path.moves[path.loop + 1 :]
    premise = [bool(interpreter.evaluate(property_.condition, state, {})) for state in states]
    waiting = [not interpreter.evaluate(property_.conclusion, state, {}) for state in states]
    since = next((n for n, holds in enumerate(premise) if holds and all(waiting[n:])), None)
    return _first(
        (states[0] not in set(interpreter.initial_states()), "it does not begin at an initial state"),
        (
            any(not _leads(interpreter, a, m.shown, m.state) for a, m in zip(states, path.moves[1:], strict=False)),
            "no step",
        ),
        (since is None or since > path.loop, "the conclusion comes, or the premise does not"),
        (states[path.loop] != states[-1], "the cycle does not close"),
        (
            not _fair_for_ever(interpreter, property_, states[path.loop :], {move.shown for move in cycle}),
            "the cycle is not fair",
        ),
        (any(a == b for a, b in pairwise(states)), "a step changes nothing"),
    )


def _leads(interpreter: Interpreter, before: State, shown: str, after: State) -> bool:
    return any(str(step.instance) == shown and step.after == after for step in interpreter.steps(before))


def _fair_for_ever(interpreter: Interpreter, property_: Property, cycle: Sequence[State], taken: set[str]) -> bool:
    def able(state: State) -> Iterator[str]:
        return (str(step.instance) for step in interpreter.steps(state) if step.after != state)

    always = set.intersection(*(set(able(state)) for state in cycle))
    return all(shown in taken for shown in always if shown.split("(")[0] in property_.fair)


def _first(*refusals: tuple[bool, str]) -> str:
    return next((why for wrong, why in refusals if wrong), "")
