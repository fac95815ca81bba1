"""The breadth-first search that the fast engines share: what happens layer by layer, and what is remembered of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.states import States, Unpacked, ascending
from flk.formal.explicit.layout import Layout
from flk.formal.explicit.schema import State
from flk.formal.explicit.search import Hit, Options, cut_short
from flk.spec.errors import UnusableInput

Words: TypeAlias = tuple[int, ...]
"""One packed state."""
Truths: TypeAlias = NDArray[np.bool_]

BEGINNINGS = 1 << 28
"""Initial states that are tried at most against the assumptions: that takes some ten seconds."""

SLICE = 1 << 18
"""States given to a kernel at once; an interrupt takes effect between slices."""


class Expansion(NamedTuple):
    """What some states lead to: states never seen before, how many steps there are, and the least state with a fault.

    `stuck` tells of each state whether no instance can happen there, `happened` of each instance whether it can in one of them.
    """

    fresh: States
    transitions: int
    fault: Words | None
    stuck: Truths
    happened: Truths


class Steps(NamedTuple):
    """All steps of some states, in parallel arrays: the row they leave from, the instance (a position in the program's), the state
    after. `faults` tells of each row whether one of its steps is a fault; such steps are left out.
    """

    source: NDArray[np.int64]
    instance: NDArray[np.int64]
    after: States
    faults: Truths


class Observation(NamedTuple):
    """Of one goal in some states: the least in which it is seen, and the least in which reading it is a fault."""

    seen: Words | None
    fault: Words | None


class Seen(Protocol):
    """A kernel's memory of a search: the states seen so far."""

    def insert(self, states: States) -> States:
        """Canonical forms of some states, of those that are new."""

    def expand(self, states: States) -> Expansion:
        """All successors that are new; they no longer are."""


class Kernel(Protocol):
    """A program compiled in one way or another."""

    def begin(self, options: Options) -> Seen:
        """An empty memory."""

    def initial(self, candidates: States) -> States:
        """Those of the candidates that satisfy the assumptions."""

    def look(self, states: States, goals: Sequence[int]) -> tuple[int, list[Observation]]:
        """The sum of the states' fingerprints modulo 2^64, and an observation for each of some goals."""

    def steps(self, states: States) -> Steps:
        """All steps, before symmetry."""

    def deadlocks(self, states: States) -> Observation:
        """Of states in which no instance can happen: the least where that is a deadlock, and where asking is a fault."""

    def predecessor(self, states: States, goal: Words) -> Words | None:
        """The least of the states that a step leads from to the goal, up to symmetry."""


@dataclass
class PackedSearch:
    """A search, in progress and then ended: see `explicit.search.Search`. `found` has the states of each layer, in any order."""

    program: Program
    kernel: Kernel
    found: list[States] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    transitions: int = 0
    complete: bool = True
    hits: dict[str, Hit] = field(default_factory=dict)
    fault: Hit | None = None
    deadlock: Hit | None = None
    happened: set[str] = field(default_factory=set)
    _ordered: set[int] = field(default_factory=set)

    def predecessor(self, depth: int, state: State) -> State:
        """The least state at `depth` that a step leads from to `state`, up to symmetry."""
        goal = self.layout.pack(state)
        chosen = [self.kernel.predecessor(part, goal) for part in _sliced(self.found[depth])]
        some = [words for words in chosen if words is not None]
        if not some:
            raise LookupError(f"no state at depth {depth} leads to {state}")
        return self.layout.unpack(min(some))

    def states(self, depth: int) -> Sequence[State]:
        """All states of a layer, in ascending order."""
        return Unpacked(self.layout, self.ordered(depth))

    def ordered(self, depth: int) -> States:
        """The same, packed."""
        if depth not in self._ordered:
            self.found[depth] = ascending(self.found[depth])
            self._ordered.add(depth)
        return self.found[depth]

    @cached_property
    def layout(self) -> Layout:
        """How states are packed."""
        return self.program.layout


def breadth_first(program: Program, kernel: Kernel, options: Options) -> PackedSearch:
    """Visit every reachable state, layer by layer."""
    result = PackedSearch(program, kernel)
    seen = kernel.begin(options)
    layer = _joined([seen.insert(kernel.initial(part)) for part in candidates(program)], program)
    while len(layer):
        _close(result, layer)
        count = sum(result.layers)
        options.on_layer(len(result.layers) - 1, count)
        if cut_short(result, count, options, program.ground.schema.protocol.properties):
            result.complete = False
            break
        layer = _expand(result, seen)
    return result


def candidates(program: Program) -> Iterator[States]:
    """All states that the variables' initial values allow, in order, some at a time; assumptions are not yet regarded."""
    ranges = [cell.begins for cell in program.ground.schema.cells]
    total = prod(map(len, ranges))
    if total > BEGINNINGS:
        raise UnusableInput(
            f"{program.ground.schema.protocol.name} may begin in {total:,} states, before any assumption, and each would be tried; "
            "give initial values in place of ANY, or smaller sizes"
        )
    for first in range(0, total, SLICE):
        rest = np.arange(first, min(first + SLICE, total), dtype=np.int64)
        states = np.zeros((len(rest), program.words), np.int64)
        for place, codes in zip(reversed(program.layout.fields), reversed(ranges), strict=True):
            states[:, place.word] |= rest % len(codes) + codes.start << place.shift
            rest //= len(codes)
        yield states


def _close(result: PackedSearch, layer: States) -> None:
    """Count a layer and look at its properties. A property that was seen in an earlier state of the layer is not read again."""
    goals = result.program.goals
    wanted = [n for n, goal in enumerate(goals) if goal.name not in result.hits]
    depth, total = len(result.layers), 0
    seen: dict[int, Words] = {}
    faults: dict[int, Words] = {}
    for part in _sliced(layer):
        hashed, observations = result.kernel.look(part, wanted)
        total += hashed
        for goal, observation in zip(wanted, observations, strict=True):
            _lower(seen, goal, observation.seen)
            _lower(faults, goal, observation.fault)
    read = [words for goal, words in faults.items() if goal not in seen or words < seen[goal]]
    if read:
        result.fault = Hit(depth, result.layout.unpack(min(read)))
    for goal, words in seen.items():
        result.hits[goals[goal].name] = Hit(depth, result.layout.unpack(words))
    result.found.append(layer)
    result.layers.append(len(layer))
    result.hashes.append(total % (1 << 64))


def _expand(result: PackedSearch, seen: Seen) -> States:
    """The next layer. A step that is a fault ends the search; steps of the states before it count."""
    fresh: list[States] = []
    transitions, faults, deadlocks = 0, [], []
    happened = np.zeros(len(result.program.instances), np.bool_)
    for part in _sliced(result.found[-1]):
        expansion = seen.expand(part)
        fresh.append(expansion.fresh)
        transitions += expansion.transitions
        happened |= expansion.happened
        ended = result.kernel.deadlocks(part[expansion.stuck])
        faults += [words for words in (expansion.fault, ended.fault) if words]
        deadlocks += [ended.seen] if ended.seen else []
    if faults:
        result.fault = Hit(len(result.layers) - 1, result.layout.unpack(min(faults)))
        result.complete = False
        result.transitions += _steps_before(result, min(faults))
        return fresh[0][:0]
    result.transitions += transitions
    if deadlocks and not result.deadlock:
        result.deadlock = Hit(len(result.layers) - 1, result.layout.unpack(min(deadlocks)))
    result.happened |= {result.program.instances[n].instance.action.name for n in np.flatnonzero(happened)}
    return _joined(fresh, result.program)


def _steps_before(result: PackedSearch, words: Words) -> int:
    """How many steps the states of the last layer have that are less than the given one."""
    layer = result.ordered(len(result.layers) - 1)
    here = int(np.flatnonzero((layer == np.array(words)).all(axis=1))[0])
    return sum(len(result.kernel.steps(part).source) for part in _sliced(layer[:here]))


def _lower(found: dict[int, Words], goal: int, words: Words | None) -> None:
    if words is not None:
        found[goal] = min(words, found.get(goal, words))


def _sliced(states: States) -> Iterator[States]:
    for first in range(0, len(states), SLICE):
        yield states[first : first + SLICE]


def _joined(parts: Iterable[States], program: Program) -> States:
    return np.concatenate([np.empty((0, program.words), np.int64), *parts])
