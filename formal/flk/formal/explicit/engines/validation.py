"""Translation validation: in random states, reachable or not, do all backends make of every instance what the interpreter does?"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple, TypeAlias

from flk.formal.explicit.engines.packed import Kernel
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.states import codes, packed
from flk.formal.explicit.expression import evaluate
from flk.formal.explicit.ground import GroundInstance
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.schema import Instance, Schema, State

Effects: TypeAlias = Mapping[int, State | None]
"""What the instances do in a state, by position: the state after, or None for a fault. What cannot happen is left out."""


class Validation(NamedTuple):
    """How many pairs of state and instance were compared, and the first that somebody judged otherwise than the interpreter."""

    comparisons: int
    mismatch: str = ""


def validate(program: Program, kernels: Mapping[str, Kernel], states: int, seed: int) -> Validation:
    """Compare the ground form, and kernels by name, with the interpreter in that many random states."""
    schema = program.ground.schema
    random = Random(seed)
    chosen = [tuple(random.randrange(cell.codes) for cell in schema.cells) for _ in range(states)]
    answers = {name: _answers(program, kernel, chosen) for name, kernel in kernels.items()}
    compared = 0
    for row, state in enumerate(chosen):
        expected, unreadable = _interpreted(schema, state)
        compared += len(schema.instances) * (1 + len(kernels))
        if dict(_ground(program, state)) != expected:
            return Validation(
                compared, f"the ground form differs in {state}: {dict(_ground(program, state))}, not {expected}"
            )
        for name, answer in answers.items():
            problem = _problem(answer[row], expected, unreadable)
            if problem:
                return Validation(compared, f"{name} differs in {state}: {problem}")
    return Validation(compared)


class _Answer(NamedTuple):
    steps: dict[int, State]
    fault: bool


def _problem(answer: _Answer, expected: Effects, unreadable: set[int]) -> str:
    """Kernels say of a state whether it has a fault, not which; and what they make of an undefined guard is arbitrary."""
    happened = {position: after for position, after in answer.steps.items() if position not in unreadable}
    wanted = {position: after for position, after in expected.items() if after is not None}
    if happened != wanted:
        return f"steps to {happened}, not to {wanted}"
    if answer.fault != (None in expected.values()):
        return f"fault {answer.fault}, not {None in expected.values()}"
    return ""


def _answers(program: Program, kernel: Kernel, states: Sequence[State]) -> list[_Answer]:
    steps = kernel.steps(packed(program.layout, states))
    found: list[dict[int, State]] = [{} for _ in states]
    after = codes(program.layout, steps.after).T.tolist()
    for row, instance, state in zip(steps.source.tolist(), steps.instance.tolist(), after, strict=True):
        found[row][program.positions[instance]] = tuple(state)
    return [_Answer(each, bool(fault)) for each, fault in zip(found, steps.faults.tolist(), strict=True)]


def _interpreted(schema: Schema, state: State) -> tuple[Effects, set[int]]:
    """The effects, and the positions of instances whose guard is undefined."""
    interpreter = Interpreter(schema)
    effects: dict[int, State | None] = {}
    unreadable: set[int] = set()
    for position, instance in enumerate(schema.instances):
        try:
            if interpreter.refusal(instance, state) is not None:
                continue
        except Fault:
            effects[position] = None
            unreadable.add(position)
            continue
        effects[position] = _after(interpreter, instance, state)
    return effects, unreadable


def _after(interpreter: Interpreter, instance: Instance, state: State) -> State | None:
    try:
        return interpreter.apply(instance, state)
    except Fault:
        return None


def _ground(program: Program, state: State) -> Iterator[tuple[int, State | None]]:
    for position, ground in zip(program.positions, program.instances, strict=True):
        if evaluate(ground.undefined, state):
            yield position, None
        elif evaluate(ground.enabled, state):
            yield position, None if evaluate(ground.fault, state) else _written(ground, state)


def _written(ground: GroundInstance, state: State) -> State:
    after = list(state)
    for write in ground.writes:
        after[write.cell] = evaluate(write.code, state)
    return tuple(after)
