"""What an effect is, and what a program of effects is."""

from collections.abc import Generator, Sequence
from typing import Generic, TypeAlias, TypeVar

import msgspec

from flk.model.refusal import Refused

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Effect(msgspec.Struct, Generic[R_co], frozen=True):
    """One request to the world, with a result of type `R_co`."""

    def __iter__(self) -> Generator["Effect[object]", object, R_co]:
        result: R_co = yield self  # type: ignore[assignment]  # a runtime sends what this effect results in
        return result


class Each(Effect[Sequence[R | Refused]], Generic[R], frozen=True):
    """Each of these effects, all of one class, in their order: what it results in, or the refusal that it meets. None of them waits
    for what another results in, so that a runtime may perform them in one step; `one_by_one` is for those that do not.
    """

    effects: Sequence[Effect[R]]


Program: TypeAlias = Generator[Effect[object], object, R]
"""Yields effects, is sent their results, and returns an R."""
