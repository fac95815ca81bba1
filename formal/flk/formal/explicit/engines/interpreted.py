"""The readable engine: a breadth-first search with the interpreter. The others are tested against it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.layout import Layout, fingerprint
from flk.formal.explicit.schema import Schema, State
from flk.formal.explicit.search import Hit, Options, cut_short
from flk.formal.explicit.symmetry import Symmetry
from flk.formal.language.properties import Property


@dataclass
class InterpretedSearch:
    """A search, in progress and then ended: see `explicit.search.Search`."""

    schema: Schema
    symmetry: Symmetry
    found: list[list[State]] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    transitions: int = 0
    complete: bool = True
    hits: dict[str, Hit] = field(default_factory=dict)
    fault: Hit | None = None
    deadlock: Hit | None = None
    happened: set[str] = field(default_factory=set)

    def predecessor(self, depth: int, state: State) -> State:
        """The least state at `depth` that a step leads from to `state`."""
        interpreter = Interpreter(self.schema)
        for before in self.found[depth]:
            if any(self.symmetry.canonical(step.after) == state for step in interpreter.steps(before)):
                return before
        raise LookupError(f"no state at depth {depth} leads to {state}")

    def states(self, depth: int) -> Sequence[State]:
        """All states of a layer, in ascending order."""
        return self.found[depth]


def search(ground: Ground, options: Options) -> InterpretedSearch:
    """Visit every reachable state, layer by layer."""
    schema = ground.schema
    interpreter, symmetry = Interpreter(schema), Symmetry.of(schema, wanted=options.symmetry)
    result = InterpretedSearch(schema, symmetry)
    layer = {symmetry.canonical(state) for state in interpreter.initial_states()}
    seen = set(layer)
    while layer:
        _close(result, interpreter, sorted(layer))
        options.on_layer(len(result.layers) - 1, len(seen))
        if cut_short(result, len(seen), options, schema.protocol.properties):
            result.complete = False
            break
        layer = _expand(result, interpreter, seen)
    return result


def _close(result: InterpretedSearch, interpreter: Interpreter, layer: list[State]) -> None:
    """Count a layer and look at its properties."""
    layout = Layout(result.schema)
    result.found.append(layer)
    result.layers.append(len(layer))
    result.hashes.append(sum(fingerprint(layout.pack(state)) for state in layer) % (1 << 64))
    depth = len(result.layers) - 1
    for state in layer:
        for property_ in result.schema.protocol.properties.values():
            try:
                if property_.name not in result.hits and _aims(interpreter, property_, state):
                    result.hits[property_.name] = Hit(depth, state)
            except Fault:
                result.fault = result.fault or Hit(depth, state)


def _aims(interpreter: Interpreter, property_: Property, state: State) -> bool:
    """Whether the state is the target of the property (see `explicit.search.target`)."""
    holds = bool(interpreter.evaluate(property_.condition, state, {}))
    if property_.invariant:
        return not holds
    if property_.conclusion is None:
        return holds
    concluded = bool(interpreter.evaluate(property_.conclusion, state, {}))
    return holds and not concluded


def _expand(result: InterpretedSearch, interpreter: Interpreter, seen: set[State]) -> set[State]:
    fresh: set[State] = set()
    depth, deadlocks, happened = len(result.layers) - 1, list[State](), set[str]()
    for state in result.found[-1]:
        try:
            steps = list(interpreter.steps(state))
            if not steps and not interpreter.evaluate(result.schema.protocol.end, state, {}):
                deadlocks.append(state)
        except Fault:
            result.fault = result.fault or Hit(depth, state)
            result.complete = False
            return set()
        result.transitions += len(steps)
        happened |= {step.instance.action.name for step in steps}
        fresh |= {result.symmetry.canonical(step.after) for step in steps} - seen
    if deadlocks and not result.deadlock:
        result.deadlock = Hit(depth, deadlocks[0])
    result.happened |= happened
    seen |= fresh
    return fresh
