"""Driving a program: perform each effect it yields, send it the result, throw refusals into it."""

from collections.abc import Callable
from typing import Any, TypeVar

from flk.model.effects.effects import Effect, Program
from flk.model.refusal import Refused

R = TypeVar("R")
Perform = Callable[[Effect[Any]], Any]


def run(program: Program[R], perform: Perform) -> R:
    """The program's result, each effect performed at once by `perform`. Any other exception ends the program: a crash."""
    try:
        effect = next(program)
        while True:
            try:
                result = perform(effect)
            except Refused as refusal:
                effect = program.throw(refusal)
            else:
                effect = program.send(result)
    except StopIteration as stop:
        returned: R = stop.value
        return returned
