"""What a solver found, replayed by the interpreter: only what it confirms is shown."""

from collections.abc import Sequence
from itertools import pairwise

from flk.formal.explicit.explore import DEADLOCK, HAPPENS, Move, Path, explain
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.schema import Instance, Schema, State
from flk.formal.language.properties import PropertyKind


class Disagreement(Exception):
    """The solver's formulas and the interpreter differ: a defect of the prover."""


def path_of(states: Sequence[State], choices: Sequence[Instance]) -> Path:
    """The path through these states by these instances."""
    moves = [Move("", (), "", states[0])]
    moves += [Move(i.action.name, i.arguments, str(i), s) for i, s in zip(choices, states[1:], strict=True)]
    return Path(tuple(moves))


def confirm(schema: Schema, path: Path, aim: str) -> str:
    """Replay a path from an initial state to what was looked for; returns what the interpreter says if that is a fault.

    The aim is a property that is violated (or reached, if it is to be), that an action HAPPENS, a DEADLOCK, or else a fault. Raises
    Disagreement if the interpreter sees anything else.
    """
    interpreter, last = Interpreter(schema), path.moves[-1].state
    if not begins(schema, path.moves[0].state):
        raise Disagreement(f"{path.moves[0].state} is not an initial state")
    for before, move in pairwise(path.moves):
        confirm_step(interpreter, before.state, move)
    if aim in schema.protocol.properties:
        property_ = schema.protocol.properties[aim]
        aimed = bool(interpreter.evaluate(property_.condition, last, {}))
        seen = aimed == (property_.kind in {PropertyKind.REACHABLE, PropertyKind.NEVER})
    elif aim == DEADLOCK:
        stuck = not any(can_happen(interpreter, instance, last) for instance in schema.instances)
        seen = stuck and not interpreter.evaluate(schema.protocol.end, last, {})
    elif aim.endswith(HAPPENS):
        of = (i for i in schema.instances if i.action.name == aim.removesuffix(HAPPENS))
        seen = any(can_happen(interpreter, instance, last) for instance in of)
    else:
        return fault_of(interpreter, last)
    if not seen:
        raise Disagreement(f"{aim} is not what ends the path")
    return ""


def can_happen(interpreter: Interpreter, instance: Instance, state: State) -> bool:
    """Whether an instance's guard has a meaning in a state, and holds."""
    try:
        return interpreter.refusal(instance, state) is None
    except Fault:
        return False


def confirm_step(interpreter: Interpreter, state: State, move: Move) -> None:
    """Raises Disagreement unless the move leads on from the state."""
    instance = instance_of(interpreter.schema, move)
    if not can_happen(interpreter, instance, state) or interpreter.apply(instance, state) != move.state:
        raise Disagreement(f"{move.shown} does not lead from {state} to {move.state}")


def instance_of(schema: Schema, move: Move) -> Instance:
    """The instance of a move."""
    return Instance(schema.protocol.actions[move.action], move.arguments)


def begins(schema: Schema, state: State) -> bool:
    """Whether a state is an initial one."""
    if any(start not in (None, code) for start, code in zip(starting_codes(schema), state, strict=True)):
        return False
    interpreter = Interpreter(schema)
    return all(interpreter.evaluate(node, state, {}) for node in schema.protocol.assumptions)


def starting_codes(schema: Schema) -> tuple[int | None, ...]:
    """The code that each cell begins with, None for any."""
    return tuple(
        0 if c.variable.partial else None if c.variable.initially is None else c.encode(c.variable.initially)
        for c in schema.cells
    )


def fault_of(interpreter: Interpreter, state: State) -> str:
    """What the interpreter reports in a state. Raises Disagreement if it is nothing."""
    told = explain(interpreter, state, interpreter.schema.protocol)
    if told is None:
        raise Disagreement(f"{state} has no fault")
    return told
