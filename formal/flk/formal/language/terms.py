"""Terms: what the author's Python expressions build. A term is a symbol, so Python's own control flow on it is refused."""

import linecache
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count as numbers
from typing import Any, NoReturn, TypeAlias, overload

from flk.formal.language.errors import IllFormed, author_place
from flk.formal.language.nodes import (
    Arithmetic,
    Choice,
    Compared,
    Constant,
    Joined,
    Junction,
    Local,
    Node,
    Not,
    Operator,
    Quantified,
    Quantifier,
    Relation,
)
from flk.formal.language.sorts import BOOL, INTEGER, Enum, Index, Sort, example, is_number
from flk.formal.language.text import text

Value: TypeAlias = "Term | int | bool"
"""What may stand where a term is meant: Python's own integers and truths are constants."""

_FIXES = (
    (r"\bif\b.*\belse\b", "`x if c else y`", "ite(c, x, y)"),
    (r"\belif\b|\bif\b", "`if`", "require(c) for a guard, or ite(c, x, y) for a choice of values"),
    (r"\bwhile\b", "`while`", "require(c): an action is one step, and may happen again"),
    (r"\bassert\b", "`assert`", "require(c) for a guard, or a property with @protocol.always()"),
    (r"\bany\(", "`any`", "exists(Sort, lambda x: ...), or a | b"),
    (r"\ball\(", "`all`", "forall(Sort, lambda x: ...), or a & b"),
    (r"\b(max|min|sorted)\(", "`max`, `min` or `sorted`", "ite(a < b, a, b)"),
    (r"\band\b", "`and`", "a & b, each side in parentheses"),
    (r"\bor\b", "`or`", "a | b, each side in parentheses"),
    (r"\bnot\b", "`not`", "~a"),
    (r"\bin\b", "`in`", "exists(Sort, lambda x: ...), or (a == b) | (a == c)"),
    (r"[<>=]=?[^<>=]+[<>]=?", "chain of comparisons", "(a < b) & (b < c)"),
)


