"""Exploring a protocol: every reachable state, a verdict for each property, and the shortest way to each that fails."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import TypeAlias

import msgspec

from flk.formal.explicit.expression import evaluate
from flk.formal.explicit.graph import Graph, GraphOf, depths, interpreted, truths
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.liveness import Lasso, lasso
from flk.formal.explicit.schema import Instance, Schema, State
from flk.formal.explicit.search import Engine, Hit, Options, Search, violates
from flk.formal.explicit.symmetry import Symmetry
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.text import text
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict, worst

OnSearch: TypeAlias = Callable[[Ground, Search], None]

CUT = "the search was cut short: allow more states, or do not stop at the first violation"
DEADLOCK = "no deadlock"
"""The finding that in every state some action can happen, or the protocol may stop. No property has this name: it has a blank."""

HAPPENS = " happens"
"""What stands behind an action's name in the finding that it can happen."""

STUCK = "no action can happen; if that is as it should be, say so with may_stop"
NEVER_HAPPENS = "no reachable state allows it; if that is as it should be, say so with may_not_happen"
NOWHERE = "no reachable state satisfies it"
NEVER_WAITS = "no reachable state satisfies the premise without the conclusion"
FOLDED = "symmetry folds the paths that progress is judged on: explore without it"


LONGER = "there may be a shorter one"
TOO_MANY = "there are more steps than progress is judged on: choose smaller sizes"

STEPS = 100_000_000
"""Steps that progress is judged on at most; each takes some 70 bytes for a while."""


class Move(msgspec.Struct, frozen=True):
    """One step of a path: the instance as it is written, and the state after it; the first has no instance."""

    action: str
    arguments: tuple[int, ...]
    shown: str
    state: State


class Path(msgspec.Struct, frozen=True):
    """A way through the states from an initial one.

    A lasso goes on for ever: its last state is again that of the move at `loop`. If that is the last move itself, nothing happens
    any more.
    """

    moves: tuple[Move, ...]
    loop: int | None = None


class Finding(msgspec.Struct, frozen=True):
    """What exploration says of a property. `path` is a shortest counterexample, or, for `reachable`, a shortest witness."""

    property: str
    kind: PropertyKind
    verdict: Verdict
    path: Path | None = None
    note: str = ""


