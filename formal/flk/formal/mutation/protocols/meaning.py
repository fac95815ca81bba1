"""From a mutant's source to its protocol, and what tells one protocol's behaviour from another's."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

from flk.formal.language import Protocol
from flk.formal.language.action import Action
from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.protocols.anatomy import PROPERTIES
from flk.formal.mutation.source import BESIDE
from flk.spec.errors import UnusableInput


def protocol_of(mutant: Mutant) -> Protocol:
    """The protocol that a mutant's source defines; properties say what they say in the original, whatever they share with actions.

    Raises whatever the source does: UnusableInput where it has no meaning in the language.
    """
    return _defined_by(mutant, _with_the_original_properties(mutant))


def meaningful(mutants: Iterable[Mutant], original: Mutant) -> Iterator[Mutant]:
    """Those that are protocols, behave otherwise than the original by their trees, and are not the same as one before.

    An update is moved to the next action only in which it has a meaning.
    """
    reader = Reader(original)
    seen = {reader.behaviour(original)}
    moved: set[tuple[int, str]] = set()
    for mutant in mutants:
        move = mutant.line, mutant.before.partition(BESIDE)[0]
        if mutant.operator == "move-update" and move in moved:
            continue
        try:
            said = reader.behaviour(mutant)
        except Exception:  # noqa: BLE001, S112 (the mutant's own code: it has no meaning)
            continue
        if mutant.operator == "move-update":
            moved.add(move)
        if said not in seen:
            seen.add(said)
            yield mutant


def behaviour(protocol: Protocol) -> tuple[str, ...]:
    """Initial values and actions, as texts that are the same for the same trees."""
    return (*map(repr, protocol.variables.values()), *map(_said, protocol.actions.values()))


@dataclass(frozen=True)
class Reader:
    """Reads the mutants of one original. Of those in actions only the actions are run, in the original's module, to save time."""

    original: Mutant

    def behaviour(self, mutant: Mutant) -> tuple[str, ...]:
        """What the mutant's protocol does. Raises whatever the source does."""
        changed = self._changed_actions(mutant)
        if changed is None:
            return behaviour(_defined_by(mutant, _without_properties(mutant)))
        protocol = self._protocol.variant(self._protocol.name, self._protocol.story)
        names = {name: protocol if value is self._protocol else value for name, value in self._module.__dict__.items()}
        exec(compile(changed, mutant.path, "exec"), names)  # noqa: S102 (this is what an import does)
        return behaviour(protocol)

    def _changed_actions(self, mutant: Mutant) -> str | None:
        """The text of the actions that differ, and of what stands between them; None if something else differs too."""
        before, after = self._lines, mutant.source.splitlines()
        same = _common(before, after)
        tail = min(_common(before[::-1], after[::-1]), len(before) - same, len(after) - same)
        last = max(len(before) - tail, same + 1)
        touched = [part for part in self._parts if _first_line(part) <= last and same < (part.end_lineno or 0)]
        if not touched or not all("action" in _decorators(part) for part in touched):
            return None
        return "\n".join(after[_first_line(touched[0]) - 1 : (touched[-1].end_lineno or 0) + len(after) - len(before)])

    @cached_property
    def _lines(self) -> list[str]:
        return self.original.source.splitlines()

    @cached_property
    def _parts(self) -> list[ast.stmt]:
        return _parsed(self.original.source, self.original.path).body

    @cached_property
    def _module(self) -> ModuleType:
        return _run(self.original, _without_properties(self.original))

    @cached_property
    def _protocol(self) -> Protocol:
        return _protocol_in(self._module, self.original)


def _common(one: Sequence[str], two: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    return next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def _first_line(part: ast.stmt) -> int:
    """The line on which a part begins, with its decorators."""
    decorators = part.decorator_list if isinstance(part, ast.FunctionDef) else []
    return min([part.lineno, *(each.lineno for each in decorators)])


def _said(action: Action) -> str:
    guards = [guard for guard in map(repr, action.guards) if guard != _TRUE]
    return f"{action.name}{action.parameters!r}{guards}{sorted(map(repr, action.updates))}"


_TRUE = "Constant(sort=Boolean(), value=1)"


def _without_properties(mutant: Mutant) -> ast.Module:
    tree = _parsed(mutant.source, mutant.path)
    tree.body = [part for part in tree.body if not _is_property(part)]
    return tree


def _defined_by(mutant: Mutant, tree: ast.Module) -> Protocol:
    return _protocol_in(_run(mutant, tree), mutant)


def _run(mutant: Mutant, tree: ast.Module) -> ModuleType:
    module = ModuleType(f"mutant_{mutant.id}")
    module.__file__ = mutant.path
    exec(compile(tree, mutant.path, "exec"), module.__dict__)  # noqa: S102 (this is what an import does)
    return module


def _protocol_in(module: ModuleType, mutant: Mutant) -> Protocol:
    found = module.__dict__.get("protocol")
    if not isinstance(found, Protocol):
        raise UnusableInput(
            f"{mutant.path}: defines no `protocol`; write protocol = Protocol(name, story) at the top level"
        )
    return found


def _with_the_original_properties(mutant: Mutant) -> ast.Module:
    """The mutant's module; where a helper is mutated that properties use too, they are given the original's."""
    tree = _parsed(mutant.source, mutant.path)
    mutated = _helper(tree, mutant.function)
    original = _helper(_parsed(mutant.original, mutant.path), mutant.function)
    if mutated is not None and original is not None:
        tree.body = list(_alternating(tree.body, original, mutated))
    return tree


def _alternating(parts: Iterable[ast.stmt], original: ast.stmt, mutated: ast.stmt) -> Iterator[ast.stmt]:
    """The parts of a module, with the original helper before properties, and the mutated one before actions that follow them."""
    honest = False
    for part in parts:
        if _decorators(part) and _is_property(part) is not honest:
            honest = not honest
            yield original if honest else mutated
        yield part


def _helper(tree: ast.Module, name: str) -> ast.stmt | None:
    """The function of that name at the top level, if it is neither an action nor a property."""
    functions = (part for part in tree.body if isinstance(part, ast.FunctionDef) and not part.decorator_list)
    return next((function for function in functions if function.name == name), None)


def _is_property(part: ast.stmt) -> bool:
    return bool(PROPERTIES & _decorators(part))


def _decorators(part: ast.stmt) -> set[str]:
    decorators = part.decorator_list if isinstance(part, ast.FunctionDef) else []
    calls = [each.func for each in decorators if isinstance(each, ast.Call)]
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


def _parsed(source: str, path: str) -> ast.Module:
    return ast.parse(source, path)
