"""The expression tree that tracing leaves behind: frozen nodes, each with its sort. All engines start from here."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from flk.formal.language.sorts import Sort
from flk.formal.language.variables import Variable


@dataclass(frozen=True)
class Constant:
    """A value of a sort, as the integer that stands for it."""

    sort: Sort
    value: int


@dataclass(frozen=True)
class Local:
    """A parameter of an action, or what a quantifier binds. Names are unique within a protocol's action or property."""

    sort: Sort
    name: str


@dataclass(frozen=True)
class Read:
    """The value of a variable at some indices, in the state before the step. Undefined where a partial variable is."""

    variable: Variable
    indices: tuple["Node", ...]

    @property
    def sort(self) -> Sort:
        """Of the variable's values."""
        return self.variable.sort


@dataclass(frozen=True)
class Defined:
    """Whether a partial variable has a value there."""

    sort: Sort
    variable: Variable
    indices: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    """Negation."""

    sort: Sort
    part: "Node"


class Junction(StrEnum):
    """How truths are joined."""

    AND = "and"
    OR = "or"


@dataclass(frozen=True)
class Joined:
    """Conjunction or disjunction, read from the left and only as far as needed: what follows may rely on what came before."""

    sort: Sort
    junction: Junction
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Choice:
    """`then` where the condition holds, else `other`. Only the chosen one need be defined."""

    sort: Sort
    condition: "Node"
    then: "Node"
    other: "Node"


class Relation(StrEnum):
    """How two values are compared."""

    EQUAL = "="
    LESS = "<"
    AT_MOST = "<="


@dataclass(frozen=True)
class Compared:
    """A comparison."""

    sort: Sort
    relation: Relation
    left: "Node"
    right: "Node"


class Operator(StrEnum):
    """Arithmetic as Python does it: division and remainder round down; both are undefined for a divisor of 0."""

    PLUS = "+"
    MINUS = "-"
    TIMES = "*"
    DIVIDE = "//"
    REMAINDER = "%"


@dataclass(frozen=True)
class Arithmetic:
    """The result of an operator on two integers."""

    sort: Sort
    operator: Operator
    left: "Node"
    right: "Node"


class Quantifier(StrEnum):
    """How the truths of a body over a sort are taken together."""

    FORALL = "forall"
    EXISTS = "exists"
    COUNT = "count"


@dataclass(frozen=True)
class Quantified:
    """A body taken over all values of a local's sort. `forall` and `exists` read values in order and only as far as needed."""

    sort: Sort
    quantifier: Quantifier
    local: Local
    body: "Node"


Node: TypeAlias = Constant | Local | Read | Defined | Not | Joined | Choice | Compared | Arithmetic | Quantified


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in the order in which they are read."""
    match node:
        case Constant() | Local():
            return ()
        case Read(_, indices) | Defined(_, _, indices):
            return indices
        case Not(_, part):
            return (part,)
        case Joined(_, _, parts):
            return parts
        case Choice(_, condition, then, other):
            return condition, then, other
        case Compared(_, _, left, right) | Arithmetic(_, _, left, right):
            return left, right
        case Quantified(_, _, _, body):
            return (body,)
