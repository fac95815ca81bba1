"""Less of something for which a predicate still holds: fewer elements, a smaller number."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isinf
from typing import TypeVar

from flk.spec.constants import CONSTANTS

T = TypeVar("T")
PRECISION = 0.1
"""A number is made smaller until a tenth of what is left of it matters."""


def ddmin(elements: Sequence[T], holds: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """A part of the elements for which `holds` is true, and false for it without any single one of its elements (1-minimal).

    `holds` must be true of all elements, and is asked once about each part. Zeller and Hildebrandt, "Simplifying and isolating
    failure-inducing input" (2002).
    """
    known: dict[tuple[int, ...], bool] = {}

    def ask(places: tuple[int, ...]) -> bool:
        if places not in known:
            known[places] = holds(tuple(elements[place] for place in places))
        return known[places]

    kept = tuple(range(len(elements)))
    if not kept or ask(()):
        return ()
    pieces = 2
    while len(kept) > 1:
        parts = _parts(kept, pieces)
        rests = [tuple(place for place in kept if place not in part) for part in parts] if pieces > 2 else []
        if (part := next(filter(ask, parts), None)) is not None:
            kept, pieces = part, 2
        elif (rest := next(filter(ask, rests), None)) is not None:
            kept, pieces = rest, max(pieces - 1, 2)
        elif pieces < len(kept):
            pieces = min(2 * pieces, len(kept))
        else:
            break
    return tuple(elements[place] for place in kept)


def lessen(value: float, harmless: float, holds: Callable[[float], bool], grain: float = 0.01) -> float:
    """A number nearer to `harmless` for which `holds` is still true, found by bisection; `value` itself if that is all there is.

    `holds` must be true of `value`. Differences below `grain` do not matter. Where harmless is infinity, the number is doubled as
    long as it holds and a scenario may have it.
    """
    if isinf(harmless):
        for _ in range(20):
            if value * 2 > CONSTANTS.scenario.max_number or not holds(value * 2):
                break
            value *= 2
        return value
    bad, good = value, harmless
    while abs(bad - good) > max(grain, PRECISION * abs(bad - harmless)):
        middle = float(f"{(bad + good) / 2:.3g}")
        if middle in {bad, good}:
            break
        if holds(middle):
            bad = middle
        else:
            good = middle
    return bad


def _parts(places: tuple[int, ...], number: int) -> list[tuple[int, ...]]:
    """The places cut into that many parts of almost the same length."""
    edges = [len(places) * k // number for k in range(number + 1)]
    return [places[a:b] for a, b in pairwise(edges)]
