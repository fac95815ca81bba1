"""What a module's names are, as far as operators need it: fields of one type, members of an enumeration, parameters, results."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from types import ModuleType

import msgspec

EMPTY = inspect.Parameter.empty


class Types:
    """The names of an imported module. Annotations are compared as texts: equal texts are one type."""

    def __init__(self, module: ModuleType, more: Iterable[type] = ()) -> None:
        self._names: Mapping[str, object] = vars(module)
        self._more = tuple(more)

    def siblings(self, field: str) -> tuple[str, ...]:
        """The fields of the same type, in the classes that have a field of this name: the next two of each class, in a circle."""
        found: dict[str, None] = {}
        for fields in self._fields:
            alike = [name for name, kind in fields.items() if kind == fields.get(field)]
            if field in alike:
                place = alike.index(field)
                found |= dict.fromkeys(alike[place + 1 :][:2] + alike[: max(0, place + 3 - len(alike))][:place])
        return tuple(found)

    def member_after(self, enumeration: str, member: str) -> str | None:
        """The member of an enumeration that follows one, the first after the last."""
        kind = self._names.get(enumeration)
        if not (isinstance(kind, type) and issubclass(kind, Enum)) or member not in kind.__members__:
            return None
        names = list(kind.__members__)
        following = names[(names.index(member) + 1) % len(names)]
        return None if following == member else following

    def parameters(self, name: str) -> tuple[inspect.Parameter, ...]:
        """The parameters of a function or class that the module knows by a name."""
        called = self._names.get(name)
        if not callable(called):
            return ()
        try:
            return tuple(inspect.signature(called).parameters.values())
        except (TypeError, ValueError):
            return ()

    @cached_property
    def results(self) -> dict[str, str]:
        """What effects and programs of the module result in, as a text, by their names."""
        return {name: result for name, value in self._names.items() if (result := _result(value))}

    @cached_property
    def _fields(self) -> tuple[dict[str, str], ...]:
        classes = {value: None for value in self._names.values() if isinstance(value, type)}
        return tuple(fields for kind in (*classes, *self._more) if len(fields := _fields_of(kind)) > 1)


def text_of(annotation: object) -> str:
    """An annotation as a text."""
    if isinstance(annotation, str):
        return annotation
    return annotation.__name__ if type(annotation) is type else str(annotation)


def _fields_of(kind: type) -> dict[str, str]:
    """The fields of a record class and the properties of any class, with their types as texts."""
    fields: dict[str, str] = {}
    if issubclass(kind, msgspec.Struct | tuple) and not issubclass(kind, Enum):
        for base in reversed(kind.__mro__):
            fields |= {name: text_of(value) for name, value in vars(base).get("__annotations__", {}).items()}
    for name, value in vars(kind).items():
        if isinstance(value, property) and value.fget is not None and not name.startswith("_"):
            fields[name] = text_of(value.fget.__annotations__.get("return", ""))
    return {name: kind_of for name, kind_of in fields.items() if not name.startswith("_")}


def _result(value: object) -> str:
    for base in getattr(value, "__orig_bases__", ()):
        arguments = getattr(base, "__args__", ())
        if getattr(getattr(base, "__origin__", None), "__name__", "") == "Effect" and arguments:
            return text_of(arguments[0])
    if inspect.isgeneratorfunction(value):
        returned = value.__annotations__.get("return", "")
        arguments = getattr(returned, "__args__", ())
        return text_of(arguments[-1]) if arguments else ""
    return ""


def record_classes(modules: Iterable[ModuleType]) -> Iterator[type]:
    """The record classes that modules define."""
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and issubclass(value, msgspec.Struct):
                yield value
