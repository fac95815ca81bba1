"""From a mutant's source to its protocol, and what tells one protocol's behaviour from another's."""

import ast
from collections.abc import Iterable, Iterator
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
    seen = {_behaviour_of(original)}
    moved: set[tuple[int, str]] = set()
    for mutant in mutants:
        move = mutant.line, mutant.before.partition(BESIDE)[0]
        if mutant.operator == "move-update" and move in moved:
            continue
        try:
            said = _behaviour_of(mutant)
        except Exception:  # noqa: BLE001, S112 (the mutant's own code: it has no meaning)
            continue
        if mutant.operator == "move-update":
            moved.add(move)
        if said not in seen:
            seen.add(said)
            yield mutant


def behaviour(protocol: Protocol) -> str:
    """Initial values and actions, as text that is the same for the same trees."""
    return "\n".join([*map(repr, protocol.variables.values()), *map(_said, protocol.actions.values())])


def _said(action: Action) -> str:
    guards = [guard for guard in map(repr, action.guards) if guard != _TRUE]
    return f"{action.name}{action.parameters!r}{guards}{sorted(map(repr, action.updates))}"


_TRUE = "Constant(sort=Boolean(), value=1)"


def _behaviour_of(mutant: Mutant) -> str:
    tree = _parsed(mutant.source, mutant.path)
    tree.body = [part for part in tree.body if not _is_property(part)]
    return behaviour(_defined_by(mutant, tree))


def _defined_by(mutant: Mutant, tree: ast.Module) -> Protocol:
    module = ModuleType(f"mutant_{mutant.id}")
    module.__file__ = mutant.path
    exec(compile(tree, mutant.path, "exec"), module.__dict__)  # noqa: S102 (this is what an import does)
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