class Term:
    """An expression over the state and the locals, with a sort.

    `& | ~` join truths, `== != < <= > >=` compare, `+ - * // %` calculate. Python's own `if`, `and`, `not`, `in` and loops cannot
    look at one: they raise IllFormed with what to write instead.

    >>> queue = Protocol("queue", "It grows and shrinks.")
    >>> length = queue.scalar("length", integer(0, 9), initially=0)
    >>> (length + 1 < 9) & (length != 3)
    length + 1 < 9 and length != 3
    >>> bool(length > 0)
    Traceback (most recent call last):
    flk.formal.language.errors.IllFormed: ...
    """

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def sort(self) -> Sort:
        """The sort of the value."""
        return self.node.sort

    def __repr__(self) -> str:
        return text(self.node)

    def __and__(self, other: Value) -> "Term":
        return conjunction((self, other))

    def __or__(self, other: Value) -> "Term":
        return disjunction((self, other))

    def __rand__(self, other: Value) -> "Term":
        return conjunction((other, self))

    def __ror__(self, other: Value) -> "Term":
        return disjunction((other, self))

    def __invert__(self) -> "Term":
        return Term(Not(BOOL, truth(self, "~")))

    def __eq__(self, other: object) -> "Term":  # type: ignore[override]  # a comparison of symbols is a symbol
        return _compare(Relation.EQUAL, self, other)

    def __ne__(self, other: object) -> "Term":  # type: ignore[override]
        return ~_compare(Relation.EQUAL, self, other)

    def __lt__(self, other: Value) -> "Term":
        return _compare(Relation.LESS, self, other)

    def __le__(self, other: Value) -> "Term":
        return _compare(Relation.AT_MOST, self, other)

    def __gt__(self, other: Value) -> "Term":
        return _compare(Relation.LESS, other, self)

    def __ge__(self, other: Value) -> "Term":
        return _compare(Relation.AT_MOST, other, self)

    def __add__(self, other: Value) -> "Term":
        return _calculate(Operator.PLUS, self, other)

    def __radd__(self, other: Value) -> "Term":
        return _calculate(Operator.PLUS, other, self)

    def __sub__(self, other: Value) -> "Term":
        return _calculate(Operator.MINUS, self, other)

    def __rsub__(self, other: Value) -> "Term":
        return _calculate(Operator.MINUS, other, self)

    def __mul__(self, other: Value) -> "Term":
        return _calculate(Operator.TIMES, self, other)

    def __rmul__(self, other: Value) -> "Term":
        return _calculate(Operator.TIMES, other, self)

    def __floordiv__(self, other: Value) -> "Term":
        return _calculate(Operator.DIVIDE, self, other)

    def __rfloordiv__(self, other: Value) -> "Term":
        return _calculate(Operator.DIVIDE, other, self)

    def __mod__(self, other: Value) -> "Term":
        return _calculate(Operator.REMAINDER, self, other)

    def __rmod__(self, other: Value) -> "Term":
        return _calculate(Operator.REMAINDER, other, self)

    def __neg__(self) -> "Term":
        return _calculate(Operator.MINUS, 0, self)

    def __truediv__(self, other: object) -> NoReturn:
        raise IllFormed(f"/ on a symbol ({self!r}): there are no fractions; write // to round down")

    __rtruediv__ = __truediv__

    def __pow__(self, other: object) -> NoReturn:
        raise IllFormed(f"** on a symbol ({self!r}): write the product out, as in a * a")

    __rpow__ = __pow__

    def __abs__(self) -> NoReturn:
        raise IllFormed(f"abs of a symbol ({self!r}): write ite(a < 0, -a, a)")

    def __bool__(self) -> NoReturn:
        _, line = place = author_place()
        source = linecache.getline(place[0], line).split("#")[0]
        for pattern, what, fix in _FIXES:
            if re.search(pattern, source):
                raise IllFormed(f"Python's {what} on a symbol ({self!r}): write {fix}", place)
        raise IllFormed(f"a symbol ({self!r}) has no truth while tracing: write require, ite, & | ~ instead", place)

    def __hash__(self) -> NoReturn:
        raise IllFormed(f"a symbol ({self!r}) as a key or in a set: use a map of the protocol, or compare with ==")

    def __iter__(self) -> NoReturn:
        raise IllFormed(f"a loop over a symbol ({self!r}): write forall, exists or count over its sort")

    __contains__ = __iter__
    __len__ = __iter__

    def __index__(self) -> NoReturn:
        raise IllFormed(
            f"a symbol ({self!r}) has no value while tracing: index maps of the protocol with it, and write m.next[...]"
        )

    __int__ = __index__
    __float__ = __index__


def lift(value: object, place: tuple[str, int] | None = None) -> Term:
    """A term for a Python value. Raises IllFormed for what is neither a term, an integer nor a truth."""
    if isinstance(value, Term):
        return value
    if isinstance(value, bool):
        return Term(Constant(BOOL, int(value)))
    if isinstance(value, int):
        return Term(Constant(INTEGER, value))
    raise IllFormed(f"{value!r} is not a term: {_instead_of(value)}", place)


def _instead_of(value: object) -> str:
    match value:
        case None:
            return "is a `return` missing? Where a value may be absent ask m.defined(...), and write UNDEFINED"
        case str():
            return "write a member of an enum, as in Phase.working"
        case float():
            return "there are no fractions; write an integer, in a smaller unit if need be"
        case _ if hasattr(value, "variable"):
            return "read it at an index, m[...]"
        case _ if callable(value):
            return "call it"
        case _:
            return "write a variable, a member of an enum, an integer or a truth; ask whether a value is there by m.defined(...)"


def truth(value: object, where: str, place: tuple[str, int] | None = None) -> Node:
    """The node of a Boolean term. Raises IllFormed for another sort."""
    term = lift(value, place)
    if term.sort is not BOOL:
        raise IllFormed(
            f"{where} takes truths, and {term!r} is of sort {term.sort.name}: compare it with == or <, in parentheses",
            place,
        )
    return term.node


def fits(term: Term, sort: Sort) -> bool:
    """Whether a value of the term's sort may stand where `sort` is expected; bounds are checked when it happens."""
    return term.sort == sort or (is_number(term.sort) and is_number(sort))


