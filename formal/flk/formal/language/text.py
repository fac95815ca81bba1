"""Expression trees as people read them: in coverage tables, counterexamples and rejected traces."""

from flk.formal.language.action import Action, Update
from flk.formal.language.nodes import (
    Arithmetic,
    Choice,
    Compared,
    Constant,
    Defined,
    Joined,
    Junction,
    Local,
    Node,
    Not,
    Quantified,
    Read,
    Relation,
)
from flk.formal.language.sorts import Boolean, Enum, Index, Sort
from flk.formal.language.variables import Variable


def show(sort: Sort, value: int) -> str:
    """A value as it is written: `true`, `prepared`, `region2`, `3`."""
    match sort:
        case Boolean():
            return "true" if value else "false"
        case Enum():
            return sort.members[value]
        case Index():
            return f"{sort.name.lower()}{value + 1}"
        case _:
            return str(value)


def text(node: Node) -> str:
    """The tree in infix form, with the author's names."""
    return _text(node, 0)


def text_of_update(update: Update) -> str:
    """`stored[k] := entry`; an update at all values of an index names it."""
    value = "undefined" if update.value is None else text(update.value)
    everywhere = "".join(f" for all {_plain(local)}" for local in update.binders)
    return f"{_place(update.variable, update.indices)} := {value}{everywhere}"


def text_of_action(action: Action) -> str:
    """The action as guards and updates, one to a line."""
    head = f"{action.name}({', '.join(f'{p.name}: {p.sort.name}' for p in action.parameters)})"
    guards = [f"  require {text(guard)}" for guard in action.guards]
    return "\n".join([head, *guards, *(f"  {text_of_update(update)}" for update in action.updates)])


def _text(node: Node, level: int) -> str:  # noqa: C901 (one case for each kind of node)
    """`level` is how tightly the surroundings bind: 0 anything, 1 or, 2 and, 3 comparison, 4 sum, 5 product, 6 atom."""
    match node:
        case Constant(sort, value):
            return show(sort, value)
        case Local():
            return _plain(node)
        case Read(variable, indices):
            return _place(variable, indices)
        case Defined(_, variable, indices):
            return f"defined({_place(variable, indices)})"
        case Not(_, Compared(_, Relation.EQUAL, left, right)):
            return wrap(f"{_text(left, 4)} != {_text(right, 4)}", 3, level)
        case Not(_, part):
            return f"not {_text(part, 6)}"
        case Joined(_, junction, parts):
            own = 2 if junction is Junction.AND else 1
            return wrap(f" {junction} ".join(_text(part, own + 1) for part in parts), own, level)
        case Choice(_, condition, then, other):
            return wrap(f"if {_text(condition, 1)} then {_text(then, 1)} else {_text(other, 1)}", 0, level)
        case Compared(_, relation, left, right):
            return wrap(f"{_text(left, 4)} {relation} {_text(right, 4)}", 3, level)
        case Arithmetic(_, operator, left, right):
            own = 4 if operator in {"+", "-"} else 5
            return wrap(f"{_text(left, own)} {operator} {_text(right, own + 1)}", own, level)
        case Quantified(_, quantifier, local, body):
            return wrap(f"{quantifier} {_plain(local)}: {_text(body, 0)}", 0, level)


def _place(variable: Variable, indices: tuple[Node, ...]) -> str:
    return variable.name + (f"[{', '.join(map(text, indices))}]" if indices else "")


def _plain(local: Local) -> str:
    return local.name.split("'")[0]


def wrap(inner: str, own: int, level: int) -> str:
    """A part that binds as tightly as `own`, in parentheses if its surroundings bind more tightly."""
    return f"({inner})" if own < level else inner
