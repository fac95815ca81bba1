"""Keyed randomness: numbers depend on seed, purpose and entity alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flk.sim.randomness import Chance

seeds = st.integers(0, 2**63)
names = st.text(max_size=20)


@given(seeds, names, st.lists(names, unique=True), st.randoms())
def test_the_order_of_drawing_does_not_matter(seed: int, purpose: str, entities: list[str], shuffler: object) -> None:
    """An entity gets the same number whoever drew before it."""
    first = {entity: Chance(seed, purpose).triple(entity) for entity in entities}
    stream = Chance(seed, purpose)
    for entity in reversed(entities):
        assert stream.triple(entity) == first[entity]


@given(seeds, names)
def test_numbers_lie_in_the_unit_interval(seed: int, entity: str) -> None:
    """A uniform number is at least 0 and below 1, an exponential one is finite and not negative."""
    chance = Chance(seed, "test")
    assert all(0 <= number < 1 for number in chance.triple(entity))
    assert 0 <= chance.exponential(entity) < 40


@given(seeds, st.integers(0, 50), st.integers(0, 50))
def test_a_longer_column_starts_with_the_shorter(seed: int, size: int, more: int) -> None:
    """Asking for more numbers leaves the first ones as they are."""
    chance = Chance(seed, "column")
    assert np.array_equal(chance.column(size), chance.column(size + more)[:size])


def test_seed_purpose_and_entity_all_count() -> None:
    """Changing any one of the three changes the numbers."""
    numbers = {
        Chance(seed, purpose).uniform(entity) for seed in (1, 2) for purpose in ("a", "b") for entity in ("x", "y")
    }
    assert len(numbers) == 8


def test_the_numbers_are_spread_evenly() -> None:
    """Ten thousand entities fill ten bins alike: chi-square below its 0.999 quantile for nine degrees of freedom."""
    chance = Chance(7, "spread")
    sample = np.array([chance.triple(str(entity)) for entity in range(10_000)])
    for column in sample.T:
        counts = np.histogram(column, bins=10, range=(0, 1))[0]
        assert ((counts - 1000) ** 2 / 1000).sum() < 27.9
    assert np.abs(np.corrcoef(sample.T) - np.eye(3)).max() < 0.05
