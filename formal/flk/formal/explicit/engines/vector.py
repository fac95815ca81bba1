"""A program as NumPy functions on whole arrays of states."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from flk.formal.explicit.engines.dialects import Vectors
from flk.formal.explicit.engines.packed import Observation, Steps, Words
from flk.formal.explicit.engines.printer import Scope
from flk.formal.explicit.engines.program import Program, Records
from flk.formal.explicit.engines.states import States, fingerprints, least
from flk.formal.explicit.expression import Expression
from flk.formal.explicit.layout import Field

Column: TypeAlias = NDArray[np.int64]
Truths: TypeAlias = NDArray[np.bool_]
Value: TypeAlias = "Truths | Column | bool | int"
"""Of an expression in many states; constants are scalars."""
Function: TypeAlias = Callable[..., tuple[Value, ...]]
"""Gives the values of some expressions, given the words of the states."""
Single: TypeAlias = Callable[..., Value]
Columns: TypeAlias = Callable[..., tuple[Column, ...]]

DIALECT = Vectors()


class Stepper(NamedTuple):
    """An instance: where it can happen, where asking is a fault; and where it can, whether that is a fault and the words after."""

    enabled: Single
    undefined: Single | None
    after: Function


class Vectorised:
    """The NumPy kernel, but for its memory."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def initial(self, candidates: States) -> States:
        """Those of the candidates that satisfy the assumptions."""
        assumptions = self.program.ground.assumptions
        return candidates[_all(function(self.program, [assumptions])(*columns(candidates))[0], len(candidates))]

    def look(self, states: States, goals: Sequence[int]) -> tuple[int, list[Observation]]:
        """The sum of the states' fingerprints modulo 2^64, and an observation for each of some goals."""
        words = columns(states)
        total = int(fingerprints(states).sum(dtype=np.uint64)) if len(states) else 0
        observations = []
        for goal in goals:
            found, fault = (_all(truth, len(states)) for truth in self._goals[goal](*words))
            observations.append(Observation(_least(states, found & ~fault), _least(states, fault)))
        return total, observations

    def steps(self, states: States) -> Steps:
        """All steps, before symmetry."""
        words = columns(states)
        faults = np.zeros(len(states), np.bool_)
        sources, instances, afters = [], [], []
        for instance, stepper in enumerate(self._steppers):
            if stepper.undefined is not None:
                faults |= _all(stepper.undefined(*words), len(states))
            rows = np.flatnonzero(_all(stepper.enabled(*words), len(states)))
            if len(rows):
                fault, *after = stepper.after(*(word.take(rows) for word in words))
                block = np.empty((len(rows), len(words)), np.int64)
                for word, column in enumerate(after):
                    block[:, word] = column
                if fault is not False:
                    bad = _all(fault, len(rows))
                    faults[rows[bad]] = True
                    rows, block = rows[~bad], block[~bad]
                sources.append(rows)
                instances.append(instance)
                afters.append(block)
        return Steps(
            np.concatenate([np.empty(0, np.int64), *sources]),
            np.repeat(np.array(instances, np.int64), [len(rows) for rows in sources]),
            np.concatenate([states[:0], *afters]),
            faults,
        )

    def deadlocks(self, states: States) -> Observation:
        """Of states in which no instance can happen: the least where that is a deadlock, and where asking is a fault."""
        if not len(states):
            return Observation(None, None)
        value, defined = (_all(truth, len(states)) for truth in self._end(*columns(states)))
        return Observation(_least(states, defined & ~value), _least(states, ~defined))

    def predecessor(self, states: States, goal: Words) -> Words | None:
        """The least of the states that a step leads from to the goal, up to symmetry."""
        steps = self.steps(states)
        leads = (self.canonical(steps.after) == np.array(goal, np.int64)).all(axis=1)
        return least(states[steps.source[leads]]) if leads.any() else None

    def canonical(self, states: States) -> States:
        """The least images of some states."""
        if not self.program.symmetry.sorts:
            return states
        image: Sequence[Column] = columns(states)
        best = self._arranged(image)
        for exchange in self.program.symmetry.tour:
            image = self._exchanges[exchange](*image)
            other = self._arranged(image)
            less = _less(other, best)
            best = [np.where(less, a, b) for a, b in zip(other, best, strict=True)]
        return np.stack(best, axis=1)

    def _arranged(self, words: Sequence[Column]) -> list[Column]:
        """The states with the records of sorted sorts in order."""
        result = list(words)
        for records in self.program.records:
            result = _sorted(result, records)
        return result

    @cached_property
    def _steppers(self) -> list[Stepper]:
        steppers = []
        for ground in self.program.instances:
            scope = self._scope([ground.fault, *(write.code for write in ground.writes)])
            results = [scope.text(ground.fault), *scope.words_after(ground.writes, self.program.words)]
            undefined = None if ground.undefined.is_false else _single(self.program, ground.undefined)
            steppers.append(Stepper(_single(self.program, ground.enabled), undefined, _compiled(scope, results)))
        return steppers

    @cached_property
    def _goals(self) -> list[Function]:
        return [function(self.program, [goal.target, goal.undefined]) for goal in self.program.goals]

    @cached_property
    def _end(self) -> Function:
        return function(self.program, self.program.ground.end)

    @cached_property
    def _exchanges(self) -> list[Columns]:
        functions = []
        for writes in self.program.exchanges:
            scope = self._scope([write.code for write in writes])
            functions.append(cast("Columns", _compiled(scope, scope.words_after(writes, self.program.words))))
        return functions

    def _scope(self, roots: Iterable[Expression]) -> Scope:
        return Scope(DIALECT, self.program.layout.fields, roots)


