"""Updates in a language that makes one after the other: where old values are still needed, and that no place is written twice."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from flk.formal.language.action import Update
from flk.formal.language.nodes import (
    Compared,
    Constant,
    Joined,
    Junction,
    Local,
    Node,
    Not,
    Quantified,
    Quantifier,
    Read,
    Relation,
    children,
)
from flk.formal.language.nodes import Defined as DefinedNode
from flk.formal.language.sorts import BOOL
from flk.formal.language.variables import Variable


def reads(node: Node) -> Iterator[Read | DefinedNode]:
    """Every read of the state in a tree."""
    if isinstance(node, Read | DefinedNode):
        yield node
    for child in children(node):
        yield from reads(child)


def overwritten(updates: Sequence[Update]) -> tuple[Variable, ...]:
    """The variables whose old values are read after they have been written, if the updates are made one after the other."""
    found: dict[str, Variable] = {}
    written: set[str] = set()
    for update in updates:
        for read in (read for node in _parts(update) for read in reads(node)):
            name = read.variable.name
            itself = bool(update.binders) and read.variable == update.variable and read.indices != update.indices
            if name in written or itself:
                found[name] = read.variable
        written.add(update.variable.name)
    return tuple(found.values())


def once(updates: Sequence[Update]) -> tuple[Node, ...]:
    """Conditions under which no place is written twice, as an action demands. None for what is plain from the text."""
    pairs = ((a, b) for a, b in combinations(updates, 2) if a.variable == b.variable)
    return tuple(node for a, b in pairs if (node := _apart(a, b)) is not None)


def _parts(update: Update) -> Iterable[Node]:
    return update.indices if update.value is None else (*update.indices, update.value)


def _apart(first: Update, second: Update) -> Node | None:
    """That two updates do not meet: for all their binders, some index differs."""
    renamed = {local: replace(local, name=f"{local.name}'other") for local in second.binders}
    others = tuple(renamed.get(at, at) if isinstance(at, Local) else at for at in second.indices)
    differ: list[Node] = []
    for one, other in zip(first.indices, others, strict=True):
        if isinstance(one, Constant) and isinstance(other, Constant):
            if one.value != other.value:
                return None
        elif one != other:
            differ.append(Not(BOOL, Compared(BOOL, Relation.EQUAL, one, other)))
    node: Node = Joined(BOOL, Junction.OR, tuple(differ)) if differ else Constant(BOOL, 0)
    for local in (*first.binders, *renamed.values()):
        node = Quantified(BOOL, Quantifier.FORALL, local, node)
    return node
