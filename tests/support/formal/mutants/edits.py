"""Planted faults: a protocol in which one action says something slightly different."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeAlias

from flk.formal.language import Protocol, Term
from flk.formal.language.action import Action, Update
from flk.formal.language.nodes import Constant, Node
from flk.formal.language.text import text

Edit: TypeAlias = Callable[[Action], Action]
Mutants: TypeAlias = dict[str, Callable[[], Protocol]]
"""What builds each mutant, by the mutant's name."""


def mutant(base: Protocol, action: str, *edits: Edit) -> Callable[[], Protocol]:
    """What builds the base with that action edited."""

    def build() -> Protocol:
        changed = base.variant(f"{base.name}-mutant", f"{base.name} with a fault in {action}")
        for edit in edits:
            changed.put(edit(changed.actions[action]))
        return changed

    return build


def without_guard(conjunct: str) -> Edit:
    """Drop the guard's one conjunct that reads so."""

    def edit(action: Action) -> Action:
        kept = tuple(guard for guard in action.guards if text(guard) != conjunct)
        assert len(kept) == len(action.guards) - 1, f"{action.name}: {[text(guard) for guard in action.guards]}"
        return replace(action, guards=kept)

    return edit


def without_update(variable: str) -> Edit:
    """Drop the action's one update of that variable."""

    def edit(action: Action) -> Action:
        kept = tuple(update for update in action.updates if update.variable.name != variable)
        assert len(kept) == len(action.updates) - 1, f"{action.name} does not write {variable} once"
        return replace(action, updates=kept)

    return edit


def swap(old: Term, new: Term) -> Edit:
    """Say another value wherever the action says the old one."""
    assert isinstance(old.node, Constant)
    assert isinstance(new.node, Constant)
    before, after = old.node, new.node

    def edit(action: Action) -> Action:
        changed = replace(
            action,
            guards=tuple(_substitute(guard, before, after) for guard in action.guards),
            updates=tuple(_updated(update, before, after) for update in action.updates),
        )
        assert changed != action, f"{action.name} does not say {old!r}"
        return changed

    return edit


def _updated(update: Update, before: Node, after: Node) -> Update:
    indices = tuple(_substitute(index, before, after) for index in update.indices)
    return replace(update, indices=indices, value=_substitute(update.value, before, after))


def _substitute(part: Any, before: Node, after: Node) -> Any:
    """The same tree with one constant in place of another; sorts and variables are left alone."""
    if part == before:
        return after
    if isinstance(part, tuple):
        return tuple(_substitute(each, before, after) for each in part)
    if is_dataclass(part) and not isinstance(part, type) and isinstance(part, Node):
        changed = {f.name: _substitute(getattr(part, f.name), before, after) for f in fields(part)}
        return replace(part, **changed)
    return part
