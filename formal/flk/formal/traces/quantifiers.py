"""Quantifiers over many elements of which few matter: the sets of those few, kept up to date as cells change.

In `forall o: not pending(o) or position[q] <= position[o]` only the pending elements can make it false. Where the parts of a
quantifier's body that speak of one element, such as `pending(o)`, hold of no element at first, the elements of which they hold are
kept in sets, one for each value of the other locals they mention, and only these are looped over.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from flk.formal.language.nodes import (
    Compared,
    Defined,
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
from flk.formal.language.sorts import BOOL, Index
from flk.formal.language.variables import Variable
from flk.formal.traces.cells import State
from flk.formal.traces.evaluate import UNKNOWN, at_first
from flk.formal.traces.values import Element


class Groups(dict[tuple[Element, ...], set[tuple[Element, ...]]]):
    """Sets of instances by the values of the outer locals, and, where an order is asked of them, their values at one place."""

    def __init__(self) -> None:
        super().__init__()
        self.place: int | None = None
        self._orders: dict[tuple[Element, ...], list[Element]] = {}

    def put(self, group: tuple[Element, ...], instance: tuple[Element, ...], inside: bool) -> None:  # noqa: FBT001 (a truth is put)
        """Let an instance be a member, or not."""
        members = self.get(group)
        if members is None:
            if not inside:
                return
            members = self[group] = set()
        if (instance in members) == inside:
            return
        (members.add if inside else members.remove)(instance)
        if self.place is not None:
            self._order(group, instance[self.place], inside=inside)

    def ordered(self, group: tuple[Element, ...]) -> list[Element]:
        """The members' values at `place`, in order."""
        return self._orders.get(group, [])

    def _order(self, group: tuple[Element, ...], value: Element, *, inside: bool) -> None:
        order = self._orders.setdefault(group, [])
        if inside:
            insort(order, value)
        else:
            del order[bisect_left(order, value)]


@dataclass
class Membership:
    """Sets to be kept: of the values of `inner` for which `excluded` does not hold, by those of `outer`.

    `reads` are what it depends on: each names all the locals, so that a cell tells the one instance it speaks of.
    """

    outer: tuple[Local, ...]
    inner: tuple[Local, ...]
    parts: tuple[Node, ...]
    excluded: Node
    reads: tuple[tuple[Variable, tuple[Local, ...]], ...]
    place: int | None = None
    name: str = ""
    groups: Groups = field(default_factory=Groups)


NOTHING = Joined(BOOL, Junction.OR, ())


@dataclass(frozen=True)
class Plan:
    """How a quantifier is evaluated: over all values of its locals, or over the members of the smallest of some sets, or by the
    extreme of one alone.
    """

    locals: tuple[Local, ...]
    body: Node
    memberships: tuple[Membership, ...] = ()
    extreme: Compared | None = None
    rest: Joined = NOTHING
    """What is left to ask of a member of the only set, if it cannot be one only because its membership was a fault."""


def plan(node: Quantified, state: State) -> Plan:
    """The cheapest way known."""
    locals_, body = flatten(node)
    universal = node.quantifier is Quantifier.FORALL
    parts = tuple(_parts(body, Junction.OR if universal else Junction.AND))
    memberships = tuple(_memberships(locals_, parts, state, universal=universal))
    if not memberships:
        return Plan(locals_, body)
    first = memberships[0]
    others = tuple(part for part in parts if part not in set(first.parts))
    rest = Joined(BOOL, Junction.OR if universal else Junction.AND, others)
    extreme = _extreme(first, others) if universal else None
    if extreme is not None:
        local = extreme.left if extreme.left in first.inner else extreme.right
        first.groups.place = first.place = first.inner.index(local)
        return Plan(locals_, body, (first,), extreme, rest)
    return Plan(locals_, body, memberships, None, rest)


def narrowed(local: Local, guards: Sequence[Node], known: AbstractSet[Local], state: State) -> Membership | None:
    """Sets of the elements for which guards that speak of one of them, and of what is known, can hold."""
    parts = [part for guard in guards for part in _parts(guard, Junction.AND)]
    usable = tuple(part for part in parts if set(_free(part)) <= known | {local})
    return next(_memberships((local,), usable, state, universal=False), None) if isinstance(local.sort, Index) else None


