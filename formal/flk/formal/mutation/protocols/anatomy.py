"""The parts of a protocol's source: actions, the helpers that actions use, declarations of state, enums, properties."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import libcst as cst

from flk.formal.mutation.source import Source

PROPERTIES = frozenset({"always", "never", "reachable", "lemma", "leads_to", "assume", "may_stop"})
STATE = frozenset({"scalar", "map", "relation"})


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What is what in a module that defines a protocol."""

    source: Source

    @cached_property
    def actions(self) -> tuple[cst.FunctionDef, ...]:
        """Functions that are decorated by `@protocol.action(…)`."""
        return tuple(function for function in self._functions if "action" in _decorators(function))

    @cached_property
    def properties(self) -> tuple[cst.FunctionDef, ...]:
        """Functions that state a property or an assumption."""
        return tuple(function for function in self._functions if PROPERTIES & _decorators(function))

    @cached_property
    def helpers(self) -> tuple[cst.FunctionDef, ...]:
        """Functions that actions use, through others too."""
        plain = {function.name.value: function for function in self._functions if not function.decorators}
        found: dict[str, cst.FunctionDef] = {}
        open_ = list(self.actions)
        while open_:
            for name in _names(open_.pop()):
                if name in plain and name not in found:
                    found[name] = plain[name]
                    open_.append(plain[name])
        return tuple(function for function in plain.values() if function.name.value in found)

    @cached_property
    def state(self) -> Mapping[str, cst.Call]:
        """The call that declares each variable, by the name that it is bound to."""
        return {name: call for name, call in self._declared() if _method(call) in STATE}

    @cached_property
    def enums(self) -> Mapping[str, tuple[str, ...]]:
        """The members of each enum, by the name that it is bound to."""
        enums = {name: call for name, call in self._declared() if _method(call) == "enum"}
        return {name: tuple(_texts(call))[1:] for name, call in enums.items()}

    @property
    def _functions(self) -> Iterator[cst.FunctionDef]:
        return (part for part in self.source.tree.body if isinstance(part, cst.FunctionDef))

    def _declared(self) -> Iterator[tuple[str, cst.Call]]:
        """Names at the top level that are bound to the result of a call."""
        for line in self.source.tree.body:
            for part in line.body if isinstance(line, cst.SimpleStatementLine) else ():
                match part:
                    case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=cst.Call() as call):
                        yield name, call


def _decorators(function: cst.FunctionDef) -> set[str]:
    calls = (decorator.decorator for decorator in function.decorators)
    return {_method(call) for call in calls if isinstance(call, cst.Call)}


def _method(call: cst.Call) -> str:
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else ""


def _texts(call: cst.Call) -> Iterator[str]:
    for argument in call.args:
        if isinstance(argument.value, cst.SimpleString):
            yield str(argument.value.evaluated_value)


def _names(node: cst.CSTNode) -> Iterator[str]:
    if isinstance(node, cst.Name):
        yield node.value
    for child in node.children:
        yield from _names(child)
