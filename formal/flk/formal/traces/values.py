"""Names and values of a trace, and what stands for them inside: elements by themselves or their place, the rest as integers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Boolean, Bounded, Enum, Index, Sort
from flk.formal.language.text import show
from flk.formal.language.variables import Variable
from flk.formal.traces.lines import Mistake
from flk.spec.hints import nearest

Element: TypeAlias = int | float | str | tuple["Element", ...]
"""A value of any sort: an element of an open sort is its name, of a declared sort its place; all else is as in the language."""

Key: TypeAlias = Element
"""Where in a map: the element itself for one index, a tuple for several."""

_TRUTHS = {"true": 1, "false": 0}


class Universe:
    """The elements of every index sort that are known so far.

    `known` maps names to what stands for them. It only grows, and compiled steps hold on to it.
    """

    def __init__(self, protocol: Protocol, declared: Mapping[str, Sequence[object]]) -> None:
        self.known: dict[str, dict[object, Element]] = {
            name: {} for name, sort in protocol.sorts.items() if isinstance(sort, Index)
        }
        self.declared: dict[str, tuple[object, ...]] = {}
        for name, elements in declared.items():
            if name not in self.known:
                raise Mistake(f"elements: there is no index sort {name}: {nearest(name, self.known)}")
            names = tuple(map(_hashable, elements))
            if len(set(names)) != len(names):
                raise Mistake(f"elements: {name} names an element twice; name each once")
            self.known[name] |= {each: place for place, each in enumerate(names)}
            self.declared[name] = names

    def element(self, sort: Index, name: object) -> Element:
        """What stands for a named element; in an open sort it is one from now on. Raises Mistake for what cannot be one."""
        name = _hashable(name)
        known = self.known[sort.name]
        if name in known:
            return known[name]
        if sort.name in self.declared:
            choice = nearest(str(name), map(str, self.declared[sort.name]))
            raise Mistake(f"{sort.name} has no element {name!r}: {choice}")
        if not isinstance(name, str) and not sort.ordered:
            raise Mistake(f"{name!r} names no element of {sort.name}: write a text")
        if isinstance(name, bool) or not isinstance(name, str | int | float | tuple):
            raise Mistake(f"{name!r} names no element of {sort.name}: write a text, a number or a list of them")
        if sort.ordered and known:
            self._compare(sort, name, next(iter(known)))
        known[name] = name
        return name

    def value(self, sort: Sort, written: object) -> Element:
        """The value that a trace writes. Raises Mistake for one that the sort does not have."""
        match sort:
            case Index():
                return self.element(sort, written)
            case Enum():
                if not isinstance(written, str) or written not in sort.members:
                    raise Mistake(f"{sort.name} has no member {written!r}: {nearest(str(written), sort.members)}")
                return sort.members.index(written)
            case Boolean():
                if not isinstance(written, bool):
                    raise Mistake(f"{written!r} is no truth: write true or false")
                return int(written)
            case Bounded():
                if isinstance(written, bool) or not isinstance(written, int) or not sort.low <= written <= sort.high:
                    raise Mistake(f"{written!r} is not of {sort.name}: write an integer from {sort.low} to {sort.high}")
                return written
        raise Mistake(f"nothing can be of sort {sort.name}")

    def part(self, sort: Sort, text: str) -> Element:
        """The same for a part of a key, which is always a text: numbers and lists are written in it as JSON."""
        if isinstance(sort, Boolean) and text in _TRUTHS:
            return _TRUTHS[text]
        if isinstance(sort, Enum) or (isinstance(sort, Index) and (not sort.ordered or text in self.known[sort.name])):
            return self.value(sort, text)
        try:
            written = msgspec.json.decode(text)
        except msgspec.DecodeError:
            written = text
        return self.value(sort, written)

    def values(self, sort: Sort) -> Iterable[Element]:
        """All values of a sort that are known."""
        match sort:
            case Boolean():
                return range(2)
            case Enum():
                return range(len(sort.members))
            case Bounded():
                return range(sort.low, sort.high + 1)
        return self.known[sort.name].values()

    def show(self, sort: Sort, value: Element | None) -> str:
        """A value as the trace writes it."""
        if value is None:
            return "undefined"
        if isinstance(sort, Index):
            named = self.declared[sort.name][value] if sort.name in self.declared and isinstance(value, int) else value
            return str(named)
        return show(sort, int(value))  # type: ignore[arg-type]  # all other sorts are of integers

    def place(self, variable: Variable, key: Key) -> str:
        """A cell as it is written: `stored[eu, 7f3a]`."""
        if not variable.domain:
            return variable.name
        shown = map(self.show, variable.domain, parts_of(variable, key))
        return f"{variable.name}[{', '.join(shown)}]"

    def _compare(self, sort: Index, name: Element, other: object) -> None:
        try:
            _ = name < other  # type: ignore[operator]  # that is the question
        except TypeError:
            raise Mistake(
                f"{name!r} and {other!r} of {sort.name} do not compare: name all of them in one way"
            ) from None


def parts_of(variable: Variable, key: Key) -> tuple[Element, ...]:
    """The indices of a key."""
    if len(variable.domain) == 1:
        return (key,)
    return key if isinstance(key, tuple) else ()


def key_of(parts: Sequence[Element]) -> Key:
    """The key of some indices."""
    return parts[0] if len(parts) == 1 else tuple(parts)


def _hashable(name: object) -> object:
    return tuple(map(_hashable, name)) if isinstance(name, list | tuple) else name
