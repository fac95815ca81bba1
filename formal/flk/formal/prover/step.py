"""A step in Z3: what an action needs, what it leaves behind, and where it would be undefined.

There are no symbols for the state after a step. Given its parameters an action is deterministic, so what holds afterwards is said
of the state before, with the updated values written in place of the reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from z3 import BoolRef, ExprRef, If

from flk.formal.language.action import Action, Update
from flk.formal.language.nodes import Junction
from flk.formal.language.variables import Variable
from flk.formal.prover.symbols import FALSE, TRUE, Symbols, all_of, constant, everywhere, negation, truth, within
from flk.formal.prover.z3_encoding import Before, Environment, Partial, Reader, Translator, joined, keeps


@dataclass(frozen=True)
class Stepping:
    """An action whose parameters are constants that the solver chooses."""

    symbols: Symbols
    action: Action

    @cached_property
    def arguments(self) -> Environment:
        """The constants, which have the parameters' names."""
        return {p.name: constant(p.sort, f"{self.action.name}.{p.name}") for p in self.action.parameters}

    @cached_property
    def before(self) -> Translator:
        """Reads the state before the step."""
        return Translator(self.symbols, Before(self.symbols))

    @cached_property
    def after(self) -> Translator:
        """Reads the state after the step."""
        return Translator(self.symbols, After(self))

    @cached_property
    def _guard(self) -> Partial:
        return joined(Junction.AND, [self.before.encode(guard, self.arguments) for guard in self.action.guards])

    @property
    def chosen(self) -> BoolRef:
        """That the arguments are values of their sorts."""
        return all_of(within(self.arguments[p.name], p.sort) for p in self.action.parameters)

    @property
    def enabled(self) -> BoolRef:
        """That the action can happen with these arguments."""
        return all_of([self.chosen, truth(self._guard.value)])

    @property
    def guard_is_defined(self) -> BoolRef:
        """That every guard which is read has a value."""
        return self._guard.defined

    @cached_property
    def updates_are_defined(self) -> BoolRef:
        """That every update has a place and a value within bounds, and that no place is written twice."""
        return all_of([*map(self._has_meaning, self.action.updates), *self._written_once()])

    def writes(self, variable: Variable) -> tuple[Update, ...]:
        """The updates of a variable."""
        return tuple(update for update in self.action.updates if update.variable is variable)

    def match(self, update: Update, at: Sequence[ExprRef]) -> tuple[BoolRef, Environment]:
        """When an update writes at some indices, and what its locals are then."""
        bound = dict(self.arguments)
        conditions = []
        for index, here in zip(update.indices, at, strict=True):
            if index in update.binders:
                bound[index.name] = here
            else:
                conditions.append(truth(here == self.before.encode(index, self.arguments).value))
        return all_of(conditions), bound

    def _has_meaning(self, update: Update) -> BoolRef:
        names = [local.name for local in update.binders]
        sorts = [local.sort for local in update.binders]
        return everywhere(sorts, lambda at: self._has_meaning_at(update, dict(zip(names, at, strict=True))))

    def _has_meaning_at(self, update: Update, bound: Environment) -> BoolRef:
        env = {**self.arguments, **bound}
        _, inside = self.before.place(update.variable, update.indices, env)
        if update.value is None:
            return inside
        value = self.before.encode(update.value, env)
        bounds = TRUE if keeps(update.value, update.variable.sort) else within(value.value, update.variable.sort)
        return all_of([inside, value.defined, bounds])

    def _written_once(self) -> list[BoolRef]:
        pairs = combinations(self.action.updates, 2)
        return [self._apart(one, other) for one, other in pairs if one.variable is other.variable]

    def _apart(self, one: Update, other: Update) -> BoolRef:
        """That two updates of a variable write at different places."""
        return everywhere(
            one.variable.domain, lambda at: negation(all_of([self.match(one, at)[0], self.match(other, at)[0]]))
        )


class After:
    """The state after a step."""

    def __init__(self, step: Stepping) -> None:
        self._step = step
        self._old: Reader = Before(step.symbols)

    def value(self, variable: Variable, at: Sequence[ExprRef]) -> ExprRef:
        """What is written there, or else what was there."""
        value = self._old.value(variable, at)
        for update in self._step.writes(variable):
            if update.value is not None:
                here, env = self._step.match(update, at)
                value = _choose(here, self._step.before.encode(update.value, env).value, value)
        return value

    def defined(self, variable: Variable, at: Sequence[ExprRef]) -> BoolRef:
        """Whether something is written there, or else whether something was there."""
        there = self._old.defined(variable, at)
        for update in self._step.writes(variable):
            here, _ = self._step.match(update, at)
            there = truth(_choose(here, FALSE if update.value is None else TRUE, there))
        return there


def _choose(condition: BoolRef, then: ExprRef, other: ExprRef) -> ExprRef:
    return then if condition is TRUE else If(condition, then, other)
