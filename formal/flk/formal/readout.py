"""A path through the states of a system, as a solver's model has it, written out as a table of actions and changes."""

from collections.abc import Sequence
from itertools import pairwise, product

from z3 import BoolRef, ExprRef, ModelRef, SortRef, is_true

from flk.formal.theorem import Table
from flk.formal.transitions import Move, S, System, domain


def read_path(system: System[S], states: Sequence[S], path: Sequence[Sequence[Move]], model: ModelRef) -> Table:
    """One row for the facts, one for the first state unless it is empty, one for each move.

    Elements are named by the first letter of their sort and numbered as they come up. Facts about elements that never come
    up are left out.
    """
    reading = Reading(model)
    moves = [reading.move(moves) for moves in path]
    contents = [reading.state(system, state) for state in states]
    rows = [("", "given", reading.facts(system))]
    if contents[0]:
        rows.append(("0", "before", ", ".join(contents[0])))
    for number, (move, (before, after)) in enumerate(zip(moves, pairwise(contents), strict=True), start=1):
        rows.append((str(number), move, changes(before, after)))
    return Table(("step", "action", "changes"), tuple(rows))


def changes(before: Sequence[str], after: Sequence[str]) -> str:
    """What came to hold, and what ceased to."""
    return ", ".join(
        [f"+{new}" for new in after if new not in before] + [f"−{old}" for old in before if old not in after]
    )


class Reading:
    """What a model says, with short names for its elements."""

    def __init__(self, model: ModelRef) -> None:
        self._model = model
        self._names: dict[str, str] = {}

    def move(self, moves: Sequence[Move]) -> str:
        """The move that was taken, with its arguments."""
        taken = next(move for move in moves if self._holds(move.taken))
        return self._applied(taken.action, taken.arguments)

    def state(self, system: System[S], state: S) -> list[str]:
        """All that holds in a state."""
        return [
            self._applied(name, elements)
            for name, sorts in system.signature.items()
            for elements in product(*map(self._universe, sorts))
            if self._holds(getattr(state, name)(*elements))
        ]

    def facts(self, system: System[S]) -> str:
        """What holds of the elements that came up."""
        known = []
        for fact in system.facts:
            for elements in product(*map(self._named, domain(fact))):
                known += self._fact(fact.name(), elements, self._value(fact(*elements)))
        return ", ".join(known)

    def _fact(self, name: str, elements: Sequence[ExprRef], value: ExprRef) -> list[str]:
        if isinstance(value, BoolRef):
            return [self._applied(name, elements)] if is_true(value) else []
        return [f"{self._applied(name, elements)}={self._name(value)}"]

    def _named(self, sort: SortRef) -> list[ExprRef]:
        return sorted((e for e in self._universe(sort) if str(e) in self._names), key=self._name)

    def _applied(self, name: str, elements: Sequence[ExprRef]) -> str:
        return f"{name}({', '.join(map(self._name, elements))})" if elements else name

    def _name(self, element: ExprRef) -> str:
        value = self._value(element)
        letter = value.sort().name()[0].lower()
        number = sum(name.startswith(letter) for name in self._names.values()) + 1
        return self._names.setdefault(str(value), f"{letter}{number}")

    def _universe(self, sort: SortRef) -> list[ExprRef]:
        return self._model.get_universe(sort) or []

    def _holds(self, formula: ExprRef) -> bool:
        return is_true(self._value(formula))

    def _value(self, term: ExprRef) -> ExprRef:
        return self._model.eval(term, model_completion=True)
