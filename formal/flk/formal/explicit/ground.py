"""Ground form: a finite instance with quantifiers unrolled and indices resolved, as expressions over the codes of cells.

The compiled explorers, bounded model checking and Promela all print this form. What the interpreter would report as a fault is an
expression here too, so that every engine can stop at it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple, TypeAlias

from flk.formal.explicit.expression import Builder, Expression
from flk.formal.explicit.schema import Cell, Instance, Schema
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
    children,
)
from flk.formal.language.properties import Property
from flk.formal.language.sorts import BOOL, Sort
from flk.formal.language.variables import Variable

Environment: TypeAlias = Mapping[str, int]

CHAIN = 16
"""Parts of an expression that are chained one behind the other; more are halved, so that expressions stay shallow."""


class Partial(NamedTuple):
    """The value of an expression, and the truth of its having one. Where it has none the value is arbitrary."""

    value: Expression
    defined: Expression


class Write(NamedTuple):
    """A cell and its code after the step."""

    cell: int
    code: Expression


@dataclass(frozen=True)
class GroundInstance:
    """An instance that may happen. `undefined`: reading the guard is a fault. `fault`: the guard holds, but an update is one."""

    instance: Instance
    conjuncts: tuple[Expression, ...]
    enabled: Expression
    undefined: Expression
    fault: Expression
    writes: tuple[Write, ...]


@dataclass(frozen=True)
class GroundProperty:
    """A property's condition and conclusion (true unless it is `leads_to`), and where reading them is a fault."""

    property: Property
    condition: Expression
    conclusion: Expression
    undefined: Expression