class Explored(msgspec.Struct, frozen=True):
    """A protocol at some sizes, explored."""

    protocol: str
    sizes: dict[str, int]
    engine: str
    bits: int
    symmetric: bool
    states: int
    transitions: int
    depth: int
    layers: tuple[int, ...]
    hashes: tuple[int, ...]
    complete: bool
    seconds: float
    findings: tuple[Finding, ...]
    fault: Finding | None = None
    implied: tuple[Finding, ...] = ()
    """What nobody has to claim: that there is no deadlock, unless the protocol may stop anywhere; and of each action that no
    reachable state allows that it happens, unless the protocol says that it may not. Such actions are known when all states are."""

    happened: tuple[str, ...] = ()
    """The actions that can happen in the states whose steps were taken."""

    @property
    def judged(self) -> tuple[Finding, ...]:
        """What was found of the properties, and of what nobody has to claim."""
        return (*self.findings, *self.implied)

    @property
    def deadlock(self) -> Finding | None:
        """Whether in some state no action can happen though the protocol may not stop there; None if it may stop anywhere."""
        return next((finding for finding in self.implied if finding.property == DEADLOCK), None)

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if anything is, HOLDS only if everything does."""
        return Verdict.VIOLATED if self.fault else worst(finding.verdict for finding in self.judged)


def restricted(protocol: Protocol, names: Collection[str]) -> Protocol:
    """The protocol with only these properties, and then with no other judgement (or with all, if none is named).

    Raises UnusableInput for one that it does not have.
    """
    unknown = [name for name in names if name not in protocol.properties]
    if unknown:
        have = ", ".join(protocol.properties) or "none"
        raise UnusableInput(f"{protocol.name} has no property {', '.join(unknown)}: choose from {have}")
    if not names:
        return protocol
    part = protocol.variant(protocol.name, protocol.story, protocol.requirements)
    part.without(*(name for name in protocol.properties if name not in names))
    part.judge_only_properties()
    return part


def explore(
    protocol: Protocol,
    engine: Engine,
    name: str,
    sizes: Mapping[str, int] | None = None,
    options: Options | None = None,
    graph_of: GraphOf = interpreted,
    on_search: OnSearch = lambda *_: None,
) -> Explored:
    """Explore with an engine that is called `name`; `graph_of` makes the graph that `leads_to` properties are judged on, if needed.

    `on_search` is handed what the engine searched and found, for those who want more of it than its verdicts. Raises UnusableInput
    for sizes that the protocol does not have, and for assumptions that are undefined at first or that no initial state satisfies.
    """
    options = options or Options()
    schema = Schema.of(protocol, sizes)
    ground = Ground(schema)
    _check_assumptions(ground)
    started = perf_counter()
    search = engine(ground, options)
    seconds = perf_counter() - started
    on_search(ground, search)
    if not search.layers:
        raise UnusableInput(f"{protocol.name}: no initial state satisfies the assumptions; weaken one of them")
    route = Router(schema, search, symmetric=options.symmetry)
    judge = _Judge(ground, search, route, graph_of)
    findings = tuple(map(judge.finding, protocol.properties.values()))
    return Explored(
        protocol.name,
        schema.size_of,
        name,
        schema.bits,
        options.symmetry,
        sum(search.layers),
        search.transitions,
        len(search.layers) - 1,
        tuple(search.layers),
        tuple(search.hashes),
        search.complete,
        seconds,
        findings,
        _fault(search, route, schema),
        (*judge.deadlock(), *judge.idle()),
        tuple(name for name in protocol.actions if name in search.happened),
    )


def _check_assumptions(ground: Ground) -> None:
    """Raises UnusableInput if an assumption is undefined in some state that the variables' initial values allow."""
    protocol = ground.schema.protocol
    for assumption in protocol.assumptions:
        defined = ground.translate(assumption, {}).defined
        if not defined.is_true and not all(evaluate(defined, state) for state in ground.schema.candidates()):
            said = text(assumption)
            raise UnusableInput(
                f"{protocol.name}: the assumption {said} reads what is undefined at first; guard it by defined"
            )


class Router:
    """Finds the shortest path to a state: back through the layers, always to the least predecessor, then forth again."""

    def __init__(self, schema: Schema, search: Search, *, symmetric: bool) -> None:
        self.interpreter = Interpreter(schema)
        self.symmetry = Symmetry.of(schema, wanted=symmetric)
        self.search = search

    def path(self, hit: Hit) -> Path:
        """The path to a hit, which every engine finds alike."""
        chain = [hit.state]
        for depth in range(hit.depth - 1, -1, -1):
            chain.append(self.search.predecessor(depth, chain[-1]))
        chain.reverse()
        state = chain[0]  # the least of its images begins, too: neither initial values nor assumptions name an element
        moves = [Move("", (), "", state)]
        for goal in chain[1:]:
            instance, state = self._step(state, goal)
            moves.append(_move(instance, state))
        return Path(tuple(moves))

    def _step(self, state: State, goal: State) -> tuple[Instance, State]:
        """The first instance that leads to the goal or, under symmetry, to an image of it."""
        for step in self.interpreter.steps(state):
            if self.symmetry.canonical(step.after) == goal:
                return step.instance, step.after
        raise LookupError("a state of the search has no step to its successor: the engine and the interpreter differ")


