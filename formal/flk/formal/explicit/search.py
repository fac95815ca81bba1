"""What every explicit-state engine is asked and answers."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple, Protocol, TypeAlias

from flk.formal.explicit.expression import Expression
from flk.formal.explicit.ground import Ground, GroundProperty
from flk.formal.explicit.schema import State
from flk.formal.language.properties import Property, PropertyKind

OnLayer: TypeAlias = Callable[[int, int], None]
"""Called after each layer with its depth and the number of states so far."""


@dataclass(frozen=True)
class Options:
    """How to search. `stop`: end with the first layer that violates something. `symmetry`: keep one state of each orbit."""

    symmetry: bool = False
    stop: bool = False
    max_states: int | None = None
    threads: int = 2
    on_layer: OnLayer = field(default=lambda *_: None)


class Hit(NamedTuple):
    """The least state of the first layer in which something was seen."""

    depth: int
    state: State


class Search(Protocol):
    """A breadth-first search that has ended."""

    @property
    def layers(self) -> Sequence[int]:
        """How many distinct states there are at each depth."""

    @property
    def hashes(self) -> Sequence[int]:
        """The sum of each layer's fingerprints modulo 2^64."""

    @property
    def transitions(self) -> int:
        """How many instances can happen, over all expanded states."""

    @property
    def complete(self) -> bool:
        """False if a limit or a stop cut the search short."""

    @property
    def hits(self) -> Mapping[str, Hit]:
        """For each property, where its target was first seen."""

    @property
    def fault(self) -> Hit | None:
        """Where something was undefined, which ends the search."""

    @property
    def deadlock(self) -> Hit | None:
        """Where first no instance can happen though the protocol may not stop; known of states that were expanded."""

    @property
    def happened(self) -> AbstractSet[str]:
        """The actions that can happen in the states that were expanded."""

    def predecessor(self, depth: int, state: State) -> State:
        """The least state at `depth` that a step leads from to `state`, up to symmetry if that was asked for."""

    def states(self, depth: int) -> Sequence[State]:
        """All states of a layer, in ascending order."""


Engine: TypeAlias = Callable[[Ground, Options], Search]


def target(ground: Ground, property_: GroundProperty) -> Expression:
    """What a search looks for: a state that violates an invariant, or that something is said to reach or never to reach.

    For `leads_to`, a state of the premise that is not one of the conclusion.
    """
    b = ground.build
    match property_.property.kind:
        case PropertyKind.ALWAYS | PropertyKind.LEMMA:
            return b.negation(property_.condition)
        case PropertyKind.NEVER | PropertyKind.REACHABLE:
            return property_.condition
        case PropertyKind.LEADS_TO:
            return b.conjunction([property_.condition, b.negation(property_.conclusion)])


def violates(kind: PropertyKind) -> bool:
    """Whether reaching the target refutes a property of that kind."""
    return kind in {PropertyKind.ALWAYS, PropertyKind.LEMMA, PropertyKind.NEVER}


def cut_short(search: Search, states: int, options: Options, properties: Mapping[str, Property]) -> bool:
    """Whether a search with so many states ends before all are seen: at a fault, a limit, or a violation if it is to stop there."""
    violated = any(violates(properties[name].kind) for name in search.hits)
    stopped = options.stop and (violated or search.deadlock is not None)
    return search.fault is not None or stopped or states >= (options.max_states or inf)
