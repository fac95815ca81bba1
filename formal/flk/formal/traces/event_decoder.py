"""Events as the search needs them: the action's steps, its arguments and what was seen, in the values of the inside."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Boolean, Enum, Index, Sort
from flk.formal.language.variables import Variable
from flk.formal.traces.cells import Cells, State
from flk.formal.traces.lines import Event, Mistake
from flk.formal.traces.steps import Steps
from flk.formal.traces.values import Element, Key, Universe, key_of
from flk.spec.hints import nearest

Observation: TypeAlias = "tuple[Cells, Key, Element | None]"
"""A cell, and the value that was seen there."""


_NAMES = frozenset({str, bool})  # what names a value; 1 is not true, though Python finds it where true is


class Seen(NamedTuple):
    """An event. `number` counts events from 1; arguments that the trace does not give are None."""

    number: int
    line: int
    steps: Steps
    arguments: tuple[Element | None, ...]
    before: Sequence[Observation]
    after: Sequence[Observation]
    complete: bool
    note: object


class Decoder:
    """Reads the names and values of one trace."""

    def __init__(self, protocol: Protocol, universe: Universe, state: State, steps: Mapping[str, Steps]) -> None:
        self._protocol = protocol
        self._universe = universe
        self._cells = state.cells
        self._steps = steps
        written = {update.variable.name for action in protocol.actions.values() for update in action.updates}
        self._constant = {name for name, cells in state.cells.items() if cells.free and name not in written}
        self._keys = {name: self._names_of_keys(cells.variable) for name, cells in state.cells.items()}
        self._values = {name: self._names_of_values(cells.variable.sort) for name, cells in state.cells.items()}
        self._parameters = {
            name: [(local, self._names_of_values(local.sort)) for local in each.action.parameters]
            for name, each in steps.items()
        }

    def _names_of_keys(self, variable: Variable) -> dict[object, Key]:
        """The keys that are known by their texts: grows with use."""
        single = variable.domain[0] if len(variable.domain) == 1 else None
        return self._universe.known[single.name] if isinstance(single, Index) else {}

    def _names_of_values(self, sort: Sort) -> dict[object, Element]:
        """What stands for the values of a sort that have names; integers have none."""
        match sort:
            case Boolean():
                return {True: 1, False: 0}
            case Index():
                return self._universe.known[sort.name]
            case Enum():
                return {name: place for place, name in enumerate(sort.members)}
        return {}

    def event(self, number: int, event: Event) -> Seen:
        """The event. Raises Mistake for a name or value that has no meaning."""
        steps = self._steps.get(event.action)
        if steps is None:
            raise Mistake(f"{self._protocol.name} has no action {event.action}: {nearest(event.action, self._steps)}")
        arguments = self._arguments(steps, event.arguments)
        before = self.observations(event.before) if event.before else []
        after = self.observations(event.state) if event.state else []
        if self._constant and after:
            before += [observation for observation in after if observation[0].variable.name in self._constant]
        return Seen(number, event.line, steps, arguments, before, after, None not in arguments, event.note)

    def observations(self, written: Mapping[str, object]) -> list[Observation]:
        """What the trace says of some variables. Raises Mistake for names, keys and values that have no meaning."""
        found: list[Observation] = []
        for name, value in written.items():
            cells = self._cells.get(name)
            if cells is None:
                raise Mistake(f"{self._protocol.name} has no variable {name}: {nearest(name, self._cells)}")
            if not cells.variable.domain:
                found.append((cells, (), self._value(cells, value)))
            elif isinstance(value, dict):
                keys, values = self._keys[name], self._values[name]
                for text, inner in value.items():
                    if text in keys and inner.__class__ in _NAMES and inner in values:
                        found.append((cells, keys[text], values[inner]))
                    else:
                        found += self._entries(cells, (), text, inner)
            else:
                raise Mistake(f"{name} is a map: write an object of its values by their keys, not {value!r}")
        return found

    def _arguments(self, steps: Steps, written: Mapping[str, object]) -> tuple[Element | None, ...]:
        filled: list[Element | None] = []
        found = 0
        for local, names in self._parameters[steps.action.name]:
            value = written.get(local.name)
            if value is None:
                filled.append(None)
                continue
            found += 1
            if value.__class__ in _NAMES and value in names:
                filled.append(names[value])
                continue
            try:
                filled.append(self._universe.value(local.sort, value))
            except Mistake as mistake:
                raise Mistake(f"{steps.action.name}, {local.name}: {mistake}") from None
        if found < len(written):
            for name in written:
                if name not in steps.positions:
                    raise Mistake(f"{steps.action.name} has no parameter {name}: {nearest(name, steps.positions)}")
        return tuple(filled)

    def _entries(self, cells: Cells, parts: tuple[str, ...], text: str, value: object) -> Iterator[Observation]:
        """The entries of a map under a key or a first part of one."""
        variable = cells.variable
        if isinstance(value, dict):
            for more, inner in value.items():
                yield from self._entries(cells, (*parts, text), more, inner)
            return
        if parts:
            yield cells, self._key(cells, (*parts, text)), self._value(cells, value)
            return
        known = self._keys[variable.name]
        key = known.get(text)
        if key is None:
            key = self._key(cells, (text,) if len(variable.domain) == 1 else tuple(text.split(",")))
            if len(variable.domain) > 1:
                known[text] = key
        yield cells, key, self._value(cells, value)

    def _key(self, cells: Cells, parts: tuple[str, ...]) -> Key:
        variable = cells.variable
        if len(parts) != len(variable.domain):
            names = ",".join(sort.name for sort in variable.domain)
            raise Mistake(
                f"{variable.name} has keys {names}, and {','.join(parts)!r} names {len(parts)} of {len(variable.domain)}; "
                "if a name has a comma in it, write objects in objects"
            )
        try:
            return key_of([self._universe.part(s, part) for s, part in zip(variable.domain, parts, strict=True)])
        except Mistake as mistake:
            raise Mistake(f"{variable.name}: {mistake}") from None

    def _value(self, cells: Cells, written: object) -> Element | None:
        variable = cells.variable
        if written is None:
            if not variable.partial:
                raise Mistake(f"{variable.name} is always defined: null is not a value of it")
            return None
        try:
            return self._universe.value(variable.sort, written)
        except Mistake as mistake:
            raise Mistake(f"{variable.name}: {mistake}") from None
