"""Events as the search needs them: the action's steps, its arguments and what was seen, in the values of the inside."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from flk.formal.language.protocol import Protocol
from flk.formal.traces.cells import Cells, State
from flk.formal.traces.lines import Event, Mistake, nearest
from flk.formal.traces.steps import Steps
from flk.formal.traces.values import Element, Key, Universe, key_of

Sight: TypeAlias = "tuple[Cells, Key, Element | None]"
"""A cell, and the value that was seen there."""


class Seen(NamedTuple):
    """An event. `number` counts events from 1; arguments that were not told are None."""

    number: int
    line: int
    steps: Steps
    arguments: tuple[Element | None, ...]
    before: tuple[Sight, ...]
    after: tuple[Sight, ...]
    complete: bool


class Reader:
    """Reads the names and values of one trace."""

    def __init__(self, protocol: Protocol, universe: Universe, state: State, steps: Mapping[str, Steps]) -> None:
        self._protocol = protocol
        self._universe = universe
        self._cells = state.cells
        self._steps = steps
        written = {update.variable.name for action in protocol.actions.values() for update in action.updates}
        self._constant = {name for name, cells in state.cells.items() if cells.free and name not in written}
        self._keys: dict[str, dict[str, Key]] = {name: {} for name in state.cells}

    def event(self, number: int, event: Event) -> Seen:
        """The event. Raises Mistake for a name or value that has no meaning."""
        steps = self._steps.get(event.action)
        if steps is None:
            raise Mistake(f"{self._protocol.name} has no action {event.action}: {nearest(event.action, self._steps)}")
        arguments = self._arguments(steps, event.arguments)
        before = tuple(self.sights(event.before)) if event.before else ()
        after = tuple(self.sights(event.state)) if event.state else ()
        if self._constant and after:
            before += tuple(sight for sight in after if sight[0].variable.name in self._constant)
        return Seen(number, event.line, steps, arguments, before, after, None not in arguments)

    def sights(self, written: Mapping[str, Any]) -> Iterator[Sight]:
        """What is told of some variables. Raises Mistake for names, keys and values that have no meaning."""
        for name, value in written.items():
            cells = self._cells.get(name)
            if cells is None:
                raise Mistake(f"{self._protocol.name} has no variable {name}: {nearest(name, self._cells)}")
            variable = cells.variable
            if not variable.domain:
                yield cells, (), self._value(cells, value)
            elif isinstance(value, dict):
                for key, inner in value.items():
                    yield from self._entries(cells, (), key, inner)
            else:
                raise Mistake(f"{name} is a map: write an object of its values by their keys, not {value!r}")

    def _arguments(self, steps: Steps, written: Mapping[str, Any]) -> tuple[Element | None, ...]:
        known = self._universe.known
        filled: list[Element | None] = []
        found = 0
        for local in steps.action.parameters:
            value = written.get(local.name)
            if value is None:
                filled.append(None)
                continue
            found += 1
            elements = known.get(local.sort.name)
            try:
                filled.append(elements[value] if elements else self._universe.value(local.sort, value))
            except (KeyError, TypeError):
                filled.append(self._universe.value(local.sort, value))
            except Mistake as mistake:
                raise Mistake(f"{steps.action.name}, {local.name}: {mistake}") from None
        if found < len(written):
            for name in written:
                if name not in steps.positions:
                    raise Mistake(f"{steps.action.name} has no parameter {name}: {nearest(name, steps.positions)}")
        return tuple(filled)

    def _entries(self, cells: Cells, parts: tuple[str, ...], text: str, value: object) -> Iterator[Sight]:
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
        if text not in known:
            split = (text,) if len(variable.domain) == 1 else tuple(text.split(","))
            known[text] = self._key(cells, split)
        yield cells, known[text], self._value(cells, value)

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
