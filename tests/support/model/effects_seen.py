"""The effects that a program performs, one by one, and what happens between them."""

from collections.abc import Callable
from typing import Any, cast

from tests.support.model.world import World

from flk.model.effects import INBOX, Effect, Program, Seal
from flk.model.refusal import Refused


def watched(program: Program[object], seen: list[Effect[object]]) -> Program[object]:
    """The program, and what it asks for."""
    step: Callable[[Any], Effect[object]] = program.send
    given: object = None
    while True:
        try:
            effect = step(given)
        except StopIteration as stop:
            return stop.value
        seen.append(effect)
        try:
            step, given = program.send, (yield effect)
        except Refused as refusal:
            step, given = program.throw, refusal


def performed(world: World, region: str, program: Program[object]) -> list[Effect[object]]:
    """What a program performs in a region. Raises what it raises."""
    seen: list[Effect[object]] = []
    world.run(region, watched(program, seen))
    return seen


def interrupted(world: World, region: str, program: Program[Any], meanwhile: Callable[[Effect[Any]], None]) -> Any:
    """What a program gives, if something else happens before its effects."""
    result: object = None
    while True:
        try:
            effect = program.send(cast("Any", result))
        except StopIteration as stop:
            return stop.value
        meanwhile(effect)
        result = world.perform(region, effect)


def sealed() -> Program[None]:
    """End the segment."""
    yield from Seal(INBOX)