@dataclass
class _Judge:
    """Says of each property what a search has shown."""

    ground: Ground
    search: Search
    route: Router
    graph_of: GraphOf

    def finding(self, property_: Property) -> Finding:
        """The verdict, with the path that shows it."""
        if property_.kind is PropertyKind.LEADS_TO:
            return self._progress(property_)
        hit = self.search.hits.get(property_.name)
        verdict = self._of_states(property_.kind, seen=hit is not None)
        path = self.route.path(hit) if hit else None
        nowhere = NOWHERE if property_.kind is PropertyKind.REACHABLE and verdict is Verdict.VIOLATED else ""
        return Finding(property_.name, property_.kind, verdict, path, CUT if verdict is Verdict.UNDECIDED else nowhere)

    def deadlock(self) -> Iterator[Finding]:
        """Whether the protocol can come to a stop where it may not; nothing if it may stop anywhere."""
        if not self.ground.end.value.is_true:
            hit = self.search.deadlock
            verdict = self._of_states(PropertyKind.ALWAYS, seen=hit is not None)
            note = STUCK if hit else CUT if verdict is Verdict.UNDECIDED else ""
            yield Finding(DEADLOCK, PropertyKind.ALWAYS, verdict, self.route.path(hit) if hit else None, note)

    def idle(self) -> Iterator[Finding]:
        """The actions that can nowhere happen."""
        protocol = self.ground.schema.protocol
        for name in protocol.actions if self.search.complete else ():
            if name not in self.search.happened and name not in protocol.idle:
                yield Finding(name + HAPPENS, PropertyKind.REACHABLE, Verdict.VIOLATED, note=NEVER_HAPPENS)

    def _of_states(self, kind: PropertyKind, *, seen: bool) -> Verdict:
        unseen = Verdict.HOLDS if self.search.complete else Verdict.UNDECIDED
        if kind is PropertyKind.REACHABLE:
            missing = Verdict.VIOLATED if self.search.complete else Verdict.UNDECIDED
            return Verdict.HOLDS if seen else missing
        return Verdict.VIOLATED if seen and violates(kind) else unseen

    def _progress(self, property_: Property) -> Finding:
        name, kind = property_.name, property_.kind
        if not self.search.complete:
            return Finding(name, kind, Verdict.UNDECIDED, note=CUT)
        if name not in self.search.hits:
            return Finding(name, kind, Verdict.HOLDS, note=NEVER_WAITS)
        if self.route.symmetry.sorts:
            return Finding(name, kind, Verdict.UNDECIDED, note=FOLDED)
        if self.search.transitions > STEPS:
            return Finding(name, kind, Verdict.UNDECIDED, note=TOO_MANY)
        found = self._lasso(property_)
        if found is None:
            return Finding(name, kind, Verdict.HOLDS)
        return Finding(name, kind, Verdict.VIOLATED, self._path(found), "" if found.shortest else LONGER)

    @cached_property
    def _graph(self) -> Graph:
        return self.graph_of(self.ground, self.search)

    def _lasso(self, property_: Property) -> Lasso | None:
        graph, instances = self._graph, self.ground.schema.instances
        ground = next(p for p in self.ground.properties if p.property is property_)
        fair = [n for n, instance in enumerate(instances) if instance.action.name in property_.fair]
        depth = depths(self.search)
        return lasso(graph, depth, truths(ground.condition, graph), truths(ground.conclusion, graph), fair)

    def _path(self, found: Lasso) -> Path:
        graph, instances, depth = self._graph, self.ground.schema.instances, depths(self.search)
        before = self.route.path(Hit(int(depth[found.start]), graph.states[found.start])).moves
        after = tuple(_move(instances[graph.instance[n]], graph.states[graph.target[n]]) for n in found.way)
        return Path(before + after, len(before) - 1 + found.loop)


def _move(instance: Instance, state: State) -> Move:
    return Move(instance.action.name, instance.arguments, str(instance), state)


def _fault(search: Search, route: Router, schema: Schema) -> Finding | None:
    if search.fault is None:
        return None
    path = route.path(search.fault)
    note = explain(route.interpreter, path.moves[-1].state, schema.protocol)
    if note is None:
        raise LookupError("an engine reported a fault that the interpreter does not see")
    return Finding("", PropertyKind.ALWAYS, Verdict.VIOLATED, path, note)


def explain(interpreter: Interpreter, state: State, protocol: Protocol) -> str | None:
    """What of a protocol is undefined in a state; None if all has a meaning there."""
    try:
        for property_ in protocol.properties.values():
            interpreter.evaluate(property_.condition, state, {})
            if property_.conclusion is not None:
                interpreter.evaluate(property_.conclusion, state, {})
        if not list(interpreter.steps(state)):
            interpreter.evaluate(protocol.end, state, {})
    except Fault as fault:
        return str(fault)
    return None
