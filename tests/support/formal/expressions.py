"""Random expressions, each in two forms: a term of the language, and what plain Python makes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hypothesis import strategies as st

from flk.formal.language import (
    ANY,
    BOOL,
    Protocol,
    Term,
    count,
    exists,
    forall,
    implies,
    integer,
    ite,
)
from flk.formal.language.nodes import Node
from flk.formal.language.terms import conjunction, disjunction, lift

Values: TypeAlias = Mapping[str, int | None]
"""The value of each cell, by its name as it is written; None where it is undefined."""


class Meaningless(Exception):
    """Python would have to read what is not there, or divide by 0."""


@dataclass(frozen=True)
class Tree:
    """An operator and its parts; the language's form and Python's are made from it."""

    operator: str
    parts: tuple[Any, ...] = ()


PROTOCOL = Protocol("expressions", "Cells that may hold anything.")
KEY = PROTOCOL.index("Key", size=2)
NUMBER = PROTOCOL.scalar("number", integer(-2, 3), initially=ANY)
TRUTH = PROTOCOL.scalar("truth", BOOL, initially=ANY)
HERE = PROTOCOL.scalar("here", KEY, initially=ANY)
HELD = PROTOCOL.map("held", KEY, to=integer(0, 2), initially=ANY)
OWED = PROTOCOL.map("owed", KEY, to=integer(1, 2), partial=True)
PLACE = PROTOCOL.map("place", integer(0, 1), to=BOOL, initially=ANY)

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def numbers(scope: int, depth: int) -> st.SearchStrategy[Tree]:
    """Integers; `scope` is how many locals are bound."""
    keys = st.integers(-1, scope - 1)
    leaves = st.one_of(
        st.builds(lambda n: Tree("const", (n,)), st.integers(-3, 4)),
        st.just(Tree("number")),
        st.builds(lambda k: Tree("held", (k,)), keys),
        st.builds(lambda k: Tree("owed", (k,)), keys),
    )
    if depth == 0:
        return leaves
    below = numbers(scope, depth - 1)
    return st.one_of(
        leaves,
        st.builds(lambda op, a, b: Tree(op, (a, b)), st.sampled_from(sorted(ARITHMETIC)), below, below),
        st.builds(lambda c, a, b: Tree("ite", (c, a, b)), truths(scope, depth - 1), below, below),
        st.builds(lambda body: Tree("count", (body,)), truths(scope + 1, depth - 1)),
    )


def truths(scope: int, depth: int) -> st.SearchStrategy[Tree]:
    """Truths."""
    keys = st.integers(-1, scope - 1)
    leaves = st.one_of(
        st.just(Tree("truth")),
        st.builds(lambda k: Tree("defined", (k,)), keys),
        st.builds(lambda a, b: Tree("same", (a, b)), keys, keys),
    )
    if depth == 0:
        return leaves
    below, values = truths(scope, depth - 1), numbers(scope, depth - 1)
    return st.one_of(
        leaves,
        st.builds(lambda a: Tree("not", (a,)), below),
        st.builds(lambda a, b: Tree("implies", (a, b)), below, below),
        st.builds(
            lambda op, parts: Tree(op, tuple(parts)),
            st.sampled_from(["and", "or"]),
            st.lists(below, min_size=1, max_size=3),
        ),
        st.builds(lambda op, a, b: Tree(op, (a, b)), st.sampled_from(sorted(COMPARISONS)), values, values),
        st.builds(lambda op, a: Tree(op, (a,)), st.sampled_from(["forall", "exists"]), truths(scope + 1, depth - 1)),
        st.builds(lambda a: Tree("place", (a,)), values),
    )


def term(tree: Tree, bound: tuple[Term, ...] = ()) -> Any:  # noqa: C901, PLR0912 (a case for each operator)
    """As an author would write it."""

    def key(at: int) -> Term:
        return bound[at] if at >= 0 else HERE

    match tree.operator, tree.parts:
        case "const", (value,):
            return value
        case "number", _:
            return NUMBER
        case "truth", _:
            return TRUTH
        case "held", (at,):
            return HELD[key(at)]
        case "owed", (at,):
            return OWED[key(at)]
        case "defined", (at,):
            return OWED.defined(key(at))
        case "same", (a, b):
            return key(a) == key(b)
        case "place", (at,):
            return PLACE[term(at, bound)]
        case "not", (a,):
            return ~term(a, bound)
        case "implies", (a, b):
            return implies(term(a, bound), term(b, bound))
        case ("and" | "or") as op, parts:
            return (conjunction if op == "and" else disjunction)([term(part, bound) for part in parts])
        case "ite", (c, a, b):
            return ite(term(c, bound), term(a, bound), term(b, bound))
        case ("forall" | "exists" | "count") as op, (body,):
            quantify: Any = {"forall": forall, "exists": exists, "count": count}[op]
            return quantify(KEY, lambda i: term(body, (*bound, i)))
        case op, (a, b):
            return _both(op, term(a, bound), term(b, bound))
    raise AssertionError(tree)


def _both(op: str, a: Any, b: Any) -> Any:
    """Python computes on two constants by itself, but compares and divides them at once: make one a symbol."""
    lifted = a if isinstance(a, Term) or isinstance(b, Term) else NUMBER - NUMBER + a
    return (ARITHMETIC | COMPARISONS)[op](lifted, b)


def value(tree: Tree, cells: Values, bound: tuple[int, ...] = ()) -> int:  # noqa: C901, PLR0912 (a case for each operator)
    """As Python computes it. Raises Meaningless where something is undefined."""

    def key(at: int) -> int:
        return bound[at] if at >= 0 else cell("here")

    def cell(name: str) -> int:
        found = cells.get(name)
        if found is None:
            raise Meaningless
        return found

    match tree.operator, tree.parts:
        case "const", (constant,):
            return int(constant)
        case ("number" | "truth") as name, _:
            return cell(name)
        case ("held" | "owed") as name, (at,):
            return cell(f"{name}[key{key(at) + 1}]")
        case "defined", (at,):
            return cells[f"owed[key{key(at) + 1}]"] is not None
        case "same", (a, b):
            return key(a) == key(b)
        case "place", (at,):
            return cell(f"place[{value(at, cells, bound)}]")
        case "not", (a,):
            return not value(a, cells, bound)
        case "implies", (a, b):
            return not value(a, cells, bound) or value(b, cells, bound)
        case "and", parts:
            return all(value(part, cells, bound) for part in parts)
        case "or", parts:
            return any(value(part, cells, bound) for part in parts)
        case "ite", (c, a, b):
            return value(a if value(c, cells, bound) else b, cells, bound)
        case "forall", (body,):
            return all(value(body, cells, (*bound, i)) for i in range(2))
        case "exists", (body,):
            return any(value(body, cells, (*bound, i)) for i in range(2))
        case "count", (body,):
            return sum(value(body, cells, (*bound, i)) for i in range(2))
        case op, (a, b):
            try:
                return int((ARITHMETIC | COMPARISONS)[op](value(a, cells, bound), value(b, cells, bound)))
            except ZeroDivisionError:
                raise Meaningless from None
    raise AssertionError(tree)


def lifted(tree: Tree) -> Node:
    """The node of its term."""
    return lift(term(tree)).node