def _memberships(
    locals_: tuple[Local, ...], parts: tuple[Node, ...], state: State, *, universal: bool
) -> Iterator[Membership]:
    """Sets by the parts that speak of one instance, where these decide at first that no instance matters."""
    free = {part: tuple(_free(part)) for part in parts}
    inner = {local.name for local in locals_}
    for mentioned in dict.fromkeys(map(frozenset, free.values())):
        if not inner <= {local.name for local in mentioned}:
            continue
        mine = [part for part in parts if frozenset(free[part]) == mentioned and _speaks_of_one(part, mentioned, state)]
        outer = tuple(sorted((local for local in mentioned if local.name not in inner), key=lambda local: local.name))
        excluded = _excluded(mine, universal=universal)
        if mine and at_first(excluded) not in {0, UNKNOWN}:
            reads = dict.fromkeys((variable, _locals(indices)) for part in mine for variable, indices in _reads(part))
            yield Membership(outer, locals_, tuple(mine), excluded, tuple(reads))


def _excluded(parts: list[Node], *, universal: bool) -> Node:
    """When an instance cannot matter: a part of a disjunction holds, or one of a conjunction does not."""
    if universal:
        return Joined(BOOL, Junction.OR, tuple(parts))
    return Not(BOOL, Joined(BOOL, Junction.AND, tuple(parts)))


def _extreme(membership: Membership, others: tuple[Node, ...]) -> Compared | None:
    """The one other part, if it compares an element with a bound that is the same for all members."""
    if len(others) != 1 or not isinstance(others[0], Compared) or others[0].relation is Relation.EQUAL:
        return None
    other = others[0]
    for element, bound in ((other.left, other.right), (other.right, other.left)):
        if element in membership.inner and not set(_free(bound)) & set(membership.inner):
            return other if isinstance(element.sort, Index) else None
    return None


def flatten(node: Quantified) -> tuple[tuple[Local, ...], Node]:
    """Nested quantifiers of one kind are one over several locals."""
    locals_, body = [node.local], node.body
    if node.quantifier is not Quantifier.COUNT:
        while isinstance(body, Quantified) and body.quantifier is node.quantifier:
            locals_.append(body.local)
            body = body.body
    return tuple(locals_), body


def _parts(node: Node, junction: Junction) -> Iterator[Node]:
    """What is joined; a negated junction of the other kind is a junction of negations."""
    if isinstance(node, Joined) and node.junction is junction:
        for part in node.parts:
            yield from _parts(part, junction)
    elif isinstance(node, Not) and isinstance(node.part, Joined) and node.part.junction is not junction:
        for part in node.part.parts:
            yield from _parts(Not(BOOL, part), junction)
    elif isinstance(node, Not) and isinstance(node.part, Not):
        yield from _parts(node.part.part, junction)
    else:
        yield node


def _free(node: Node, bound: frozenset[Local] = frozenset()) -> Iterator[Local]:
    if isinstance(node, Local):
        if node not in bound:
            yield node
        return
    if isinstance(node, Quantified):
        bound |= {node.local}
    for child in children(node):
        yield from _free(child, bound)


def _reads(node: Node) -> Iterator[tuple[Variable, tuple[Node, ...]]]:
    if isinstance(node, Read | Defined):
        yield node.variable, node.indices
    for child in children(node):
        yield from _reads(child)


def _locals(indices: tuple[Node, ...]) -> tuple[Local, ...]:
    return tuple(index for index in indices if isinstance(index, Local))


def _speaks_of_one(part: Node, mentioned: frozenset[Local], state: State) -> bool:
    """Whether every cell that the part reads names all the locals it mentions, and no cell is one that may begin anywhere."""
    reads = tuple(_reads(part))
    if not reads or any(isinstance(each, Quantified) for each in subtrees(part)):
        return False
    return all(
        len(indices) == len(mentioned) == len(set(indices))
        and set(indices) == mentioned
        and not state.cells[variable.name].free
        for variable, indices in reads
    )


def subtrees(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in children(node):
        yield from subtrees(child)