def conjunction(values: Sequence[Value]) -> Term:
    """All of them hold; read from the left, so what follows may rely on what came before."""
    return _join(Junction.AND, values)


def disjunction(values: Sequence[Value]) -> Term:
    """Some of them holds; read from the left."""
    return _join(Junction.OR, values)


def implies(premise: Value, conclusion: Value) -> Term:
    """The conclusion holds where the premise does; it need be defined only there. Both are terms of BOOL.

    Raises IllFormed for a part of another sort.

    >>> lease = Protocol("lease", "One holder at most.")
    >>> Worker = lease.index("Worker")
    >>> holder = lease.scalar("holder", Worker, partial=True)
    >>> forall(Worker, lambda w: implies(holder.defined(), holder == w))
    forall w: not defined(holder) or holder = w
    """
    return disjunction((Term(Not(BOOL, truth(premise, "implies"))), conclusion))


def ite(condition: Value, then: Value, other: Value) -> Term:
    """`then` if the condition holds, else `other`: a choice of values. Only the chosen one need be defined.

    Raises IllFormed if the two are of different sorts.

    >>> queue = Protocol("queue", "It grows.")
    >>> length = queue.scalar("length", integer(0, 9), initially=0)
    >>> ite(length < 9, length + 1, length)
    if length < 9 then length + 1 else length
    """
    yes, no = lift(then), lift(other)
    if not fits(yes, no.sort):
        raise IllFormed(f"ite: {yes!r} is of sort {yes.sort.name}, {no!r} of {no.sort.name}: give two of one sort")
    sort = yes.sort if yes.sort == no.sort else INTEGER
    return Term(Choice(sort, truth(condition, "ite"), yes.node, no.node))


@overload
def forall(a: Sort, body: Callable[[Term], Value], /) -> Term: ...
@overload
def forall(a: Sort, b: Sort, body: Callable[[Term, Term], Value], /) -> Term: ...
@overload
def forall(a: Sort, b: Sort, c: Sort, body: Callable[[Term, Term, Term], Value], /) -> Term: ...
@overload
def forall(a: Sort, b: Sort, c: Sort, d: Sort, body: Callable[[Term, Term, Term, Term], Value], /) -> Term: ...
@overload
def forall(
    a: Sort, b: Sort, c: Sort, d: Sort, e: Sort, body: Callable[[Term, Term, Term, Term, Term], Value], /
) -> Term: ...
def forall(*parts: Any) -> Term:
    """The body holds for all values of up to five sorts: `forall(Region, Record, lambda r, k: ...)`.

    Values are read in order and only as far as needed. Raises IllFormed for a sort that is not finite, or a body that does not take
    one argument for each sort.

    >>> cache = Protocol("cache", "It holds keys.")
    >>> Key = cache.index("Key")
    >>> fresh = cache.relation("fresh", Key)
    >>> forall(Key, lambda k: fresh[k])
    forall k: fresh[k]
    """
    return _quantify(Quantifier.FORALL, parts)


@overload
def exists(a: Sort, body: Callable[[Term], Value], /) -> Term: ...
@overload
def exists(a: Sort, b: Sort, body: Callable[[Term, Term], Value], /) -> Term: ...
@overload
def exists(a: Sort, b: Sort, c: Sort, body: Callable[[Term, Term, Term], Value], /) -> Term: ...
@overload
def exists(a: Sort, b: Sort, c: Sort, d: Sort, body: Callable[[Term, Term, Term, Term], Value], /) -> Term: ...
@overload
def exists(
    a: Sort, b: Sort, c: Sort, d: Sort, e: Sort, body: Callable[[Term, Term, Term, Term, Term], Value], /
) -> Term: ...
def exists(*parts: Any) -> Term:
    """The body holds for some values of up to five sorts. Read, and refused, as `forall` is.

    >>> cache = Protocol("cache", "It holds keys.")
    >>> Key = cache.index("Key")
    >>> fresh = cache.relation("fresh", Key)
    >>> exists(Key, Key, lambda a, b: fresh[a] & (a != b))
    exists a: exists b: fresh[a] and a != b
    """
    return _quantify(Quantifier.EXISTS, parts)


