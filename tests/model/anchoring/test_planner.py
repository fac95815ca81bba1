"""Which anchors, and how often (ANC-1)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.model.anchoring.planner import (
    DAY,
    Choice,
    Combination,
    Goal,
    Limits,
    best,
    choices,
    combinations_of,
    earlier_score,
    front,
)
from flk.spec.anchors import Anchor, anchors, parse
from flk.spec.errors import UnusableInput

DAILY = Fraction(10_000)
ANCHORS = st.lists(
    st.builds(
        Anchor,
        name=st.text("abc", min_size=1, max_size=3),
        batch=st.integers(1, 6),
        latency=st.integers(0, 3) | st.integers(0, 200_000),
        cost=st.integers(0, 4).map(Decimal),
        durability=st.integers(1, 3),
        reliability=st.sampled_from([Decimal("0.5"), Decimal("0.9"), Decimal(1)]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda anchor: anchor.name,
)


def goods(choice: Choice) -> tuple[Fraction, ...]:
    """What is better if it is less."""
    return choice.cost, choice.delay, Fraction(-choice.combination.durability), -choice.combination.reliability


@pytest.mark.slow
@settings(deadline=None)
@given(given=ANCHORS, daily=st.sampled_from([Fraction(1), Fraction(7, 2), Fraction(86_400)]))
def test_the_front_is_what_nothing_beats(given: list[Anchor], daily: Fraction) -> None:
    """Beside every pair of choices, compared by definition."""
    combined = combinations_of(given)
    every = list(choices(combined, daily))
    found = set(front(combined, daily))
    for choice in every:
        mine = goods(choice)
        beaten = any(
            all(a <= b for a, b in zip(goods(other), mine, strict=True)) and goods(other) != mine for other in every
        )
        assert (choice in found) is not beaten


@settings(deadline=None)
@given(
    given=ANCHORS,
    goal=st.sampled_from(Goal),
    limits=st.builds(
        Limits,
        cost=st.none() | st.fractions(0, 10),
        delay=st.none() | st.fractions(0, 300_000),
        durability=st.integers(1, 3),
        reliability=st.sampled_from([Fraction(0), Fraction(9, 10), Fraction(99, 100)]),
    ),
)
def test_the_best_is_within_the_limits_and_nothing_within_them_is_better(
    given: list[Anchor], goal: Goal, limits: Limits
) -> None:
    """It is on the front, and does not depend on the order of the kinds."""
    daily = Fraction(5)
    combined = combinations_of(given)
    found = best(combined, daily, limits, goal)
    within = [
        choice
        for choice in choices(combined, daily)
        if (limits.cost is None or choice.cost <= limits.cost)
        and (limits.delay is None or choice.delay <= limits.delay)
        and choice.combination.durability >= limits.durability
        and choice.combination.reliability >= limits.reliability
    ]
    if found is None:
        assert not within
        return
    column = list(Goal).index(goal)
    assert goods(found)[column] == min(goods(choice)[column] for choice in within)
    assert found in front(combined, daily)
    assert best(combinations_of(given[::-1]), daily, limits, goal) == found


def test_kinds_together_are_as_quick_as_one_and_last_as_long_as_another() -> None:
    """A time-stamp at once, and the block chain behind it: the sum of their costs, and both would have to fail."""
    table = {anchor.name: anchor for anchor in anchors()}
    both = Combination.of([table["rfc3161"], table["opentimestamps"]])
    assert both == Combination(("opentimestamps", "rfc3161"), 100, 5, Fraction(1, 100), 5, Fraction(99_999, 100_000))
    found = best(combinations_of(anchors()), DAILY, Limits(delay=Fraction(900), durability=5), Goal.COST)
    assert found is not None
    assert (found.combination.kinds, found.batch) == (("opentimestamps", "rfc3161"), 100)
    assert found.cost == 1
    assert found.delay == Fraction(100 * DAY, 10_000) + 5


def test_no_choice_is_an_answer() -> None:
    """Nothing lasts and is quick and costs nothing."""
    limits = Limits(cost=Fraction(0), delay=Fraction(60))
    assert best(combinations_of(anchors()), DAILY, limits, Goal.COST) is None


@pytest.mark.parametrize(
    ("goal", "scores"),
    [
        ("cost", {"opentimestamps": 99_900, "polygon": 9045.45, "rfc3161": 9000, "ethereum": 49.925}),
        ("latency", {"rfc3161": 165, "polygon": 16.31, "ethereum": 3.319, "opentimestamps": 0.277}),
        ("durability", {"ethereum": 99.9, "opentimestamps": 99.9, "polygon": 79.6, "rfc3161": 59.4}),
        ("balanced", {"opentimestamps": 30_019.99, "rfc3161": 2770.42, "polygon": 2760.58, "ethereum": 65.57}),
        ("any", {"ethereum": 0}),
    ],
)
def test_the_earlier_scores_are_reproduced(goal: str, scores: dict[str, float]) -> None:
    """Facts, section 15.4."""
    table = {anchor.name: anchor for anchor in anchors()}
    for name, score in scores.items():
        assert earlier_score(table[name], goal) == pytest.approx(score, rel=2e-3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "anchor"),
        ("[[anchor]]\nname = 'a'", "batch"),
        ("[[anchor]]\nname='a'\nbatch=0\nlatency=1\ncost='1'\ndurability=1\nreliability='1'", "batch"),
        ("[[anchor]]\nname='a'\nbatch=1\nlatency=1\ncost='-1'\ndurability=1\nreliability='1'", "cost"),
        ("[[anchor]]\nname='a'\nbatch=1\nlatency=1\ncost='NaN'\ndurability=1\nreliability='1'", "cost"),
        ("nonsense", "key/value"),
        ("[[anchor]]\nname='a'\nbatch=1\nlatency=1\ncost='1'\ndurability=1\nreliability='1'\n" * 2, "twice"),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, said: str) -> None:
    """With the field."""
    with pytest.raises(UnusableInput, match=said):
        parse(text, "mine.toml")
