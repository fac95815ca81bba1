"""State: scalars and maps over finite sorts. Their values before a step are read; their values after it are only written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from flk.formal.language.action import Update
from flk.formal.language.errors import IllFormed
from flk.formal.language.nodes import Constant, Defined, Local, Node, Read
from flk.formal.language.sorts import BOOL, INTEGER, Bounded, Index, Sort, example
from flk.formal.language.terms import Term, Value, bind, fits, lift, names_of
from flk.formal.language.tracing import recording
from flk.formal.language.variables import Variable


class Free:
    """The initial value `ANY`: the variable may begin anywhere in its sort; `@protocol.assume` narrows it.

    >>> coin = Protocol("coin", "It lies as it fell.")
    >>> heads = coin.scalar("heads", BOOL, initially=ANY)
    >>> explore(coin).states
    2
    """

    def __repr__(self) -> str:
        return "ANY"


class Absent:
    """The value `UNDEFINED`: none. A partial variable begins so, may be set back to it, and is asked by `x.defined()`.

    >>> box = Protocol("box", "It is emptied.")
    >>> content = box.scalar("content", integer(1, 9), partial=True)
    >>> @box.action()
    ... def empty() -> None:
    ...     require(content.defined())
    ...     content.next = UNDEFINED
    >>> explore(box).states
    1
    """

    def __repr__(self) -> str:
        return "UNDEFINED"


ANY = Free()
UNDEFINED = Absent()
Initial: TypeAlias = Term | int | bool | Free | Absent


Index_: TypeAlias = Term | int | slice


class Scalar(Term):
    """A variable of one value: read it by its name, write it by `x.next = ...`."""

    __slots__ = ("variable",)

    def __init__(self, variable: Variable) -> None:
        super().__init__(Read(variable, ()))
        self.variable = variable

    @property
    def next(self) -> NoReturn:
        """The value after the step: it can only be assigned. Reading it raises IllFormed."""
        raise _reads_next(self.variable.name)

    @next.setter  # noqa: A003 (it is what the language calls it)
    def next(self, value: "Value | Absent") -> None:
        _write(self.variable, (), value)

    def defined(self) -> Term:
        """Whether a partial variable has a value now."""
        return _defined(self.variable, ())


class Map:
    """A variable of many values: read `m[i, j]`, write `m.next[i, j] = ...`; `:` in place of an index writes at all of them."""

    __slots__ = ("variable",)

    def __init__(self, variable: Variable) -> None:
        self.variable = variable

    def __getitem__(self, key: "Value | tuple[Value, ...]") -> Term:
        return Term(Read(self.variable, _indices(self.variable, key)))

    def __setitem__(self, key: object, value: object) -> NoReturn:
        name = self.variable.name
        raise IllFormed(
            f"{name}[...] is assigned: the state before the step stays as it is; write {name}.next[...] = ..."
        )

    def defined(self, *key: "Value") -> Term:
        """Whether a partial map has a value there."""
        return _defined(self.variable, _indices(self.variable, key))

    @property
    def next(self) -> "Next":
        """The values after the step, to be assigned."""
        return Next(self.variable)

    @next.setter  # noqa: A003 (it is what the language calls it)
    def next(self, _: object) -> NoReturn:
        name = self.variable.name
        raise IllFormed(f"{name} is a map: write {name}.next[...] = ..., or {name}.next[:] = ... for all its places")

    def __repr__(self) -> str:
        return f"the map {self.variable.name}"

    def __bool__(self) -> NoReturn:
        raise IllFormed(
            f"{self.variable.name} is a map and has no truth: read it at an index, {self.variable.name}[...]"
        )

    def __iter__(self) -> NoReturn:
        raise IllFormed(f"a loop over {self.variable.name}: write forall, exists or count over its index sort")

    __len__ = __iter__

    def __contains__(self, value: object) -> NoReturn:
        name = self.variable.name
        raise IllFormed(f"`in {name}`: read it at an index, {name}[...], or ask {name}.defined(...)")


@dataclass(frozen=True)
class Next:
    """Where a map's values after the step are written."""

    variable: Variable

    def __getitem__(self, key: object) -> NoReturn:
        raise _reads_next(self.variable.name)

    def __setitem__(
        self, key: Index_ | tuple[Index_, ...], value: "Value | Absent | Callable[..., Value | Absent]"
    ) -> None:
        parts = key if isinstance(key, tuple) else (key,)
        name, domain = self.variable.name, self.variable.domain
        if len(parts) != len(domain):
            raise IllFormed(
                f"{name}.next takes {len(domain)} indices, not {len(parts)}: write {name}.next[{_names(domain)}]"
            )
        binders: list[Local] = []
        slices = [sort for part, sort in zip(parts, domain, strict=True) if isinstance(part, slice)]
        named = callable(value) and not isinstance(value, Term | Absent)
        if named and not slices:
            raise IllFormed(
                f"{name}.next[{_names(domain)}] is one place: give its value; a function needs a : among the indices"
            )
        names = names_of(value, len(slices), f"{name}.next[:]") if named and callable(value) else ("i",) * len(slices)
        indices: list[Node] = []
        for part, sort in zip(parts, domain, strict=True):
            if isinstance(part, slice):
                binders.append(bind(sort, names[len(binders)]))
                indices.append(binders[-1])
            else:
                indices.append(_index(self.variable, part, sort))
        wanted = value(*map(Term, binders)) if named and callable(value) else value
        _write(self.variable, tuple(indices), wanted, tuple(binders))


