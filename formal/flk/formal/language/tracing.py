"""Tracing: the author's function runs once, on symbols, and what it requires and assigns becomes an action."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from flk.formal.language.action import Action, Update
from flk.formal.language.errors import IllFormed, place_of
from flk.formal.language.nodes import Joined, Junction, Local, Node
from flk.formal.language.sorts import INTEGER, Sort
from flk.formal.language.terms import Term, Value, numbering, truth

Body: TypeAlias = Callable[..., None]


@dataclass
class Recording:
    """What an action's body has said so far."""

    action: str
    guards: list[Node] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)


_open: list[Recording] = []


def recording(what: str) -> Recording:
    """The recording in progress. Raises IllFormed outside of an action's body."""
    if not _open:
        raise IllFormed(f"{what} outside of an action: properties and definitions only read the state")
    return _open[-1]


def require(*conditions: Value) -> None:
    """The action can happen only if these hold, in the state before it: its guard, read from the left.

    A conjunction counts as several conjuncts, which coverage and mutants look at one by one. Raises IllFormed outside of an
    action's body, without a condition, and for one that is not of BOOL.

    >>> lamp = Protocol("lamp", "It can be lit once.")
    >>> lit = lamp.scalar("lit", BOOL, initially=False)
    >>> @lamp.action()
    ... def light() -> None:
    ...     require(~lit)
    ...     lit.next = True
    >>> explore(lamp).transitions
    1
    """
    guards = recording("require").guards
    if not conditions:
        raise IllFormed("require without a condition: give one, or leave it out")
    for condition in conditions:
        node = truth(condition, "require")
        guards.extend(node.parts if isinstance(node, Joined) and node.junction is Junction.AND else [node])


def trace(body: Body, parameters: Mapping[str, Sort]) -> Action:
    """Run the body once, on symbols, and keep what it said. Raises IllFormed with the author's line where it makes no sense."""
    code, place = body.__code__, place_of(body)
    taken = code.co_varnames[: code.co_argcount]
    if set(taken) != set(parameters):
        raise IllFormed(
            f"{body.__name__} takes ({', '.join(taken)}) but is declared over ({', '.join(parameters)}): name the same",
            place,
        )
    for name, sort in parameters.items():
        if not isinstance(sort, Sort) or sort is INTEGER:
            raise IllFormed(
                f"{body.__name__}: parameter {name} is over {sort!r}, which is not a finite sort; "
                "give BOOL, integer(low, high), an enum or an index sort",
                place,
            )
    locals_ = {name: Local(sort, name) for name, sort in parameters.items()}
    said = Recording(body.__name__)
    _open.append(said)
    try:
        with numbering():
            returned = body(**{name: Term(local) for name, local in locals_.items()})  # type: ignore[func-returns-value]
    finally:
        _open.pop()
    if returned is not None:
        raise IllFormed(
            f"{body.__name__} returns {returned!r}: an action returns nothing; write require or x.next = ...", place
        )
    story = " ".join((body.__doc__ or "").split())
    return Action(body.__name__, story, tuple(locals_.values()), tuple(said.guards), tuple(said.updates), *place)
