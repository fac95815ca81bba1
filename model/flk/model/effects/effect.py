"""What an effect is, and what a program of effects is."""

from collections.abc import Generator
from typing import Generic, TypeAlias, TypeVar

import msgspec

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Effect(msgspec.Struct, Generic[R_co], frozen=True):
    """One request to the world, with a result of type `R_co`."""

    def __iter__(self) -> Generator["Effect[object]", object, R_co]:
        result: R_co = yield self  # type: ignore[assignment]  # a runtime sends what this effect results in
        return result


Program: TypeAlias = Generator[Effect[object], object, R]
"""Yields effects, is sent their results, and returns an R."""