class Ground:
    """The ground form of a schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.build = Builder()
        self._known: dict[tuple[int, ...], Partial] = {}
        self._names: dict[int, tuple[Node, tuple[str, ...]]] = {}

    @cached_property
    def instances(self) -> tuple[GroundInstance, ...]:
        """Every instance that is not impossible whatever the state, in the schema's order."""
        return tuple(g for g in self.all_instances if not (g.enabled.is_false and g.undefined.is_false))

    @cached_property
    def all_instances(self) -> tuple[GroundInstance, ...]:
        """Every instance, in the schema's order."""
        return tuple(map(self._instance, self.schema.instances))

    @cached_property
    def properties(self) -> tuple[GroundProperty, ...]:
        """Every property, in order."""
        return tuple(map(self._property, self.schema.protocol.properties.values()))

    @cached_property
    def end(self) -> Partial:
        """Where it is no deadlock that no instance can happen."""
        return self.translate(self.schema.protocol.end, {})

    @cached_property
    def assumptions(self) -> Expression:
        """What the initial states must satisfy."""
        return self.build.conjunction([self.translate(node, {}).value for node in self.schema.protocol.assumptions])

    def translate(self, node: Node, env: Environment) -> Partial:
        """The ground form of an expression, its locals being given values. It is made once for the values that it depends on."""
        key = (id(node), *(env[name] for name in self._locals_of(node)))
        if key not in self._known:
            self._known[key] = self._translate(node, env)
        return self._known[key]

    def _translate(self, node: Node, env: Environment) -> Partial:  # noqa: C901 (a case for each node)
        b = self.build
        match node:
            case Constant(sort, value):
                return Partial(b.truth(value) if sort is BOOL else b.number(value), b.true)
            case Local(sort, name):
                return Partial(b.truth(env[name]) if sort is BOOL else b.number(env[name]), b.true)
            case Read(variable, indices):
                return self._read(variable, indices, env)
            case Defined(_, variable, indices):
                places = self._places(variable, indices, env)
                there = self._select(places, [self._defined(p.cell) for p in places.list], b.false)
                return Partial(there, places.defined)
            case Not(_, part):
                inner = self.translate(part, env)
                return Partial(b.negation(inner.value), inner.defined)
            case Joined(_, junction, parts):
                return self._joined(junction, [self.translate(part, env) for part in parts])
            case Choice(_, condition, then, other):
                c, t, o = (self.translate(part, env) for part in (condition, then, other))
                defined = b.conjunction([c.defined, b.choice(c.value, t.defined, o.defined)])
                return Partial(b.choice(c.value, t.value, o.value), defined)
            case Compared(_, relation, left, right):
                x, y = self.translate(left, env), self.translate(right, env)
                return Partial(self._compared(relation, x.value, y.value), b.conjunction([x.defined, y.defined]))
            case Arithmetic(_, operator, left, right):
                return self._arithmetic(operator, self.translate(left, env), self.translate(right, env))
            case Quantified(_, quantifier, local, body):
                values = self.schema.values(local.sort)
                return self._quantified(quantifier, [self.translate(body, {**env, local.name: v}) for v in values])

    def _instance(self, instance: Instance) -> GroundInstance:
        b = self.build
        env = {p.name: value for p, value in zip(instance.action.parameters, instance.arguments, strict=True)}
        guards = [self.translate(guard, env) for guard in instance.action.guards]
        guard = self._joined(Junction.AND, guards)
        undefined = b.negation(guard.defined)
        conjuncts = tuple(translated.value for translated in guards)
        if guard.value.is_false:
            return GroundInstance(instance, conjuncts, b.false, undefined, b.false, ())
        writes, faults = self._writes(instance.action.updates, env)
        return GroundInstance(instance, conjuncts, guard.value, undefined, b.disjunction(faults), writes)

    def _property(self, property_: Property) -> GroundProperty:
        b = self.build
        condition = self.translate(property_.condition, {})
        conclusion = self.translate(property_.conclusion, {}) if property_.conclusion else Partial(b.true, b.true)
        undefined = b.negation(b.conjunction([condition.defined, conclusion.defined]))
        return GroundProperty(property_, condition.value, conclusion.value, undefined)

    def _locals_of(self, node: Node) -> tuple[str, ...]:
        """The names that the value of an expression depends on. Nodes are known by identity: comparing them is slower."""
        if id(node) not in self._names:
            self._names[id(node)] = node, tuple(sorted(free(node)))
        return self._names[id(node)][1]

    def _read(self, variable: Variable, indices: tuple[Node, ...], env: Environment) -> Partial:
        places = self._places(variable, indices, env)
        nothing = self.build.false if variable.sort is BOOL else self.build.number(0)
        value = self._select(places, [self._value(p.cell) for p in places.list], nothing)
        if not variable.partial:
            return Partial(value, places.defined)
        defined = self._select(places, [self._defined(p.cell) for p in places.list], self.build.false)
        return Partial(value, self.build.conjunction([places.defined, defined]))

    def _value(self, position: int) -> Expression:
        cell = self.schema.cells[position]
        code = self.build.code(position, cell.codes)
        if cell.variable.sort is BOOL:
            return self.build.equal(code, self.build.number(1 + cell.variable.partial))
        return self.build.plus(code, self.build.number(cell.low - cell.variable.partial))

    def _defined(self, position: int) -> Expression:
        cell = self.schema.cells[position]
        return self.build.negation(self.build.equal(self.build.code(position, cell.codes), self.build.number(0)))

    def _places(self, variable: Variable, indices: Iterable[Node], env: Environment) -> "Places":
        """The cells that `variable[indices]` may be, each with the condition under which it is; undefined if none is."""
        b = self.build
        found: list[Place] = []
        keys = [self.translate(index, env) for index in indices]
        for key in product(*(self._reach(m.value, sort) for m, sort in zip(keys, variable.domain, strict=True))):
            here = [self._is(m.value, at) for m, at in zip(keys, key, strict=True)]
            position = self.schema.position(variable, key)
            assert position is not None
            found.append(Place(position, b.conjunction(here)))
        some = b.disjunction([place.condition for place in found]) if not self._within(keys, variable) else b.true
        return Places(found, b.conjunction([*(m.defined for m in keys), some]))

    def _reach(self, index: Expression, sort: Sort) -> Iterator[int]:
        return (v for v in self.schema.values(sort) if index.low <= v <= index.high)

    def _within(self, keys: Sequence[Partial], variable: Variable) -> bool:
        ranges = (self.schema.values(sort) for sort in variable.domain)
        return all(r.start <= m.value.low and m.value.high < r.stop for m, r in zip(keys, ranges, strict=True))

    def _is(self, index: Expression, value: int) -> Expression:
        if index.is_truth:
            return index if value else self.build.negation(index)
        return self.build.equal(index, self.build.number(value))

    def _select(self, places: "Places", values: Sequence[Expression], nothing: Expression) -> Expression:
        """The value at the place that the indices denote, halves of a long list first; where they denote none, nothing."""
        if not values:
            return nothing
        half = len(values) // 2
        if half >= CHAIN:
            here = self.build.disjunction([place.condition for place in places.list[:half]])
            first = self._select(Places(places.list[:half], places.defined), values[:half], nothing)
            rest = self._select(Places(places.list[half:], places.defined), values[half:], nothing)
            return self.build.choice(here, first, rest)
        chosen = values[-1]
        for place, value in zip(reversed(places.list[:-1]), reversed(values[:-1]), strict=True):
            chosen = self.build.choice(place.condition, value, chosen)
        return chosen

    def _joined(self, junction: Junction, parts: Sequence[Partial]) -> Partial:
        """Read from the left: what comes later must be defined only if what came before has not settled the matter."""
        b = self.build
        values = [part.value for part in parts]
        settles = [b.negation(value) for value in values] if junction is Junction.AND else values
        defined = self._in_order(settles, [part.defined for part in parts])
        return Partial(b.conjunction(values) if junction is Junction.AND else b.disjunction(values), defined)

    def _in_order(self, settles: Sequence[Expression], defined: Sequence[Expression]) -> Expression:
        """That each of a list is defined which is read: those up to the first that settles the matter."""
        b, half = self.build, len(defined) // 2
        if half >= CHAIN:
            rest = self._in_order(settles[half:], defined[half:])
            first = self._in_order(settles[:half], defined[:half])
            return b.conjunction([first, b.disjunction([*settles[:half], rest])])
        known = b.true
        for settled, meant in zip(reversed(settles), reversed(defined), strict=True):
            known = b.conjunction([meant, b.disjunction([settled, known])])
        return known

    def _quantified(self, quantifier: Quantifier, parts: Sequence[Partial]) -> Partial:
        b = self.build
        if quantifier is not Quantifier.COUNT:
            return self._joined(Junction.AND if quantifier is Quantifier.FORALL else Junction.OR, parts)
        ones = [b.choice(part.value, b.number(1), b.number(0)) for part in parts]
        return Partial(self._sum(ones), b.conjunction([part.defined for part in parts]))

    def _sum(self, numbers: Sequence[Expression]) -> Expression:
        half = len(numbers) // 2
        if half >= CHAIN:
            return self.build.plus(self._sum(numbers[:half]), self._sum(numbers[half:]))
        total = self.build.number(0)
        for number in numbers:
            total = self.build.plus(total, number)
        return total

    def _compared(self, relation: Relation, left: Expression, right: Expression) -> Expression:
        match relation:
            case Relation.EQUAL:
                return self.build.equal(left, right)
            case Relation.LESS:
                return self.build.less(left, right)
            case Relation.AT_MOST:
                return self.build.at_most(left, right)

    def _arithmetic(self, operator: Operator, left: Partial, right: Partial) -> Partial:
        b = self.build
        defined = b.conjunction([left.defined, right.defined])
        if operator in {Operator.DIVIDE, Operator.REMAINDER}:
            divisor = b.negation(b.equal(right.value, b.number(0)))
            defined = b.conjunction([defined, divisor])
        return Partial(b.calculate(operator, left.value, right.value), defined)

    def _writes(self, updates: Iterable[Update], env: Environment) -> tuple[tuple[Write, ...], list[Expression]]:
        """What the updates do together, and where they are faults: no value, out of bounds, or a cell written twice."""
        b = self.build
        written: dict[int, list[tuple[Expression, Expression]]] = {}
        faults: list[Expression] = []
        for update in updates:
            for values in product(*(self.schema.values(local.sort) for local in update.binders)):
                local_env = {**env, **{x.name: value for x, value in zip(update.binders, values, strict=True)}}
                places = self._places(update.variable, update.indices, local_env)
                cell = self.schema.cells[places.list[0].cell] if places.list else None
                code, defined = self._code(cell, update.value, local_env)
                faults += [b.negation(places.defined), b.negation(defined)]
                for place in places.list:
                    written.setdefault(place.cell, []).append((place.condition, code))
        return tuple(self._merge(written, faults)), faults

    def _code(self, cell: Cell | None, value: Node | None, env: Environment) -> Partial:
        """The code that a cell takes on, and whether it has one."""
        b = self.build
        if cell is None or value is None:
            return Partial(b.number(0), b.true)
        translated = self.translate(value, env)
        number = b.choice(translated.value, b.number(1), b.number(0)) if translated.value.is_truth else translated.value
        high = cell.low + cell.codes - 1 - cell.variable.partial
        inside = [b.at_most(b.number(cell.low), number), b.at_most(number, b.number(high))]
        code = b.plus(number, b.number(cell.variable.partial - cell.low))
        return Partial(code, b.conjunction([translated.defined, *inside]))

    def _merge(
        self, written: Mapping[int, Sequence[tuple[Expression, Expression]]], faults: list[Expression]
    ) -> Iterator[Write]:
        b = self.build
        for position, writes in sorted(written.items()):
            old = b.code(position, self.schema.cells[position].codes)
            code = old
            earlier = b.false
            for condition, value in writes:
                faults.append(b.conjunction([earlier, condition]))
                earlier = b.disjunction([earlier, condition])
                code = b.choice(condition, value, code)
            if code is not old:
                yield Write(position, code)


def free(node: Node) -> frozenset[str]:
    """The names of the locals that an expression reads and does not bind."""
    if isinstance(node, Local):
        return frozenset({node.name})
    within = frozenset[str]().union(*map(free, children(node)))
    return within - {node.local.name} if isinstance(node, Quantified) else within


class Place(NamedTuple):
    """A cell, and the condition under which the indices denote it."""

    cell: int
    condition: Expression


class Places(NamedTuple):
    """All cells that the indices may denote, and whether they denote any."""

    list: list[Place]
    defined: Expression
