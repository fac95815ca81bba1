"""Driving a program: perform each effect it yields, send it the result, throw refusals into it."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from flk.model.effects import Each, Effect, Program
from flk.model.refusal import Refused

R = TypeVar("R")


class Perform(Protocol):
    """How a runtime performs effects."""

    def __call__(self, effect: Effect[R], /) -> R:
        """The effect's result. Raises Refused into the program; any other exception ends it."""
        ...


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


def met(perform: Perform, effect: Effect[R]) -> R | Refused:
    """What an effect results in, or the refusal that it meets."""
    try:
        return perform(effect)
    except Refused as refusal:
        return refusal


async def run_async(program: Program[R], perform: Callable[[Effect[object]], Awaitable[Any]]) -> R:
    """As `run`, where effects are awaited: many programs are under way at once."""
    try:
        effect = next(program)
        while True:
            try:
                result = await perform(effect)
            except Refused as refusal:
                effect = program.throw(refusal)
            else:
                effect = program.send(result)
    except StopIteration as stop:
        returned: R = stop.value
        return returned


def one_by_one(program: Program[R]) -> Program[R]:
    """The same program for a runtime that performs one effect at a time: `Each` asks for its effects in their order."""
    try:
        effect = next(program)
        while True:
            try:
                result = (yield from _each(effect)) if isinstance(effect, Each) else (yield effect)
            except Refused as refusal:
                effect = program.throw(refusal)
            else:
                effect = program.send(result)
    except StopIteration as stop:
        returned: R = stop.value
        return returned


def _each(effect: Each[object]) -> Program[list[object]]:
    results: list[object] = []
    for one in effect.effects:
        try:
            results.append((yield one))
        except Refused as refusal:
            results.append(refusal)
    return results