def columns(states: States) -> list[Column]:
    """The words of the states, each in an array of its own."""
    return [np.ascontiguousarray(column) for column in states.T]


def function(program: Program, expressions: Sequence[Expression]) -> Function:
    """A function from the words of states to the values of some expressions, arrays or, where constant, scalars."""
    scope = Scope(DIALECT, program.layout.fields, expressions)
    return _compiled(scope, [scope.text(expression) for expression in expressions])


def _single(program: Program, expression: Expression) -> Single:
    of = function(program, [expression])
    return lambda *words: of(*words)[0]


def _compiled(scope: Scope, results: Sequence[str]) -> Function:
    words = sorted({field.word for field in scope.fields} | {0})
    head = f"def f({', '.join(f'{scope.word}{word}' for word in words)}):"
    space: dict[str, object] = {
        "where": np.where,
        "population": _population,
        "floor_quotient": _quotient,
        "floor_remainder": _remainder,
    }
    text = "\n ".join([head, *scope.lines, f"return ({''.join(f'{result}, ' for result in results)})"])
    exec(text, space)  # noqa: S102 (the text is ours: names, operators and numbers)
    return cast("Function", space["f"])


def _population(word: Column) -> Column:
    return np.bitwise_count(word).astype(np.int64)


def _quotient(left: Column, right: Column) -> Column:
    return np.where(right == 0, 0, left // np.where(right == 0, 1, right))


def _remainder(left: Column, right: Column) -> Column:
    return np.where(right == 0, 0, left % np.where(right == 0, 1, right))


def _all(truth: Value, rows: int) -> Truths:
    return np.broadcast_to(np.asarray(truth, np.bool_), rows)


def _least(states: States, chosen: Truths) -> Words | None:
    return least(states[chosen]) if chosen.any() else None


def _less(left: Sequence[Column], right: Sequence[Column]) -> Truths:
    less = np.zeros(len(left[0]), np.bool_)
    for a, b in zip(reversed(left), reversed(right), strict=True):
        less = (a < b) | ((a == b) & less)
    return less


def _sorted(words: list[Column], records: Records) -> list[Column]:
    keys = [
        np.stack([_gathered(words, element, records.fields, word) for element in records.elements])
        for word in range(records.words)
    ]
    if records.words == 1:
        keys[0].sort(axis=0)
    else:
        order = np.lexsort(keys[::-1], axis=0)
        keys = [np.take_along_axis(key, order, axis=0) for key in keys]
    for element, places in enumerate(records.elements):
        for place, field in zip(places, records.fields, strict=True):
            code = keys[field.word][element] >> field.shift & ((1 << field.bits) - 1)
            words[place.word] = words[place.word] & ~place.mask | code << place.shift
    return words


def _gathered(words: Sequence[Column], places: Sequence[Field], fields: Sequence[Field], word: int) -> Column:
    key = np.zeros_like(words[0])
    for place, field in zip(places, fields, strict=True):
        if field.word == word:
            key |= (words[place.word] >> place.shift & ((1 << field.bits) - 1)) << field.shift
    return key