def count(sort: Sort, body: Callable[[Term], Value]) -> Term:
    """For how many values of a sort the body holds: an integer. Counting is explored at chosen sizes; it is not proved for all.

    Raises IllFormed as `forall` does.

    >>> vote = Protocol("vote", "Members vote.")
    >>> Member = vote.index("Member", size=5)
    >>> yes = vote.relation("yes", Member)
    >>> count(Member, lambda m: yes[m]) >= 3
    3 <= (count m: yes[m])
    """
    return _quantify(Quantifier.COUNT, (sort, body))


_fresh = numbers()


@contextmanager
def numbering() -> Iterator[None]:
    """Name bound locals from 0 again, so that the same text always gives the same tree."""
    global _fresh  # noqa: PLW0603 (tracing is single-threaded, and nested traces restore it)
    saved, _fresh = _fresh, numbers()
    try:
        yield
    finally:
        _fresh = saved


def bind(sort: Sort, name: str) -> Local:
    """A bound local with a name of its own: what the author called it, and a number."""
    return Local(sort, f"{name}'{next(_fresh)}")


def names_of(function: Callable[..., object], arity: int, where: str) -> tuple[str, ...]:
    """The author's names for the arguments of a body. Raises IllFormed unless there are `arity` of them."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_argcount != arity:
        raise IllFormed(f"{where}: give a function of {arity} argument{'s' * (arity != 1)}, such as lambda x: ...")
    return tuple(code.co_varnames[:arity])


def _quantify(quantifier: Quantifier, parts: Sequence[Any]) -> Term:
    *sorts, body = parts
    for sort in sorts:
        if not isinstance(sort, Sort) or sort is INTEGER:
            raise IllFormed(
                f"{quantifier} over {sort!r}: not a finite domain; give index sorts, enums or integer(low, high), then the body"
            )
    names = names_of(body, len(sorts), quantifier)
    locals_ = [bind(sort, name) for sort, name in zip(sorts, names, strict=True)]
    node = truth(body(*map(Term, locals_)), quantifier)
    for local in reversed(locals_):
        node = Quantified(INTEGER if quantifier is Quantifier.COUNT else BOOL, quantifier, local, node)
    return Term(node)


def _join(junction: Junction, values: Sequence[Value]) -> Term:
    parts: list[Node] = []
    for value in values:
        node = truth(value, "&" if junction is Junction.AND else "|")
        parts += node.parts if isinstance(node, Joined) and node.junction is junction else [node]
    return Term(Joined(BOOL, junction, tuple(parts)))


def _compare(relation: Relation, left: object, right: object) -> Term:
    a, b = lift(left), lift(right)
    if not fits(a, b.sort):
        wanted = a.sort if isinstance(b.node, Constant) and not isinstance(a.node, Constant) else b.sort
        raise IllFormed(f"{a!r} {relation} {b!r} compares {a.sort.name} with {b.sort.name}: {example(wanted)}")
    ordered = is_number(a.sort) or (isinstance(a.sort, Index) and a.sort.ordered)
    if relation is not Relation.EQUAL and not ordered:
        fix = (
            "declare it ordered=True" if isinstance(a.sort, Index) else "only integers and ordered index sorts have one"
        )
        raise IllFormed(f"{a!r} {relation} {b!r}: {a.sort.name} has no order; {fix}")
    return Term(Compared(BOOL, relation, a.node, b.node))


def _calculate(operator: Operator, left: Value, right: Value) -> Term:
    a, b = lift(left), lift(right)
    for term in (a, b):
        if not is_number(term.sort):
            fix = (
                f"count({term.sort.name}, ...) gives a number"
                if isinstance(term.sort, Index | Enum)
                else "use & | ~ on truths"
            )
            raise IllFormed(f"{a!r} {operator} {b!r}: {term!r} is of sort {term.sort.name}, not an integer; {fix}")
    return Term(Arithmetic(INTEGER, operator, a.node, b.node))
