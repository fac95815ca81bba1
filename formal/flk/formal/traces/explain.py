"""Why an event is not possible where the trace has led, and what is possible there instead."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, islice, product
from math import prod

from flk.formal.explicit.interpreter import Fault
from flk.formal.language.nodes import Local, Node, Quantified, Quantifier
from flk.formal.language.text import text
from flk.formal.traces.cells import State, Unbound
from flk.formal.traces.emit import Emitter
from flk.formal.traces.evaluate import Evaluator
from flk.formal.traces.event_decoder import Observation, Seen
from flk.formal.traces.quantifiers import flatten, subtrees
from flk.formal.traces.steps import TAKEN, Arguments, Steps
from flk.formal.traces.validation import Reason
from flk.formal.traces.values import Element, Universe

TRIED = 20_000  # combinations of elements that are looked at to explain one event
SHOWN = 5  # steps that are named as possible instead


class Explainer:
    """Explains in the state as it is: what is tried is taken back."""

    def __init__(self, state: State, universe: Universe, steps: Mapping[str, Steps], emitter: Emitter) -> None:
        self._state = state
        self._emitter = emitter
        self._universe = universe
        self._steps = steps

    def written(self, steps: Steps, arguments: tuple[Element | None, ...]) -> str:
        """A step as it is written: `claim(q=7f3a, k=?)`."""
        shown = (
            f"{local.name}={'?' if value is None else self._universe.show(local.sort, value)}"
            for local, value in zip(steps.action.parameters, arguments, strict=True)
        )
        return f"{steps.action.name}({', '.join(shown)})"

    def reason(self, seen: Seen) -> Reason:
        """Why the event cannot be the next step."""
        wrong = self._differs(seen.before)
        if wrong:
            return Reason("before", *wrong)
        if seen.complete:
            return self._refused(seen, seen.arguments)  # type: ignore[arg-type]  # none is None
        closest, furthest = None, -1
        for filled in islice(self._fillings(seen), TRIED):
            position = self._refusal(seen.steps, filled)
            reached = len(seen.steps.action.guards) if position == TAKEN else position
            if reached > furthest:
                closest, furthest = filled, reached
        if closest is None:
            return Reason("arguments", "no elements are known that could be meant")
        reason = self._refused(seen, closest)
        return Reason(reason.kind, reason.what, reason.values, f"closest: {self.written(seen.steps, closest)}")

    def nearest(self, seen: Seen) -> tuple[str, ...]:
        """The steps that are possible: of the event's action with few other arguments, then of others with those it has."""
        found = dict.fromkeys(islice(chain(self._same(seen), self._others(seen)), SHOWN))
        return tuple(found)

    def _refusal(self, steps: Steps, arguments: Arguments) -> int:
        try:
            return steps.refusal(*arguments)
        except (Fault, Unbound):
            return 0

    def _refused(self, seen: Seen, arguments: Arguments) -> Reason:
        steps, mark = seen.steps, self._state.mark()
        try:
            position = steps.run(*arguments)
        except Fault as fault:
            return Reason("fault", str(fault))
        except Unbound as unbound:
            place = self._universe.place(unbound.cells.variable, unbound.key)
            return Reason("guard", f"no value of {place}, which the trace does not give, makes this possible")
        if position != TAKEN:
            return self._false(steps, steps.action.guards[position], arguments)
        wrong = self._differs(seen.after)
        self._state.undo(mark)
        return (
            Reason("state", *wrong)
            if wrong
            else Reason("guard", "no value of what the trace does not give makes this possible")
        )

    def _false(self, steps: Steps, guard: Node, arguments: Arguments) -> Reason:
        """A guard conjunct with what it read; of a `forall`, for the first elements that make it false."""
        evaluator = Evaluator(self._state.cells, self._universe)
        locals_ = {local.name: value for local, value in zip(steps.action.parameters, arguments, strict=True)}
        where = ""
        if isinstance(guard, Quantified) and guard.quantifier is Quantifier.FORALL:
            bound, body = flatten(guard)
            found = evaluator.witness(
                body, ({**locals_, **values} for values in self._candidates(guard, bound, locals_))
            )
            where = ", ".join(
                f"{text(local)} = {self._universe.show(local.sort, found[local.name])}" for local in bound if found
            )
        elif not any(isinstance(node, Quantified) for node in subtrees(guard)):
            evaluator.value(guard, locals_)
        values = tuple(
            (self._universe.place(variable, key), self._universe.show(variable.sort, value))
            for (variable, key), value in evaluator.seen.items()
        )
        return Reason("guard", text(guard), values, f"for {where}" if where else "")

    def _candidates(
        self, guard: Quantified, bound: tuple[Local, ...], locals_: Mapping[str, Element]
    ) -> Iterable[Mapping[str, Element]]:
        """Values of the bound locals that may make the guard false, as many as are to be looked at."""
        members = self._emitter.members(guard, locals_)
        if members is not None:
            return members
        names = [local.name for local in bound]
        combinations_ = product(*(self._universe.values(local.sort) for local in bound))
        return (dict(zip(names, values, strict=True)) for values in islice(combinations_, TRIED))

    def _differs(self, observations: Sequence[Observation]) -> tuple[str, tuple[tuple[str, str], ...]] | None:
        """The cells that are not as they were seen."""
        different = []
        for cells, key, value in observations:
            try:
                now = cells.now(key)
            except Unbound:
                continue
            if now != value:
                place, sort = self._universe.place(cells.variable, key), cells.variable.sort
                different.append((place, self._universe.show(sort, now), self._universe.show(sort, value)))
        if not different:
            return None
        seen = " and ".join(f"{place} = {value}" for place, _, value in different)
        return f"the trace saw {seen}; by the protocol it is", tuple((place, now) for place, now, _ in different)

    def _fillings(self, seen: Seen) -> Iterator[Arguments]:
        return product(
            *(
                self._universe.values(local.sort) if value is None else (value,)
                for local, value in zip(seen.steps.action.parameters, seen.arguments, strict=True)
            )
        )

    def _same(self, seen: Seen) -> Iterator[str]:
        places = range(len(seen.arguments))
        for size in range(1, len(seen.arguments) + 1):
            for freed in combinations(places, size):
                kept = tuple(None if at in freed else value for at, value in enumerate(seen.arguments))
                yield from self._possible(seen.steps, kept)

    def _others(self, seen: Seen) -> Iterator[str]:
        """Other actions, their parameters filled by the event's arguments of the same name, or else of the same sort."""
        given = [
            (local, value)
            for local, value in zip(seen.steps.action.parameters, seen.arguments, strict=True)
            if value is not None
        ]
        others = [
            (sum(argument is None for argument in filled), steps, filled)
            for steps in self._steps.values()
            if steps is not seen.steps
            for filled in [tuple(_fitting(local, given) for local in steps.action.parameters)]
        ]
        for _, steps, filled in sorted(others, key=lambda other: other[0]):
            yield from self._possible(steps, filled)

    def _possible(self, steps: Steps, arguments: tuple[Element | None, ...]) -> Iterator[str]:
        """The ways to fill in what is None, unless there are too many to look at."""
        free = [p.sort for p, value in zip(steps.action.parameters, arguments, strict=True) if value is None]
        if prod(len(list(self._universe.values(sort))) for sort in free) > TRIED:
            return
        try:
            for filled in steps.candidates(arguments):
                yield self.written(steps, filled)
        except (Fault, Unbound):
            return


def _fitting(local: Local, given: list[tuple[Local, Element]]) -> Element | None:
    alike = [(other.name != local.name, value) for other, value in given if other.sort == local.sort]
    return min(alike, key=lambda pair: pair[0])[1] if alike else None
