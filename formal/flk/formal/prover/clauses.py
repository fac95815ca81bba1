"""The language of lemmas that are looked for: clauses of up to three literals about what a protocol's variables hold.

A literal is that a relation holds, that a variable holds a value or an element, or is defined, or how two elements compare; or that
it does not. A clause says of all elements that one of its literals is the case.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product

from flk.formal.language.nodes import (
    Compared,
    Constant,
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
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import BOOL, Boolean, Index, Sort
from flk.formal.language.variables import Variable
from flk.formal.prover.symbols import values_of

FEW = 2
"""Index sorts up to which clauses speak of two elements of each; with more, only of as many as a variable or an order needs."""

MOST_VALUES = 8
"""Values of an enum or of bounded integers beyond which a variable is left out."""


@dataclass(frozen=True)
class Language:
    """The atoms of a protocol's clauses. Literal `2 * n` is atom `n`, and `2 * n + 1` its negation."""

    protocol: Protocol

    @cached_property
    def locals(self) -> dict[str, tuple[Local, ...]]:
        """The elements that clauses speak of, by sort: a letter of their sort, numbered."""
        sorts = [sort for sort in self.protocol.sorts.values() if isinstance(sort, Index)]
        copies = {sort.name: 2 if len(sorts) <= FEW else self._needed(sort) for sort in sorts}
        return {s.name: tuple(Local(s, f"{_letter(s, sorts)}{n + 1}") for n in range(copies[s.name])) for s in sorts}

    @cached_property
    def atoms(self) -> tuple[Node, ...]:
        """Everything that a literal may say."""
        found = [atom for variable in self.protocol.variables.values() for atom in self._about(variable)]
        return (*found, *(atom for locals_ in self.locals.values() for atom in _comparisons(*locals_)))

    @property
    def literals(self) -> int:
        """How many there are."""
        return 2 * len(self.atoms)

    def literal(self, number: int) -> Node:
        """What a literal says."""
        atom = self.atoms[number // 2]
        return Not(BOOL, atom) if number % 2 else atom

    def locals_of(self, clause: Sequence[int]) -> tuple[Local, ...]:
        """The elements that a clause speaks of, in order."""
        used = {local for number in clause for local in _locals_in(self.literal(number))}
        return tuple(local for group in self.locals.values() for local in group if local in used)

    def property_of(self, clause: Sequence[int], name: str) -> Property:
        """The clause as a lemma. Negations come first, so that it reads as an implication."""
        literals = [self.literal(number) for number in sorted(clause, key=lambda n: (n % 2 == 0, n))]
        node: Node = Joined(BOOL, Junction.OR, tuple(literals)) if len(literals) > 1 else literals[0]
        for local in reversed(self.locals_of(clause)):
            node = Quantified(BOOL, Quantifier.FORALL, local, node)
        return Property(name, PropertyKind.LEMMA, "Found by inference.", (), node, None, (), __file__, 0)

    @cached_property
    def renamings(self) -> tuple[tuple[int, ...], ...]:
        """For each way of exchanging elements of one sort, what becomes of each literal."""
        place = {atom: n for n, atom in enumerate(self.atoms)}
        found = []
        for chosen in product(*(permutations(group) for group in self.locals.values())):
            pairs = zip(self.locals.values(), chosen, strict=True)
            renamed = {a: b for group, other in pairs for a, b in zip(group, other, strict=True)}
            images = [place[_canonical(_rename(atom, renamed))] for atom in self.atoms]
            found.append(tuple(2 * images[n // 2] + n % 2 for n in range(self.literals)))
        return tuple(found)

    def is_first(self, clause: tuple[int, ...]) -> bool:
        """Whether a clause, in ascending order, comes first among those that differ by the names of elements only."""
        return all(clause <= tuple(sorted(image[n] for n in clause)) for image in self.renamings)

    def _needed(self, sort: Index) -> int:
        """How many elements of a sort one variable or an order relates."""
        return max(1 + sort.ordered, *(variable.domain.count(sort) for variable in self.protocol.variables.values()))

    def _about(self, variable: Variable) -> Iterator[Node]:
        for key in product(*map(self._indices, variable.domain)):
            read = Read(variable, key)
            for atom in self._of_value(read, variable.sort):
                defined = Defined(BOOL, variable, key)
                yield Joined(BOOL, Junction.AND, (defined, atom)) if variable.partial else atom
            if variable.partial:
                yield Defined(BOOL, variable, key)

    def _indices(self, sort: Sort) -> tuple[Node, ...]:
        if isinstance(sort, Index):
            return self.locals[sort.name]
        return tuple(Constant(sort, value) for value in _few(sort))

    def _of_value(self, read: Read, sort: Sort) -> Iterator[Node]:
        if isinstance(sort, Boolean):
            yield read
        elif isinstance(sort, Index):
            for local in self.locals[sort.name]:
                yield Compared(BOOL, Relation.EQUAL, read, local)
                if sort.ordered:
                    yield Compared(BOOL, Relation.LESS, read, local)
                    yield Compared(BOOL, Relation.LESS, local, read)
        else:
            yield from (Compared(BOOL, Relation.EQUAL, read, Constant(sort, value)) for value in _few(sort))


def python(language: Language, clause: Sequence[int]) -> str:
    """A clause as its author would write it."""
    body = " | ".join(_python(language.literal(n)) for n in sorted(clause, key=lambda n: (n % 2 == 0, n)))
    locals_ = language.locals_of(clause)
    if not locals_:
        return body
    sorts, names = ", ".join(x.sort.name for x in locals_), ", ".join(x.name for x in locals_)
    return f"forall({sorts}, lambda {names}: {body})"


def _python(node: Node) -> str:
    match node:
        case Not(_, Compared(_, Relation.EQUAL, left, right)):
            return f"({_python(left)} != {_python(right)})"
        case Not(_, part):
            return f"~{_python(part)}"
        case Joined(_, _, parts):
            return f"({' & '.join(map(_python, parts))})"
        case Compared(_, relation, left, right):
            sign = "==" if relation is Relation.EQUAL else relation
            return f"({_python(left)} {sign} {_python(right)})"
        case Defined(_, variable, indices):
            return f"{variable.name}.defined({', '.join(map(_python, indices))})"
        case Read(variable, indices):
            return variable.name + (f"[{', '.join(map(_python, indices))}]" if indices else "")
        case Local(_, name):
            return name
        case Constant(Boolean(), value):
            return str(bool(value))
        case Constant(sort, value):
            members = getattr(sort, "members", None) if sort is not BOOL else None
            return f"{sort.name}.{members[value]}" if members else str(value)
    raise TypeError(f"{node} is not part of a clause")


def _comparisons(*locals_: Local) -> Iterator[Node]:
    """How the elements of one sort compare. Equality is said once."""
    for a, b in permutations(locals_, 2):
        if a.name < b.name:
            yield Compared(BOOL, Relation.EQUAL, a, b)
        if isinstance(a.sort, Index) and a.sort.ordered:
            yield Compared(BOOL, Relation.LESS, a, b)


def _canonical(atom: Node) -> Node:
    """The same with the elements of an equality in order."""
    match atom:
        case Compared(sort, Relation.EQUAL, Local(_, a) as left, Local(_, b) as right) if b < a:
            return Compared(sort, Relation.EQUAL, right, left)
    return atom


def _rename(node: Node, names: Mapping[Local, Local]) -> Node:
    match node:
        case Local():
            return names[node]
        case Read(variable, indices):
            return Read(variable, tuple(_rename(index, names) for index in indices))
        case Defined(sort, variable, indices):
            return Defined(sort, variable, tuple(_rename(index, names) for index in indices))
        case Compared(sort, relation, left, right):
            return Compared(sort, relation, _rename(left, names), _rename(right, names))
        case Joined(sort, junction, parts):
            return Joined(sort, junction, tuple(_rename(part, names) for part in parts))
    return node


def _locals_in(node: Node) -> set[Local]:
    if isinstance(node, Local):
        return {node}
    return set[Local]().union(*map(_locals_in, children(node)))


def _letter(sort: Index, sorts: Sequence[Index]) -> str:
    """The shortest beginning of a sort's name that no other begins with."""
    name = sort.name.lower()
    lengths = range(1, len(name))
    alike = [other.name.lower() for other in sorts if other is not sort]
    return next((name[:n] for n in lengths if not any(o.startswith(name[:n]) for o in alike)), name)


def _few(sort: Sort) -> range:
    values = values_of(sort)
    return values if values is not None and len(values) <= MOST_VALUES else range(0)
