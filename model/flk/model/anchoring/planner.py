"""Which anchors, and for how many leaves each: what no other choice beats, and the best within limits (ANC-1).

A checkpoint stands for all leaves before it. So kinds can be combined, each asked about the same checkpoint: a combination costs
what all of them do, can be shown when the first is there, lasts as long as the one that lasts longest, and fails if all do. With
`batch` leaves to a checkpoint, a leaf waits for the others at worst, and then for the anchor.

Every number is a fraction, every combination and every batch is looked at, and of what is equal the first by name is taken: one
question has one answer, everywhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import NamedTuple

from flk.spec.anchors import Anchor

DAY = 86_400


class Combination(NamedTuple):
    """Kinds that are asked together, and what they come to for each checkpoint."""

    kinds: tuple[str, ...]
    batch: int
    latency: int
    cost: Fraction
    durability: int
    reliability: Fraction

    @classmethod
    def of(cls, anchors: Sequence[Anchor]) -> "Combination":
        """These kinds together."""
        return cls(
            tuple(sorted(anchor.name for anchor in anchors)),
            min(anchor.batch for anchor in anchors),
            min(anchor.latency for anchor in anchors),
            sum((Fraction(anchor.cost) for anchor in anchors), Fraction()),
            max(anchor.durability for anchor in anchors),
            1 - prod((1 - Fraction(anchor.reliability) for anchor in anchors), start=Fraction(1)),
        )


class Choice(NamedTuple):
    """A combination, and how many leaves are between two checkpoints; US dollars a day, and seconds from a leaf to its anchor, at
    worst.
    """

    combination: Combination
    batch: int
    cost: Fraction
    delay: Fraction


class Limits(NamedTuple):
    """What a choice may cost a day and how long a leaf may wait at most, how long it lasts and how often it succeeds at least."""

    cost: Fraction | None = None
    delay: Fraction | None = None
    durability: int = 1
    reliability: Fraction = Fraction()


class Goal(StrEnum):
    """What is to be the best of what is within the limits. The others decide between equals, in this order."""

    COST = "cost"
    DELAY = "delay"
    DURABILITY = "durability"
    RELIABILITY = "reliability"


def combinations_of(anchors: Sequence[Anchor]) -> tuple[Combination, ...]:
    """Every combination of kinds, each kind at most once."""
    return tuple(Combination.of(some) for size in range(1, len(anchors) + 1) for some in combinations(anchors, size))


def choices(combined: Iterable[Combination], leaves_a_day: Fraction) -> Iterator[Choice]:
    """Every choice for a log that grows by so many leaves a day."""
    for combination in combined:
        for batch in range(1, combination.batch + 1):
            fills = Fraction(batch * DAY) / leaves_a_day
            yield Choice(combination, batch, combination.cost * leaves_a_day / batch, fills + combination.latency)


def best(combined: Sequence[Combination], leaves_a_day: Fraction, limits: Limits, goal: Goal) -> Choice | None:
    """The best choice within the limits; None if there is none."""
    within = [choice for choice in choices(combined, leaves_a_day) if _is_within(choice, limits)]
    order = (goal, *(each for each in Goal if each is not goal))
    return min(
        within, key=lambda choice: (*(_loss(choice, each) for each in order), choice.combination.kinds), default=None
    )


def front(combined: Sequence[Combination], leaves_a_day: Fraction) -> tuple[Choice, ...]:
    """The choices that no other beats in one respect and matches in all: the Pareto front."""
    return tuple(
        choice
        for choice in choices(combined, leaves_a_day)
        if not any(_beats(other, choice, leaves_a_day) for other in combined)
    )


def _is_within(choice: Choice, limits: Limits) -> bool:
    return (
        (limits.cost is None or choice.cost <= limits.cost)
        and (limits.delay is None or choice.delay <= limits.delay)
        and choice.combination.durability >= limits.durability
        and choice.combination.reliability >= limits.reliability
    )


def _loss(choice: Choice, goal: Goal) -> Fraction:
    match goal:
        case Goal.COST:
            return choice.cost
        case Goal.DELAY:
            return choice.delay
        case Goal.DURABILITY:
            return Fraction(-choice.combination.durability)
        case Goal.RELIABILITY:
            return -choice.combination.reliability


def _beats(other: Combination, choice: Choice, leaves_a_day: Fraction) -> bool:
    """Whether a combination, with some batch, is as good as a choice in every respect and better in one.

    The batches with which it costs no more are those from some number on, those with which it is as quick are up to some number.
    """
    own = choice.combination
    if other.durability < own.durability or other.reliability < own.reliability:
        return False
    if other.cost and not own.cost:
        return False
    least = max(1, -(-choice.batch * other.cost // own.cost)) if other.cost else 1
    most = min(other.batch, choice.batch + (own.latency - other.latency) * leaves_a_day // DAY)
    if least > most:
        return False
    lasts = other.durability > own.durability or other.reliability > own.reliability
    cheaper = other.cost * choice.batch < own.cost * most
    quicker = least * DAY + other.latency * leaves_a_day < choice.batch * DAY + own.latency * leaves_a_day
    return lasts or cheaper or quicker


def earlier_score(anchor: Anchor, goal: str) -> float:
    """What the earlier system's optimizer gave a kind (facts, section 15.4): the highest was chosen. For comparison only: it adds
    dollars, seconds and grades, so that what costs nothing wins whatever it is.
    """
    cost, latency, durability = float(anchor.cost), anchor.latency, anchor.durability
    reliability = float(anchor.reliability)
    scores = {"cost": 100 / (cost + 0.001), "latency": 1000 / (latency + 1), "durability": 20.0 * durability}
    balanced = 0.3 * scores["cost"] + 0.2 * scores["latency"] + 0.3 * scores["durability"] + 0.2 * 100 * reliability
    return (scores | {"balanced": balanced}).get(goal, 0.0) * reliability
