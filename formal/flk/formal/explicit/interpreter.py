"""The semantics of a protocol: expressions, guards and updates evaluated as they are written. Every engine must agree with it."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import NamedTuple

from flk.formal.explicit.schema import Instance, Schema, State
from flk.formal.language.action import Update
from flk.formal.language.nodes import (
    Arithmetic,
    Choice,
    Compared,
    Constant,
    Defined,
    Joined,
    Junction,
    Local,
    Node,
    Not,
    Operator,
    Quantified,
    Quantifier,
    Read,
    Relation,
)
from flk.formal.language.sorts import Bounded
from flk.formal.language.text import show, text, text_of_update
from flk.formal.language.variables import Variable


class Fault(Exception):
    """A fault: a value read where undefined, or one that leaves its bounds."""


class Step(NamedTuple):
    """An instance that can happen in a state, and the state after it."""

    instance: Instance
    after: State


class Interpreter:
    """Evaluates a protocol at chosen sizes."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def initial_states(self) -> Iterator[State]:
        """All states that the protocol may begin in, in order."""
        for state in self.schema.candidates():
            if all(self.evaluate(assumption, state, {}) for assumption in self.schema.protocol.assumptions):
                yield state

    def steps(self, state: State) -> Iterator[Step]:
        """Every instance that can happen in the state, in order. Raises Fault, naming the instance."""
        for instance in self.schema.instances:
            if self.refusal(instance, state) is None:
                yield Step(instance, self.apply(instance, state))

    def refusal(self, instance: Instance, state: State) -> int | None:
        """The position of the first guard conjunct that is false, or None if the instance can happen."""
        arguments = self._arguments(instance)
        for position, guard in enumerate(instance.action.guards):
            try:
                if not self.evaluate(guard, state, arguments):
                    return position
            except Fault as fault:
                raise Fault(f"{instance}: {fault}") from None
        return None

    def apply(self, instance: Instance, state: State) -> State:
        """The state after the instance: all updates at once, each computed in the state before. Raises Fault, naming it."""
        arguments = self._arguments(instance)
        written: dict[int, int] = {}
        try:
            for update in instance.action.updates:
                self._update(update, state, arguments, written)
        except Fault as fault:
            raise Fault(f"{instance}: {fault}") from None
        return tuple(written.get(position, code) for position, code in enumerate(state))

    def evaluate(self, node: Node, state: State, locals_: Mapping[str, int]) -> int:  # noqa: C901 (a case for each node)
        """The value of an expression. Raises Fault where it has none."""
        match node:
            case Constant(_, value):
                return value
            case Local(_, name):
                return locals_[name]
            case Read(variable, indices):
                return self._read(variable, indices, state, locals_)
            case Defined(_, variable, indices):
                return self._code(variable, indices, state, locals_) != 0
            case Not(_, part):
                return not self.evaluate(part, state, locals_)
            case Joined(_, junction, parts):
                join = all if junction is Junction.AND else any
                return join(self.evaluate(part, state, locals_) for part in parts)
            case Choice(_, condition, then, other):
                return self.evaluate(then if self.evaluate(condition, state, locals_) else other, state, locals_)
            case Compared(_, relation, left, right):
                return _compare(relation, self.evaluate(left, state, locals_), self.evaluate(right, state, locals_))
            case Arithmetic(_, operator, left, right):
                return calculate(operator, self.evaluate(left, state, locals_), self.evaluate(right, state, locals_))
            case Quantified(_, quantifier, local, body):
                values = self.schema.values(local.sort)
                truths = (self.evaluate(body, state, {**locals_, local.name: value}) for value in values)
                return _take(quantifier, truths)

    def _arguments(self, instance: Instance) -> dict[str, int]:
        return {p.name: value for p, value in zip(instance.action.parameters, instance.arguments, strict=True)}

    def _position(self, variable: Variable, indices: tuple[Node, ...], state: State, locals_: Mapping[str, int]) -> int:
        key = tuple(self.evaluate(index, state, locals_) for index in indices)
        position = self.schema.position(variable, key)
        if position is None:
            raise Fault(f"{variable.name} has no place {', '.join(map(str, key))}: an index leaves its bounds")
        return position

    def _code(self, variable: Variable, indices: tuple[Node, ...], state: State, locals_: Mapping[str, int]) -> int:
        return state[self._position(variable, indices, state, locals_)]

    def _read(self, variable: Variable, indices: tuple[Node, ...], state: State, locals_: Mapping[str, int]) -> int:
        position = self._position(variable, indices, state, locals_)
        cell = self.schema.cells[position]
        value = cell.decode(state[position])
        if value is None:
            raise Fault(f"{text(Read(variable, indices))} is read where it is undefined ({cell})")
        return value

    def _update(self, update: Update, state: State, arguments: dict[str, int], written: dict[int, int]) -> None:
        for values in product(*(self.schema.values(local.sort) for local in update.binders)):
            locals_ = {**arguments, **{b.name: value for b, value in zip(update.binders, values, strict=True)}}
            position = self._position(update.variable, update.indices, state, locals_)
            cell = self.schema.cells[position]
            value = None if update.value is None else self.evaluate(update.value, state, locals_)
            code = cell.encode(value)
            if code is None:
                raise Fault(
                    f"{text_of_update(update)}: {cell} would become {value}, outside of {_bounds(cell.variable)}"
                )
            if position in written:
                raise Fault(f"{text_of_update(update)}: {cell} is written twice in one step")
            written[position] = code


def calculate(operator: Operator, left: int, right: int) -> int:
    """Arithmetic as Python does it. Raises Fault for a divisor of 0."""
    match operator:
        case Operator.PLUS:
            return left + right
        case Operator.MINUS:
            return left - right
        case Operator.TIMES:
            return left * right
        case _ if right == 0:
            raise Fault(f"{left} {operator} 0 is undefined")
        case Operator.DIVIDE:
            return left // right
        case Operator.REMAINDER:
            return left % right


def _take(quantifier: Quantifier, truths: Iterator[int]) -> int:
    match quantifier:
        case Quantifier.FORALL:
            return all(truths)
        case Quantifier.EXISTS:
            return any(truths)
        case Quantifier.COUNT:
            return sum(truths)


def _compare(relation: Relation, left: int, right: int) -> bool:
    return {Relation.EQUAL: left == right, Relation.LESS: left < right, Relation.AT_MOST: left <= right}[relation]


def _bounds(variable: Variable) -> str:
    sort = variable.sort
    return f"{show(sort, sort.low)}..{show(sort, sort.high)}" if isinstance(sort, Bounded) else sort.name
