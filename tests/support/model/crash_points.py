"""A script of programs, stopped at each of its effects."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from tests.support.model.world import Crash, Stop, World

Script = Callable[[World], object]

AROUND = (Stop.BEFORE, Stop.AFTER)
"""Ways to stop at an effect that is not written in part."""


def crash_points(new: Callable[[], World], script: Script, stops: Sequence[Stop] = tuple(Stop)) -> Iterator[World]:
    """For each effect of the script and each of these ways to stop there: a world where the script crashed just there.

    Fails if the script has no effect.
    """
    whole = new()
    start = whole.effects
    script(whole)
    assert whole.effects > start
    for index in range(start, whole.effects):
        for stop in stops:
            world = new()
            world.arm(index, stop)
            with pytest.raises(Crash):
                script(world)
            yield world
