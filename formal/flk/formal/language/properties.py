"""Properties: what must always, must never, can, or must at last be the case."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from flk.formal.language.errors import IllFormed, place_of
from flk.formal.language.nodes import Node
from flk.formal.language.terms import Value, numbering, truth


class PropertyKind(StrEnum):
    """What a property claims of the reachable states.

    A lemma is an `always` that proofs lean on: true, but not what anyone asked for.
    """

    ALWAYS = "always"
    LEMMA = "lemma"
    NEVER = "never"
    REACHABLE = "reachable"
    LEADS_TO = "leads_to"


@dataclass(frozen=True)
class Property:
    """A claim about a protocol, with the requirements it stands for.

    `LEADS_TO` has a conclusion, and the names of the actions that are weakly fair, each for every choice of its parameters: an
    instance that stays able to change the state does so at last.
    """

    name: str
    kind: PropertyKind
    story: str
    requirements: tuple[str, ...]
    condition: Node
    conclusion: Node | None
    fair: tuple[str, ...]
    file: str
    line: int

    @property
    def invariant(self) -> bool:
        """Whether every reachable state must satisfy the condition."""
        return self.kind in {PropertyKind.ALWAYS, PropertyKind.LEMMA}


def state_property(
    kind: PropertyKind, function: Callable[[], Value], requirements: tuple[str, ...], name: str = ""
) -> Property:
    """Trace a function of no arguments into a property of single states."""
    place = place_of(function)
    _takes_nothing(function, place)
    with numbering():
        condition = truth(function(), kind, place)
    return _property(kind, function, requirements, name, condition, None, ())


def progress_property(
    function: Callable[[], tuple[Value, Value]], requirements: tuple[str, ...], fair: tuple[str, ...], name: str = ""
) -> Property:
    """Trace a function that returns premise and conclusion."""
    place = place_of(function)
    _takes_nothing(function, place)
    with numbering():
        claim = function()
        if not isinstance(claim, tuple) or len(claim) != 2:
            raise IllFormed(f"{function.__name__}: leads_to needs two conditions: return premise, conclusion", place)
        nodes = truth(claim[0], "leads_to", place), truth(claim[1], "leads_to", place)
    return _property(PropertyKind.LEADS_TO, function, requirements, name, nodes[0], nodes[1], fair)


def _takes_nothing(function: Callable[..., object], place: tuple[str, int]) -> None:
    if function.__code__.co_argcount:
        raise IllFormed(
            f"{function.__name__} takes arguments: a property takes none; bind with forall or exists", place
        )


def _property(
    kind: PropertyKind,
    function: Callable[..., object],
    requirements: tuple[str, ...],
    name: str,
    condition: Node,
    conclusion: Node | None,
    fair: tuple[str, ...],
) -> Property:
    story = " ".join((function.__doc__ or "").split())
    called = name or function.__name__
    return Property(called, kind, story, requirements, condition, conclusion, fair, *place_of(function))
