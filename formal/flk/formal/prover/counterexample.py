"""What refutes something said of a protocol: a run, or a step from a state that every invariant allows."""

import msgspec

from flk.formal.explicit.explore import Path


class Counterexample(msgspec.Struct, frozen=True):
    """A path at some sizes, confirmed by the interpreter.

    `property` is what breaks. If `reachable`, the path begins in an initial state: the property is false. If not, it is a
    counterexample to induction: one step, `action` with its arguments, from a state that satisfies every invariant, whether or
    not that state can be reached; or, where the question is whether something is defined, that state alone. `cells` lists what
    differs from the beginning in the state before, `changes` what the step changes, with values before and after. `note` is what
    the interpreter says of a fault.
    """

    property: str
    action: str
    sizes: dict[str, int]
    path: Path
    reachable: bool
    cells: tuple[tuple[str, str], ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
