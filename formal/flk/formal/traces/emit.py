"""Expressions of a protocol as Python source over sparse cells."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from flk.formal.explicit.interpreter import Fault
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
    Operator,
    Quantified,
    Quantifier,
    Read,
    Relation,
    children,
)
from flk.formal.language.sorts import Boolean, Bounded, Enum, Sort
from flk.formal.language.variables import Variable
from flk.formal.traces.cells import ABSENT, State, divide, remainder, undefined, unknown, within
from flk.formal.traces.quantifiers import Membership, narrowed, plan
from flk.formal.traces.values import Element, Universe

Names = Mapping[str, str]
"""What the locals of an expression are called in the source."""

_RELATIONS = {Relation.EQUAL: "==", Relation.LESS: "<", Relation.AT_MOST: "<="}
_DIVISIONS = {Operator.DIVIDE: "divide", Operator.REMAINDER: "remainder"}


class Emitter:
    """Writes expressions, and keeps what the source refers to: `scope` are its globals."""

    def __init__(self, state: State, universe: Universe) -> None:
        self.state = state
        self.scope: dict[str, object] = {
            "Fault": Fault,
            "ABSENT": ABSENT,
            "EMPTY": (),
            "note": state.journal.append,
            "undefined": undefined,
            "unknown": unknown,
            "within": within,
            "divide": divide,
            "remainder": remainder,
            **{f"c_{name}": cells for name, cells in state.cells.items()},
            **{f"n_{name}": known for name, known in universe.known.items()},
        }
        self._memberships: dict[object, Membership] = {}
        self._fresh = 0

    def fresh(self, letter: str) -> str:
        """A name that nothing else has."""
        self._fresh += 1
        return f"{letter}{self._fresh}"

    def compile(self, source: str, name: str) -> Any:
        """The function of that name in the source."""
        exec(compile(source, f"<{name}>", "exec"), self.scope)  # noqa: S102 (the source is what this module wrote)
        return self.scope[name]

    def values(self, sort: Sort) -> str:
        """All values of a sort that are known."""
        match sort:
            case Boolean():
                return "(0, 1)"
            case Enum():
                return f"range({len(sort.members)})"
            case Bounded():
                return f"range({sort.low}, {sort.high + 1})"
        return f"n_{sort.name}.values()"

    def key(self, variable: Variable, indices: tuple[Node, ...], names: Names) -> str:
        """A cell's key."""
        parts = [self._index(variable, sort, node, names) for sort, node in zip(variable.domain, indices, strict=True)]
        return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"

    def bounded(self, variable: Variable, value: Node, names: Names) -> str:
        """A value that is to be written: leaving the bounds of the variable is a fault."""
        return self._within(variable.sort, value, names, variable.name)

    def expression(self, node: Node, names: Names) -> str:  # noqa: C901 (one case for each kind of node)
        """The value of an expression; truths are whatever Python takes for them, equal to 0 or 1."""
        match node:
            case Constant(_, value):
                return repr(int(value))
            case Local(_, name):
                return names[name]
            case Read(variable, indices):
                return self._read(variable, self.key(variable, indices, names))
            case Defined(_, variable, indices):
                return f"(c_{variable.name}.get({self.key(variable, indices, names)}) is not None)"
            case Not(_, part):
                return f"(not {self.expression(part, names)})"
            case Joined(_, junction, parts):
                return "(" + f" {junction} ".join(self.expression(part, names) for part in parts) + ")"
            case Choice(_, condition, then, other):
                c, t, o = (self.expression(part, names) for part in (condition, then, other))
                return f"({t} if {c} else {o})"
            case Compared(_, relation, left, right):
                return f"({self.expression(left, names)} {_RELATIONS[relation]} {self.expression(right, names)})"
            case Arithmetic(_, operator, left, right):
                one, two = self.expression(left, names), self.expression(right, names)
                return (
                    f"{_DIVISIONS[operator]}({one}, {two})" if operator in _DIVISIONS else f"({one} {operator} {two})"
                )
            case Quantified():
                return self._quantified(node, names)

    def loop(self, local: Local, guards: Sequence[Node], known: AbstractSet[Local], names: Names) -> str:
        """A loop over the values of a parameter for which the guards may hold, in order."""
        membership = narrowed(local, guards, known, self.state)
        if membership is None:
            return f"for {names[local.name]} in {self.values(local.sort)}:"
        return f"for {names[local.name]}, in sorted({self._membership(membership)}.get({self._group(membership, names)}, EMPTY)):"

    def members(self, node: Quantified, values: Mapping[str, Element]) -> Iterator[dict[str, Element]] | None:
        """The values of a compiled quantifier's locals that can make a difference, None if all of them can."""
        first = next(iter(plan(node, self.state).memberships), None)
        known = first and self._memberships.get(self._identity(first))
        if first is None or known is None:
            return None
        group = tuple(values[local.name] for local in first.outer)
        names = [local.name for local in first.inner]
        return (dict(zip(names, instance, strict=True)) for instance in known.groups.get(group, ()))

    def may_fail(self, node: Node) -> bool:
        """Whether evaluating the expression may be a fault."""
        match node:
            case Read(variable, _) if variable.partial:
                return True
            case Arithmetic(_, operator, _, _) if operator in _DIVISIONS:
                return True
            case Read(variable, indices) | Defined(_, variable, indices):
                checked = zip(variable.domain, indices, strict=True)
                if any(isinstance(sort, Bounded) and index.sort != sort for sort, index in checked):
                    return True
        return any(map(self.may_fail, children(node)))

    def _read(self, variable: Variable, key: str) -> str:
        cells = f"c_{variable.name}"
        if variable.initially is not None:
            return f"{cells}.get({key}, {variable.initially})"
        found, at = self.fresh("v"), self.fresh("k")
        missing = "undefined" if variable.partial else "unknown"
        return f"({found} if ({found} := {cells}.get({at} := {key})) is not None else {missing}({cells}, {at}))"

    def _index(self, variable: Variable, sort: Sort, node: Node, names: Names) -> str:
        return self._within(sort, node, names, f"an index of {variable.name}")

    def _within(self, sort: Sort, node: Node, names: Names, what: str) -> str:
        source = self.expression(node, names)
        if not isinstance(sort, Bounded) or node.sort == sort:
            return source
        if isinstance(node, Constant) and sort.low <= node.value <= sort.high:
            return source
        return f"within({source}, {sort.low}, {sort.high}, {what!r})"

    def _quantified(self, node: Quantified, names: Names) -> str:
        """A loop over as few values as can make a difference: see `members`."""
        planned = plan(node, self.state)
        inner = dict(names)
        for local in planned.locals:
            inner[local.name] = self.fresh("b")
        groups = [(self._membership(each), self._group(each, names)) for each in planned.memberships]
        if planned.extreme is not None:
            return self._extreme(*groups[0], planned.extreme, names)
        if groups:
            listed = ", ".join(inner[local.name] for local in planned.locals)
            sets = [f"{name}.get({group}, EMPTY)" for name, group in groups]
            fewest = sets[0] if len(sets) == 1 else f"min({', '.join(sets)}, key=len)"
            loops = f"for {listed}{',' * (len(planned.locals) == 1)} in {fewest}"
        else:
            loops = " ".join(f"for {inner[local.name]} in {self.values(local.sort)}" for local in planned.locals)
        certain = len(groups) == 1 and not self.may_fail(planned.memberships[0].excluded)
        body = self._joined(planned.rest, inner) if certain else self.expression(planned.body, inner)
        match node.quantifier:
            case Quantifier.FORALL:
                return f"all({body} {loops})"
            case Quantifier.EXISTS:
                return f"any({body} {loops})"
            case Quantifier.COUNT:
                return f"sum(1 {loops} if {body})"

    def _joined(self, rest: Joined, names: Names) -> str:
        """A junction of any number of parts."""
        return self.expression(rest, names) if rest.parts else str(rest.junction is Junction.AND)

    def _extreme(self, name: str, group: str, extreme: Compared, names: Names) -> str:
        """For all members of an order, compared with one bound: the last of them, or the first, decides."""
        least = isinstance(extreme.right, Local) and extreme.right.name not in names
        bound = self.expression(extreme.left if least else extreme.right, names)
        order, sign = self.fresh("s"), _RELATIONS[extreme.relation]
        compared = f"{bound} {sign} {order}[0]" if least else f"{order}[-1] {sign} {bound}"
        return f"(not ({order} := {name}.ordered({group})) or {compared})"

    def _identity(self, membership: Membership) -> object:
        """The same for sets that are the same, whatever their locals are called."""
        locals_ = (*membership.outer, *membership.inner)
        names = {local.name: f"l{number}" for number, local in enumerate(locals_)}
        sorts = tuple(local.sort.name for local in locals_)
        return sorts, len(membership.outer), self.expression(membership.excluded, names), membership.place

    def _group(self, membership: Membership, names: Names) -> str:
        """The tuple of the outer locals' values."""
        return f"({''.join(f'{names[local.name]}, ' for local in membership.outer)})"

    def _membership(self, membership: Membership) -> str:
        """The name of the maintained sets, begun unless they are already."""
        known = self._memberships.setdefault(self._identity(membership), membership)
        if known.name:
            return known.name
        known.name = self.fresh("m_")
        self.scope[known.name] = known.groups
        for variable, indices in known.reads:
            names = {local.name: self.fresh("x") for local in (*known.outer, *known.inner)}
            key = ", ".join(names[index.name] for index in indices)
            condition = self.expression(known.excluded, names)
            group, instance = (
                "".join(f"{names[local.name]}, " for local in part) for part in (known.outer, known.inner)
            )
            touch = self.fresh("touch_")
            source = (
                f"def {touch}(key):\n    {key} = key\n    try:\n        out = {condition}\n"
                f"    except Fault:\n        out = False\n    {known.name}.put(({group}), ({instance}), not out)\n"
            )
            self.state.cells[variable.name].attend(self.compile(source, touch))
        return known.name
