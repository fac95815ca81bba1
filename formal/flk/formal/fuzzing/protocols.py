"""Hypothesis strategies: small protocols of every construct of the language, built as an author would build them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import strategies as st

from flk.formal.language import (
    ANY,
    BOOL,
    UNDEFINED,
    Bounded,
    Enum,
    IllFormed,
    Index,
    Map,
    Protocol,
    Scalar,
    Sort,
    Term,
    count,
    exists,
    forall,
    integer,
    ite,
    require,
)
from flk.formal.language.sorts import INTEGER
from flk.formal.language.state import Absent, Free
from flk.formal.language.terms import lift

T = TypeVar("T")


@dataclass
class _Author:
    """Somebody who writes a protocol at random. A careful one never divides by 0, reads the undefined or leaves bounds."""

    draw: st.DrawFn
    careful: bool
    protocol: Protocol
    sorts: list[Sort] = field(default_factory=list)
    variables: dict[str, Scalar | Map] = field(default_factory=dict)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.draw(st.integers(0, len(choices) - 1))]  # terms cannot be hashed

    def truth(self, depth: int, env: list[Term]) -> Term:
        kinds = ["constant", "equal", "less", "defined", "read"]
        if depth:
            kinds += ["not", "and", "or", "forall", "exists", "equal", "less", "count"]
        match self.pick(kinds):
            case "constant":
                return lift(self.draw(st.integers(0, 3)) < 3)  # what is false too often disables everything
            case "not":
                return ~self.truth(depth - 1, env)
            case "and":
                return self.truth(depth - 1, env) & self.truth(depth - 1, env)
            case "or":
                return self.truth(depth - 1, env) | self.truth(depth - 1, env)
            case "forall" | "exists" as kind:
                quantifier = forall if kind == "forall" else exists
                return quantifier(self.pick(self.sorts), lambda x: self.truth(depth - 1, [*env, x]))
            case "count":
                counted = count(self.pick(self.sorts), lambda x: self.truth(depth - 1, [*env, x]))
                return counted <= self.draw(st.integers(0, 3))
            case "defined":
                return self.defined(depth, env)
            case "read":
                read = self.read(BOOL, depth, env)
                return lift(value=True) if read is None else read
            case kind:
                return self.comparison(depth, env, ordered=kind == "less")

    def comparison(self, depth: int, env: list[Term], *, ordered: bool) -> Term:
        sorts = [s for s in self.sorts if isinstance(s, Bounded) or (isinstance(s, Index) and s.ordered)]
        sort = self.pick(sorts if ordered else [*self.sorts, BOOL])
        left, right = self.value(sort, depth - 1, env), self.value(sort, depth - 1, env)
        if left is None or right is None:
            return lift(value=True)
        if ordered:
            return self.pick([left < right, left <= right, left > right, left >= right])
        return self.pick([left == right, left != right])

    def value(self, sort: Sort, depth: int, env: list[Term]) -> Term | None:
        """A term of the sort, or None: there are no constants of index sorts."""
        if sort is BOOL:
            return self.truth(max(depth, 0), env)
        known = [x for x in env if x.sort == sort]
        if depth <= 0 or self.draw(st.integers(0, 2)) == 2:
            read = self.read(sort, depth, env) if depth > -2 and self.draw(st.booleans()) else None
            if read is not None:
                return read
            if isinstance(sort, Enum):
                return member(sort, self.pick(sort.members))
            if isinstance(sort, Bounded):
                return lift(self.draw(st.integers(sort.low - 1, sort.high + 1)))
            return self.pick(known) if known else None
        left, right = self.value(sort, depth - 1, env), self.value(sort, depth - 1, env)
        if left is None or right is None:
            return left if left is not None else right
        if isinstance(sort, Bounded):
            return self.number(left, right, depth, env)
        return ite(self.truth(depth - 1, env), left, right)

    def number(self, left: Term, right: Term, depth: int, env: list[Term]) -> Term:
        match self.pick(["+", "-", "*", "//", "%", "ite", "count"]):
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "//":
                return left // (ite(right == 0, 1, right) if self.careful else right)
            case "%":
                return left % (ite(right == 0, 1, right) if self.careful else right)
            case "count":
                return count(self.pick(self.sorts), lambda x: self.truth(depth - 1, [*env, x]))
            case _:
                return ite(self.truth(depth - 1, env), left, right)

    def place(self, variable: Scalar | Map, depth: int, env: list[Term]) -> tuple[Term, ...] | None:
        if isinstance(variable, Scalar):
            return ()
        found = [self.index(sort, depth, env) for sort in variable.variable.domain]
        indices = [index for index in found if index is not None]
        return tuple(indices) if len(indices) == len(found) else None

    def index(self, sort: Sort, depth: int, env: list[Term]) -> Term | None:
        index = self.value(sort, depth - 1, env)
        return clamped(index, sort) if index is not None and self.careful else index

    def read(self, sort: Sort, depth: int, env: list[Term]) -> Term | None:
        fitting = [v for v in self.variables.values() if v.variable.sort == sort]
        variable = self.pick(fitting) if fitting else None
        key = self.place(variable, depth, env) if variable is not None else None
        if variable is None or key is None:
            return None
        value: Term = variable[key] if isinstance(variable, Map) else Term(variable.node)
        if self.careful and variable.variable.partial:
            other = self.fallback(sort, env)
            if other is None:
                return None
            return ite(variable.defined(*key), value, other)
        return value

    def fallback(self, sort: Sort, env: list[Term]) -> Term | None:
        if sort is BOOL:
            return lift(value=False)
        if isinstance(sort, Enum):
            return member(sort, sort.members[0])
        if isinstance(sort, Bounded):
            return lift(sort.low)
        return next((x for x in env if x.sort == sort), None)

    def defined(self, depth: int, env: list[Term]) -> Term:
        fitting = [v for v in self.variables.values() if v.variable.partial]
        variable = self.pick(fitting) if fitting else None
        key = self.place(variable, depth, env) if variable is not None else None
        return lift(value=True) if variable is None or key is None else variable.defined(*key)

    def update(self, name: str, env: list[Term]) -> None:
        variable = self.variables[name]
        sort, partial = variable.variable.sort, variable.variable.partial
        drawn = self.value(sort, 2, env)
        if drawn is None:
            return
        value: Term | Absent = clamped(drawn, sort) if self.careful else drawn
        if partial and self.draw(st.integers(0, 3)) == 0:
            value = UNDEFINED
        if isinstance(variable, Scalar):
            variable.next = value
            return
        if self.draw(st.integers(0, 3)) == 0:
            variable.next[(slice(None),) * len(variable.variable.domain)] = value
            return
        key = self.place(variable, 1, env)
        if key is not None:
            variable.next[key] = value


def member(sort: Enum, name: str) -> Term:
    """A member of an enum."""
    found: Term = getattr(sort, name)
    return found


def clamped(term: Term, sort: Sort) -> Term:
    """The term where it is in bounds, and the lower bound elsewhere."""
    if not isinstance(sort, Bounded) or not (isinstance(term.sort, Bounded) or term.sort is INTEGER):
        return term
    return ite((term >= sort.low) & (term <= sort.high), term, sort.low)


@st.composite
def protocols(draw: st.DrawFn, *, symmetric: bool = False, progress: bool = False) -> Protocol:
    """A protocol of two to four variables and two to four actions, of at most a few hundred states in most cases.

    Up to two claims, none of them of progress unless that is asked for; half of the protocols say where they may stop.
    """
    protocol = Protocol("random", "Drawn by Hypothesis.")
    thing = protocol.index("Thing", draw(st.integers(1, 3)), ordered=not symmetric and draw(st.booleans()))
    rank = protocol.index("Rank", 2, ordered=not (symmetric and draw(st.booleans())))
    colour = protocol.enum("Colour", "red", "green", "blue")
    small, wide = integer(-1, 1), integer(-2, 3)
    author = _Author(draw, draw(st.integers(0, 3)) > 0, protocol, [thing, rank, colour, small, wide])
    for number in range(draw(st.integers(2, 4))):
        _declare(author, f"v{number}")
    for number in range(draw(st.integers(2, 4))):
        _act(author, f"act{number}")
    for number in range(draw(st.integers(0, 2))):
        _claim(author, f"claim{number}")
    if progress and draw(st.booleans()):
        fair = draw(st.sets(st.sampled_from(sorted(protocol.actions))))
        protocol.leads_to(fair=sorted(fair))(lambda: (author.truth(1, []), author.truth(1, [])))
    if draw(st.booleans()):
        protocol.may_stop()(lambda: author.truth(1, []))
    return protocol


def _declare(author: _Author, name: str) -> None:
    sort = author.pick([BOOL, *author.sorts])
    domain = author.draw(st.lists(st.sampled_from(author.sorts[:4]), max_size=2))
    partial = isinstance(sort, Index) or author.draw(st.booleans())
    initially: Term | bool | Free | Absent = UNDEFINED
    if not partial:
        fixed = author.fallback(sort, [])
        assert fixed is not None
        anywhere = author.draw(st.booleans()) and (not domain or (sort is BOOL and len(domain) == 1))
        initially = ANY if anywhere else fixed
    if domain:
        author.variables[name] = author.protocol.map(name, *domain, to=sort, initially=initially, partial=partial)
    else:
        author.variables[name] = author.protocol.scalar(name, sort, initially, partial=partial)


def _act(author: _Author, name: str) -> None:
    parameters = author.draw(st.lists(st.sampled_from(author.sorts[:4]), max_size=2))
    names = st.sampled_from(sorted(author.variables))
    written = author.draw(st.lists(names, min_size=1, max_size=2, unique=author.careful))

    def record(*arguments: Term) -> None:
        env = list(arguments)
        for _ in range(author.draw(st.sampled_from([0, 1, 1, 2]))):
            require(author.truth(2, env))
        for variable in written:
            with suppress(IllFormed):  # certainly written twice
                author.update(variable, env)

    def of_none() -> None:
        record()

    def of_one(a: Term) -> None:
        record(a)

    def of_two(a: Term, b: Term) -> None:
        record(a, b)

    body = (of_none, of_one, of_two)[len(parameters)]
    body.__name__ = name
    author.protocol.action(**dict(zip("ab", parameters, strict=False)))(body)


def _claim(author: _Author, name: str) -> None:
    def claim() -> Term:
        return author.truth(2, [])

    claim.__name__ = name
    author.pick([author.protocol.always, author.protocol.never, author.protocol.reachable])()(claim)