def declare(name: str, domain: tuple[Sort, ...], sort: Sort, initially: Initial, *, partial: bool) -> Variable:
    """A variable, once its parts are known to make sense. Raises IllFormed, naming it, if they do not."""
    for each in (*domain, sort):
        if not isinstance(each, Sort):
            raise IllFormed(f"{name}: {each!r} is not a sort; write BOOL, integer(low, high), an enum or an index sort")
        if each is INTEGER:
            raise IllFormed(f"{name}: an unbounded domain; write integer(low, high)")
    if partial and initially is not UNDEFINED:
        raise IllFormed(f"{name}: a partial variable begins undefined; leave `initially` out")
    return Variable(name, domain, sort, _initial(name, sort, initially), partial)


def _initial(name: str, sort: Sort, initially: Initial) -> int | None:
    if isinstance(initially, Free):
        return None
    if isinstance(initially, Absent):
        return None
    term = lift(initially)
    if not isinstance(term.node, Constant) or not fits(term, sort):
        raise IllFormed(f"{name}: its initial value {term!r} is not a constant of sort {sort.name}; {_begin(sort)}")
    value = term.node.value
    if _outside(sort, value):
        raise IllFormed(
            f"{name}: its initial value {value} is outside of {sort.name}; widen its bounds, or begin within"
        )
    return value


def _begin(sort: Sort) -> str:
    if isinstance(sort, Index):
        return "its elements have no names, so give ANY, or declare it partial=True"
    return f"write ANY, or a constant: {example(sort)}"


def _indices(variable: Variable, key: object) -> tuple[Node, ...]:
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) != len(variable.domain):
        raise IllFormed(
            f"{variable.name} takes {len(variable.domain)} indices, not {len(parts)}: "
            f"write {variable.name}[{_names(variable.domain)}]"
        )
    return tuple(_index(variable, part, sort) for part, sort in zip(parts, variable.domain, strict=True))


def _index(variable: Variable, part: object, sort: Sort) -> Node:
    if isinstance(part, slice):
        raise IllFormed(f"{variable.name}[:] is read: write forall, exists or count over {sort.name}")
    term = lift(part)
    if not fits(term, sort):
        raise IllFormed(
            f"{variable.name} is indexed by {sort.name}, and {term!r} is of sort {term.sort.name}: {example(sort)}"
        )
    return term.node


def _defined(variable: Variable, indices: tuple[Node, ...]) -> Term:
    if not variable.partial:
        raise IllFormed(f"{variable.name} is always defined: leave the question out, or declare it partial=True")
    return Term(Defined(BOOL, variable, indices))


def _outside(sort: Sort, value: int) -> bool:
    return isinstance(sort, Bounded) and not sort.low <= value <= sort.high


def _write(variable: Variable, indices: tuple[Node, ...], value: object, binders: tuple[Local, ...] = ()) -> None:
    if isinstance(value, Absent):
        if not variable.partial:
            raise IllFormed(f"{variable.name} cannot become undefined: declare it partial=True")
        _record(Update(variable, indices, binders, None))
        return
    term = lift(value)
    if not fits(term, variable.sort):
        raise IllFormed(
            f"{variable.name} is of sort {variable.sort.name}, and {term!r} of {term.sort.name}: {example(variable.sort)}"
        )
    if isinstance(term.node, Constant) and _outside(variable.sort, term.node.value):
        raise IllFormed(f"{variable.name} would become {term!r}, outside of {variable.sort.name}: widen its bounds")
    _record(Update(variable, indices, binders, term.node))


def _record(update: Update) -> None:
    """Keep an update. Raises IllFormed outside of an action, and for a place that is certainly written twice."""
    name, updates = update.variable.name, recording(f"{update.variable.name}.next").updates
    if any((other.variable, other.indices) == (update.variable, update.indices) for other in updates):
        raise IllFormed(
            f"{name}.next is assigned twice: all updates happen at once; assign once, with ite for a choice"
        )
    updates.append(update)


def _reads_next(name: str) -> IllFormed:
    return IllFormed(
        f"{name}.next is read: the state after the step can only be assigned; guard with {name} as it is before"
    )


def _names(domain: tuple[Sort, ...]) -> str:
    return ", ".join(sort.name for sort in domain) or "none"
