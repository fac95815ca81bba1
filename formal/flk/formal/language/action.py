"""Actions as every engine reads them: a guard and simultaneous updates."""

from dataclasses import dataclass

from flk.formal.language.nodes import Local, Node
from flk.formal.language.variables import Variable


@dataclass(frozen=True)
class Update:
    """`variable[indices]` becomes `value` (None: undefined), for all values of the `binders`, which may occur in both."""

    variable: Variable
    indices: tuple[Node, ...]
    binders: tuple[Local, ...]
    value: Node | None


@dataclass(frozen=True)
class Action:
    """A step of the protocol: for some values of its parameters, if all guards hold, all updates happen at once.

    The guards are conjuncts, read in order. What no update writes is unchanged.
    """

    name: str
    story: str
    parameters: tuple[Local, ...]
    guards: tuple[Node, ...]
    updates: tuple[Update, ...]
    file: str
    line: int
