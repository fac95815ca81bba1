"""Transition systems: relations over open sorts, guarded actions, and what must hold in every state that can be reached.

A system starts with every relation empty. An action is a function from a state (and parameters) to a guard and the state
after it; what it does not replace stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from z3 import And, Bool, BoolRef, BoolSort, BoolVal, Const, ExprRef, FuncDeclRef, Implies, SortRef

from flk.formal.logic import Predicate, Relation, forall, predicate


@dataclass(frozen=True)
class State:
    """Base of the states: every field is a relation, declared by `field(metadata=over(...))`."""


S = TypeVar("S", bound=State)


def over(*sorts: SortRef) -> dict[str, tuple[SortRef, ...]]:
    """The sorts of a state's relation, as the metadata of its field."""
    return {"sorts": sorts}


class Step(NamedTuple, Generic[S]):
    """What an action does in a state: when it may happen, and the state after it."""

    guard: BoolRef
    after: S


class Action(NamedTuple, Generic[S]):
    """A step function, with the sorts of its parameters."""

    step: Callable[..., Step[S]]
    sorts: tuple[SortRef, ...] = ()


class Move(NamedTuple):
    """An action with its arguments, as terms for the solver to fill in, and whether it is `taken`."""

    action: str
    arguments: tuple[ExprRef, ...]
    taken: BoolRef

    @property
    def terms(self) -> tuple[ExprRef, ...]:
        """What the solver fills in."""
        return (self.taken, *self.arguments)

    def again(self, number: int) -> "Move":
        """The same move at another point of a run."""
        arguments = tuple(Const(f"{argument} {number}", argument.sort()) for argument in self.arguments)
        return Move(self.action, arguments, Bool(f"{self.taken} {number}"))


@dataclass(frozen=True)
class System(Generic[S]):
    """A protocol. `background` constrains the `facts`, which no action changes.

    `properties` are claimed of every state that can be reached, `lemmas` are what their induction needs besides, and `steady`
    relates the states before and after an action.
    """

    state: type[S]
    facts: tuple[FuncDeclRef | Predicate, ...]
    background: BoolRef
    actions: tuple[Action[S], ...]
    properties: tuple[Callable[[S], BoolRef], ...]
    lemmas: tuple[Callable[[S], BoolRef], ...]
    steady: tuple[Callable[[S, S], BoolRef], ...] = ()

    @property
    def invariants(self) -> tuple[Callable[[S], BoolRef], ...]:
        """Properties and lemmas, which are inductive together."""
        return self.properties + self.lemmas

    @property
    def signature(self) -> dict[str, tuple[SortRef, ...]]:
        """The sorts of each relation of the state."""
        return {field.name: field.metadata["sorts"] for field in fields(self.state)}

    @property
    def sorts(self) -> list[SortRef]:
        """Every sort of the state and of the facts."""
        of_state = [sort for sorts in self.signature.values() for sort in sorts]
        of_facts = [sort for fact in self.facts for sort in (*domain(fact), fact.range())]
        return list({sort.name(): sort for sort in of_state + of_facts if sort != BoolSort()}.values())

    def start(self) -> S:
        """The state in which every relation is empty."""
        return self.state(**dict.fromkeys(self.signature, empty))

    def symbols(self, when: str) -> S:
        """A state of relation symbols, which the solver may choose; `when` is part of their names."""
        return self.state(**{name: predicate(f"{name} {when}", *sorts) for name, sorts in self.signature.items()})

    def move(self, action: Action[S], before: S, after: S) -> tuple[Move, BoolRef]:
        """The action between two states; if it is taken, its guard is met and every relation is as the step leaves it."""
        title = name(action.step)
        taken = Bool(title)
        arguments = tuple(Const(f"{title} {i}", sort) for i, sort in enumerate(action.sorts))
        guard, left = action.step(before, *arguments)
        effects = (
            forall(sorts, partial(_alike, getattr(after, field), getattr(left, field)))
            for field, sorts in self.signature.items()
        )
        return Move(title, arguments, taken), Implies(taken, And(guard, *effects))


def name(function: Callable[..., object]) -> str:
    """An action or a property is called what its function is called."""
    return function.__name__.replace("_", " ")


def domain(fact: FuncDeclRef | Predicate) -> tuple[SortRef, ...]:
    """The sorts of the arguments."""
    return tuple(fact.domain(i) for i in range(fact.arity()))


def empty(*_: ExprRef) -> BoolRef:
    """The relation that holds of nothing."""
    return BoolVal(val=False)


def _alike(one: Relation, other: Relation, *elements: ExprRef) -> BoolRef:
    return one(*elements) == other(*elements)
